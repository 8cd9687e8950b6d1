"""Records of a run: packed page by page, read back as a stream, written as JSON, NDJSON or CSV.

Nothing here holds more than one page at a time. Reading is the standard library's: orjson rounds numbers beyond 64 bits.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from actions.models import Page, Run
from integrations.json_text import dump

# A spreadsheet would calculate these instead of showing them.
_FORMULA = re.compile(r"^(?:[=@\t\r]|[+-].*[(|!])", re.DOTALL)


@dataclass(frozen=True)
class Packed:
    """A page's records as they are stored: compressed JSON lines, their uncompressed size, and a hash of the content."""

    data: bytes
    count: int
    byte_count: int
    digest: str


def pack(records: list[Any]) -> Packed:
    """Make a page ready to be stored."""
    lines = b"".join(dump(record) + b"\n" for record in records)
    return Packed(zlib.compress(lines, 3), len(records), len(lines), hashlib.sha256(lines).hexdigest())


def records(run: Run) -> Iterator[Any]:
    """All records in the order in which they came."""
    for lines in _lines(run):
        for line in lines.splitlines():
            yield json.loads(line)


def window(run: Run, start: int, count: int) -> list[Any]:
    """`count` records from the position `start` (from 0); pages before it are skipped, not read."""
    position = 0
    for number, size in run.pages.order_by("number").values_list("number", "record_count"):
        if position + size > start:
            rows = (json.loads(line) for lines in _lines(run, first=number) for line in lines.splitlines())
            return list(islice(rows, start - position, start - position + count))
        position += size
    return []


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


def _lines(run: Run, *, first: int = 1) -> Iterator[bytes]:
    for data in Page.objects.filter(run=run, number__gte=first).order_by("number").values_list("records", flat=True).iterator(chunk_size=1):
        yield zlib.decompress(data)
