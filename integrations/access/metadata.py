"""What programs read to find out how to get a token: RFC 8414 and RFC 9728 documents. They are django-oauth-toolkit's, at our own addresses."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from oauth2_provider.views.metadata import OAuthProtectedResourceMetadataView, OAuthServerMetadataView


class ServerMetadataView(OAuthServerMetadataView):
    """GET /.well-known/oauth-authorization-server: the addresses, grants, scopes and methods of Junction's authorization server."""

    def _get_endpoint_url(self, request: HttpRequest, view_name: str, required: bool = False) -> str | None:  # noqa: ARG002 - the library's
        try:
            return f"{settings.PUBLIC_URL}{reverse(view_name)}"
        except NoReverseMatch:
            return None  # the library then leaves it out


class ResourceMetadataView(OAuthProtectedResourceMetadataView):
    """GET /.well-known/oauth-protected-resource: who gives tokens for the API. The header WWW-Authenticate of a 401 names it."""


def challenge(**more: Any) -> str:
    """The value of WWW-Authenticate for a request without a token that is good for it (RFC 6750, 3)."""
    values = {"realm": "api", **more, "resource_metadata": f"{settings.PUBLIC_URL}{reverse('oauth-resource-metadata')}"}
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in values.items())
