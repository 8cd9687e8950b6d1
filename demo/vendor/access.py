"""Who calls: the sample vendor takes an API key, Basic or Bearer credentials on every endpoint that needs any.

A request may carry several credentials; then each of them has to be right, so that a client which sends one too many
is noticed. The caller may do what all of them allow.
"""

from __future__ import annotations

from collections.abc import Iterator
from http.cookies import CookieError, SimpleCookie

from demo.vendor.oauth import SCOPES, Tokens, basic, same
from demo.vendor.settings import Settings
from demo.vendor.web import Refusal, Request

REALM = "Sample Vendor"
HEADER, PARAMETER = "X-API-Key", "api_key"
EVERYTHING = frozenset(SCOPES)


def allow(request: Request, scope: str, *, settings: Settings, tokens: Tokens) -> None:
    """Let the request pass, or raise Refusal: 401 for missing or wrong credentials, 403 for a missing permission."""
    granted = list(_grants(request, settings, tokens))
    if not granted:
        raise Refusal(401, "unauthorized", f"Send an API key in {HEADER}, or Basic or Bearer credentials.", headers=_challenges())
    if None in granted:
        error = ', error="invalid_token"' if request.headers.get("authorization", "").lower().startswith("bearer") else ""
        raise Refusal(401, "invalid_credentials", "The credentials are wrong or have expired.", headers=_challenges(error))
    if not all(scope in scopes for scopes in granted if scopes is not None):
        challenge = [("WWW-Authenticate", f'Bearer realm="{REALM}", error="insufficient_scope", scope="{scope}"')]
        raise Refusal(403, "forbidden", f"These credentials lack the permission {scope}.", headers=challenge)


def _challenges(error: str = "") -> list[tuple[str, str]]:
    return [("WWW-Authenticate", f'Bearer realm="{REALM}"{error}'), ("WWW-Authenticate", f'Basic realm="{REALM}", charset="UTF-8"')]


def _grants(request: Request, settings: Settings, tokens: Tokens) -> Iterator[frozenset[str] | None]:
    """The scopes of each credential that the request carries; None for one that is wrong."""
    if "authorization" in request.headers:
        yield _authorization(request.headers["authorization"], settings, tokens)
    if HEADER.lower() in request.headers:
        yield _key(request.headers[HEADER.lower()], settings)
    for key in request.values(PARAMETER):
        yield _key(key, settings)
    try:
        cookie = SimpleCookie(request.headers.get("cookie", "")).get(PARAMETER)
    except CookieError:
        cookie = None
    if cookie is not None:
        yield _key(cookie.value, settings)


def _authorization(value: str, settings: Settings, tokens: Tokens) -> frozenset[str] | None:
    scheme, _, credentials = value.strip().partition(" ")
    credentials = credentials.strip()
    match scheme.lower():
        case "token":
            return _key(credentials, settings)
        case "bearer":
            return EVERYTHING if same(credentials, settings.token) else tokens.scopes_of(credentials)
        case "basic":
            user, password = basic(credentials)
            right = same(user, settings.username) and same(password, settings.password)
            return EVERYTHING if right else None
    return None


def _key(key: str, settings: Settings) -> frozenset[str] | None:
    if same(key, settings.api_key):
        return EVERYTHING
    return EVERYTHING - {"billing"} if same(key, settings.restricted_key) else None
