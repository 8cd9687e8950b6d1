"""What a caller is to an integration: the connection that the caller's requests use, and whose account that is at the vendor."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from connections.account import account_of
from connections.api.schema import AccountDocument, OwnConnectionDocument
from connections.api.views import represent
from connections.models import Connection
from connections.proxy import routes
from connections.proxy.routes import connection_of
from connections.retries import CallError
from integrations.api.problems import problem
from integrations.api.schema import problems
from integrations.models import Organization, Role
from integrations.permissions import integration_for, organization_for, signed_in

WHOSE = OpenApiParameter("organization", str, description="Id or slug: whose connection, where the caller has several")


class OwnConnectionView(APIView):
    @extend_schema(
        operation_id="getIntegrationConnection",
        summary="The connection that the caller's requests use",
        description="In the mode per-user the caller's own; in the mode shared the one that everybody uses.",
        parameters=[WHOSE],
        responses={200: OwnConnectionDocument, **problems(401, 403, 404, 409)},
        tags=["integrations"],
    )
    def get(self, request: Request, key: str) -> Response:
        user = signed_in(request)
        integration = integration_for(user, key)
        return Response(shown(connection_of(user, integration, _organization(request))[1]))


class AccountView(APIView):
    @extend_schema(
        operation_id="getIntegrationAccount",
        summary="Whose account the caller's connection uses at the vendor",
        description="Asked of the vendor with the integration's account request, else with its ping; null is what the vendor does not say.",
        parameters=[WHOSE],
        responses={200: AccountDocument, **problems(401, 403, 404, 409, 502)},
        tags=["integrations"],
    )
    def get(self, request: Request, key: str) -> Response:
        user = signed_in(request)
        integration = integration_for(user, key)
        try:
            return Response(account_of(routes.route(user, integration, _organization(request)).client))
        except (CallError, routes.Unreachable) as error:
            return problem(code=502, kind="vendor-unreachable", title="The vendor does not say", detail=error.message)


def shown(connection: Connection) -> dict[str, Any]:
    """A connection as clients of seed documents know it, and all that is known of it besides."""
    return {
        **represent(connection),
        "integrationId": str(connection.integration_id),
        "ownerId": connection.owner.username if connection.owner else connection.organization.slug,
        "isShared": connection.owner is None,
    }


def _organization(request: Request) -> Organization | None:
    named = request.query_params.get("organization")
    return organization_for(request.user, Role.OPERATOR, named) if named else None
