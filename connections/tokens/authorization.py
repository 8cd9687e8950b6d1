"""The authorization code flow (RFC 6749 4.1): to the vendor's page, back with a code, and the token for it.

The state that travels is random, kept as a hash, bound to the user, the browser's session and the connection, used once
and only for settings.AUTHORIZATION_SECONDS. Whoever closes the window half-way leaves an unused row and nothing else:
the connection keeps the token that it has until a new one is stored.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from connections import states
from connections.agents.services import route_of
from connections.checking import definition_of
from connections.client import redirect_uri
from connections.exchange import TransportError, origin_of, shown
from connections.models import Authorization, Connection, Credential, TokenEvent
from connections.network_settings import network_of
from connections.opening import check_destinations, opened
from connections.redaction import redact
from connections.retries import CallError
from connections.secrets import SecretError, open_sealed, seal
from connections.tokens import oauth, rows
from connections.tokens.answers import Token, TokenError
from connections.tokens.grants import Issuer, secrets_in
from connections.transport import Transport
from connections.values import values_of
from integrations import expressions
from integrations.definition import Definition, OAuth2Auth
from integrations.models import User
from integrations.refusals import Conflict, Invalid, Refusal
from integrations.storable import mended

_STATE_BYTES: Final = 32
_POPUP: Final = ".popup"  # ends the state of a visit in a window of its own; a part of what is hashed
_LONGEST: Final = 2000  # characters of one value that a redirect brings along to be kept
_SAID: Final = 300  # characters of the vendor's own words
_KEPT: Final = timedelta(days=1)  # how long rows of visits are kept after they have ended

# RFC 6749 4.1.2.1
_REFUSALS: Final = {
    "access_denied": "Access was not granted: somebody declined on the vendor's page, or the account may not grant it.",
    "invalid_scope": "The vendor does not know one of the scopes, or this client may not ask for it. An admin has to correct the scope of the integration.",
    "invalid_request": "The vendor could not read the request. Check the authorization URL, PKCE and the extra parameters of the integration.",
    "unauthorized_client": "The vendor does not let this client use authorization codes. Check the client's registration there.",
    "unsupported_response_type": "The vendor does not offer authorization codes at this address. Check the authorization URL.",
    "server_error": "The vendor has a fault of its own. Try again later.",
    "temporarily_unavailable": "The vendor cannot answer at the moment. Try again later.",
}


@dataclass(frozen=True)
class Begun:
    """A visit that was begun: where the browser goes, and until when it may come back."""

    url: str
    expires_at: datetime

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc


@dataclass(frozen=True)
class Ended:
    """What came of a visit, in a sentence. `connection` is None where nobody can say whose it was."""

    ok: bool
    message: str
    connection: Connection | None = None
    popup: bool = False


def needs_browser(definition: Definition) -> bool:
    """Whether connections of this integration are agreed to on a page of the vendor."""
    return isinstance(definition.auth, OAuth2Auth) and definition.auth.needs_browser


def begin(*, connection: Connection, user: User, session_key: str, popup: bool = False) -> Begun:
    """Begin a visit to the vendor's page. `session_key` "" binds it to the user alone, for programs. Raises `Refusal`."""
    definition = definition_of(connection)
    auth = _code_auth(definition)
    issuer = _issuer(connection, definition, redirect_uri())
    if not issuer.credentials.get("clientId", "").strip():
        raise Invalid({"credentials.clientId": ["Client ID is missing. Register an app at the vendor and enter its client ID first."]})
    state = token_urlsafe(_STATE_BYTES) + (_POPUP if popup else "")
    verifier = oauth.new_verifier()
    try:
        url = oauth.authorization_url(auth, issuer.values(), redirect_uri=issuer.redirect_uri, state=state, verifier=verifier)
    except expressions.MissingValue as error:
        raise Conflict(f"{error} The authorization URL needs it. Add it to the connection.") from None
    except ValueError as error:
        raise Conflict(f"The authorization URL cannot be used. {error}") from None
    if not origin_of(url):
        raise Conflict(f"{shown(url)[:200]} is no web address. Check the settings of the connection, or the authorization URL.")
    now = timezone.now()
    Authorization.objects.filter(expires_at__lt=now - _KEPT).delete()
    row = Authorization(
        state_hash=_hashed(state),
        connection=connection,
        user=user,
        session_hash=_hashed(session_key) if session_key else "",
        redirect_uri=issuer.redirect_uri,
        expires_at=now + timedelta(seconds=settings.AUTHORIZATION_SECONDS),
    )
    row.verifier_sealed = seal(verifier, context=row.context)
    row.save(force_insert=True)
    return Begun(url, row.expires_at)


def finish(*, answer: Mapping[str, str], user: User | None, session_key: str) -> Ended:
    """Read what the vendor's redirect brought, and exchange its code. Never raises for what vendor or user did."""
    state = answer.get("state", "")
    popup = state.endswith(_POPUP)
    row = Authorization.objects.select_related("connection__integration").filter(state_hash=_hashed(state)).first() if state else None
    if row is None:
        return Ended(
            False,
            "This answer belongs to no authorization that was begun here, or to one long ago. Begin again on the connection's page.",
            popup=popup,
        )
    if user is None:
        sentence = f"You are not signed in to Junction at {settings.PUBLIC_URL}. Sign in there, then authorize the connection again."
        return Ended(False, sentence, popup=popup)
    if row.user_id != user.pk or (row.session_hash and row.session_hash != _hashed(session_key)):
        sentence = "This authorization was begun in another browser, or by somebody else. Begin again on the connection's page."
        return Ended(False, sentence, popup=popup)
    connection = row.connection
    now = timezone.now()
    if row.used_at or not Authorization.objects.filter(pk=row.pk, used_at=None).update(used_at=now):
        return Ended(False, "This answer was used already. If the connection does not work, authorize it again.", connection, popup)
    if row.expires_at <= now:
        sentence = f"The visit to the vendor's page took longer than {settings.AUTHORIZATION_SECONDS // 60} minutes. Authorize again."
        return Ended(False, sentence, connection, popup)
    if not Connection.objects.usable_by(user).filter(pk=connection.pk).exists():
        return Ended(False, "You may no longer change this connection.", None, popup)
    try:
        definition = definition_of(connection)
        code = _code_in(_code_auth(definition), answer, lambda: [*_hidden(connection, definition), state])
        exchange(
            connection=connection,
            code=code,
            verifier=open_sealed(row.verifier_sealed, context=row.context),
            answer=answer,
            redirect=row.redirect_uri,
        )
    except (Refusal, SecretError) as refusal:
        return Ended(False, str(refusal), connection, popup)
    return Ended(True, f"{connection.name} is authorized.", connection, popup)


def exchange(*, connection: Connection, code: str, verifier: str, answer: Mapping[str, str], redirect: str) -> None:
    """Exchange a code for the connection's token. `answer` are the parameters that came along. Raises `Refusal`."""
    definition = definition_of(connection)
    auth = _code_auth(definition)
    issuer = _issuer(connection, definition, redirect)
    kept = {name: mended(answer[param])[:_LONGEST] for name, param in auth.callback_settings.items() if answer.get(param)}
    before = rows.snapshot(connection.pk)
    hidden = _hidden(connection, definition)
    started = time.monotonic()
    try:
        with Transport(network=issuer.network, route=issuer.route) as transport:
            token = issuer.exchange_code(code, verifier, kept, transport, secrets=hidden)
    except (TokenError, TransportError) as error:
        message = redact(error.message, hidden)
        _note_failure(connection, message, elapsed_ms=_since(started))
        raise Conflict(message) from None
    store(connection=connection, definition=definition, token=token, before=before, elapsed_ms=_since(started))


def store(*, connection: Connection, definition: Definition, token: Token, before: rows.Snapshot, elapsed_ms: int = 0) -> None:
    """Keep a token that somebody agreed to. Raises `Conflict` where the connection was changed since `before`."""
    held = rows.as_held(definition.auth, token)
    if not rows.adopt(before, held, reason="authorized", elapsed_ms=elapsed_ms):
        raise Conflict(
            "The connection was changed while you were on the vendor's page, so that its answer no longer fits. Authorize again."
        )
    connection.refresh_from_db()


def _code_auth(definition: Definition) -> OAuth2Auth:
    if isinstance(definition.auth, OAuth2Auth) and definition.auth.needs_browser:
        return definition.auth
    raise Conflict("This integration is not authorized on a page of the vendor: its connections hold credentials of their own.")


def _issuer(connection: Connection, definition: Definition, redirect: str) -> Issuer:
    try:
        credentials = opened(connection, definition)
        check_destinations(connection, definition, credentials)
        return Issuer(definition, credentials, connection.settings, redirect, route_of(connection), network_of(connection))
    except (CallError, SecretError) as error:
        raise Conflict(str(error)) from None


def _hidden(connection: Connection, definition: Definition) -> list[str]:
    """What no message about a connection may show; nothing where its secrets do not open."""
    try:
        credentials = opened(connection, definition)
        held = rows.held_in(Credential.objects.get(pk=connection.pk))
        values = values_of(definition, credentials, connection.settings, kept=held.kept)
    except (CallError, SecretError):
        return []
    return secrets_in(values, held, definition, credentials)


def _code_in(auth: OAuth2Auth, answer: Mapping[str, str], hidden: Callable[[], list[str]]) -> str:
    """The code. Raises `Refusal` with the vendor's reason, without what is `hidden`, where there is none."""
    code = answer.get(auth.code_param or "code", "")
    if code:
        return code
    error = answer.get("error", "")
    if not error:
        raise Conflict(f"The vendor's answer holds no {auth.code_param or 'code'}. Check under which name it sends the code.")
    said = redact(mended(" ".join(answer.get("error_description", "").split())), hidden())[:_SAID].rstrip(". ")
    name = redact(error, hidden()) if re.fullmatch(r"[\w.:-]{1,80}", error) else "an error"
    sentence = _REFUSALS.get(error, "The vendor did not give its consent. Authorize again; if it stays, ask the vendor.")
    raise Conflict(f"{sentence} It said {name}{f': {said}' if said else ''}.")


def _note_failure(connection: Connection, message: str, *, elapsed_ms: int) -> None:
    """A failed exchange stands among the events; a token that still works is left alone."""
    row = rows.snapshot(connection.pk)
    TokenEvent.objects.create(
        connection=connection,
        reason="authorized",
        outcome=TokenEvent.Outcome.REFUSED,
        generation=row.generation,
        message=message,
        elapsed_ms=elapsed_ms,
    )
    if not row.has_token:
        states.become(connection.pk, Connection.State.REAUTHORIZE, message, reason="person", tells=False)


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()
