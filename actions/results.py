"""Records of a run: lines of JSON page by page, read back as a stream, written as JSON, NDJSON or CSV.

Nothing here holds more than one page at a time. Reading is the standard library's: orjson rounds numbers beyond 64 bits.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from actions import pieces
from actions.models import Page, Run
from integrations import json_text
from integrations.json_text import dump
from integrations.refusals import Gone

# A spreadsheet would calculate these instead of showing them.
_FORMULA = re.compile(r"^(?:[=@\t\r]|[+-].*[(|!])", re.DOTALL)


@dataclass(frozen=True)
class Lines:
    """A page's records as JSON lines, how many there are, and a hash of them ("" for none)."""

    data: bytes = field(repr=False)
    count: int
    digest: str


def lines_of(records: list[Any]) -> Lines:
    """Records as the lines that are stored, in the order and spelling in which they came."""
    data = json_text.lines(records)
    return Lines(data, len(records), hashlib.sha256(data).hexdigest()[:32] if records else "")


def records(run: Run) -> Iterator[Any]:
    """All records in the order in which they came."""
    for lines in _lines(run):
        for line in lines.splitlines():
            yield json.loads(line)


def window(run: Run, start: int, count: int) -> list[Any]:
    """`count` records from the position `start` (from 0); pages before it are skipped, not read. Raises `Gone` and `StorageFailure`."""
    position = 0
    for number, size in run.pages.order_by("number").values_list("number", "record_count").iterator():
        if position + size > start:
            return after(run, (number, start - position), count)[0]
        position += size
    return []


def after(run: Run, position: tuple[int, int], count: int) -> tuple[list[Any], tuple[int, int]]:
    """Up to `count` records after a position, and the position after them. Raises `Gone` and `StorageFailure`.

    A position is a page's number and how many of its records have been read; (1, 0) is the start. It stays right while the
    run goes on, because stored pages never change.
    """
    check_there(run)
    number, read = position
    found: list[Any] = []
    for page, lines in pieces.read_each(_enough(run, number, read + count)):
        rows = lines.splitlines()
        number, read = (page, read) if page == number else (page, 0)
        taken = rows[read : read + count - len(found)]
        found += [json.loads(line) for line in taken]
        read += len(taken)
        if len(found) >= count:
            break
    return found, (number, read)


def _enough(run: Run, first: int, count: int) -> Iterator[tuple[int, str]]:
    """The pages from `first` on, until they have `count` records, as (number, piece): no piece is asked for that is not needed."""
    for number, piece, size in _rows(run, first).values_list("number", "piece", "record_count").iterator(chunk_size=100):
        yield number, piece
        count -= size
        if count <= 0:
            return


def as_ndjson(run: Run) -> Iterator[bytes]:
    """One record a line."""
    yield from _lines(run)


def as_json(run: Run) -> Iterator[bytes]:
    """One array."""
    separator = b"["
    for lines in _lines(run):
        for line in lines.splitlines():
            yield separator + line
            separator = b",\n"
    yield b"[]\n" if separator == b"[" else b"]\n"


def as_csv(run: Run) -> Iterator[bytes]:
    """One row a record, nested fields as columns `address.city`; lists as JSON. Columns in the order of their first appearance."""
    columns: dict[str, None] = {}
    for record in records(run):
        columns.update(dict.fromkeys(flatten(record)))
    names = list(columns)
    yield _row([cell(name) for name in names]) if names else b""
    for record in records(run):
        flat = flatten(record)
        yield _row([cell(flat.get(name)) for name in names])


def flatten(record: Any, prefix: str = "") -> dict[str, Any]:
    """Nested objects as dotted names; a record that is no object has the one column `value`."""
    if not isinstance(record, dict):
        return {prefix or "value": record}
    found: dict[str, Any] = {}
    for name, value in record.items():
        where = f"{prefix}.{name}" if prefix else name
        if isinstance(value, dict) and value:
            found.update(flatten(value, where))
        else:
            found[where] = value
    return found


def cell(value: Any) -> str:
    """A value as the text of a cell; text that a spreadsheet would calculate gets an apostrophe in front."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list() | dict():
            return dump(value).decode()
        case str():
            return f"'{value}" if _FORMULA.match(value) else value
    return str(value)


def _row(cells: Iterable[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)  # RFC 4180
    return line.getvalue().encode()


def _lines(run: Run) -> Iterator[bytes]:
    rows = _rows(run, 1).values_list("number", "piece").iterator(chunk_size=500)
    return (lines for _, lines in pieces.read_each(rows))


def _rows(run: Run, first: int) -> QuerySet[Page]:
    return Page.objects.filter(run=run, number__gte=first).order_by("number")


def check_there(run: Run) -> None:
    """Raises `Gone` for a run whose records have been removed."""
    if run.records_removed_at:
        raise Gone(
            f"The records of this run were removed on {run.records_removed_at:%d %B %Y}: {run.get_records_removed_by_display()}. "
            "Its ledger stays. Run the action again to get them anew."
        )
