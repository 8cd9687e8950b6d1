"""Agents over HTTP (plain JSON)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.hal import array, page_of
from connections.agents import services
from connections.models import Agent, AgentInstance
from connections.permissions import agent_for, instance_for
from integrations.api.listing import MAX_TEXT, Filters, Flag, Order, Search
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.models import Role
from integrations.permissions import organization_for, signed_in
from integrations.refusals import Invalid, check_known

_KEY = {"type": "string", "maxLength": MAX_TEXT}


class AgentRequest(serializers.Serializer):
    organization = serializers.CharField(required=False, help_text="Id or slug; only when creating")
    name = serializers.CharField()
    isShared = serializers.BooleanField(required=False, help_text="Whether connections of organizations below may use it")


class MachineDocument(serializers.Serializer):
    id = serializers.UUIDField()
    host = serializers.CharField(help_text="What the machine calls itself")
    version = serializers.CharField()
    state = serializers.ChoiceField(["online", "offline", "waiting", "revoked"], help_text="waiting: enrolled, and never seen since")
    latencyMs = serializers.IntegerField(allow_null=True, help_text="Of a question to Junction and its answer, as the machine measures it")
    lastSeenAt = serializers.DateTimeField(allow_null=True)
    enrolledAt = serializers.DateTimeField()
    revokedAt = serializers.DateTimeField(allow_null=True)


class AgentDocument(serializers.Serializer):
    id = serializers.UUIDField()
    organization = serializers.UUIDField()
    name = serializers.CharField()
    isShared = serializers.BooleanField()
    online = serializers.IntegerField(help_text="Machines that are online")
    createdAt = serializers.DateTimeField()
    machines = MachineDocument(many=True)


class CodeDocument(serializers.Serializer):
    code = serializers.CharField(help_text="Works once; it is not shown again")
    expiresAt = serializers.DateTimeField()
    server = serializers.CharField(help_text="For `server` in the agent's file")
    command = serializers.CharField()


def represent(agent: Agent) -> dict[str, Any]:
    machines = [_machine(row) for row in agent.instances.all()]
    return {
        "id": str(agent.pk),
        "organization": str(agent.organization_id),
        "name": agent.name,
        "isShared": agent.is_shared,
        "online": sum(machine["state"] == "online" for machine in machines),
        "createdAt": agent.created_at,
        "machines": machines,
    }


def _machine(row: AgentInstance) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "host": row.host,
        "version": row.version,
        "state": row.state,
        "latencyMs": row.latency_ms,
        "lastSeenAt": row.last_seen_at,
        "enrolledAt": row.enrolled_at,
        "revokedAt": row.revoked_at,
    }


class AgentFilters(Filters):
    q = Search("name", words="Text in the name")
    isShared = Flag("is_shared")
    ordering = Order({"name": "name", "created_at": "createdAt"})


class AgentsView(APIView):
    @extend_schema(
        operation_id="listAgents",
        summary="List agents",
        parameters=[
            OpenApiParameter("organization", _KEY, description="Id or slug; only its own agents"),
            OpenApiParameter(
                "usableIn", _KEY, description="Id or slug; those that its connections may use, shared ones from above included"
            ),
            *AgentFilters.parameters(),
        ],
        responses={200: AgentDocument(many=True), **problems(401, 403, 422)},
        tags=["agents"],
    )
    def get(self, request: Request) -> Response:
        rows = Agent.objects.visible_to(request.user)
        if key := request.query_params.get("usableIn"):
            rows = Agent.objects.usable_in(organization_for(request.user, Role.VIEWER, key))
        if key := request.query_params.get("organization"):
            rows = rows.filter(organization=organization_for(request.user, Role.VIEWER, key))
        page = page_of(request, AgentFilters.narrow(request, rows.prefetch_related("instances")))
        return array(request, page, represent)

    @extend_schema(
        operation_id="createAgent",
        summary="Add an agent",
        request=AgentRequest,
        responses={201: AgentDocument, **problems(400, 401, 403, 422)},
        tags=["agents"],
    )
    def post(self, request: Request) -> Response:
        payload = _payload(request)
        organization = organization_for(request.user, Role.ADMIN, payload.pop("organization", None))
        agent = services.create(
            organization=organization, user=signed_in(request), name=payload.get("name") or "", is_shared=payload.get("isShared") or False
        )
        return Response(represent(agent), status=201, headers={"Location": f"/api/agents/{agent.pk}"})


class AgentView(APIView):
    @extend_schema(
        operation_id="getAgent",
        summary="Read an agent and its machines",
        responses={200: AgentDocument, **problems(401, 404)},
        tags=["agents"],
    )
    def get(self, request: Request, key: str) -> Response:
        return Response(represent(agent_for(request.user, key)))

    @extend_schema(
        operation_id="updateAgent",
        summary="Rename an agent, or share it with the organizations below",
        request=AgentRequest,
        responses={200: AgentDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["agents"],
    )
    def patch(self, request: Request, key: str) -> Response:
        agent = agent_for(request.user, key, manage=True)
        payload = _payload(request)
        if "organization" in payload:
            raise Invalid({"organization": ["An agent cannot be moved. Create a new one."]})
        services.change(agent=agent, name=payload.get("name"), is_shared=payload.get("isShared"))
        return Response(represent(agent_for(request.user, key)))

    @extend_schema(
        operation_id="deleteAgent",
        summary="Delete an agent that no connection uses",
        responses={204: None, **problems(401, 403, 404, 409)},
        tags=["agents"],
    )
    def delete(self, request: Request, key: str) -> Response:
        services.delete(agent=agent_for(request.user, key, manage=True))
        return Response(status=204)


class AgentCodesView(APIView):
    gives_secrets = True  # the code

    @extend_schema(
        operation_id="createAgentCode",
        summary="Make an enrolment code for one machine",
        request=None,
        responses={201: CodeDocument, **problems(401, 403, 404)},
        tags=["agents"],
    )
    def post(self, request: Request, key: str) -> Response:
        row, code = services.new_code(agent=agent_for(request.user, key, manage=True), user=signed_in(request))
        found = {"code": code, "expiresAt": row.expires_at, "server": settings.PUBLIC_URL, "command": f"junction-agent enrol {code}"}
        return Response(found, status=201, headers={"Cache-Control": "no-store"})


class AgentMachineView(APIView):
    @extend_schema(
        operation_id="revokeAgentMachine",
        summary="Revoke a machine: it gets no more requests",
        responses={204: None, **problems(401, 403, 404)},
        tags=["agents"],
    )
    def delete(self, request: Request, key: str) -> Response:
        services.revoke(instance=instance_for(request.user, key))
        return Response(status=204)


def _payload(request: Request) -> dict[str, Any]:
    payload = json_object(request)
    check_known(payload, {"organization", "name", "isShared"})
    if payload.get("name") is not None and not isinstance(payload["name"], str):
        raise Invalid({"name": ["Enter text."]})
    if payload.get("isShared") is not None and not isinstance(payload["isShared"], bool):
        raise Invalid({"isShared": ["Enter true or false."]})
    return payload
