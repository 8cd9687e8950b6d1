"""One worker's way through the pages of a run: fetch, judge, store, one after the other, fetching ahead where that is possible.

Pages are stored in their order, whatever the order is in which they come; and while one is stored, the next is on its way.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from actions.loops import Repeat
from actions.models import Run
from actions.pagination import End, Next, Token
from actions.results import Lines, lines_of, records
from actions.runs import ahead
from actions.runs.caps import Caps
from actions.runs.fetchers import Fetchers, Job
from actions.runs.guards import Guards
from actions.runs.leases import OURS, Cancelled, Lease, LeaseLost
from actions.runs.pages import Fetched, Fetcher, ids_digest, ledger_row
from actions.runs.plans import plan_of
from actions.runs.store import Store
from actions.runs.unique import Unique
from connections.callers import Caller
from connections.client import Client
from connections.limit_sharing import level_of, slots_of
from connections.opening import client_for
from connections.request_log import Label
from connections.retries import CallError, Limited

Verdict = Run.Verdict
LOG_SECONDS = 1  # that requests wait at most for being written down, while pages come
SLOT_WAIT_SECONDS = 5  # for a free slot of the connection; then the run is parked


class Walk:
    """The pages of a run that this worker has claimed."""

    def __init__(self, run: Run, lease: Lease) -> None:
        self.run = run
        self.lease = lease
        self.plan = plan_of(run.action, run.mapped)
        self.strategy = self.plan.strategy
        self.fetcher = Fetcher(self.plan, run)
        self.caps = Caps(run, max_pages=run.max_pages)
        self.store = Store(run, lease)
        self.unique: Unique | None = None
        self.guards = Guards(run, self.strategy, save=self.store.save)
        self.slots = slots_of(run.connection, holder=str(run.pk))
        self.queue: deque[tuple[Any, bool, Job[Fetched]]] = deque()  # position, whether it was foreseen, and the job
        self._logged = time.monotonic()
        self.width = self.slots.limit if self._may_look_ahead else 1
        self.level = level_of(run.connection) if self._may_look_ahead else None

    def to_the_end(self) -> None:
        """Walk until there is no next page, a limit is met, or something goes wrong. Raises what the exceptions of `execute` say."""
        try:
            self.lease.look()
            token: Token = self.run.checkpoint or self.plan.first(self.run.inputs, self._page_size())
            if self._ends_before(token):
                return
            self.unique = self._known_records()
            caller = Caller(self.run.organization, self.run.created_by, self.run.mapped)
            with client_for(self.run.connection, self.plan.definition, caller=caller) as client, Fetchers(client) as fetchers:
                action = self.run.action
                client.belongs_to(Label("run", action.name, str(action.uid), str(self.run.pk)))
                if self._has_slot(fetchers):
                    self._pages(client, fetchers, token)
        except LeaseLost:
            raise  # the slots are the other worker's now
        except DatabaseError:
            self.slots.release()
            raise
        except BaseException as error:  # also the end of the process; it is raised again once slots are free and pages stored
            self.slots.release()
            self.store.save()
            if isinstance(error, Cancelled):
                self.lease.finish(Verdict.CANCELLED, f"Cancelled after {self.run.page_count} pages; what was stored stays.")
            elif isinstance(error, Limited):
                self._park(error.wait, error.message)
            else:
                raise
        else:
            self.slots.release()
        finally:
            self.store.close()
            if self.unique:
                self.unique.close()

    def _pages(self, client: Client, fetchers: Fetchers, token: Token) -> None:
        last_link = ""
        while True:
            fetched = self._fetched(fetchers, token)
            self._write_log(client)
            kept, lines = self._kept(fetched)
            dropped = len(fetched.rows) - len(kept)
            # What came a second time does not count to the total: there may be others that the list has moved out of sight.
            step = self.strategy.advance({**token, "received": token["received"] - dropped} if dropped else token, fetched.seen)
            if isinstance(step, Next) and step.token.get("url"):
                # Vendors repeat the key of the request in the next link, and the token goes into the database.
                step = Next({**step.token, "url": client.bare(step.token["url"])})
            ids = ids_digest(fetched.rows)
            if again := self.guards.judge(self.strategy.position(token), fetched.lines.digest, ids, all_known=dropped > 0 and not kept):
                self.store.save()
                self.lease.finish(*self._repeated(token, again.repeat, again.message))
                return
            ending = self._ending(step, lines, dropped)
            if isinstance(step, Next) and not ending and not self.fetcher.is_kept_apart:
                if token["total"] is not None and step.token["total"] != token["total"]:
                    self._one_by_one()  # the list changes while it is read
                last_link = ahead.last_link_of(self.strategy, fetched.seen) or last_link
                self._look_ahead(fetchers, step.token, client.bare(last_link) if last_link else "", len(fetched.answer.body))
            # An empty page at the end is no page; an empty one in the middle moves the checkpoint, so it is.
            page = None
            if fetched.rows or isinstance(step, Next) or (self.run.page_count == 0 and not fetched.past_the_end):
                page = ledger_row(self.run, token, step, fetched, lines, ids=ids, client=client)
            total = _total(step.token if isinstance(step, Next) else token)
            self.store.add(page, lines, step, total=total, ending=ending, at_once=self.fetcher.is_kept_apart)
            if ending or not isinstance(step, Next):
                return
            token = step.token

    def _write_log(self, client: Client) -> None:
        """Write down the requests so far, now and then: one statement for many."""
        if time.monotonic() - self._logged > LOG_SECONDS:
            self._logged = time.monotonic()
            client.write_log()

    def _kept(self, fetched: Fetched) -> tuple[list[Any], Lines]:
        """The records of a page that are stored: those that did not come before, where the run has a key to tell them by."""
        if self.unique is None:
            return fetched.rows, fetched.lines
        kept = self.unique.new(fetched.rows)
        return kept, fetched.lines if len(kept) == len(fetched.rows) else lines_of(kept)

    def _known_records(self) -> Unique | None:
        """The keys of what is stored already: another worker has noted them, and they went with it."""
        if not self.run.unique_by:
            return None
        unique = Unique(self.run.unique_by)
        for record in records(self.run):
            self.lease.keep()
            unique.new([record])
        return unique

    # --- fetching ---

    def _fetched(self, fetchers: Fetchers, token: Token) -> Fetched:
        """The page of this token: the one that is on its way, or else it is asked for now."""
        if self.queue and self.queue[0][0] != self.strategy.position(token):
            self._one_by_one()  # the list is not what it seemed to be
        _, foreseen, job = self.queue.popleft() if self.queue else (None, False, self._submit(fetchers, token))
        look = partial(self._look, fetchers)
        look()
        fetchers.wait(job, look)
        if isinstance(job.error, CallError) and (foreseen or isinstance(job.error, Limited)):
            # Of a page that was asked for early only a failure in its turn counts; the vendor may have had too much at once.
            self._slow_down()
            if foreseen:
                job = self._submit(fetchers, token)
                fetchers.wait(job, look)
        fetched = job.result()
        if fetched.answer.attempts > 1:
            self._slow_down()
        return fetched

    def _slow_down(self) -> None:
        """Fewer requests at once: for the rest of the run, or until the connection has recovered."""
        self.width = min(self.width, self.level.lower()) if self.level else max(1, self.width // 2)

    def _submit(self, fetchers: Fetchers, token: Token) -> Job[Fetched]:
        if self.fetcher.is_kept_apart and not self.plan.definition.idempotency_header:
            # Whoever takes the run over, should this worker die now, has to know that the vendor may have acted.
            self.lease.change(sent_at=timezone.now())
        return fetchers.submit(partial(self.fetcher, token))

    def _look_ahead(self, fetchers: Fetchers, token: Token, last_link: str, size: int) -> None:
        """Have the page of `token` fetched while the one before is stored, and as many after it as can be foreseen and are allowed."""
        if self.queue and self.queue[0][0] != self.strategy.position(token):
            self._one_by_one()
        if self.level:
            self.width = self.level.now()
        # Twice as many as run at once, so that a slow page in front leaves no thread without work.
        depth = self.width if self.width == 1 else 2 * self.width
        depth = max(1, min(depth, settings.RUN_PREFETCH_BYTES // max(1, size), self.caps.pages_left(self.run.page_count + 1)))
        if len(self.queue) >= depth:
            return
        wanted = list(islice(self._with_foreseen(token, last_link) if depth > 1 else iter([token]), depth))
        if min(self.width, len(wanted)) > self.slots.held and not self.slots.others_wait:
            self.slots.take(min(self.width, len(wanted)))
        fetchers.allowed = max(1, min(self.width, self.slots.held))
        for later in wanted[len(self.queue) :]:
            self.queue.append((self.strategy.position(later), later is not token, self._submit(fetchers, later)))

    def _with_foreseen(self, token: Token, last_link: str) -> Iterator[Token]:
        yield token
        yield from ahead.foreseen(self.strategy, token, last_link=last_link)

    def _one_by_one(self) -> None:
        """Forget what was asked for early, and do so no more."""
        for _, _, job in self.queue:
            job.wanted = False
        self.queue.clear()
        self.width, self.level = 1, None

    @property
    def _may_look_ahead(self) -> bool:
        return self.plan.is_paged and not self.fetcher.is_kept_apart

    def _has_slot(self, fetchers: Fetchers) -> bool:
        """Take the first slot of the connection; where other runs hold all of them, the run is parked for a while."""
        for _ in range(SLOT_WAIT_SECONDS * 4):
            if self.slots.take(1):
                return True
            fetchers.pause(0.25)
            self.lease.look()
        self._park(SLOT_WAIT_SECONDS, "Other runs use all of the connection's requests at once.")
        return False

    def _look(self, fetchers: Fetchers) -> None:
        """Keep lease and slots, and save what waits. Raises `LeaseLost` or `Cancelled`."""
        self.lease.look()
        self.store.save_due()
        if self.slots.is_due:
            # Where others wait, one slot is kept; the rest goes back as soon as the requests that use them are over.
            fetchers.allowed = 1 if self.slots.others_wait else max(1, min(self.width, self.slots.held))
            self.slots.take(max(fetchers.allowed, fetchers.running))

    # --- judging ---

    def _ends_before(self, token: Token) -> bool:
        """Whether the page of this token must not be asked for; the run has its verdict then."""
        repeat = self.guards.before(self.strategy.position(token))
        if repeat:
            self.lease.finish(*self._repeated(token, repeat, repeat.message))
        elif self.run.sent_at:
            method = self.plan.operation.method
            self.lease.finish(
                Verdict.FAILED,
                f"Outcome unknown: the worker ended after it had sent the {method} of page {token['number']} and before an answer came. "
                "Look at the vendor whether it was done. If it was not, resume the run; an integration with an idempotency header needs no look.",
                OURS,
            )
        return bool(repeat or self.run.sent_at)

    def _ending(self, step: Next | End, lines: Lines, dropped: int) -> tuple[str, str] | None:
        """Verdict and message, if this page is the last one. `lines` are stored of it, `dropped` records are not."""
        run = self.run
        if isinstance(step, End):
            return (Verdict.COMPLETE if step.sure else Verdict.AMBIGUOUS), step.message + _dropped(run.dropped_count + dropped)
        if message := self.caps.reached(run.page_count + 1, run.record_count + lines.count, run.byte_count + len(lines.data)):
            return Verdict.TRUNCATED, message
        if repeat := self.guards.before(self.strategy.position(step.token)):
            return self._repeated(step.token, repeat, repeat.message)
        return None

    def _repeated(self, token: Token, repeat: Repeat, message: str) -> tuple[str, str]:
        """Verdict and message of a page that was there before: a loop, unless repeating is how this server ends a list."""
        end = self.strategy.ends_by_repeating(token, repeat)
        if end is None:
            return Verdict.LOOP, message
        return (Verdict.COMPLETE if end.sure else Verdict.AMBIGUOUS), end.message

    # --- the end ---

    def _park(self, wait: float, message: str) -> None:
        """Let the run wait without a worker; `recover` sends it again when the time has come."""
        until = timezone.now() + timedelta(seconds=wait)
        self.lease.change(
            state=Run.State.WAITING, resume_at=until, lease_until=until, lease_holder="", attempts=0, sent_at=None, message=message
        )

    def _page_size(self) -> int:
        default: int = getattr(self.strategy.pagination, "default_page_size", 0)
        return self.run.page_size or default


def _dropped(count: int) -> str:
    if not count:
        return ""
    return f" {count:,} records came a second time and were dropped." if count > 1 else " One record came a second time and was dropped."


def _total(token: Token) -> int | None:
    found = token.get("total")
    return found if isinstance(found, int) else None
