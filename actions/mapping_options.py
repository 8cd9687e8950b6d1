"""Options of a mapping from the records of an action: a run is started, and when it is complete its records take the place of the old options.

The run has all that runs have: repetitions, guards, a ledger, another worker that takes over. Whatever goes wrong, the options of
the last time stay, and the mapping says why.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import DatabaseError, transaction
from kombu.exceptions import OperationalError

from actions import results, runs
from actions.inputs import text_of
from actions.models import Action, Run
from config.celery import app as celery
from connections.mapping import options
from connections.mapping.models import LABEL_LENGTH, Mapping
from connections.mapping.tables import stored
from integrations import paths
from integrations.models import Integration, User
from integrations.refusals import Conflict, Invalid, Refusal

logger = logging.getLogger(__name__)

REFRESH: Final = "actions.tasks.refresh_mapping"
SHOWN_KEYS: Final = 20
State = Mapping.State
# A list that is cut would take options away that are still there.
_WHOLE: Final = (Run.Verdict.COMPLETE, Run.Verdict.AMBIGUOUS)


def action_of(mapping: Mapping) -> Action | None:
    """The action that gives the options, as runs use it now; None where it is gone."""
    current = mapping.integration.current
    return current.actions.filter(uid=mapping.action).first() if current and mapping.action else None


def check_action(integration: Integration, uid: UUID | None) -> None:
    """Refuse an action that runs cannot use. Raises `Invalid`."""
    if uid and not (integration.current and integration.current.actions.filter(uid=uid).exists()):
        raise Invalid({"action": ["This integration has no such finalized action. Choose another one."]})


def start(*, mapping: Mapping, user: User) -> Mapping:
    """Begin to refresh the options; a worker does it. Raises `Conflict` where it cannot begin, `Invalid` for inputs that do not fit."""
    if mapping.source != Mapping.Source.ACTION:
        raise Conflict("The options of this mapping come from no action, so there is nothing to refresh.")
    action = action_of(mapping)
    if action is None:
        raise Conflict("The action that gave the options is no longer part of the integration. Choose another one.")
    with transaction.atomic():
        mapping = stored(mapping)
        running = _run_of(mapping) if mapping.state == State.REFRESHING else None
        if running and not running.is_finished:
            raise Conflict("The options are being refreshed already.")
        run = runs.start(
            action=action,
            connection=mapping.connection,
            organization=mapping.organization,
            user=user,
            inputs=mapping.inputs,
            max_pages=None,
            hand_over=False,
        )
        mapping.state, mapping.run, mapping.message = State.REFRESHING, run.pk, ""
        mapping.save(update_fields=["state", "run", "message"])
        transaction.on_commit(lambda: send(mapping.pk))
    return mapping


def send(mapping_id: UUID) -> None:
    """Hand a refresh to the workers. Without a broker `recover` finds it later."""
    try:
        celery.send_task(REFRESH, [str(mapping_id)])
    except OperationalError:
        logger.warning("The broker did not take the refresh of mapping %s; it is sent again later.", mapping_id)


def refresh(mapping_id: UUID) -> None:
    """Walk the run of a refresh, unless another worker does, and take its records over when it has ended."""
    mapping = _refreshing(mapping_id)
    if mapping is None:
        return
    run = _run_of(mapping)
    if run and not run.is_finished:
        runs.execute(run.pk)
        run = _run_of(mapping)
    mapping = _refreshing(mapping_id)
    if mapping is None or (run and not run.is_finished):
        return  # it waits for the vendor, or another worker has it: `recover` comes back to it
    try:
        _take_over(mapping, run)
    except (Refusal, ValueError) as error:
        _fail(mapping, str(error))
    except DatabaseError:
        logger.exception("The options of mapping %s could not be stored.", mapping_id)
        _fail(mapping, "The options could not be stored: the disk is full, or the database does not answer. Refresh them again later.")


def recover() -> int:
    """Send every refresh again whose run has ended while nobody waited for it; how many there were."""
    waiting = Mapping.objects.filter(state=State.REFRESHING)
    unfinished = Run.objects.filter(pk__in=waiting.values("run")).exclude(state=Run.State.FINISHED)
    found = list(waiting.exclude(run__in=unfinished.values("pk")).values_list("pk", flat=True)[:1000])
    for pk in found:
        send(pk)
    return len(found)


@dataclass
class _Reading:
    """The options in the records of a run, and how many records had none."""

    mapping: Mapping
    run: Run
    without: int = 0
    cut: int = 0
    keys: str = ""

    def pairs(self) -> Iterator[options.Pair]:
        for record in results.records(self.run):
            value = _scalar(record, self.mapping.value_path)
            if options.problem_of(value, ""):
                self.without += 1
                self.keys = self.keys or _keys(record)
                continue
            label = _scalar(record, self.mapping.label_path) or value
            self.cut += len(label) > LABEL_LENGTH
            yield value, label[:LABEL_LENGTH]


def _take_over(mapping: Mapping, run: Run | None) -> None:
    if run is None:
        raise Conflict("The run that fetched the options was deleted. Refresh them again.")
    if run.verdict not in _WHOLE:
        raise Conflict(f"{run.message} The options of last time stay." if mapping.option_count else run.message)
    reading = _Reading(mapping, run)
    if run.record_count:
        # Looked at before anything is replaced: a wrong path would leave no options at all.
        first = next(reading.pairs(), None)
        if first is None:
            raise Conflict(
                f"None of the {run.record_count:,} records has a value at {mapping.value_path}. {reading.keys} "
                "Correct the path of the value, and refresh again."
            )
    reading = _Reading(mapping, run)
    count = options.replace(mapping, reading.pairs(), only_if={"state": State.REFRESHING, "run": run.pk}, state=State.IDLE, message="")
    if count is None:
        return  # somebody has changed where the options come from, or has refreshed them again
    notes = [f"{count:,} option{'' if count == 1 else 's'} from {run.record_count:,} record{'' if run.record_count == 1 else 's'}."]
    twice = run.record_count - count - reading.without
    if reading.without:
        notes.append(f"{reading.without:,} without a value at {mapping.value_path} were left out.")
    if twice > 0:
        notes.append(f"{twice:,} had a value that was there already.")
    if run.verdict == Run.Verdict.AMBIGUOUS:
        notes.append(run.message)
    Mapping.objects.filter(pk=mapping.pk).update(message=" ".join(notes))


def _run_of(mapping: Mapping) -> Run | None:
    return Run.objects.filter(pk=mapping.run).first() if mapping.run else None


def _refreshing(mapping_id: UUID) -> Mapping | None:
    return Mapping.objects.select_related("integration", "organization").filter(pk=mapping_id, state=State.REFRESHING).first()


def _fail(mapping: Mapping, message: str) -> None:
    Mapping.objects.filter(pk=mapping.pk, state=State.REFRESHING, run=mapping.run).update(state=State.FAILED, message=message)


def _scalar(record: Any, path: str) -> str:
    """A text, number or truth value at a path as text, "" where there is none."""
    found = paths.extract(record, path)
    return "" if found is paths.MISSING or found is None or isinstance(found, dict | list) else " ".join(text_of(found).split())


def _keys(record: Any) -> str:
    if not isinstance(record, dict) or not record:
        return "The first record is no object with keys."
    names = [str(name) for name in record]
    more = f" and {len(names) - SHOWN_KEYS} more" if len(names) > SHOWN_KEYS else ""
    return f"The first record has: {', '.join(names[:SHOWN_KEYS])}{more}."
