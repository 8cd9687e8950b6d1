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
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID, uuid4

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from connections import states
from connections.exchange import TransportError
from connections.models import Connection, Credential, TokenEvent
from connections.secrets import open_sealed, seal
from connections.tokens.answers import Token, TokenError
from connections.tokens.grants import Held
from integrations.definition import LoginAuth, TokenPart
from integrations.definition.tokens import DEFAULT_LIFETIME

logger = logging.getLogger(__name__)

Obtain = Callable[[Held], Token]

# Longer than any token request, so that nobody takes over from a worker that still waits for an answer.
LEASE: Final = timedelta(seconds=settings.EGRESS_TOTAL_TIMEOUT * 1.25 + 2)
FIRST_PAUSE: Final = 15.0  # seconds after a failure; doubled each time
LONGEST_PAUSE: Final = 900.0  # so that a dead one is tried four times an hour
MOST_LOST: Final = 3  # answers in a row, before a refusal of another kind means that the grant is used up
REJECTED_AGAIN: Final = timedelta(seconds=5)  # younger than this, a token that came for a rejected one is not renewed for a rejection
COMMIT_SECONDS: Final = 30.0  # for storing a new token while the database is busy or away
LONGEST_WAIT: Final = 20.0  # seconds that a person waits for a renewal which is under way
_EVENTS_KEPT: Final = 100  # of each connection

# What a row looks like whose token is to be forgotten.
FORGOTTEN: Final[dict[str, Any]] = {
    "token_sealed": "",
    "token_expires_at": None,
    "refresh_due_at": None,
    "failures": 0,
    "retry_at": None,
    "queued_until": None,
    "lease_holder": "",
    "lease_until": None,
}


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
            self._held = as_held(self._auth, obtain(self._held))
        return self._held

    def refuse(self, message: str) -> None:
        """Nothing is stored, so that there is nobody to tell."""


class StoredTokens:
    """In the row of a connection's credential, shared by all processes."""

    def __init__(self, connection_id: UUID, auth: Any, *, by_refresh: bool) -> None:
        self._id = connection_id
        self._auth = auth
        self._by_refresh = by_refresh
        self._lease = lease_for(auth)

    def held(self) -> Held:
        return held_in(self._row())

    def renew(self, obtain: Obtain, *, rejected: str = "", reason: str = "needed") -> Held:
        holder = uuid4().hex
        give_up = time.monotonic() + self._lease.total_seconds() + 5
        pause = 0.05
        while True:
            row = self._row()
            held = held_in(row)
            if (settled := self._settled(row, held, rejected=rejected, reason=reason)) is not None:
                return settled
            if take(row, holder, self._lease):
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
        if rejected and held.value == rejected and _was_just_renewed_for_a_rejection(row, now):
            return held
        return None

    def _renew_as(self, holder: str, obtain: Obtain, *, rejected: str, reason: str) -> Held:
        # The second look, under the lease: whoever had it before may have got a token, or an answer that there is none.
        row = self._row()
        held = held_in(row)
        try:
            settled = self._settled(row, held, rejected=rejected, reason=reason)
        except TokenError:
            release(row, holder)
            raise
        if settled is not None:
            release(row, holder)
            return settled
        event, lost = journal(row, reason)
        started = time.monotonic()
        try:
            token = obtain(held)
        except (TokenError, TransportError) as error:
            elapsed = round((time.monotonic() - started) * 1000)
            message = failure(row, holder, event, error, lost=lost, by_refresh=self._by_refresh, elapsed_ms=elapsed)
            # Whoever asked for a new one is told; a call goes on with the one that still lives.
            if reason != "manual" and held.alive(timezone.now()) and held.value != rejected and not getattr(error, "revoked", False):
                return held
            if isinstance(error, TransportError):
                raise
            raise TokenError(message, error=error.error, permanent=error.permanent, revoked=error.revoked) from None
        except BaseException:
            # Nothing is known of the answer; the journal row stays and says so.
            release(row, holder)
            raise
        return self._store(row, holder, event, token, elapsed_ms=round((time.monotonic() - started) * 1000))

    def _store(self, row: Credential, holder: str, event: TokenEvent, token: Token, *, elapsed_ms: int) -> Held:
        """Commit the new pair at once. While the database is away the token is kept in hand: the old one may be used up."""
        until = time.monotonic() + COMMIT_SECONDS
        pause = 0.1
        while True:
            try:
                with transaction.atomic(durable=True):
                    stored = store(row, holder, event, as_held(self._auth, token), elapsed_ms=elapsed_ms)
                return stored or self.held()
            except DatabaseError:
                if time.monotonic() > until:
                    logger.exception("The new token of connection %s could not be stored.", self._id)
                    raise
                time.sleep(pause)
                pause = min(pause * 2, 2.0)

    def _row(self) -> Credential:
        return Credential.objects.select_related("connection").get(pk=self._id)


# --- the row --------------------------------------------------------------------------------------------------------


def as_held(auth: Any, token: Token, *, now: datetime | None = None) -> Held:
    """A token with its instants: when it ends, and from when on it is renewed.

    Automatic: `expiry - min(buffer, lifetime / 2)`, so that a buffer longer than the lifetime does not loop. Custom
    interval: after so many seconds, whatever the vendor says. A token of unknown life that nothing can renew has no end.
    """
    now = now or timezone.now()
    part = auth if isinstance(auth, TokenPart) else None
    renewable = bool(token.refresh) or getattr(auth, "grant_type", "") != "authorization_code"
    lifetime = token.expires_in
    if lifetime is None and renewable:
        lifetime = part.default_token_lifetime if part else DEFAULT_LIFETIME
    expires_at = now + timedelta(seconds=lifetime) if lifetime is not None else None
    due_at = None
    if part and part.token_refresh_strategy == "custom_interval" and renewable:
        due_at = now + timedelta(seconds=part.custom_refresh_interval)
    elif lifetime is not None:
        # What nothing can renew is used to its end; then somebody has to agree again.
        margin = min(part.refresh_buffer if part else 60, lifetime / 2) if renewable else 0
        due_at = now + timedelta(seconds=lifetime - margin)
    if token.expires_in is None:
        expires_at = None  # the default lifetime is a guess: reason to renew, none to refuse
    return Held(token.value, token.scheme, token.refresh, token.kept, token.cookies, expires_at, due_at)


def pasted(auth: Any, credentials: dict[str, str]) -> tuple[dict[str, str], Held | None]:
    """Credentials without the tokens among them that somebody pasted, and these tokens, if there are any."""
    if getattr(auth, "grant_type", "") != "authorization_code":
        return credentials, None
    access, refresh = credentials.get("accessToken", "").strip(), credentials.get("refreshToken", "").strip()
    rest = {name: value for name, value in credentials.items() if name not in ("accessToken", "refreshToken")}
    if not access and not refresh:
        return rest, None
    # How long it lives is not known; where it can be renewed, its first rejection is the time to do so.
    return rest, Held(access, getattr(auth, "access_token_scheme", ""), refresh)


def kept_columns(connection_id: Any, held: Held) -> dict[str, Any]:
    """The columns of a credential's row that hold a token."""
    return {
        **FORGOTTEN,
        "token_sealed": sealed(connection_id, held),
        "token_expires_at": held.expires_at,
        "refresh_due_at": held.due_at,
    }


def held_in(row: Credential) -> Held:
    """What a row holds. Raises `SecretError`."""
    if not row.token_sealed:
        return Held()
    found = open_sealed(row.token_sealed, context=row.context)
    if isinstance(found, str):  # stored before tokens had company
        found = {"value": found}
    return Held(
        found.get("value", ""), found.get("scheme", ""), found.get("refresh", ""), found.get("kept", {}), found.get("cookies", {}),
        row.token_expires_at, row.refresh_due_at,
    )  # fmt: skip


def sealed(connection_id: Any, held: Held) -> str:
    """The ciphertext of a token and what came with it."""
    content = {"value": held.value, "scheme": held.scheme, "refresh": held.refresh, "kept": dict(held.kept), "cookies": dict(held.cookies)}
    return seal({name: value for name, value in content.items() if value}, context=f"credential:{connection_id}")


def lease_for(auth: Any) -> timedelta:
    """How long a lease is held for a method's token: as long as all the requests may take that it makes for one."""
    if isinstance(auth, LoginAuth):
        number = len(auth.steps) + (auth.refresh_step is not None)
    else:
        # A refresh that is refused, and then the password once more.
        number = 2 if getattr(auth, "grant_type", "") in ("password", "none") else 1
    return LEASE * max(1, number)


def take(row: Credential, holder: str, lease: timedelta = LEASE) -> bool:
    """Take the lease of a row as it was read, if nobody else has it."""
    now = timezone.now()
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    taken = Credential.objects.filter(free, pk=row.pk, generation=row.generation).update(lease_holder=holder, lease_until=now + lease)
    return bool(taken)


def release(row: Credential, holder: str) -> None:
    Credential.objects.filter(pk=row.pk, lease_holder=holder).update(lease_holder="", lease_until=None)


def _was_just_renewed_for_a_rejection(row: Credential, now: datetime) -> bool:
    """Whether a token that a vendor rejects is seconds old and came because the one before it was rejected: yet another one does not help.

    Some vendors answer 401 where an account may not call; without this each such call would cost a token, and take the
    present one away from whoever works with it.
    """
    made = TokenEvent.objects.filter(connection=row.pk, generation=row.generation - 1, outcome=TokenEvent.Outcome.RENEWED).first()
    if made is None or made.reason != "rejected":
        return False
    return now - made.at < REJECTED_AGAIN + timedelta(milliseconds=made.elapsed_ms)


def journal(row: Credential, reason: str) -> tuple[TokenEvent, int]:
    """Write down that a request is about to be made; how many answers were lost before it, since the last token."""
    events = TokenEvent.objects.filter(connection=row.pk)
    events.filter(outcome=TokenEvent.Outcome.STARTED).update(
        outcome=TokenEvent.Outcome.LOST, message="The worker was lost before the answer was stored."
    )
    lost = events.filter(outcome=TokenEvent.Outcome.LOST, generation=row.generation).count()
    return TokenEvent.objects.create(connection_id=row.pk, reason=reason, generation=row.generation), lost


def store(row: Credential, holder: str, event: TokenEvent, held: Held, *, elapsed_ms: int) -> Held | None:
    """The new token, if the row is still as it was and ours; None if somebody changed it meanwhile."""
    with transaction.atomic():
        stored = Credential.objects.filter(pk=row.pk, generation=row.generation, lease_holder=holder).update(
            token_sealed=sealed(row.pk, held),
            token_expires_at=held.expires_at,
            refresh_due_at=held.due_at,
            generation=F("generation") + 1,
            failures=0,
            retry_at=None,
            lease_holder="",
            lease_until=None,
        )
        TokenEvent.objects.filter(pk=event.pk).update(
            outcome=TokenEvent.Outcome.RENEWED if stored else TokenEvent.Outcome.FAILED,
            message="" if stored else "The connection was changed meanwhile.",
            elapsed_ms=elapsed_ms,
            next_due_at=held.due_at,
        )
        # That a vendor gives tokens does not mean that it takes them again: only a person who asked for one wants to know anew.
        if stored and event.reason == "manual" and row.connection.state == Connection.State.REAUTHORIZE:
            states.become(row.pk, Connection.State.UNTESTED, "", reason="token")
    return held if stored else None


def failure(
    row: Credential,
    holder: str,
    event: TokenEvent,
    error: TokenError | TransportError,
    *,
    lost: int,
    by_refresh: bool,
    elapsed_ms: int,
) -> str:
    """Write down a failure: for good where the grant is gone, else with a pause that grows. The sentence that people see."""
    revoked = by_refresh and (getattr(error, "revoked", False) or (lost >= MOST_LOST and error.permanent))
    message = error.message
    if revoked and lost:
        message = f"An answer of the token endpoint was lost with a worker, and the token it replaced is used up. {message}"
    failures = row.failures + 1
    pause = LONGEST_PAUSE if error.permanent else min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE)
    retry_at = None if revoked else timezone.now() + timedelta(seconds=pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
    with transaction.atomic():
        mine = Credential.objects.filter(pk=row.pk, generation=row.generation, lease_holder=holder).update(
            failures=failures,
            retry_at=retry_at,
            refresh_due_at=None if revoked else row.refresh_due_at,
            lease_holder="",
            lease_until=None,
        )
        TokenEvent.objects.filter(pk=event.pk).update(
            outcome=TokenEvent.Outcome.REFUSED if revoked else TokenEvent.Outcome.FAILED,
            message=message,
            elapsed_ms=elapsed_ms,
            next_due_at=retry_at,
        )
        if not mine:
            return message
        state = Connection.State.REAUTHORIZE if revoked else Connection.State.FAILING
        states.become(row.pk, state, message, reason="token", tells=revoked)
    return message


@dataclass(frozen=True)
class Snapshot:
    """A credential's row as it was read, to tell later whether somebody changed what it was entered with."""

    connection_id: UUID
    generation: int
    has_token: bool
    sealed: str = field(repr=False)


def snapshot(connection_id: UUID) -> Snapshot:
    row = Credential.objects.get(pk=connection_id)
    return Snapshot(row.pk, row.generation, bool(row.token_sealed), row.sealed)


def adopt(before: Snapshot, held: Held, *, reason: str, elapsed_ms: int = 0) -> bool:
    """Keep a token that came by another way than renewal. False where the credentials were changed since `before`.

    It wins over a renewal that is under way: that one belongs to the grant before. Its answer finds the generation
    changed and is dropped.
    """
    while True:
        with transaction.atomic():
            row = snapshot(before.connection_id)
            if row.sealed != before.sealed:
                return False
            columns = kept_columns(row.connection_id, held)
            taken = Credential.objects.filter(pk=row.connection_id, generation=row.generation).update(
                **columns, generation=F("generation") + 1
            )
            if not taken:
                continue
            TokenEvent.objects.create(
                connection_id=row.connection_id,
                reason=reason,
                outcome=TokenEvent.Outcome.RENEWED,
                generation=row.generation,
                elapsed_ms=elapsed_ms,
                next_due_at=held.due_at,
            )
            states.become(row.connection_id, Connection.State.UNTESTED, "", reason="token")
        return True


def drop_access_token(connection_id: UUID) -> Held:
    """Forget the access token, so that the next call fetches one; the grant stays, and what is held of it is given.

    Whoever is renewing the token just now is left alone: the refresh token may be used up already, and what comes is new
    anyway. Raises `SecretError`.
    """
    while True:
        row = Credential.objects.get(pk=connection_id)
        held = replace(held_in(row), value="", cookies={}, expires_at=None, due_at=None)
        columns = {name: value for name, value in FORGOTTEN.items() if not name.startswith("lease_")}
        if held.refresh or held.kept:
            columns["token_sealed"] = sealed(connection_id, held)
        if Credential.objects.filter(pk=connection_id, generation=row.generation).update(**columns):
            return held


def forget(connection_id: UUID) -> None:
    """Forget tokens and grant."""
    Credential.objects.filter(pk=connection_id).update(**FORGOTTEN, generation=F("generation") + 1)


def wait_for_renewal(connection_id: UUID) -> None:
    """Wait until nobody is renewing a connection's token, for LONGEST_WAIT at most: what is given up then is the newest."""
    give_up = time.monotonic() + LONGEST_WAIT
    renewing = Credential.objects.filter(pk=connection_id).exclude(lease_holder="")
    while renewing.filter(lease_until__gte=timezone.now()).exists() and time.monotonic() < give_up:
        time.sleep(0.1)


def trim_events() -> int:
    """Keep the newest events of each connection; how many went."""
    gone = 0
    crowded = TokenEvent.objects.values("connection").annotate(number=Count("pk")).filter(number__gt=_EVENTS_KEPT)
    for connection in crowded.values_list("connection", flat=True):
        rows = TokenEvent.objects.filter(connection=connection)
        with suppress(IndexError):
            edge = rows.values_list("pk", flat=True)[_EVENTS_KEPT]
            gone += rows.filter(pk__lte=edge).delete()[0]
    return gone
