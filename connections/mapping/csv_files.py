"""Mappings and options as CSV (RFC 4180), as people edit them in a spreadsheet (leaf).

A cell that a spreadsheet would take for a formula gets an apostrophe in front, and so does one that begins with an apostrophe; reading
takes exactly one away. So what is written and read again is the same.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

COLUMNS = ("organization", "name", "value", "label")
MAX_BYTES = 20 * 2**20
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # also as full-width characters
_VALUE_NAMES = ("value", "id")
_LABEL_NAMES = ("label", "customer", "company")
_OPTION_LABELS = ("label", "name", "customer", "company")
_ORGANIZATION_NAMES = ("organization", "slug")


@dataclass(frozen=True)
class Row:
    """One line of an import: where it stands in the file (from 1), which organization it names, what it maps to ("" takes it away).

    `label` is None where the file has no such column."""

    line: int
    organization: str
    name: str
    value: str
    label: str | None


class CsvError(Exception):
    """The file cannot be read; the message says why and what to do."""


def written(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a file, the heads first. Each row has the cells of COLUMNS."""
    for row in _with_heads(rows):
        buffer = io.StringIO()
        csv.writer(buffer).writerow([_defused(cell) for cell in row])
        yield buffer.getvalue()


def _with_heads(rows: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
    yield COLUMNS
    yield from rows


def read_rows(data: bytes) -> list[Row]:
    """The lines of a mapping. Raises `CsvError`."""
    lines = _lines(data)
    if not lines:
        raise CsvError("The file is empty. Export the mapping, fill in the column value, and import that file.")
    _, first = lines[0]
    heads = [cell.strip().lower() for cell in first]
    where = _column(heads, _ORGANIZATION_NAMES)
    name = _column(heads, ("name",))
    value = _column(heads, _VALUE_NAMES)
    label = _column(heads, _LABEL_NAMES)
    if value is None or (where is None and name is None):
        raise CsvError(
            "The first line has to name the columns: organization (the slug) or name, and value; label is optional. "
            f"It has: {', '.join(filter(None, heads)) or 'nothing'}."
        )
    return [
        Row(line, _cell(cells, where), _cell(cells, name), _cell(cells, value), None if label is None else _cell(cells, label))
        for line, cells in lines[1:]
        if any(cell.strip() for cell in cells)
    ]


def read_options(data: bytes) -> list[tuple[int, str, str]]:
    """Line, value and label of each option. Heads are optional; one column is both. Raises `CsvError`."""
    lines = [(line, cells) for line, cells in _lines(data) if any(cell.strip() for cell in cells)]
    if not lines:
        return []
    heads = [cell.strip().lower() for cell in lines[0][1]]
    value, label = _column(heads, _VALUE_NAMES), _column(heads, _OPTION_LABELS)
    if value is None:
        value, label = 0, 1
    else:
        lines = lines[1:]
    return [(line, _cell(cells, value), _cell(cells, label) or _cell(cells, value)) for line, cells in lines]


def _lines(data: bytes) -> list[tuple[int, list[str]]]:
    if len(data) > MAX_BYTES:
        raise CsvError(f"The file is larger than {MAX_BYTES // 2**20} MB. Split it.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")  # what spreadsheets write that do not know better
    if "\0" in text:
        raise CsvError("This is no CSV file: it holds the character NUL. Save the sheet as CSV (UTF-8).")
    first = text.partition("\n")[0]
    delimiter = max((",", ";", "\t"), key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    found: list[tuple[int, list[str]]] = []
    try:
        found.extend((reader.line_num, cells) for cells in reader)
    except csv.Error as error:
        raise CsvError(f"Line {reader.line_num} cannot be read: {error}.") from None
    return found


def _column(heads: list[str], names: Iterable[str]) -> int | None:
    return next((heads.index(name) for name in names if name in heads), None)


def _cell(cells: list[str], column: int | None) -> str:
    text = cells[column] if column is not None and column < len(cells) else ""
    if text.startswith("'") and text[1:].startswith((*_FORMULA, "'")):
        text = text[1:]
    return " ".join(text.split())


def _defused(text: str) -> str:
    return f"'{text}" if text.startswith((*_FORMULA, "'")) else text


def written_options(pairs: Iterable[Sequence[str]]) -> str:
    """A list of options as text that `read_options` takes."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([_defused(cell) for cell in pair] for pair in pairs)
    return buffer.getvalue()
