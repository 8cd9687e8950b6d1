"""What people do about a connection's token: renew it now, drop it, give it back to the vendor, bring one of their own."""

from __future__ import annotations

from typing import Any

from connections import services, states
from connections.agents.services import route_of
from connections.checking import definition_of
from connections.client import redirect_uri
from connections.exchange import TransportError
from connections.models import Connection, Credential
from connections.network_settings import network_of
from connections.opening import check_destinations, client_for, opened
from connections.redaction import redact
from connections.retries import CallError
from connections.secrets import SecretError
from connections.tokens import authorization, oauth, rows
from connections.tokens.answers import Token
from connections.tokens.grants import Held, Issuer, secrets_in
from connections.transport import Transport
from integrations import expressions
from integrations.definition import Definition, OAuth2Auth
from integrations.refusals import Conflict, Invalid, Refusal


def renew(*, connection: Connection) -> Connection:
    """Fetch a new token now, whatever the present one's age. Raises `Refusal` with the vendor's reason."""
    definition = definition_of(connection)
    try:
        with client_for(connection, definition) as client:
            client.renew_token()
    except CallError as error:
        connection.refresh_from_db()
        raise Conflict(error.message) from None
    connection.refresh_from_db()
    return connection


def clear(*, connection: Connection) -> Connection:
    """Drop the cached access token: the next call fetches another one. The refresh token stays."""
    try:
        held = rows.drop_access_token(connection.pk)
    except SecretError as error:
        raise Refusal(str(error)) from None
    definition = definition_of(connection)
    if authorization.needs_browser(definition) and not held.refresh:
        return _needs_authorization(
            connection, "The token was cleared, and there is no refresh token to get another one. Authorize the connection."
        )
    return connection


def disconnect(*, connection: Connection) -> str:
    """Give the grant back: revoke it at the vendor, forget it here. A sentence if the vendor could not be told, else ""."""
    rows.wait_for_renewal(connection.pk)  # else the token that comes in the next moment would live on at the vendor
    problem = revoke(connection=connection)
    rows.forget(connection.pk)
    if authorization.needs_browser(definition_of(connection)):
        _needs_authorization(connection, "It was disconnected. Authorize the connection to use it again.")
    return problem


def delete(*, connection: Connection) -> str:
    """Revoke at the vendor, then delete. A sentence if the vendor could not be told, else ""."""
    rows.wait_for_renewal(connection.pk)
    problem = revoke(connection=connection)
    services.delete(connection=connection)
    return problem


def revoke(*, connection: Connection) -> str:
    """Tell the vendor that the tokens are no longer used (RFC 7009). A sentence if that failed, else ""; never raises.

    The refresh token first: with it a vendor ends the whole grant.
    """
    try:
        definition = definition_of(connection)
        auth = definition.auth
        if not isinstance(auth, OAuth2Auth) or not auth.revocation_uri:
            return ""
        held = rows.held_in(Credential.objects.get(pk=connection.pk))
        if not held.refresh and not held.value:
            return ""
        credentials = opened(connection, definition)
        check_destinations(connection, definition, credentials)
        issuer = Issuer(definition, credentials, connection.settings, redirect_uri(), route_of(connection), network_of(connection))
        _revoke(definition, auth, issuer, held)
    except (Refusal, CallError, SecretError) as error:
        return f"The vendor could not be told that the tokens are no longer used. {error}"
    return ""


def _revoke(definition: Definition, auth: OAuth2Auth, issuer: Issuer, held: Held) -> None:
    values = issuer.values(held)
    hidden = secrets_in(values, held, definition, issuer.credentials)
    pairs = [(held.refresh, "refresh_token"), (held.value, "access_token")]
    try:
        with Transport(network=issuer.network, route=issuer.route) as transport:
            for token, hint in pairs:
                if not token:
                    continue
                answer = transport.send(
                    oauth.revocation_request(auth, issuer.credentials, values, token=token, hint=hint), same_origin_only=True
                )
                # 7009 2.2: a token that the vendor does not know is as good as revoked.
                if answer.status >= 400:
                    reason = redact(answer.reason, hidden)
                    raise Conflict(f"It answered {answer.status} {reason}.".replace(" .", "."))
    except TransportError as error:
        raise Conflict(redact(error.message, hidden)) from None
    except (expressions.MissingValue, ValueError) as error:
        raise Conflict(redact(str(error), hidden)) from None


def adopt(*, connection: Connection, given: dict[str, Any]) -> Connection:
    """Keep tokens of one's own: an answer of the token endpoint (`access_token`, `refresh_token`, `expires_in`). Raises `Refusal`."""
    definition = definition_of(connection)
    auth = definition.auth
    if not isinstance(auth, OAuth2Auth):
        raise Conflict("Connections of this integration hold no OAuth 2.0 tokens.")
    value, refresh = _text(given, "access_token"), _text(given, "refresh_token")
    if not value and not refresh:
        raise Invalid({"accessToken": ["Send an access token, a refresh token, or both."]})
    seconds = given.get("expires_in")
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 1 <= seconds <= 10**9):
        raise Invalid({"expiresIn": ["Send the seconds that the access token still lives, or leave it out."]})
    before = rows.snapshot(connection.pk)
    token = Token(value, seconds if value else None, auth.access_token_scheme, refresh)
    held = rows.as_held(auth, token)
    if seconds is None or not value:
        # How long it lives is not known; where it can be renewed, its first rejection is the time to do so.
        held = Held(value, auth.access_token_scheme, refresh)
    if not rows.adopt(before, held, reason="pasted"):
        raise Conflict("Somebody changed the connection at the same time. Send it again.")
    connection.refresh_from_db()
    return connection


def _text(given: dict[str, Any], name: str) -> str:
    value = given.get(name) or ""
    if not isinstance(value, str) or not value.isascii() or any(char.isspace() for char in value.strip()):
        field = {"access_token": "accessToken", "refresh_token": "refreshToken"}[name]
        raise Invalid({field: ["A token is one word of plain letters, digits and marks. Copy it again."]})
    return value.strip()


def _needs_authorization(connection: Connection, message: str) -> Connection:
    states.become(connection.pk, Connection.State.REAUTHORIZE, message, reason="person", tells=False)
    connection.refresh_from_db()
    return connection
