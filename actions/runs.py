"""Runs: start, claim, walk the pages, checkpoint each, end with a verdict that says what is known.

A worker holds a run by a lease, which it renews with every page. A page and the checkpoint after it are saved in one
transaction that fails if the lease is no longer its own; so a run whose worker is killed goes on elsewhere, no page is
lost, and none is stored twice.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from kombu.exceptions import OperationalError

from actions import page_requests, reading, requests, results
from actions.loops import Guard, Mark, Repeat, fingerprint
from actions.models import Action, Page, Run
from actions.pagination import End, Next, PaginationError, Strategy, Token, strategy_of
from actions.records import ResultsKeyError
from config.celery import app as celery
from connections.client import CallError, Client, client_for
from connections.exchange import Answer, Outgoing
from connections.models import Connection
from integrations.definition import LARGEST_PAGE_SIZE, Definition, NoPagination
from integrations.models import User
from integrations.operation import Operation
from integrations.refusals import Conflict, Invalid
from integrations.storable import mended

logger = logging.getLogger(__name__)

EXECUTE: Final = "actions.tasks.execute_run"
PageLimit = int | Literal["default"] | None  # a number of pages, the integration's default page limit, or all pages
DEFAULT_LIMIT: Final = "default"
ATTEMPTS_WITHOUT_A_PAGE: Final = 5  # a run that kills its worker again and again must not go on for ever

Verdict = Run.Verdict


class LeaseLost(Exception):
    """Another worker holds the run now; whatever this one has in its hands is dropped."""


@dataclass(frozen=True)
class Plan:
    """How a run's action is walked: its operation, the pagination that applies, where the records are."""

    operation: Operation
    definition: Definition
    strategy: Strategy[Any]
    results_key: str

    @property
    def is_paged(self) -> bool:
        return not isinstance(self.strategy.pagination, NoPagination)

    def request(self, inputs: dict[str, Any], token: Token, *, base: str, headers: Mapping[str, str]) -> Outgoing:
        """The request for the page of a token. Raises `requests.InputError`."""
        page, trusted = self.strategy.request(token), self.definition.credential_origins
        return page_requests.build(self.operation, inputs, page, base=base, headers=headers, trusted=trusted)

    def read(self, answer: Answer, number: int) -> reading.PageRead:
        """The records of an answer. Raises `PaginationError` and `ResultsKeyError`."""
        return reading.page_of(answer, results_key=self.results_key, is_paged=self.is_paged, number=number)


def plan_of(action: Action) -> Plan:
    """The action's own pagination wins over the integration's; an action that is not paginated is one request."""
    operation, definition = action.operation, action.revision.definition
    paged = (operation.pagination or definition.pagination) if operation.paginated else NoPagination()
    key = operation.results_key if operation.results_key is not None else paged.results_key
    return Plan(operation, definition, strategy_of(paged), key)


# --- start and stop -------------------------------------------------------------------------------------------------


def start(
    *,
    action: Action,
    connection: Connection,
    user: User,
    inputs: dict[str, Any],
    page_size: int | None = None,
    max_pages: PageLimit = DEFAULT_LIMIT,
    hand_over: bool = True,
) -> Run:
    """A new run, handed to the workers when the transaction commits, or left to the caller to `execute`. `max_pages` None means all pages.

    Raises `Invalid` for inputs that do not make a request, `Conflict` where action and connection do not belong together.
    """
    if action.revision.integration_id != connection.integration_id:
        raise Conflict(
            f"{action.name} is an action of another integration than the connection {connection.name}. Choose a connection of its own."
        )
    if action.revision.finalized_at is None:
        raise Conflict("This action is part of a draft. It can be run once the draft is finalized.")
    plan = plan_of(action)
    try:
        plan.request(inputs, plan.strategy.first(1), base="https://host.invalid", headers={})
    except requests.InputError as error:
        raise Invalid({f"inputs.{name}": sentences for name, sentences in error.fields.items()}) from None
    run = Run.objects.create(
        action=action,
        connection=connection,
        inputs=inputs,
        page_size=_checked(page_size, "pageSize", LARGEST_PAGE_SIZE),
        max_pages=_page_limit(plan, max_pages),
        lease_until=_lease_end(),
        created_by=user,
    )
    if hand_over:
        transaction.on_commit(lambda: send(run.pk))
    return run


def send(run_id: UUID) -> None:
    """Hand a run to the workers. Without a broker it waits in the database until `recover` finds it."""
    try:
        celery.send_task(EXECUTE, [str(run_id)])
    except OperationalError:
        logger.warning("The broker did not take run %s; it is sent again later.", run_id)


def cancel(*, run: Run) -> Run:
    """Stop a run: at once if it waits, within a page if it is on its way. What it has stored stays."""
    waiting = Run.objects.filter(pk=run.pk, state=Run.State.QUEUED)
    now = timezone.now()
    if not waiting.update(state=Run.State.FINISHED, verdict=Verdict.CANCELLED, message="Cancelled before it began.", finished_at=now):
        Run.objects.filter(pk=run.pk, state=Run.State.RUNNING).update(cancel_requested=True)
    run.refresh_from_db()
    return run


def recover() -> int:
    """Send again every unfinished run whose lease has run out; how many there were."""
    now = timezone.now()
    found = list(Run.objects.orphaned(now).values_list("pk", flat=True)[:1000])
    for pk in found:
        # The new lease keeps the next look from sending the same run once more while it waits in the queue.
        if Run.objects.orphaned(now).filter(pk=pk).update(state=Run.State.QUEUED, lease_until=_lease_end()):
            send(pk)
    return len(found)


# --- execution ------------------------------------------------------------------------------------------------------


def execute(run_id: UUID) -> None:
    """Take a run up and walk it to its end; nothing happens if somebody else holds it or it is finished."""
    holder = uuid4().hex
    run = claim(run_id, holder)
    if run is None:
        return
    walk = Walk(run, holder)
    try:
        if run.attempts > ATTEMPTS_WITHOUT_A_PAGE:
            walk.finish(
                Verdict.FAILED,
                f"{run.attempts - 1} workers ended while they fetched this page. It may be too large for the memory of a worker.",
            )
            return
        walk.to_the_end()
    except LeaseLost:
        logger.warning("Run %s is held by another worker now; this one drops it.", run_id)
    except CallError as error:
        walk.finish(Verdict.FAILED, error.message)
    except (PaginationError, ResultsKeyError, requests.InputError) as error:
        walk.finish(Verdict.FAILED, str(error))
    except Exception:
        logger.exception("Run %s ended by a fault of Junction.", run_id)
        walk.finish(Verdict.FAILED, "Junction has a fault here; its log says more. The pages that were stored are complete.")


def claim(run_id: UUID, holder: str) -> Run | None:
    """Take the lease of a run that waits, or whose holder is dead; None if there is nothing to take."""
    now = timezone.now()
    free = Q(state=Run.State.QUEUED) | Q(state=Run.State.RUNNING, lease_until__lt=now)
    taken = Run.objects.filter(free, pk=run_id).update(
        state=Run.State.RUNNING,
        lease_holder=holder,
        lease_until=_lease_end(),
        attempts=F("attempts") + 1,
        started_at=Coalesce(F("started_at"), now),
    )
    if not taken:
        if not Run.objects.filter(pk=run_id).exists():
            logger.info("Run %s is gone.", run_id)
        return None
    return Run.objects.select_related("action__revision", "connection__credential", "connection__integration").get(pk=run_id)


class Walk:
    """One worker's way through the pages of a run it has claimed."""

    def __init__(self, run: Run, holder: str) -> None:
        self.run = run
        self.holder = holder
        self.plan = plan_of(run.action)
        self.strategy = self.plan.strategy
        stored = run.pages.order_by("number").values_list("token", "digest")
        self.guard = Guard(Mark(fingerprint(self.strategy.position(token or {})), digest) for token, digest in stored)

    def to_the_end(self) -> None:
        """Fetch page after page until there is none, a limit is met, or something goes wrong."""
        run = self.run
        token: Token = run.checkpoint or self.strategy.first(self._page_size())
        with client_for(run.connection, self.plan.definition) as client:
            while True:
                if self._stopped():
                    return
                repeat = self.guard.before(self.strategy.position(token))
                if repeat:
                    self._finish_repeated(token, repeat)
                    return
                outgoing = self.plan.request(run.inputs, token, base=client.base, headers=dict(client.headers))
                following = self._page(client, token, outgoing)
                if following is None:
                    return
                token = following

    def finish(self, verdict: str, message: str) -> None:
        """End the run, if it is still this worker's."""
        if not self._mine().update(**_finished(verdict, message)):
            logger.warning("Run %s was to end as %s, but is held by another worker.", self.run.pk, verdict)

    def _finish_repeated(self, token: Token, repeat: Repeat) -> None:
        """A page that was there before: a loop, unless repeating is how this server ends a list."""
        end = self.strategy.ends_by_repeating(token, repeat)
        if end:
            self.finish(Verdict.COMPLETE if end.sure else Verdict.AMBIGUOUS, end.message)
        else:
            self.finish(Verdict.LOOP, repeat.message)

    def _page(self, client: Client, token: Token, outgoing: Outgoing) -> Token | None:
        """Fetch, judge and store one page; the token of the next one, or None at the end."""
        answer = self._fetch(client, token, outgoing)
        past_the_end = answer.status >= 400 or answer.status == 204
        read = self.plan.read(answer, self.run.page_count + 1)
        rows = read.rows
        step = self.strategy.advance(token, read.seen)
        if isinstance(step, Next) and step.token.get("url"):
            # Vendors repeat the key of the request in the next link, and the token goes into the database.
            step = Next({**step.token, "url": client.bare(step.token["url"])})
        position = self.strategy.position(token)
        repeat = self.guard.after(position, rows)
        if repeat:
            self._finish_repeated(token, repeat)
            return None
        packed = results.pack(rows)
        # An empty page at the end is no page; an empty one in the middle moves the checkpoint, so it is.
        worth_storing = rows or isinstance(step, Next) or (self.run.page_count == 0 and not past_the_end)
        page = None
        if worth_storing:
            page = Page(
                run=self.run,
                number=self.run.page_count + 1,
                token=token,
                digest=self.guard.marks[-1].content,
                status=answer.status,
                record_count=packed.count,
                byte_count=packed.byte_count,
                elapsed_ms=answer.elapsed_ms,
                records=packed.data,
            )
        self._save(page, step, total=_total(step, token))
        return step.token if isinstance(step, Next) and not self.run.is_finished else None

    def _fetch(self, client: Client, token: Token, outgoing: Outgoing) -> Answer:
        try:
            return client.call(outgoing, before=self._renew)
        except CallError as error:
            if error.answer is not None and self.strategy.ends_with(token, error.answer.status):
                return error.answer
            raise

    def _save(self, page: Page | None, step: Next | End, *, total: int | None) -> None:
        """The page, the checkpoint and, at the end, the verdict: all or nothing, and only under this worker's lease."""
        run = self.run
        run.page_count += 1 if page else 0
        run.record_count += page.record_count if page else 0
        run.byte_count += page.byte_count if page else 0
        changes: dict[str, Any] = {
            "page_count": run.page_count,
            "record_count": run.record_count,
            "byte_count": run.byte_count,
            "lease_until": _lease_end(),
            "attempts": 0,
            "total": total,
        }
        if isinstance(step, Next):
            changes["checkpoint"] = step.token
            if message := self._capped():
                changes |= _finished(Verdict.TRUNCATED, message)
        else:
            changes |= _finished(Verdict.COMPLETE if step.sure else Verdict.AMBIGUOUS, step.message)
        with transaction.atomic():
            if not self._mine().update(**changes):
                raise LeaseLost
            if page:
                page.save(force_insert=True)
        run.state = changes.get("state", run.state)

    def _capped(self) -> str:
        run = self.run
        if run.max_pages is not None and run.page_count >= run.max_pages:
            return f"Stopped at the limit of {run.max_pages} page{'s' if run.max_pages > 1 else ''}; the vendor may have more. Run it with all pages to get the rest."
        if run.page_count >= settings.RUN_MAX_PAGES:
            return f"Stopped at {settings.RUN_MAX_PAGES} pages, the limit of this installation."
        if run.byte_count >= settings.RUN_MAX_BYTES:
            return f"Stopped at {settings.RUN_MAX_BYTES / 2**30:g} GiB of records, the limit of this installation."
        return ""

    def _stopped(self) -> bool:
        """Whether somebody asked to cancel; looks at the lease as well."""
        found = self._mine().values_list("cancel_requested", flat=True).first()
        if found is None:
            raise LeaseLost
        if found:
            self.finish(Verdict.CANCELLED, f"Cancelled after {self.run.page_count} pages; what was stored stays.")
        return bool(found)

    def _renew(self, wait: float) -> None:
        """Before a pause: keep the lease for its length."""
        if not self._mine().update(lease_until=_lease_end() + timedelta(seconds=wait)):
            raise LeaseLost

    def _mine(self) -> Any:
        return Run.objects.filter(pk=self.run.pk, state=Run.State.RUNNING, lease_holder=self.holder)

    def _page_size(self) -> int:
        default: int = getattr(self.strategy.pagination, "default_page_size", 0)
        return self.run.page_size or default


def _finished(verdict: str, message: str) -> dict[str, Any]:
    return {
        "state": Run.State.FINISHED,
        "verdict": verdict,
        "message": mended(message),
        "finished_at": timezone.now(),
        "lease_until": None,
        "lease_holder": "",
    }


def _total(step: Next | End, token: Token) -> int | None:
    found = step.token["total"] if isinstance(step, Next) else token["total"]
    return found if isinstance(found, int) else None


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.RUN_LEASE_SECONDS)


def _page_limit(plan: Plan, given: PageLimit) -> int | None:
    if given == DEFAULT_LIMIT:
        return getattr(plan.strategy.pagination, "default_page_limit", None)
    return _checked(given, "maxPages", settings.RUN_MAX_PAGES)


def _checked(value: int | None, field: str, largest: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= largest:
        raise Invalid({field: [f"Enter a whole number from 1 to {largest}, or null."]})
    return value
