"""POST, GET, PATCH and DELETE /integration: integrations as Truto's documents describe them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from actions import truto
from config.hal import page_of
from integrations import services
from integrations.api.listing import PAGING
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.models import Integration, Role
from integrations.permissions import check_builder, integration_for, may_edit, organization_for, signed_in

CASCADE = OpenApiParameter("cascade", bool, description="Delete what is connected, too: connections, secrets and runs")


class TrutoConfig(serializers.Serializer):
    """The configuration of an API. Texts may hold `{{…}}`, which is a name or a JSONata expression."""

    base_url = serializers.CharField()
    label = serializers.CharField(required=False)  # type: ignore[assignment]  # a member of the document
    logo = serializers.CharField(required=False)
    icon = serializers.CharField(required=False)
    headers = serializers.DictField(required=False)
    query = serializers.DictField(required=False)
    query_array_format = serializers.ChoiceField(["comma", "repeat", "brackets", "indices"], required=False)
    actions = serializers.DictField(required=False)
    credentials = serializers.DictField(required=False, help_text="A member for each way to authenticate, with format and config")
    authorization = serializers.DictField(required=False)
    pagination = serializers.DictField(required=False)
    rate_limit = serializers.DictField(required=False)
    resources = serializers.DictField(required=False, help_text="By resource and method")
    webhook = serializers.DictField(
        required=False, help_text="How webhooks are checked: signature_verification, handle_verification, payload_transform"
    )
    error_expression = serializers.CharField(required=False)


class TrutoRequest(serializers.Serializer):
    name = serializers.CharField(required=False)
    category = serializers.CharField(required=False)
    config = TrutoConfig(required=False)
    is_beta = serializers.BooleanField(required=False)


class TrutoNote(serializers.Serializer):
    path = serializers.CharField(help_text="In config")
    reason = serializers.CharField()


class TrutoTeam(serializers.Serializer):
    """The owner. All but id, name and times come from custom fields of the organization of the same names."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    domain = serializers.CharField(allow_null=True)
    logo = serializers.CharField(allow_null=True)
    is_verified = serializers.BooleanField()
    is_white_labeled = serializers.BooleanField()
    terms_link = serializers.CharField(allow_null=True)
    allow_impersonation = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class TrutoDocument(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    category = serializers.CharField()
    is_beta = serializers.BooleanField()
    status = serializers.ChoiceField(["draft", "published", "hidden", "deprecated"])
    config = TrutoConfig(help_text="Secrets are masked; a mask that is sent back means unchanged")
    unused = TrutoNote(many=True, help_text="Parts of config that are kept and do nothing here")
    team_id = serializers.UUIDField()
    sharing = serializers.ChoiceField(["allow", "ask", "deny"])
    environment_ids = serializers.ListField(
        child=serializers.UUIDField(), help_text="Organizations that are connected, as far as you see them"
    )
    team = TrutoTeam()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class TrutoList(serializers.Serializer):
    result = TrutoDocument(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="The `start` of the next page")


class TrutoListView(APIView):
    @extend_schema(
        operation_id="listTrutoIntegrations",
        summary="List integrations as documents of Truto's form",
        parameters=PAGING,
        responses={200: TrutoList, **problems(401, 422)},
        tags=["truto"],
    )
    def get(self, request: Request) -> Response:
        user = signed_in(request)
        rows = Integration.objects.visible_to(user).select_related("organization")
        page = page_of(request, rows, path="/integration")
        result = [truto.represent(row, user, editor=may_edit(user, row)) for row in page.rows]
        after = page.start + len(page.rows)
        return Response({"result": result, "next_cursor": str(after) if after < page.total else None})

    @extend_schema(
        operation_id="createTrutoIntegration",
        summary="Create an integration of a document of Truto's form, as a draft",
        parameters=[OpenApiParameter("organization", str, description="Id or slug of the owner; by default your topmost organization")],
        request=TrutoRequest,
        responses={201: TrutoDocument, **problems(400, 401, 403, 422)},
        tags=["truto"],
    )
    def post(self, request: Request) -> Response:
        user = signed_in(request)
        values = json_object(request)
        organization = organization_for(user, Role.BUILDER, request.query_params.get("organization"))
        check_builder(organization)
        made = truto.create(organization=organization, user=user, values=values)
        return Response(truto.represent(made, user, editor=True), status=201, headers={"Location": f"/integration/{made.pk}"})


class TrutoView(APIView):
    @extend_schema(
        operation_id="getTrutoIntegration",
        summary="Read an integration as a document of Truto's form",
        description="Also one that was made otherwise.",
        responses={200: TrutoDocument, **problems(401, 404)},
        tags=["truto"],
    )
    def get(self, request: Request, key: str) -> Response:
        return self._shown(request, integration_for(request.user, key))

    @extend_schema(
        operation_id="updateTrutoIntegration",
        summary="Change an integration; config is replaced as a whole",
        request=TrutoRequest,
        responses={200: TrutoDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["truto"],
    )
    def patch(self, request: Request, key: str) -> Response:
        values = json_object(request)
        return self._shown(request, truto.change(integration=integration_for(request.user, key, edit=True), values=values))

    @extend_schema(
        operation_id="deleteTrutoIntegration",
        summary="Delete an integration",
        parameters=[CASCADE],
        responses={204: None, **problems(401, 403, 404, 409)},
        tags=["truto"],
    )
    def delete(self, request: Request, key: str) -> Response:
        cascade = request.query_params.get("cascade", "").lower() == "true"
        services.delete(integration=integration_for(request.user, key, delete=True), cascade=cascade)
        return Response(status=204)

    def _shown(self, request: Request, integration: Integration) -> Any:
        user = signed_in(request)
        return Response(truto.represent(integration, user, editor=may_edit(user, integration)))
