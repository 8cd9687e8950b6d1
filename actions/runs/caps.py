"""The limits of a run. Whoever meets one is told which: the run is then "truncated", never "complete"."""

from __future__ import annotations

from django.conf import settings
from django.utils import timezone

from actions.models import Run


class Caps:
    """The limits of one run: its own number of pages, and those of the installation."""

    def __init__(self, run: Run, *, max_pages: int | None) -> None:
        self._max_pages = max_pages
        self._since = run.resumed_at or run.started_at or timezone.now()

    def reached(self, pages: int, records: int, size: int) -> str:
        """A sentence that names the cap that these figures have met, "" if they are below all. `size` is in bytes."""
        if self._max_pages is not None and pages >= self._max_pages:
            plural = "s" if self._max_pages > 1 else ""
            return (
                f"Stopped at the limit of {self._max_pages} page{plural}; the vendor may have more. Resume it, or run it with all pages, "
                "to get the rest."
            )
        if pages >= settings.RUN_MAX_PAGES:
            return f"Stopped at {settings.RUN_MAX_PAGES:,} pages, the limit of this installation (RUN_MAX_PAGES)."
        if records >= settings.RUN_MAX_RECORDS:
            return f"Stopped at {records:,} records; the limit of this installation is {settings.RUN_MAX_RECORDS:,} (RUN_MAX_RECORDS)."
        if size >= settings.RUN_MAX_BYTES:
            return f"Stopped at {settings.RUN_MAX_BYTES / 2**30:.3g} GiB of records, the limit of this installation (RUN_MAX_BYTES)."
        if (timezone.now() - self._since).total_seconds() >= settings.RUN_MAX_SECONDS:
            return f"Stopped after {settings.RUN_MAX_SECONDS:,} seconds, the limit of this installation (RUN_MAX_SECONDS)."
        return ""

    def pages_left(self, pages: int) -> int:
        """How many more pages may be fetched after so many."""
        most: int = settings.RUN_MAX_PAGES
        return max(0, (most if self._max_pages is None else min(most, self._max_pages)) - pages)
