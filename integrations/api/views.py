"""Integrations over HTTP (HAL): list, create, read, change, delete, icon."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import django_filters
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ParseError
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.hal import HALRenderer, page_of, paged
from integrations import icons, services
from integrations.api import conditions, definitions, representation
from integrations.api.listing import MAX_TEXT, Choice, Filters, Flag, Order, Search
from integrations.api.parsing import StrictJSONParser
from integrations.api.payloads import text_in
from integrations.api.schema import IntegrationCollection, IntegrationDocument, IntegrationRequest, NewIntegrationRequest, problems
from integrations.definition import Definition
from integrations.models import Integration, Role, look_up_revisions
from integrations.models.integration import Mode
from integrations.permissions import check_builder, integration_for, is_uuid, may_edit, organization_for, signed_in
from integrations.refusals import Invalid
from integrations.signals import secrets_given


def json_object(request: Request) -> dict[str, Any]:
    """The request's body as an object; anything else is malformed."""
    if not isinstance(request.data, dict):
        raise ParseError("The body is not an object.")
    return dict(request.data)


@extend_schema(exclude=True)
class UnknownView(APIView):
    """Every address below /api/ that does not exist, so that programs get JSON there too."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002 - the signature of the library
        raise Http404


class Upload(Flag):
    """Whether an integration takes files."""

    def filter(self, qs: Any, value: str) -> Any:
        return qs.supporting_upload(value == "true") if value else qs


class IntegrationFilters(Filters):
    q = Search("name", "description", words="Words in name or description; all of them have to be there")
    supportsUpload = Upload("pk", "true: only those that take files; false: only the others")
    status = Choice("status", Integration.Status.choices)
    type = django_filters.CharFilter(max_length=MAX_TEXT)
    category = django_filters.CharFilter(max_length=MAX_TEXT)
    organization = django_filters.CharFilter(method="of_organization", help_text="Id or slug of the owner", max_length=MAX_TEXT)
    isBeta = Flag("is_beta")
    ordering = Order({"name": "name", "created_at": "createdAt", "updated_at": "updatedAt"})

    def of_organization(self, rows: QuerySet[Integration], name: str, value: str) -> QuerySet[Integration]:  # noqa: ARG002 - the library's
        return rows.filter(organization__pk=value) if is_uuid(value) else rows.filter(organization__slug=value)


class IntegrationsView(APIView):
    renderer_classes = [JSONRenderer, HALRenderer]

    @extend_schema(
        operation_id="listIntegrations",
        summary="List integrations",
        parameters=IntegrationFilters.parameters(),
        responses={200: IntegrationCollection, **problems(401, 422)},
        tags=["integrations"],
    )
    def get(self, request: Request) -> Response:
        rows = IntegrationFilters.narrow(request, Integration.objects.visible_to(request.user).select_related("organization"))
        page = page_of(request, rows, path="/api/integrations")
        look_up_revisions(page.rows)
        here = [row.pk for row in page.rows]
        editable = set(Integration.objects.editable_by(request.user).filter(pk__in=here).values_list("pk", flat=True))
        return paged(
            request, page, rel="inf:integration", represent=lambda row: representation.listed(row, editable), path="/api/integrations"
        )

    @extend_schema(
        operation_id="createIntegration",
        summary="Create an integration as a draft",
        request=NewIntegrationRequest,
        responses={201: IntegrationDocument, **problems(400, 401, 403, 409, 422)},
        tags=["integrations"],
    )
    def post(self, request: Request) -> Response:
        payload = json_object(request)
        definitions.check_fields(payload)
        payload = definitions.with_default_method(payload)
        organization = organization_for(request.user, Role.BUILDER, _key_of(payload.pop("organization", None)))
        check_builder(organization)
        if payload.get("status") not in (None, "", "draft"):
            raise Invalid({"status": ["A new integration is a draft. Finalize it, then set the status with PUT."]})
        if payload.get("id") is not None and not is_uuid(payload["id"]):
            raise Invalid({"id": ["Send a UUID, or leave the id out."]})
        name, kind = _named(payload)
        kept = definitions.kept_of(payload)
        kept["mode"] = kept.get("mode") or Mode.PER_USER
        with transaction.atomic():
            integration = services.create(
                organization=organization,
                user=signed_in(request),
                name=name,
                description=text_in(payload, "description"),
                type=kind,
                category=text_in(payload, "category"),
                extra=kept,
                **definitions.sharing_of(payload),
                id=UUID(str(payload["id"])) if payload.get("id") else None,
            )
            _apply(integration, payload)
        integration.refresh_from_db()
        made = representation.full(integration, editor=True)
        return conditions.answer(request, made, modified=integration.updated_at, status=201, Location=f"/api/integrations/{integration.pk}")


class IntegrationView(APIView):
    renderer_classes = [JSONRenderer, HALRenderer]

    @extend_schema(
        operation_id="getIntegration",
        summary="Read an integration by id or slug",
        parameters=[conditions.IF_NONE_MATCH],
        responses={200: IntegrationDocument, 304: None, **problems(401, 404)},
        tags=["integrations"],
    )
    def get(self, request: Request, key: str) -> Response:
        integration = integration_for(request.user, key)
        shown = representation.full(integration, editor=may_edit(request.user, integration))
        return conditions.answer(request, shown, modified=integration.updated_at)

    @extend_schema(
        operation_id="replaceIntegration",
        summary="Change an integration; fields that are left out stay",
        parameters=[conditions.IF_MATCH],
        request=IntegrationRequest,
        responses={200: IntegrationDocument, **problems(400, 401, 403, 404, 409, 412, 422, 428)},
        tags=["integrations"],
    )
    def put(self, request: Request, key: str) -> Response:
        payload = json_object(request)
        definitions.check_fields(payload)
        integration = integration_for(request.user, key, edit=True)
        with transaction.atomic():
            _unchanged(request, integration)
            details: dict[str, Any] = {name: text_in(payload, name) for name in definitions.DETAIL_FIELDS if name in payload}
            kept = definitions.kept_of(payload)
            details |= definitions.sharing_of(payload)
            if kept:
                details["extra"] = {**integration.extra, **kept}
            if details:
                services.update(integration=integration, **details)
            _apply(integration, payload)
            if payload.get("status"):
                services.set_status(integration=integration, status=payload["status"])
        integration.refresh_from_db()
        return conditions.answer(request, representation.full(integration, editor=True), modified=integration.updated_at)

    @extend_schema(
        operation_id="updateIntegration",
        summary="Change an integration; the same as PUT",
        parameters=[conditions.IF_MATCH],
        request=IntegrationRequest,
        responses={200: IntegrationDocument, **problems(400, 401, 403, 404, 409, 412, 422, 428)},
        tags=["integrations"],
    )
    def patch(self, request: Request, key: str) -> Response:
        return self.put(request, key)

    @extend_schema(
        operation_id="deleteIntegration",
        summary="Delete an integration",
        description="While somebody is connected this is refused with 409, so that nothing breaks unseen. With cascade=true the "
        "connections, their secrets and their runs go along.",
        parameters=[
            OpenApiParameter("cascade", bool, description="Delete what is connected, too: connections, secrets and runs"),
            conditions.IF_MATCH,
        ],
        responses={204: None, **problems(401, 403, 404, 409, 412, 422, 428)},
        tags=["integrations"],
    )
    def delete(self, request: Request, key: str) -> Response:
        cascade = request.query_params.get("cascade", "false").lower()
        if cascade not in ("true", "false"):
            raise Invalid({"cascade": ["Enter true or false."]})
        integration = integration_for(request.user, key, delete=True)
        with transaction.atomic():
            _unchanged(request, integration)
            services.delete(integration=integration, cascade=cascade == "true")
        return Response(status=204)


class IconView(APIView):
    parser_classes = [MultiPartParser, StrictJSONParser]

    @extend_schema(
        operation_id="getIntegrationIcon",
        summary="Read the icon",
        responses={
            (200, "image/svg+xml"): OpenApiTypes.BINARY,
            (200, "image/png"): OpenApiTypes.BINARY,
            (200, "image/jpeg"): OpenApiTypes.BINARY,
            **problems(401, 404),
        },
        tags=["integrations"],
    )
    def get(self, request: Request, key: str) -> HttpResponse:
        return icon_response(integration_for(request.user, key))

    @extend_schema(
        operation_id="putIntegrationIcon",
        summary="Upload an icon: SVG, PNG or JPEG",
        request={"multipart/form-data": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}},
        responses={200: IntegrationDocument, **problems(401, 403, 404, 422)},
        tags=["integrations"],
    )
    def put(self, request: Request, key: str) -> Response:
        integration = integration_for(request.user, key, edit=True)
        upload = next(iter(request.FILES.values()), None)
        if upload is None:
            raise Invalid({"file": ["Send the picture as a part of multipart/form-data."]})
        try:
            icon = icons.check(upload.read(icons.MAX_UPLOAD + 1))
        except ValueError as error:
            raise Invalid({"file": [str(error)]}) from None
        services.update(integration=integration, icon=icon)
        return Response(representation.full(integration, editor=True))

    @extend_schema(
        operation_id="deleteIntegrationIcon",
        summary="Remove the icon",
        responses={204: None, **problems(401, 403, 404)},
        tags=["integrations"],
    )
    def delete(self, request: Request, key: str) -> Response:
        services.update(integration=integration_for(request.user, key, edit=True), icon="")
        return Response(status=204)


def _unchanged(request: Request, integration: Integration) -> None:
    """Hold the integration, and compare If-Match with what its editors read."""
    held = services.locked(integration)
    conditions.check(request, lambda: representation.full(held, editor=True))


def icon_response(integration: Integration) -> HttpResponse:
    """The icon as an image that can run and load nothing, even when it is opened by itself."""
    kind, data = icons.served(integration.icon)
    response = HttpResponse(data, content_type=kind)
    response["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    response["Cache-Control"] = "private, max-age=60"
    return response


def _named(payload: dict[str, Any]) -> tuple[str, str]:
    """Name and type of a new integration, which has to have both. Raises `Invalid`."""
    name, kind = text_in(payload, "name"), text_in(payload, "type")
    errors: dict[str, list[str]] = {}
    try:
        name = services.check_name(name)
    except Invalid as error:
        errors |= error.errors
    if not kind:
        errors["type"] = ["Say what it is an integration of, for example google-drive; or custom."]
    if errors:
        raise Invalid(errors)
    return name, kind


def _apply(integration: Integration, payload: dict[str, Any]) -> None:
    current: Definition = integration.working.definition
    parts = definitions.parts_of(payload, current)
    if parts:
        services.change_definition(integration=integration, **parts)
    secrets = definitions.secrets_of(payload)
    if secrets:
        secrets_given.send(Integration, integration=integration, secrets=secrets)


def _key_of(value: Any) -> str | None:
    return str(value["id"]) if isinstance(value, dict) and "id" in value else value
