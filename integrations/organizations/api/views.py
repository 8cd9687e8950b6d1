"""Organizations, members, invitations and the audit log over HTTP."""

from __future__ import annotations

from typing import Any

import django_filters
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.hal import array, link, paged
from integrations.api import conditions
from integrations.api.listing import MAX_TEXT, PAGING, Choice, Filters, Order
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.models import AuditEntry, Invitation, Membership, Organization, Role
from integrations.organizations import environments, log_pages, members, tree
from integrations.organizations.api import schema
from integrations.organizations.choices import named
from integrations.permissions import is_uuid, organization_for, signed_in
from integrations.refusals import Invalid

_READ_ONLY = {"id", "createdAt", "_links"}


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
    }


def found_for(user: Any, key: str, role: str = Role.VIEWER) -> Organization:
    """The organization with this id or slug that the user sees; strangers get 404, a role that is too low 403."""
    by = {"pk": key} if is_uuid(key) else {"slug": key}
    found = Organization.objects.visible_to(user).select_related("parent").filter(**by).first()
    if found is None:
        raise Http404
    if not found.is_open_to(user, role):
        raise PermissionDenied
    return found


def _shown(user: Any, organization: Organization) -> dict[str, Any]:
    parents = Organization.objects.visible_to(user).filter(children=organization)
    return represent(organization, seen=set(parents.values_list("pk", flat=True)))


def _values(payload: dict[str, Any], allowed: set[str]) -> dict[str, Any]:
    unknown = sorted(set(payload) - allowed - _READ_ONLY)
    if unknown:
        raise Invalid({name: ["This field is not known."] for name in unknown})
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


class MemberFilters(Filters):
    role = Choice("role", Role.choices)
    ordering = Order({"user__username": "user", "role": "role"})


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
        return conditions.answer(request, _shown(request.user, found_for(request.user, key)))

    @extend_schema(
        operation_id="updateOrganization",
        summary="Change an organization; fields that are left out stay",
        parameters=[conditions.IF_MATCH],
        request=schema.OrganizationRequest,
        responses={200: schema.OrganizationDocument, **problems(400, 401, 403, 404, 409, 412, 422, 428)},
        tags=["organizations"],
    )
    def patch(self, request: Request, key: str) -> Response:
        organization = found_for(request.user, key, Role.ADMIN)
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
        change = tree.preview(organization=organization, parent=parent)
        if not dry_run:
            tree.move(organization=organization, parent=parent)
        return Response(
            {
                "dryRun": dry_run,
                "organizations": change.organizations,
                "integrations": change.own_integrations,
                "connections": change.connections,
                "gains": _sight(change.gains),
                "loses": _sight(change.loses),
                "inUse": [integration.slug for integration in change.in_use],
            }
        )


class MembersView(APIView):
    @extend_schema(
        operation_id="listMembers",
        summary="List the members of an organization itself",
        parameters=MemberFilters.parameters(),
        responses={200: schema.MemberDocument(many=True), **problems(401, 404, 422)},
        tags=["organizations"],
    )
    def get(self, request: Request, key: str) -> Response:
        organization = found_for(request.user, key)
        rows = organization.memberships.select_related("user").order_by("user__username")
        return array(request, MemberFilters.narrow(request, rows), _member)


class MemberView(APIView):
    """A member by user name."""

    @extend_schema(
        operation_id="changeMember",
        summary="Change a member's role or custom fields; people join by invitation",
        request=schema.MemberRequest,
        responses={200: schema.MemberDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["organizations"],
    )
    def put(self, request: Request, key: str, username: str) -> Response:
        membership = _membership(request, key, username)
        payload = json_object(request)
        with transaction.atomic():
            if "fields" in payload:
                membership = members.set_fields(membership=membership, fields=payload["fields"])
            if "role" in payload or "fields" not in payload:
                membership = members.set_role(organization=membership.organization, user=membership.user, role=payload.get("role", ""))
        return Response(_member(membership))

    @extend_schema(
        operation_id="removeMember",
        summary="End a membership",
        responses={204: None, **problems(401, 403, 404, 409)},
        tags=["organizations"],
    )
    def delete(self, request: Request, key: str, username: str) -> Response:
        members.remove(membership=_membership(request, key, username))
        return Response(status=204)


class EnvironmentsView(APIView):
    @extend_schema(
        operation_id="listEnvironments",
        summary="List the environments that an organization has: production, its own, and those from above",
        parameters=PAGING,
        responses={200: schema.EnvironmentDocument(many=True), **problems(401, 404, 422)},
        tags=["organizations"],
    )
    def get(self, request: Request, key: str) -> Response:
        return array(request, environments.known_to(found_for(request.user, key)), _environment)

    @extend_schema(
        operation_id="createEnvironment",
        summary="Add an environment to an organization and all below it",
        request=schema.EnvironmentRequest,
        responses={201: schema.EnvironmentDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["organizations"],
    )
    def post(self, request: Request, key: str) -> Response:
        organization = found_for(request.user, key, Role.ADMIN)
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
        organization = found_for(request.user, key, Role.ADMIN)
        found = organization.environments.select_related("organization").filter(slug=environment).first()
        if found is None:
            raise Http404
        environments.delete(environment=found)
        return Response(status=204)


class InvitationsView(APIView):
    gives_secrets = True  # the link

    @extend_schema(
        operation_id="listInvitations",
        summary="List the open invitations of an organization, with their links",
        parameters=PAGING,
        responses={200: schema.InvitationDocument(many=True), **problems(401, 403, 404, 422)},
        tags=["organizations"],
    )
    def get(self, request: Request, key: str) -> Response:
        organization = found_for(request.user, key, Role.ADMIN)
        return array(request, Invitation.objects.filter(organization=organization).open(), _invitation)

    @extend_schema(
        operation_id="createInvitation",
        summary="Make a link by which one person can join",
        request=schema.InvitationRequest,
        responses={201: schema.InvitationDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["organizations"],
    )
    def post(self, request: Request, key: str) -> Response:
        organization = found_for(request.user, key, Role.ADMIN)
        payload = json_object(request)
        invitation = members.invite(
            organization=organization, user=signed_in(request), role=payload.get("role", ""), email=str(payload.get("email") or "")
        )
        return Response(_invitation(invitation), status=201)


class InvitationView(APIView):
    @extend_schema(
        operation_id="withdrawInvitation",
        summary="Withdraw an invitation",
        responses={204: None, **problems(401, 403, 404, 409)},
        tags=["organizations"],
    )
    def delete(self, request: Request, key: str, pk: Any) -> Response:
        organization = found_for(request.user, key, Role.ADMIN)
        found = Invitation.objects.filter(organization=organization, pk=pk).first()
        if found is None:
            raise Http404
        members.withdraw(invitation=found)
        return Response(status=204)


class AuditView(APIView):
    @extend_schema(
        operation_id="listAuditEntries",
        summary="Read the audit log of the organizations that one administers, newest first",
        parameters=[
            OpenApiParameter("q", {"type": "string", "maxLength": 200}, description="Text in a name"),
            OpenApiParameter("kind", str, enum=AuditEntry.Kind.values),
            OpenApiParameter("object", {"type": "string", "maxLength": 64}, description="Id of what was changed"),
            OpenApiParameter("since", OpenApiTypes.DATE, description="From this day on"),
            OpenApiParameter("until", OpenApiTypes.DATE, description="Up to this day, included"),
            *PAGING,
        ],
        responses={200: schema.AuditCollection, **problems(401, 422)},
        tags=["audit"],
    )
    def get(self, request: Request) -> Response:
        empty = [name for name in ("kind", "object", "since", "until") if request.query_params.get(name) == ""]
        if empty:
            raise Invalid({name: ["Leave the parameter out, or give it a value."] for name in empty})
        form = log_pages.LogFilter(request.query_params)
        if not form.is_valid():
            raise Invalid({name: [str(sentence) for sentence in sentences] for name, sentences in form.errors.items()})
        rows = form.narrow(AuditEntry.objects.visible_to(request.user))
        return paged(request, rows, rel="entry", represent=log_pages.represent, path="/api/audit")


def _environment(one: environments.Known) -> dict[str, Any]:
    return {"slug": one.slug, "name": one.name, "organization": one.organization.slug if one.organization else None}


def _placeable(request: Request, key: str) -> Organization:
    organization = found_for(request.user, key, Role.ADMIN)
    if not tree.may_place(signed_in(request), organization):
        raise PermissionDenied
    return organization


def _membership(request: Request, key: str, username: str) -> Membership:
    organization = found_for(request.user, key, Role.ADMIN)
    found = organization.memberships.select_related("user", "organization").filter(user__username=username).first()
    if found is None:
        raise Http404
    return found


def _member(membership: Membership) -> dict[str, Any]:
    user = membership.user
    return {"user": user.username, "name": str(user), "email": user.email, "role": membership.role, "fields": membership.fields}


def _sight(sight: tree.Sight) -> dict[str, Any]:
    return {
        "people": [
            {"user": row.user.username, "name": str(row.user), "role": row.role, "organization": row.organization.name}
            for row in sight.people
        ],
        "integrations": [integration.slug for integration in sight.integrations],
    }


def _invitation(invitation: Invitation) -> dict[str, Any]:
    return {
        "id": str(invitation.pk),
        "role": invitation.role,
        "email": invitation.email,
        "url": settings.PUBLIC_URL + reverse("invitation-accept", args=[invitation.token]),
        "createdAt": invitation.created_at,
        "expiresAt": invitation.expires_at,
    }
