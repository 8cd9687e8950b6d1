"""Webhooks of runs: who hears of which run, what is said, and that nothing is lost or told that should not be."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone
from standardwebhooks import Webhook

from actions import runs
from actions.models import Run, RunWebhook, Schedule
from actions.run_webhooks import events, services
from actions.schedules import services as schedules
from actions.schedules.timing import Timing
from connections.deliveries import sending
from connections.models import Connection, Delivery, DeliveryTarget
from integrations import services as integrations
from integrations.models import Integration, Role, User
from integrations.models.audit import AuditEntry
from integrations.refusals import Invalid
from tests.backends import Worker, eventually
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of, action_values, member
from tests.connections.server import Handler, serving
from tests.pages import signed_in, text
from tests.vendor.server import VendorServer

PAGES = {"type": "page", "resultsKey": "items", "pageParam": "page", "pageSizeParam": "page_size"}


@pytest.fixture
def integration(vendor: VendorServer, make_integration: MakeIntegration) -> Integration:
    parameters = [{"name": "total", "in": "query", "type": "integer"}]
    auth = {"type": "apikey", "apiKeyName": "X-API-Key"}
    actions = [
        action_values(path="/faults/pages", paginated=True, parameters=parameters),
        action_values(name="Broken", path="/faults/status?code=401"),
    ]
    return make_integration(base_uri=vendor.url, auth=auth, pagination=PAGES, actions=actions)


@pytest.fixture
def connection(integration: Integration, make_connection: MakeConnection) -> Connection:
    return make_connection(integration, credentials={"apiKey": "k-sensitive-123"})


def hook(cast: Cast, *, url: str = "https://hooks.example.com/runs", user: User | None = None, **values: Any) -> tuple[RunWebhook, str]:
    organization = values.pop("organization", cast.client_a)
    return services.add(organization=organization, user=user or cast.carol, url=url, name="Warehouse", **values)


def ran(connection: Connection, user: User, key: str = "list_users", *, max_pages: int | None = None, **inputs: Any) -> Run:
    run = runs.start(
        action=action_of(connection.integration, key), connection=connection, user=user, inputs=inputs, max_pages=max_pages, hand_over=False
    )
    runs.execute(run.pk)
    run.refresh_from_db()
    return run


def told(webhook: RunWebhook) -> list[tuple[str, str]]:
    """Type and verdict of what it was told, in order."""
    bodies = [json.loads(bytes(row.body)) for row in webhook.target.deliveries.order_by("created_at", "id")]
    return [(body["type"], body["data"].get("run", {}).get("verdict", "")) for body in bodies]


@pytest.mark.django_db(transaction=True)
def test_ended_run_is_told_over_a_socket_with_a_signature_and_without_secrets_and_records(
    cast: Cast, worker: Worker, connection: Connection, vendor: VendorServer, settings: Any
) -> None:
    with serving(lambda to: to.reply(204, b"")) as server:
        webhook, secret = hook(cast, url=f"{server.url}/in?tenant=7")
        run = runs.start(
            action=action_of(connection.integration), connection=connection, user=cast.carol, inputs={"total": 257}, max_pages=None
        )
        eventually(lambda: Delivery.objects.filter(target=webhook.target, state="delivered").exists())
        (seen,) = server.seen
    run.refresh_from_db()
    said: Any = Webhook(secret).verify(seen.body, seen.headers)
    assert (seen.method, seen.path, said["type"]) == ("POST", "/in?tenant=7", "run.finished")
    data = said["data"]
    assert data["run"] == {
        "id": str(run.pk), "url": f"{settings.PUBLIC_URL}/api/runs/{run.pk}", "page": f"{settings.PUBLIC_URL}/runs/{run.pk}/",
        "verdict": "complete", "message": run.message, "pages": 3, "records": 257, "dropped": 0, "bytes": run.byte_count, "total": 257,
        "resumable": False, "createdAt": data["run"]["createdAt"], "startedAt": data["run"]["startedAt"], "finishedAt": data["run"]["finishedAt"],
    }  # fmt: skip
    assert (data["action"]["name"], data["integration"]["slug"], data["connection"]["name"], data["connection"]["environment"]) == (
        "List users", connection.integration.slug, "Main", "production",
    )  # fmt: skip
    assert (data["organization"]["slug"], data["schedule"]) == (cast.client_a.slug, None)
    text_of_body = seen.body.decode()
    assert [word for word in ("k-sensitive-123", secret, "record-1", '"inputs"') if word in text_of_body] == []


def test_every_way_to_end_is_told_once(cast: Cast, connection: Connection, vendor: VendorServer) -> None:
    webhook, _ = hook(cast)
    ran(connection, cast.carol, total=30)
    ran(connection, cast.carol, total=3000, max_pages=1)
    ran(connection, cast.carol, "broken")
    waiting = runs.start(action=action_of(connection.integration), connection=connection, user=cast.carol, inputs={}, hand_over=False)
    runs.cancel(run=waiting)
    runs.cancel(run=waiting)
    assert told(webhook) == [("run.finished", verdict) for verdict in ("complete", "truncated", "failed", "cancelled")]


def test_run_that_is_resumed_is_told_at_its_second_end_too(cast: Cast, connection: Connection) -> None:
    webhook, _ = hook(cast)
    run = ran(connection, cast.carol, total=300, max_pages=1)
    runs.resume(run=run, hand_over=False)
    runs.execute(run.pk)
    assert told(webhook) == [("run.finished", "truncated"), ("run.finished", "complete")]


def test_only_what_is_not_complete_is_told_where_that_is_chosen(cast: Cast, connection: Connection) -> None:
    webhook, _ = hook(cast, heard="not_complete")
    ran(connection, cast.carol, total=30)
    ran(connection, cast.carol, "broken")
    assert told(webhook) == [("run.finished", "failed")]


def test_organizations_below_are_heard_where_that_is_chosen_and_strangers_never(cast: Cast, connection: Connection) -> None:
    above, _ = hook(cast, organization=cast.msp, user=cast.alice)
    alone, _ = hook(cast, organization=cast.msp, user=cast.alice, below=False)
    beside, _ = hook(cast, organization=cast.client_b, user=cast.alice)
    stranger, _ = hook(cast, organization=cast.stranger_org, user=cast.eve)
    ran(connection, cast.carol, total=1)
    assert [told(one) for one in (above, alone, beside, stranger)] == [[("run.finished", "complete")], [], [], []]


def test_webhook_of_one_integration_or_one_schedule_hears_of_that_only(
    cast: Cast, connection: Connection, make_integration: MakeIntegration, make_connection: MakeConnection, vendor: VendorServer
) -> None:
    other = make_connection(make_integration(name="Other", base_uri=vendor.url, actions=[action_values(path="/faults/json")]))
    made = schedules.save(
        schedule=None, action=action_of(connection.integration), connection=connection, user=cast.carol, timing=Timing(minutes=60),
        inputs={"total": 3}, name="Nightly",
    )  # fmt: skip
    of_integration, _ = hook(cast, integration=connection.integration)
    offered = signed_in(cast.carol, cast.client_a).get("/runs/webhooks/new/").context["form"].fields["schedule"].choices
    assert [label for _, label in offered] == ["Whoever starts them", "Nightly (every hour)"]
    of_schedule, _ = hook(cast, schedule=made)
    ran(other, cast.carol)
    ran(connection, cast.carol, total=1)
    fired = schedules.fire(made.pk)
    assert fired is not None
    runs.execute(fired.pk)
    assert (len(told(of_integration)), told(of_schedule)) == (2, [("run.finished", "complete")])
    (delivery,) = of_schedule.target.deliveries.all()
    assert json.loads(bytes(delivery.body))["data"]["schedule"] == {"id": str(made.pk), "name": "Nightly"}
    assert signed_in(cast.carol).get(f"/api/runs/{fired.pk}").json()["schedule"] == str(made.pk)
    assert "by the schedule Nightly, in the name of Carol" in text(signed_in(cast.carol).get(f"/runs/{fired.pk}/"))


def test_runs_with_a_members_own_connection_are_told_to_that_members_webhooks_only(
    cast: Cast, integration: Integration, make_connection: MakeConnection
) -> None:
    integrations.update(integration=integration, extra={"mode": "per-user"})
    own = make_connection(integration, credentials={"apiKey": "k"})
    olga = member("olga", cast.client_a, Role.OPERATOR)
    hers, _ = hook(cast)
    of_another, _ = hook(cast, user=olga)
    ran(own, cast.carol, total=1)
    assert (told(hers), told(of_another)) == ([("run.finished", "complete")], [])


def test_who_leads_a_members_webhook_elsewhere_hears_nothing_of_that_members_own_connection(
    cast: Cast, integration: Integration, make_connection: MakeConnection
) -> None:
    integrations.update(integration=integration, extra={"mode": "per-user"})
    own = make_connection(integration, credentials={"apiKey": "k"})
    olga = signed_in(member("olga", cast.client_a, Role.OPERATOR))
    webhook, _ = hook(cast)
    url = f"/api/run-webhooks/{webhook.pk}"
    assert olga.patch(url, {"heard": "not_complete"}, content_type="application/json").status_code == 200
    assert olga.patch(url, {"heard": "all"}, content_type="application/json").status_code == 200
    ran(own, cast.carol, total=1)
    assert told(webhook) == [("run.finished", "complete")]
    assert olga.patch(url, {"url": "https://olga.example.com/"}, content_type="application/json").status_code == 200
    ran(own, cast.carol, total=1)
    assert told(webhook) == [("run.finished", "complete")]


def test_id_of_somebody_elses_schedule_is_answered_as_one_that_does_not_exist(
    cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    integration = make_integration(user=cast.eve, organization=cast.stranger_org, actions=[action_values()])
    strange = make_connection(integration, user=cast.eve, organization=cast.stranger_org)
    theirs = schedules.save(schedule=None, action=action_of(integration), connection=strange, user=cast.eve, timing=Timing(minutes=60))
    answers = [
        signed_in(cast.carol).post(
            "/api/run-webhooks", {"name": "W", "url": "https://w.example/", "schedule": str(key)}, content_type="application/json"
        )
        for key in (theirs.pk, uuid4())
    ]
    assert [one.status_code for one in answers] == [422, 422]
    assert answers[0].json() == answers[1].json()


def test_webhook_that_is_off_hears_nothing(cast: Cast, connection: Connection) -> None:
    webhook, _ = hook(cast)
    DeliveryTarget.objects.filter(pk=webhook.target_id).update(is_enabled=False)
    ran(connection, cast.carol, total=1)
    assert told(webhook) == []


def test_end_and_its_delivery_are_one_transaction(cast: Cast, connection: Connection) -> None:
    webhook, _ = hook(cast)
    run = runs.start(action=action_of(connection.integration), connection=connection, user=cast.carol, inputs={}, hand_over=False)
    with transaction.atomic():
        runs.execute(run.pk)
        assert told(webhook) == [("run.finished", "complete")]
        transaction.set_rollback(True)
    run.refresh_from_db()
    assert (run.state, told(webhook)) == ("queued", [])


def test_fault_in_telling_does_not_keep_a_run_from_ending(cast: Cast, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook, _ = hook(cast)
    monkeypatch.setattr(events, "FINISHED", None)  # what no column takes
    run = ran(connection, cast.carol, total=1)
    assert (run.verdict, told(webhook)) == ("complete", [])


def test_webhook_goes_with_its_integration_its_schedule_and_by_itself(cast: Cast, connection: Connection) -> None:
    made = schedules.save(
        schedule=None, action=action_of(connection.integration), connection=connection, user=cast.carol, timing=Timing(minutes=60)
    )
    for values in ({"schedule": made}, {"integration": connection.integration}, {}):
        hook(cast, **values)
    schedules.delete(schedule=made)
    assert (RunWebhook.objects.count(), DeliveryTarget.objects.count()) == (2, 2)
    integrations.delete(integration=connection.integration, cascade=True)
    assert (RunWebhook.objects.count(), DeliveryTarget.objects.count()) == (1, 1)
    services.delete(webhook=RunWebhook.objects.get())
    assert (RunWebhook.objects.count(), DeliveryTarget.objects.count()) == (0, 0)
    assert AuditEntry.objects.filter(verb="delivery target deleted").count() == 1


def test_what_is_not_the_organizations_is_refused(cast: Cast, connection: Connection, make_integration: MakeIntegration) -> None:
    made = schedules.save(
        schedule=None, action=action_of(connection.integration), connection=connection, user=cast.carol, timing=Timing(minutes=60)
    )
    hidden = make_integration(name="Secret one", status="draft")
    for values, fields in (
        ({"schedule": made, "organization": cast.client_b, "user": cast.alice}, ["schedule"]),
        ({"integration": hidden}, ["integration"]),
        ({"heard": "some"}, ["heard"]),
        ({"url": "ftp:nowhere"}, ["url"]),
    ):
        with pytest.raises(Invalid) as refused:
            hook(cast, **values)
        assert list(refused.value.errors) == fields
    assert RunWebhook.objects.count() == 0


# --- pages and API ----------------------------------------------------------------------------------------------------


def test_page_adds_tests_shows_attempts_sends_again_and_deletes(cast: Cast, connection: Connection) -> None:
    browser = signed_in(cast.carol, cast.client_a)
    assert "Nobody hears of runs yet" in text(browser.get("/runs/webhooks/"))
    refused = browser.post("/runs/webhooks/new/", {"name": "Warehouse", "url": "nowhere", "heard": "all"})
    assert (refused.status_code, list(refused.context["form"].errors)) == (422, ["url"])
    answers = [(500, b"out of order"), (200, b"thanks")]

    def answer(to: Handler) -> None:
        to.reply(*answers.pop(0))

    with serving(answer) as server:
        values = {
            "name": "Warehouse",
            "url": server.url,
            "heard": "not_complete",
            "integration": str(connection.integration_id),
            "below": "on",
        }
        made = browser.post("/runs/webhooks/new/", values)
        webhook = RunWebhook.objects.get()
        secret = made.context["secret"]
        assert (made.status_code, secret in made.content.decode(), secret.startswith("whsec_")) == (201, True, True)
        assert secret not in browser.get(f"/runs/webhooks/{webhook.pk}/").content.decode()
        listed = text(browser.get("/runs/webhooks/"))
        assert f"Only runs that do not end complete {connection.integration} · with organizations below" in listed
        browser.post(f"/runs/webhooks/{webhook.pk}/test/")
        delivery = Delivery.objects.get()
        sending.attempt(delivery.pk)
        Delivery.objects.update(next_at=timezone.now() - timedelta(seconds=1))
        sending.attempt(delivery.pk)
        shown = text(browser.get(f"/runs/webhooks/{webhook.pk}/"))
        assert [word in shown for word in ("run.test", "Delivered", "Answered 500", "Answered 200")] == [True] * 4
        said: Any = Webhook(secret).verify(server.seen[0].body, server.seen[0].headers)
        assert (said["type"], said["data"]["webhook"]) == ("run.test", str(webhook.pk))
        browser.post(f"/runs/webhooks/{webhook.pk}/deliveries/{delivery.pk}/send/")
        delivery.refresh_from_db()
        assert delivery.state == "waiting"
    renewed = browser.post(f"/runs/webhooks/{webhook.pk}/secret/")
    assert (renewed.status_code, renewed.context["secret"] != secret) == (201, True)
    changed = browser.post(f"/runs/webhooks/{webhook.pk}/", {"name": "Other", "url": "https://o.example.com/", "heard": "all"})
    assert changed.headers["Location"] == f"/runs/webhooks/{webhook.pk}/"
    webhook = RunWebhook.objects.select_related("target").get()
    assert (webhook.target.name, webhook.target.url, webhook.heard, webhook.below, webhook.integration, webhook.target.is_enabled) == (
        "Other", "https://o.example.com/", "all", False, None, False,
    )  # fmt: skip
    assert "what was delivered is forgotten" in text(browser.get(f"/runs/webhooks/{webhook.pk}/delete/"))
    browser.post(f"/runs/webhooks/{webhook.pk}/delete/")
    assert (RunWebhook.objects.count(), Delivery.objects.count()) == (0, 0)


def test_api_does_what_the_page_does(cast: Cast, connection: Connection) -> None:
    client = signed_in(cast.carol)
    body = {"name": "Warehouse", "url": "https://hooks.example.com/x", "organization": cast.client_a.slug, "heard": "not_complete"}
    made = client.post("/api/run-webhooks", body, content_type="application/json")
    assert (made.status_code, made.headers["Cache-Control"], made.json()["secret"][:6]) == (201, "no-store", "whsec_")
    url = made.headers["Location"]
    document = client.get(url).json()
    assert {name: document[name] for name in ("name", "url", "heard", "includeBelow", "integration", "schedule", "enabled")} == {
        "name": "Warehouse", "url": "https://hooks.example.com/x", "heard": "not_complete", "includeBelow": True, "integration": None,
        "schedule": None, "enabled": True,
    }  # fmt: skip
    changed = client.patch(url, {"integration": str(connection.integration_id), "enabled": False}, content_type="application/json").json()
    assert (changed["integration"], changed["enabled"], changed["heard"]) == (str(connection.integration_id), False, "not_complete")
    refused = client.patch(url, {"heard": "often", "organization": cast.client_b.slug}, content_type="application/json")
    assert (refused.status_code, [error["field"] for error in refused.json()["errors"]]) == (422, ["organization"])
    test = client.post(f"{url}/test")
    assert (test.status_code, test.json()["type"], test.json()["attempts"]) == (202, "run.test", [])
    (delivery,) = client.get(f"{url}/deliveries").json()
    assert client.post(f"{url}/deliveries/{delivery['id']}/send").status_code == 409
    sending.attempt(Delivery.objects.get().pk)  # it is switched off
    (delivery,) = client.get(f"{url}/deliveries").json()
    assert (delivery["state"], delivery["message"]) == ("failed", sending.OFF)
    assert sorted(delivery) == ["attempts", "createdAt", "id", "message", "messageId", "nextAt", "run", "state", "type", "url"]
    assert client.post(f"{url}/deliveries/{delivery['id']}/send").status_code == 202
    assert client.post(f"{url}/secret").json()["secret"] != made.json()["secret"]
    assert [row["id"] for row in client.get("/api/run-webhooks?heard=not_complete").json()] == [document["id"]]
    assert (client.delete(url).status_code, client.get(url).status_code) == (204, 404)


def test_strangers_see_nothing_and_viewers_change_nothing(cast: Cast, connection: Connection) -> None:
    webhook, _ = hook(cast, url="https://hooks.example.com/runs?key=k-1")
    url = f"/api/run-webhooks/{webhook.pk}"
    shown = [client.get(path).json() for client in (signed_in(cast.carol), signed_in(cast.dave)) for path in (url, "/api/run-webhooks")]
    assert [(one[0] if isinstance(one, list) else one)["url"].endswith("?key=k-1") for one in shown] == [True, True, False, False]
    stranger, viewer = signed_in(cast.eve), signed_in(cast.dave, cast.client_a)
    assert (stranger.get(url).status_code, stranger.get("/api/run-webhooks").json()) == (404, [])
    assert (viewer.get(url).status_code, viewer.get(f"{url}/deliveries").status_code, viewer.delete(url).status_code) == (200, 403, 403)
    assert (viewer.get("/runs/webhooks/new/").status_code, viewer.get(f"/runs/webhooks/{webhook.pk}/").status_code) == (403, 403)
    assert Schedule.objects.count() == 0
