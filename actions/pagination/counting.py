"""Index, page and range: the client counts, and only the answers tell when to stop."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import Any, TypeVar

from actions.pagination.strategy import End, Next, P, PageRequest, PageSeen, PaginationError, Strategy, Token
from integrations import paths
from integrations.definition import IndexPagination, PagePagination, RangePagination

# Past the last page servers answer with one of these instead of an empty page.
PAST_THE_END = frozenset({204, 400, 404, 416})
_CONTENT_RANGE = re.compile(r"^\s*(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+[\s=]+)?(?:(\d{1,15})\s*-\s*(\d{1,15})|\*)(?:\s*/\s*(\d{1,15}|\*))?\s*$")


class _Counting(Strategy[P]):
    """After a page that is shorter than one before it another one is asked for: it may have been filtered after it was cut.
    An empty page, an error status, a total or a flag ends the list."""

    def ends_with(self, token: Token, status: int) -> bool:
        return super().ends_with(token, status) or (token["number"] > 1 and status in PAST_THE_END)

    def advance(self, token: Token, page: PageSeen) -> Next | End:
        if self.ends_with(token, page.status):
            return self._end_by_status(token, page)
        counted = self._counted(token, page)
        return self._anew(token, counted, page) or self._reached(token, counted, page) or Next({**counted, **self.moved(token, page.count)})

    def _anew(self, token: Token, counted: Token, page: PageSeen) -> Next | None:  # noqa: ARG002 - see _Windowing
        """The start of the next window, where one more page would go beyond the one that the server allows."""
        return None

    def _reached(self, token: Token, counted: Token, page: PageSeen) -> End | None:
        received, total, largest, more = counted["received"], counted["total"], token["largest"], self._more(page)
        if page.count == 0 and self._setting("empty_page_ends"):
            message = "An empty page followed." if not more else "An empty page followed, although the server says that there is more."
            return self._end(counted, "empty_page", message, sure=not more)
        if more is False and self._flag_is_declared:
            return self._end(counted, "no_more", "The server says that no page follows.")
        if more:
            return None
        if total is not None and received >= total:
            return End("total", True, f"All {total:,} records that the server counts were received.")
        if "pages" in counted and token["number"] >= counted["pages"]:
            return self._end(counted, "total", f"All {counted['pages']:,} pages that the server counts were received.")
        is_short = page.count < largest and total is None and "pages" not in counted
        if is_short and (more is False or self._setting("short_page_ends")):
            return self._end(counted, "short_page", f"The last page was short: {page.count} records after pages of {largest}.")
        return None

    @abstractmethod
    def moved(self, token: Token, count: int) -> Token:
        """The position after a page with `count` records."""


W = TypeVar("W", bound=IndexPagination | PagePagination)


class _Windowing(_Counting[W]):
    """The token has `window` once the first one is over: the value that it begins with, and how many records had come before it."""

    def position(self, token: Token) -> Any:
        return {**super().position(token), **({"window": token["window"]} if "window" in token else {})}

    def _anew(self, token: Token, counted: Token, page: PageSeen) -> Next | None:
        size = self.pagination.window_size
        before = token["window"]["before"] if "window" in token else 0
        if not size or not page.count or counted["received"] - before + token["size"] <= size:
            return None
        if self._more(page) is False and self._flag_is_declared:
            return None
        value = paths.extract(page.last, self.pagination.window_path) if isinstance(page.last, dict | list) else None
        if value in (None, "", paths.MISSING) or isinstance(value, dict | list):
            raise PaginationError(
                f"The window path {self.pagination.window_path} leads to nothing in the last record, so that the next window has no start. "
                "Correct it in the pagination."
            )
        return Next({**counted, **self.start(), "window": {"from": value, "before": counted["received"]}})

    def _reached(self, token: Token, counted: Token, page: PageSeen) -> End | None:
        if "window" not in token:
            return super()._reached(token, counted, page)
        # A figure is about this window or about all of them: only an empty page, a flag or a status tells the end now.
        return super()._reached(token, {name: part for name, part in counted.items() if name != "pages"} | {"total": None}, page)

    def _window(self, token: Token) -> list[tuple[str, str, Any]]:
        return [(self.pagination.window_location, self.pagination.window_param, token["window"]["from"])] if "window" in token else []


class IndexStrategy(_Windowing[IndexPagination]):
    """The parameter counts records; it moves by what was received, because the server may give less than was asked for,
    unless the settings say otherwise."""

    pagination_type = "index"

    def start(self) -> Token:
        return {"index": self.pagination.start_index}

    def request(self, token: Token) -> PageRequest:
        if token["number"] == 1 and not self.pagination.send_on_first_request:
            return self._asks(*self._size(token), *self._window(token))
        return self._asks(
            (self.pagination.index_location, self.pagination.index_param, token["index"]), *self._size(token), *self._window(token)
        )

    def moved(self, token: Token, count: int) -> Token:
        step = {"received": count, "size": token["size"], "one": 1}[self.pagination.increment]
        # An empty page in the middle is passed by its size; a step of nothing would ask for it again.
        return {"index": token["index"] + (step or token["size"])}

    def _sends(self) -> list[tuple[str, str]]:
        return [(self.pagination.index_location, self.pagination.index_param), *super()._sends()]


class PageStrategy(_Windowing[PagePagination]):
    """The parameter counts pages."""

    pagination_type = "page"

    def start(self) -> Token:
        return {"page": self.pagination.start_page}

    def request(self, token: Token) -> PageRequest:
        if token["number"] == 1 and not self.pagination.send_on_first_request:
            return self._asks(*self._size(token), *self._window(token))
        return self._asks(
            (self.pagination.page_location, self.pagination.page_param, token["page"]), *self._size(token), *self._window(token)
        )

    def moved(self, token: Token, count: int) -> Token:  # noqa: ARG002
        return {"page": token["page"] + 1}

    def _sends(self) -> list[tuple[str, str]]:
        return [(self.pagination.page_location, self.pagination.page_param), *super()._sends()]


class RangeStrategy(_Counting[RangePagination]):
    """A header asks for records by first and last index, and a header of the answer says which ones came, of how many.

    A server that knows no ranges answers with everything and without that header: then the one page is the list.
    """

    pagination_type = "range"

    def start(self) -> Token:
        return {"index": self.pagination.start_index}

    def request(self, token: Token) -> PageRequest:
        unit = f"{self.pagination.range_unit}=" if self.pagination.range_unit else ""
        first = token["index"]
        return PageRequest(headers=[(self.pagination.range_header, f"{unit}{first}-{first + token['size'] - 1}")])

    def advance(self, token: Token, page: PageSeen) -> Next | End:
        ignored = token["number"] == 1 and page.status == 200 and self.pagination.content_range_header not in page.headers
        if ignored:
            return self._end(self._counted(token, page), "whole", "The server answered with the whole list instead of a range of it.")
        return super().advance(token, page)

    def moved(self, token: Token, count: int) -> Token:
        return {"index": token["index"] + (count or token["size"])}

    def _named(self, token: Token, page: PageSeen, received: int) -> Token:
        match = _CONTENT_RANGE.match(page.headers.get(self.pagination.content_range_header))
        if self.pagination.total_counts == "records" and match and match[3] and match[3].isdecimal():
            total = int(match[3])
            return {"total": None if received > total else total}
        return super()._named(token, page, received)

    def _sends(self) -> list[tuple[str, Any]]:
        return [("header", self.pagination.range_header)]
