"""What a page shows of a run: figures, a window of its records as a table or as JSON, its pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db.models import Count, Sum
from django.utils import timezone

from actions import ledger, results
from actions.models import Run
from integrations.json_text import dump
from integrations.refusals import Refusal

WINDOW: Final = 50  # records, or pages, at once
MOST_COLUMNS: Final = 60
CELL_LENGTH: Final = 200  # characters of a cell
TEXT_LENGTH: Final = 200_000  # characters of JSON on one page
LONG_WAIT: Final = timedelta(seconds=15)  # in the queue; then something may be wrong with the workers


@dataclass(frozen=True)
class Cell:
    """One value of the table. `kind` is text, number, null or nested."""

    kind: str
    text: str


@dataclass(frozen=True)
class Table:
    columns: list[str]
    rows: list[list[Cell]]
    hidden: int  # columns beyond MOST_COLUMNS


@dataclass(frozen=True)
class Figures:
    """Time and speed of a run; `rate` in records a second. `value` of `limit` is done and `left` to go, where the end is known."""

    elapsed: timedelta | None
    rate: float | None
    value: int | None
    limit: int | None
    left: timedelta | None
    sentence: str


def figures(run: Run) -> Figures:
    """Where a run stands now."""
    since = run.resumed_at or run.started_at
    elapsed = (run.finished_at or timezone.now()) - since if since else None
    seconds = elapsed.total_seconds() if elapsed else 0.0
    # Of a resumed run the speed is that since then; the pages before may be days old.
    pages, records = _fetched_since(run) if run.resumed_at else (run.page_count, run.record_count)
    rate = records / seconds if seconds > 0.05 and records else None
    limit, value, speed = None, None, records
    if run.total:
        limit, value = run.total, min(run.record_count, run.total)
    if run.max_pages and (not limit or run.page_count * limit > run.max_pages * run.record_count):
        # The run ends at whichever comes first: the one of which more is done.
        limit, value, speed = run.max_pages, min(run.page_count, run.max_pages), pages
    left = timedelta(seconds=seconds * (limit - value) / speed) if limit and value is not None and speed and not run.is_finished else None
    return Figures(elapsed, rate, value, limit, left, _sentence(run))


def _fetched_since(run: Run) -> tuple[int, int]:
    found = run.pages.filter(fetched_at__gte=run.resumed_at).aggregate(pages=Count("pk"), records=Sum("record_count"))
    return found["pages"], found["records"] or 0


def table(records: Iterable[Any]) -> Table:
    """Records as rows; the columns in the order in which the records bring them."""
    rows = [record if isinstance(record, dict) else {"value": record} for record in records]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    shown = columns[:MOST_COLUMNS]
    return Table([_short(name) for name in shown], [[cell(row, name) for name in shown] for row in rows], len(columns) - len(shown))


def cell(row: dict[str, Any], name: str) -> Cell:
    value = row.get(name)
    match value:
        case None:
            return Cell("null", "null" if name in row else "")
        case bool():
            return Cell("text", "true" if value else "false")
        case int() | float():
            return Cell("number", str(value))
        case list() | dict():
            return Cell("nested", _short(dump(value).decode()))
    return Cell("text", _short(str(value)))


def window(run: Run, view: str, start: int) -> dict[str, Any]:
    """Template values for one part of a run: `view` is table, json or pages; `start` counts from 0.

    `problem` is a sentence where the records cannot be had: removed, or their storage does not answer.
    """
    total = run.page_count if view == "pages" else run.record_count
    start = max(0, min(start, max(0, total - 1)) // WINDOW * WINDOW)
    found: dict[str, Any] = {"view": view, "start": start, "total": total}
    if view == "pages":
        rows: list[Any] = list(run.pages.order_by("number")[start : start + WINDOW])
        found |= {"pages": rows, "chart": ledger.chart(run)}
        if start + len(rows) == total:
            found["failure"] = ledger.failure(run)
    else:
        try:
            rows = results.window(run, start, WINDOW)
        except Refusal as refusal:
            return found | {"problem": refusal.message}
        found |= {"table": table(rows)} if view == "table" else {"json": _json(rows)}
    full = len(rows) == WINDOW
    return found | {
        "first": start + 1,
        "last": start + len(rows),
        "before": start - WINDOW if start else None,
        "after": start + WINDOW if start + len(rows) < total or (full and not run.is_finished) else None,
        "full": full,
    }


def _sentence(run: Run) -> str:
    if run.is_finished:
        return run.message
    if run.cancel_requested:
        return "Cancelling: the page that is on its way is the last one."
    if run.state == Run.State.WAITING and run.resume_at:
        return f"{run.message} It goes on at {run.resume_at:%H:%M:%S} UTC by itself."
    if run.state == Run.State.RUNNING:
        return f"Fetching page {run.page_count + 1}."
    if timezone.now() - run.created_at > LONG_WAIT:
        return "Still waiting for a worker. If this goes on, ask your administrator whether the workers run."
    return "Waiting for a worker."


def _json(rows: list[Any]) -> str:
    text = dump(rows, indent=True).decode()
    return (
        text if len(text) <= TEXT_LENGTH else f"{text[:TEXT_LENGTH]}\n… The rest of this window is too long to show. Download it instead."
    )


def _short(text: str) -> str:
    return text if len(text) <= CELL_LENGTH else f"{text[:CELL_LENGTH]}…"
