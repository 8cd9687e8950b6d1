"""Install requests over HTTP: ask, list, decide."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.hal import link, paged
from integrations import installing
from integrations.api.listing import Choice, Filters, Order
from integrations.api.payloads import text_in
from integrations.api.schema import DecisionRequest, InstallRequestCollection, InstallRequestDocument, InstallRequestRequest, problems
from integrations.api.views import json_object
from integrations.models import InstallRequest, Role
from integrations.permissions import integration_for, organization_for, request_for, signed_in
from integrations.refusals import Invalid


def represent(asked: InstallRequest) -> dict[str, Any]:
    return {
        "_links": {"self": link(f"/api/install-requests/{asked.pk}")},
        "id": str(asked.pk),
        "integration": asked.integration.slug,
        "organization": {"id": str(asked.organization.pk), "name": asked.organization.name, "slug": asked.organization.slug},
        "state": asked.state,
        "reason": asked.reason,
        "answer": asked.answer,
        "createdAt": asked.created_at,
        "decidedAt": asked.decided_at,
    }


class InstallRequestFilters(Filters):
    state = Choice("state", InstallRequest.State.choices)
    ordering = Order({"created_at": "createdAt", "decided_at": "decidedAt"})


class InstallRequestsView(APIView):
    @extend_schema(
        operation_id="listInstallRequests",
        summary="List install requests that one may decide on, and one's own",
        parameters=InstallRequestFilters.parameters(),
        responses={200: InstallRequestCollection, **problems(401, 422)},
        tags=["install requests"],
    )
    def get(self, request: Request) -> Response:
        rows = InstallRequest.objects.visible_to(request.user).select_related("integration", "organization")
        rows = InstallRequestFilters.narrow(request, rows)
        return paged(request, rows, rel="install-request", represent=represent, path="/api/install-requests")


class AskView(APIView):
    @extend_schema(
        operation_id="createInstallRequest",
        summary="Ask the owner of an integration to let an organization connect",
        request=InstallRequestRequest,
        responses={201: InstallRequestDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["install requests"],
    )
    def post(self, request: Request, key: str) -> Response:
        integration = integration_for(request.user, key)
        payload = json_object(request)
        organization = organization_for(request.user, Role.OPERATOR, str(payload.get("organization") or "") or None)
        asked = installing.ask(
            integration=integration, organization=organization, user=signed_in(request), reason=text_in(payload, "reason")
        )
        return Response(represent(asked), status=201)


class DecisionView(APIView):
    @extend_schema(
        operation_id="decideInstallRequest",
        summary="Approve or decline an install request",
        request=DecisionRequest,
        responses={200: InstallRequestDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["install requests"],
    )
    def post(self, request: Request, pk: Any) -> Response:
        asked = request_for(request.user, pk)
        payload = json_object(request)
        if not isinstance(payload.get("approve"), bool):
            raise Invalid({"approve": ["Enter true or false."]})
        decided = installing.decide(request=asked, approve=payload["approve"], user=signed_in(request), answer=text_in(payload, "answer"))
        return Response(represent(decided))
