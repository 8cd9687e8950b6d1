"""Save, fire and delete schedules."""

from __future__ import annotations

import json
import logging
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from actions import runs
from actions.models import Action, Run, Schedule
from actions.schedules import timing as times
from actions.schedules.obstacles import GONE, Obstacle, action_of, obstacle
from actions.schedules.timing import Timing
from connections.models import Connection
from integrations import audit
from integrations.models import Organization, User
from integrations.refusals import Conflict, Invalid, Refusal

logger = logging.getLogger(__name__)

FIRE: Final = "actions.tasks.fire_schedule"
NAME_LENGTH: Final = 200
# What the list of schedules and the look at what keeps one from running read of each.
SHOWN: Final = (
    "organization", "owner", "last_run", "clock__interval", "clock__crontab", "connection__integration", "connection__organization",
    "connection__revision",
)  # fmt: skip
STILL_RUNNING: Final = "Left out once, because the run before had not ended."


def save(
    *,
    schedule: Schedule | None,
    action: Action,
    connection: Connection | None,
    user: User,
    timing: Timing,
    organization: Organization | None = None,
    environment: Any = None,
    name: str = "",
    inputs: dict[str, Any] | None = None,
    page_size: int | None = None,
    max_pages: runs.PageLimit = runs.DEFAULT_LIMIT,
    unique_by: str | None = None,
    is_enabled: bool = True,
) -> Schedule:
    """Make a schedule, or replace what an existing one does. The user becomes its owner, in whose name it runs.

    As of a run, the organization is by default that of the connection; a connection that is not given is found now, and stays.

    Raises `Invalid` and `Conflict` as a run would, and `Invalid` for a time that is none.
    """
    errors = {field: [sentence] for field, sentence in times.problems(timing).items()}
    name = " ".join(name.split()) or action.name
    if len(name) > NAME_LENGTH:
        errors["name"] = [f"At most {NAME_LENGTH} characters."]
    if errors:
        raise Invalid(errors)
    with transaction.atomic():
        # What could not be started now could not be started later: the run is made, and not kept.
        trial = runs.start(
            action=action,
            connection=connection,
            organization=organization,
            environment=environment,
            user=user,
            inputs=inputs or {},
            page_size=page_size,
            max_pages=max_pages,
            unique_by=unique_by,
            hand_over=False,
        )
        trial.delete()
        found = schedule or Schedule()
        before = facts(found) if schedule else {}
        found.name, found.organization, found.connection, found.action_uid = name, trial.organization, trial.connection, action.uid
        found.inputs, found.page_size, found.max_pages = inputs or {}, trial.page_size, trial.max_pages
        found.unique_by = trial.unique_by
        found.minutes, found.cron, found.zone = timing.minutes, timing.cron, timing.zone
        found.is_enabled, found.owner, found.message = is_enabled, user, ""
        found.clock = _clock(found)
        found.save()
        _record(found, "schedule changed" if schedule else "schedule added", before=before, after=facts(found), user=user)
    return found


def set_enabled(*, schedule: Schedule, is_enabled: bool, user: User) -> Schedule:
    """Switch a schedule on or off. Whoever switches it on becomes its owner. Raises `Conflict` where it could not run in their name."""
    before = facts(schedule)
    if is_enabled and (found := obstacle(schedule, user)) and not found.passes:
        raise Conflict(f"It cannot be switched on. {found.sentence}")
    with transaction.atomic():
        schedule.is_enabled = is_enabled
        if is_enabled:
            schedule.owner, schedule.message = user, ""
        schedule.clock = _clock(schedule)
        schedule.save(update_fields=["is_enabled", "owner", "message", "clock", "updated_at"])
        _record(schedule, "schedule changed", before=before, after=facts(schedule), user=user)
    return schedule


def delete(*, schedule: Schedule) -> None:
    """Remove a schedule; the runs that it started stay."""
    with transaction.atomic():
        _record(schedule, "schedule deleted", before=facts(schedule))
        schedule.delete()


def remove_clock(schedule: Schedule) -> None:
    """What goes with a schedule, also where it is deleted along with its connection."""
    PeriodicTask.objects.filter(pk=schedule.clock_id).delete()
    PeriodicTasks.update_changed()


def fire(schedule_id: UUID) -> Run | None:
    """Start the run of a schedule whose time has come; None where it may or can not, which its row then says."""
    schedule = Schedule.objects.select_related(*SHOWN).filter(pk=schedule_id).first()
    if schedule is None:
        PeriodicTask.objects.filter(name=_clock_name(schedule_id)).delete()
        logger.warning("The schedule %s is gone.", schedule_id)
        return None
    if not schedule.is_enabled:
        return None
    run, message, stays = _started(schedule)
    schedule.last_fired_at, schedule.message = timezone.now(), message
    schedule.last_run = run or schedule.last_run
    if not stays:
        with transaction.atomic():
            before = facts(schedule)
            schedule.is_enabled = False
            schedule.clock = _clock(schedule)
            _record(schedule, "schedule changed", before=before, after=facts(schedule), note=message)
    schedule.save(update_fields=["last_fired_at", "message", "last_run", "is_enabled", "clock"])
    return run


def _started(schedule: Schedule) -> tuple[Run | None, str, bool]:
    """The run, why there is none, and whether the schedule stays switched on."""
    organization, connection, owner = schedule.organization, schedule.connection, schedule.owner
    found, action = obstacle(schedule, owner), action_of(schedule)
    if found or owner is None or action is None:
        found = found or Obstacle(GONE)
        return None, found.message, found.passes
    if schedule.last_run and not schedule.last_run.is_finished:
        return None, STILL_RUNNING, True
    try:
        run = runs.start(
            action=action,
            connection=connection,
            organization=organization,
            user=owner,
            inputs=schedule.inputs,
            page_size=schedule.page_size,
            max_pages=schedule.max_pages,
            unique_by=schedule.unique_by,
            schedule=schedule,
        )
    except Refusal as refusal:
        return None, f"It could not be started. {refusal.message}", True
    return run, "", True


def facts(schedule: Schedule) -> dict[str, Any]:
    """What the log keeps of a schedule. Its inputs may be private, so that only their names are kept."""
    return {
        "schedule": schedule.name,
        "action": str(schedule.action_uid),
        "when": schedule.timing.in_words,
        "enabled": schedule.is_enabled,
        "inputs": list(schedule.inputs),
    }


def _record(schedule: Schedule, verb: str, **values: Any) -> None:
    audit.record(kind=audit.Kind.CONNECTION, verb=verb, subject=schedule.connection, organization=schedule.organization, **values)


def _clock(schedule: Schedule) -> PeriodicTask:
    """The row of django-celery-beat, as the schedule is now. It counts from now on."""
    values: dict[str, Any] = {
        "interval": None,
        "crontab": None,
        "task": FIRE,
        "args": json.dumps([str(schedule.pk)]),
        "queue": "runs",
        "enabled": schedule.is_enabled,
        "last_run_at": timezone.now(),
        "description": schedule.name[:NAME_LENGTH],
    }
    if schedule.minutes is not None:
        values["interval"], _ = IntervalSchedule.objects.get_or_create(every=schedule.minutes, period=IntervalSchedule.MINUTES)
    else:
        values["crontab"], _ = CrontabSchedule.objects.get_or_create(**schedule.timing.fields, timezone=schedule.zone)
    clock, _ = PeriodicTask.objects.update_or_create(name=_clock_name(schedule.pk), defaults=values)
    return clock


def _clock_name(schedule_id: UUID) -> str:
    return f"schedule {schedule_id}"
