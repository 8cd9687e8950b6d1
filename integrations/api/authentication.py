"""Who calls the API: a person's token, an application's, or a browser session; and what the token is good for."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from oauth2_provider.models import AccessToken
from oauth2_provider.oauth2_validators import OAuth2Validator
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from integrations.access import applications, scopes, tokens
from integrations.access.metadata import challenge


def bearer_of(request: Request) -> str:
    """The token of the header Authorization, "" where there is none."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


class PersonalTokenAuthentication(BaseAuthentication):
    """A bearer token that a person made on the page API access."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        text = bearer_of(request)
        if not text.startswith(tokens.PREFIX):
            return None
        found = tokens.find(text)
        if found is None:
            raise AuthenticationFailed("The personal token is unknown, revoked, or has expired. Make a new one under Account > API access.")
        return found.user, found

    def authenticate_header(self, request: Request) -> str:
        return challenge(error="invalid_token") if request.headers.get("Authorization") else challenge()


class ApplicationTokenAuthentication(BaseAuthentication):
    """A bearer token of POST /o/token/. A client-credentials token has no user of its own and acts as its application's.

    The token is looked up here and not by the library, which would read the body of every request for one.
    """

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        text = bearer_of(request)
        if not text:
            return None
        rows = AccessToken.objects.select_related("user", "application__user", "application__details")
        token = rows.filter(token_checksum=sha256(text.encode("utf-8", "replace")).hexdigest()).first()
        if token is None or token.is_expired() or token.application is None:
            raise AuthenticationFailed("The access token is unknown or has expired. Get a new one from POST /o/token/.")
        user = token.user or token.application.user
        if user is None or not user.is_active:
            raise AuthenticationFailed(
                "The application of this token has no active user. Set one with: manage.py createapplication --user."
            )
        applications.used(token.application)
        return user, token


class InsufficientScope(PermissionDenied):
    """The token is not good for this; another one of the same person may be."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"The token lacks the scope {scope}. Use one that has it, or has {scopes.EVERYTHING}.")
        self.scope = scope


class HasScope(BasePermission):
    """A token may do what its scopes name; a browser session whatever its user may."""

    def has_permission(self, request: Request, view: Any) -> bool:  # noqa: ARG002 - the signature of the library
        if request.auth is not None:
            scope = scopes.needed(request.method or "", request.path)
            if not scopes.allows(scopes.granted_by(request.auth), scope):
                raise InsufficientScope(scope)
        return True


class ApplicationValidator(OAuth2Validator):
    """Knows no application whose id holds NUL; PostgreSQL would not even look for one. Of an authorization code it keeps the digest, as
    the library does of tokens: wherever a code is looked for, its digest is."""

    def _load_application(self, client_id: str | None, request: Any) -> Any:
        return None if client_id is not None and "\0" in client_id else super()._load_application(client_id, request)

    def _create_authorization_code(self, request: Any, code: dict[str, Any], expires: Any = None) -> Any:
        return super()._create_authorization_code(request, {**code, "code": _digest(code["code"])}, expires)

    def validate_code(self, client_id: str, code: str, client: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        return super().validate_code(client_id, _digest(code), client, request, *args, **kwargs)

    def confirm_redirect_uri(self, client_id: str, code: str, redirect_uri: str, client: Any, *args: Any, **kwargs: Any) -> Any:
        return super().confirm_redirect_uri(client_id, _digest(code), redirect_uri, client, *args, **kwargs)

    def invalidate_authorization_code(self, client_id: str, code: str, request: Any, *args: Any, **kwargs: Any) -> Any:
        return super().invalidate_authorization_code(client_id, _digest(code), request, *args, **kwargs)

    def get_code_challenge(self, code: str, request: Any) -> Any:
        return super().get_code_challenge(_digest(code), request)

    def get_code_challenge_method(self, code: str, request: Any) -> Any:
        return super().get_code_challenge_method(_digest(code), request)

    def get_authorization_code_scopes(self, client_id: str, code: str, redirect_uri: str, request: Any) -> Any:
        return super().get_authorization_code_scopes(client_id, _digest(code), redirect_uri, request)

    def get_authorization_code_nonce(self, client_id: str, code: str, redirect_uri: str, request: Any) -> Any:
        return super().get_authorization_code_nonce(client_id, _digest(code), redirect_uri, request)

    def _check_and_set_request_resource(self, request: Any) -> None:
        """It looks for the grant of the code itself."""
        code = getattr(request, "code", None)
        if not code or request.grant_type != "authorization_code":
            super()._check_and_set_request_resource(request)
            return
        request.code = _digest(code)
        try:
            super()._check_and_set_request_resource(request)
        finally:
            request.code = code


def _digest(code: str) -> str:
    return sha256(code.encode("utf-8", "replace")).hexdigest()


class ApplicationTokenScheme(OpenApiAuthenticationExtension):
    """How the schema names it."""

    target_class = "integrations.api.authentication.ApplicationTokenAuthentication"
    name = "oauth2"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:  # noqa: ARG002 - the signature of the library
        return {
            "type": "oauth2",
            "description": "Applications: for scripts with client credentials, for users with an authorization code and PKCE (S256).",
            "flows": {
                "clientCredentials": {"tokenUrl": "/o/token/", "scopes": scopes.SCOPES},
                "authorizationCode": {
                    "authorizationUrl": "/o/authorize/",
                    "tokenUrl": "/o/token/",
                    "refreshUrl": "/o/token/",
                    "scopes": scopes.SCOPES,
                },
            },
        }


class PersonalTokenScheme(OpenApiAuthenticationExtension):
    target_class = "integrations.api.authentication.PersonalTokenAuthentication"
    name = "personalToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:  # noqa: ARG002 - the signature of the library
        return {
            "type": "http",
            "scheme": "bearer",
            "description": f"A token that a person made under Account > API access; it begins with {tokens.PREFIX}",
        }
