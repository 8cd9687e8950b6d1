"""OAuth 2.0 (RFC 6749) as pure functions: the request for a token, and what its answer says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode

from connections.auth import Credentials, basic_header
from connections.exchange import Answer, Outgoing, with_query
from connections.redaction import redact
from integrations import paths
from integrations.definition import FORM_TYPE, JSON_TYPE, OAuth2Auth

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
# Some servers write an absolute time or a number without meaning into expires_in; no real lifetime is longer than this.
_LONGEST_LIFETIME = 10 * 365 * 24 * 3600


class TokenError(Exception):
    """The token endpoint gave no token. `error` is the code of RFC 6749 5.2 or ""; `permanent` as in TransportError."""

    def __init__(self, message: str, *, error: str = "", permanent: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.error = error
        self.permanent = permanent


@dataclass(frozen=True)
class Token:
    """An access token. `expires_in` is its lifetime in seconds, None where the server does not say."""

    value: str = field(repr=False)
    expires_in: int | None = None
    scheme: str = "Bearer"


def token_request(auth: OAuth2Auth, credentials: Credentials) -> Outgoing:
    """The request that exchanges client credentials for a token.

    The client authenticates either in a Basic header or in the parameters, never in both: some servers refuse that.
    The token parameters of the integration come last and win.
    """
    client_id, client_secret = credentials.get("clientId", "").strip(), credentials.get("clientSecret", "").strip()
    params = {"grant_type": "client_credentials"}
    headers = [("Accept", JSON_TYPE)]
    if auth.scope:
        params["scope"] = auth.scope
    if auth.basic_token_auth:
        # RFC 6749 2.3.1: both are form-encoded before they are joined.
        headers.append(basic_header(quote_plus(client_id), quote_plus(client_secret)))
    else:
        params |= {"client_id": client_id, "client_secret": client_secret}
    params |= auth.token_params
    if auth.token_request_method == "GET":
        return Outgoing("GET", with_query(auth.token_uri, list(params.items())), headers)
    headers.append(("Content-Type", auth.token_request_content_type))
    as_json = auth.token_request_content_type == JSON_TYPE
    return Outgoing("POST", auth.token_uri, headers, (json.dumps(params) if as_json else urlencode(params)).encode())


def read_token(auth: OAuth2Auth, answer: Answer, *, secrets: Iterable[str] = ()) -> Token:
    """The token of an answer. Raises TokenError with a sentence in which no secret stands."""
    document = _document(answer)
    hidden = list(secrets)
    error = _error(document)
    if answer.status >= 400 or error:
        raise _refused(answer, error, hidden)
    value = paths.extract(document, auth.token_key)
    if not isinstance(value, str | int) or isinstance(value, bool) or not str(value).strip():
        raise TokenError(
            f"The token endpoint answered, but without {auth.token_key}. {_what_is_there(document)} Correct the token key of the integration.",
            permanent=True,
        )
    return Token(str(value).strip(), _seconds(paths.extract(document, auth.token_expiration_key)), auth.access_token_scheme)


def _document(answer: Answer) -> Any:
    """The answer as JSON or, from servers older than the standard, as a form."""
    try:
        return answer.json()
    except ValueError as error:
        form = dict(parse_qsl(answer.text.strip())) if answer.content_type in (FORM_TYPE, "text/plain") else {}
        if form:
            return form
        if answer.status >= 400:
            return None
        raise TokenError(f"No token came. {error} Check the access token URL.", permanent=True) from None


def _error(document: Any) -> tuple[str, str] | None:
    """Code and description of an OAuth error, None where there is none. Some servers nest them or answer 200."""
    if not isinstance(document, dict):
        return None
    inner = document.get("error")
    if isinstance(inner, dict):
        code, text = inner.get("code") or inner.get("type") or inner.get("status"), inner.get("message") or inner.get("description")
        return str(code or "error"), str(text or "")
    text = document.get("error_description") or document.get("message") or document.get("error_message") or ""
    return (str(inner), str(text)) if inner else None


def _refused(answer: Answer, error: tuple[str, str] | None, secrets: list[str]) -> TokenError:
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
            "Try again later." if answer.status in (408, 429) or answer.status >= 500 else "Check the credentials and the access token URL."
        )
    status = f"status {answer.status}" + (f" {answer.reason}" if answer.reason else "")
    reply = f"{status} and said {said}" if said else status
    permanent = code in _PERMANENT or (400 <= answer.status < 500 and answer.status not in (408, 429))
    return TokenError(f"The token endpoint refused with {reply}. {advice}", error=code, permanent=permanent)


def _what_is_there(document: Any) -> str:
    if isinstance(document, dict) and document:
        return f"The keys that are there: {', '.join(sorted(str(key) for key in document)[:20])}."
    return "The answer is empty." if not document else "The answer is not an object."


def _seconds(value: Any) -> int | None:
    """A lifetime as number or numeric text; None for anything else, also for 0, by which servers mean unknown."""
    try:
        seconds = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else 0.0
    except ValueError:
        return None
    return int(seconds) if 1 <= seconds <= _LONGEST_LIFETIME else None
