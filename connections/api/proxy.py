"""POST /api/integrations/{id or slug}/request: a true proxy to the vendor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from oauth2_provider.models import AbstractAccessToken
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from connections.api.schema import ProxyRequest
from connections.proxy import routes
from connections.proxy.records import Record
from connections.proxy.requests import returned
from connections.transport import Streamed, TransportError
from integrations.access.idempotency import HEADER
from integrations.access.limits import caller_of
from integrations.api.problems import of_refusal, problem
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.models import Role
from integrations.permissions import integration_for, organization_for, signed_in
from integrations.refusals import Refusal

FAILURE: Final = "Junction-Failure"
AT_ONCE: Final = 64 * 1024  # bytes; a smaller answer is sent as one piece
# An answer that a browser opens from Junction's own address may run and load nothing there.
SANDBOX: Final = "default-src 'none'; sandbox"


class AnythingGoes(BaseContentNegotiation):
    """The vendor decides about the media type; own failures are JSON."""

    def select_parser(self, request: Request, parsers: Any) -> Any:  # noqa: ARG002 - the signature of the library
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:  # noqa: ARG002
        return JSONRenderer(), "application/json"


class ProxyView(APIView):
    content_negotiation_class = AnythingGoes

    @extend_schema(
        operation_id="proxyRequest",
        summary="Call the vendor through the caller's connection",
        description="The vendor's status, headers and body come back as they are, redirects included; only headers of one hop, cookies and "
        f"those that speak for an address are left out. A failure of Junction's own carries the header {FAILURE} with its kind: no answer "
        "of a vendor has it. The path stays below the integration's base URI; Authorization and cookies of the caller are not sent.",
        parameters=[OpenApiParameter("organization", str, description="Id or slug: whose connection, where the caller has several")],
        request=ProxyRequest,
        responses={(200, "*/*"): OpenApiTypes.BINARY, "default": OpenApiResponse(OpenApiTypes.BINARY, description="The vendor's answer"),
                   **problems(400, 401, 403, 404, 409, 502)},
        tags=["integrations"],
    )  # fmt: skip
    def post(self, request: Request, key: str) -> HttpResponseBase:
        user = signed_in(request)
        integration = integration_for(user, key)
        named = request.query_params.get("organization")
        organization = organization_for(user, Role.OPERATOR, named) if named else None
        route = routes.route(user, integration, organization)
        response = answered(route, *route.send(json_object(request), accept_encoding=request.headers.get("Accept-Encoding", "")))
        if HEADER in request.headers and not response.streaming:
            # The caller gets what the vendor said; kept, to be said again, is only what repeats none of the connection's secrets.
            response.gives_secrets = route.is_secret(response.content, response.get("Content-Encoding", ""))  # type: ignore[attr-defined]
        if isinstance(request.auth, AbstractAccessToken) and not named:
            response.decided = (route, request.auth, caller_of(user, request.auth))  # type: ignore[attr-defined]  # for `lane`
        return response

    def handle_exception(self, exc: Exception) -> Response:
        return refused(exc) if isinstance(exc, Refusal) else own_failure(super().handle_exception(exc))


def refused(error: Refusal) -> Response:
    """A service's no as an answer of this address."""
    if isinstance(error, routes.Unreachable):
        response = problem(code=502, kind="vendor-unreachable", title="No answer of the vendor", detail=error.message)
    else:
        response = of_refusal(error)
    response.exception = True
    return own_failure(response)


def own_failure(response: Response) -> Response:
    """Junction's own no: a problem document that also has the three members by which clients of other products know it."""
    data: dict[str, Any] = response.data
    if response.status_code == 422:
        response.status_code = data["status"] = 400
    response.data = {**data, "statusCode": response.status_code, "error": data.get("title", ""), "message": data.get("detail", "")}
    response[FAILURE] = str(data.get("type", "")).rpartition(":")[2] or "refused"
    return response


def answered(route: routes.Route, answer: Streamed, record: Record) -> HttpResponseBase:
    """The vendor's answer as ours: a small one whole, a large one as it comes. The record is written when the caller has it."""
    if answer.status > 599:  # RFC 9110 15: to be treated as an invalid answer
        answer.close()
        record.write()
        raise routes.Unreachable(f"The vendor answered with the status {answer.status}, which HTTP does not know.")
    length, reason = answer.length, route.cleaned(answer.reason) or None
    chunks = record.watched(answer.chunks(seconds=settings.PROXY_SECONDS))
    if length is not None and length <= AT_ONCE:
        try:
            response: HttpResponseBase = HttpResponse(b"".join(chunks), status=answer.status, reason=reason)
        except TransportError as error:
            record.write()
            raise routes.Unreachable(route.client.redact(error.message)) from None
    else:
        response = StreamingHttpResponse(_pieces(chunks), status=answer.status, reason=reason)
        response._resource_closers.append(answer.close)  # type: ignore[attr-defined]  # noqa: SLF001 - as Django does for a generator
    response._resource_closers.append(record.write)  # type: ignore[attr-defined]  # noqa: SLF001 - the same
    del response["Content-Type"]  # ours, which stands for nothing
    for name, value in route.returned(returned(answer.headers)):
        if name.lower() == "vary" or name not in response:
            response[name] = value
        else:
            response[name] = f"{response[name]}, {value}"
    if answer.is_bodiless:
        # The length of what a GET would have got: to our caller, who sent a POST, it announces a body that never comes.
        del response["Content-Length"]
    response["Content-Security-Policy"] = SANDBOX
    response["X-Content-Type-Options"] = "nosniff"
    response.setdefault("Cache-Control", "private, no-store")
    return response


def _pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """A body that breaks off breaks off here too, so that no half of it is taken for the whole."""
    yield from chunks
