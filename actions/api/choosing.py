"""Which connection is used, and what an organization says about it, over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from actions.api.mapping_schema import ChoiceDocument, OverrideDocument, OverrideRequest
from actions.models import Action
from actions.permissions import runnable_action
from config.hal import array
from connections.choosing import overrides
from connections.choosing.models import Override
from connections.choosing.walk import Choice, choose
from connections.mapping.values import placeholders
from connections.models import Connection
from integrations.api.listing import PARTS
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.models import Integration, Organization, Role
from integrations.organizations import environments
from integrations.permissions import by_id, integration_for, is_uuid, organization_for, signed_in
from integrations.refusals import Invalid, check_known

ORGANIZATION = OpenApiParameter("organization", str, description="Id or slug; by default the caller's topmost one")
_FIELDS = {"organization", "action", "selection", "connection", "name", "fallback"}


def asked_for(request: Request, role: str) -> Organization:
    """The organization of the query."""
    return organization_for(request.user, role, request.query_params.get("organization"))


def represent(choice: Choice) -> dict[str, Any]:
    found = choice.connection
    return {
        "organization": str(choice.seeker.organization.pk),
        "integration": str(choice.seeker.integration.pk),
        "action": str(choice.seeker.action) if choice.seeker.action else None,
        "connection": _connection(found),
        "reason": choice.reason,
        "problem": choice.problem or None,
        "mapping": (placeholders(choice.seeker.organization, found) or None) if found else None,
        "override": _override(choice.override) if choice.override else None,
        "steps": [
            {"rule": step.rule, "title": step.title, "taken": step.taken, "why": step.why, "connection": _connection(step.connection)}
            for step in choice.steps
        ],
    }


def _connection(connection: Connection | None) -> dict[str, str] | None:
    """Of a connection above no more than who reads it has to know: its settings and its secrets are its owner's."""
    if connection is None:
        return None
    return {"id": str(connection.pk), "name": connection.name, "organization": str(connection.organization_id)}


def _override(override: Override) -> dict[str, Any]:
    return {
        "action": str(override.action) if override.action else None,
        "selection": override.selection,
        "connection": str(override.connection_id) if override.connection_id else None,
        "name": override.name,
        "fallback": override.fallback,
        "updatedAt": override.updated_at,
    }


class ChoiceView(APIView):
    @extend_schema(
        operation_id="explainConnection",
        summary="Say which connection a run for an organization would use, and why",
        parameters=[
            ORGANIZATION,
            OpenApiParameter("action", OpenApiTypes.UUID, description="An action; left out: any"),
            OpenApiParameter("environment", str, description="Slug of an environment; left out: production"),
        ],
        responses={200: ChoiceDocument, **problems(401, 403, 404, 422)},
        tags=["connections"],
    )
    def get(self, request: Request, key: str) -> Response:
        integration = integration_for(request.user, key)
        organization = asked_for(request, Role.VIEWER)
        if request.query_params.get("action") == "":
            raise Invalid({"action": ["Leave the parameter out, or give it a value."]})
        action = action_in(integration, request.query_params.get("action"))
        choice = choose(
            organization=organization,
            integration=integration,
            user=signed_in(request),
            action=action.uid if action else None,
            environment=environments.checked(organization, request.query_params.get("environment")),
        )
        return Response(represent(choice))


class OverridesView(APIView):
    @extend_schema(
        operation_id="listConnectionOverrides",
        summary="List what an organization has set about which connection is used",
        parameters=[ORGANIZATION, *PARTS],
        responses={200: OverrideDocument(many=True), **problems(401, 403, 404, 422)},
        tags=["connections"],
    )
    def get(self, request: Request, key: str) -> Response:
        integration = integration_for(request.user, key)
        return array(request, overrides.overrides_of(asked_for(request, Role.VIEWER), integration), _override, whole=True)

    @extend_schema(
        operation_id="setConnectionOverride",
        summary="Set which connection an organization's runs use, for an integration or for one action of it",
        request=OverrideRequest,
        responses={200: OverrideDocument, **problems(400, 401, 403, 404, 422)},
        tags=["connections"],
    )
    def put(self, request: Request, key: str) -> Response:
        integration = integration_for(request.user, key)
        payload = json_object(request)
        check_known(payload, _FIELDS)
        named = payload.get("organization")
        organization = organization_for(request.user, Role.OPERATOR, str(named) if named else None)
        action = action_in(integration, payload.get("action"))
        found = overrides.set_override(
            organization=organization,
            integration=integration,
            user=signed_in(request),
            action=action.uid if action else None,
            selection=payload.get("selection", Override.Selection.DEFAULT),
            connection=_named(integration, organization, payload.get("connection")),
            name=payload.get("name", ""),
            fallback=payload.get("fallback", Override.Fallback.DEFAULT),
        )
        return Response(_override(found))

    @extend_schema(
        operation_id="clearConnectionOverride",
        summary="Take back what was set, for the integration or with `action` for that one",
        parameters=[ORGANIZATION, OpenApiParameter("action", OpenApiTypes.UUID)],
        responses={204: None, **problems(401, 403, 404, 422)},
        tags=["connections"],
    )
    def delete(self, request: Request, key: str) -> Response:
        integration = integration_for(request.user, key)
        organization = asked_for(request, Role.OPERATOR)
        given = request.query_params.get("action")
        # The action may be gone by now.
        if given is not None and not is_uuid(given):
            raise Invalid({"action": ["Send the id of an action."]})
        overrides.clear_override(organization=organization, integration=integration, action=UUID(given) if given else None)
        return Response(status=204)


def action_in(integration: Integration, key: Any) -> Action | None:
    """The action of the integration as runs use it, None where none is named."""
    if key in (None, ""):
        return None
    try:
        return runnable_action(integration, key)
    except Http404:
        raise Invalid({"action": ["This integration has no such finalized action. Send its id."]}) from None


def _named(integration: Integration, organization: Organization, key: Any) -> Connection | None:
    """The connection that is named, of the organization or of one above it; whether it may be used is judged later."""
    if key in (None, ""):
        return None
    rows = Connection.objects.filter(integration=integration, organization__in=organization.ancestor_ids)
    found = by_id(rows.select_related("organization", "integration"), key)
    if found is None:
        raise Invalid({"connection": [f"{organization} and the organizations above have no such connection. Send its id."]})
    return found
