"""JSON Web Tokens that Junction signs: client assertions (RFC 7523), grants by assertion, tokens of its own making (leaf)."""

from __future__ import annotations

import base64
import binascii
import time
import uuid
from typing import Any

import jwt

from integrations import expressions
from integrations.definition import Assertion

CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def sign(assertion: Assertion, values: dict[str, Any], *, defaults: dict[str, Any], now: float | None = None) -> str:
    """The signed token. `defaults` are claims that stand unless the settings name them. Raises `ValueError` with a sentence, and `MissingValue`."""
    moment = int(time.time() if now is None else now)
    claims = {"iat": moment, "exp": moment + assertion.lifetime, "jti": str(uuid.uuid4()), **defaults}
    claims |= expressions.render_all(assertion.claims, values)
    claims = {name: value for name, value in claims.items() if value != ""}
    key = _key(expressions.render(assertion.key, values), assertion)
    try:
        return jwt.encode(claims, key, algorithm=assertion.algorithm, headers=expressions.render_all(assertion.header, values) or None)
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


def _key(text: str, assertion: Assertion) -> str | bytes:
    # A key that was pasted into one line has its line ends as \n.
    text = text.replace("\\n", "\n") if "-----BEGIN" in text and "\n" not in text.strip() else text
    if not assertion.algorithm.startswith("HS"):
        return text
    try:
        match assertion.key_encoding:
            case "hex":
                return bytes.fromhex(text.strip())
            case "base64":
                return base64.b64decode(text.strip() + "=" * (-len(text.strip()) % 4), altchars=b"-_" if {"-", "_"} & set(text) else None)
    except (ValueError, binascii.Error):
        raise ValueError(f"The key is not written as {assertion.key_encoding}. Copy it again.") from None
    return text.encode()
