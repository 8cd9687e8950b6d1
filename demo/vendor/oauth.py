"""OAuth 2.0 client credentials (RFC 6749, section 4.4): the token endpoint, and the access tokens that it issues.

An access token carries its expiry and scopes and a signature over them, so that every process of a server accepts what
another one has issued, and none has to remember anything.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterable
from urllib.parse import unquote_plus

from demo.vendor.settings import Settings
from demo.vendor.web import Refusal, Request, Response

SCOPES = {"read": "Read everything but invoices.", "write": "Change devices and tickets.", "billing": "Read invoices."}


class Tokens:
    """Issues access tokens and reads them back. `clock` gives seconds since 1970."""

    def __init__(self, *, signing_key: str, lifetime: int, clock: Callable[[], float] = time.time) -> None:
        self.lifetime = lifetime
        self._key = signing_key.encode()
        self._clock = clock

    def issue(self, scopes: Iterable[str]) -> str:
        content = {"expires": self._clock() + self.lifetime, "scopes": sorted(scopes), "id": secrets.token_hex(8)}
        payload = base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
        return f"{payload}.{self._signature(payload)}"

    def scopes_of(self, token: str) -> frozenset[str] | None:
        """The scopes of a token that is ours and has not expired, else None."""
        payload, _, signature = token.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(payload).encode()):
            return None
        content = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return frozenset(content["scopes"]) if self._clock() < content["expires"] else None

    def revoke_all(self) -> None:
        """From now on this process refuses every token issued so far, however long it would have lived."""
        self._key = secrets.token_bytes(32)

    def _signature(self, payload: str) -> str:
        return hmac.new(self._key, payload.encode(), hashlib.sha256).hexdigest()


class TokenRefusal(Refusal):
    """An error answer of the token endpoint, in the shape of RFC 6749, section 5.2."""

    def response(self) -> Response:
        return Response.json(
            {"error": self.code, "error_description": self.message},
            status=self.status,
            headers=[*self.headers, ("Cache-Control", "no-store")],
        )


def token(request: Request, *, settings: Settings, tokens: Tokens) -> Response:
    """Answer one token request. Raises TokenRefusal."""
    values = _parameters(request)
    _authenticate(request, values, settings)
    grant = values.get("grant_type", "")
    if not grant:
        raise TokenRefusal(400, "invalid_request", "grant_type is missing.")
    if grant != "client_credentials":
        raise TokenRefusal(400, "unsupported_grant_type", "grant_type is client_credentials.")
    scopes = values.get("scope", "").split() or list(SCOPES)
    if not set(scopes) <= set(SCOPES):
        raise TokenRefusal(400, "invalid_scope", f"The scopes are {', '.join(SCOPES)}.")
    answer = {"access_token": tokens.issue(scopes), "token_type": "Bearer", "expires_in": tokens.lifetime, "scope": " ".join(scopes)}
    return Response.json(answer, headers=[("Cache-Control", "no-store"), ("Pragma", "no-cache")])


def _parameters(request: Request) -> dict[str, str]:
    """The parameters of a form or JSON body, each at most once."""
    try:
        pairs = list(request.json().items()) if request.content_type == "application/json" else request.form()
    except Refusal as refusal:
        raise TokenRefusal(400, "invalid_request", refusal.message) from None
    if len(dict(pairs)) < len(pairs):
        raise TokenRefusal(400, "invalid_request", "A parameter stands in the request twice.")
    if not all(isinstance(value, str) for _, value in pairs):
        raise TokenRefusal(400, "invalid_request", "Every parameter is a string.")
    return dict(pairs)


def _authenticate(request: Request, values: dict[str, str], settings: Settings) -> None:
    """Check the client's id and secret, sent by Basic or in the body but not both (RFC 6749, section 2.3.1)."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme and "client_secret" in values:
        raise TokenRefusal(400, "invalid_request", "The client authenticates in the Authorization header or in the body, not in both.")
    if scheme.lower() == "basic":
        client, secret = (unquote_plus(part) for part in basic(credentials))
    else:
        client, secret = values.get("client_id", ""), values.get("client_secret", "")
    if not same(client, settings.client_id) or not same(secret, settings.client_secret):
        challenge = [("WWW-Authenticate", 'Basic realm="Sample Vendor tokens"')]
        raise TokenRefusal(401, "invalid_client", "The client id or the client secret is wrong.", headers=challenge)


def basic(credentials: str) -> tuple[str, str]:
    """User name and password of Basic credentials (RFC 7617), empty where they cannot be read."""
    try:
        user, _, password = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return user, password


def same(sent: str, expected: str) -> bool:
    """Compare secrets in a time that does not depend on how much of them is right."""
    return hmac.compare_digest(sent.encode(), expected.encode())
