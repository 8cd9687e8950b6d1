"""Tokens of connections: kept encrypted, renewed once per generation across all processes and machines.

Whoever renews takes a lease that lives longer than any token request, looks a second time, writes a journal row, and
only then asks. The answer is stored by compare-and-swap on the generation in a transaction of its own. A worker that is
killed in between leaves a row that says so: the next one tries the old refresh token once more and, if the vendor has
used it up, asks for a new authorization instead of looping.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import Any, Final, Protocol
from uuid import UUID, uuid4

from django.db import DatabaseError, transaction
from django.utils import timezone

from connections import states
from connections.exchange import TransportError
from connections.models import Connection, Credential, TokenEvent
from connections.tokens import rows
from connections.tokens.answers import Token, TokenError
from connections.tokens.grants import Held

logger = logging.getLogger(__name__)

Obtain = Callable[[Held], Token]

COMMIT_SECONDS: Final = 30.0  # for storing a new token while the database is busy or away


class TokenStore(Protocol):
    """Where tokens stay between calls."""

    def held(self) -> Held: ...

    def renew(self, obtain: Obtain, *, rejected: str = "", reason: str = "needed") -> Held:
        """A token to use. One that is equal to `rejected` says that no better one is to be had now. Raises `TokenError` and `TransportError`."""
        ...

    def refuse(self, message: str) -> None:
        """The vendor no longer accepts the grant, as an answer says: somebody has to authorize the connection again."""
        ...


class MemoryTokens:
    """For credentials that are being tried before they are saved."""

    def __init__(self, auth: Any, held: Held | None = None) -> None:
        self._auth = auth
        self._held = held or Held()

    def held(self) -> Held:
        return self._held

    def renew(self, obtain: Obtain, *, rejected: str = "", reason: str = "needed") -> Held:  # noqa: ARG002 - the protocol's
        if not self._held.fresh(timezone.now()) or self._held.value == rejected:
            self._held = rows.as_held(self._auth, obtain(self._held))
        return self._held

    def refuse(self, message: str) -> None:
        """Nothing is stored, so that there is nobody to tell."""


class StoredTokens:
    """In the row of a connection's credential, shared by all processes."""

    def __init__(self, connection_id: UUID, auth: Any, *, by_refresh: bool) -> None:
        self._id = connection_id
        self._auth = auth
        self._by_refresh = by_refresh
        self._lease = rows.lease_for(auth)

    def held(self) -> Held:
        return rows.held_in(self._row())

    def renew(self, obtain: Obtain, *, rejected: str = "", reason: str = "needed") -> Held:
        holder = uuid4().hex
        give_up = time.monotonic() + self._lease.total_seconds() + 5
        pause = 0.05
        while True:
            row = self._row()
            held = rows.held_in(row)
            if (settled := self._settled(row, held, rejected=rejected, reason=reason)) is not None:
                return settled
            if rows.take(row, holder, self._lease):
                break
            if held.alive(timezone.now()) and held.value != rejected:
                return held
            if time.monotonic() > give_up:
                raise TokenError("Another worker has been fetching the token for too long. Try again in a minute.")
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            pause = min(pause * 1.5, 1.0)
        return self._renew_as(holder, obtain, rejected=rejected, reason=reason)

    def refuse(self, message: str) -> None:
        states.become(self._id, Connection.State.REAUTHORIZE, message, reason="call")

    def _settled(self, row: Credential, held: Held, *, rejected: str, reason: str) -> Held | None:
        """The token to use where nobody is to be asked: it is fresh, or lives while a failure is waited for. None: ask.

        Raises `TokenError` where nobody is to be asked and there is no token: in the pause after a failure, or for good.
        """
        if reason == "manual":
            return None
        now = timezone.now()
        usable = held if held.alive(now) and held.value != rejected else None
        if usable and held.fresh(now):
            return held
        if row.retry_at and row.retry_at > now:
            if usable:
                return usable
            raise TokenError(f"{row.connection.message or 'No token could be fetched.'} It is tried again at {row.retry_at:%H:%M:%S} UTC.")
        if row.connection.state == Connection.State.REAUTHORIZE and self._by_refresh:
            raise TokenError(row.connection.message, permanent=True, revoked=True)
        if rejected and held.value == rejected and rows.was_just_renewed_for_a_rejection(row, now):
            return held
        return None

    def _renew_as(self, holder: str, obtain: Obtain, *, rejected: str, reason: str) -> Held:
        # The second look, under the lease: whoever had it before may have got a token, or an answer that there is none.
        row = self._row()
        held = rows.held_in(row)
        try:
            settled = self._settled(row, held, rejected=rejected, reason=reason)
        except TokenError:
            rows.release(row, holder)
            raise
        if settled is not None:
            rows.release(row, holder)
            return settled
        event, lost = rows.journal(row, reason)
        started = time.monotonic()
        try:
            token = obtain(held)
        except (TokenError, TransportError) as error:
            elapsed = round((time.monotonic() - started) * 1000)
            message = rows.failure(row, holder, event, error, lost=lost, by_refresh=self._by_refresh, elapsed_ms=elapsed)
            # Whoever asked for a new one is told; a call goes on with the one that still lives.
            if reason != "manual" and held.alive(timezone.now()) and held.value != rejected and not getattr(error, "revoked", False):
                return held
            if isinstance(error, TransportError):
                raise
            raise TokenError(message, error=error.error, permanent=error.permanent, revoked=error.revoked) from None
        except BaseException:  # also the end of the process: until its lease ran out nobody could renew. It is raised again
            # Nothing is known of the answer; the journal row stays and says so.
            rows.release(row, holder)
            raise
        return self._store(row, holder, event, token, elapsed_ms=round((time.monotonic() - started) * 1000))

    def _store(self, row: Credential, holder: str, event: TokenEvent, token: Token, *, elapsed_ms: int) -> Held:
        """Commit the new pair at once. While the database is away the token is kept in hand: the old one may be used up."""
        until = time.monotonic() + COMMIT_SECONDS
        pause = 0.1
        while True:
            try:
                with transaction.atomic(durable=True):
                    stored = rows.store(row, holder, event, rows.as_held(self._auth, token), elapsed_ms=elapsed_ms)
                return stored or self.held()
            except DatabaseError:
                if time.monotonic() > until:
                    logger.exception("The new token of connection %s could not be stored.", self._id)
                    raise
                time.sleep(pause)
                pause = min(pause * 2, 2.0)

    def _row(self) -> Credential:
        return Credential.objects.select_related("connection").get(pk=self._id)
