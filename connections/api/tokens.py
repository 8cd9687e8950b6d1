"""Authorizing over HTTP, and what programs do about a connection's token."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpResponseRedirect
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.hal import paged
from connections import services
from connections.api.schema import (
    AuthorizationDocument,
    ConnectDocument,
    ConnectionDocument,
    DisconnectDocument,
    TokenEventCollection,
)
from connections.api.views import represent
from connections.client import redirect_uri
from connections.models import Connection, TokenEvent
from connections.permissions import connection_for
from connections.tokens import authorization, upkeep
from integrations.api.listing import PAGING
from integrations.api.payloads import text_in
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.models import Integration, Organization
from integrations.models.environment import PRODUCTION
from integrations.permissions import integration_for, running_for, signed_in
from integrations.refusals import Invalid, check_known

# Fields of a body of POST connect, besides those of a new connection.
GIVEN = frozenset({"code", "codeVerifier", "redirectUri", "accessToken", "refreshToken", "expiresIn", "token", "callback"})
OF_CONNECTION = frozenset({"organization", "name", "credentials", "settings"})


class AuthorizeView(APIView):
    gives_secrets = True  # the state in the address

    @extend_schema(
        operation_id="authorizeConnection",
        summary="Begin an authorization: the address of the vendor's page where a person agrees",
        description="Open it in a browser in which the same user is signed in to Junction. It is valid once, for AUTHORIZATION_SECONDS.",
        request=None,
        responses={200: AuthorizationDocument, **problems(401, 403, 404, 409, 422)},
        tags=["connections"],
    )
    def post(self, request: Request, key: str) -> Response:
        connection = connection_for(request.user, key, use=True)
        begun = authorization.begin(connection=connection, user=signed_in(request), session_key=_session(request))
        return Response({"url": begun.url, "expiresAt": begun.expires_at, "redirectUri": redirect_uri()})


class ConnectView(APIView):
    @extend_schema(
        operation_id="connectIntegration",
        summary="To the vendor's page: authorizes the caller's default connection, which is made if there is none",
        parameters=[OpenApiParameter("organization", str, description="Id or slug; by default the caller's topmost organization")],
        responses={302: OpenApiResponse(description="To the vendor's page"), **problems(401, 403, 404, 409, 422)},
        tags=["connections"],
    )
    def get(self, request: Request, key: str) -> HttpResponseRedirect:
        integration = integration_for(request.user, key)
        organization = running_for(request.user, integration, request.query_params.get("organization"))
        with transaction.atomic():  # a connection that cannot be authorized is not left behind
            connection = _default(request, integration, organization) or _make(request, integration, organization, {})
            begun = authorization.begin(connection=connection, user=signed_in(request), session_key=_session(request))
        return HttpResponseRedirect(begun.url)

    @extend_schema(
        operation_id="connectIntegrationByProgram",
        summary="Connect with what a program has: an authorization code, tokens, or credentials",
        request=ConnectDocument,
        responses={201: ConnectionDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["connections"],
    )
    def post(self, request: Request, key: str) -> Response:
        payload = json_object(request)
        check_known(payload, {*GIVEN, *OF_CONNECTION})
        given = _given(payload)
        integration = integration_for(request.user, key)
        organization = running_for(request.user, integration, payload.get("organization"))
        connection = _named(request, integration, organization, payload) or _make(request, integration, organization, payload)
        if given.get("code"):
            authorization.exchange(
                connection=connection,
                code=given["code"],
                verifier=text_in(payload, "codeVerifier"),
                answer=_callback(payload),
                redirect=text_in(payload, "redirectUri") or redirect_uri(),
            )
        elif given:
            upkeep.adopt(connection=connection, given=given)
        connection.refresh_from_db()
        return Response(represent(connection), status=201, headers={"Location": f"/api/connections/{connection.pk}"})


class RenewView(APIView):
    @extend_schema(
        operation_id="renewToken",
        summary="Fetch a new token now",
        request=None,
        responses={200: ConnectionDocument, **problems(401, 403, 404, 409)},
        tags=["connections"],
    )
    def post(self, request: Request, key: str) -> Response:
        return Response(represent(upkeep.renew(connection=connection_for(request.user, key, use=True))))


class ClearView(APIView):
    @extend_schema(
        operation_id="clearToken",
        summary="Drop the cached access token; the next call fetches another one",
        request=None,
        responses={200: ConnectionDocument, **problems(401, 403, 404, 409)},
        tags=["connections"],
    )
    def post(self, request: Request, key: str) -> Response:
        return Response(represent(upkeep.clear(connection=connection_for(request.user, key, use=True))))


class DisconnectView(APIView):
    @extend_schema(
        operation_id="disconnectConnection",
        summary="Revoke the tokens at the vendor and forget them; the connection stays",
        request=None,
        responses={200: DisconnectDocument, **problems(401, 403, 404, 409)},
        tags=["connections"],
    )
    def post(self, request: Request, key: str) -> Response:
        connection = connection_for(request.user, key, use=True)
        problem = upkeep.disconnect(connection=connection)
        return Response({"revoked": not problem, "message": problem})


class AgreeView(APIView):
    @extend_schema(
        operation_id="agreeToDestinations",
        summary="Agree that credentials go to the servers which a changed integration names",
        request=None,
        responses={200: ConnectionDocument, **problems(401, 403, 404, 409)},
        tags=["connections"],
    )
    def post(self, request: Request, key: str) -> Response:
        connection = connection_for(request.user, key, use=True)
        return Response(represent(services.agree_to_destinations(connection=connection)))


class TokenEventsView(APIView):
    @extend_schema(
        operation_id="listTokenEvents",
        summary="When the token was renewed, why, and what came of it; newest first",
        parameters=[
            *PAGING,
        ],
        responses={200: TokenEventCollection, **problems(401, 404, 422)},
        tags=["connections"],
    )
    def get(self, request: Request, key: str) -> Response:
        connection = connection_for(request.user, key)
        path = f"/api/connections/{connection.pk}/token-events"
        return paged(request, connection.token_events.all(), rel="tokenEvents", represent=_event, path=path)


def _event(event: TokenEvent) -> dict[str, Any]:
    return {
        "at": event.at,
        "reason": event.reason,
        "outcome": event.outcome,
        "message": event.message,
        "elapsedMs": event.elapsed_ms,
        "nextDueAt": event.next_due_at,
    }


def _session(request: Request) -> str:
    """The key of the browser's session; "" for a program with a token."""
    if request.auth is not None:
        return ""
    return str(request.session.session_key or "")


def _default(request: Request, integration: Integration, organization: Organization) -> Connection | None:
    """The caller's default in production: their own one, or that of all members, as the integration's mode says."""
    rows = Connection.objects.belonging_to(signed_in(request), integration)
    return rows.filter(organization=organization, environment=PRODUCTION, is_default=True).first()


def _named(request: Request, integration: Integration, organization: Organization, payload: dict[str, Any]) -> Connection | None:
    """The connection that a body means: the named one, else the default. Credentials that come along are saved to it."""
    name = text_in(payload, "name")
    rows = Connection.objects.belonging_to(signed_in(request), integration).filter(organization=organization, environment=PRODUCTION)
    found = rows.filter(name=name).first() if name else _default(request, integration, organization)
    if found and (payload.get("credentials") or payload.get("settings")):
        services.change(connection=found, credentials=payload.get("credentials"), settings=payload.get("settings"))
    return found


def _make(request: Request, integration: Integration, organization: Organization, payload: dict[str, Any]) -> Connection:
    return services.create(
        organization=organization,
        user=signed_in(request),
        integration=integration,
        name=text_in(payload, "name") or integration.name,
        credentials=payload.get("credentials") or {},
        settings=payload.get("settings") or {},
    )


def _given(payload: dict[str, Any]) -> dict[str, Any]:
    """What the body brings: a code, or an answer of a token endpoint, whole or in single fields."""
    for name in ("credentials", "settings", "token"):
        if payload.get(name) is not None and not isinstance(payload[name], dict):
            raise Invalid({name: ["Enter an object."]})
    whole = dict(payload.get("token") or {})
    for field, name in (("accessToken", "access_token"), ("refreshToken", "refresh_token"), ("expiresIn", "expires_in")):
        if payload.get(field) is not None:
            whole[name] = payload[field]
    code = text_in(payload, "code")
    if code and whole:
        raise Invalid({"code": ["Send a code or tokens, not both."]})
    return {"code": code} if code else whole


def _callback(payload: dict[str, Any]) -> dict[str, str]:
    """The other parameters of the redirect, of which the integration may keep some."""
    given = payload.get("callback") or {}
    if not isinstance(given, dict):
        raise Invalid({"callback": ["Enter an object."]})
    return {str(name): str(value) for name, value in given.items()}
