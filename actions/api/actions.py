"""Actions of an integration over HTTP: import, list, add, change, delete, rename, finalize."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from actions import fetching, finalize, importing, services
from actions.api.schema import (
    ActionDocument,
    ActionRequest,
    FinalizedDocument,
    ImportDocument,
    ImportRequest,
    NoteRequest,
    RenameDocument,
    RenameRequest,
)
from actions.models import Action
from config.hal import HALRenderer
from integrations import json_text
from integrations.api import representation
from integrations.api.parsing import StrictJSONParser
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.models import Integration, Role
from integrations.openapi.answers import results_keys
from integrations.permissions import check_builder, integration_for, is_uuid, may_edit, organization_for, signed_in
from integrations.refusals import Conflict, Invalid

_WRITABLE = {
    "key",
    "name",
    "description",
    "method",
    "path",
    "parameters",
    "body",
    "paginated",
    "pagination",
    "resultsKey",
    "errors",
    "errorExpression",
    "deprecated",
    "tags",
    "responseSchema",
}
_READ_ONLY = {"id", "integration", "suggestion", "suggestedResultsKeys"}


def represent(action: Action) -> dict[str, Any]:
    operation = action.operation
    keys = results_keys(operation.response_schema, operation.path) if operation.response_schema else []
    return {
        "id": str(action.uid),
        "integration": str(action.revision.integration_id),
        **operation.dump(),
        "suggestedResultsKeys": keys,
    }


def action_for(user: Any, key: str, *, edit: bool = False) -> Action:
    """The action with this id: an editor's is the one in the open draft, everybody else's the one in force."""
    if not is_uuid(key):
        raise Http404
    rows = Action.objects.visible_to(user).filter(uid=key).select_related("revision__integration").order_by("-revision__number")
    newest = rows.first()
    if newest is None:
        raise Http404
    editor = may_edit(user, newest.revision.integration)
    if edit and not editor:
        raise PermissionDenied
    if edit:
        check_builder(newest.revision.integration.organization)
    found = newest if editor else rows.filter(revision__finalized_at__isnull=False).first()
    if found is None:
        raise Http404
    return found


class ImportView(APIView):
    parser_classes = [MultiPartParser, StrictJSONParser]
    renderer_classes = [JSONRenderer, HALRenderer]

    @extend_schema(
        operation_id="importIntegration",
        summary="Import an OpenAPI or Swagger document, or a zip archive of one, as a draft",
        request={
            "application/json": ImportRequest,
            "multipart/form-data": {
                "type": "object",
                "properties": {"file": {"type": "string", "format": "binary"}, "organization": {"type": "string"}},
            },
        },
        responses={201: ImportDocument, **problems(400, 401, 403, 422)},
        tags=["integrations"],
    )
    def post(self, request: Request) -> Response:
        organization = organization_for(
            request.user, Role.BUILDER, request.data.get("organization") if isinstance(request.data, dict) else None
        )
        check_builder(organization)
        report = importing.import_document(**self._document(request), organization=organization, user=signed_in(request))
        integration = report.integration
        body = {
            **representation.full(integration, editor=True),
            "version": report.version,
            "actionCount": report.operations,
            "linter": report.linter,
            "findings": report.findings,
            "repairs": [asdict(row) for row in report.repairs],
        }
        return Response(body, status=201, headers={"Location": f"/api/integrations/{integration.pk}"})

    @staticmethod
    def _document(request: Request) -> dict[str, Any]:
        upload = next(iter(request.FILES.values()), None)
        if upload is not None:
            importing.check_size(upload.size or 0)
            return {"data": upload.read(), "source": upload.name or ""}
        payload = json_object(request)
        url, document = payload.get("url"), payload.get("document")
        if isinstance(url, str) and url.strip():
            fetched = fetching.fetch(url.strip())
            return {"data": fetched.data, "source": fetched.url, "source_url": fetched.url, "notes": fetched.findings}
        if isinstance(document, dict):
            return {"data": json_text.dump(document)}
        if isinstance(document, str) and document.strip():
            return {"data": document.encode()}
        raise Invalid({"file": ['Send the document as the part "file" of multipart/form-data, or as JSON {"url": …} or {"document": …}.']})


class FinalizeView(APIView):
    renderer_classes = [JSONRenderer, HALRenderer]

    @extend_schema(
        operation_id="finalizeIntegration",
        summary="Close the open draft; what it describes is in force from then on",
        request=NoteRequest,
        responses={200: FinalizedDocument, **problems(401, 403, 404, 409, 422)},
        tags=["integrations"],
    )
    def post(self, request: Request, key: str) -> Response:
        integration = integration_for(request.user, key, edit=True)
        note = json_object(request).get("note", "")
        closed = finalize.finalize(integration=integration, user=signed_in(request), note=note if isinstance(note, str) else "")
        integration.refresh_from_db()
        doubts = [{"field": doubt.field, "message": doubt.message} for doubt in finalize.warnings(closed)]
        return Response({**representation.full(integration, editor=True), "warnings": doubts})


class ActionsView(APIView):
    @extend_schema(
        operation_id="listActions",
        summary="List an integration's actions",
        parameters=[OpenApiParameter("q", str, description="Text in name, key or path")],
        responses={200: ActionDocument(many=True), **problems(401, 404)},
        tags=["actions"],
    )
    def get(self, request: Request, key: str) -> Response:
        integration = integration_for(request.user, key)
        revision = representation.shown_revision(integration, editor=may_edit(request.user, integration))
        rows = revision.actions.select_related("revision")
        text = request.query_params.get("q", "").strip()
        if text:
            rows = services.search(rows, text)
        return Response([represent(row) for row in rows])

    @extend_schema(
        operation_id="createAction",
        summary="Add an action to the draft",
        request=ActionRequest,
        responses={201: ActionDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["actions"],
    )
    def post(self, request: Request, key: str) -> Response:
        integration = integration_for(request.user, key, edit=True)
        action = services.add(integration=integration, values=_values(request))
        return Response(represent(action), status=201, headers={"Location": f"/api/actions/{action.uid}"})


class ActionView(APIView):
    @extend_schema(
        operation_id="getAction", summary="Read an action", responses={200: ActionDocument, **problems(401, 404)}, tags=["actions"]
    )
    def get(self, request: Request, key: str) -> Response:
        return Response(represent(action_for(request.user, key)))

    @extend_schema(
        operation_id="updateAction",
        summary="Change an action in the draft; fields that are left out stay",
        request=ActionRequest,
        responses={200: ActionDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["actions"],
    )
    def patch(self, request: Request, key: str) -> Response:
        action = action_for(request.user, key, edit=True)
        return Response(represent(services.change(action=action, values=_values(request))))

    @extend_schema(
        operation_id="deleteAction",
        summary="Delete an action from the draft",
        responses={204: None, **problems(401, 403, 404, 409)},
        tags=["actions"],
    )
    def delete(self, request: Request, key: str) -> Response:
        services.remove(action=action_for(request.user, key, edit=True))
        return Response(status=204)


class RenameView(APIView):
    @extend_schema(
        operation_id="renameActions",
        summary="Replace a pattern in the name or description of several actions",
        request=RenameRequest,
        responses={200: RenameDocument, **problems(400, 401, 403, 404, 422)},
        tags=["actions"],
    )
    def post(self, request: Request, key: str) -> Response:
        integration: Integration = integration_for(request.user, key, edit=True)
        payload = json_object(request)
        texts = {name: payload.get(name, "") for name in ("field", "pattern", "replacement")}
        if any(not isinstance(value, str) for value in texts.values()):
            raise Invalid({name: ["Enter text."] for name, value in texts.items() if not isinstance(value, str)})
        dry_run = payload.get("dryRun", False)
        if not isinstance(dry_run, bool):
            raise Invalid({"dryRun": ["Enter true or false."]})
        chosen = payload.get("actions")
        if chosen is not None and (not isinstance(chosen, list) or not all(is_uuid(item) for item in chosen)):
            raise Invalid({"actions": ["Enter a list of action ids."]})
        changes = services.rename(
            integration=integration, **texts, uids=None if chosen is None else [UUID(str(item)) for item in chosen], dry_run=dry_run
        )
        return Response({"dryRun": dry_run, "count": len(changes), "changes": changes})


def _values(request: Request) -> dict[str, Any]:
    payload = json_object(request)
    unknown = sorted(set(payload) - _WRITABLE - _READ_ONLY)
    if unknown:
        raise Invalid({name: ["This field is not known."] for name in unknown})
    values = {name: value for name, value in payload.items() if name in _WRITABLE}
    if not values:
        raise Conflict("The request changes nothing. Send at least one field of the action.")
    return values
