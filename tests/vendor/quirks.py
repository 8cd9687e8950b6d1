"""Lists that are paged in the ways of particular vendors. Records are those of `pages`; `total=25` and pages of 10 if nothing else is said.

/faults/quirks/unsent          page      400 when the first page is asked for by its number
/faults/quirks/page-offset     offset    counts pages
/faults/quirks/slots           offset    counts places of which some are empty: the pages have 10, 4, 10, 1 records
/faults/quirks/limit-once      cursor limit   400 when a cursor comes with a limit
/faults/quirks/largest         page size 400 for more than 10
/faults/quirks/search          POST      {"Data": {"Page", "Size"}}; text=1: both have to be text
/faults/quirks/graphql         POST      {"query", "variables": {"first", "after"}}, a connection with pageInfo
/faults/quirks/form            POST      a form with page
/faults/quirks/header-page               X-Page in the request; X-Total-Pages in the answer
/faults/quirks/path/{n}/list             the page in the path
/faults/quirks/total           page      where=records|pages|header|pages-header|null|object|text|more|fewer|gte
/faults/quirks/flag            cursor    style=true|text|yes|number|last|none: the cursor is there on the last page too
/faults/quirks/last-id         starting_after  the cursor is the id of the last record; none=1: nothing says that there is more
/faults/quirks/inclusive       since     a page begins with the record that ended the one before
/faults/quirks/cursor-header             X-Next-Cursor in the answer, Next-Cursor in the request
/faults/quirks/cursor-url      page_token     `next` is a URL that has the token; following it is a 404
/faults/quirks/cursor-encoded  cursor    percent-encoded in the answer, wanted plain
/faults/quirks/star            cursor    has to begin with *, and repeats its last cursor
/faults/quirks/range           Range: items=0-9; ignored=1: the whole list; unit=: without a unit; past=416|empty; size=N at most
/faults/quirks/tenant          page tenant    next links have lost the tenant, without which 400 is answered
/faults/quirks/bare-host       page      next links begin with the host
/faults/quirks/sentry          cursor    a next link on every page, with results="false" on the last one
/faults/quirks/guarded         page      401 without X-API-Key; the links lead to `to`
/faults/quirks/window          offset    400 beyond 1,000 records of 1,500; from=ID: those from this id on, or after=ID: those after it
/faults/quirks/one-based       startAt   counts records from 1
/faults/quirks/never-null      since     the next link is on every page, at the end that of the last page again; end_of_stream says so
/faults/quirks/expired         cursor    the third page's cursor has expired: 400
/faults/quirks/bound           cursor filter  400 for a cursor without the filter that it was made with
/faults/quirks/hop/{c}         cursor in the path, "start" at first
/faults/quirks/matrix;page={n} page as a matrix parameter
/faults/quirks/page={n}/json   page as a part of the path
/faults/quirks/pair            a, b      two positions that have to move together
/faults/quirks/shape           page      shape=root|map|single|wildcard|nested|odata|odata2|hal|jsonapi|xml|xml-one|xml-none|csv|tsv|ndjson
/faults/quirks/broken          page      the second page is how=html|truncated|drip|cut
/faults/quirks/empty-middle    page      the second page is empty; more=1 with a flag that says that there is more
/faults/quirks/no-such-list    404 on the first page
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote

from demo.vendor.web import Json, Refusal, Request, Response, Route
from tests.vendor import answers
from tests.vendor.answers import Host
from tests.vendor.pages import records
from tests.vendor.parameters import flag, integer

SIZE = 10
_BASE = "/faults/quirks"


def routes(host: Host) -> list[Route]:
    gets: dict[str, Callable[..., Response]] = {
        "unsent": unsent,
        "page-offset": page_offset,
        "slots": slots,
        "limit-once": limit_once,
        "largest": largest,
        "header-page": header_page,
        "path/{n}/list": path_page,
        "total": total_named,
        "flag": flagged,
        "last-id": last_id,
        "inclusive": inclusive,
        "cursor-header": cursor_header,
        "cursor-url": cursor_url,
        "cursor-encoded": cursor_encoded,
        "star": star,
        "range": ranged,
        "tenant": tenant,
        "bare-host": bare_host,
        "sentry": sentry,
        "guarded": guarded,
        "window": window,
        "one-based": one_based,
        "never-null": never_null,
        "expired": expired,
        "bound": bound,
        "hop/{c}": hop,
        "matrix;page={n}": path_page,
        "page={n}/json": path_page,
        "pair": pair,
        "shape": shaped,
        "empty-middle": empty_middle,
        "no-such-list": no_such_list,
    }
    posts: dict[str, Callable[..., Response]] = {"search": search, "graphql": graphql, "form": form}

    def broken(request: Request) -> Response:
        return broken_page(request, host)

    return [
        *(Route("GET", f"{_BASE}/{name}", handler) for name, handler in {**gets, "broken": broken}.items()),
        *(Route("POST", f"{_BASE}/{name}", handler) for name, handler in posts.items()),
    ]


def refuse(message: str, status: int = 400) -> Refusal:
    return Refusal(status, "refused", message)


def _all(request: Request) -> list[Json]:
    return records(integer(request, "total", 25))


def _page(request: Request, number: int) -> tuple[list[Json], bool]:
    """The records of a page, counted from 1, and whether another one follows."""
    everything = _all(request)
    return everything[(number - 1) * SIZE : number * SIZE], number * SIZE < len(everything)


# --- where the position goes ------------------------------------------------------------------------------------------


def unsent(request: Request) -> Response:
    if request.get("page") in ("0", "1"):
        raise refuse("The first page has no number.")
    return Response.json({"items": _page(request, integer(request, "page", 1))[0]})


def page_offset(request: Request) -> Response:
    return Response.json({"items": _page(request, integer(request, "offset", 0) + 1)[0]})


def slots(request: Request) -> Response:
    """Places 10 to 15 are empty, as of records that the caller may not see."""
    everything = _all(request)
    places: list[Json] = [*everything[:10], *[None] * 6, *everything[10:]]
    start = integer(request, "offset", 0)
    return Response.json({"items": [item for item in places[start : start + SIZE] if item]})


def limit_once(request: Request) -> Response:
    if request.get("cursor") and request.get("limit"):
        raise refuse("A cursor comes without a limit.")
    items, more = _page(request, integer(request, "cursor", 1))
    return Response.json({"items": items, "next": str(integer(request, "cursor", 1) + 1) if more else None})


def largest(request: Request) -> Response:
    if integer(request, "size", SIZE) > SIZE:
        raise refuse("A page has at most 10 records.")
    return Response.json({"items": _page(request, integer(request, "page", 1))[0]})


def header_page(request: Request) -> Response:
    items, _ = _page(request, int(request.headers.get("x-page", "1")))
    return Response.json(items, headers=[("X-Total-Pages", str(-(-len(_all(request)) // SIZE)))])


def path_page(request: Request, number: str) -> Response:
    return Response.json({"items": _page(request, int(number))[0]})


def search(request: Request) -> Response:
    data = request.json()["Data"]
    if {type(data["Page"]), type(data["Size"])} != {str if flag(request, "text") else int}:
        raise refuse("Page and Size have the wrong type.")
    if data.get("Filter") != "all":
        raise refuse("The filter is lost.")
    return Response.json({"Data": {"Rows": _page(request, int(data["Page"]))[0]}})


def graphql(request: Request) -> Response:
    sent = request.json()
    if not sent["query"].startswith("query") or sent["variables"]["first"] != SIZE:
        raise refuse("The query is lost.")
    after = sent["variables"].get("after")
    number = int(after.removeprefix("c")) + 1 if after else 1
    items, more = _page(request, number)
    return Response.json({"data": {"items": {"nodes": items, "pageInfo": {"endCursor": f"c{number}", "hasNextPage": more}}}})


def form(request: Request) -> Response:
    sent = dict(parse_qsl(request.body.decode()))
    if sent.get("filter") != "all":
        raise refuse("The filter is lost.")
    return Response.json({"items": _page(request, int(sent["page"]))[0]})


# --- totals and flags ---------------------------------------------------------------------------------------------------


def total_named(request: Request) -> Response:
    items, _ = _page(request, integer(request, "page", 1))
    count = len(_all(request))
    pages = -(-count // SIZE)
    figures: dict[str, dict[str, Json]] = {
        "records": {"stats": {"found": count}},
        "pages": {"stats": {"pages": pages}},
        "null": {"total": None},
        "object": {"total": {"value": count, "relation": "eq"}},
        "gte": {"total": {"value": 20, "relation": "gte"}},
        "text": {"stats": {"found": str(count)}},
        "more": {"total": count + 10},
        "fewer": {"total": 17},
    }
    headers = {"header": [("X-Found", str(count))], "pages-header": [("X-WP-TotalPages", str(pages))]}
    where = request.get("where")
    return Response.json({"items": items, **figures.get(where, {})}, headers=headers.get(where, []))


def flagged(request: Request) -> Response:
    number = integer(request, "cursor", 1)
    items, more = _page(request, number)
    flags: dict[str, dict[str, Json]] = {
        "true": {"more_data": more},
        "text": {"more_data": "True" if more else "False"},
        "yes": {"more_data": "Y" if more else "N"},
        "number": {"more_data": int(more)},
        "last": {"end_of_stream": not more},
        "none": {},
    }
    return Response.json({"items": items, "next": str(number + 1), **flags[request.get("style", "true")]})


# --- cursors --------------------------------------------------------------------------------------------------------------


def last_id(request: Request) -> Response:
    after = integer(request, "starting_after", 0)
    items, more = _all(request)[after : after + SIZE], after + SIZE < len(_all(request))
    return Response.json({"items": items, **({} if flag(request, "none") else {"has_more": more})})


def inclusive(request: Request) -> Response:
    """The record that ended a page begins the next one; the last page holds that one only, for ever."""
    since = integer(request, "since", 1)
    return Response.json({"items": _all(request)[since - 1 : since - 1 + SIZE]})


def cursor_header(request: Request) -> Response:
    number = int(request.headers.get("next-cursor", "1"))
    items, more = _page(request, number)
    return Response.json({"items": items}, headers=[("X-Next-Cursor", str(number + 1))] if more else [])


def cursor_url(request: Request) -> Response:
    number = int(request.get("page_token", "t/1").removeprefix("t/"))
    items, more = _page(request, number)
    link = f"https://api.example.com/elsewhere?page_token={quote(f't/{number + 1}', safe='')}&other=1"
    return Response.json({"items": items, "next": link if more else None})


def cursor_encoded(request: Request) -> Response:
    cursor = request.get("cursor", "a b/1")
    if not cursor.startswith("a b/"):
        raise refuse("This is no cursor.")
    number = int(cursor.removeprefix("a b/"))
    items, more = _page(request, number)
    return Response.json({"items": items, "next": quote(f"a b/{number + 1}", safe="") if more else None})


def star(request: Request) -> Response:
    cursor = request.get("cursor")
    if not cursor:
        raise refuse("A cursor is needed, * at first.")
    number = 1 if cursor == "*" else int(cursor)
    items, more = _page(request, number)
    return Response.json({"items": items, "nextCursorMark": str(number + 1) if more or items else cursor})


def ranged(request: Request) -> Response:
    everything = _all(request)
    if flag(request, "ignored"):
        return Response.json(everything)
    unit = "" if "unit" in dict(request.query) else "items="
    match = re.fullmatch(rf"{unit}(\d+)-(\d+)", request.headers.get("range", ""))
    if not match:
        raise refuse("A range is needed.")
    start, stop = int(match[1]), min(int(match[2]) + 1, int(match[1]) + integer(request, "size", 1000))
    items = everything[start:stop]
    total = "*" if request.get("past") else str(len(everything))
    if not items and request.get("past") == "416":
        raise refuse("This range cannot be satisfied.", 416)
    span = f"{start}-{start + len(items) - 1}" if items else "*"
    return Response.json(items, status=206, headers=[("Content-Range", f"items {span}/{total}")])


# --- links ----------------------------------------------------------------------------------------------------------------


def tenant(request: Request) -> Response:
    if request.get("tenant") != "t 1":
        raise refuse("The tenant is missing.")
    number = integer(request, "page", 1)
    items, more = _page(request, number)
    return Response.json({"items": items, "next": f"{request.path}?page={number + 1}" if more else None})


def bare_host(request: Request) -> Response:
    number = integer(request, "page", 1)
    items, more = _page(request, number)
    host = request.origin.partition("://")[2]
    return Response.json({"items": items, "next": f"{host}{request.path}?page={number + 1}" if more else None})


def sentry(request: Request) -> Response:
    number = integer(request, "cursor", 1)
    items, more = _page(request, number)

    def link(rel: str, page: int, results: bool) -> str:
        return f'<{request.origin}{request.path}?cursor={page}>; rel="{rel}"; results="{str(results).lower()}"; cursor="{page}"'

    return Response.json(items, headers=[("Link", f"{link('previous', number - 1, number > 1)}, {link('next', number + 1, more)}")])


def guarded(request: Request) -> Response:
    if request.headers.get("x-api-key") != "k-123":
        raise Refusal(401, "unauthorized", "A key is needed.")
    number = integer(request, "page", 1)
    items, more = _page(request, number)
    to = request.get("to") or request.origin
    return Response.json({"items": items, "next": f"{to}{request.path}?page={number + 1}&to={to}" if more else None})


def window(request: Request) -> Response:
    start, size = integer(request, "offset", 0), integer(request, "limit", 100)
    if start >= 1000 or (request.get("strict") and start + size > 1000):
        raise refuse("Only the first 1,000 records can be paged through.")
    first = max(integer(request, "from", 1), integer(request, "after", 0) + 1)
    found = records(1500)[first - 1 :]
    counted: dict[str, Json] = {"total": min(len(found), 1000)} if request.get("counted") else {}
    return Response.json({"items": found[start : start + size], **counted})


def one_based(request: Request) -> Response:
    start = integer(request, "startAt", 0)
    if start < 1:
        raise refuse("Records are counted from 1.")
    return Response.json({"items": _all(request)[start - 1 : start - 1 + SIZE]})


def never_null(request: Request) -> Response:
    number = integer(request, "since", 1)
    items, more = _page(request, number)
    return Response.json({"items": items, "next": f"{request.path}?since={number + 1 if more else number}", "end_of_stream": not more})


def expired(request: Request) -> Response:
    number = integer(request, "cursor", 1)
    if number > 2:
        raise refuse("invalid_cursor: this cursor has expired.")
    return Response.json({"items": _page(request, number)[0], "next": str(number + 1)})


def bound(request: Request) -> Response:
    if request.get("filter") != "all":
        raise refuse("The cursor belongs to another query.")
    number = integer(request, "cursor", 1)
    items, more = _page(request, number)
    return Response.json({"items": items, "next": str(number + 1) if more else None})


def hop(request: Request, cursor: str) -> Response:
    number = 1 if cursor == "start" else int(cursor)
    items, more = _page(request, number)
    return Response.json({"items": items, "next": str(number + 1) if more else None})


def pair(request: Request) -> Response:
    a, b = integer(request, "a", 1), integer(request, "b", 1000)
    if a * b != 1000 and a + b != 1001:
        raise refuse("a and b do not belong together.")
    return Response.json({"items": _page(request, a)[0]})


# --- shapes and breakage --------------------------------------------------------------------------------------------------


def shaped(request: Request) -> Response:
    number, shape = integer(request, "page", 1), request.get("shape")
    items, more = _page(request, number)
    url = f"{request.origin}{request.path}?shape={shape}&page={number + 1}" if more else None
    bodies: dict[str, Json] = {
        "root": items,
        "map": {"users": {f"u{item['id']}": item for item in items}},
        "single": {"user": items[0] if items else None},
        "wildcard": {"groups": [{"users": items[:5]}, {"users": items[5:]}]},
        "nested": {"response": {"body": {"list": items}}},
        "odata": {"value": items, **({"@odata.nextLink": url} if url else {})},
        "odata2": {"d": {"results": items, **({"__next": url} if url else {})}},
        "hal": {"_embedded": {"users": items}, "_links": {"next": {"href": url}} if url else {}},
        "jsonapi": {"data": items, "links": {"next": url}},
    }
    if shape in bodies:
        return Response.json(bodies[shape])
    if shape.startswith("xml"):
        rows = "".join(f'<user id="{item["id"]}"><name>{item["name"]}</name></user>' for item in items)
        return Response(200, [("Content-Type", "text/xml; charset=utf-8")], f"<?xml version='1.0'?><users>{rows}</users>".encode())
    if shape == "ndjson":
        return Response(200, [("Content-Type", "application/x-ndjson")], "".join(json.dumps(item) + "\n" for item in items).encode())
    sign, kind = ("\t", "text/tab-separated-values") if shape == "tsv" else (",", "text/csv")
    text = "\r\n".join(sign.join(line) for line in [("id", "name"), *((str(item["id"]), f'"{item["name"]}"') for item in items)])
    return Response(200, [("Content-Type", kind)], f"\ufeff{text}\r\n".encode())


def broken_page(request: Request, host: Host) -> Response:
    number = integer(request, "page", 1)
    if number == 2:
        kinds: dict[str, Callable[[], Response]] = {
            "html": lambda: answers.html(request),
            "truncated": lambda: answers.truncated(request),
            "cut": lambda: answers.invalid_json(request),
            "drip": lambda: answers.drip(request, host.stopping),
        }
        return kinds[request.get("how")]()
    items, _ = _page(request, number)
    return Response.json({"items": items})


def empty_middle(request: Request) -> Response:
    number = integer(request, "page", 1)
    items, more = _page(request, number if number == 1 else number - 1)
    body: dict[str, Any] = {"items": [] if number == 2 else items}
    if flag(request, "more"):
        body["has_more"] = more or number == 2
    return Response.json(body)


def no_such_list(request: Request) -> Response:
    raise refuse(f"Nothing matches at {request.path}.", 404)
