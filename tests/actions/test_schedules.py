"""Schedules: when they fire, in whose name, and what keeps them from it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from actions import runs
from actions.models import Run, Schedule
from actions.schedules import services
from actions.schedules.timing import Timing, problems
from connections.models import Connection
from integrations.models import Integration, Membership, User
from integrations.models.audit import AuditEntry
from integrations.refusals import Invalid
from tests.backends import ROOT, Worker, environment_of_processes, eventually, stop
from tests.cast import MakeConnection, MakeIntegration, action_of, action_values
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
    assert (schedule.is_enabled, schedule.message, schedule.next_at) == (False, services.NOT_ALLOWED, None)
    assert PeriodicTask.objects.get(pk=schedule.clock_id).enabled is False
    assert Run.objects.count() == 0
    assert AuditEntry.objects.filter(verb="schedule changed", note=services.NOT_ALLOWED).count() == 1


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
    assert (schedule.is_enabled, schedule.message) == (False, services.GONE)


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
        eventually(lambda: Run.objects.filter(verdict="complete").count() >= 2, seconds=120)
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
