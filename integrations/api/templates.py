"""Templates over HTTP (HAL): list, read, start an integration."""

from __future__ import annotations

from typing import Any

import django_filters
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.hal import HALRenderer, link, paged
from integrations import templates
from integrations.api import representation
from integrations.api.listing import MAX_TEXT, Filters, Order
from integrations.api.schema import IntegrationDocument, TemplateCollection, TemplateDocument, TemplateStart, problems
from integrations.api.views import json_object
from integrations.models import IntegrationTemplate, Role
from integrations.permissions import check_builder, is_uuid, organization_for, signed_in
from integrations.refusals import Invalid, check_known

PATH = "/api/integration-templates"


def _listed(template: IntegrationTemplate) -> dict[str, Any]:
    path = f"{PATH}/{template.pk}"
    return {
        "_links": {"self": link(path), "integrations": link(f"{path}/integrations")},
        "id": str(template.pk),
        "key": template.key,
        "name": template.name,
        "categories": template.categories,
        "authType": template.content.get("auth", {}).get("type", "none"),
        "losses": template.losses,
        "notes": template.notes,
        "source": template.source,
        "importedAt": template.imported_at,
    }


def _template_for(user: Any, key: str) -> IntegrationTemplate:
    rows = IntegrationTemplate.objects.visible_to(user)
    found = rows.filter(pk=key).first() if is_uuid(key) else rows.filter(key=key).first()
    if found is None:
        raise Http404
    return found


class TemplateFilters(Filters):
    q = django_filters.CharFilter(method="matching", help_text="Words in name or key", max_length=MAX_TEXT)
    category = django_filters.CharFilter(method="in_category", max_length=MAX_TEXT)
    ordering = Order({"name": "name", "key": "key", "imported_at": "importedAt"})

    def matching(self, rows: Any, name: str, value: str) -> Any:  # noqa: ARG002 - the library's signature
        return rows.matching(value)

    def in_category(self, rows: Any, name: str, value: str) -> Any:  # noqa: ARG002 - the library's signature
        return rows.in_category(value.strip())


class TemplatesView(APIView):
    renderer_classes = [JSONRenderer, HALRenderer]

    @extend_schema(
        operation_id="listIntegrationTemplates",
        summary="List templates",
        parameters=TemplateFilters.parameters(),
        responses={200: TemplateCollection, **problems(401, 422)},
        tags=["integration templates"],
    )
    def get(self, request: Request) -> Response:
        rows = TemplateFilters.narrow(request, IntegrationTemplate.objects.visible_to(request.user))
        return paged(request, rows, rel="inf:integration-template", represent=_listed, path=PATH)


class TemplateView(APIView):
    renderer_classes = [JSONRenderer, HALRenderer]

    @extend_schema(
        operation_id="getIntegrationTemplate",
        summary="Read a template by id or key",
        responses={200: TemplateDocument, **problems(401, 404)},
        tags=["integration templates"],
    )
    def get(self, request: Request, key: str) -> Response:
        template = _template_for(request.user, key)
        return Response({**_listed(template), "definition": template.definition.dump()})


class TemplateIntegrationsView(APIView):
    renderer_classes = [JSONRenderer, HALRenderer]

    @extend_schema(
        operation_id="startIntegrationFromTemplate",
        summary="Create a draft integration from a template",
        request=TemplateStart,
        responses={201: IntegrationDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["integration templates"],
    )
    def post(self, request: Request, key: str) -> Response:
        payload = json_object(request) if request.data else {}
        template = _template_for(request.user, key)
        check_known(payload, {"name", "organization"})
        name = payload.get("name") or ""
        if not isinstance(name, str):
            raise Invalid({"name": ["Enter text."]})
        organization = organization_for(request.user, Role.BUILDER, payload.get("organization"))
        check_builder(organization)
        integration = templates.start(template=template, organization=organization, user=signed_in(request), name=name)
        return Response(
            representation.full(integration, editor=True), status=201, headers={"Location": f"/api/integrations/{integration.pk}"}
        )
