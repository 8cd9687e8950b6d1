"""Schedules: when they fire, in whose name, and what keeps them from it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from actions import finalize, runs
from actions import services as actions
from actions.models import Action, Run, Schedule
from actions.schedules import obstacles, services
from actions.schedules.timing import Timing, problems
from connections import services as connections
from connections.models import Connection
from integrations import services as integrations
from integrations.models import Integration, Membership, Role, User
from integrations.models.audit import AuditEntry
from integrations.organizations import environments
from integrations.refusals import Conflict, Invalid
from tests.backends import ROOT, Worker, environment_of_processes, eventually, stop
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of, action_values, member
from tests.pages import signed_in, text
from tests.vendor.server import VendorServer

NO_CRON = "is no cron expression. 0 6 * * 1-5 is six o'clock from Monday to Friday."


@pytest.fixture
def integration(vendor: VendorServer, make_integration: MakeIntegration) -> Integration:
    pages = {"type": "page", "resultsKey": "items", "pageParam": "page", "pageSizeParam": "page_size"}
    parameters = [{"name": "total", "in": "query", "type": "integer", "required": True}]
    return make_integration(
        base_uri=vendor.url, pagination=pages, actions=[action_values(path="/faults/pages", paginated=True, parameters=parameters)]
    )


@pytest.fixture
def connection(integration: Integration, make_connection: MakeConnection) -> Connection:
    return make_connection(integration)


@pytest.fixture
def schedule(integration: Integration, connection: Connection, carol: User) -> Schedule:
    return services.save(
        schedule=None,
        action=action_of(integration),
        connection=connection,
        user=carol,
        timing=Timing(minutes=60),
        inputs={"total": 30},
        max_pages=None,
    )


@pytest.mark.parametrize(
    ("timing", "found"),
    [
        (Timing(minutes=1), {}),
        (Timing(cron="*/5 6-8 1,15 * mon-fri", zone="Europe/Berlin"), {}),
        (Timing(cron="0 0 29 2 *"), {}),
        (Timing(), {"everyMinutes": "Say either every how many minutes it runs, or a cron expression."}),
        (Timing(minutes=5, cron="* * * * *"), {"everyMinutes": "Say either every how many minutes it runs, or a cron expression."}),
        (Timing(minutes=0), {"everyMinutes": "Enter a whole number from 1 to 44,640."}),
        (Timing(minutes=44_641), {"everyMinutes": "Enter a whole number from 1 to 44,640."}),
        (Timing(cron="* * *"), {"cron": "A cron expression has five fields: minute, hour, day of the month, month, day of the week. This one has 3."}),
        (Timing(cron="61 * * * *"), {"cron": f"'61 * * * *' {NO_CRON}"}),
        (Timing(cron="a b c d e"), {"cron": f"'a b c d e' {NO_CRON}"}),
        (Timing(cron="0 0 31 2 *"), {"cron": "'0 0 31 2 *' never happens. Choose a day that exists."}),
        (Timing(cron="0 6 * * *", zone="Mars/Base"), {"timezone": "Mars/Base is no time zone. Write a name such as UTC or Europe/Berlin."}),
    ],
)  # fmt: skip
def test_time_is_checked(timing: Timing, found: dict[str, str]) -> None:
    assert problems(timing) == found


@pytest.mark.parametrize(
    ("timing", "words"),
    [(Timing(minutes=1), "every minute"), (Timing(minutes=90), "every 90 minutes"), (Timing(minutes=120), "every 2 hours"),
     (Timing(minutes=1440), "every day"), (Timing(cron="0 6 * * *", zone="Asia/Tokyo"), "cron 0 6 * * * (Asia/Tokyo)")],
)  # fmt: skip
def test_time_is_said_in_words(timing: Timing, words: str) -> None:
    assert timing.in_words == words


def test_schedule_runs_the_action_with_its_inputs_in_the_name_of_its_owner(schedule: Schedule, carol: User) -> None:
    run = services.fire(schedule.pk)
    assert run is not None
    runs.execute(run.pk)
    run.refresh_from_db()
    schedule.refresh_from_db()
    assert (run.verdict, run.record_count, run.created_by, run.inputs, run.max_pages) == ("complete", 30, carol, {"total": 30}, None)
    assert (schedule.last_run, schedule.message) == (run, "")
    assert Run.objects.count() == 1


def test_next_run_is_counted_from_saving(schedule: Schedule) -> None:
    assert timedelta(minutes=59) < schedule.next_at - timezone.now() <= timedelta(minutes=60)


def test_cron_is_read_in_its_time_zone(schedule: Schedule, integration: Integration, connection: Connection, carol: User) -> None:
    services.save(
        schedule=schedule,
        action=action_of(integration),
        connection=connection,
        user=carol,
        timing=Timing(cron="30 6 * * *", zone="Asia/Tokyo"),
        inputs={"total": 1},
    )
    at = Schedule.objects.get().next_at.astimezone(UTC)
    assert (at.hour, at.minute, at > datetime.now(UTC)) == (21, 30, True)  # Tokyo is nine hours ahead all year


def test_owner_who_may_no_longer_run_switches_it_off(schedule: Schedule, carol: User) -> None:
    Membership.objects.filter(user=carol).delete()
    assert services.fire(schedule.pk) is None
    schedule.refresh_from_db()
    assert (schedule.is_enabled, schedule.message, schedule.next_at) == (False, f"Switched off. {obstacles.NOT_ALLOWED}", None)
    assert PeriodicTask.objects.get(pk=schedule.clock_id).enabled is False
    assert Run.objects.count() == 0
    assert AuditEntry.objects.filter(verb="schedule changed", note=f"Switched off. {obstacles.NOT_ALLOWED}").count() == 1


def test_owner_who_was_switched_off_stops_it(schedule: Schedule, carol: User) -> None:
    User.objects.filter(pk=carol.pk).update(is_active=False)
    assert (services.fire(schedule.pk), Schedule.objects.get().is_enabled) == (None, False)


def test_whoever_switches_it_on_becomes_its_owner(schedule: Schedule, carol: User, bob: User) -> None:
    Membership.objects.filter(user=carol).delete()
    services.fire(schedule.pk)
    schedule.refresh_from_db()
    services.set_enabled(schedule=schedule, is_enabled=True, user=bob)
    assert services.fire(schedule.pk) is not None
    assert Run.objects.get().created_by == bob


def test_run_before_that_goes_on_is_not_joined_by_another(schedule: Schedule) -> None:
    first = services.fire(schedule.pk)
    assert services.fire(schedule.pk) is None
    schedule.refresh_from_db()
    assert (schedule.last_run, schedule.message, schedule.is_enabled) == (first, services.STILL_RUNNING, True)


def test_action_that_was_removed_switches_it_off(schedule: Schedule, integration: Integration) -> None:
    action_of(integration).delete()
    assert services.fire(schedule.pk) is None
    schedule.refresh_from_db()
    assert (schedule.is_enabled, schedule.message) == (False, f"Switched off. {obstacles.GONE}")


def test_pinned_connection_runs_the_action_of_its_revision_although_the_newest_lacks_it(
    schedule: Schedule, integration: Integration, connection: Connection, bob: User
) -> None:
    connections.pin(connection=connection, number=1)
    actions.add(integration=integration, values=action_values(name="Another", path="/another"))
    finalize.finalize(integration=integration, user=bob)
    Action.objects.filter(
        revision=integration.current, uid=schedule.action_uid
    ).delete()  # as where an earlier revision is put in force again
    run = services.fire(schedule.pk)
    assert run is not None
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.verdict, run.record_count, run.action.revision.number) == ("complete", 30, 1)


def test_revision_that_lacks_the_action_is_told_and_the_schedule_stays_on(
    integration: Integration, connection: Connection, carol: User, bob: User
) -> None:
    actions.add(integration=integration, values=action_values(name="List groups", path="/faults/pages?total=3", paginated=True))
    finalize.finalize(integration=integration, user=bob)
    made = services.save(
        schedule=None, action=action_of(integration, "list_groups"), connection=connection, user=carol, timing=Timing(minutes=5)
    )
    connections.pin(connection=connection, number=1)
    assert services.fire(made.pk) is None
    made.refresh_from_db()
    assert (made.is_enabled, made.message) == (
        True,
        "It could not be started. List groups is newer than revision 1, to which the connection Main is pinned. Choose another "
        "connection, or unpin it on its page.",
    )


def test_schedule_with_a_members_own_connection_is_that_members_alone(
    integration: Integration, make_connection: MakeConnection, cast: Cast
) -> None:
    integrations.update(integration=integration, extra={"mode": "per-user"})
    own = make_connection(integration, name="Of Carol")
    made = services.save(
        schedule=None, action=action_of(integration), connection=own, user=cast.carol, timing=Timing(minutes=5), inputs={"total": 3}
    )
    olga = member("olga", cast.client_a, Role.OPERATOR)
    assert [list(Schedule.objects.visible_to(user)) for user in (cast.carol, olga, cast.alice)] == [[made], [], []]
    with pytest.raises(Conflict, match="The connection belongs to another member alone"):
        services.set_enabled(schedule=made, is_enabled=True, user=olga)
    with pytest.raises(Conflict, match="Of Carol belongs to another member alone: Sample is connected per user"):
        services.save(
            schedule=made, action=action_of(integration), connection=own, user=olga, timing=Timing(minutes=5), inputs={"total": 3}
        )
    Schedule.objects.update(owner=olga)
    assert services.fire(made.pk) is None
    made.refresh_from_db()
    assert (made.is_enabled, made.message, Run.objects.count()) == (False, f"Switched off. {obstacles.OF_ANOTHER}", 0)


def test_connection_that_is_no_longer_lent_from_above_is_left_out_and_goes_on_when_it_is_again(
    integration: Integration, make_connection: MakeConnection, cast: Cast
) -> None:
    above = make_connection(integration, organization=cast.msp, user=cast.alice)
    Connection.objects.filter(pk=above.pk).update(below=Connection.Below.EVERYBODY)
    made = services.save(
        schedule=None, action=action_of(integration), connection=None, organization=cast.client_a, user=cast.carol,
        timing=Timing(minutes=5), inputs={"total": 3},
    )  # fmt: skip
    assert made.connection == above
    Connection.objects.filter(pk=above.pk).update(below=Connection.Below.NOBODY)
    assert services.fire(made.pk) is None
    made.refresh_from_db()
    assert (made.is_enabled, made.message) == (
        True, "Left out. Main cannot be used for Client A. Its owner does not allow organizations below to use it.",
    )  # fmt: skip
    assert "Its owner does not allow organizations below to use it." in text(signed_in(cast.carol, cast.client_a).get("/runs/schedules/"))
    Connection.objects.filter(pk=above.pk).update(below=Connection.Below.EVERYBODY)
    run = services.fire(made.pk)
    made.refresh_from_db()
    assert (run is not None, made.message) == (True, "")


def test_connection_that_has_to_be_authorized_again_is_left_out(schedule: Schedule, connection: Connection) -> None:
    Connection.objects.filter(pk=connection.pk).update(state=Connection.State.REAUTHORIZE)
    assert (services.fire(schedule.pk), Run.objects.count()) == (None, 0)
    schedule.refresh_from_db()
    assert (schedule.is_enabled, schedule.message) == (True, f"Left out. {obstacles.UNAUTHORIZED}")


def test_hidden_integration_goes_on_for_those_who_are_connected(schedule: Schedule, integration: Integration) -> None:
    integrations.set_status(integration=integration, status="hidden")
    run = services.fire(schedule.pk)
    assert run is not None
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.verdict, run.record_count) == ("complete", 30)


def test_deleted_integration_takes_its_schedules_along(schedule: Schedule, integration: Integration) -> None:
    integrations.delete(integration=integration, cascade=True)
    assert (Schedule.objects.count(), PeriodicTask.objects.filter(task=services.FIRE).count()) == (0, 0)
    assert services.fire(schedule.pk) is None


def test_schedule_runs_in_the_environment_of_its_connection(
    integration: Integration, connection: Connection, make_connection: MakeConnection, cast: Cast
) -> None:
    environments.create(organization=cast.client_a, name="Sandbox")
    sandbox = make_connection(integration, name="Sandbox", environment="sandbox")
    client = signed_in(cast.carol)
    body = {"action": str(action_of(integration).uid), "organization": str(cast.client_a.pk), "inputs": {"total": 5}, "everyMinutes": 60}
    made = client.post("/api/schedules", {**body, "environment": "sandbox"}, content_type="application/json")
    assert (made.status_code, made.json()["connection"], made.json()["environment"]) == (201, str(sandbox.pk), "sandbox")
    run = services.fire(UUID(made.json()["id"]))
    assert run is not None
    assert run.connection == sandbox
    assert "sandbox" in text(client.get("/runs/schedules/"))
    moved = client.patch(made.headers["Location"], {"environment": "production"}, content_type="application/json").json()
    assert (moved["connection"], moved["environment"]) == (str(connection.pk), "production")
    refused = client.post(
        "/api/schedules", {**body, "connection": str(connection.pk), "environment": "sandbox"}, content_type="application/json"
    )
    assert refused.status_code == 409


def test_list_says_what_will_keep_a_schedule_from_running(schedule: Schedule, carol: User, bob: User) -> None:
    Membership.objects.filter(user=carol).delete()
    page = text(signed_in(bob, schedule.organization).get("/runs/schedules/"))
    assert f"Cannot run {obstacles.NOT_ALLOWED}" in page
    assert signed_in(bob).get(f"/api/schedules/{schedule.pk}").json()["problem"] == obstacles.NOT_ALLOWED


def test_schedule_that_is_off_does_nothing(schedule: Schedule, carol: User) -> None:
    services.set_enabled(schedule=schedule, is_enabled=False, user=carol)
    assert (services.fire(schedule.pk), Run.objects.count()) == (None, 0)


def test_what_could_not_run_is_not_saved(integration: Integration, connection: Connection, carol: User) -> None:
    with pytest.raises(Invalid) as caught:
        services.save(schedule=None, action=action_of(integration), connection=connection, user=carol, timing=Timing(minutes=5), inputs={})
    assert list(caught.value.errors) == ["inputs.total"]
    assert (Schedule.objects.count(), Run.objects.count(), PeriodicTask.objects.filter(task=services.FIRE).count()) == (0, 0, 0)


def test_clock_goes_with_the_schedule_and_with_its_connection(schedule: Schedule, connection: Connection) -> None:
    connection.delete()
    assert (Schedule.objects.count(), PeriodicTask.objects.filter(task=services.FIRE).count()) == (0, 0)
    assert services.fire(schedule.pk) is None


def test_beat_and_a_worker_run_it_again_and_again(worker: Worker, schedule: Schedule) -> None:
    """With real processes: beat reads the row, sends the task, the worker runs the action. Every second instead of every hour."""
    clock = PeriodicTask.objects.get(pk=schedule.clock_id)
    clock.interval.every, clock.interval.period = 1, "seconds"
    clock.interval.save()
    clock.save()
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "config",
        "--quiet",
        "beat",
        "--max-interval",
        "1",
        "--pidfile=",
        "--loglevel",
        "warning",
    ]
    beat = subprocess.Popen(command, cwd=ROOT, env=environment_of_processes())
    try:
        eventually(lambda: Run.objects.filter(verdict="complete").count() >= 2)
    finally:
        stop(beat)
    assert {run.record_count for run in Run.objects.filter(verdict="complete")} == {30}


# --- pages and API ----------------------------------------------------------------------------------------------------


def form(connection: Connection, **changed: Any) -> dict[str, Any]:
    return {
        "name": "Nightly", "rhythm": "every", "everyMinutes": "15", "cron": "", "timezone": "UTC",
        "connection": str(connection.pk), "inputs.total": "40", "pages": "all", **changed,
    }  # fmt: skip


def test_page_makes_changes_switches_and_deletes(integration: Integration, connection: Connection, carol: User) -> None:
    browser = signed_in(carol, connection.organization)
    run_page = browser.get(f"/integrations/{integration.slug}/actions/{action_of(integration).uid}/run/").content.decode()
    new = f"/integrations/{integration.slug}/actions/{action_of(integration).uid}/schedule/"
    assert f'href="{new}"' in run_page
    refused = browser.post(new, form(connection, rhythm="cron", cron="every day"))
    assert (refused.status_code, list(refused.context["form"].errors)) == (422, ["cron"])
    assert browser.post(new, form(connection)).headers["Location"] == "/runs/schedules/"
    made = Schedule.objects.get()
    assert (made.name, made.minutes, made.inputs, made.max_pages, made.owner) == ("Nightly", 15, {"total": 40}, None, carol)
    listed = text(browser.get("/runs/schedules/"))
    assert ("every 15 minutes" in listed, "none yet" in listed) == (True, True)
    shown = browser.get(f"/runs/schedules/{made.pk}/").context["form"]
    assert (shown["name"].value(), shown["everyMinutes"].value(), shown["inputs.total"].value()) == ("Nightly", 15, "40")
    browser.post(f"/runs/schedules/{made.pk}/", form(connection, rhythm="cron", cron="0 6 * * 1", timezone="Europe/Berlin"))
    made.refresh_from_db()
    assert (made.minutes, made.cron, made.zone) == (None, "0 6 * * 1", "Europe/Berlin")
    browser.post(f"/runs/schedules/{made.pk}/switch/")
    made.refresh_from_db()
    assert made.is_enabled is False
    assert "The runs that it started stay" in text(browser.get(f"/runs/schedules/{made.pk}/delete/"))
    browser.post(f"/runs/schedules/{made.pk}/delete/")
    assert Schedule.objects.count() == 0
    assert [entry.verb for entry in AuditEntry.objects.filter(verb__startswith="schedule").order_by("id")] == [
        "schedule added", "schedule changed", "schedule changed", "schedule deleted",
    ]  # fmt: skip


def test_api_does_what_the_page_does(integration: Integration, connection: Connection, carol: User) -> None:
    client = signed_in(carol)
    body = {"action": str(action_of(integration).uid), "connection": str(connection.pk), "inputs": {"total": 5}, "cron": "0 6 * * *"}
    made = client.post("/api/schedules", body, content_type="application/json")
    assert made.status_code == 201
    document = made.json()
    known = {name: document[name] for name in ("name", "inputs", "cron", "timezone", "everyMinutes", "enabled", "owner", "lastRun")}
    assert known == {
        "name": "List users", "inputs": {"total": 5}, "cron": "0 6 * * *", "timezone": "UTC", "everyMinutes": None, "enabled": True,
        "owner": "carol", "lastRun": None,
    }  # fmt: skip
    url = made.headers["Location"]
    changed = client.patch(url, {"everyMinutes": 30}, content_type="application/json").json()
    assert (changed["everyMinutes"], changed["cron"], changed["inputs"]) == (30, None, {"total": 5})
    off = client.patch(url, {"enabled": False}, content_type="application/json").json()
    assert (off["enabled"], off["nextAt"]) == (False, None)
    refused = client.patch(url, {"cron": "nonsense", "colour": 1}, content_type="application/json")
    assert (refused.status_code, [error["field"] for error in refused.json()["errors"]]) == (422, ["colour"])
    assert [one["id"] for one in client.get("/api/schedules?enabled=false").json()] == [document["id"]]
    assert (client.delete(url).status_code, client.get(url).status_code) == (204, 404)


def test_strangers_see_nothing_and_viewers_change_nothing(schedule: Schedule, eve: User, dave: User) -> None:
    stranger, viewer = signed_in(eve), signed_in(dave)
    url = f"/api/schedules/{schedule.pk}"
    assert (stranger.get(url).status_code, stranger.get("/api/schedules").json()) == (404, [])
    assert (viewer.get(url).status_code, viewer.patch(url, {"enabled": False}, content_type="application/json").status_code) == (200, 403)
    assert (viewer.delete(url).status_code, viewer.post(f"/runs/schedules/{schedule.pk}/delete/").status_code) == (403, 403)
    assert Schedule.objects.get().is_enabled is True
