"""Shares and owner of an integration (HAL), teams of an organization."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.hal import HALRenderer, array, link, paged
from integrations.api.listing import Filters, Order, Search
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.models import Integration, Organization, Role, Share, Team
from integrations.permissions import integration_for, is_uuid, organization_named, signed_in
from integrations.refusals import Invalid, check_known
from integrations.sharing import principals, services, teams
from integrations.sharing.api import schema

_REL = "inf:integration-share"
# The members of a share's document, which a client may send back as it got them.
_FIELDS = {"_links", "integrationId", "principalId", "accessLevel", "principal", "createdAt", "updatedAt"}


def represent(share: Share) -> dict[str, Any]:
    principal = principals.named(share.principal)
    return {
        "_links": {"self": link(f"/api/integrations/{share.integration_id}/shares/{principal.id}")},
        "integrationId": str(share.integration_id),
        "principalId": principal.id,
        "accessLevel": share.level,
        "principal": {"id": principal.id, "name": principal.name, "type": principal.type},
        "createdAt": share.created_at,
        "updatedAt": share.updated_at,
    }


def _shares(request: Request, integration: Integration) -> Any:
    rows = Share.objects.visible_to(request.user).filter(integration=integration)
    return rows.select_related("user", "team", "organization", "integration__organization")


class ShareFilters(Filters):
    q = Search("user__username", "user__display_name", "team__name", "organization__name", words="Text in the name of a principal")
    ordering = Order({"created_at": "createdAt", "updated_at": "updatedAt", "level": "accessLevel"})


class TeamFilters(Filters):
    q = Search("name", "slug", words="Text in name or slug")
    ordering = Order({"name": "name", "created_at": "createdAt"})


class SharesView(APIView):
    renderer_classes = [JSONRenderer, HALRenderer]

    @extend_schema(
        operation_id="listIntegrationShares",
        summary="List with whom an integration is shared; who may not change it sees only the shares that concern them",
        parameters=ShareFilters.parameters(),
        responses={200: schema.ShareCollection, **problems(401, 404, 422)},
        tags=["integration shares"],
    )
    def get(self, request: Request, key: str) -> Response:
        integration = integration_for(request.user, key)
        path = f"/api/integrations/{integration.pk}/shares"
        rows = ShareFilters.narrow(request, _shares(request, integration))
        return paged(request, rows, rel=_REL, represent=represent, path=path)


class ShareView(APIView):
    """A share by the id of its principal."""

    renderer_classes = [JSONRenderer, HALRenderer]

    @extend_schema(
        operation_id="getIntegrationShare",
        summary="Read what one principal may do",
        responses={200: schema.ShareDocument, **problems(401, 404)},
        tags=["integration shares"],
    )
    def get(self, request: Request, key: str, principal: str) -> Response:
        found = principals.share_for(_shares(request, integration_for(request.user, key)), principal)
        if found is None:
            raise Http404
        return Response(represent(found))

    @extend_schema(
        operation_id="putIntegrationShare",
        summary="Share an integration, or change an access level",
        request=schema.ShareRequest,
        responses={200: schema.ShareDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["integration shares"],
    )
    def put(self, request: Request, key: str, principal: str) -> Response:
        integration = integration_for(request.user, key, share=True)
        payload = json_object(request) if request.data else {}
        check_known(payload, _FIELDS)
        known = principals.share_for(Share.objects.filter(integration=integration), principal)
        to = known.principal if known else principals.principal_for(integration, principal)
        share = services.share(integration=integration, principal=to, level=payload.get("accessLevel", 1), user=signed_in(request))
        return Response(represent(share))

    @extend_schema(
        operation_id="deleteIntegrationShare",
        summary="Take an access away",
        responses={204: None, **problems(401, 403, 404, 409)},
        tags=["integration shares"],
    )
    def delete(self, request: Request, key: str, principal: str) -> Response:
        integration = integration_for(request.user, key, share=True)
        found = principals.share_for(Share.objects.filter(integration=integration), principal)
        if found is None:
            raise Http404
        services.revoke(share=found)
        return Response(status=204)


class OwnerView(APIView):
    renderer_classes = [JSONRenderer, HALRenderer]

    @extend_schema(
        operation_id="getIntegrationOwner",
        summary="Read to which organization an integration belongs",
        responses={200: schema.OwnerDocument, **problems(401, 404)},
        tags=["integration shares"],
    )
    def get(self, request: Request, key: str) -> Response:
        return Response(_owner(integration_for(request.user, key)))

    @extend_schema(
        operation_id="putIntegrationOwner",
        summary="Transfer an integration to another organization",
        request=schema.OwnerRequest,
        responses={200: schema.OwnerDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["integration shares"],
    )
    def put(self, request: Request, key: str) -> Response:
        integration = integration_for(request.user, key, share=True)
        text = str(json_object(request).get("ownerId") or "").removeprefix(principals.ORGANIZATION)
        seen = Organization.objects.visible_to(request.user)
        found = seen.filter(**({"pk": text} if is_uuid(text) else {"slug": text})).first()
        if found is None:
            raise Invalid({"ownerId": ["There is no such organization that you may see. Send organization:slug, a slug or an id."]})
        return Response(_owner(services.transfer(integration=integration, organization=found, user=signed_in(request))))


def _owner(integration: Integration) -> dict[str, Any]:
    owner = principals.named(integration.organization)
    own = f"/api/integrations/{integration.pk}/owner"
    return {"_links": {"self": link(own)}, "id": owner.id, "name": owner.name, "type": owner.type}


class TeamsView(APIView):
    @extend_schema(
        operation_id="listTeams",
        summary="List the teams of an organization",
        parameters=TeamFilters.parameters(),
        responses={200: schema.TeamDocument(many=True), **problems(401, 404, 422)},
        tags=["organizations"],
    )
    def get(self, request: Request, key: str) -> Response:
        organization = organization_named(request.user, key)
        return array(request, TeamFilters.narrow(request, teams.listed(organization)), _team)

    @extend_schema(
        operation_id="createTeam",
        summary="Create a team",
        request=schema.TeamRequest,
        responses={201: schema.TeamDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["organizations"],
    )
    def post(self, request: Request, key: str) -> Response:
        organization = organization_named(request.user, key, Role.ADMIN)
        values = _values(request)
        team = teams.create(organization=organization, name=values.get("name"), members=values.get("members", []))
        return Response(_team(team), status=201, headers={"Location": _team(team)["_links"]["self"]["href"]})


class TeamView(APIView):
    @extend_schema(
        operation_id="getTeam",
        summary="Read a team",
        responses={200: schema.TeamDocument, **problems(401, 404)},
        tags=["organizations"],
    )
    def get(self, request: Request, key: str, team: str) -> Response:
        return Response(_team(_team_of(request, key, team)))

    @extend_schema(
        operation_id="updateTeam",
        summary="Rename a team, or say anew who is in it",
        request=schema.TeamRequest,
        responses={200: schema.TeamDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["organizations"],
    )
    def patch(self, request: Request, key: str, team: str) -> Response:
        found = _team_of(request, key, team, Role.ADMIN)
        values = _values(request)
        return Response(_team(teams.change(team=found, name=values.get("name"), members=values.get("members"))))

    @extend_schema(
        operation_id="deleteTeam",
        summary="Delete a team with its shares",
        responses={204: None, **problems(401, 403, 404, 409)},
        tags=["organizations"],
    )
    def delete(self, request: Request, key: str, team: str) -> Response:
        teams.delete(team=_team_of(request, key, team, Role.ADMIN))
        return Response(status=204)


def _team_of(request: Request, key: str, slug: str, role: str = Role.VIEWER) -> Team:
    organization = organization_named(request.user, key, role)
    found = teams.listed(organization).filter(slug=slug).first()
    if found is None:
        raise Http404
    return found


def _values(request: Request) -> dict[str, Any]:
    payload = json_object(request)
    check_known(payload, {"name", "members", "_links", "principalId", "slug", "createdAt"})
    if "members" in payload and not isinstance(payload["members"], list):
        raise Invalid({"members": ["Enter a list of user names."]})
    return payload


def _team(team: Team) -> dict[str, Any]:
    return {
        "_links": {"self": link(f"/api/organizations/{team.organization.slug}/teams/{team.slug}")},
        "principalId": principals.named(team).id,
        "name": team.name,
        "slug": team.slug,
        "members": sorted(member.username for member in team.members.all()),
        "createdAt": team.created_at,
    }
