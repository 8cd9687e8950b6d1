"""Revisions over HTTP: the history, the difference of two, going back."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from actions import history
from actions.api.schema import DifferenceDocument, NoteRequest, RevisionDocument
from actions.pages.history import revision_of
from config.hal import array
from integrations.api.listing import PARTS
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.models import Revision
from integrations.permissions import integration_for, signed_in


def represent(revision: Revision) -> dict[str, Any]:
    return {
        "number": revision.number,
        "state": "finalized" if revision.finalized_at else "draft",
        "finalizedAt": revision.finalized_at,
        "finalizedBy": revision.finalized_by.username if revision.finalized_by else None,
        "note": revision.note,
        "createdAt": revision.created_at,
    }


class RevisionsView(APIView):
    @extend_schema(
        operation_id="listRevisions",
        summary="List the revisions of an integration, newest first",
        parameters=PARTS,
        responses={200: RevisionDocument(many=True), **problems(401, 403, 404, 422)},
        tags=["integrations"],
    )
    def get(self, request: Request, key: str) -> Response:
        return array(request, history.history(integration_for(request.user, key, edit=True)), represent, whole=True)


class ChangesView(APIView):
    @extend_schema(
        operation_id="compareRevisions",
        summary="What a revision changed",
        parameters=[OpenApiParameter("against", int, description="Another revision; the one before it when left out")],
        responses={200: DifferenceDocument, **problems(401, 403, 404)},
        tags=["integrations"],
    )
    def get(self, request: Request, key: str, number: int) -> Response:
        integration = integration_for(request.user, key, edit=True)
        after = revision_of(integration, number)
        against = request.query_params.get("against", "")
        if against:
            before: Revision | None = revision_of(
                integration, int(against) if against.isascii() and against.isdigit() and len(against) < 9 else 0
            )
        else:
            before = integration.revisions.filter(number__lt=number).order_by("-number").first()
        found = history.difference(before, after)
        return Response(
            {
                "before": before.number if before else None,
                "after": after.number,
                "definition": _fields(found.definition),
                "actions": {
                    "added": [_action(row) for row in found.added],
                    "removed": [_action(row) for row in found.removed],
                    "changed": [{**_action(row), "fields": _fields(row.fields)} for row in found.changed],
                },
            }
        )


class RestoreView(APIView):
    @extend_schema(
        operation_id="restoreRevision",
        summary="Put an earlier revision in force again, as a new one",
        request=NoteRequest,
        responses={200: RevisionDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["integrations"],
    )
    def post(self, request: Request, key: str, number: int) -> Response:
        integration = integration_for(request.user, key, edit=True)
        revision_of(integration, number)
        note = json_object(request).get("note", "")
        made = history.roll_back(
            integration=integration, number=number, user=signed_in(request), note=note if isinstance(note, str) else ""
        )
        return Response(represent(made))


def _fields(changes: list[history.FieldChange]) -> list[dict[str, Any]]:
    return [{"field": change.field, "before": change.before, "after": change.after} for change in changes]


def _action(change: history.ActionChange) -> dict[str, Any]:
    return {"id": str(change.uid), "name": change.name, "method": change.method, "path": change.path}
