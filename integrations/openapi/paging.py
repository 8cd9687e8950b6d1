"""How an API pages, guessed from names: query parameters, fields of answers, Link headers. An admin confirms the guess."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from pydantic import ValidationError

from integrations.definition import (
    DEFAULT_PAGE_SIZE,
    MAX_DEFAULT_PAGE_SIZE,
    PAGINATION,
    IndexPagination,
    LinkPagination,
    NoPagination,
    PagePagination,
    Pagination,
    PointerPagination,
    RangePagination,
)
from integrations.openapi import answers
from integrations.openapi.findings import Report, shortened
from integrations.operation import Operation, PaginationSuggestion, Parameter

# Names without case and punctuation: page[number], pageNumber and page_number are all pagenumber.
_SIZE = (
    "limit", "pagesize", "perpage", "pagelimit", "size", "top", "take", "maxresults", "maxitems", "itemsperpage", "pagefirst",
    "first", "pagecount", "count", "max", "rows", "num", "resultsperpage", "recordsperpage", "pagelength", "length", "maxpagesize",
    "maxrecords", "n",
)  # fmt: skip
_PAGE = (
    "page", "pagenumber", "pagenum", "pageno", "pageindex", "currentpage", "pageidx", "p",
)  # fmt: skip
_INDEX = (
    "offset", "skip", "start", "startat", "startindex", "pageoffset", "startfrom", "firstresult", "startindexat", "from",
)  # fmt: skip
_CURSOR = (
    "cursor", "after", "startingafter", "pageafter", "pagecursor", "nextpagetoken", "pagetoken", "nexttoken", "nextcursor",
    "continuationtoken", "continuation", "marker", "startcursor", "bookmark", "afterid", "scrollid", "token", "nextpage", "next",
    "pageid", "lastid", "position",
)  # fmt: skip
_RANGE = ("range", "xrange", "itemsrange", "xitemsrange")  # request headers
CONTENT_RANGE = "content-range"
_BYTES = re.compile(r"\bbytes?\b", re.IGNORECASE)
_RANGE_SAMPLE = re.compile(r"(?:\b([A-Za-z][\w.-]*)\s*[= ]\s*)?\b\d+\s*-\s*\d+")  # items=0-24, items 0-24/319, 0-24
_ZERO = re.compile(
    r"(?:zero|0)[- ](?:based|indexed)|(?:start(?:s|ing)?|begin(?:s|ning)?|first page is)\s*(?:at|from|with|is)?\s*(?:0|zero)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Suggestion:
    """How one operation pages. `score` (1 to 10) orders guesses; `shape` is what two operations have in common that page alike."""

    pagination: Pagination
    score: int
    evidence: str

    @cached_property
    def shape(self) -> tuple[tuple[str, Any], ...]:
        own = self.pagination.model_dump(exclude_defaults=True, exclude={"results_key", "default_page_size", "default_page_limit"})
        return (("type", self.pagination.type), *sorted(own.items()))

    @cached_property
    def part(self) -> PaginationSuggestion:
        """The suggestion as operations have it."""
        return PaginationSuggestion(pagination=self.pagination, score=self.score * 10, evidence=shortened(self.evidence, 2000))


def suggest(operation: Operation, headers: frozenset[str], maxima: dict[str, int], fields: answers.Fields | None) -> Suggestion | None:
    """How this operation pages, None without evidence. `maxima` are the largest values of its query parameters, `fields` those of its answer.

    Only a GET whose answer has one recognisable list can be paged through.
    """
    return next(iter(ranked(operation, headers, maxima, fields)), None) if operation.method == "GET" else None


def ranked(operation: Operation, headers: frozenset[str], maxima: dict[str, int], fields: answers.Fields | None = None) -> list[Suggestion]:
    """All ways in which this operation may page, the likeliest first. `fields` are those of its answer, where they are known."""
    schema = operation.response_schema
    if not schema:
        return []
    fields = fields or answers.fields_of(schema)
    results = answers.results_key(schema, fields, operation.path)
    if results is None:
        return []
    known = _known(operation)
    ranged = _range_header(operation)
    size, page, index, cursor = (_first(known, names) for names in (_SIZE, _PAGE, _INDEX, _CURSOR))
    pointer = answers.cursor_field(fields) if cursor else ""
    signs = _Signs(
        results=results,
        cursor=cursor.name if cursor else "",
        pointer=pointer,
        last=answers.last_id(schema, results) if cursor and not pointer else "",
        link=answers.next_link(fields, cursor=cursor is not None),
        header="link" in headers,
        page=page.name if page and page.type in ("integer", "number", "string") else "",
        start_page=_start(page, 1) if page else 1,
        offset=index.name if index else "",
        start_offset=_start(index, 0) if index else 0,
        size=size.name if size else "",
        page_size=_page_size(size, maxima),
        range=ranged.name if ranged else "",
        range_unit=_range_unit(ranged) if ranged else "items",
        content_range=CONTENT_RANGE in headers,
    )
    return list(_ranked(signs))


class _Signs(NamedTuple):
    """What tells how an operation pages: names of its parameters, paths into its answer; "" where there is none."""

    results: str
    cursor: str
    pointer: str
    last: str
    link: str
    header: bool
    page: str
    start_page: int
    offset: str
    start_offset: int
    size: str
    page_size: int
    range: str
    range_unit: str
    content_range: bool


@lru_cache(maxsize=1024)
def _ranked(signs: _Signs) -> tuple[Suggestion, ...]:
    common = {"results_key": signs.results, "default_page_size": signs.page_size, "page_size_param": signs.size}
    try:
        guesses = sorted(_guesses(signs), key=lambda guess: -guess.score)
        return tuple(
            replace(guess, pagination=PAGINATION.validate_python({**present, **{k: v for k, v in common.items() if k in present}}))
            for guess in guesses
            for present in (guess.pagination.model_dump(),)
        )
    except ValidationError:  # a name in the answer that no field can hold, such as one of 500 characters
        return ()


def size_parameter(operation: Operation) -> str:
    """The query parameter of an operation that asks for a page size, "" if none is known by its name."""
    found = _first(_known(operation), _SIZE)
    return found.name if found else ""


def supposed(fields: list[str]) -> list[str]:
    """Parameters that an API most likely has whose answers have these fields: `offset` is sent back, `next_cursor` is sent as `cursor`."""
    known = {*_SIZE, *_PAGE, *_INDEX} - {"count", "from", "first", "num", "p"}
    found = [name for name in fields if answers.plain(name) in known]
    for name in fields:
        cursor = re.sub(r"^(?:next|end)[_-]?", "", name, flags=re.IGNORECASE)
        cursor = cursor[:1].lower() + cursor[1:]
        if cursor and cursor != name and answers.plain(cursor) in _CURSOR:
            found.append(cursor)
    return list(dict.fromkeys(found))


def _guesses(signs: _Signs) -> Iterator[Suggestion]:
    if signs.cursor and signs.pointer:
        yield Suggestion(
            PointerPagination(after_param=signs.cursor, pointer_path=signs.pointer),
            10,
            f"{signs.cursor} takes {signs.pointer} of the answer",
        )
    elif signs.last and answers.plain(signs.cursor) in ("after", "startingafter", "afterid", "pageafter", "lastid"):
        yield Suggestion(
            PointerPagination(after_param=signs.cursor, pointer_path=signs.last), 6, f"{signs.cursor} takes the id of the last record"
        )
    if signs.link:
        yield Suggestion(LinkPagination(next_link_location="body", next_page_key=signs.link), 9, f"the answer has {signs.link}")
    if signs.header:
        yield Suggestion(LinkPagination(next_link_location="header"), 7, "the answer has a Link header")
    if signs.page:
        pagination = PagePagination(page_param=signs.page, start_page=signs.start_page)
        yield Suggestion(pagination, 8 if signs.size else 6, f"query parameter {signs.page}")
    if signs.offset and (signs.size or answers.plain(signs.offset) == "offset"):
        pagination_by_index = IndexPagination(index_param=signs.offset, start_index=signs.start_offset)
        yield Suggestion(pagination_by_index, 8, f"query parameter {signs.offset}")

    if signs.range or signs.content_range:
        unit = {"range_unit": signs.range_unit, **({"range_header": signs.range} if signs.range else {})}
        said = [
            f"request header {signs.range}" if signs.range else "",
            "the answer has a Content-Range header" if signs.content_range else "",
        ]
        score = 9 if signs.range and signs.content_range else 7 if signs.range else 5
        yield Suggestion(RangePagination(**unit), score, " and ".join(filter(None, said)))


def _range_header(operation: Operation) -> Parameter | None:
    """The request header that asks for a range of records. One that asks for bytes is for downloads."""
    headers = [one for one in operation.parameters if one.place == "header" and answers.plain(one.name) in _RANGE]
    return next((one for one in headers if not _BYTES.search(_words(one))), None)


def _range_unit(parameter: Parameter) -> str:
    """The unit before the numbers, as an example shows it; "" for numbers alone."""
    sample = _RANGE_SAMPLE.search(_words(parameter))
    return (sample[1] or "") if sample else "items"


def _words(parameter: Parameter) -> str:
    return " ".join([str(parameter.default or ""), *map(str, parameter.enum[:10]), parameter.description])


def _known(operation: Operation) -> dict[str, Parameter]:
    """The query parameters that may page, by their plain names."""
    return {
        answers.plain(parameter.name): parameter
        for parameter in reversed(operation.parameters)
        if parameter.place == "query" and parameter.type not in ("object", "array")
    }


def _first(known: dict[str, Parameter], names: tuple[str, ...]) -> Parameter | None:
    """The parameter with the best known name, in the order of `names`."""
    return next((known[name] for name in names if name in known), None)


def _start(parameter: Parameter, usual: int) -> int:
    if isinstance(parameter.default, int) and not isinstance(parameter.default, bool) and 0 <= parameter.default <= 1:
        return parameter.default
    return 0 if _ZERO.search(" ".join(parameter.description.split())) else usual


def _page_size(size: Parameter | None, maxima: dict[str, int]) -> int:
    """The vendor's default; up to 100 where the vendor says how many are allowed; within the limits of a definition."""
    if size is None:
        return DEFAULT_PAGE_SIZE
    most = maxima.get(size.name, 0)
    default = size.default
    if isinstance(default, str) and default.isdigit() and len(default) < 9:
        default = int(default)
    wanted = default if isinstance(default, int) and not isinstance(default, bool) and default > 0 else DEFAULT_PAGE_SIZE
    if most > 0:
        wanted = min(max(wanted, DEFAULT_PAGE_SIZE), most)
    return min(wanted, MAX_DEFAULT_PAGE_SIZE)


def settle(operations: list[Operation], suggestions: list[Suggestion | None], report: Report) -> Pagination:
    """Mark the operations of the list as paginated and return the commonest pagination, the default of the integration.

    An operation keeps a pagination or results key of its own only where it differs from that default.
    """
    found = [suggestion for suggestion in suggestions if suggestion]
    if not found:
        return NoPagination()
    shapes = Counter(suggestion.shape for suggestion in found)
    shape = shapes.most_common(1)[0][0]
    alike = [suggestion for suggestion in found if suggestion.shape == shape]
    key = Counter(suggestion.pagination.results_key for suggestion in alike).most_common(1)[0][0]
    size = Counter(getattr(suggestion.pagination, "default_page_size", DEFAULT_PAGE_SIZE) for suggestion in alike).most_common(1)[0][0]
    default = alike[0].pagination.model_copy(update={"results_key": key, "default_page_size": size})
    for n, (operation, suggestion) in enumerate(zip(operations, suggestions, strict=True)):
        if suggestion is None:
            continue
        said: dict[str, Any] = {"paginated": True, "suggestion": suggestion.part}
        if suggestion.shape != shape:
            said["pagination"] = suggestion.pagination.model_copy()  # operations share the suggestion
        if suggestion.pagination.results_key != key:
            said["results_key"] = suggestion.pagination.results_key
        operations[n] = operation.model_copy(update=said)
    best = max(alike, key=lambda suggestion: suggestion.score)
    message = (
        f"{len(found)} operations look paginated, {len(alike)} of them by type {default.type}: "
        f"{best.evidence} (score {best.score * 10} of 100)."
    )
    report.find(
        "info", "pagination-suggestion", "/paths", message, "Confirm the pagination type and its fields with the vendor's documentation."
    )
    return default
