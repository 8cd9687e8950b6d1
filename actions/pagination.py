"""Pagination as stateless strategies: a JSON token in, the next JSON token or the end out.

The token is the checkpoint of a run: everything that a strategy needs to go on stands in it, so that another worker
can go on from it. A strategy never ends early without saying so: `End.sure` is False where the server's own figures
speak against the end, and the run is then "ambiguous" instead of "complete".

To add a pagination type: a part in `integrations.definition`, a class here, and its entry in STRATEGIES.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import urljoin, urlsplit, urlunsplit

from actions.totals import says_more, total_of
from connections.exchange import Headers, Pairs, same_origin
from integrations import paths
from integrations.definition import IndexPagination, LinkPagination, NoPagination, PagePagination, Part, PointerPagination

__all__ = ["STRATEGIES", "End", "Next", "PageRequest", "PageSeen", "PaginationError", "Strategy", "Token", "same_origin", "strategy_of"]

P = TypeVar("P", bound=Part)
Token = dict[str, Any]
"""JSON values. Every token has `number` (of the page, from 1), `size` (asked for), `received` (records before this page),
`largest` (page so far) and `total` (that the server named, or null); the rest belongs to the strategy."""

# Past the last page servers answer with one of these instead of an empty page.
PAST_THE_END = frozenset({204, 400, 404, 416})


class PaginationError(Exception):
    """The answer does not fit the pagination settings; the message says what to correct."""


@dataclass(frozen=True)
class PageRequest:
    """What a page adds to the request of an action: query parameters, or the whole URL, which then replaces everything."""

    params: Pairs = field(default_factory=list)
    url: str = ""


@dataclass(frozen=True)
class PageSeen:
    """What a strategy may know of an answer. `body` is the parsed JSON or None, `url` the one that was asked, `count` the number of records."""

    status: int
    headers: Headers
    body: Any
    url: str
    count: int


@dataclass(frozen=True)
class Next:
    token: Token


@dataclass(frozen=True)
class End:
    """The last page was reached. `sure` is False where records seem to be missing; `message` says why, for a person."""

    reason: str
    sure: bool
    message: str


class Strategy(ABC, Generic[P]):
    """One pagination type with the settings of an integration or action.

    `first` makes the token of page 1, `request` says how to ask for the page of a token, `advance` reads the answer.
    """

    pagination_type: ClassVar[str]

    def __init__(self, pagination: P) -> None:
        self.pagination = pagination

    def first(self, page_size: int) -> Token:
        """The token of the first page, for pages of `page_size` records (the server may give fewer)."""
        return {"number": 1, "size": page_size, "received": 0, "largest": 0, "total": None, **self.start()}

    def start(self) -> Token:
        """The position of the first page, this strategy's part of the token."""
        return {}

    @abstractmethod
    def request(self, token: Token) -> PageRequest:
        """What the page of this token adds to the request."""

    @abstractmethod
    def advance(self, token: Token, page: PageSeen) -> Next | End:
        """Where to go on after a page. Raises PaginationError."""

    def position(self, token: Token) -> Any:
        """The part of a token that tells pages apart; the same twice is a loop."""
        return {name: token[name] for name in self.start()}

    def ends_with(self, token: Token, status: int) -> bool:  # noqa: ARG002
        """Whether this status, for the page of this token, is the end of the list and not a failure."""
        return status == 204

    def _size(self, token: Token) -> Pairs:
        name = getattr(self.pagination, "page_size_param", "")
        return [(name, str(token["size"]))] if name else []

    def _counted(self, token: Token, page: PageSeen) -> Token:
        """The token after this page, still without its new position."""
        received = token["received"] + page.count
        total = total_of(page.body, page.headers, getattr(self.pagination, "results_key", ""), count=page.count, received=received)
        return {
            **token,
            "number": token["number"] + 1,
            "received": received,
            "largest": max(token["largest"], page.count),
            "total": token["total"] if total is None else total,
        }

    def _end(self, counted: Token, reason: str, message: str, *, sure: bool = True) -> End:
        received, total = counted["received"], counted["total"]
        if total is not None and received < total:
            return End(reason, False, f"{message} But the server named a total of {total} records, and {received} were received.")
        return End(reason, sure, message)


class NoStrategy(Strategy[NoPagination]):
    """One request is everything."""

    pagination_type = "none"

    def request(self, token: Token) -> PageRequest:  # noqa: ARG002
        return PageRequest()

    def advance(self, token: Token, page: PageSeen) -> Next | End:  # noqa: ARG002
        return End("single", True, "The action has one page.")


class _Counting(Strategy[P]):
    """Index and page: the client counts, and only the answers tell when to stop.

    A page that is shorter than the largest one so far is the last, but the first page is not the last because it is
    shorter than was asked for: the server may allow less. Then an empty page or an error status ends the list.
    """

    def ends_with(self, token: Token, status: int) -> bool:
        return status == 204 or (token["number"] > 1 and status in PAST_THE_END)

    def advance(self, token: Token, page: PageSeen) -> Next | End:
        if self.ends_with(token, page.status):
            return self._past_the_end(token, page)
        counted = self._counted(token, page)
        received, total, largest = counted["received"], counted["total"], token["largest"]
        if page.count == 0:
            more = says_more(page.body)
            message = "An empty page followed." if not more else "An empty page followed, although the server says that there is more."
            return self._end(counted, "empty_page", message, sure=not more)
        if total is not None and received >= total and not says_more(page.body):
            return End("total", True, f"All {total} records that the server counts were received.")
        if page.count < largest and total is None and not says_more(page.body):
            return self._end(counted, "short_page", f"The last page was short: {page.count} records after pages of {largest}.")
        return Next({**counted, **self.moved(token, page.count)})

    @abstractmethod
    def moved(self, token: Token, count: int) -> Token:
        """The position after a page with `count` records."""

    def _past_the_end(self, token: Token, page: PageSeen) -> End:
        received = token["received"]
        message = f"The server answered page {token['number']} with status {page.status}, as past the end of a list."
        if page.status == 400 and received >= 1000 and received % 1000 == 0:
            # Search servers refuse to go on after 1,000 or 10,000 records, whatever there is.
            return End("past_end", False, f"{message} After exactly {received} records this may also be a limit of the server.")
        return self._end(token, "past_end", message)


class IndexStrategy(_Counting[IndexPagination]):
    """The parameter counts records; it moves by what was received, because the server may give less than was asked for."""

    pagination_type = "index"

    def start(self) -> Token:
        return {"index": self.pagination.start_index}

    def request(self, token: Token) -> PageRequest:
        return PageRequest([(self.pagination.index_param, str(token["index"])), *self._size(token)])

    def moved(self, token: Token, count: int) -> Token:
        return {"index": token["index"] + count}


class PageStrategy(_Counting[PagePagination]):
    """The parameter counts pages."""

    pagination_type = "page"

    def start(self) -> Token:
        return {"page": self.pagination.start_page}

    def request(self, token: Token) -> PageRequest:
        return PageRequest([(self.pagination.page_param, str(token["page"])), *self._size(token)])

    def moved(self, token: Token, count: int) -> Token:  # noqa: ARG002
        return {"page": token["page"] + 1}


class LinkStrategy(Strategy[LinkPagination]):
    """The answer names the URL of the next page. The caller decides with `same_origin` who gets the credentials."""

    pagination_type = "link"

    def start(self) -> Token:
        return {"url": ""}

    def request(self, token: Token) -> PageRequest:
        return PageRequest(url=token["url"]) if token["url"] else PageRequest(self._size(token))

    def advance(self, token: Token, page: PageSeen) -> Next | End:
        counted = self._counted(token, page)
        link = self._in_header(page) if self.pagination.next_link_location == "header" else self._in_body(page)
        if not link:
            return self._end(counted, "no_next_link", "The last page names no next one.")
        return Next({**counted, "url": resolve_link(link, page.url)})

    def _in_header(self, page: PageSeen) -> str:
        values = page.headers.get_all(self.pagination.response_header_name)
        rel = self.pagination.response_header_rel.lower()
        for value in values:
            if "<" not in value and value.strip():
                return value.strip()
        for target, params in parse_links(values):
            if rel in params.get("rel", "").lower().split():
                # Sentry always names a next page and says with a parameter whether anything is on it.
                return "" if params.get("results", "").lower() == "false" else target
        return ""

    def _in_body(self, page: PageSeen) -> str:
        key = self.pagination.next_page_key
        found = paths.extract(page.body, key)
        if isinstance(found, list):
            found = found[0] if found else None
        if isinstance(found, dict):
            found = found.get("href") or found.get("url")
        if not found:
            return ""
        if not isinstance(found, str):
            raise PaginationError(
                f"The next page key {key} leads to {str(found)[:50]}, which is not a link. For a cursor or a number choose the pagination type pointer."
            )
        return found.strip()


class PointerStrategy(Strategy[PointerPagination]):
    """The answer holds a cursor. A page may be empty and still have one; null, "", false and 0 end the list."""

    pagination_type = "pointer"

    def start(self) -> Token:
        return {"cursor": None}

    def request(self, token: Token) -> PageRequest:
        cursor = token["cursor"]
        return PageRequest([*self._size(token), *([(self.pagination.after_param, str(cursor))] if cursor is not None else [])])

    def advance(self, token: Token, page: PageSeen) -> Next | End:
        counted = self._counted(token, page)
        found = paths.extract(page.body, self.pagination.pointer_path)
        if isinstance(found, list):
            # A path over all records means the last one.
            found = found[-1] if found else None
        if not found:
            return self._end(counted, "no_cursor", "The last page holds no cursor for a next one.")
        if isinstance(found, dict | list) or found is True:
            raise PaginationError(
                f"The pointer path {self.pagination.pointer_path} leads to no text and no number. Correct the path to the cursor."
            )
        return Next({**counted, "cursor": found})


STRATEGIES: dict[str, type[Strategy]] = {
    strategy.pagination_type: strategy for strategy in (NoStrategy, IndexStrategy, PageStrategy, LinkStrategy, PointerStrategy)
}


def strategy_of(pagination: Part) -> Strategy:
    """The strategy for the pagination of a definition or an operation."""
    return STRATEGIES[str(getattr(pagination, "type"))](pagination)  # noqa: B009  every pagination has a type, their base has not


# --- links ----------------------------------------------------------------------------------------------------------

_LINK = re.compile(r"\s*<([^>]*)>((?:[^,\"]|\"(?:[^\"\\]|\\.)*\")*)(?:,|$)")
_LINK_PARAM = re.compile(r";\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;,\"]*)))?")


def parse_links(values: list[str]) -> list[tuple[str, dict[str, str]]]:
    """The links of all Link headers (RFC 8288): target and parameters, names in lower case. Broken parts are passed over."""
    links = []
    for value in values:
        for match in _LINK.finditer(value):
            params: dict[str, str] = {}
            for name, quoted, plain in _LINK_PARAM.findall(match[2]):
                # Of a parameter that stands twice the first counts (RFC 8288 3.3).
                params.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) or plain)
            links.append((match[1].strip(), params))
    return links


def resolve_link(link: str, asked: str) -> str:
    """The absolute URL of a next link: relative ones against the URL that was asked; http to the same host becomes https again."""
    try:
        url = urljoin(asked, link)
        parts, before = urlsplit(url), urlsplit(asked)
        same_host = parts.hostname == before.hostname and parts.port in (None, 80, before.port)
    except ValueError:
        raise PaginationError("The next link of the answer is not a URL. Check the settings of the pagination.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PaginationError("The next link of the answer does not start with http:// or https://. Check the settings of the pagination.")
    if parts.scheme == "http" and before.scheme == "https" and same_host:
        parts = parts._replace(scheme="https", netloc=before.netloc)
    return urlunsplit(parts._replace(fragment=""))
