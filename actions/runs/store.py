"""Where pages wait to be saved: a fast list gives hundreds of pages a second, and each transaction costs as much as a page.

A page's records are written as a piece of their own first. Then its row and the checkpoint after it are saved, together with those
before it, in one transaction under the lease. A worker that is killed loses what waits and the checkpoint along with it, so that
the next one fetches those pages again: none is lost, none is there twice. A piece whose row never came is swept away.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, wait
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

from django.db import transaction

from actions import pieces
from actions.models import Run
from actions.pagination import End, Next
from actions.results import Lines
from actions.runs.leases import Lease, finished, tell
from actions.runs.pages import Row, insert

HOLD_SECONDS: Final = 0.1  # that a page waits at most while others come
HOLD_PAGES: Final = 1000
HOLD_BYTES: Final = 8 * 1024 * 1024  # of records that are on their way into the storage


@dataclass(frozen=True)
class _Waiting:
    """A page (None for a mere checkpoint) whose piece is on its way, and the run as it is after it."""

    page: Row | None
    piece: Future[int] | None
    changes: dict[str, Any]

    @property
    def is_ready(self) -> bool:
        return self.piece is None or self.piece.done()


class Store:
    """The pages of one run on their way into storage and database. Close it at the end."""

    def __init__(self, run: Run, lease: Lease) -> None:
        self._run, self._lease = run, lease
        self._writer = pieces.Writer()
        self._waiting: deque[_Waiting] = deque()
        self._size = 0
        self._saved = time.monotonic()

    def close(self) -> None:
        """Give up what has not been saved."""
        self._writer.close()

    def add(
        self, page: Row | None, lines: Lines, step: Next | End, *, total: int | None, ending: tuple[str, str] | None, at_once: bool
    ) -> None:
        """Take a page, the checkpoint after it and, at the end, verdict and message.

        Raises `LeaseLost` and `StorageFailure` when it is saved.
        """
        run, piece = self._run, None
        if page:
            run.page_count += 1
            run.record_count += page.record_count
            run.byte_count += page.byte_count
            run.dropped_count += page.dropped_count
            if lines.count:
                page.piece = pieces.name_of(run.pk, page.number, self._lease.holder)
                piece = self._writer.write(page.piece, lines.data)
                self._size += len(lines.data)
        changes: dict[str, Any] = {
            "page_count": run.page_count,
            "record_count": run.record_count,
            "byte_count": run.byte_count,
            "dropped_count": run.dropped_count,
            "total": total,
        }
        if isinstance(step, Next):
            changes["checkpoint"] = step.token
        if ending:
            changes |= finished(*ending)
        self._waiting.append(_Waiting(page, piece, changes))
        if ending or at_once or self._size > HOLD_BYTES or len(self._waiting) >= HOLD_PAGES:
            self.save()
        else:
            self.save_due()

    def save_due(self) -> None:
        """Save what has waited long enough and has its piece in the storage."""
        if self._waiting and time.monotonic() - self._saved >= HOLD_SECONDS:
            self._commit(len(list(takewhile(lambda one: one.is_ready, self._waiting))))

    def save(self) -> None:
        """All that waits, or of what cannot be stored nothing, and only under this worker's lease. Raises `LeaseLost`, `StorageFailure`."""
        for one in self._waiting:
            while one.piece and not one.piece.done():
                self._lease.keep()
                wait([one.piece], timeout=1)
        self._commit(len(self._waiting))

    def _commit(self, count: int) -> None:
        """Save the first pages that wait."""
        ready = [self._waiting.popleft() for _ in range(count)]
        self._saved = time.monotonic()
        failure = None
        for place, one in enumerate(ready):
            if one.piece and (failure := one.piece.exception()):
                # Nothing after a page that is missing can be stored: the next worker begins with it.
                ready = ready[:place]
                self._waiting.clear()
                break
        if ready:
            rows = [one.page for one in ready if one.page]
            for one in ready:
                if one.page and one.piece:
                    one.page.stored_bytes = one.piece.result()
                    self._run.stored_bytes += one.page.stored_bytes
                    self._size -= one.page.byte_count
            changes = {"attempts": 0, "sent_at": None, **{name: value for one in ready for name, value in one.changes.items()}}
            with transaction.atomic():
                self._lease.change(**changes, stored_bytes=self._run.stored_bytes)
                insert(self._run, rows)
                if changes.get("state") == Run.State.FINISHED:
                    tell(self._run.pk)
        if failure:
            raise failure
