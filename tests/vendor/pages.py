"""Paginated endpoints that end badly, loop, or say strange things. Records are `{"id": n, "name": "record-n"}`, n from 1.

Common to all: `total=257` records, `cap=100` is the server's own maximum page size, `fail_page=N` answers
`fail_status=500` for page N, counted from 1, the first `fail_times=1` times (`retry_after` too), `key` keeps the counts of
tests apart. `period=P` makes pages, cursors or links repeat with that period, `loop_from=N` only from page N on.

/faults/pages         page page_size          {"items", "total"}; past_end=empty|404|400|416|204|last|null, first=0|1: number of
                                              the first page
/faults/index         offset limit            {"results", "count"}; past_end as above, ignore=limit (the server's size is `cap`
                                              whatever is asked) or ignore=offset (always the first page)
/faults/cursor        cursor limit            {"data", "next_cursor"}; empty=2,3: those pages hold nothing but a live cursor;
                                              null_last=1: after the last record comes a page whose list
                                              is null; end=null|absent|empty|false|same: the cursor there; number=1: the cursor is a number
/faults/links         page per_page           {"data", "links": {"next"}}; style=absolute|relative|query|network, to=ORIGIN: links
                                              lead to another origin, end=null|absent|empty
/faults/link-header   page per_page           a root array; style=plain|several|case|unquoted|fields|relative|params, to
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from demo.vendor.web import Json, Refusal, Request, Response, Route
from tests.vendor.answers import Host
from tests.vendor.parameters import flag, integer, numbers

_PAGING_PARAMETERS = {"page", "offset", "cursor"}


def record(n: int) -> dict[str, Json]:
    return {"id": n, "name": f"record-{n}"}


def records(total: int) -> list[dict[str, Json]]:
    """All records of an endpoint with this total: what a complete walk finds."""
    return [record(n) for n in range(1, total + 1)]


@dataclass(frozen=True)
class Slice:
    """The part of all records that one request gets. `page` counts from 0."""

    items: list[dict[str, Json]]
    page: int
    more: bool
    total: int


def routes(host: Host) -> list[Route]:
    def slice_of(request: Request, start: int, size: int) -> Slice:
        """Cut the page out, or raise Refusal where the page is to fail."""
        total, page = integer(request, "total", 257), start // size
        if page + 1 in numbers(request, "fail_page") and host.count(f"{request.get('key')} {request.path} {page}") <= integer(
            request, "fail_times", 1
        ):
            code = integer(request, "fail_status", 500)
            wait = [("Retry-After", request.get("retry_after"))] if request.get("retry_after") else []
            raise Refusal(code, f"status_{code}", f"Page {page + 1} answers {code}.", headers=wait)
        return Slice(records(total)[start : start + size], page, start + size < total, total)

    def pages(request: Request) -> Response:
        first, size = integer(request, "first", 1), _size(request, "page_size")
        page = _looped(request, integer(request, "page", first) - first)
        part = slice_of(request, _clamped(request, page * size, size), size)
        return _end(request, "items", part) or Response.json({"items": part.items, "total": part.total})

    def index(request: Request) -> Response:
        ignored = request.get("ignore")
        size = integer(request, "cap", 100) if ignored == "limit" else _size(request, "limit")
        offset = 0 if ignored == "offset" else integer(request, "offset", 0)
        part = slice_of(request, _clamped(request, offset, size), size)
        return _end(request, "results", part) or Response.json({"results": part.items, "count": part.total})

    def cursor(request: Request) -> Response:
        size = _size(request, "limit")
        page = _cursor_page(request)
        holes = numbers(request, "empty")
        # pages that are empty on purpose hold no records, so later ones begin that many records earlier
        part = slice_of(request, (page - sum(hole <= page for hole in holes)) * size, size)
        if page + 1 in holes:
            return Response.json({"data": [], "next_cursor": _cursor(request, page + 1)})
        if not part.items and flag(request, "null_last"):
            return Response.json({"data": None, **_end_of_cursor(request, page)})
        more = part.more or (flag(request, "null_last") and bool(part.items)) or bool(_period(request))
        if more:
            return Response.json({"data": part.items, "next_cursor": _cursor(request, _looped(request, page + 1))})
        return Response.json({"data": part.items, **_end_of_cursor(request, page)})

    def links(request: Request) -> Response:
        size = _size(request, "per_page")
        page = integer(request, "page", 1) - 1
        part = slice_of(request, page * size, size)
        if part.more or _period(request):
            return Response.json({"data": part.items, "links": {"next": _link(request, _looped(request, page + 1) + 1)}})
        ends: dict[str, dict[str, Json]] = {"null": {"next": None}, "absent": {}, "empty": {"next": ""}}
        return Response.json({"data": part.items, "links": ends[request.get("end", "null")]})

    def link_header(request: Request) -> Response:
        size = _size(request, "per_page")
        page = integer(request, "page", 1) - 1
        part = slice_of(request, page * size, size)
        more = part.more or bool(_period(request))
        return Response.json(part.items, headers=_link_fields(request, _looped(request, page + 1) + 1 if more else None))

    handlers = {"pages": pages, "index": index, "cursor": cursor, "links": links, "link-header": link_header}
    return [Route("GET", f"/faults/{name}", handler) for name, handler in handlers.items()]


def _size(request: Request, name: str) -> int:
    """The page size asked for, or the cap where it is larger or nothing is asked."""
    cap = integer(request, "cap", 100)
    return min(integer(request, name, cap), cap)


def _period(request: Request) -> int:
    return integer(request, "period", 0)


def _looped(request: Request, page: int) -> int:
    """The page that is served for this one: with `period=2` pages 0, 1, 0, 1, …"""
    start = integer(request, "loop_from", 1) - 1
    return start + (page - start) % _period(request) if _period(request) and page >= start else page


def _clamped(request: Request, start: int, size: int) -> int:
    """With past_end=last, the start of the last page for everything beyond it."""
    total = integer(request, "total", 257)
    return (total - 1) // size * size if request.get("past_end") == "last" and start >= total else start


def _end(request: Request, key: str, part: Slice) -> Response | None:
    """The answer to a page beyond the end where it is not an empty list."""
    if part.items:
        return None
    match request.get("past_end", "empty"):
        case "404":
            raise Refusal(404, "not_found", "There is no such page.")
        case "400":
            raise Refusal(400, "out_of_range", "The page is out of range.")
        case "416":
            raise Refusal(416, "not_satisfiable", "There is no such page.")
        case "204":
            return Response(204)
        case "null":
            return Response.json({key: None})
    return None


def _cursor(request: Request, page: int) -> Json:
    return page if flag(request, "number") else f"c{page}=="


def _cursor_page(request: Request) -> int:
    text = request.get("cursor")
    digits = text.removeprefix("c").removesuffix("==")
    if text and not digits.isdecimal():
        raise Refusal(400, "invalid_cursor", "The cursor is not one that was given out.")
    return int(digits or 0)


def _end_of_cursor(request: Request, page: int) -> dict[str, Json]:
    ends: dict[str, dict[str, Json]] = {
        "null": {"next_cursor": None},
        "absent": {},
        "empty": {"next_cursor": ""},
        "false": {"next_cursor": False},
    }
    return ends.get(request.get("end", "null"), {"next_cursor": _cursor(request, page)})


def _link(request: Request, page: int) -> str:
    pairs = [(name, value) for name, value in request.query if name not in _PAGING_PARAMETERS]
    origin = request.get("to") or request.origin
    query = f"?{urlencode([*pairs, ('page', page)])}"
    styles = {
        "relative": f"{request.path}{query}",
        "query": query,
        "network": f"//{origin.partition('://')[2]}{request.path}{query}",
    }
    return styles.get(request.get("style"), f"{origin}{request.path}{query}")


def _link_fields(request: Request, following: int | None) -> list[tuple[str, str]]:
    """The Link header in the style asked for. Each is one that RFC 8288 allows, and that some vendor sends."""
    first = f"<{_link(request, 1)}>"
    if following is None:
        return [("Link", f'{first}; rel="first"')]
    target = f"<{_link(request, following)}>"
    styles: dict[str, list[tuple[str, str]]] = {
        "several": [("Link", f'{first}; rel="first prev", {target}; title="a, b; c"; rel="last next"')],
        "case": [("LINK", f'{target}; REL="NEXT", {first}; Rel="First"')],
        "unquoted": [("link", f"{first};rel=first,{target};rel=next")],
        "fields": [("Link", f'{first}; rel="first"'), ("Link", f'{target}; rel="next"')],
        "params": [("Link", f'{target}; results="true"; rel="next"; cursor="0:100:0", {first}; rel="previous"; results="false"')],
    }
    return styles.get(request.get("style"), [("Link", f'{first}; rel="first", {target}; rel="next"')])
