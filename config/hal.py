"""HAL (application/hal+json): links, collections, the renderer. Knows no app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

DEFAULT_LIMIT = 50
MAX_LIMIT = 500


class HALRenderer(JSONRenderer):
    """JSON under HAL's media type; clients that ask for application/json get the same with that type."""

    media_type = "application/hal+json"
    format = "hal"


def link(href: str, *, templated: bool = False) -> dict[str, Any]:
    """One link object."""
    return {"href": href, "templated": True} if templated else {"href": href}


def window(request: Request) -> tuple[int, int]:
    """`start` (from 0) and `limit` (1 to MAX_LIMIT) of the query; what is no number counts as not given."""
    start = _number(request.query_params.get("start"), 0)
    limit = _number(request.query_params.get("limit"), DEFAULT_LIMIT)
    return start, max(1, min(limit, MAX_LIMIT))


def collection(
    request: Request, rows: QuerySet[Any] | Sequence[Any], *, rel: str, represent: Callable[[Any], dict[str, Any]], path: str
) -> dict[str, Any]:
    """A page of `rows` under `_embedded[rel]` with start, count and total, and links to its neighbours."""
    start, limit = window(request)
    total = rows.count() if isinstance(rows, QuerySet) else len(rows)
    items = [represent(row) for row in rows[start : start + limit]]
    links = {"self": link(_at(path, request, start, limit))}
    if start + limit < total:
        links["next"] = link(_at(path, request, start + limit, limit))
    if start > 0:
        links["prev"] = link(_at(path, request, max(0, start - limit), limit))
    return {"_links": links, "_embedded": {rel: items}, "start": start, "count": len(items), "total": total}


def _at(path: str, request: Request, start: int, limit: int) -> str:
    query = [(name, value) for name, value in request.query_params.items() if name not in ("start", "limit")]
    if start or limit != DEFAULT_LIMIT:
        query += [("start", str(start)), ("limit", str(limit))]
    return f"{path}?{urlencode(query)}" if query else path


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else default
