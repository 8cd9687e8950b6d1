"""ETag, Last-Modified and the conditions of RFC 9110, so that nobody overwrites what they have not seen.

The tag is a digest of the document as the caller gets it: it changes with everything that the caller could have read.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.utils.cache import get_conditional_response
from django.utils.http import http_date, quote_etag
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from integrations import json_text
from integrations.refusals import Outdated, Unconditional

IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag of what you have read; 412 when somebody changed it since. `*` stands for whatever is there.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="An ETag that you have: 304 without a body when nothing changed"
)


def tag_of(document: dict[str, Any]) -> str:
    """The strong entity tag of a document."""
    text = json_text.dump(_plain(document))
    return quote_etag(sha256(text).hexdigest()[:32])


def answer(request: Request, document: dict[str, Any], *, modified: datetime | None = None, status: int = 200, **headers: str) -> Any:
    """The document with its tag and the time of its last change; 304 or 412 where a condition of the request says so."""
    tag = tag_of(document)
    response = Response(document, status=status, headers={"ETag": tag, **headers})
    when = int(modified.timestamp()) if modified else None
    if when is not None:
        response["Last-Modified"] = http_date(when)
    if request.method in ("GET", "HEAD"):
        # A tag is exact and a second is not: who sends no tag may still ask by time.
        return get_conditional_response(request._request, etag=tag, last_modified=when, response=response)  # noqa: SLF001 - DRF wraps it
    return response


def check(request: Request, read: Callable[[], dict[str, Any]]) -> None:
    """Compare If-Match with the document as it is now. Call it where the row is held, else the answer is old when it comes.

    Raises `Outdated` (412), and `Unconditional` (428) where this installation wants every change to say what it has seen.
    """
    given = request.headers.get("If-Match", "").strip()
    if not given:
        if settings.API_REQUIRE_IF_MATCH:
            raise Unconditional(
                "Read it first, and send its ETag as If-Match: somebody else may have changed it. * overwrites in any case."
            )
        return
    if given == "*":
        return
    tag = tag_of(read())
    if tag not in (part.strip() for part in given.split(",")):
        raise Outdated("Somebody has changed it since you have read it. Read it again, and make your change to what is there now.", tag=tag)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        # In one order: PostgreSQL does not keep the one in which a JSON column was written.
        return {name: _plain(value[name]) for name in sorted(value, key=str)}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else JSONEncoder().default(value)
