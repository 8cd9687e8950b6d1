"""Errors of the API as RFC 9457 problem details."""

from __future__ import annotations

import logging
from dataclasses import asdict, is_dataclass
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler

from integrations.access.metadata import challenge
from integrations.api.authentication import InsufficientScope
from integrations.refusals import Conflict, Disabled, Gone, Incomplete, Invalid, Outdated, Refusal, Unavailable, Unconditional

logger = logging.getLogger(__name__)


class ProblemRenderer(JSONRenderer):
    media_type = "application/problem+json"
    format = "problem"


def problem(*, code: int, kind: str, title: str, detail: str, **more: Any) -> Response:
    """A problem document. `kind` is the stable part of its type; `more` are extension members such as `errors`."""
    body = {"type": f"urn:junction:problem:{kind}", "title": title, "status": code, "detail": detail, **more}
    response = Response(body, status=code, content_type="application/problem+json")
    response.accepted_renderer = ProblemRenderer()
    response.accepted_media_type = "application/problem+json"
    response.renderer_context = {}  # type: ignore[attr-defined]
    return response


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: refusals of services, DRF's own errors, and nothing else (a fault of ours stays a 500)."""
    known = of_refusal(error) if isinstance(error, Refusal) else None
    if known is not None:
        return _marked(known)
    if isinstance(error, Http404):
        return _marked(problem(code=404, kind="not-found", title="Not found", detail="There is nothing at this address that you may see."))
    if isinstance(error, RequestDataTooBig):
        return _marked(too_large())
    if isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, InsufficientScope):
        answer = problem(
            code=403, kind="insufficient-scope", title="The token is not good for this", detail=str(error.detail), scope=error.scope
        )
        answer["WWW-Authenticate"] = challenge(error="insufficient_scope", scope=error.scope)
        return _marked(answer)
    plain = exception_handler(error, context)
    if plain is None or not isinstance(error, exceptions.APIException):
        return None
    answer = _of_api_exception(error)
    for name, value in plain.headers.items():
        if name in ("WWW-Authenticate", "Retry-After", "Allow"):
            answer[name] = value
    return _marked(answer)


def too_large() -> Response:
    detail = "The body of the request is too large. Send less, or a document as a file in multipart/form-data."
    return problem(code=413, kind="too-large", title="Too large", detail=detail)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler of requests that no view gets to see: a problem for programs, the page for people."""
    if not f"{request.path_info}/".startswith(("/api/", "/integration/")):
        return defaults.bad_request(request, exception)
    answer = problem(
        code=400,
        kind="malformed",
        title="The request cannot be read",
        detail="The address or the body is not what HTTP allows here. Check it.",
    )
    return answer.render()


def of_refusal(error: Refusal) -> Response:
    """A service's refusal as a problem."""
    match error:
        case Invalid():
            errors = [{"field": field, "message": sentence} for field, sentences in error.errors.items() for sentence in sentences]
            return problem(code=422, kind="invalid", title="Some values do not fit", detail=error.message, errors=errors)
        case Incomplete():
            gaps = [asdict(gap) for gap in error.gaps if is_dataclass(gap) and not isinstance(gap, type)]
            return problem(
                code=422,
                kind="incomplete",
                title="Something is missing",
                detail=" ".join(gap["message"] for gap in gaps) or error.message,
                errors=[{"field": gap["field"], "message": gap["message"], "step": gap["step"]} for gap in gaps],
            )
        case Disabled():
            return problem(code=403, kind="feature-disabled", title="This feature is disabled", detail=error.message)
        case Outdated():
            answer = problem(code=412, kind="outdated", title="It was changed in the meantime", detail=error.message)
            if error.tag:
                answer["ETag"] = error.tag
            return answer
        case Unconditional():
            return problem(code=428, kind="precondition-required", title="Say what you have read", detail=error.message)
        case Conflict():
            return problem(code=409, kind="conflict", title="Not possible as things stand", detail=error.message)
        case Gone():
            return problem(code=410, kind="gone", title="No longer there", detail=error.message)
        case Unavailable():
            return problem(code=503, kind="unavailable", title="Not available now", detail=error.message)
    return problem(code=400, kind="refused", title="Refused", detail=error.message)


def _of_api_exception(error: exceptions.APIException) -> Response:
    code = error.status_code
    if isinstance(error, exceptions.ValidationError):
        errors = list(_flatten(error.detail))
        return problem(
            code=422, kind="invalid", title="Some values do not fit", detail=" ".join(item["message"] for item in errors), errors=errors
        )
    if isinstance(error, exceptions.ParseError):
        return problem(code=400, kind="malformed", title="The request cannot be read", detail=f"{error.detail} Send a JSON object.")
    titles = {
        401: "Sign in first",
        403: "Not allowed",
        404: "Not found",
        405: "Method not allowed",
        406: "Not acceptable",
        415: "Media type not supported",
        429: "Too many requests",
    }
    kinds = {
        401: "unauthenticated",
        403: "forbidden",
        404: "not-found",
        405: "method",
        406: "not-acceptable",
        415: "media-type",
        429: "throttled",
    }
    detail = {
        403: "Your role does not allow this. Ask an admin of the organization for a higher one.",
        404: "There is nothing at this address that you may see.",
        429: "You have sent as many requests as this minute allows. Wait for as many seconds as Retry-After says.",
    }.get(code, str(error.detail))
    return problem(code=code, kind=kinds.get(code, "refused"), title=titles.get(code, "Refused"), detail=detail)


def _flatten(detail: Any, field: str = "") -> Any:
    if isinstance(detail, dict):
        for name, value in detail.items():
            yield from _flatten(value, "" if name == "non_field_errors" else f"{field}.{name}".strip("."))
    elif isinstance(detail, list):
        for number, value in enumerate(detail):
            yield from _flatten(value, f"{field}.{number}" if isinstance(value, dict | list) else field)
    else:
        yield {"field": field, "message": str(detail)}


def _marked(response: Response) -> Response:
    response.exception = True
    return response
