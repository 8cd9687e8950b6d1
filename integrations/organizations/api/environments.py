"""The environments of an organization over HTTP."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.hal import array
from integrations.api.listing import PAGING
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.models import Role
from integrations.organizations import environments
from integrations.organizations.api import schema
from integrations.permissions import organization_named


class EnvironmentsView(APIView):
    @extend_schema(
        operation_id="listEnvironments",
        summary="List the environments that an organization has: production, its own, and those from above",
        parameters=PAGING,
        responses={200: schema.EnvironmentDocument(many=True), **problems(401, 404, 422)},
        tags=["organizations"],
    )
    def get(self, request: Request, key: str) -> Response:
        return array(request, environments.known_to(organization_named(request.user, key)), _environment)

    @extend_schema(
        operation_id="createEnvironment",
        summary="Add an environment to an organization and all below it",
        request=schema.EnvironmentRequest,
        responses={201: schema.EnvironmentDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["organizations"],
    )
    def post(self, request: Request, key: str) -> Response:
        organization = organization_named(request.user, key, Role.ADMIN)
        made = environments.create(organization=organization, name=json_object(request).get("name"))
        return Response({"slug": made.slug, "name": made.name, "organization": organization.slug}, status=201)


class EnvironmentView(APIView):
    """One that the organization itself has added, by its slug."""

    @extend_schema(
        operation_id="deleteEnvironment",
        summary="Remove an environment; refused while something is connected in it",
        responses={204: None, **problems(401, 403, 404, 409)},
        tags=["organizations"],
    )
    def delete(self, request: Request, key: str, environment: str) -> Response:
        organization = organization_named(request.user, key, Role.ADMIN)
        found = organization.environments.select_related("organization").filter(slug=environment).first()
        if found is None:
            raise Http404
        environments.delete(environment=found)
        return Response(status=204)


def _environment(one: environments.Known) -> dict[str, Any]:
    return {"slug": one.slug, "name": one.name, "organization": one.organization.slug if one.organization else None}
