"""Members and invitations over HTTP."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import Http404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.hal import array
from integrations.api.listing import PAGING, Choice, Filters, Order
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.models import Invitation, Membership, Role
from integrations.organizations import members
from integrations.organizations.api import schema
from integrations.permissions import by_id_or_404, organization_named, signed_in


class MemberFilters(Filters):
    role = Choice("role", Role.choices)
    ordering = Order({"user__username": "user", "role": "role"})


class MembersView(APIView):
    @extend_schema(
        operation_id="listMembers",
        summary="List the members of an organization itself",
        parameters=MemberFilters.parameters(),
        responses={200: schema.MemberDocument(many=True), **problems(401, 404, 422)},
        tags=["organizations"],
    )
    def get(self, request: Request, key: str) -> Response:
        organization = organization_named(request.user, key)
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
        organization = organization_named(request.user, key, Role.ADMIN)
        return array(
            request, Invitation.objects.filter(organization=organization).open().select_related("organization", "created_by"), _invitation
        )

    @extend_schema(
        operation_id="createInvitation",
        summary="Make a link by which one person can join",
        request=schema.InvitationRequest,
        responses={201: schema.InvitationDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["organizations"],
    )
    def post(self, request: Request, key: str) -> Response:
        organization = organization_named(request.user, key, Role.ADMIN)
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
        organization = organization_named(request.user, key, Role.ADMIN)
        members.withdraw(invitation=by_id_or_404(organization.invitations.all(), pk))
        return Response(status=204)


def _membership(request: Request, key: str, username: str) -> Membership:
    organization = organization_named(request.user, key, Role.ADMIN)
    found = organization.memberships.select_related("user", "organization").filter(user__username=username).first()
    if found is None:
        raise Http404
    return found


def _member(membership: Membership) -> dict[str, Any]:
    user = membership.user
    return {"user": user.username, "name": str(user), "email": user.email, "role": membership.role, "fields": membership.fields}


def _invitation(invitation: Invitation) -> dict[str, Any]:
    return {
        "id": str(invitation.pk),
        "role": invitation.role,
        "email": invitation.email,
        "url": settings.PUBLIC_URL + reverse("invitation-accept", args=[invitation.token]),
        "createdAt": invitation.created_at,
        "expiresAt": invitation.expires_at,
        "isValid": invitation.is_backed,
    }
