"""The five ways in which the sample vendor hands out a collection page by page.

Every way caps the page size at MAX_PAGE_SIZE without a word, as most vendors do, and answers 422 to a number that is
none. A page beyond the end is an empty page.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from math import ceil
from urllib.parse import urlencode

from demo.vendor.data import Record
from demo.vendor.web import Refusal, Request, Response, whole

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 200


def number(request: Request, name: str, default: int, *, least: int) -> int:
    """A whole number from the query. Raises Refusal 422."""
    value = whole(request.get(name, str(default)))
    if value is None or value < least:
        raise Refusal(422, "invalid_parameter", f"{name} is a whole number from {least}.", parameter=name)
    return value


def _size(request: Request, name: str) -> int:
    return min(number(request, name, DEFAULT_PAGE_SIZE, least=1), MAX_PAGE_SIZE)


def by_page(request: Request, records: Sequence[Record]) -> Response:
    """`page` counts from 1."""
    page, size = number(request, "page", 1, least=1), _size(request, "page_size")
    return Response.json(
        {
            "items": records[(page - 1) * size : page * size],
            "page": page,
            "page_size": size,
            "page_count": ceil(len(records) / size),
            "total": len(records),
        }
    )


def by_index(request: Request, records: Sequence[Record]) -> Response:
    """`offset` counts records from 0."""
    offset, limit = number(request, "offset", 0, least=0), _size(request, "limit")
    return Response.json({"results": records[offset : offset + limit], "offset": offset, "limit": limit, "count": len(records)})


def by_link_header(request: Request, records: Sequence[Record]) -> Response:
    """The body is the bare list; the Link header (RFC 8288) says where the other pages are."""
    page, size = number(request, "page", 1, least=1), _size(request, "per_page")
    last = max(1, ceil(len(records) / size))
    targets = {"first": 1, "prev": page - 1 if page > 1 else None, "next": page + 1 if page < last else None, "last": last}
    links = [f'<{_address(request, page=n, per_page=size)}>; rel="{rel}"' for rel, n in targets.items() if n]
    return Response.json(
        records[(page - 1) * size : page * size], headers=[("Link", ", ".join(links)), ("X-Total-Count", str(len(records)))]
    )


def by_body_link(request: Request, records: Sequence[Record]) -> Response:
    """`links.next` is the URL of the next page, null on the last one; `link_style=relative` leaves out scheme and host."""
    style = request.get("link_style", "absolute")
    if style not in ("absolute", "relative"):
        raise Refusal(422, "invalid_parameter", "link_style is absolute or relative.", parameter="link_style")
    page, size = number(request, "page", 1, least=1), _size(request, "per_page")

    def link(n: int) -> str:
        address = _address(request, page=n, per_page=size)
        return address.removeprefix(request.origin) if style == "relative" else address

    more = page * size < len(records)
    return Response.json(
        {"data": records[(page - 1) * size : page * size], "links": {"self": link(page), "next": link(page + 1) if more else None}}
    )


def by_pointer(request: Request, records: Sequence[Record]) -> Response:
    """`next_cursor` goes into the next request as `cursor`; it is null on the last page."""
    start, limit = _position(request.get("cursor")), _size(request, "limit")
    end = start + limit
    return Response.json({"data": records[start:end], "next_cursor": _cursor(end) if end < len(records) else None})


def _address(request: Request, **changed: int) -> str:
    """The address of this request with some query parameters replaced. A key in the query is not repeated in it."""
    pairs = [(name, value) for name, value in request.query if name not in changed and name != "api_key"]
    return f"{request.origin}{request.path}?{urlencode([*pairs, *changed.items()])}"


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(f"after:{position}".encode()).decode()


def _position(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        word, _, position = base64.b64decode(cursor, altchars=b"-_", validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        word, position = "", ""
    start = whole(position)
    if word != "after" or start is None:
        raise Refusal(422, "invalid_cursor", "The cursor is not one that this API gave out. Start again without it.", parameter="cursor")
    return start
