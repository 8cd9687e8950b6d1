"""The request log: what was sent to vendors and what they answered, without secrets; kept for some days, to look up and to repeat by hand."""

from __future__ import annotations

import logging
import shlex
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from connections import trimming
from connections.journal import Entry
from connections.models import Connection, LoggedRequest
from connections.redaction import MASK
from integrations.statements import insert_each

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 2000  # rows that one statement deletes, so that nobody waits long for the table
# Headers that curl makes itself, or that would have it write packed bytes.
_NOT_FOR_CURL: Final = frozenset({"host", "content-length", "accept-encoding", "connection"})


@dataclass(frozen=True)
class Label:
    """What the calls of a client belong to: where they come from, what was called, and the run that called."""

    source: str = LoggedRequest.Source.OTHER
    subject: str = ""
    subject_id: str = ""
    run_id: str = ""


def keep(connection_id: UUID, entries: list[Entry], label: Label, *, more: dict[str, Any] | None = None) -> None:
    """Write exchanges down, with what else is to be known of them. Never raises for the database: a call that succeeded must not fail for its log."""
    if not settings.REQUEST_LOG_DAYS or not entries:
        return
    rows = [_row(connection_id, entry, label, more or {}) for entry in entries]
    try:
        with transaction.atomic():
            insert_each(LoggedRequest, _COLUMNS, rows)
    except DatabaseError:
        logger.warning("%s requests of connection %s could not be logged.", len(rows), connection_id, exc_info=True)


_COLUMNS: Final = (
    "connection", "at", "source", "subject", "subject_id", "run_id", "method", "url",
    "status", "error", "cause", "elapsed_ms", "request_size", "answer_size", "content",
)  # fmt: skip


def _row(connection_id: UUID, entry: Entry, label: Label, more: dict[str, Any]) -> tuple[Any, ...]:
    """The values of _COLUMNS."""
    source = str(LoggedRequest.Source.TOKEN if entry.for_token else label.source)
    content = {
        "requestHeaders": entry.request_headers,
        "requestBody": entry.request_body,
        "answerHeaders": entry.answer_headers,
        "answerBody": entry.answer_body,
        **more,
    }
    return (
        connection_id, entry.at, source, label.subject[:200], label.subject_id, label.run_id, entry.method[:10], entry.url,
        entry.status, entry.error, entry.cause, entry.elapsed_ms, entry.request_size, entry.answer_size, content,
    )  # fmt: skip


def is_debugged(connection: Connection) -> bool:
    """Whether whole bodies are kept now."""
    return connection.debug_until is not None and connection.debug_until > timezone.now()


def trim() -> int:
    """Forget what is older than REQUEST_LOG_DAYS; how many rows went."""
    edge = timezone.now() - timedelta(days=settings.REQUEST_LOG_DAYS)
    return trimming.trim(LoggedRequest.objects.filter(at__lt=edge), by="at", at_once=_AT_ONCE)


def narrowed(rows: QuerySet[LoggedRequest], given: dict[str, Any]) -> QuerySet[LoggedRequest]:
    """The rows that fit: connection, action (a part of its name, or its id), source, run, status (404, 5xx, none), since, until,
    and url (a part of it).

    Raises ValueError for a status that is none.
    """
    for name in ("connection", "source"):
        if given.get(name):
            rows = rows.filter(**{name: given[name]})
    if given.get("run"):
        rows = rows.filter(run_id=str(given["run"]))
    if action := str(given.get("action") or "").strip():
        by_id = rows.filter(subject_id=action)
        rows = by_id if len(action) == 36 and "-" in action else rows.filter(subject__icontains=action)
    if url := str(given.get("url") or "").strip():
        rows = rows.filter(url__icontains=url)
    if status := str(given.get("status") or "").strip().lower():
        rows = rows.filter(**_with_status(status))
    if given.get("since"):
        rows = rows.filter(at__gte=given["since"])
    if given.get("until"):
        rows = rows.filter(at__lt=given["until"])
    return rows


def _with_status(status: str) -> dict[str, Any]:
    if status == "none":
        return {"status": None}
    if len(status) == 3 and status[0] in "12345" and status[1:] == "xx":
        return {"status__gte": int(status[0]) * 100, "status__lt": int(status[0]) * 100 + 100}
    if len(status) == 3 and status.isascii() and status.isdecimal():
        return {"status": int(status)}
    raise ValueError("Write a status such as 404, a class such as 5xx, or none for calls without an answer.")


def as_entry(row: LoggedRequest) -> Entry:
    """A row as an exchange, for what shows one."""
    content = row.content
    return Entry(
        at=row.at,
        method=row.method,
        url=row.url,
        elapsed_ms=row.elapsed_ms,
        status=row.status,
        error=row.error,
        cause=row.cause,
        for_token=row.source == LoggedRequest.Source.TOKEN,
        request_headers=[(name, value) for name, value in content.get("requestHeaders", [])],
        request_body=content.get("requestBody", ""),
        request_size=row.request_size,
        answer_headers=[(name, value) for name, value in content.get("answerHeaders", [])],
        answer_body=content.get("answerBody", ""),
        answer_size=row.answer_size,
    )


def as_curl(entry: Entry) -> str:
    """The request as a command for a shell. Where a secret was, stands "$SECRET"; of a long body the beginning, which it says."""
    lines = ["curl", *([f"-X {entry.method}"] if entry.method not in ("GET", "HEAD") else ["--head"] if entry.method == "HEAD" else [])]
    parts = [f"{' '.join(lines)} {_quoted(entry.url)}"]
    parts += [f"-H {_quoted(f'{name}: {value}')}" for name, value in entry.request_headers if name.lower() not in _NOT_FOR_CURL]
    if entry.request_body:
        parts.append(f"--data-binary {_quoted(entry.request_body)}")
    command = " \\\n  ".join(parts)
    cut = entry.request_size > len(entry.request_body.encode()) and MASK not in entry.request_body
    return f"# The body was longer; this is its beginning.\n{command}" if entry.request_body and cut else command


def _quoted(text: str) -> str:
    """A text for a shell, in which the mask stands for the variable SECRET."""
    pieces = text.split(MASK)
    return '"$SECRET"'.join(shlex.quote(piece) if piece or len(pieces) == 1 else "" for piece in pieces)
