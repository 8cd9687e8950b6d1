"""Runs over HTTP: start, watch, cancel, read the records."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

import django_filters
from django.core.exceptions import PermissionDenied
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from actions import ledger, results, runs
from actions.api.schema import LedgerDocument, LedgerRow, ResumeRequest, RunDocument, RunRequest
from actions.downloads import FORMATS, LEDGER_FORMATS, download, download_ledger
from actions.models import Action, Run
from actions.permissions import run_for
from config.hal import array
from connections.choosing.walk import Seeker, why_not_for
from connections.models import Connection
from connections.permissions import may_use
from integrations.api.listing import Choice, Exactly, Filters, Order
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.models import Integration, Organization, Role, User
from integrations.permissions import by_id, is_uuid, organization_for, running_for, signed_in
from integrations.refusals import Conflict, Invalid, check_known

_ACCEPTED = {
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "text/csv": "csv",
}
_FIELDS = {"action", "connection", "organization", "environment", "inputs", "pageSize", "maxPages", "uniqueBy"}
RECORDS_A_PART, MOST_RECORDS = 1000, 10_000
LEDGER_PART = 100  # pages in a part of the ledger


def represent(run: Run) -> dict[str, Any]:
    return {
        "id": str(run.pk),
        "action": str(run.action.uid),
        "connection": str(run.connection_id),
        "integration": str(run.connection.integration_id),
        "environment": run.connection.environment,
        "revision": run.action.revision.number,
        "organization": str(run.organization_id),
        "schedule": str(run.schedule_id) if run.schedule_id else None,
        "mapping": run.mapped or None,
        "inputs": run.inputs,
        "pageSize": run.page_size,
        "maxPages": run.max_pages,
        "state": run.state,
        "verdict": run.verdict or None,
        "message": run.message,
        "error": run.message if run.verdict == Run.Verdict.FAILED else None,
        "blame": run.blame or None,
        "cause": run.cause or None,
        "failedStatus": run.failed_status,
        "pages": run.page_count,
        "records": run.record_count,
        "uniqueBy": run.unique_by,
        "dropped": run.dropped_count,
        "bytes": run.byte_count,
        "total": run.total,
        "storedBytes": run.stored_bytes,
        "recordsRemovedAt": run.records_removed_at,
        "resumable": run.is_resumable,
        "resumeAt": run.resume_at,
        "createdAt": run.created_at,
        "startedAt": run.started_at,
        "finishedAt": run.finished_at,
    }


class RunFilters(Filters):
    connection = django_filters.UUIDFilter(field_name="connection_id")
    action = django_filters.UUIDFilter(field_name="action__uid")
    integration = django_filters.UUIDFilter(field_name="connection__integration_id")
    organization = django_filters.UUIDFilter(field_name="connection__organization_id")
    environment = Exactly("connection__environment", "Slug of an environment, for example production")
    schedule = django_filters.UUIDFilter(field_name="schedule_id")
    state = Choice("state", Run.State.choices)
    verdict = Choice("verdict", Run.Verdict.choices)
    blame = Choice("blame", Run.Blame.choices)
    createdAfter = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte", help_text="From this moment on")
    createdBefore = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt", help_text="Before this moment")
    ordering = Order({"created_at": "createdAt", "finished_at": "finishedAt", "record_count": "records"})


class RunsView(APIView):
    @extend_schema(
        operation_id="listRuns",
        summary="List runs, newest first",
        parameters=RunFilters.parameters(),
        responses={200: RunDocument(many=True), **problems(401, 422)},
        tags=["runs"],
    )
    def get(self, request: Request) -> Response:
        rows = (
            Run.objects.visible_to(request.user)
            .select_related("action__revision", "connection")
            .defer("action__content", *(f"action__revision__{name}" for name in ("content", "findings", "repairs", "auth_choices")))
        )
        return array(request, RunFilters.narrow(request, rows), represent)

    @extend_schema(
        operation_id="startRun",
        summary="Start a run of an action",
        request=RunRequest,
        responses={202: RunDocument, **problems(400, 401, 403, 409, 422)},
        tags=["runs"],
    )
    def post(self, request: Request) -> Response:
        payload = json_object(request)
        check_known(payload, _FIELDS)
        user = signed_in(request)
        organization, connection = self.for_whom(user, payload)
        action = self.action_named(user, payload.get("action"), connection)
        inputs = payload.get("inputs") or {}
        if not isinstance(inputs, dict):
            raise Invalid({"inputs": ["Enter an object of values by parameter name."]})
        run = runs.start(
            action=action,
            connection=connection,
            organization=organization,
            environment=payload.get("environment"),
            user=user,
            inputs=inputs,
            page_size=payload.get("pageSize"),
            max_pages=payload.get("maxPages", runs.DEFAULT_LIMIT),
            unique_by=payload.get("uniqueBy"),
        )
        return Response(represent(run), status=202, headers={"Location": f"/api/runs/{run.pk}"})

    @staticmethod
    def for_whom(user: User, payload: dict[str, Any]) -> tuple[Organization, Connection | None]:
        """The organization that it runs for and the connection that is named, if any: one that the user may use, or one that the
        organization may."""
        key, named = payload.get("connection"), payload.get("organization")
        rows = Connection.objects.select_related("integration", "organization", "revision")
        found = by_id(rows, key)
        uid = str(payload.get("action") or "")
        action = Action.objects.visible_to(user).filter(uid=uid) if is_uuid(uid) else Action.objects.none()
        integration = found.integration if found else Integration.objects.filter(revisions__actions__in=action).first()

        def running() -> Organization:
            given = str(named) if named else None
            return running_for(user, integration, given) if integration else organization_for(user, Role.OPERATOR, given)

        if key is None:
            return running(), None
        if found and Connection.objects.visible_to(user).filter(pk=found.pk).exists():
            if named:
                return running(), found
            if not may_use(user, found):
                raise PermissionDenied
            return found.organization, found
        if found:
            organization = running()
            if not why_not_for(found, Seeker(organization, found.integration, user)):
                return organization, found
        raise Invalid({"connection": ["There is no such connection that you may see. Send its id, or leave it out: then one is chosen."]})

    @staticmethod
    def action_named(user: Any, key: Any, connection: Connection | None) -> Action:
        rows = (
            Action.objects.filter(uid=key).select_related("revision__integration").order_by("-revision__number")
            if is_uuid(key)
            else Action.objects.none()
        )
        other = rows.visible_to(user).first()
        integration_id = connection.integration_id if connection else other.revision.integration_id if other else None
        found = rows.filter(revision__integration=integration_id, revision__finalized_at__isnull=False).first()
        if found is not None:
            return found
        if other is None:
            raise Invalid({"action": ["There is no such action that you may see. Send its id."]})
        if other.revision.integration_id == integration_id:
            raise Conflict("This action is new in the draft. It can be run once the draft is finalized.")
        raise Conflict("The action and the connection belong to different integrations. Choose a connection of the action's integration.")


class RunView(APIView):
    @extend_schema(operation_id="getRun", summary="Read a run", responses={200: RunDocument, **problems(401, 404)}, tags=["runs"])
    def get(self, request: Request, key: str) -> Response:
        return Response(represent(run_for(request.user, key)))

    @extend_schema(
        operation_id="deleteRun",
        summary="Delete a run that has ended, with its ledger and its records",
        request=None,
        responses={204: None, **problems(401, 403, 404, 409)},
        tags=["runs"],
    )
    def delete(self, request: Request, key: str) -> Response:
        runs.delete(run=run_for(request.user, key, use=True))
        return Response(status=204)


class RunCancelView(APIView):
    @extend_schema(
        operation_id="cancelRun",
        summary="Cancel a run",
        request=None,
        responses={200: RunDocument, **problems(401, 403, 404)},
        tags=["runs"],
    )
    def post(self, request: Request, key: str) -> Response:
        return Response(represent(runs.cancel(run=run_for(request.user, key, use=True))))


class RunResumeView(APIView):
    @extend_schema(
        operation_id="resumeRun",
        summary="Resume a run that failed, was truncated or cancelled from its last page",
        request=ResumeRequest,
        responses={202: RunDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["runs"],
    )
    def post(self, request: Request, key: str) -> Response:
        payload = json_object(request) if request.body else {}
        check_known(payload, {"morePages"})
        run = runs.resume(run=run_for(request.user, key, use=True), user=signed_in(request), more_pages=payload.get("morePages"))
        return Response(represent(run), status=202)


class LedgerView(APIView):
    """`content_negotiation_class` of the records does not fit: there is no NDJSON of a ledger."""

    @extend_schema(
        operation_id="readLedger",
        summary="Read the ledger of a run: what was asked, page by page, and what came",
        parameters=[
            OpenApiParameter("format", str, enum=list(LEDGER_FORMATS), description="A file of all pages, instead of one part"),
            OpenApiParameter(
                "after",
                {"type": "integer", "minimum": 0, "maximum": 10**9 - 1},
                description="The number of a page; the part begins after it",
            ),
        ],
        responses={
            (200, "application/json"): PolymorphicProxySerializer(
                component_name="Ledger", serializers=[LedgerDocument, LedgerRow(many=True)], resource_type_field_name=None, many=False
            ),
            (200, "text/csv"): OpenApiTypes.STR,
            **problems(401, 404, 422),
        },
        tags=["runs"],
    )
    def get(self, request: Request, key: str) -> Response | StreamingHttpResponse:
        run = run_for(request.user, key)
        asked = request.query_params.get("format", "").lower()
        if asked and asked not in LEDGER_FORMATS:
            raise Invalid({"format": [f"{asked} is not offered. Use one of: {', '.join(LEDGER_FORMATS)}."]})
        after = _whole(request, "after", 0)
        if asked:
            return download_ledger(run, asked)
        lines = list(islice(ledger.rows(run, after=after), LEDGER_PART))
        last = lines[-1]["page"] if lines else after
        return Response({"pages": lines, "next": last if last < ledger.last_line(run) else None})


class RecordFormat(BaseContentNegotiation):
    """`?format=` first, then Accept, else JSON. Errors are JSON in any case, so the renderer is always that one."""

    def select_parser(self, request: Request, parsers: Any) -> Any:  # noqa: ARG002 - the signature of the library
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> tuple[BaseRenderer, str]:  # noqa: ARG002
        return JSONRenderer(), "application/json"

    @staticmethod
    def name(request: Request) -> str:
        asked = request.query_params.get("format", "").lower()
        if asked:
            if asked not in FORMATS:
                raise Invalid({"format": [f"{asked} is not offered. Use one of: {', '.join(FORMATS)}."]})
            return asked
        for item in request.headers.get("Accept", "").split(","):
            kind = item.partition(";")[0].strip().lower()
            if kind in _ACCEPTED:
                return _ACCEPTED[kind]
        return "json"


class RecordsView(APIView):
    content_negotiation_class = RecordFormat

    @extend_schema(
        operation_id="listRecords",
        summary="Read all records of a run, as far as it has come",
        parameters=[
            OpenApiParameter("format", str, enum=list(FORMATS), description="Instead of Accept"),
            OpenApiParameter(
                "cursor",
                {"type": "string", "pattern": r"^(\d{1,9}\.\d{1,9})?$"},
                description="Read in parts: empty for the first one, then `next` of the answer. The answer is an object then, "
                "with `records`, `next` (null at the end) and `more` (false once the run has ended and all was read).",
            ),
            OpenApiParameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": MOST_RECORDS, "default": RECORDS_A_PART},
                description="Records of a part",
            ),
        ],
        responses={
            (200, "application/json"): {
                "oneOf": [
                    {"type": "array", "items": {}},
                    {
                        "type": "object",
                        "required": ["records", "next", "more"],
                        "properties": {
                            "records": {"type": "array", "items": {}},
                            "next": {"type": "string", "nullable": True},
                            "more": {"type": "boolean"},
                        },
                    },
                ]
            },
            (200, "application/x-ndjson"): OpenApiTypes.STR,
            (200, "text/csv"): OpenApiTypes.STR,
            **problems(401, 404, 410, 422, 503),
        },
        tags=["runs"],
    )
    def get(self, request: Request, key: str) -> Response | StreamingHttpResponse:
        run = run_for(request.user, key)
        limit = _whole(request, "limit", RECORDS_A_PART)
        if not 1 <= limit <= MOST_RECORDS:
            raise Invalid({"limit": [f"Enter a whole number from 1 to {MOST_RECORDS:,}."]})
        if "cursor" not in request.query_params:
            return download(run, RecordFormat.name(request))
        found, (page, read) = results.after(run, _position(request.query_params["cursor"]), limit)
        ended = run.is_finished and len(found) < limit
        return Response({"records": found, "next": None if ended else f"{page}.{read}", "more": not ended})


def _position(cursor: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,9})\.(\d{1,9})", cursor or "1.0", re.ASCII)
    if not match:
        raise Invalid({"cursor": ["This is no cursor of this list. Start with an empty one, and take `next` of each answer."]})
    return int(match[1]), int(match[2])


def _whole(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    if name in request.query_params and not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid({name: ["Enter a whole number from 0 on."]})
    return int(text) if text else default
