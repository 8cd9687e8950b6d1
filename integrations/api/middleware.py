"""What is round every answer of the API: the fields of the rate limit, and POSTs that are sent a second time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.access import idempotency
from integrations.api.problems import problem, too_large
from integrations.models import KeptAnswer


class RateLimitMiddleware:
    """Writes what `CallerThrottle` has counted."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        allowance = getattr(request, "allowance", None)
        if allowance is not None:
            for name, value in allowance.headers.items():
                response[name] = value
        return response


class IdempotencyMiddleware:
    """Answers a POST of the API whose Idempotency-Key is known.

    A view whose answers hold secrets says `gives_secrets = True`, and so does an answer that holds one; these are not kept.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view_func: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        view = getattr(view_func, "cls", None)
        if request.method != "POST" or not isinstance(view, type) or not issubclass(view, APIView):
            return None
        key = idempotency.key_of(request)
        if key is None:
            return None
        if not key:
            detail = f"An {idempotency.HEADER} is 1 to {idempotency.MAX_KEY} letters, digits and . _ : ~ + / = - such as a UUID."
            return _answered(problem(code=400, kind="malformed", title="The request cannot be read", detail=detail))
        try:
            what = idempotency.fingerprint(request)
        except RequestDataTooBig:
            return _answered(too_large())
        who = idempotency.caller(request, view)
        if not who:
            return None
        row, is_new = idempotency.claim(caller=who, key=key, fingerprint=what)
        if not is_new:
            return _known(row, what)
        secret = bool(getattr(view, "gives_secrets", False))
        try:
            response = view_func(request, *args, **kwargs)
        except BaseException:  # also the end of the process: there is no answer to keep, so the key may be used again. Django logs it
            row.delete()
            raise
        if isinstance(response, Response) and not response.is_rendered:
            response.add_post_render_callback(lambda rendered: idempotency.keep(row, rendered, secret=secret))
        else:
            idempotency.keep(row, response, secret=secret or getattr(response, "gives_secrets", False))
        return response


def _known(row: KeptAnswer, fingerprint: str) -> HttpResponse:
    if row.fingerprint != fingerprint:
        detail = "This key was sent with another request. Give each request a key of its own, and repeat a request unchanged."
        return _answered(problem(code=422, kind="key-reused", title="The key belongs to another request", detail=detail))
    if row.status is None:
        detail = "The first request with this key is still being carried out. Wait a moment, then send it again."
        answer = problem(code=409, kind="in-flight", title="Not finished yet", detail=detail)
        answer["Retry-After"] = "1"
        return _answered(answer)
    if row.body is None:
        where = f" See {row.headers['Location']}." if "Location" in row.headers else ""
        detail = f"This request was carried out ({row.status}); it is not carried out again, and its answer is not kept.{where}"
        return _answered(problem(code=409, kind="answer-not-kept", title="Carried out already", detail=detail))
    return idempotency.replayed(row)


def _answered(response: Response) -> HttpResponse:
    return response.render()
