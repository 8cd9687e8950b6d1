"""Renewing many tokens at once: what is due is taken in one statement, asked for on threads, stored as it comes.

The rules are those of `connections.tokens.stores`: a lease, a second look, a journal row before the request, a compare-and-swap
after it. Here they cost a statement for a whole batch instead of several for each connection. New tokens are stored in
the order in which they come, whatever has come since the last commit together: none waits for a slow vendor, and if a
common transaction fails, each gets one of its own.

The lease of a batch is renewed while it waits for slow vendors, and a request goes out only while it is sure to last longer
than the request: otherwise somebody else could have used the refresh token up meanwhile.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone

from connections import states
from connections.agents.services import route_of
from connections.client import redirect_uri
from connections.destinations import default_credentials
from connections.exchange import TransportError
from connections.models import Connection, Credential, TokenEvent
from connections.network import Network
from connections.network_settings import network_of
from connections.opening import check_destinations, opened
from connections.retries import CallError
from connections.secrets import SecretError
from connections.tokens import rows as token_rows
from connections.tokens import stores
from connections.tokens.answers import Token, TokenError
from connections.tokens.grants import Held, Issuer, secrets_in
from connections.transport import Transport
from integrations.definition import Definition
from integrations.refusals import Refusal
from integrations.statements import update_each

logger = logging.getLogger(__name__)

_FAULT: Final = "Junction has a fault here; its log says more."
BATCH: Final = 500  # connections of one task: a few seconds of work, so that a lost worker loses little
THREADS: Final = 32
_MOST_TOGETHER: Final = 100  # tokens in one transaction
_TO_STORE: Final = 1.0  # seconds between an answer and the row that holds it


@dataclass
class Job:
    """One connection on its way to a new token."""

    row: Credential
    held: Held
    issuer: Issuer
    event: TokenEvent
    lost: int
    secrets: list[str] = field(repr=False, default_factory=list)
    elapsed_ms: int = 0
    token: Token | None = field(repr=False, default=None)
    error: TokenError | TransportError | None = None
    is_late: bool = False
    """Nobody was asked, because the lease might have ended before the answer."""

    @property
    def host(self) -> str:
        urls = self.issuer.definition.credential_urls
        return urlsplit(urls[-1]).netloc if urls else ""


class Lease:
    """The lease of a batch, on the clock of this process: taken a moment ago, renewed as long as something waits."""

    def __init__(self, holder: str) -> None:
        self.holder = holder
        self._until = time.monotonic() + token_rows.LEASE.total_seconds()
        self._spare = token_rows.LEASE.total_seconds() - settings.EGRESS_TOTAL_TIMEOUT

    def outlasts_a_request(self) -> bool:
        return time.monotonic() + settings.EGRESS_TOTAL_TIMEOUT + _TO_STORE < self._until

    @property
    def renew_every(self) -> float:
        """Seconds: often enough that requests go on."""
        return max(0.2, (self._spare - _TO_STORE) / 4)

    def renew(self) -> None:
        """For whatever of the batch still has it. A database that is away makes the rest late, and no worse."""
        started = time.monotonic()
        try:
            Credential.objects.filter(lease_holder=self.holder).update(lease_until=timezone.now() + token_rows.LEASE)
        except DatabaseError:
            logger.warning("The leases of a batch of tokens could not be renewed; what waits is left for later.")
        else:
            self._until = started + token_rows.LEASE.total_seconds()


class Pace:
    """At most so many requests a second to each host, over all threads of a process."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate
        self._next: dict[str, float] = {}
        self._lock = threading.Lock()

    def wait(self, host: str) -> None:
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next.get(host, 0.0))
            self._next[host] = turn + self._gap
        if turn > now:
            time.sleep(turn - now)


PACE = Pace(settings.TOKEN_REQUESTS_PER_SECOND)


def due_batches(*, limit: int = 20 * BATCH) -> list[list[str]]:
    """The ids of connections whose tokens are to be renewed now, in batches; nobody gets them again while they wait in the queue."""
    now = timezone.now()
    ids = list(Credential.objects.due(now).order_by("refresh_due_at").values_list("pk", flat=True)[:limit])
    for start in range(0, len(ids), BATCH):
        Credential.objects.filter(pk__in=ids[start : start + BATCH]).update(queued_until=now + token_rows.LEASE)
    random.shuffle(ids)  # so that one vendor's do not fill a batch
    return [[str(pk) for pk in ids[start : start + BATCH]] for start in range(0, len(ids), BATCH)]


def renew_batch(ids: Iterable[str | UUID], *, reason: str = "due") -> Counter[str]:
    """Renew the tokens of these connections; how many ended in which outcome."""
    found: Counter[str] = Counter()
    done: queue.SimpleQueue[Job] = queue.SimpleQueue()
    lease = Lease(uuid4().hex)
    jobs = list(_taken([UUID(str(one)) for one in ids], lease.holder, reason, found))
    if not jobs:
        return found
    transports = _Transports()
    with ThreadPoolExecutor(min(THREADS, len(jobs)), thread_name_prefix="tokens") as pool:
        for job in jobs:
            pool.submit(_ask, job, transports, lease, done)
        for together in _as_they_come(done, len(jobs), lease):
            found += _stored(together, lease.holder)
    transports.close()
    return found


# --- before the request ---------------------------------------------------------------------------------------------


def _taken(ids: list[UUID], holder: str, reason: str, found: Counter[str]) -> Iterator[Job]:
    """The connections of which this worker holds the lease, with everything that a request needs."""
    now = timezone.now()
    taken = Credential.objects.to_renew(now).filter(pk__in=ids)
    taken.update(lease_holder=holder, lease_until=now + token_rows.LEASE, queued_until=None)
    rows = list(
        Credential.objects.filter(pk__in=ids, lease_holder=holder).select_related(
            "connection__integration", "connection__organization", "connection__revision"
        )
    )
    started = TokenEvent.Outcome.STARTED
    open_events = TokenEvent.objects.filter(connection__in=[row.pk for row in rows])
    open_events.filter(outcome=started).update(outcome=TokenEvent.Outcome.LOST, message="The worker was lost before the answer was stored.")
    lost = Counter(
        (connection, generation)
        for connection, generation in open_events.filter(outcome=TokenEvent.Outcome.LOST).values_list("connection", "generation")
    )
    definitions = _Definitions()
    ready: list[Job] = []
    for row in rows:
        try:
            issuer = definitions.issuer(row)
            held = token_rows.held_in(row)
            hidden = secrets_in(issuer.values(held), held, issuer.definition, issuer.credentials)
        except (CallError, SecretError, Refusal) as error:
            _cannot(row, holder, str(error))
            found["failed"] += 1
            continue
        except Exception:  # a row that cannot be read must not hold up the others, now and at every look
            logger.exception("The token of connection %s cannot be renewed by a fault of Junction.", row.pk)
            _cannot(row, holder, _FAULT)
            found["failed"] += 1
            continue
        event = TokenEvent(connection_id=row.pk, reason=reason, generation=row.generation)
        ready.append(Job(row, held, issuer, event, lost[row.pk, row.generation], hidden))
    # Every intent is in the database before the first request goes out.
    TokenEvent.objects.bulk_create([job.event for job in ready])
    yield from ready


class _Definitions:
    """Definitions and the owners' default credentials, each read once for a batch."""

    def __init__(self) -> None:
        self._known: dict[Any, tuple[Definition, dict[str, str]]] = {}

    def issuer(self, row: Credential) -> Issuer:
        """Raises `CallError`, `SecretError`, `Refusal`."""
        owner = row.connection
        owner.credential = row
        key = (owner.integration_id, owner.revision_id)
        if key not in self._known:
            revision = owner.in_use
            if revision is None:
                raise Refusal("The integration has no finalized revision.")
            definition = revision.definition
            self._known[key] = (definition, default_credentials(owner.integration_id, definition))
        definition, defaults = self._known[key]
        credentials = opened(owner, definition, defaults=defaults)
        check_destinations(owner, definition, credentials)
        return Issuer(definition, credentials, owner.settings, redirect_uri(), route_of(owner), network_of(owner))


def _cannot(row: Credential, holder: str, message: str) -> None:
    """Nothing can be asked for: said on the connection, tried again after the longest pause."""
    Credential.objects.filter(pk=row.pk, lease_holder=holder).update(
        lease_holder="", lease_until=None, retry_at=timezone.now() + timedelta(seconds=token_rows.LONGEST_PAUSE)
    )
    states.become(row.pk, Connection.State.FAILING, message, reason="token")


# --- the request ----------------------------------------------------------------------------------------------------


class _Transports:
    """One transport a thread, so that connections to a token endpoint are kept open."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._all: list[Transport] = []

    def mine(self) -> Transport:
        found: Transport | None = getattr(self._local, "transport", None)
        if found is None:
            found = self._local.transport = Transport()
            self._all.append(found)
        return found

    def close(self) -> None:
        for transport in self._all:
            transport.close()


def _ask(job: Job, transports: _Transports, lease: Lease, done: queue.SimpleQueue[Job]) -> None:
    """Fetch one token. No database is touched here."""
    PACE.wait(job.host)
    if not lease.outlasts_a_request():
        job.is_late = True
        done.put(job)
        return
    started = time.monotonic()
    try:
        network, route = job.issuer.network, job.issuer.route
        if route or network != Network():
            with Transport(network=network, route=route) as own:
                job.token = job.issuer.obtain(job.held, own, secrets=job.secrets)
        else:
            job.token = job.issuer.obtain(job.held, transports.mine(), secrets=job.secrets)
    except (TokenError, TransportError) as error:
        job.error = error
    except Exception:  # a fault of ours must not hold up the others, nor look like an answer
        logger.exception("Renewing the token of connection %s ended by a fault of Junction.", job.row.pk)
        job.error = TokenError(_FAULT)
    job.elapsed_ms = round((time.monotonic() - started) * 1000)
    done.put(job)


# --- after it -------------------------------------------------------------------------------------------------------


def _as_they_come(done: queue.SimpleQueue[Job], number: int, lease: Lease) -> Iterator[list[Job]]:
    """Whatever has come since the last look; between the looks the lease is renewed."""
    renew_at = time.monotonic() + lease.renew_every
    while number > 0:
        if time.monotonic() >= renew_at:
            lease.renew()
            renew_at = time.monotonic() + lease.renew_every
        try:
            together = [done.get(timeout=max(0.01, renew_at - time.monotonic()))]
        except queue.Empty:
            continue
        while len(together) < _MOST_TOGETHER:
            try:
                together.append(done.get_nowait())
            except queue.Empty:
                break
        number -= len(together)
        yield together


def _stored(together: list[Job], holder: str) -> Counter[str]:
    late = [job for job in together if job.is_late]
    won = [job for job in together if job.token is not None]
    counts = {"renewed": len(won), "failed": len(together) - len(won) - len(late), "late": len(late)}
    found = Counter({name: count for name, count in counts.items() if count})
    if late:
        # Nobody was asked: as if the batch had not taken them; the next look does.
        TokenEvent.objects.filter(pk__in=[job.event.pk for job in late]).delete()
        Credential.objects.filter(pk__in=[job.row.pk for job in late], lease_holder=holder).update(lease_holder="", lease_until=None)
    if won:
        try:
            with transaction.atomic(durable=True):
                _store_together(won, holder)
        except (DatabaseError, _Changed):
            for job in won:
                _store_alone(job, holder)
    for job in together:
        if job.error is not None:
            by_refresh = job.issuer.renews_by_refresh
            token_rows.failure(job.row, holder, job.event, job.error, lost=job.lost, by_refresh=by_refresh, elapsed_ms=job.elapsed_ms)
    return found


class _Changed(Exception):
    """A row of the group is no longer as it was read."""


def _store_together(jobs: list[Job], holder: str) -> None:
    """What `token_rows.store` does, for many rows with one prepared statement: the ORM takes longer over each than the database."""
    credentials, events = [], []
    for job in jobs:
        held = token_rows.as_held(job.issuer.auth, job.token) if job.token else Held()
        columns = {**token_rows.kept_columns(job.row.pk, held), "generation": job.row.generation + 1}
        credentials.append((columns, {"connection": job.row.pk, "generation": job.row.generation, "lease_holder": holder}))
        done = {"outcome": TokenEvent.Outcome.RENEWED, "message": "", "elapsed_ms": job.elapsed_ms, "next_due_at": held.due_at}
        events.append((done, {"id": job.event.pk}))
    if update_each(Credential, credentials) != len(jobs):
        raise _Changed
    update_each(TokenEvent, events)


def _store_alone(job: Job, holder: str) -> None:
    """The same with patience: the token that it replaces may be used up."""
    until = time.monotonic() + stores.COMMIT_SECONDS
    while True:
        try:
            with transaction.atomic(durable=True):
                if job.token is not None:
                    token_rows.store(job.row, holder, job.event, token_rows.as_held(job.issuer.auth, job.token), elapsed_ms=job.elapsed_ms)
        except DatabaseError:
            if time.monotonic() > until:
                logger.exception("The new token of connection %s could not be stored.", job.row.pk)
                return
            time.sleep(0.5)
        else:
            return
