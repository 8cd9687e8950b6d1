"""Actions of an integration over HTTP: import, list, add, change, delete, rename, finalize."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

import django_filters
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from actions import fetching, finalize, importing, services
from actions.api import drafts
from actions.api.representation import represent
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
from config.hal import HALRenderer, array
from integrations import json_text
from integrations import services as integrations
from integrations.api import conditions, representation
from integrations.api.listing import MAX_TEXT, PARTS, Choice, Filters, Flag, Order
from integrations.api.parsing import StrictJSONParser
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.models import Integration, Role
from integrations.operation import METHODS
from integrations.permissions import check_builder, integration_for, is_uuid, may_edit, organization_for, signed_in
from integrations.refusals import Conflict, Invalid, check_known

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
    "rateLimit",
    "deprecated",
    "tags",
    "responseSchema",
}
_READ_ONLY = {"id", "integration", "suggestion", "suggestedResultsKeys", "templates"}


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
        parameters=[conditions.IF_MATCH],
        request=NoteRequest,
        responses={200: FinalizedDocument, **problems(400, 401, 403, 404, 409, 412, 422, 428)},
        tags=["integrations"],
    )
    def post(self, request: Request, key: str) -> Response:
        integration = integration_for(request.user, key, edit=True)
        note = json_object(request).get("note", "")
        if not isinstance(note, str):
            raise Invalid({"note": ["Enter text."]})
        with transaction.atomic():
            drafts.unchanged(request, integration)
            closed = finalize.finalize(integration=integration, user=signed_in(request), note=note)
        integration.refresh_from_db()
        doubts = [{"field": doubt.field, "message": doubt.message} for doubt in finalize.warnings(closed)]
        return Response({**representation.full(integration, editor=True), "warnings": doubts})


class ActionFilters(Filters):
    q = django_filters.CharFilter(method="search", help_text="Text in name, key or path", max_length=MAX_TEXT)
    key = django_filters.CharFilter(max_length=MAX_TEXT)
    method = Choice("method", [(name, name) for name in METHODS])
    paginated = Flag("paginated")
    deprecated = Flag("deprecated")
    ordering = Order({"position": "position", "name": "name", "path": "path", "method": "method", "key": "key"})

    def search(self, rows: Any, name: str, value: str) -> Any:  # noqa: ARG002 - the library's signature
        return services.search(rows, value.strip()) if value.strip() else rows


class ActionsView(APIView):
    @extend_schema(
        operation_id="listActions",
        summary="List an integration's actions",
        parameters=ActionFilters.parameters(PARTS),
        responses={200: ActionDocument(many=True), **problems(401, 404, 422)},
        tags=["actions"],
    )
    def get(self, request: Request, key: str) -> Response:
        integration = integration_for(request.user, key)
        revision = representation.shown_revision(integration, editor=may_edit(request.user, integration))
        return array(request, ActionFilters.narrow(request, revision.actions.select_related("revision")), represent, whole=True)

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
        return conditions.answer(request, represent(action), status=201, Location=f"/api/actions/{action.uid}")


class ActionView(APIView):
    @extend_schema(
        operation_id="getAction",
        summary="Read an action",
        parameters=[conditions.IF_NONE_MATCH],
        responses={200: ActionDocument, 304: None, **problems(401, 404)},
        tags=["actions"],
    )
    def get(self, request: Request, key: str) -> Response:
        return conditions.answer(request, represent(action_for(request.user, key)))

    @extend_schema(
        operation_id="updateAction",
        summary="Change an action in the draft; fields that are left out stay",
        parameters=[conditions.IF_MATCH],
        request=ActionRequest,
        responses={200: ActionDocument, **problems(400, 401, 403, 404, 409, 412, 422, 428)},
        tags=["actions"],
    )
    def patch(self, request: Request, key: str) -> Response:
        with transaction.atomic():
            changed = services.change(action=_unchanged(request, key), values=_values(request))
        return conditions.answer(request, represent(changed))

    @extend_schema(
        operation_id="deleteAction",
        summary="Delete an action from the draft",
        parameters=[conditions.IF_MATCH],
        responses={204: None, **problems(401, 403, 404, 409, 412, 428)},
        tags=["actions"],
    )
    def delete(self, request: Request, key: str) -> Response:
        with transaction.atomic():
            services.remove(action=_unchanged(request, key))
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


def _unchanged(request: Request, key: str) -> Action:
    """The action that the user may change, with its integration held; If-Match was compared with it as it is now."""
    integrations.locked(action_for(request.user, key, edit=True).revision.integration)
    action = action_for(request.user, key, edit=True)
    conditions.check(request, lambda: represent(action))
    return action


def _values(request: Request) -> dict[str, Any]:
    payload = json_object(request)
    check_known(payload, {*_WRITABLE, *_READ_ONLY})
    values = {name: value for name, value in payload.items() if name in _WRITABLE}
    if not values:
        raise Conflict("The request changes nothing. Send at least one field of the action.")
    return values
