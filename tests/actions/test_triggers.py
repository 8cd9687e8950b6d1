"""Events that start actions: with inputs from the event, once each, in the name of an owner who may."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from actions.models import Run, Trigger
from actions.triggers import services as triggers
from connections.models import WebhookEndpoint, WebhookEvent
from connections.signals import webhook_arrived
from connections.webhooks import work
from integrations.models import Integration, Membership
from integrations.refusals import Conflict, Invalid
from tests.backends import Worker, eventually
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of
from tests.connections.webhooks.senders import github, opened, path_of, sent
from tests.vendor.server import VendorServer

pytestmark = pytest.mark.django_db(transaction=True)

ACTION: dict[str, Any] = {
    "name": "Create ticket",
    "method": "POST",
    "path": "/echo",
    "parameters": [
        {"name": "repo", "in": "query", "required": True},
        {"name": "count", "in": "query", "type": "integer"},
        {"name": "who", "in": "query"},
    ],
    "body": {"contentType": "application/json", "schema": {}},
}
INPUTS: dict[str, Any] = {
    "repo": "{{event.body.repository.full_name}}",
    "count": "{{event.body.issue.number}}",
    "who": "{{event.body.missing}}",
    "body": {
        "title": "{{event.type}}: {{event.body.issue.title}}",
        "issue": "{{event.body.issue}}",
        "big": "{{$uppercase(event.body.action)}}",
    },
}
ISSUE = {"action": "opened", "repository": {"full_name": "acme/shop"}, "issue": {"number": 7, "title": "It {{mapping.id}} broke"}}


@pytest.fixture
def integration(make_integration: MakeIntegration, vendor: VendorServer) -> Integration:
    return make_integration(base_uri=vendor.url, actions=[ACTION])


@pytest.fixture
def endpoint(integration: Integration, make_connection: MakeConnection, cast: Cast) -> WebhookEndpoint:
    return opened(make_connection(integration), cast.carol)


def made(endpoint: WebhookEndpoint, cast: Cast, **values: Any) -> Trigger:
    action = action_of(endpoint.connection.integration)
    return triggers.save(
        trigger=None, endpoint=endpoint, action=action, user=values.pop("user", cast.carol), **{"inputs": INPUTS, **values}
    )


def test_a12_112_webhook_that_is_verified_starts_an_action_with_its_values(
    endpoint: WebhookEndpoint, cast: Cast, live_server: LiveServer, vendor: VendorServer, worker: Worker
) -> None:
    made(endpoint, cast, event_types=["issues"])
    for kind in ("issues", "push"):
        assert sent(live_server.url, path_of(endpoint), *github(ISSUE, event=kind))[0] == 200
    assert sent(live_server.url, path_of(endpoint), *github(ISSUE, secret="forged"))[0] == 401
    eventually(lambda: Run.objects.filter(state="finished").exists())
    run = Run.objects.get()
    assert (run.verdict, run.created_by, run.connection_id, Run.objects.count()) == ("complete", cast.carol, endpoint.connection_id, 1)
    (request,) = [one for one in vendor.requests if one.path == "/echo"]
    assert request.query == "repo=acme%2Fshop&count=7"
    assert json.loads(request.body) == {
        "title": "issues: It { {mapping.id}} broke",
        "issue": {"number": 7, "title": "It { {mapping.id}} broke"},
        "big": "OPENED",
    }
    event = WebhookEvent.objects.get(event_type="issues")
    assert [(done["kind"], done["id"], done["message"]) for done in event.results] == [("run", str(run.pk), "")]
    eventually(lambda: WebhookEvent.objects.filter(event_type="push", state="done").exists())
    assert WebhookEvent.objects.get(event_type="push").results == []
    trigger = Trigger.objects.get()
    assert (trigger.last_run, trigger.message, trigger.last_fired_at is not None) == (run, "", True)


def test_event_starts_its_action_once_and_again_when_it_is_redelivered(
    endpoint: WebhookEndpoint, cast: Cast, live_server: LiveServer
) -> None:
    made(endpoint, cast)
    message = github(ISSUE)
    for _ in range(3):
        sent(live_server.url, path_of(endpoint), *message)
    (event,) = WebhookEvent.objects.all()
    for _ in range(3):
        work.work(event.pk)
    assert Run.objects.count() == 1
    with_again = work.redeliver(event=event)
    work.work(with_again.pk)
    event.refresh_from_db()
    assert (Run.objects.count(), len(event.results)) == (2, 2)


def test_event_that_lacks_a_required_input_starts_nothing_and_says_so(
    endpoint: WebhookEndpoint, cast: Cast, live_server: LiveServer
) -> None:
    trigger = made(endpoint, cast)
    sent(live_server.url, path_of(endpoint), *github({"zen": "Design for failure."}))
    (event,) = WebhookEvent.objects.all()
    work.work(event.pk)
    event.refresh_from_db()
    trigger.refresh_from_db()
    assert (Run.objects.count(), event.state, trigger.is_enabled) == (0, "done", True)
    assert event.results[0]["message"].startswith("It could not be started. ")
    assert "repo" in trigger.message


@pytest.mark.parametrize("how", ["left", "inactive", "deleted"])
def test_trigger_of_an_owner_who_may_no_longer_is_switched_off(
    endpoint: WebhookEndpoint, cast: Cast, live_server: LiveServer, how: str
) -> None:
    trigger = made(endpoint, cast)
    if how == "left":
        Membership.objects.filter(user=cast.carol).delete()
    elif how == "inactive":
        cast.carol.is_active = False
        cast.carol.save()
    else:
        Trigger.objects.update(owner=None)
    sent(live_server.url, path_of(endpoint), *github(ISSUE))
    work.work(WebhookEvent.objects.get().pk)
    trigger.refresh_from_db()
    assert (Run.objects.count(), trigger.is_enabled, trigger.message) == (0, False, triggers.NOT_ALLOWED)
    again = triggers.set_enabled(trigger=trigger, is_enabled=True, user=cast.alice)
    assert (again.owner, again.message) == (cast.alice, "")


def test_what_fails_leaves_nothing_half_done(endpoint: WebhookEndpoint, cast: Cast, live_server: LiveServer) -> None:
    """Whoever hears of the event after the triggers fails: the run does not stay, and comes once with the next attempt."""
    made(endpoint, cast)
    sent(live_server.url, path_of(endpoint), *github(ISSUE))
    (event,) = WebhookEvent.objects.all()

    def broken(**kwargs: Any) -> None:
        raise RuntimeError("a fault of the program")

    webhook_arrived.connect(broken)
    try:
        with pytest.raises(RuntimeError):
            work.work(event.pk)
    finally:
        webhook_arrived.disconnect(broken)
    event.refresh_from_db()
    assert (Run.objects.count(), event.state, event.results) == (0, "waiting", [])
    WebhookEvent.objects.update(next_at=timezone.now())
    work.work(event.pk)
    assert Run.objects.count() == 1


def test_unreadable_input_is_said_and_holds_up_no_other_trigger(endpoint: WebhookEndpoint, cast: Cast, live_server: LiveServer) -> None:
    broken = made(endpoint, cast)
    made(endpoint, cast)
    Trigger.objects.filter(pk=broken.pk).update(inputs={"repo": "{{event.body"})  # as an older version may have stored it
    sent(live_server.url, path_of(endpoint), *github(ISSUE))
    work.work(WebhookEvent.objects.get().pk)
    broken.refresh_from_db()
    assert (Run.objects.count(), broken.message[:51]) == (1, "It could not be started. A placeholder is not close")


def test_mapping_is_filled_in_by_the_run_and_never_where_an_event_writes_it() -> None:
    inputs = {"a": "{{mapping.id}} {{event.body.x}}", "b": "{{event.body.l}}{{event.body.r}}", "c": ["{{mapping.label}}"]}
    body = {"x": "${mapping.id}", "l": "{{mapp", "r": "ing.id}}"}
    assert triggers.filled(inputs, {"body": body}) == {
        "a": "{{mapping.id}} $ {mapping.id}",
        "b": "{ {mapping.id}}",
        "c": ["{{mapping.label}}"],
    }


def test_inputs_are_looked_at_when_they_are_saved(endpoint: WebhookEndpoint, cast: Cast, make_integration: MakeIntegration) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "The action needs it"),
        ({**INPUTS, "nosuch": "1"}, "no such input"),
        ({**INPUTS, "who": "{{credentials.apiKey}}"}, "There is no credentials here"),
        ({**INPUTS, "body": {"a": ["{{settings.baseUri}}"]}}, "There is no settings here"),
        ({**INPUTS, "who": "{{event.body["}, "A placeholder is not closed"),
    ]
    for inputs, sentence in cases:
        with pytest.raises(Invalid, match=sentence):
            made(endpoint, cast, inputs=inputs)
    assert made(endpoint, cast, inputs={**INPUTS, "who": "{{event.body.items[price > 3].name}}"}).is_enabled
    other = action_of(make_integration(name="Other"))
    with pytest.raises(Conflict, match="another integration"):
        triggers.save(trigger=None, endpoint=endpoint, action=other, user=cast.carol, inputs={})


def test_transformation_of_the_integration_makes_what_actions_see(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast, live_server: LiveServer, vendor: VendorServer
) -> None:
    webhook = {"transform": '{"repository": {"full_name": body.repo & "!"}}'}
    endpoint = opened(make_connection(make_integration(base_uri=vendor.url, actions=[ACTION], webhook=webhook)), cast.carol, preset="")
    made(endpoint, cast, inputs={"repo": "{{event.body.repository.full_name}}", "who": "{{event.headers.x-who}}"})
    sent(live_server.url, path_of(endpoint), b'{"repo": "acme"}', {"Content-Type": "application/json", "X-Who": "me"})
    work.work(WebhookEvent.objects.get().pk)
    assert Run.objects.get().inputs == {"repo": "acme!", "who": "me"}
