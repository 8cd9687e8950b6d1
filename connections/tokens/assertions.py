"""JSON Web Tokens that Junction signs: client assertions (RFC 7523), grants by assertion, tokens of its own making (leaf)."""

from __future__ import annotations

import base64
import binascii
import re
import time
import uuid
from typing import Any

import jwt

from connections.exchange import Outgoing
from integrations import expressions, signing
from integrations.definition import Assertion

_COMPACT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def signed_in(outgoing: Outgoing) -> list[str]:
    """The tokens that stand in a request, in its compact form (RFC 7515), which no encoding of parameters changes."""
    body = (outgoing.body or b"").decode("utf-8", "replace")
    return _COMPACT.findall("\n".join([outgoing.url, body, *(value for _, value in outgoing.headers)]))


def sign(assertion: Assertion, values: dict[str, Any], *, defaults: dict[str, Any], now: float | None = None) -> str:
    """The signed token. `defaults` are claims that stand unless the settings name them. Raises `ValueError` with a sentence, and `MissingValue`."""
    moment = int(time.time() if now is None else now)
    claims = {"iat": moment, "exp": moment + assertion.lifetime, "jti": str(uuid.uuid4()), **defaults}
    claims |= _filled(assertion.claims, values)
    claims = {name: value for name, value in claims.items() if value not in ("", [])}
    header = {name: value for name, value in _filled(assertion.header, values).items() if value != ""}
    key = _key(expressions.render(assertion.key, values), assertion)
    if isinstance(key, jwt.PyJWK):
        header = {**({"kid": key.key_id} if key.key_id else {}), **header}
    try:
        return jwt.encode(claims, key, algorithm=assertion.algorithm, headers=header or None)
    except (jwt.PyJWTError, ValueError, TypeError):
        wanted = "a private key in PEM form" if not assertion.algorithm.startswith("HS") else "a shared secret"
        raise ValueError(f"The key cannot sign with {assertion.algorithm}, which takes {wanted}. Copy the whole key again.") from None


def expiry_in(token: str) -> float | None:
    """The `exp` of a token that is a JWT, in seconds since 1970; its signature is the vendor's business. None for any other token."""
    if token.count(".") != 2 or len(token) > 20_000:
        return None
    try:
        claims = jwt.decode(token, options={"verify_signature": False, "verify_exp": False, "verify_aud": False})
        return float(claims["exp"])
    except (jwt.PyJWTError, KeyError, TypeError, ValueError):
        return None


def _filled(document: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Claims with their values. A placeholder in a list stands for as many items as its value has, split by commas."""
    found = expressions.render_all(document, values)
    for name, value in document.items():
        if isinstance(value, list) and any(isinstance(item, str) and not expressions.parse(item).is_plain for item in value):
            found[name] = [part.strip() for item in found[name] for part in str(item).split(",") if part.strip()]
    return dict(found)


def _key(text: str, assertion: Assertion) -> str | bytes | jwt.PyJWK:
    if not assertion.algorithm.startswith("HS"):
        if text.lstrip().startswith("{"):
            try:
                return jwt.PyJWK.from_json(text, algorithm=assertion.algorithm)
            except (jwt.PyJWTError, ValueError, TypeError, KeyError):
                raise ValueError("The key is neither PEM nor a JSON Web Key (RFC 7517). Copy the whole key again.") from None
        return signing.unfolded(text)
    try:
        match assertion.key_encoding:
            case "hex":
                return bytes.fromhex(text.strip())
            case "base64":
                return base64.b64decode(text.strip() + "=" * (-len(text.strip()) % 4), altchars=b"-_" if {"-", "_"} & set(text) else None)
    except (ValueError, binascii.Error):
        raise ValueError(f"The key is not written as {assertion.key_encoding}. Copy it again.") from None
    return text.encode()
