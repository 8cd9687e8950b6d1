"""A page of an answer: its records, and what a pagination strategy needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from actions.pagination import PageSeen, PaginationError
from actions.records import records
from connections import media
from connections.exchange import Answer, Headers, Outgoing
from integrations.definition import MediaTypes


@dataclass(frozen=True)
class PageRead:
    """The records of a page and what a strategy needs to know of it."""

    rows: list[Any] = field(repr=False)
    seen: PageSeen = field(repr=False)


def page_of(
    answer: Answer, *, results_key: str, is_paged: bool, number: int, types: MediaTypes | None = None, sent: Outgoing | None = None
) -> PageRead:
    """Read one page, the answer to `sent`. An answer that is ignored, and one with an error status that no rule calls a success, has no records.

    Raises PaginationError for a body that cannot be read, ResultsKeyError where the results key leads to no records.
    """
    if answer.is_without_records:
        return PageRead([], PageSeen(answer.status, Headers(answer.headers), None, answer.url, 0, sent=sent))
    try:
        body = media.value_of(answer, types, list_at=results_key, plain_text=not is_paged and not results_key)
    except ValueError as error:
        raise PaginationError(f"Page {number} cannot be read. {error}") from None
    rows = records(body, results_key, many=is_paged)
    last = rows[-1] if rows else None
    return PageRead(rows, PageSeen(answer.status, Headers(answer.headers), body, answer.url, len(rows), last, sent))
