"""The tree over HTTP: list, create, read, change, move, delete."""

from __future__ import annotations

from typing import Any

import django_filters
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.hal import link, paged
from integrations.api import conditions
from integrations.api.listing import MAX_TEXT, Filters, Order
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.models import Organization, Role
from integrations.organizations import moving, tree
from integrations.organizations.api import schema
from integrations.organizations.choices import named
from integrations.permissions import organization_for, organization_named, signed_in
from integrations.refusals import Invalid, check_known

_READ_ONLY = {"id", "createdAt", "updatedAt", "_links"}


def represent(organization: Organization, *, seen: set[Any] | None = None) -> dict[str, Any]:
    """An organization; `seen` are the ids of the parents that the caller may know of, None for all."""
    parent = organization.parent
    shows = parent is not None and (seen is None or parent.pk in seen)
    return {
        "_links": {"self": link(f"/api/organizations/{organization.pk}")},
        "id": str(organization.pk),
        "name": organization.name,
        "slug": organization.slug,
        "parent": {"id": str(parent.pk), "name": parent.name, "slug": parent.slug} if parent and shows else None,
        "fields": organization.fields,
        "customIntegrations": organization.custom_integrations,
        "createdAt": organization.created_at,
        "updatedAt": organization.updated_at,
    }


def _shown(user: Any, organization: Organization) -> dict[str, Any]:
    parents = Organization.objects.visible_to(user).filter(children=organization)
    return represent(organization, seen=set(parents.values_list("pk", flat=True)))


def _values(payload: dict[str, Any], allowed: set[str]) -> dict[str, Any]:
    check_known(payload, allowed | _READ_ONLY)
    values: dict[str, Any] = {name: payload[name] for name in ("name", "slug", "fields") if name in payload}
    if "customIntegrations" in payload:
        if not isinstance(payload["customIntegrations"], bool | None):
            raise Invalid({"customIntegrations": ["Enter true, false or null."]})
        values["custom_integrations"] = payload["customIntegrations"]
    return values


class OrganizationFilters(Filters):
    q = django_filters.CharFilter(method="named", help_text="Text in name or slug", max_length=MAX_TEXT)
    parent = django_filters.UUIDFilter(help_text="Only those right below this one")
    ordering = Order({"path": "tree", "name": "name", "created_at": "createdAt"})

    def named(self, rows: QuerySet[Organization], name: str, value: str) -> QuerySet[Organization]:  # noqa: ARG002 - the library's
        return named(rows, value.strip())


class OrganizationsView(APIView):
    @extend_schema(
        operation_id="listOrganizations",
        summary="List the organizations that one sees, as the tree orders them",
        parameters=OrganizationFilters.parameters(),
        responses={200: schema.OrganizationCollection, **problems(401, 422)},
        tags=["organizations"],
    )
    def get(self, request: Request) -> Response:
        mine = Organization.objects.visible_to(request.user)
        rows = OrganizationFilters.narrow(request, mine.select_related("parent"))
        parents = set(mine.filter(pk__in=rows.order_by().values("parent")).values_list("pk", flat=True))
        return paged(request, rows, rel="organization", represent=lambda row: represent(row, seen=parents), path="/api/organizations")

    @extend_schema(
        operation_id="createOrganization",
        summary="Create an organization below one that you administer",
        request=schema.OrganizationRequest,
        responses={201: schema.OrganizationDocument, **problems(400, 401, 403, 409, 422)},
        tags=["organizations"],
    )
    def post(self, request: Request) -> Response:
        payload = json_object(request)
        parent = organization_for(request.user, Role.ADMIN, str(payload.pop("parent", None) or "") or None)
        values = _values(payload, {"name", "slug", "fields"})
        organization = tree.create(
            parent=parent, name=values.get("name", ""), slug=values.get("slug") or "", fields=values.get("fields") or {}
        )
        return Response(_shown(request.user, organization), status=201, headers={"Location": f"/api/organizations/{organization.pk}"})


class OrganizationView(APIView):
    @extend_schema(
        operation_id="getOrganization",
        summary="Read an organization by id or slug",
        parameters=[conditions.IF_NONE_MATCH],
        responses={200: schema.OrganizationDocument, 304: None, **problems(401, 404)},
        tags=["organizations"],
    )
    def get(self, request: Request, key: str) -> Response:
        return conditions.answer(request, _shown(request.user, organization_named(request.user, key)))

    @extend_schema(
        operation_id="updateOrganization",
        summary="Change an organization; fields that are left out stay",
        parameters=[conditions.IF_MATCH],
        request=schema.OrganizationRequest,
        responses={200: schema.OrganizationDocument, **problems(400, 401, 403, 404, 409, 412, 422, 428)},
        tags=["organizations"],
    )
    def patch(self, request: Request, key: str) -> Response:
        organization = organization_named(request.user, key, Role.ADMIN)
        payload = json_object(request)
        if "parent" in payload:
            raise Invalid({"parent": [f"Send it to POST /api/organizations/{organization.slug}/move, which says what changes."]})
        values = _values(payload, {"name", "slug", "fields", "customIntegrations"})
        with transaction.atomic():
            held = Organization.objects.select_for_update().get(pk=organization.pk)
            conditions.check(request, lambda: _shown(request.user, held))
            changed = tree.change(organization=organization, **values)
        return conditions.answer(request, _shown(request.user, changed))

    @extend_schema(
        operation_id="deleteOrganization",
        summary="Delete an empty organization",
        responses={204: None, **problems(401, 403, 404, 409)},
        tags=["organizations"],
    )
    def delete(self, request: Request, key: str) -> Response:
        tree.delete(organization=_placeable(request, key))
        return Response(status=204)


class MoveView(APIView):
    @extend_schema(
        operation_id="moveOrganization",
        summary="Put an organization, with all below it, under another parent; with dryRun only say what changes",
        request=schema.MoveRequest,
        responses={200: schema.MoveDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["organizations"],
    )
    def post(self, request: Request, key: str) -> Response:
        organization = _placeable(request, key)
        payload = json_object(request)
        dry_run = payload.get("dryRun", False)
        if not isinstance(dry_run, bool):
            raise Invalid({"dryRun": ["Enter true or false."]})
        if "parent" not in payload:
            raise Invalid({"parent": ["Enter the id or slug of the new parent; null means the top."]})
        if payload["parent"] is None:
            if not signed_in(request).is_superuser:
                raise PermissionDenied
            parent = None
        else:
            parent = organization_for(request.user, Role.ADMIN, str(payload["parent"]) or "-")
        change = moving.preview(organization=organization, parent=parent)
        if not dry_run:
            moving.move(organization=organization, parent=parent)
        return Response(
            {
                "dryRun": dry_run,
                "organizations": change.organizations,
                "integrations": change.own_integrations,
                "connections": change.connections,
                "gains": _sight(change.gains),
                "loses": _sight(change.loses),
                "inUse": [integration.slug for integration in change.in_use],
                "lent": change.lent,
                "mapped": change.mapped,
                "environments": [environment.slug for environment in change.environments],
            }
        )


def _placeable(request: Request, key: str) -> Organization:
    organization = organization_named(request.user, key, Role.ADMIN)
    if not tree.may_place(signed_in(request), organization):
        raise PermissionDenied
    return organization


def _sight(sight: moving.Sight) -> dict[str, Any]:
    return {
        "people": [
            {"user": row.user.username, "name": str(row.user), "role": row.role, "organization": row.organization.name}
            for row in sight.people
        ],
        "integrations": [integration.slug for integration in sight.integrations],
    }
