"""Pages of lists that may be very long: counting is bounded, so that fifty thousand rows cost no more than a thousand."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet

BOUND: Final = 1000  # rows that are counted; beyond, a list says "1,000+"


class BoundedPaginator(Paginator):
    """Counts to BOUND, and a page further than the one that is asked for where somebody goes beyond."""

    def __init__(self, rows: QuerySet[Any], per_page: int, *, wanted: Any = 1) -> None:
        super().__init__(rows, per_page)
        self.rows = rows
        page = int(wanted) if str(wanted).isascii() and str(wanted).isdigit() and len(str(wanted)) < 7 else 1
        self.bound = max(BOUND, (page + 1) * per_page)

    @cached_property
    def count(self) -> int:
        """How many rows there are, up to the bound."""
        return self.rows.order_by()[: self.bound].count()

    @property
    def is_bounded(self) -> bool:
        """Whether there may be more than were counted."""
        return self.count >= self.bound


def page_of(rows: QuerySet[Any], wanted: Any, per_page: int) -> Page[Any]:
    """The page that is asked for, the first or the last where that is none."""
    return BoundedPaginator(rows, per_page, wanted=wanted).get_page(wanted)
