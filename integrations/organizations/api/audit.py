"""The audit log over HTTP."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.hal import paged
from integrations.api.listing import PAGING
from integrations.api.schema import problems
from integrations.models import AuditEntry
from integrations.organizations import log_pages
from integrations.organizations.api import schema
from integrations.refusals import Invalid


class AuditView(APIView):
    @extend_schema(
        operation_id="listAuditEntries",
        summary="Read the audit log of the organizations that one administers, newest first",
        parameters=[
            OpenApiParameter("q", {"type": "string", "maxLength": 200}, description="Text in a name"),
            OpenApiParameter("kind", str, enum=AuditEntry.Kind.values),
            OpenApiParameter("object", {"type": "string", "maxLength": 64}, description="Id of what was changed"),
            OpenApiParameter("since", OpenApiTypes.DATE, description="From this day on"),
            OpenApiParameter("until", OpenApiTypes.DATE, description="Up to this day, included"),
            *PAGING,
        ],
        responses={200: schema.AuditCollection, **problems(401, 422)},
        tags=["audit"],
    )
    def get(self, request: Request) -> Response:
        empty = [name for name in ("kind", "object", "since", "until") if request.query_params.get(name) == ""]
        if empty:
            raise Invalid({name: ["Leave the parameter out, or give it a value."] for name in empty})
        form = log_pages.LogFilter(request.query_params)
        if not form.is_valid():
            raise Invalid({name: [str(sentence) for sentence in sentences] for name, sentences in form.errors.items()})
        rows = form.narrow(AuditEntry.objects.visible_to(request.user))
        return paged(request, rows, rel="entry", represent=log_pages.represent, path="/api/audit")
