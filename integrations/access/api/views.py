"""Who one is, one's tokens and applications, over HTTP. A token gives on no more than it has."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware
from drf_spectacular.utils import extend_schema
from oauth2_provider.models import Application
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.hal import array
from integrations.access import applications, tokens
from integrations.access.api import schema
from integrations.access.pages import own_application
from integrations.access.scopes import EVERYTHING, granted_by
from integrations.accounts.forms import ProfileForm
from integrations.api.listing import PAGING
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.models import Membership, PersonalToken, User
from integrations.permissions import by_id_or_404, signed_in
from integrations.refusals import Invalid, check_known


class MeView(APIView):
    @extend_schema(
        operation_id="getMe",
        summary="Who one is, one's roles, and what the token is good for",
        responses={200: schema.MeDocument, **problems(401)},
        tags=["account"],
    )
    def get(self, request: Request) -> Response:
        return Response(_me(request))

    @extend_schema(
        operation_id="updateMe",
        summary="Change one's name or email; the password is changed in the browser",
        request=schema.MeRequest,
        responses={200: schema.MeDocument, **problems(400, 401, 422)},
        tags=["account"],
    )
    def patch(self, request: Request) -> Response:
        payload = _known(json_object(request), {"displayName", "email"})
        user = User.objects.get(pk=signed_in(request).pk)
        given = {
            "display_name": _text(payload, "displayName") if "displayName" in payload else user.display_name,
            "email": _text(payload, "email") if "email" in payload else user.email,
        }
        form = ProfileForm(given, instance=user)
        if not form.is_valid():
            names = {"display_name": "displayName"}
            raise Invalid({names.get(name, name): [str(one) for one in sentences] for name, sentences in form.errors.items()})
        request.user = form.save()
        return Response(_me(request))


def _me(request: Request) -> dict[str, Any]:
    user = signed_in(request)
    rows = Membership.objects.filter(user=user).select_related("organization").order_by("organization__path")
    roles = [
        {
            "organization": {"id": str(row.organization.pk), "name": row.organization.name, "slug": row.organization.slug},
            "role": row.role,
        }
        for row in rows
    ]
    return {
        "username": user.username,
        "displayName": user.display_name,
        "email": user.email,
        "isSuperuser": user.is_superuser,
        "roles": roles,
        "scopes": sorted(granted_by(request.auth)) if request.auth is not None else [EVERYTHING],
    }


class TokensView(APIView):
    gives_secrets = True

    @extend_schema(
        operation_id="listPersonalTokens",
        summary="List one's personal tokens, newest first; never the tokens themselves",
        parameters=PAGING,
        responses={200: schema.PersonalTokenDocument(many=True), **problems(401, 422)},
        tags=["account"],
    )
    def get(self, request: Request) -> Response:
        return array(request, PersonalToken.objects.visible_to(request.user).filter(revoked_at=None), _token)

    @extend_schema(
        operation_id="createPersonalToken",
        summary="Make a personal token; it is in this answer and nowhere else",
        request=schema.TokenRequest,
        responses={201: schema.MadeTokenDocument, **problems(400, 401, 409, 422)},
        tags=["account"],
    )
    def post(self, request: Request) -> Response:
        payload = _known(json_object(request), {"name", "scopes", "expiresAt"})
        made, text = tokens.create(
            user=signed_in(request),
            name=_text(payload, "name"),
            scopes=_texts(payload, "scopes"),
            expires_at=_moment(payload.get("expiresAt")),
            granted=_granted(request),
        )
        return Response(
            {**_token(made), "token": text}, status=201, headers={"Location": f"/api/tokens/{made.pk}", "Cache-Control": "no-store"}
        )


class TokenView(APIView):
    @extend_schema(
        operation_id="getPersonalToken",
        summary="Read what is known of a personal token",
        responses={200: schema.PersonalTokenDocument, **problems(401, 404)},
        tags=["account"],
    )
    def get(self, request: Request, key: str) -> Response:
        return Response(_token(_token_for(request, key)))

    @extend_schema(
        operation_id="revokePersonalToken",
        summary="Revoke a personal token",
        responses={204: None, **problems(401, 404)},
        tags=["account"],
    )
    def delete(self, request: Request, key: str) -> Response:
        tokens.revoke(token=_token_for(request, key))
        return Response(status=204)


class ApplicationsView(APIView):
    gives_secrets = True

    @extend_schema(
        operation_id="listApplications",
        summary="List one's OAuth applications",
        parameters=PAGING,
        responses={200: schema.ApplicationDocument(many=True), **problems(401, 422)},
        tags=["account"],
    )
    def get(self, request: Request) -> Response:
        rows = Application.objects.filter(user=request.user).select_related("details").order_by("name", "pk")
        return array(request, rows, _application)

    @extend_schema(
        operation_id="createApplication",
        summary="Make an OAuth application; its secret is in this answer and nowhere else",
        request=schema.ApplicationRequest,
        responses={201: schema.MadeApplicationDocument, **problems(400, 401, 422)},
        tags=["account"],
    )
    def post(self, request: Request) -> Response:
        payload = _known(json_object(request), {"name", "kind", "redirectUris", "scopes"})
        made, secret = applications.create(
            user=signed_in(request),
            name=_text(payload, "name"),
            kind=_text(payload, "kind"),
            redirect_uris=_texts(payload, "redirectUris"),
            scopes=_texts(payload, "scopes"),
            granted=_granted(request),
        )
        return _with_secret(made, secret, status=201)


class ApplicationView(APIView):
    @extend_schema(
        operation_id="getApplication",
        summary="Read one of one's OAuth applications",
        responses={200: schema.ApplicationDocument, **problems(401, 404)},
        tags=["account"],
    )
    def get(self, request: Request, key: str) -> Response:
        return Response(_application(_application_for(request, key)))

    @extend_schema(
        operation_id="updateApplication",
        summary="Change name, redirect URIs or scopes; what is left out stays",
        request=schema.ApplicationChange,
        responses={200: schema.ApplicationDocument, **problems(400, 401, 404, 422)},
        tags=["account"],
    )
    def patch(self, request: Request, key: str) -> Response:
        application = _application_for(request, key)
        payload = _known(json_object(request), {"name", "redirectUris", "scopes"})
        present = _application(application)
        changed = applications.change(
            application=application,
            name=_text(payload, "name") if "name" in payload else application.name,
            redirect_uris=_texts(payload, "redirectUris") if "redirectUris" in payload else present["redirectUris"],
            scopes=_texts(payload, "scopes") if "scopes" in payload else present["scopes"],
            granted=_granted(request),
        )
        return Response(_application(changed))

    @extend_schema(
        operation_id="deleteApplication",
        summary="Delete an OAuth application and all of its tokens",
        responses={204: None, **problems(401, 404)},
        tags=["account"],
    )
    def delete(self, request: Request, key: str) -> Response:
        applications.delete(application=_application_for(request, key))
        return Response(status=204)


class SecretView(APIView):
    gives_secrets = True

    @extend_schema(
        operation_id="renewApplicationSecret",
        summary="Replace the secret of an OAuth application; the old one does not work any more",
        request=None,
        responses={200: schema.MadeApplicationDocument, **problems(401, 403, 404, 422)},
        tags=["account"],
    )
    def post(self, request: Request, key: str) -> Response:
        application = _application_for(request, key)
        if errors := tokens.scope_errors(applications.scopes_of(application), _granted(request)):
            raise Invalid(errors)  # whoever has the secret has these scopes
        return _with_secret(application, applications.new_secret(application=application), status=200)


class ConsentsView(APIView):
    @extend_schema(
        operation_id="listAuthorizedApplications",
        summary="List the applications that act for one",
        parameters=PAGING,
        responses={200: schema.ConsentDocument(many=True), **problems(401, 422)},
        tags=["account"],
    )
    def get(self, request: Request) -> Response:
        return array(request, applications.consents(signed_in(request)), _consent)


class ConsentView(APIView):
    @extend_schema(
        operation_id="withdrawAuthorization",
        summary="Let an application no longer act for one",
        responses={204: None, **problems(401, 404)},
        tags=["account"],
    )
    def delete(self, request: Request, key: str) -> Response:
        user = signed_in(request)
        found = next((consent for consent in applications.consents(user) if str(consent.application.pk) == key), None)
        if found is None:
            raise Http404
        applications.withdraw(user=user, application=found.application)
        return Response(status=204)


def _granted(request: Request) -> set[str] | None:
    return None if request.auth is None else granted_by(request.auth)


def _with_secret(application: Any, secret: str, *, status: int) -> Response:
    headers = {"Location": f"/api/applications/{application.pk}", "Cache-Control": "no-store"}
    return Response({**_application(application), "clientSecret": secret or None}, status=status, headers=headers)


def _token_for(request: Request, key: str) -> PersonalToken:
    rows = PersonalToken.objects.visible_to(request.user).filter(revoked_at=None)
    return by_id_or_404(rows, key)


def _application_for(request: Request, key: str) -> Any:
    if not (key.isascii() and key.isdigit() and len(key) < 18):
        raise Http404
    return own_application(request.user, int(key))


def _token(token: PersonalToken) -> dict[str, Any]:
    return {
        "id": str(token.pk),
        "name": token.name,
        "hint": token.hint,
        "scopes": token.scopes,
        "state": token.state,
        "createdAt": token.created_at,
        "expiresAt": token.expires_at,
        "lastUsedAt": token.last_used_at,
    }


def _application(application: Any) -> dict[str, Any]:
    return {
        "id": application.pk,
        "name": application.name,
        "kind": applications.kind_of(application),
        "clientId": application.client_id,
        "redirectUris": application.redirect_uris.split(),
        "scopes": applications.scopes_of(application),
        "createdAt": application.created,
        "lastUsedAt": applications.last_use_of(application),
    }


def _consent(consent: applications.Consent) -> dict[str, Any]:
    return {
        "application": consent.application.pk,
        "name": consent.application.name,
        "scopes": consent.scopes,
        "since": consent.since,
    }


def _known(payload: dict[str, Any], names: set[str]) -> dict[str, Any]:
    check_known(payload, names)
    return payload


def _text(payload: dict[str, Any], name: str) -> str:
    value = payload.get(name, "")
    if not isinstance(value, str):
        raise Invalid({name: ["Enter text."]})
    return value


def _texts(payload: dict[str, Any], name: str) -> list[str]:
    value = payload.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Invalid({name: ["Enter a list of texts."]})
    return value


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        found = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or not is_aware(found):
        raise Invalid({"expiresAt": ["Enter a moment with its offset, such as 2027-01-31T00:00:00Z, or null."]})
    return found
