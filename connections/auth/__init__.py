"""Authentication schemes: which credentials a connection holds, and what they add to a request.

A scheme is one class. To add one: a part in `integrations.definition.auth`, a form with its help in
`integrations.wizard.auth_forms`, a class here, and its entry in SCHEMES.
"""

from __future__ import annotations

from connections.auth.base import CredentialField, Credentials, Scheme, Values
from connections.auth.fixed import ApiKeyScheme, BasicScheme, BearerScheme, DigestScheme, NoScheme, basic_header
from connections.auth.tokens import JwtScheme, LoginScheme, OAuth2Scheme
from integrations.definition import Part

__all__ = ["SCHEMES", "CredentialField", "Credentials", "Scheme", "Values", "basic_header", "scheme_of"]

SCHEMES: dict[str, type[Scheme]] = {
    scheme.auth_type: scheme
    for scheme in (ApiKeyScheme, BasicScheme, BearerScheme, OAuth2Scheme, LoginScheme, DigestScheme, JwtScheme, NoScheme)
}


def scheme_of(auth: Part) -> Scheme:
    """The scheme for the authentication part of a definition."""
    return SCHEMES[str(getattr(auth, "type"))](auth)  # noqa: B009  every authentication part has a type, their base has not
