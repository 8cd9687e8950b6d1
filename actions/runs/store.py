"""Where pages wait to be saved: a fast list gives hundreds of pages a second, and each transaction costs as much as a page.

What waits is saved together with the checkpoint after it, in one transaction under the lease. A worker that is killed loses
what waits and the checkpoint along with it, so that the next one fetches those pages again: none is lost, none is there twice.
"""

from __future__ import annotations

import time
from typing import Any, Final

from django.db import transaction

from actions.models import Page, Run
from actions.pagination import End, Next
from actions.runs.leases import Lease, finished

HOLD_SECONDS: Final = 0.1  # that a page waits at most while others come
HOLD_BYTES: Final = 8 * 1024 * 1024  # of packed records


class Store:
    """The pages of one run on their way into the database."""

    def __init__(self, run: Run, lease: Lease) -> None:
        self._run, self._lease = run, lease
        self._pages: list[Page] = []
        self._changes: dict[str, Any] = {}
        self._size = 0
        self._saved = time.monotonic()

    def add(self, page: Page | None, step: Next | End, *, total: int | None, ending: tuple[str, str] | None, at_once: bool) -> None:
        """Take a page, the checkpoint after it and, at the end, verdict and message. Raises `LeaseLost` when it is saved."""
        run = self._run
        if page:
            self._pages.append(page)
            self._size += len(page.records)
            run.page_count += 1
            run.record_count += page.record_count
            run.byte_count += page.byte_count
        self._changes |= {
            "page_count": run.page_count,
            "record_count": run.record_count,
            "byte_count": run.byte_count,
            "attempts": 0,
            "total": total,
            "sent_at": None,
        }
        if isinstance(step, Next):
            self._changes["checkpoint"] = step.token
        if ending:
            self._changes |= finished(*ending)
        if ending or at_once or self._size > HOLD_BYTES:
            self.save()
        else:
            self.save_due()

    def save_due(self) -> None:
        """Save what waits if it has waited long enough."""
        if self._changes and time.monotonic() - self._saved >= HOLD_SECONDS:
            self.save()

    def save(self) -> None:
        """All that waits, or nothing of it, and only under this worker's lease. Raises `LeaseLost`."""
        if self._changes:
            changes, pages = self._changes, self._pages
            self._changes, self._pages, self._size = {}, [], 0
            with transaction.atomic():
                self._lease.change(**changes)
                Page.objects.bulk_create(pages)
        self._saved = time.monotonic()
