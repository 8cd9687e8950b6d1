"""How an API pages, guessed from names: query parameters, fields of answers, Link headers. An admin confirms the guess."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from integrations.definition import (
    DEFAULT_PAGE_SIZE,
    MAX_DEFAULT_PAGE_SIZE,
    IndexPagination,
    LinkPagination,
    NoPagination,
    PagePagination,
    Pagination,
    PointerPagination,
)
from integrations.openapi.findings import Report
from integrations.operation import Operation, Parameter

# Names without case and punctuation: page[number], pageNumber and page_number are all pagenumber.
_SIZE = [
    "limit",
    "pagesize",
    "perpage",
    "pagelimit",
    "size",
    "top",
    "take",
    "maxresults",
    "maxitems",
    "itemsperpage",
    "pagefirst",
    "first",
    "pagecount",
    "count",
    "max",
    "rows",
    "num",
    "resultsperpage",
    "recordsperpage",
    "pagelength",
    "length",
    "maxpagesize",
    "maxrecords",
]
_PAGE = ["page", "pagenumber", "pagenum", "pageno", "pageindex", "currentpage", "pageidx", "p"]
_INDEX = ["offset", "skip", "start", "startat", "startindex", "pageoffset", "startfrom", "firstresult", "startindexat", "from"]
_CURSOR = [
    "cursor",
    "after",
    "startingafter",
    "pageafter",
    "pagecursor",
    "nextpagetoken",
    "pagetoken",
    "nexttoken",
    "nextcursor",
    "continuationtoken",
    "continuation",
    "marker",
    "startcursor",
    "bookmark",
    "afterid",
    "scrollid",
    "token",
    "nextpage",
    "next",
    "pageid",
    "lastid",
    "position",
]
_CURSOR_FIELDS = frozenset(
    [
        "nextcursor",
        "nexttoken",
        "nextpagetoken",
        "nextmarker",
        "endcursor",
        "continuationtoken",
        "nextcontinuationtoken",
        "nextpagecursor",
        "cursor",
        "after",
        "marker",
        "bookmark",
        "scrollid",
        "pagetoken",
        "nextpageid",
        "nextpagekey",
        "next",
        "nextpage",
        "continuation",
        "nextposition",
        "nextstreamposition",
        "nextafter",
    ]
)
_LINK_FIELDS = frozenset(
    [
        "next",
        "nextlink",
        "odatanextlink",
        "nexturl",
        "nextpageurl",
        "nextpagelink",
        "nexturi",
        "nexthref",
        "nextpageuri",
        "nextpagehref",
        "nextpath",
        "nextpageuri",
    ]
)
_LINK_PARENTS = frozenset({"links", "link"})
# Fields of answers that hold lists but never the results.
_ASIDE = frozenset(
    [
        "errors",
        "error",
        "warnings",
        "messages",
        "links",
        "link",
        "included",
        "meta",
        "facets",
        "aggregations",
        "expand",
        "sort",
        "sorts",
        "fields",
        "columns",
    ]
)
_RESULTS = [
    "data",
    "items",
    "results",
    "records",
    "values",
    "value",
    "entries",
    "list",
    "content",
    "rows",
    "objects",
    "resources",
    "elements",
    "result",
    "collection",
    "hits",
]
_ZERO = re.compile(
    r"(?:zero|0)[- ](?:based|indexed)|(?:start(?:s|ing)?|begin(?:s|ning)?|first page is)\s*(?:at|from|with|is)?\s*(?:0|zero)\b",
    re.IGNORECASE,
)
_MAX_FIELDS = 400


@dataclass(frozen=True)
class Suggestion:
    """How one operation pages. `score` orders guesses; `shape` is what two operations have in common that page alike."""

    pagination: Pagination
    score: int
    evidence: str

    @property
    def shape(self) -> tuple[tuple[str, Any], ...]:
        own = self.pagination.dump()
        return tuple((key, own[key]) for key in sorted(own) if key not in ("resultsKey", "defaultPageSize", "defaultPageLimit"))


@dataclass
class _Fields:
    """The fields of an answer outside its lists: paths and schemas."""

    scalars: list[tuple[tuple[str, ...], dict[str, Any]]] = field(default_factory=list)
    arrays: list[tuple[tuple[str, ...], dict[str, Any]]] = field(default_factory=list)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def suggest(operation: Operation, headers: frozenset[str], maxima: dict[str, int]) -> Suggestion | None:
    """How this operation pages, None without evidence. `maxima` are the largest values of its query parameters.

    Only a GET whose answer has one recognisable list can be paged through.
    """
    schema = operation.response_schema
    if operation.method != "GET" or not schema:
        return None
    fields = _fields(schema)
    results = results_key(schema, fields, operation.path)
    if results is None:
        return None
    queries = [parameter for parameter in operation.parameters if parameter.place == "query"]
    guesses = list(_guesses(queries, fields, results, schema, headers))
    if not guesses:
        return None
    best = max(guesses, key=lambda guess: guess.score)
    size = _first(queries, _SIZE)
    common = {"results_key": results, "default_page_size": _page_size(size, maxima), "page_size_param": size.name if size else ""}
    return Suggestion(best.pagination.model_copy(update=common), best.score, best.evidence)


def _guesses(
    queries: list[Parameter], fields: _Fields, results: str, schema: dict[str, Any], headers: frozenset[str]
) -> Iterator[Suggestion]:
    size, page, index, cursor = (_first(queries, names) for names in (_SIZE, _PAGE, _INDEX, _CURSOR))
    link = _next_link(fields, cursor=cursor is not None)
    if cursor:
        pointer = _cursor_field(fields)
        if pointer:
            yield Suggestion(
                PointerPagination(after_param=cursor.name, pointer_path=pointer), 10, f"{cursor.name} takes {pointer} of the answer"
            )
        elif (last := _last_id(schema, results)) and _plain(cursor.name) in ("after", "startingafter", "afterid", "pageafter", "lastid"):
            yield Suggestion(
                PointerPagination(after_param=cursor.name, pointer_path=last), 6, f"{cursor.name} takes the id of the last record"
            )
    if link:
        yield Suggestion(LinkPagination(next_link_location="body", next_page_key=link), 9, f"the answer has {link}")
    if "link" in headers:
        yield Suggestion(LinkPagination(next_link_location="header"), 7, "the answer has a Link header")
    if page and page.type in ("integer", "number", "string"):
        yield Suggestion(PagePagination(page_param=page.name, start_page=_start(page, 1)), 8 if size else 6, f"query parameter {page.name}")
    if index and (size or _plain(index.name) == "offset"):
        yield Suggestion(IndexPagination(index_param=index.name, start_index=_start(index, 0)), 8, f"query parameter {index.name}")


def _first(queries: list[Parameter], names: list[str]) -> Parameter | None:
    """The parameter with the best known name, in the order of `names`."""
    known = {_plain(parameter.name): parameter for parameter in reversed(queries) if parameter.type not in ("object", "array")}
    return next((known[name] for name in names if name in known), None)


def _start(parameter: Parameter, usual: int) -> int:
    if isinstance(parameter.default, int) and not isinstance(parameter.default, bool) and 0 <= parameter.default <= 1:
        return parameter.default
    return 0 if _ZERO.search(parameter.description) else usual


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


# --- answers --------------------------------------------------------------------------------------------------------


def _kind(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((item for item in kind if item != "null"), "")
    if isinstance(kind, str) and kind:
        return kind
    return "object" if "properties" in schema else "array" if "items" in schema else ""


def _variant(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, or the first alternative of a oneOf or anyOf that is more than null."""
    for key in ("oneOf", "anyOf"):
        options = schema.get(key)
        if isinstance(options, list) and not schema.get("properties"):
            return next((option for option in options if isinstance(option, dict) and _kind(option) in ("object", "array")), schema)
    return schema


def _fields(schema: dict[str, Any]) -> _Fields:
    """Scalars and lists of an answer, three levels deep, nearest first."""
    found = _Fields()
    level: list[tuple[tuple[str, ...], dict[str, Any]]] = [((), _variant(schema))]
    for _ in range(3):
        deeper = []
        for path, node in level:
            properties = node.get("properties")
            for name, child in properties.items() if isinstance(properties, dict) else ():
                if len(found.scalars) + len(found.arrays) > _MAX_FIELDS:
                    return found
                inner = _variant(child)
                kind = _kind(inner)
                if kind == "array":
                    found.arrays.append(((*path, name), inner))
                elif kind == "object":
                    deeper.append(((*path, name), inner))
                else:
                    found.scalars.append(((*path, name), inner))
        level = deeper
    return found


def results_key(schema: dict[str, Any], fields: _Fields, path: str) -> str | None:
    """The path to the list of results: `$` for a list at the top, else the likeliest list; None if there is none or no telling."""
    if _kind(_variant(schema)) == "array":
        return "$"
    candidates = [(names, node) for names, node in fields.arrays if not {_plain(name) for name in names} & _ASIDE]
    if not candidates:
        return None
    segments = [_plain(part) for part in path.split("/") if part and "{" not in part]
    noun = segments[-1] if segments else ""

    def rank(candidate: tuple[tuple[str, ...], dict[str, Any]]) -> tuple[int, int, int]:
        names, node = candidate
        last = _plain(names[-1])
        known = 0 if last == noun and len(names) <= 2 else _RESULTS.index(last) + 1 if last in _RESULTS else 99
        items = node.get("items")
        scalar = 0 if isinstance(items, dict) and _kind(_variant(items)) in ("object", "") else 1
        return (len(names), known, scalar)

    best = min(candidates, key=rank)
    alone = [names for names, _ in candidates if len(names) == len(best[0])] == [best[0]]
    # A record that happens to hold lists (its tags, its members) is no page: the list must be named like results, or be the only one at the top.
    wraps = len([names for names, _ in fields.scalars if len(names) == 1]) <= 12
    if rank(best)[1] == 99 and not (alone and wraps):
        return None
    return _joined(best[0])


def _joined(names: tuple[str, ...]) -> str:
    """A path as `integrations.paths` reads it; names that would be misread are quoted as JSONPath."""
    if any(name.startswith("$") or not name.strip() for name in names):
        return "$" + "".join("['" + name.replace("\\", "\\\\").replace("'", "\\'") + "']" for name in names)
    return ".".join(names)


def _is_url(node: dict[str, Any], names: tuple[str, ...]) -> bool:
    text = " ".join(str(node.get(key) or "") for key in ("format", "description", "example")).lower()
    return bool({_plain(name) for name in names[:-1]} & _LINK_PARENTS) or bool(re.search(r"\b(?:uri|url|link|https?)\b", text))


def _next_link(fields: _Fields, *, cursor: bool) -> str:
    """The path to the URL of the next page, "" if there is none. A bare `next` beside a cursor parameter is a cursor, unless it says URL."""
    for names, node in fields.scalars:
        last = _plain(names[-1])
        if last == "href" and len(names) > 1:
            last = _plain(names[-2])
        if last not in _LINK_FIELDS or _kind(node) not in ("string", ""):
            continue
        if last == "next" and cursor and names[-1].lower() != "href" and not _is_url(node, names):
            continue
        return _joined(names)
    return ""


def _cursor_field(fields: _Fields) -> str:
    """The path to the cursor of the next page, "" if there is none."""
    for names, node in fields.scalars:
        if _plain(names[-1]) in _CURSOR_FIELDS and _kind(node) in ("string", "integer", "number", "") and not _is_url(node, names):
            return _joined(names)
    return ""


def _last_id(schema: dict[str, Any], results: str) -> str:
    """The JSONPath to the id of the last record, "" if records have none."""
    node = _variant(schema)
    for name in results.split(".") if results != "$" else ():
        properties = node.get("properties")
        child = properties.get(name) if isinstance(properties, dict) else None
        node = _variant(child) if isinstance(child, dict) else {}
    items = node.get("items")
    record = _variant(items) if isinstance(items, dict) else {}
    properties = record.get("properties")
    if isinstance(properties, dict) and "id" not in properties:
        return ""
    return f"{'$' if results == '$' else '$.' + results}[-1].id"


# --- the whole document ---------------------------------------------------------------------------------------------


def settle(operations: list[Operation], suggestions: list[Suggestion | None], report: Report) -> Pagination:
    """Mark operations as paginated and return the commonest pagination, the default of the integration.

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
    for operation, suggestion in zip(operations, suggestions, strict=True):
        if suggestion is None:
            continue
        operation.paginated = True
        if suggestion.shape != shape:
            operation.pagination = suggestion.pagination
        if suggestion.pagination.results_key != key:
            operation.results_key = suggestion.pagination.results_key
    message = f"{len(found)} operations look paginated, {len(alike)} of them by type {default.type} ({alike[0].evidence})."
    report.find(
        "info", "pagination-suggestion", "/paths", message, "Confirm the pagination type and its fields with the vendor's documentation."
    )
    return default
