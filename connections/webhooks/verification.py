"""Whether a webhook comes from whom it says: signatures, tokens, passwords, compared in constant time (leaf)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import jwt

from connections.webhooks.received import Received
from integrations.definition.webhook import (
    SHARED,
    BasicVerification,
    HmacVerification,
    JwtVerification,
    NoVerification,
    TokenVerification,
    Verification,
)

_MOST_SIGNATURES: Final = 20  # of one header that are compared
_MILLISECONDS: Final = 10**11  # a number of seconds that large lies after the year 5000


class Unverified(Exception):
    """It does not prove where it comes from. The message is for whoever keeps the connection, not for the sender."""


@dataclass(frozen=True)
class Secrets:
    """What a connection holds against a webhook. `values` are the secrets in force, the newest first."""

    values: Sequence[str] = field(default=(), repr=False)
    username: str = ""
    verify_token: str = field(default="", repr=False)
    keys: Sequence[Any] = field(default=(), repr=False)
    """The vendor's public keys, as PyJWT takes them, that fit the token's `kid`."""


def verify(verification: Verification, received: Received, secrets: Secrets, now: datetime) -> str:
    """Raise `Unverified` unless it is genuine. What was signed with its moment is named so that it is known when it comes again; else "".

    Compared in constant time; every secret in force is tried.
    """
    if isinstance(verification, NoVerification):
        return ""
    if not secrets.values and not secrets.keys:
        raise Unverified("No secret is set for this address, so that nothing can be believed.")
    match verification:
        case HmacVerification():
            return _hmac(verification, received, secrets, now)
        case TokenVerification():
            _token(verification, received, secrets)
        case BasicVerification():
            _basic(received, secrets)
        case JwtVerification():
            return _jwt(verification, received, secrets, now)
    return ""


# --- HMAC -------------------------------------------------------------------------------------------------------------


def _hmac(rules: HmacVerification, received: Received, secrets: Secrets, now: datetime) -> str:
    header = received.headers.get(rules.header)
    if not rules.header or not header:
        raise Unverified(f"The header {rules.header or 'with the signature'} is missing.")
    given = _signatures(rules, header)
    if not given:
        raise Unverified(f"The header {rules.header} holds no signature of the form that the integration describes.")
    moment = _moment(rules, received, header)
    content = _signed(rules, received, moment)
    wanted = [hmac.digest(_key(rules, secret), content, rules.algorithm) for secret in secrets.values]
    # No short cut: how many there are is no secret, which of them fits is.
    fits = [hmac.compare_digest(one, other) for one in given for other in wanted]
    if not any(fits):
        several = f"any of the {len(wanted)} secrets" if len(wanted) > 1 else "the secret"
        raise Unverified(f"The signature in {rules.header} does not fit {several}: another secret, or the body was changed on its way.")
    if not moment:
        return ""
    _check_age(_time(moment), rules.tolerance, now)
    return hashlib.sha256(content).hexdigest()


def _signatures(rules: HmacVerification, header: str) -> list[bytes]:
    texts: Iterable[str] = header.split(rules.separator) if rules.separator else [header]
    if rules.key:
        texts = [value for name, value in _pairs(header, rules.separator) if name == rules.key]
    found = []
    for text in list(texts)[:_MOST_SIGNATURES]:
        one = text.strip()
        if rules.prefix and not one.startswith(rules.prefix):
            continue
        with_bytes = _decoded(one[len(rules.prefix) :], rules.encoding)
        if with_bytes:
            found.append(with_bytes)
    return found


def _pairs(header: str, separator: str) -> list[tuple[str, str]]:
    """`t=1,v1=a,v1=b` as pairs."""
    parts = [part.partition("=") for part in header.split(separator or ",")]
    return [(name.strip(), value.strip()) for name, equals, value in parts if equals]


def _moment(rules: HmacVerification, received: Received, header: str) -> str:
    if not rules.timestamp:
        return ""
    if rules.timestamp.startswith("signature:"):
        name = rules.timestamp.removeprefix("signature:")
        found = next((value for key, value in _pairs(header, rules.separator) if key == name), "")
    else:
        found = received.at(rules.timestamp)
    if not found:
        raise Unverified(f"The timestamp is missing at {rules.timestamp}.")
    return found


def _signed(rules: HmacVerification, received: Received, moment: str) -> bytes:
    pieces = []
    for part in rules.parts:
        match part:
            case "body":
                pieces.append(received.body)
            case "timestamp":
                pieces.append(moment.encode())
            case "url":
                pieces.append(received.url.encode())
            case "method":
                pieces.append(received.method.encode())
            case _ if part.startswith("text:"):
                pieces.append(part.removeprefix("text:").encode())
            case _:
                name = part.removeprefix("header:")
                if name not in received.headers:
                    raise Unverified(f"The header {name}, which is signed along, is missing.")
                pieces.append(received.headers.get(name).encode("utf-8", "replace"))
    return rules.joined_by.encode().join(pieces)


def _key(rules: HmacVerification, secret: str) -> bytes:
    text = secret.removeprefix(rules.secret_prefix) if rules.secret_prefix else secret
    if rules.secret_encoding == "text":
        return text.encode()
    key = _decoded(text, rules.secret_encoding)
    if not key:
        raise Unverified(f"The secret of this address is not written in {rules.secret_encoding}. Enter it as the vendor shows it.")
    return key


def check_secret(verification: Verification, secret: str) -> str:
    """Why a text can be no secret of this verification, as a sentence; "" if it can."""
    if isinstance(verification, HmacVerification) and secret:
        try:
            _key(verification, secret)
        except Unverified:
            before = f" It begins with {verification.secret_prefix}." if verification.secret_prefix else ""
            return f"This is no secret in {verification.secret_encoding}. Enter it exactly as the vendor shows it.{before}"
    if isinstance(verification, JwtVerification) and not SHARED.intersection(verification.algorithms):
        try:
            _public_key(verification, secret)
        except (ValueError, TypeError, jwt.PyJWTError):
            return "Enter the vendor's public key in PEM form, from -----BEGIN PUBLIC KEY----- on."
    return ""


def _decoded(text: str, encoding: str) -> bytes:
    """The bytes, b"" for what is not of this encoding."""
    try:
        if encoding == "hex":
            return bytes.fromhex(text) if text.isascii() and not any(mark.isspace() for mark in text) else b""
        padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
        return base64.b64decode(padded, altchars=b"-_" if encoding == "base64url" else None, validate=True)
    except (ValueError, binascii.Error):
        return b""


# --- time -------------------------------------------------------------------------------------------------------------


def _time(text: str) -> datetime:
    """A moment as seconds or milliseconds since 1970, ISO 8601, or a date of HTTP."""
    value = text.strip()
    try:
        if value.isascii() and value.replace(".", "", 1).isdigit():
            number = float(value[:20])
            return datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS else number, UTC)
        moment = datetime.fromisoformat(value) if value[:4].isdigit() else parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError, OSError):
        raise Unverified("The timestamp cannot be read as one.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _check_age(moment: datetime, tolerance: int, now: datetime) -> None:
    apart = (now - moment).total_seconds()
    if tolerance and abs(apart) > tolerance:
        where = f"{apart:.0f} seconds old" if apart > 0 else f"{-apart:.0f} seconds ahead"
        raise Unverified(
            f"The signature fits, but its timestamp is {where}; up to {tolerance} are accepted. It was sent again, or a clock is wrong."
        )


# --- the others -------------------------------------------------------------------------------------------------------


def _token(rules: TokenVerification, received: Received, secrets: Secrets) -> None:
    given = received.at(rules.source)
    if not given:
        raise Unverified(f"The token is missing at {rules.source}.")
    if not _among(given.removeprefix(rules.prefix), secrets.values):
        raise Unverified(f"The token at {rules.source} is another one.")


def _basic(received: Received, secrets: Secrets) -> None:
    scheme, _, text = received.headers.get("Authorization").partition(" ")
    if scheme.lower() != "basic":
        raise Unverified("The header Authorization with user name and password is missing.")
    given = _decoded(text.strip(), "base64").decode("utf-8", "replace")
    if not _among(given, [f"{secrets.username}:{value}" for value in secrets.values]):
        raise Unverified("User name or password is another one.")


def _among(given: str, values: Iterable[str]) -> bool:
    fits = [hmac.compare_digest(given.encode(), value.encode()) for value in values]
    return any(fits)


def _jwt(rules: JwtVerification, received: Received, secrets: Secrets, now: datetime) -> str:
    given = received.headers.get(rules.header)
    text = given.removeprefix(rules.prefix).strip()
    if not text or (rules.prefix and not given.startswith(rules.prefix)):
        raise Unverified(f"The token is missing in the header {rules.header}.")
    claims = _claims(rules, text, secrets)
    if "exp" not in claims:
        issued = claims.get("iat")
        if not isinstance(issued, int | float) or isinstance(issued, bool):
            raise Unverified("The token has neither exp nor iat, so that it would be good for ever.")
        _check_age(_time(str(int(issued))), rules.tolerance, now)
    if rules.body_claim:
        said = claims.get(rules.body_claim)
        if not isinstance(said, str) or not hmac.compare_digest(said.lower().encode(), hashlib.sha256(received.body).hexdigest().encode()):
            raise Unverified(f"The claim {rules.body_claim} does not fit the body.")
    # What is signed, without the signature: that can be written in several ways which all fit.
    said_once = text.rpartition(".")[0]
    return hashlib.sha256(said_once.encode()).hexdigest() if rules.body_claim or "jti" in claims else ""


def _claims(rules: JwtVerification, text: str, secrets: Secrets) -> dict[str, Any]:
    problem = "it was signed with another key"
    for key in [*secrets.keys, *secrets.values]:
        try:
            claims: dict[str, Any] = jwt.decode(
                text,
                _public_key(rules, key) if isinstance(key, str) and not SHARED.intersection(rules.algorithms) else key,
                algorithms=list(rules.algorithms),
                audience=rules.audience or None,
                issuer=rules.issuer or None,
                leeway=rules.tolerance,
                options={"verify_aud": bool(rules.audience), "require": ["aud"] if rules.audience else []},
            )
        except jwt.InvalidSignatureError:
            continue
        except jwt.PyJWTError as error:
            problem = str(error)[:200]
        except (ValueError, TypeError):
            problem = "the key of this address cannot be read"
        else:
            return claims
    raise Unverified(f"The token in {rules.header} is not accepted: {problem.rstrip('.')}.")


def _public_key(rules: JwtVerification, text: str) -> Any:
    return jwt.get_algorithm_by_name(rules.algorithms[0]).prepare_key(text)
