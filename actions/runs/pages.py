"""One page: the request for it, what is read from its answer, its line in the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid5

from django.conf import settings

from actions import results
from actions.models import Page, Run
from actions.pagination import End, Next, PageSeen, Token
from actions.runs.plans import Plan
from connections import outcomes
from connections.client import CallError, Client
from connections.exchange import Answer, Outgoing

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
        return self.answer.status >= 400 or self.answer.status == 204


class Fetcher:
    """Fetches pages of one run, from any thread: it knows the request and changes nothing."""

    def __init__(self, plan: Plan, run: Run) -> None:
        self._plan, self._run = plan, run

    def __call__(self, token: Token, client: Client, pause: Callable[[float], None]) -> Fetched:
        """Raises `CallError`, `PaginationError`, `ResultsKeyError`, `InputError`."""
        outgoing = self.request(token, client)
        try:
            answer = client.call(outgoing, pause=pause, longest_wait=settings.RUN_PARK_SECONDS)
        except CallError as error:
            if error.answer is None or not self._plan.strategy.ends_with(token, error.answer.status):
                raise
            answer = error.answer
        read = self._plan.read(answer, token["number"])
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


def ledger_row(run: Run, token: Token, step: Next | End, fetched: Fetched, *, ids: str, client: Client) -> Page:
    """The page as it is stored; its URL without secrets."""
    answer, lines = fetched.answer, fetched.lines
    return Page(
        run=run,
        number=run.page_count + 1,
        method=fetched.outgoing.method,
        url=client.redact(client.bare(fetched.outgoing.url)),
        token=token,
        next_token=step.token if isinstance(step, Next) else None,
        digest=lines.digest,
        ids_digest=ids,
        status=answer.status,
        record_count=lines.count,
        byte_count=len(lines.data),
        elapsed_ms=answer.elapsed_ms,
        attempts=answer.attempts,
        records=results.pack(lines),
    )


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
