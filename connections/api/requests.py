"""The request log over HTTP."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.hal import array, page_of
from connections import request_log
from connections.api.schema import ExchangeDocument
from connections.api.views import exchange_document
from connections.log_pages import logged_for
from connections.models import LoggedRequest
from integrations.api.listing import Choice, Filters, Order
from integrations.api.schema import problems
from integrations.refusals import Invalid


class LoggedRequestDocument(serializers.Serializer):
    id = serializers.IntegerField()
    connection = serializers.UUIDField()
    at = serializers.DateTimeField()
    source = serializers.ChoiceField([value for value, _ in LoggedRequest.Source.choices])  # type: ignore[assignment]  # a member of the document
    action = serializers.CharField(help_text="Name of the action; empty where none was called")
    actionId = serializers.CharField()
    run = serializers.CharField()
    method = serializers.CharField()
    url = serializers.CharField(help_text="Without secrets")
    status = serializers.IntegerField(allow_null=True, help_text="null: no answer came")
    error = serializers.CharField()
    cause = serializers.CharField()
    elapsedMs = serializers.IntegerField()


class LoggedRequestDetail(LoggedRequestDocument):
    caller = serializers.CharField(help_text="Who sent a proxy request; empty for others")
    leftOut = serializers.IntegerField(
        help_text="Proxy requests of this connection before this one that are not in the log: of many at once it keeps a sample"
    )
    exchange = ExchangeDocument()
    curl = serializers.CharField(help_text="The request as a command for a shell; secrets stand as $SECRET")


class RequestFilters(Filters):
    connection = django_filters.UUIDFilter("connection", help_text="Id of a connection")
    action = django_filters.CharFilter(method="search", max_length=200, help_text="Id of an action, or a part of its name")
    url = django_filters.CharFilter(method="search", max_length=200, help_text="A part of the URL")
    run = django_filters.UUIDFilter(method="search", help_text="Id of a run")
    source = Choice("source", LoggedRequest.Source.choices)
    status = django_filters.CharFilter(method="search", max_length=10, help_text="404, 5xx, or none for calls without an answer")
    since = django_filters.IsoDateTimeFilter("at", "gte", help_text="From this time on")
    until = django_filters.IsoDateTimeFilter("at", "lt", help_text="Before this time")
    ordering = Order({"at": "at", "elapsed_ms": "elapsedMs"})

    def search(self, rows: Any, name: str, value: Any) -> Any:
        try:
            return request_log.narrowed(rows, {name: value})
        except ValueError as error:
            raise Invalid({name: [str(error)]}) from None


def represent(row: LoggedRequest) -> dict[str, Any]:
    return {
        "id": row.pk,
        "connection": str(row.connection_id),
        "at": row.at,
        "source": row.source,
        "action": row.subject,
        "actionId": row.subject_id,
        "run": row.run_id,
        "method": row.method,
        "url": row.url,
        "status": row.status,
        "error": row.error,
        "cause": row.cause,
        "elapsedMs": row.elapsed_ms,
    }


class LoggedRequestsView(APIView):
    @extend_schema(
        operation_id="listLoggedRequests",
        summary="The request log, newest first",
        description="Of connections that the caller may use. Secrets are masked. Rows are kept for REQUEST_LOG_DAYS.",
        parameters=RequestFilters.parameters(),
        responses={200: LoggedRequestDocument(many=True), **problems(401, 422)},
        tags=["connections"],
    )
    def get(self, request: Request) -> Response:
        rows = LoggedRequest.objects.visible_to(request.user).defer("content")
        return array(request, page_of(request, RequestFilters.narrow(request, rows)), represent)


class LoggedRequestView(APIView):
    @extend_schema(
        operation_id="getLoggedRequest",
        summary="One request of the log, with headers, the beginnings of the bodies, and as a command for curl",
        responses={200: LoggedRequestDetail, **problems(401, 403, 404)},
        tags=["connections"],
    )
    def get(self, request: Request, pk: int) -> Response:
        row = logged_for(request.user, pk)
        entry = request_log.as_entry(row)
        kept = {"caller": row.content.get("caller", ""), "leftOut": row.content.get("leftOut", 0)}
        return Response({**represent(row), **kept, "exchange": exchange_document(entry), "curl": request_log.as_curl(entry)})
