"""The public keys of vendors who sign webhooks with a private one (RFC 7517): fetched once, kept for an hour.

Whoever knows an address can make us ask, without a signature. So one list is asked for by one thread at a time, one that could not be
had not again at once, and keys that we hold stay until there are others.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import jwt
from django.conf import settings
from django.core.cache import cache

from connections.exchange import Outgoing, TransportError
from connections.transport import Transport
from connections.webhooks.verification import Unverified

KEPT_SECONDS: Final = 3600
AGAIN_SECONDS: Final = 60  # until a key that is not in the list makes us ask again
FAILED_SECONDS: Final = 15  # until a list that could not be had is asked for again


class Busy(Exception):
    """Somebody else is fetching the list at this moment."""


def keys_for(uri: str, token: str) -> list[Any]:
    """The keys of the list at `uri` that may have signed a token. Raises `Unverified` and `Busy`."""
    try:
        wanted = jwt.get_unverified_header(token).get("kid")
    except jwt.PyJWTError:
        raise Unverified("What should be a token is none.") from None
    kept = cache.get(_name(uri, "keys"))
    found = _fitting(list(_first(uri) if kept is None else kept), wanted)
    if not found and cache.add(_name(uri, "asked"), 1, AGAIN_SECONDS):
        found = _fitting(_listed(uri), wanted)
    if not found:
        raise Unverified("The vendor's list of public keys has none of the name that the token says.")
    return found


def _first(uri: str) -> list[Any]:
    """The list where none is kept."""
    if failed := cache.get(_name(uri, "failed")):
        raise Unverified(str(failed))
    if not cache.add(_name(uri, "fetching"), 1, settings.EGRESS_TOTAL_TIMEOUT + FAILED_SECONDS):
        raise Busy
    try:
        return _listed(uri)
    except Unverified as error:
        cache.set(_name(uri, "failed"), str(error), FAILED_SECONDS)
        raise
    finally:
        cache.delete(_name(uri, "fetching"))


def _fitting(listed: list[Any], wanted: Any) -> list[Any]:
    found = []
    for one in listed:
        if (
            isinstance(one, dict)
            and (wanted is None or one.get("kid") == wanted)
            and one.get("use", "sig") == "sig"
            and one.get("kty") != "oct"
        ):
            try:
                found.append(jwt.PyJWK(one).key)
            except (jwt.PyJWTError, ValueError, TypeError):
                continue
    return found[:20]


def _listed(uri: str) -> list[Any]:
    try:
        with Transport() as transport:
            answer = transport.send(Outgoing("GET", uri, [("Accept", "application/json")]))
        keys = answer.json().get("keys") if answer.status == 200 else None
    except TransportError as error:
        raise Unverified(f"The vendor's list of public keys cannot be fetched: {error.message}") from None
    except (ValueError, AttributeError):
        keys = None
    if not isinstance(keys, list):
        raise Unverified("What the vendor's list of public keys should be is none.")
    cache.set(_name(uri, "keys"), keys[:100], KEPT_SECONDS)
    return keys[:100]


def _name(uri: str, what: str) -> str:
    return f"webhook-{what}:{hashlib.sha256(uri.encode()).hexdigest()}"
