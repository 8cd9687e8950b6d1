"""The ledger of a run: what was asked, page by page, and what came. As rows, as a chart, as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from actions.models import Page, Run
from integrations.json_text import dump

COLUMNS: Final = (
    "page", "method", "url", "tokenIn", "tokenOut", "status", "attempts", "records", "dropped", "bytes", "hash", "milliseconds", "fetchedAt",
    "outcome", "blame", "message",
)  # fmt: skip
BARS: Final = 60  # of the chart; a longer run has several pages to a bar


def row(page: Page) -> dict[str, Any]:
    """One page as the API shows it. The URL has no secrets; the hash is SHA-256 of the records as they came, its first 32 digits."""
    return {
        "page": page.number,
        "method": page.method,
        "url": page.url,
        "tokenIn": page.token,
        "tokenOut": page.next_token,
        "status": page.status,
        "attempts": page.attempts,
        "records": page.record_count,
        "dropped": page.dropped_count,
        "bytes": page.byte_count,
        "hash": page.digest,
        "milliseconds": page.elapsed_ms,
        "fetchedAt": page.fetched_at,
        "outcome": "stored",
        "blame": "",
        "message": "",
    }


def failure(run: Run) -> dict[str, Any] | None:
    """The line of the page at which a run failed: the vendor's status if it answered, who can mend it, and why; None for any other run."""
    if run.verdict != Run.Verdict.FAILED:
        return None
    return {
        "page": run.page_count + 1,
        "method": run.action.method,
        "url": "",
        "tokenIn": run.checkpoint,
        "tokenOut": None,
        "status": run.failed_status,
        "attempts": None,
        "records": 0,
        "dropped": 0,
        "bytes": 0,
        "hash": "",
        "milliseconds": None,
        "fetchedAt": run.finished_at,
        "outcome": "failed",
        "blame": run.blame,
        "message": run.message,
    }


def last_line(run: Run) -> int:
    """The number of the last line."""
    return run.page_count + (run.verdict == Run.Verdict.FAILED)


def rows(run: Run, *, after: int = 0) -> Iterator[dict[str, Any]]:
    """The lines of all pages after this one, in order, read as a stream; the last line of a run that failed is that of the failure."""
    pages = run.pages.filter(number__gt=after).order_by("number")
    yield from (row(page) for page in pages.iterator(chunk_size=500))
    if (failed := failure(run)) and failed["page"] > after:
        yield failed


def as_json(run: Run) -> Iterator[bytes]:
    """One array."""
    separator = b"["
    for line in rows(run):
        yield separator + dump(line)
        separator = b",\n"
    yield b"[]\n" if separator == b"[" else b"]\n"


def as_csv(run: Run) -> Iterator[bytes]:
    """One row a page; tokens as JSON."""
    yield _line(COLUMNS)
    for line in rows(run):
        yield _line(_cell(line[name]) for name in COLUMNS)


@dataclass(frozen=True)
class Bar:
    """One bar of the chart, in the units of its view box: records as its height, time as the point above it."""

    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True)
class Chart:
    """Records and milliseconds over the pages. `width` and `height` are the view box."""

    width: int
    height: int
    bars: list[Bar]
    line: str
    most_records: int
    slowest_ms: int


def chart(run: Run) -> Chart | None:
    """The chart of a run with two or more pages; several pages share a bar, which shows their mean."""
    figures = list(run.pages.order_by("number").values_list("number", "record_count", "elapsed_ms"))
    if len(figures) < 2:
        return None
    each = -(-len(figures) // BARS)
    groups = [figures[start : start + each] for start in range(0, len(figures), each)]
    records = [sum(count for _, count, _ in group) / len(group) for group in groups]
    times = [sum(time for _, _, time in group) / len(group) for group in groups]
    width, height, step = 600, 80, 600 / len(groups)
    most, slowest = max(*records, 1), max(*times, 1)
    bars, points = [], []
    for place, group in enumerate(groups):
        tall = records[place] / most * (height - 4)
        name = f"Page {group[0][0]:,}" if len(group) == 1 else f"Pages {group[0][0]:,} to {group[-1][0]:,}, on average"
        title = f"{name}: {records[place]:,.0f} records in {times[place]:,.0f} ms"
        bars.append(Bar(round(place * step + step * 0.1, 2), round(height - tall, 2), round(step * 0.8, 2), round(tall, 2), title))
        points.append(f"{place * step + step / 2:.2f},{height - times[place] / slowest * (height - 4):.2f}")
    return Chart(width, height, bars, " ".join(points), round(most), round(slowest))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = dump(value).decode() if isinstance(value, dict) else value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{text}" if text[:1] in ("=", "@") else text


def _line(cells: Any) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)  # RFC 4180
    return line.getvalue().encode()
