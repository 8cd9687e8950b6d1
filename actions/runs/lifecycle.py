"""Start, cancel, resume and delete runs, and find those whose worker is gone."""

from __future__ import annotations

import logging
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from actions import requests
from actions.models import Action, Run, Schedule
from actions.pagination import PaginationError
from actions.runs.caps import Caps
from actions.runs.leases import lease_end, tell
from actions.runs.plans import DEFAULT_LIMIT, PageLimit, Plan, checked, needs_mapping, page_limit, plan_of
from actions.runs.plans import unique_by as key_of
from config.celery import app as celery
from connections.choosing.walk import choose
from connections.mapping.values import placeholders as mapping_of
from connections.models import Connection
from integrations import audit
from integrations.definition import LARGEST_PAGE_SIZE
from integrations.expressions import MissingValue
from integrations.models import Organization, User
from integrations.organizations import environments
from integrations.refusals import Conflict, Invalid

logger = logging.getLogger(__name__)

EXECUTE: Final = "actions.tasks.execute_run"
REMOVE_PIECES: Final = "actions.tasks.remove_pieces"
Verdict = Run.Verdict


def start(
    *,
    action: Action,
    connection: Connection | None = None,
    user: User,
    inputs: dict[str, Any],
    organization: Organization | None = None,
    environment: Any = None,
    page_size: int | None = None,
    max_pages: PageLimit = DEFAULT_LIMIT,
    unique_by: str | None = None,
    schedule: Schedule | None = None,
    hand_over: bool = True,
) -> Run:
    """A new run, handed to the workers when the transaction commits, or left to the caller to `execute`. `max_pages` None means all pages,
    `unique_by` None what the pagination says.

    It is for `organization`, by default that of the connection. Where no connection is given, the walk of `choosing` finds one, in
    production or in the `environment` that is named; whether the user may run for the organization has been checked by the caller.

    Raises `Invalid` for inputs that do not make a request, `Conflict` where action and connection do not belong together, where
    no connection can be used, and where the request needs to know who the organization is at the vendor and it is not mapped.
    """
    integration = action.revision.integration
    if connection and integration.pk != connection.integration_id:
        raise Conflict(
            f"{action.name} is an action of another integration than the connection {connection.name}. Choose a connection of its own."
        )
    if connection and connection.owner_id and connection.owner_id != user.pk:
        raise Conflict(f"{connection} belongs to another member alone: {integration} is connected per user. Use a connection of your own.")
    if action.revision.finalized_at is None:
        raise Conflict("This action is part of a draft. It can be run once the draft is finalized.")
    organization = organization or (connection.organization if connection else None)
    if organization is None:
        raise Conflict("Say for which organization, or with which connection, the action is to run.")
    if connection is None or connection.organization_id != organization.pk:
        connection = choose(
            organization=organization,
            integration=integration,
            user=user,
            action=action.uid,
            named=connection,
            environment=environments.checked(organization, environment),
        ).found()
    elif environment and connection.environment != environments.checked(organization, environment):
        raise Conflict(
            f"{connection} is in the environment {connection.environment}. Name another connection, or leave the environment out."
        )
    action = _as_pinned(action, connection)
    mapped = mapping_of(organization, connection)
    plan = _plan(action, mapped, organization, inputs)
    try:
        plan.request(inputs, plan.first(inputs, 1), base="https://host.invalid", headers={})
    except requests.InputError as error:
        raise Invalid({f"inputs.{name}": sentences for name, sentences in error.fields.items()}) from None
    except PaginationError as error:
        raise Conflict(str(error)) from None
    run = Run.objects.create(
        action=action,
        connection=connection,
        organization=organization,
        schedule=schedule,
        mapped=mapped,
        inputs=inputs,
        page_size=checked(page_size, "pageSize", LARGEST_PAGE_SIZE),
        max_pages=page_limit(plan, max_pages),
        unique_by=key_of(plan, unique_by),
        lease_until=lease_end(),
        created_by=user,
    )
    if hand_over:
        transaction.on_commit(lambda: send(run.pk))
    return run


def _as_pinned(action: Action, connection: Connection) -> Action:
    """The action as the revision has it to which the connection is pinned. Raises `Conflict` where that one has no such action."""
    pinned = connection.revision
    if pinned is None or pinned.pk == action.revision_id:
        return action
    found = pinned.actions.filter(uid=action.uid).select_related("revision").first()
    if found is None:
        raise Conflict(
            f"{action.name} is newer than revision {pinned.number}, to which the connection {connection.name} is pinned. Choose another "
            "connection, or unpin it on its page."
        )
    return found


def _plan(action: Action, mapped: dict[str, str], organization: Organization, inputs: dict[str, Any]) -> Plan:
    """The plan with the mapping in it. Raises `Conflict` where the mapping is needed and missing, or does not fit."""
    try:
        plan = plan_of(action, mapped)
        if needs_mapping(plan, inputs):
            raise MissingValue("mapping.id")
    except MissingValue:
        raise Conflict(
            f"This run needs to know which customer of the vendor {organization} is ({{{{mapping.id}}}}), and it is not mapped. "
            f"Map it on the page Mapping of the integration, in the organization above that has the mapping."
        ) from None
    except ValueError as error:
        raise Conflict(str(error)) from None
    return plan


def send(run_id: UUID) -> None:
    """Hand a run to the workers. Without a broker it waits in the database until `recover` finds it."""
    try:
        celery.send_task(EXECUTE, [str(run_id)])
    except OperationalError:
        logger.warning("The broker did not take run %s; it is sent again later.", run_id)


def delete(*, run: Run) -> None:
    """Delete a run with its ledger and its records. Raises `Conflict` for one that has not ended."""
    with transaction.atomic():
        found = Run.objects.select_for_update().filter(pk=run.pk).first()
        if found and not found.is_finished:
            raise Conflict("This run has not ended. Cancel it first, then delete it.")
        if found:
            connection = run.connection
            audit.record(
                kind=audit.Kind.CONNECTION,
                verb="run deleted",
                subject=connection,
                organization=connection.organization,
                note=f"run {run.pk} of {run.action.name}, {found.record_count} records",
            )
            found.delete()


def forget(run_id: UUID) -> None:
    """Have the records of a run that is gone removed. Without a broker the sweep does it later."""
    try:
        celery.send_task(REMOVE_PIECES, [str(run_id)])
    except OperationalError:
        logger.warning("The broker did not take the removal of the records of run %s; they are swept away later.", run_id)


def cancel(*, run: Run) -> Run:
    """Stop a run: at once if no worker has it, within a page if it is on its way. What it has stored stays."""
    now = timezone.now()
    idle = Run.objects.filter(pk=run.pk, state__in=(Run.State.QUEUED, Run.State.WAITING))
    run.refresh_from_db()
    message = "Cancelled before it began." if not run.page_count else f"Cancelled after {run.page_count} pages; what was stored stays."
    with transaction.atomic():
        if idle.update(state=Run.State.FINISHED, verdict=Verdict.CANCELLED, message=message, finished_at=now, lease_until=None):
            tell(run.pk)
        else:
            Run.objects.filter(pk=run.pk, state=Run.State.RUNNING).update(cancel_requested=True)
    run.refresh_from_db()
    return run


def resume(*, run: Run, user: User | None = None, more_pages: int | None = None, hand_over: bool = True) -> Run:
    """Let a run that failed, was cut or cancelled go on from its last page; `more_pages` None means to the end of the list.

    `user` is who resumes it, by default whoever started it. Raises `Conflict` where a run cannot go on, which includes that its
    connection belongs to another organization that lends it no more, `Invalid` for a number of pages that is none.
    """
    more = checked(more_pages, "morePages", settings.RUN_MAX_PAGES)
    run.refresh_from_db()
    if not run.is_finished:
        raise Conflict("This run has not ended. It can be resumed when it has, or cancelled now.")
    if run.records_removed_at:
        raise Conflict("The records of this run have been removed, so that it has nothing to go on with. Start a new one.")
    if not run.is_resumable:
        raise Conflict(f"A run that ended as {run.get_verdict_display().lower()} has nothing to go on with. Start a new one.")
    if run.connection.organization_id != run.organization_id:
        integration = run.connection.integration
        choose(organization=run.organization, integration=integration, user=user or run.created_by, named=run.connection).found()
    now = timezone.now()
    run.resumed_at = now
    limit = None if more is None else run.page_count + more
    if reached := Caps(run, max_pages=limit).reached(run.page_count, run.record_count, run.byte_count):
        raise Conflict(f"{reached} An administrator can raise it.")
    taken = Run.objects.filter(pk=run.pk, state=Run.State.FINISHED, verdict__in=Run.RESUMABLE, records_removed_at=None).update(
        state=Run.State.QUEUED,
        verdict="",
        message="",
        blame="",
        cause="",
        failed_status=None,
        finished_at=None,
        cancel_requested=False,
        attempts=0,
        max_pages=limit,
        resumed_at=now,
        lease_until=lease_end(),
    )
    if taken and hand_over:
        transaction.on_commit(lambda: send(run.pk))
    run.refresh_from_db()
    return run


def recover() -> int:
    """Send again every unfinished run whose lease, or wait, has run out; how many there were."""
    now = timezone.now()
    found = list(Run.objects.orphaned(now).values_list("pk", flat=True)[:1000])
    for pk in found:
        # The new lease keeps the next look from sending the same run once more while it waits in the queue.
        if Run.objects.orphaned(now).filter(pk=pk).update(state=Run.State.QUEUED, lease_until=lease_end()):
            send(pk)
    return len(found)
