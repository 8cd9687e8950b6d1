"""What all strategies have in common: tokens, requests, what was seen, figures about the whole list, the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from actions import totals
from actions.loops import Repeat
from connections.exchange import Headers, Outgoing, Pairs
from integrations.definition import NoPagination, Part

P = TypeVar("P", bound=Part)
Token = dict[str, Any]
"""JSON values. Every token has `number` (of the page, from 1), `size` (asked for), `received` (records before this page),
`largest` (page so far) and `total` (that the server named, or null); `pages` is a named number of pages, `short` is there
after a page that was shorter than one before it. The rest belongs to the strategy."""


class PaginationError(Exception):
    """The answer does not fit the pagination settings; the message says what to correct."""


@dataclass(frozen=True)
class PageRequest:
    """What a page adds to the request of an action, by place; or the whole URL, which then replaces that of the action.

    `body` holds values by their path in the body, `path` texts by the name of a placeholder. With a URL, `restore` says
    that the parameters of the action's own query which it lacks are sent again. `values` only templates of the action read.
    """

    params: Pairs = field(default_factory=list)
    url: str = ""
    headers: Pairs = field(default_factory=list)
    path: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    restore: bool = False
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PageSeen:
    """What a strategy may know of an answer. `body` is the parsed body or None, `url` the one that was asked, `count` the
    number of records, `last` the last of them, `sent` the request without credentials, where there was one."""

    status: int
    headers: Headers
    body: Any
    url: str
    count: int
    last: Any = None
    sent: Outgoing | None = field(default=None, repr=False)


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

    def first(self, page_size: int, about: Mapping[str, Any] | None = None) -> Token:  # noqa: ARG002 - see ExpressionStrategy
        """The token of the first page, for pages of `page_size` records (the server may give fewer).

        `about` is what an expression may read of the action's own request. Raises PaginationError.
        """
        most = self._setting("max_page_size")
        size = min(page_size, most) if most else page_size
        return {"number": 1, "size": size, "received": 0, "largest": 0, "total": None, **self.start()}

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
        return status == 204 or status in (self._setting("end_statuses") or ())

    def ends_by_repeating(self, token: Token, repeat: Repeat) -> End | None:
        """The end, where the page of this token repeats the one before it and that is how this server ends a list; None for a loop."""
        if repeat.number != repeat.earlier + 1:
            return None
        if self._setting("repeat_ends"):
            return self._end(token, "repeated", "The server repeated its last page, which the settings take for the end.")
        if repeat.what == "content" and token.get("short"):
            return self._end(token, "repeated", "The server repeated its last page, which was shorter than the others.")
        return None

    def sent_parameters(self) -> list[tuple[str, str]]:
        """Place and name of everything that the walk sends by itself, so that nobody has to enter it."""
        return [(place, name) for place, name in self._sends() if name]

    def _sends(self) -> list[tuple[str, str]]:
        return [(self._setting("page_size_location") or "query", self._setting("page_size_param") or "")]

    # --- building requests ----------------------------------------------------------------------------------------------

    def _asks(self, *placed: tuple[str, str, Any]) -> PageRequest:
        """A request with values at their places, each (place, name, value)."""
        params: Pairs = []
        headers: Pairs = []
        path: dict[str, str] = {}
        body: dict[str, Any] = {}
        for place, name, value in placed:
            match place:
                case "body":
                    body[name] = str(value) if self._setting("numbers_as_text") else value
                case "header":
                    headers.append((name, str(value)))
                case "path":
                    path[name] = str(value)
                case _:
                    params.append((name, str(value)))
        return PageRequest(params, headers=headers, path=path, body=body)

    def _size(self, token: Token) -> list[tuple[str, str, Any]]:
        name = self._setting("page_size_param")
        if not name or (self._setting("page_size_first_only") and token["number"] > 1):
            return []
        return [(self._setting("page_size_location"), name, token["size"])]

    # --- figures --------------------------------------------------------------------------------------------------------

    def _counted(self, token: Token, page: PageSeen) -> Token:
        """The token after this page, still without its new position."""
        received = token["received"] + page.count
        largest = max(token["largest"], page.count)
        counted = {**token, "number": token["number"] + 1, "received": received, "largest": largest}
        counted.pop("short", None)
        if 0 < page.count < token["largest"]:
            counted["short"] = True
        return {**counted, **self._named(token, page, received)}

    def _named(self, token: Token, page: PageSeen, received: int) -> Token:
        """The size of the whole list as the server names it, by the settings where they say something, else by usual names."""
        unit = self._setting("total_counts") or "records"
        declared = self._setting("total_path") or self._setting("total_header")
        if unit == "nothing":
            return {"total": None}
        if declared:
            figure = totals.declared(page.body, page.headers, self._setting("total_path"), self._setting("total_header"))
            if unit == "pages":
                return {"total": None} if figure is None else {"total": None, "pages": figure}
        else:
            figure = totals.total_of(page.body, page.headers, self._setting("results_key") or "", count=page.count, received=received)
        total = token["total"] if figure is None else figure
        # A server that has sent more than its total does not know it.
        return {"total": None if total is not None and received > total else total}

    def _more(self, page: PageSeen) -> bool | None:
        """Whether the server says that another page follows; None where it says nothing."""
        for setting, means in (("has_more_path", True), ("last_page_path", False)):
            if path := self._setting(setting):
                flag = totals.flag_at(page.body, path)
                return None if flag is None else flag is means
        return totals.says_more(page.body)

    @property
    def _flag_is_declared(self) -> bool:
        return bool(self._setting("has_more_path") or self._setting("last_page_path"))

    def _end(self, counted: Token, reason: str, message: str, *, sure: bool = True) -> End:
        received, total = counted["received"], counted["total"]
        if total is not None and received < total:
            return End(reason, False, f"{message} But the server named a total of {total:,} records, and {received:,} were received.")
        return End(reason, sure, message)

    def _end_by_status(self, token: Token, page: PageSeen) -> End:
        """The page of this token was answered with a status that ends the list."""
        received = token["received"]
        message = f"The server answered page {token['number']} with status {page.status}, as past the end of a list."
        declared = page.status in (self._setting("end_statuses") or ())
        if page.status == 400 and received >= 1000 and received % 1000 == 0 and not declared:
            # Search servers refuse to go on after 1,000 or 10,000 records, whatever there is.
            return End("past_end", False, f"{message} After exactly {received:,} records this may also be a limit of the server.")
        return self._end(token, "past_end", message)

    def _setting(self, name: str) -> Any:
        """A setting that not every type has; None where this one has it not."""
        return getattr(self.pagination, name, None)


class NoStrategy(Strategy[NoPagination]):
    """One request is everything."""

    pagination_type = "none"

    def request(self, token: Token) -> PageRequest:  # noqa: ARG002
        return PageRequest()

    def advance(self, token: Token, page: PageSeen) -> Next | End:  # noqa: ARG002
        return End("single", True, "The action has one page.")
