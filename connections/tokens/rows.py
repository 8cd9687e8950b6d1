"""The row of a connection's token: what it holds, who renews it, the journal of renewals, and the swap by generation."""

from __future__ import annotations

import logging
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
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

# Longer than any token request, so that nobody takes over from a worker that still waits for an answer.
LEASE: Final = timedelta(seconds=settings.EGRESS_TOTAL_TIMEOUT * 1.25 + 2)
FIRST_PAUSE: Final = 15.0  # seconds after a failure; doubled each time
LONGEST_PAUSE: Final = 900.0  # so that a dead one is tried four times an hour
MOST_LOST: Final = 3  # answers in a row, before a refusal of another kind means that the grant is used up
REJECTED_AGAIN: Final = timedelta(seconds=5)  # younger than this, a token that came for a rejected one is not renewed for a rejection
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


def was_just_renewed_for_a_rejection(row: Credential, now: datetime) -> bool:
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
