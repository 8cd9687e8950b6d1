"""HAL (application/hal+json): links, collections, the renderer; and the paging that every list has. Knows no app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
MAX_START = 10**9 - 1  # what a database takes for an offset


class HALRenderer(JSONRenderer):
    """JSON under HAL's media type; clients that ask for application/json get the same with that type."""

    media_type = "application/hal+json"
    format = "hal"


@dataclass(frozen=True)
class Page:
    """A part of a list, and the addresses of its neighbours by relation: self, first, prev, next, last."""

    rows: list[Any]
    start: int
    limit: int
    total: int
    links: dict[str, str]

    @property
    def headers(self) -> dict[str, str]:
        """What clients that follow Link (RFC 8288) read; the same on every list, HAL or not."""
        around = ", ".join(f'<{href}>; rel="{rel}"' for rel, href in self.links.items() if rel != "self")
        return {"X-Total-Count": str(self.total), **({"Link": around} if around else {})}


def link(href: str, *, templated: bool = False) -> dict[str, Any]:
    """One link object."""
    return {"href": href, "templated": True} if templated else {"href": href}


def window(request: Request) -> tuple[int, int]:
    """`start` (from 0) and `limit` (1 to MAX_LIMIT) of the query. Raises DRF's `ValidationError` for what is neither."""
    start, limit = _number(request, "start", 0), _number(request, "limit", DEFAULT_LIMIT)
    errors = {}
    if start is None or start > MAX_START:
        errors["start"] = ["Enter a whole number from 0 on."]
    if limit is None or not 1 <= limit <= MAX_LIMIT:
        errors["limit"] = [f"Enter a whole number from 1 to {MAX_LIMIT}."]
    if errors or start is None or limit is None:
        raise ValidationError(errors)
    return start, limit


def page_of(request: Request, rows: QuerySet[Any] | Sequence[Any], *, path: str | None = None, whole: bool = False) -> Page:
    """The part of `rows` that the query asks for; `whole`: all from `start` on, if it has no `limit`."""
    start, limit = window(request)
    total = rows.count() if isinstance(rows, QuerySet) else len(rows)
    if whole and "limit" not in request.query_params:
        return Page(list(rows[start:]), start, total, total, {})
    path = path or request.path
    links = {"self": _at(path, request, start, limit)}
    if start + limit < total:
        links["next"] = _at(path, request, start + limit, limit)
        links["last"] = _at(path, request, start + (total - 1 - start) // limit * limit, limit)
    if start > 0:
        links["first"] = _at(path, request, 0, limit)
        links["prev"] = _at(path, request, max(0, start - limit), limit)
    return Page(list(rows[start : start + limit]), start, limit, total, links)


def collection(
    request: Request, rows: QuerySet[Any] | Sequence[Any] | Page, *, rel: str, represent: Callable[[Any], dict[str, Any]], path: str
) -> dict[str, Any]:
    """A page of `rows` under `_embedded[rel]` with start, count and total, and links to its neighbours."""
    page = rows if isinstance(rows, Page) else page_of(request, rows, path=path)
    return {
        "_links": {name: link(href) for name, href in page.links.items() if name in ("self", "next", "prev")},
        "_embedded": {rel: [represent(row) for row in page.rows]},
        "start": page.start,
        "count": len(page.rows),
        "total": page.total,
    }


def paged(
    request: Request, rows: QuerySet[Any] | Sequence[Any] | Page, *, rel: str, represent: Callable[[Any], dict[str, Any]], path: str
) -> Response:
    """The same as an answer, with the headers of every list."""
    page = rows if isinstance(rows, Page) else page_of(request, rows, path=path)
    return Response(collection(request, page, rel=rel, represent=represent, path=path), headers=page.headers)


def array(
    request: Request, rows: QuerySet[Any] | Sequence[Any] | Page, represent: Callable[[Any], dict[str, Any]], *, whole: bool = False
) -> Response:
    """A page of `rows` as a plain array; what stands around it is in the headers Link and X-Total-Count.

    `whole`: the parts of one thing, such as an integration's actions. Nobody looks for a second page of them, so they come all
    unless the query has a `limit`.
    """
    page = rows if isinstance(rows, Page) else page_of(request, rows, whole=whole)
    return Response([represent(row) for row in page.rows], headers=page.headers)


def _at(path: str, request: Request, start: int, limit: int) -> str:
    query = [(name, value) for name, values in request.query_params.lists() for value in values if name not in ("start", "limit")]
    if start or limit != DEFAULT_LIMIT:
        query += [("start", str(start)), ("limit", str(limit))]
    return f"{path}?{urlencode(query)}" if query else path


def _number(request: Request, name: str, default: int) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return default
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
