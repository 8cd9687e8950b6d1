"""What a token endpoint's answer says: the token, its life, what came with it; or why there is none (leaf)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl

from connections import xml_bodies
from connections.answers.rules import holds
from connections.exchange import Answer
from connections.redaction import redact
from connections.tokens import assertions
from integrations import paths
from integrations.definition import FORM_TYPE, Signal, TokenPart

# Errors of RFC 6749 5.2 that stay until somebody changes the connection or the integration.
_PERMANENT = frozenset(
    {
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "unauthorized_client",
        "unsupported_grant_type",
        "access_denied",
    }
)
_LONGEST_LIFETIME = 10 * 365 * 24 * 3600  # seconds; no real lifetime is longer, so that a larger number is a time
_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|sec|secs|seconds?|m|min|mins|minutes?|h|hours?|hrs?|d|days?)\s*$", re.IGNORECASE)
_CLOCK = re.compile(r"^\s*(\d{1,5}):(\d{2}):(\d{2})\s*$")  # days, hours, minutes
_UNITS = {"m": 60, "h": 3600, "d": 86_400, "s": 1}


class TokenError(Exception):
    """The token endpoint gave no token. `error` is the code of RFC 6749 5.2 or ""; `permanent` as in TransportError.

    `revoked` says that the grant is gone: nothing but agreeing again helps.
    """

    def __init__(self, message: str, *, error: str = "", permanent: bool = False, revoked: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.error = error
        self.permanent = permanent
        self.revoked = revoked


@dataclass(frozen=True)
class Token:
    """An access token. `expires_in` is its lifetime in seconds, None where the server does not say.

    `refresh` is the refresh token that came along; `kept` are values of the answer that the definition keeps as settings;
    `cookies` those of a login.
    """

    value: str = field(repr=False)
    expires_in: float | None = None
    scheme: str = "Bearer"
    refresh: str = field(default="", repr=False)
    kept: Mapping[str, str] = field(default_factory=dict, repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_token(auth: TokenPart, answer: Answer, *, secrets: Iterable[str] = (), now: datetime | None = None) -> Token:
    """The token of an answer. Raises TokenError with a sentence in which no secret stands."""
    document = document_of(answer)
    hidden = list(secrets)
    error = _error(document)
    value = paths.extract(_part(auth, document), auth.token_key)
    if answer.status >= 400 or (error and not value) or signals(auth.revoked, answer, document):
        raise _refused(answer, error, hidden, revoked=signals(auth.revoked, answer, document))
    return token_of(auth, document, secrets=hidden, now=now)


def token_of(auth: TokenPart, document: Any, *, secrets: Iterable[str] = (), now: datetime | None = None) -> Token:
    """The token in a document. Raises TokenError where there is none, with a sentence in which no secret stands."""
    whole, document = document, _part(auth, document)
    value = paths.extract(document, auth.token_key)
    if not isinstance(value, str | int) or isinstance(value, bool) or not str(value).strip():
        there = redact(_what_is_there(document), secrets)
        raise TokenError(
            f"The token endpoint answered, but without {auth.token_key}. {there} Correct the token key of the integration.", permanent=True
        )
    text = str(value).strip()
    expires = lifetime(paths.extract(document, auth.token_expiration_key), auth.token_expiration_format, now=now or datetime.now(UTC))
    if expires is None and (end := assertions.expiry_in(text)) is not None:
        expires = end - (now or datetime.now(UTC)).timestamp()
    scheme = auth.access_token_scheme
    if auth.token_type_key:
        found = paths.extract(document, auth.token_type_key)
        # `bearer` is written with a capital in the header (RFC 6750); some servers insist on it.
        scheme = (
            (found.strip().title() if found.strip().islower() else found.strip()) if isinstance(found, str) and found.strip() else scheme
        )
    refresh = paths.extract(document, auth.refresh_token_key) if auth.refresh_token_key else ""
    kept = {name: said for name, path in auth.token_settings.items() if (said := _text(paths.extract(whole, path)))}
    return Token(text, expires, scheme, _text(refresh), kept)


def _part(auth: TokenPart, document: Any) -> Any:
    """The part of an answer that holds the token with all that belongs to it."""
    if not auth.alternate_token_path or _text(paths.extract(document, auth.token_key)):
        return document
    found = paths.extract(document, auth.alternate_token_path)
    return found if isinstance(found, dict) else {auth.token_key: found}


def signals(signal: Signal, answer: Answer, document: Any) -> bool:
    """Whether an answer is what a signal describes: one of its statuses, and, where it names a path, the value there."""
    if not signal.path:
        return answer.status in signal.statuses
    if signal.statuses and answer.status not in signal.statuses:
        return False
    found = paths.extract(document, signal.path)
    return any(holds(value, signal.values) for value in (found if isinstance(found, list) else [found]))


def lifetime(value: Any, form: str, *, now: datetime) -> float | None:
    """Seconds that are left, in any of the forms in which servers write them; None for nothing, 0 and nonsense.

    `auto`: a number is seconds, unless no token lives that long; then it is a moment, in seconds or milliseconds since 1970.
    """
    if isinstance(value, bool) or value is None or not isinstance(value, int | float | str):
        return None
    text = str(value).strip()
    number = _number(text)
    if number is None:
        seconds = _duration(text) if form in ("auto", "duration") else None
        return _sensible(seconds if seconds is not None else _until(text, now))
    match form:
        case "milliseconds":
            return _sensible(number / 1000)
        case "epoch":
            return _sensible(number - now.timestamp())
        case "epoch_milliseconds":
            return _sensible(number / 1000 - now.timestamp())
        case "auto" if number > 1000 * _LONGEST_LIFETIME:
            return _sensible(number / 1000 - now.timestamp())
        case "auto" if number > _LONGEST_LIFETIME:
            return _sensible(number - now.timestamp())
    return _sensible(number)


def _sensible(seconds: float | None) -> float | None:
    return seconds if seconds is not None and 1 <= seconds <= _LONGEST_LIFETIME else None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number == number and abs(number) != float("inf") else None  # noqa: PLR0124 - nan


def _duration(text: str) -> float | None:
    if clock := _CLOCK.match(text):
        return int(clock[1]) * 86_400 + int(clock[2]) * 3600 + int(clock[3]) * 60.0
    match = _DURATION.match(text)
    if not match:
        return None
    unit = match[2].lower()
    return float(match[1]) * (0.001 if unit == "ms" else _UNITS[unit[0]])


def _until(text: str, now: datetime) -> float | None:
    """Seconds until a date, ISO 8601 or RFC 9110; without a zone it is UTC."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
        except (ValueError, TypeError):
            continue
        return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
    return None


def _text(value: Any) -> str:
    return str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def document_of(answer: Answer, *, needed: bool = True) -> Any:
    """The answer as JSON or, from servers older than the standard, as a form; None for any other where none is `needed`."""
    try:
        return answer.json()
    except ValueError as error:
        if answer.content_type in ("application/xml", "text/xml"):
            return _xml(answer)
        form = dict(parse_qsl(answer.text.strip())) if answer.content_type in (FORM_TYPE, "text/plain") else {}
        if form:
            return form
        if answer.content_type == "text/plain" and re.fullmatch(r"\S{8,20000}", answer.text.strip()):
            return answer.text.strip()  # the token itself, and nothing round it
        if answer.status >= 400 or not needed:
            return None
        raise TokenError(f"No token came. {error} Check the access token URL.", permanent=True) from None


def _xml(answer: Answer) -> Any:
    try:
        return xml_bodies.read(answer.body)
    except ValueError as error:
        if answer.status >= 400:
            return None
        raise TokenError(f"No token came. {error} Check the access token URL.", permanent=True) from None


def _error(document: Any) -> tuple[str, str] | None:
    """Code and description of an OAuth error, None where there is none. Some servers nest them or answer 200."""
    if not isinstance(document, dict):
        return None
    if isinstance(document.get("errors"), list) and document["errors"] and isinstance(document["errors"][0], dict):
        first = document["errors"][0]
        return str(first.get("errorType") or first.get("code") or "error"), str(first.get("message") or first.get("detail") or "")
    inner = document.get("error")
    if isinstance(inner, dict):
        code, text = inner.get("code") or inner.get("type") or inner.get("status"), inner.get("message") or inner.get("description")
        return str(code or "error"), str(text or "")
    text = document.get("error_description") or document.get("message") or document.get("error_message") or ""
    return (str(inner), str(text)) if inner else None


def _refused(answer: Answer, error: tuple[str, str] | None, secrets: list[str], *, revoked: bool) -> TokenError:
    code, description = error or ("", "")
    said = redact(f"{code}: {description}" if description else code, secrets)[:500].rstrip(". ")
    advice = {
        "invalid_client": "Check client ID and client secret, and whether the server takes them in a Basic header or in the body.",
        "invalid_grant": "The authorization is no longer valid; connect again.",
        "invalid_scope": "Check the scope of the integration.",
        "unauthorized_client": "This client may not use this grant type; ask the vendor to allow it.",
        "unsupported_grant_type": "The server does not offer this grant type; check the access token URL.",
    }.get(code, "")
    if not advice:
        advice = (
            "The authorization is no longer valid; connect again."
            if revoked
            else "Try again later."
            if answer.status in (408, 429) or answer.status >= 500
            else "Check the credentials and the access token URL."
        )
    reason = redact(answer.reason, secrets)[:200]
    status = f"status {answer.status}" + (f" {reason}" if reason else "")
    reply = f"{status} and said {said}" if said else status
    permanent = revoked or code in _PERMANENT or (400 <= answer.status < 500 and answer.status not in (408, 429))
    return TokenError(
        f"The token endpoint refused with {reply}. {advice}",
        error=redact(code, secrets),
        permanent=permanent,
        revoked=revoked or code == "invalid_grant",
    )


def _what_is_there(document: Any) -> str:
    if isinstance(document, dict) and document:
        return f"The keys that are there: {', '.join(sorted(str(key) for key in document)[:20])}."
    return "The answer is empty." if not document else "The answer is not an object."
