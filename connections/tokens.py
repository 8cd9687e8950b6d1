"""Access tokens of connections: fetched when needed, kept encrypted until they expire."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol
from uuid import UUID

from django.utils import timezone

from connections import oauth
from connections.auth import Credentials
from connections.models import Credential
from connections.secrets import open_sealed, seal
from connections.transport import Transport
from integrations.definition import OAuth2Auth

DEFAULT_LIFETIME = 55 * 60  # seconds, where the vendor does not say; the usual hour less a margin
BUFFER = 60  # seconds before its end a token counts as expired; never more than half of its lifetime


class TokenStore(Protocol):
    """Where a token stays between calls. `put` gives back the token to use: another process may have been first."""

    def get(self) -> str: ...
    def put(self, token: oauth.Token) -> str: ...
    def drop(self, value: str) -> None: ...


class MemoryTokens:
    """For credentials that are being tried before they are saved."""

    def __init__(self) -> None:
        self._value = ""

    def get(self) -> str:
        return self._value

    def put(self, token: oauth.Token) -> str:
        self._value = token.value
        return token.value

    def drop(self, value: str) -> None:
        if self._value == value:
            self._value = ""


class StoredTokens:
    """In the row of a connection's credential, shared by all processes; a newer generation is never overwritten."""

    def __init__(self, connection_id: UUID) -> None:
        self._connection_id = connection_id
        self._generation = 0

    def get(self) -> str:
        row = self._row()
        if not row.token_sealed or (row.token_expires_at and row.token_expires_at <= timezone.now()):
            return ""
        return str(open_sealed(row.token_sealed, context=row.context))

    def put(self, token: oauth.Token) -> str:
        lifetime = token.expires_in or DEFAULT_LIFETIME
        usable = lifetime - min(BUFFER, lifetime / 2)
        stored = Credential.objects.filter(pk=self._connection_id, generation=self._generation).update(
            token_sealed=seal(token.value, context=f"credential:{self._connection_id}"),
            token_expires_at=timezone.now() + timedelta(seconds=usable),
            generation=self._generation + 1,
        )
        return token.value if stored else (self.get() or token.value)

    def drop(self, value: str) -> None:
        row = self._row()
        if row.token_sealed and open_sealed(row.token_sealed, context=row.context) == value:
            Credential.objects.filter(pk=row.pk, generation=row.generation).update(token_sealed="", token_expires_at=None)

    def _row(self) -> Credential:
        row = Credential.objects.get(pk=self._connection_id)
        self._generation = row.generation
        return row


def fetch(transport: Transport, auth: OAuth2Auth, credentials: Credentials, *, secrets: list[str]) -> oauth.Token:
    """Exchange client credentials for a token. Raises `TransportError` or `oauth.TokenError`."""
    answer = transport.send(oauth.token_request(auth, credentials), same_origin_only=True)
    return oauth.read_token(auth, answer, secrets=secrets)
