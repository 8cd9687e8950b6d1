"""The definition that one works on, whole: read it, drop its changes, and the tag that finalizing can be bound to."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from actions.api.representation import represent
from actions.api.schema import DraftDocument
from integrations import services
from integrations.api import conditions
from integrations.api.schema import problems
from integrations.models import Integration
from integrations.permissions import integration_for


def whole(integration: Integration) -> dict[str, Any]:
    """The open draft, else the revision in force, with its actions."""
    revision = integration.working
    return {
        "integration": str(integration.pk),
        "number": revision.number,
        "state": "finalized" if revision.finalized_at else "draft",
        "definition": revision.definition.dump(),
        "actions": [represent(action) for action in revision.actions.select_related("revision")],
    }


def unchanged(request: Request, integration: Integration) -> None:
    """Hold the integration, and compare If-Match with its draft."""
    held = services.locked(integration)
    conditions.check(request, lambda: whole(held))


class DraftView(APIView):
    @extend_schema(
        operation_id="getDraft",
        summary="Read the definition that one works on, with all actions",
        description="The open draft; where there is none, the revision in force. Its ETag changes with every setting and every action: "
        "send it as If-Match to finalize exactly what you have read.",
        parameters=[conditions.IF_NONE_MATCH],
        responses={200: DraftDocument, 304: None, **problems(401, 403, 404)},
        tags=["integrations"],
    )
    def get(self, request: Request, key: str) -> Response:
        return conditions.answer(request, whole(integration_for(request.user, key, edit=True)))

    @extend_schema(
        operation_id="discardDraft",
        summary="Drop the changes that were not finalized",
        parameters=[conditions.IF_MATCH],
        responses={204: None, **problems(401, 403, 404, 409, 412, 428)},
        tags=["integrations"],
    )
    def delete(self, request: Request, key: str) -> Response:
        integration = integration_for(request.user, key, edit=True)
        with transaction.atomic():
            unchanged(request, integration)
            services.discard_draft(integration=integration)
        return Response(status=204)
