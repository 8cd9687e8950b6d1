"""Webhooks and triggers over the API: what the pages do, and what is said to whom."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from actions.models import Run
from connections.models import Connection, WebhookEvent
from connections.redaction import MASK
from connections.webhooks import work
from integrations.access import tokens
from tests.api.calls import Caller
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of
from tests.connections.webhooks.senders import SECRET, github, sent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def connection(make_integration: MakeIntegration, make_connection: MakeConnection) -> Connection:
    return make_connection(make_integration())


def test_address_is_opened_changed_and_closed(connection: Connection, cast: Cast) -> None:
    carol, base = Caller(cast.carol), f"connections/{connection.pk}/webhook"
    carol("GET", base, expect=404)
    opened = carol("POST", base, {"preset": "github", "secret": SECRET}, expect=201)
    assert (opened["hasSecret"], opened["lacks"], opened["forward"], opened["forwardSecret"]) == (True, [], None, "")
    assert opened["rules"]["verification"]["header"] == "X-Hub-Signature-256"
    carol("POST", base, {}, expect=409)
    changed = carol("PATCH", base, {"forwardUrl": "https://hooks.example/in?k=1", "forwardTypes": ["push", "push", "pull_*"]})
    assert changed["forward"] == {"url": "https://hooks.example/in?k=1", "types": ["push", "pull_*"], "enabled": True, "message": ""}
    assert changed["forwardSecret"].startswith("whsec_")
    read = carol("GET", base)
    assert {name: value for name, value in changed.items() if name != "forwardSecret"} == read
    assert [secret for secret in (SECRET, changed["forwardSecret"]) if secret in str(read)] == []
    assert carol("POST", f"{base}/forward-secret", expect=201)["secret"] != changed["forwardSecret"]
    assert carol("POST", f"{base}/address")["url"] != opened["url"]
    made = carol("POST", f"{base}/secret", expect=201)["secret"]
    assert (len(made) > 40, carol("GET", base)["previousUntil"] is not None) == (True, True)
    carol("DELETE", base, expect=204)
    carol("GET", base, expect=404)


def test_every_wrong_field_has_its_sentence(connection: Connection, cast: Cast) -> None:
    carol, base = Caller(cast.carol), f"connections/{connection.pk}/webhook"
    given = {"secrets": "x", "preset": 1, "enabled": "yes", "forwardTypes": "push"}
    problem = carol("POST", base, given, expect=422)
    assert {error["field"]: error["message"] for error in problem["errors"]} == {
        "secrets": "This field is not known.",
        "preset": "Enter text.",
        "enabled": "Enter true or false.",
        "forwardTypes": "Enter a list of texts.",
    }
    assert carol("POST", base, {"preset": "nosuch"}, expect=422)["errors"][0]["field"] == "preset"
    assert carol("POST", base, {"forwardUrl": "hooks.example"}, expect=422)["errors"][0]["field"] == "forwardUrl"


def test_events_are_listed_read_and_redelivered(connection: Connection, cast: Cast, live_server: LiveServer) -> None:
    carol, base = Caller(cast.carol), f"connections/{connection.pk}/webhook"
    path = carol("POST", base, {"preset": "github", "secret": SECRET}, expect=201)["url"].rpartition("/")[2]
    action = action_of(connection.integration)
    trigger = carol("POST", "triggers", {"connection": str(connection.pk), "action": str(action.uid), "eventTypes": ["issues"]}, expect=201)
    body = {"action": "opened", "note": f"{SECRET} stands here"}
    sent(live_server.url, f"/hooks/{path}", *github(body))
    sent(live_server.url, f"/hooks/{path}", *github(secret="forged"))
    (event,) = carol("GET", f"{base}/events?verdict=verified&eventType=iss&state=waiting")
    assert [row["verdict"] for row in carol("GET", f"{base}/events?ordering=at")] == ["verified", "rejected"]
    carol("GET", f"{base}/events?verdict=genuine", expect=422)
    work.work(WebhookEvent.objects.get(verdict="verified").pk)
    found = carol("GET", f"webhooks/{event['id']}")
    assert (found["state"], found["results"][0]["id"]) == ("done", str(Run.objects.get().pk))
    assert (SECRET in found["body"], base64.b64decode(found["bodyBase64"])) == (
        False,
        github(body)[0].replace(SECRET.encode(), MASK.encode()),
    )
    assert carol("POST", f"webhooks/{event['id']}/redeliver", expect=202)["state"] == "waiting"
    carol("POST", f"webhooks/{event['id']}/redeliver", expect=409)
    (rejected,) = carol("GET", f"{base}/events?verdict=rejected")
    carol("POST", f"webhooks/{rejected['id']}/redeliver", expect=409)
    for person, status in ((cast.eve, 404), (cast.dave, 403)):
        Caller(person)("GET", f"webhooks/{event['id']}", expect=status)
        Caller(person)("GET", f"{base}/events", expect=status)
        Caller(person)("GET", f"triggers/{trigger['id']}", expect=status)
    assert Caller(cast.eve)("GET", "triggers") == Caller(cast.dave)("GET", "triggers") == []


def test_triggers_are_added_changed_and_deleted(connection: Connection, cast: Cast) -> None:
    carol, action = Caller(cast.carol), action_of(connection.integration)
    values: dict[str, Any] = {"connection": str(connection.pk), "action": str(action.uid)}
    assert "Open one first" in carol("POST", "triggers", values, expect=409)["detail"]
    carol("POST", f"connections/{connection.pk}/webhook", {}, expect=201)
    assert [error["field"] for error in carol("POST", "triggers", {**values, "inputs": {"nosuch": 1}}, expect=422)["errors"]] == [
        "inputs.nosuch"
    ]
    made = carol("POST", "triggers", {**values, "eventTypes": ["a.*"]}, expect=201)
    assert (made["eventTypes"], made["owner"], made["enabled"]) == (["a.*"], "carol", True)
    assert carol("GET", f"triggers?connection={connection.pk}&enabled=true") == [made]
    assert carol("PATCH", f"triggers/{made['id']}", {"eventTypes": []})["eventTypes"] == []
    assert Caller(cast.alice)("PATCH", f"triggers/{made['id']}", {"enabled": False})["enabled"] is False
    carol("PATCH", f"triggers/{made['id']}", {"action": "00000000-0000-0000-0000-000000000000"}, expect=422)
    carol("DELETE", f"triggers/{made['id']}", expect=204)
    assert carol("GET", "triggers") == []


def test_scopes_of_a_token_decide(connection: Connection, cast: Cast) -> None:
    reads = Caller(bearer=tokens.create(user=cast.carol, name="r", scopes=["connections:read"], expires_at=None)[1])
    Caller(cast.carol)("POST", f"connections/{connection.pk}/webhook", {}, expect=201)
    reads("GET", f"connections/{connection.pk}/webhook/events")
    reads("POST", f"connections/{connection.pk}/webhook/secret", expect=403)
    reads("GET", "triggers", expect=403)


def test_definition_takes_a_preset_by_its_name_and_gives_all_of_it_back(make_integration: MakeIntegration, cast: Cast) -> None:
    bob, integration = Caller(cast.bob), make_integration(status="draft")
    found = bob("PATCH", f"integrations/{integration.pk}", {"webhook": {"preset": "slack"}})["webhook"]
    assert (found["verification"]["parts"], found["handshakes"][0]["equals"]) == (["text:v0", "timestamp", "body"], "url_verification")
    assert bob("PATCH", f"integrations/{integration.pk}", {"webhook": found})["webhook"] == found
    assert bob("PATCH", f"integrations/{integration.pk}", {"webhook": None})["webhook"] is None
    wrong = {"verification": {"type": "hmac", "parts": ["timestamp"]}}
    assert bob("PATCH", f"integrations/{integration.pk}", {"webhook": wrong}, expect=422)["errors"][0]["field"] == "webhook.verification"
    assert (
        bob("PATCH", f"integrations/{integration.pk}", {"webhook": {"preset": "nosuch"}}, expect=422)["errors"][0]["field"]
        == "webhook.preset"
    )
