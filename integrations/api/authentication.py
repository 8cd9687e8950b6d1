"""Who calls the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from oauth2_provider.contrib.rest_framework import OAuth2Authentication
from oauth2_provider.oauth2_validators import OAuth2Validator
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request


class ApplicationTokenAuthentication(OAuth2Authentication):
    """A bearer token of POST /o/token/. A client-credentials token has no user of its own and acts as its application's."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        found = super().authenticate(request)
        if found is None:
            if request.headers.get("Authorization", "").lower().startswith("bearer "):
                raise AuthenticationFailed("The access token is unknown or has expired. Get a new one from POST /o/token/.")
            return None
        user, token = found
        user = user or token.application.user
        if user is None or not user.is_active:
            raise AuthenticationFailed(
                "The application of this token has no active user. Set one with: manage.py createapplication --user."
            )
        return user, token


class ApplicationValidator(OAuth2Validator):
    """Knows no application whose id holds NUL; PostgreSQL would not even look for one."""

    def _load_application(self, client_id: str, request: Any) -> Any:
        return None if "\0" in client_id else super()._load_application(client_id, request)


class ApplicationTokenScheme(OpenApiAuthenticationExtension):
    """How the schema names that authentication."""

    target_class = "integrations.api.authentication.ApplicationTokenAuthentication"
    name = "oauth2"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:  # noqa: ARG002 - the signature of the library
        return {
            "type": "oauth2",
            "flows": {
                "clientCredentials": {"tokenUrl": "/o/token/", "scopes": {"api": "Everything that the user of the application may do"}}
            },
        }
