"""One page: the request for it, what is read from its answer, its line in the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any
from uuid import uuid5

from django.conf import settings
from django.utils import timezone

from actions import results
from actions.models import Page, Run
from actions.pagination import End, Next, PageSeen, Token
from actions.runs.plans import Plan
from connections.answers import outcomes
from connections.client import Client
from connections.exchange import Answer, Outgoing
from connections.retries import CallError
from integrations.statements import insert_each

# Under these names vendors keep what tells records apart.
_ID_NAMES = ("id", "_id", "ID", "Id", "uuid", "guid", "uid", "key")


@dataclass(frozen=True)
class Fetched:
    """A page that has come: its answer and, unless it lies past the end, what was read from it."""

    outgoing: Outgoing
    answer: Answer
    rows: list[Any] = field(repr=False)
    seen: PageSeen = field(repr=False)
    lines: results.Lines

    @property
    def past_the_end(self) -> bool:
        return self.answer.is_without_records


class Fetcher:
    """Fetches pages of one run, from any thread: it knows the request and changes nothing."""

    def __init__(self, plan: Plan, run: Run) -> None:
        self._plan, self._run = plan, run

    def __call__(self, token: Token, client: Client, pause: Callable[[float], None]) -> Fetched:
        """Raises `CallError`, `PaginationError`, `ResultsKeyError`, `InputError`."""
        outgoing = self.request(token, client)
        try:
            rules = client.rules_for(self._plan.operation)
            answer = client.call(outgoing, pause=pause, longest_wait=settings.RUN_PARK_SECONDS, rules=rules)
        except CallError as error:
            if error.answer is None or not self._plan.strategy.ends_with(token, error.answer.status):
                raise
            answer = error.answer
        read = self._plan.read(answer, token["number"], types=client.definition.media_types, sent=outgoing)
        return Fetched(outgoing, answer, read.rows, read.seen, results.lines_of(read.rows))

    def request(self, token: Token, client: Client) -> Outgoing:
        outgoing = self._plan.request_by(client, self._run.inputs, token)
        name = self._plan.definition.idempotency_header
        if self.is_kept_apart and name:
            # The same page of the same run has the same key, whichever worker sends it.
            key = str(uuid5(self._run.pk, f"page {token['number']}"))
            return replace(outgoing, headers=[*outgoing.headers, (name, key)])
        return outgoing

    @property
    def is_kept_apart(self) -> bool:
        """Whether sending the request twice may do something twice."""
        return self._plan.operation.method not in outcomes.SAFE_METHODS


@dataclass(slots=True)
class Row:
    """A row of the ledger before it is stored: the columns of `Page`, without the run."""

    number: int
    method: str
    url: str
    token: Token
    next_token: Token | None
    digest: str
    ids_digest: str
    attempts: int
    status: int
    record_count: int
    dropped_count: int
    byte_count: int
    elapsed_ms: int
    piece: str = ""
    stored_bytes: int = 0


def ledger_row(run: Run, token: Token, step: Next | End, fetched: Fetched, lines: results.Lines, *, ids: str, client: Client) -> Row:
    """The page as it is stored, with its `lines`; its URL without secrets. The hash is that of all records that came."""
    answer = fetched.answer
    return Row(
        number=run.page_count + 1,
        method=fetched.outgoing.method,
        url=client.redact(client.bare(fetched.outgoing.url)),
        token=token,
        next_token=step.token if isinstance(step, Next) else None,
        digest=fetched.lines.digest,
        ids_digest=ids,
        attempts=answer.attempts,
        status=answer.status,
        record_count=lines.count,
        dropped_count=fetched.lines.count - lines.count,
        byte_count=len(lines.data),
        elapsed_ms=answer.elapsed_ms,
    )


_NAMES = [column.name for column in fields(Row)]


def insert(run: Run, rows: list[Row]) -> None:
    """Store rows of the ledger."""
    now = timezone.now()
    insert_each(Page, ["run", "fetched_at", *_NAMES], [[run.pk, now, *(getattr(row, name) for name in _NAMES)] for row in rows])


def ids_digest(rows: list[Any]) -> str:
    """A hash of the ids of a page's records in any order; "" where they have none, or not each its own, and for a single record."""
    if len(rows) < 2 or not isinstance(rows[0], dict):
        return ""
    name = next((name for name in _ID_NAMES if isinstance(rows[0].get(name), str | int)), None)
    if name is None:
        return ""
    try:
        ids = {row[name] for row in rows}
    except (KeyError, TypeError):
        return ""
    if len(ids) < len(rows):
        return ""
    return hashlib.sha256("\n".join(sorted(map(str, ids))).encode("utf-8", "surrogatepass")).hexdigest()[:32]
