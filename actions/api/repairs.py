"""The repairs of an import over HTTP: list, undo, redo."""

from __future__ import annotations

from dataclasses import asdict

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from actions import undoing
from actions.api.schema import RepairDocument
from config.hal import array
from integrations.api.listing import PARTS
from integrations.api.schema import problems
from integrations.models import Integration
from integrations.permissions import integration_for


class RepairsView(APIView):
    @extend_schema(
        operation_id="listRepairs",
        summary="List what the import of an integration repaired",
        parameters=PARTS,
        responses={200: RepairDocument(many=True), **problems(401, 403, 404, 422)},
        tags=["integrations"],
    )
    def get(self, request: Request, key: str) -> Response:
        revision = undoing.imported_revision(integration_for(request.user, key, edit=True))
        return array(request, undoing.rows(revision) if revision else [], asdict, whole=True)


class UndoView(APIView):
    @extend_schema(
        operation_id="undoRepair",
        summary="Put back into the draft what the document says",
        request=None,
        responses={200: RepairDocument, **problems(401, 403, 404, 409, 422)},
        tags=["integrations"],
    )
    def post(self, request: Request, key: str, number: int) -> Response:
        return Response(asdict(undoing.undo(integration=_with_repair(request, key, number), number=number)))


class RedoView(APIView):
    @extend_schema(
        operation_id="redoRepair",
        summary="Make a repair again that was undone",
        request=None,
        responses={200: RepairDocument, **problems(401, 403, 404, 409, 422)},
        tags=["integrations"],
    )
    def post(self, request: Request, key: str, number: int) -> Response:
        return Response(asdict(undoing.undo(integration=_with_repair(request, key, number), number=number, redo=True)))


def _with_repair(request: Request, key: str, number: int) -> Integration:
    """The integration that the user may change, if its import has a repair with this number."""
    integration = integration_for(request.user, key, edit=True)
    revision = undoing.imported_revision(integration)
    if revision is None or not 1 <= number <= len(revision.repairs):
        raise Http404
    return integration
