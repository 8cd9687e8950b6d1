"""Connections over HTTP (plain JSON). Secrets go in and never come out."""

from __future__ import annotations

from datetime import UTC, datetime
from types import EllipsisType
from typing import Any

from django.db import transaction
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.hal import array, page_of
from connections import checking, entering, limit_sharing, network_settings, services, trials, uninstalling
from connections.agents.ways import chosen, way_of
from connections.api.schema import (
    ConnectionDocument,
    ConnectionEventDocument,
    ConnectionRequest,
    DisconnectDocument,
    TestDocument,
    UninstallDocument,
)
from connections.auth import scheme_of
from connections.callers import Caller
from connections.models import Connection, ConnectionEvent, DefaultCredential
from connections.permissions import connection_for
from connections.ping import TestResult
from connections.tokens import upkeep
from integrations.api import conditions
from integrations.api.listing import MAX_TEXT, PAGING, Choice, Exactly, Filters, Flag, Order, Search
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.models import Integration, Role, look_up_revisions
from integrations.permissions import integration_for, organization_for, running_for, signed_in
from integrations.refusals import Invalid, check_known

WRITABLE = {
    "integration", "organization", "environment", "revision", "name", "credentials", "settings", "isDefault", "options",
    "networkSecrets", "debugUntil", "below", "mode", "agent", "agentCredential", *checking.LIMIT_FIELDS,
}  # fmt: skip
READ_ONLY = {
    "id", "owner", "revisionInUse", "authType", "credentialFields", "state", "message", "needsAuthorization", "token", "newDestinations",
    "networkSecretFields", "testedAt", "createdAt", "updatedAt",
}  # fmt: skip


def represent(connection: Connection, *, kept: DefaultCredential | EllipsisType | None = ...) -> dict[str, Any]:
    definition = checking.definition_of(connection)
    return {
        "id": str(connection.pk),
        "name": connection.name,
        "integration": str(connection.integration_id),
        "organization": str(connection.organization_id),
        "environment": connection.environment,
        "owner": connection.owner.username if connection.owner else None,
        "revision": connection.revision.number if connection.revision else None,
        "revisionInUse": in_use.number if (in_use := connection.in_use) else None,
        "authType": definition.auth.type,
        "credentialFields": entering.stored_fields(connection),
        "settings": connection.settings,
        "options": network_settings.options_of(connection).dump(),
        "networkSecretFields": services.stored_network_secrets(connection),
        "isDefault": connection.is_default,
        limit_sharing.FIELD: str(connection.shares_limit_of_id) if connection.shares_limit_of_id else None,
        "debugUntil": connection.debug_until,
        "below": connection.below,
        **{name: getattr(connection, column) for name, (column, _) in checking.LIMITS.items()},
        "mode": "on-premise" if connection.agent_id else "cloud",
        "agent": str(connection.agent_id) if connection.agent_id else None,
        "agentCredential": connection.agent_credential,
        "state": connection.state,
        "message": connection.message,
        "needsAuthorization": connection.needs_authorization,
        "token": _token(connection) if scheme_of(definition.auth).needs_token else None,
        "newDestinations": services.new_destinations(connection, kept=kept),
        "testedAt": connection.tested_at,
        "createdAt": connection.created_at,
        "updatedAt": connection.updated_at,
    }


def _token(connection: Connection) -> dict[str, Any]:
    row = connection.credential
    return {
        "held": bool(row.token_sealed),
        "expiresAt": row.token_expires_at,
        "nextDueAt": row.refresh_due_at,
        "failures": row.failures,
        "retryAt": row.retry_at,
    }


class ConnectionFilters(Filters):
    q = Search("name", words="Text in the name")
    state = Choice("state", Connection.State.choices)
    environment = Exactly("environment", "Slug of an environment, for example production")
    isDefault = Flag("is_default")
    ordering = Order({"name": "name", "created_at": "createdAt", "updated_at": "updatedAt", "tested_at": "testedAt"})


class ConnectionsView(APIView):
    @extend_schema(
        operation_id="listConnections",
        summary="List connections",
        parameters=[
            OpenApiParameter("integration", {"type": "string", "maxLength": MAX_TEXT}, description="Id or slug of an integration"),
            OpenApiParameter("organization", {"type": "string", "maxLength": MAX_TEXT}, description="Id or slug"),
            *ConnectionFilters.parameters(),
        ],
        responses={200: ConnectionDocument(many=True), **problems(401, 403, 404, 422)},
        tags=["connections"],
    )
    def get(self, request: Request) -> Response:
        rows = Connection.objects.visible_to(request.user).select_related("integration", "credential", "owner", "revision")
        if request.query_params.get("integration"):
            rows = rows.filter(integration=integration_for(request.user, request.query_params["integration"]))
        if request.query_params.get("organization"):
            rows = rows.filter(organization=organization_for(request.user, Role.VIEWER, request.query_params["organization"]))
        page = page_of(request, ConnectionFilters.narrow(request, rows))
        look_up_revisions([row.integration for row in page.rows])
        kept = DefaultCredential.objects.in_bulk([row.integration_id for row in page.rows])
        return array(request, page, lambda row: represent(row, kept=kept.get(row.integration_id)))

    @extend_schema(
        operation_id="createConnection",
        summary="Connect an organization to a published integration",
        request=ConnectionRequest,
        responses={201: ConnectionDocument, **problems(400, 401, 403, 409, 422)},
        tags=["connections"],
    )
    def post(self, request: Request) -> Response:
        payload = _payload(request)
        integration = _named(request, payload)
        organization = running_for(request.user, integration, payload.get("organization"))
        connection = services.create(
            organization=organization,
            user=signed_in(request),
            integration=integration,
            name=str(payload.get("name") or ""),
            credentials=payload.get("credentials") or {},
            settings=payload.get("settings") or {},
            is_default=payload.get("isDefault"),
            limits={name: payload[name] for name in checking.LIMIT_FIELDS if name in payload},
            options=payload.get("options"),
            network_secrets=payload.get("networkSecrets"),
            environment=payload.get("environment"),
            below=payload.get("below"),
            way=chosen(organization, payload),
        )
        if payload.get("revision") is not None:
            connection = services.pin(connection=connection, number=payload["revision"])
        return Response(represent(connection), status=201, headers={"Location": f"/api/connections/{connection.pk}"})


class ConnectionView(APIView):
    @extend_schema(
        operation_id="getConnection",
        summary="Read a connection",
        parameters=[conditions.IF_NONE_MATCH],
        responses={200: ConnectionDocument, 304: None, **problems(401, 404)},
        tags=["connections"],
    )
    def get(self, request: Request, key: str) -> Response:
        return conditions.answer(request, represent(connection_for(request.user, key)))

    @extend_schema(
        operation_id="updateConnection",
        summary="Change a connection; credentials that are left out stay",
        parameters=[conditions.IF_MATCH],
        request=ConnectionRequest,
        responses={200: ConnectionDocument, **problems(400, 401, 403, 404, 409, 412, 422, 428)},
        tags=["connections"],
    )
    def patch(self, request: Request, key: str) -> Response:
        payload = _payload(request)
        connection = connection_for(request.user, key, use=True)
        fixed = {
            "integration": (str(connection.integration_id), connection.integration.slug),
            "organization": (str(connection.organization_id), connection.organization.slug),
            "environment": (connection.environment,),
        }
        moved = [name for name, same in fixed.items() if name in payload and payload[name] not in same]
        if moved:
            raise Invalid({name: ["A connection cannot be moved. Create a new one."] for name in moved})
        with transaction.atomic():
            _unchanged(request, connection)
            if "revision" in payload:
                connection = services.pin(connection=connection, number=payload["revision"])
            services.change(
                connection=connection,
                name=payload.get("name"),
                credentials=payload.get("credentials"),
                settings=payload.get("settings"),
                is_default=payload.get("isDefault"),
                limits={name: payload[name] for name in checking.LIMIT_FIELDS if name in payload},
                options=payload.get("options"),
                network_secrets=payload.get("networkSecrets"),
                debug_until=_moment(payload["debugUntil"]) if "debugUntil" in payload else ...,
                below=payload.get("below"),
                way=chosen(connection.organization, payload, way_of(connection)),
            )
        return conditions.answer(request, represent(connection_for(request.user, key)))

    @extend_schema(
        operation_id="deleteConnection",
        summary="Delete a connection, its secrets and its runs",
        description="Its tokens are revoked at the vendor first. Where that fails the connection is deleted all the same, and the answer says so.",
        parameters=[conditions.IF_MATCH],
        responses={204: None, 200: DisconnectDocument, **problems(401, 403, 404, 412, 428)},
        tags=["connections"],
    )
    def delete(self, request: Request, key: str) -> Response:
        connection = connection_for(request.user, key, delete=True)
        conditions.check(request, lambda: represent(connection))
        problem = upkeep.delete(connection=connection)
        return Response({"revoked": False, "message": problem}) if problem else Response(status=204)


class UninstallView(APIView):
    @extend_schema(
        operation_id="uninstallIntegration",
        summary="Delete all connections of an organization to an integration; what is mapped stays",
        parameters=[
            OpenApiParameter(
                "organization",
                {"type": "string", "maxLength": MAX_TEXT},
                description="Id or slug; by default the caller's topmost organization",
            )
        ],
        responses={200: UninstallDocument, **problems(401, 403, 404, 409, 422)},
        tags=["connections"],
    )
    def delete(self, request: Request, key: str) -> Response:
        integration = integration_for(request.user, key)
        organization = running_for(request.user, integration, request.query_params.get("organization"))
        told = uninstalling.uninstall(integration=integration, organization=organization, user=signed_in(request))
        return Response({"messages": told})


class ConnectionTestView(APIView):
    @extend_schema(
        operation_id="testConnection",
        summary="Test a connection with the integration's ping request",
        request=None,
        responses={200: TestDocument, **problems(401, 403, 404, 409)},
        tags=["connections"],
    )
    def post(self, request: Request, key: str) -> Response:
        return Response(result_of(trials.test(connection=connection_for(request.user, key, use=True), user=signed_in(request))))


class ConnectionTryView(APIView):
    @extend_schema(
        operation_id="testUnsavedConnection",
        summary="Test what a new connection would have, without saving it",
        description="Takes the body of POST /api/connections; name, limits and the like are passed over. On-premise it is sent through the agent.",
        request=ConnectionRequest,
        responses={200: TestDocument, **problems(401, 403, 404, 409, 422)},
        tags=["connections"],
    )
    def post(self, request: Request) -> Response:
        payload = _payload(request)
        integration = _named(request, payload)
        organization = running_for(request.user, integration, payload.get("organization"))
        options, secrets = services.checked_options(payload.get("options") or {}, payload.get("networkSecrets") or {})
        result = trials.try_out(
            integration=integration,
            caller=Caller(organization, signed_in(request)),
            credentials=payload.get("credentials") or {},
            settings=payload.get("settings") or {},
            options=options,
            network_secrets=secrets,
            way=chosen(organization, payload),
        )
        return Response(result_of(result))


class ConnectionEventsView(APIView):
    @extend_schema(
        operation_id="listConnectionEvents",
        summary="When the connection stopped working, and when it worked again; newest first",
        parameters=PAGING,
        responses={200: ConnectionEventDocument(many=True), **problems(401, 404, 422)},
        tags=["connections"],
    )
    def get(self, request: Request, key: str) -> Response:
        return array(request, connection_for(request.user, key).events.all(), _event)


def _event(row: ConnectionEvent) -> dict[str, Any]:
    return {"at": row.at, "before": row.before, "after": row.after, "reason": row.reason, "message": row.message}


def result_of(result: TestResult) -> dict[str, Any]:
    return {
        "ok": result.ok,
        "status": result.status,
        "message": result.message,
        "elapsedMs": result.elapsed_ms,
        "decidedBy": result.decided_by,
        "cause": result.cause,
        "blame": result.blame,
        "advice": result.advice,
        "exchange": exchange_document(result.sent) if result.sent else None,
    }


def exchange_document(entry: Any) -> dict[str, Any]:
    """A request and its answer, secrets masked, as the API shows them."""
    return {
        "request": {
            "method": entry.method,
            "url": entry.url,
            "headers": [list(pair) for pair in entry.request_headers],
            "body": entry.request_body,
            "size": entry.request_size,
        },
        "answer": {
            "status": entry.status,
            "headers": [list(pair) for pair in entry.answer_headers],
            "body": entry.answer_body,
            "size": entry.answer_size,
        }
        if entry.status
        else None,
        "error": entry.error,
    }


def _moment(value: Any) -> datetime | None:
    """A time to come, or null. Raises `Invalid`."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise Invalid({"debugUntil": ["Send a time such as 2026-03-01T12:00:00Z, or null."]}) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _named(request: Request, payload: dict[str, Any]) -> Integration:
    """The integration that a request names. Raises `Invalid`."""
    try:
        return integration_for(request.user, str(payload.get("integration") or ""))
    except Http404:
        # Whoever may connect nothing anywhere is told that, whatever they name.
        organization_for(request.user, Role.OPERATOR, payload.get("organization"))
        raise Invalid({"integration": ["There is no such integration that you may see. Send its id or slug."]}) from None


def _unchanged(request: Request, connection: Connection) -> None:
    """Hold the connection, and compare If-Match with it as it is now."""
    Connection.objects.select_for_update().filter(pk=connection.pk).first()
    conditions.check(request, lambda: represent(connection_for(request.user, connection.pk)))


def _payload(request: Request) -> dict[str, Any]:
    payload = json_object(request)
    check_known(payload, {*WRITABLE, *READ_ONLY})
    for name in ("credentials", "settings", "options", "networkSecrets"):
        if payload.get(name) is not None and not isinstance(payload[name], dict):
            raise Invalid({name: ["Enter an object."]})
    if payload.get("isDefault") is not None and not isinstance(payload["isDefault"], bool):
        raise Invalid({"isDefault": ["Enter true or false."]})
    revision = payload.get("revision")
    if revision is not None and (isinstance(revision, bool) or not isinstance(revision, int) or not 0 < revision < 10**9):
        raise Invalid({"revision": ["Enter the number of a finalized revision, or null to go along with the newest one."]})
    if payload.get("name") is not None and not isinstance(payload["name"], str):
        raise Invalid({"name": ["Enter text."]})
    return payload
