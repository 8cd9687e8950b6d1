"""The records of a run, and mappings, as HTTP answers that stream, for the API and for the pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Final

from django.http import StreamingHttpResponse
from django.utils.text import slugify

from actions import ledger, results
from actions.models import Run
from connections.mapping import tables
from connections.mapping.models import Mapping

FORMATS: Final[dict[str, tuple[str, Callable[[Run], Iterator[bytes]]]]] = {
    "json": ("application/json", results.as_json),
    "ndjson": ("application/x-ndjson", results.as_ndjson),
    "csv": ("text/csv; charset=utf-8", results.as_csv),
}

LEDGER_FORMATS: Final[dict[str, tuple[str, Callable[[Run], Iterator[bytes]]]]] = {
    "json": ("application/json", ledger.as_json),
    "csv": ("text/csv; charset=utf-8", ledger.as_csv),
}


def download(run: Run, name: str, *, attachment: bool = False) -> StreamingHttpResponse:
    """The records as a stream in one of FORMATS; as a file for browsers. Raises `Gone` and `StorageFailure`."""
    results.check_there(run)
    content_type, stream = FORMATS[name]
    parts = stream(run)
    # What goes wrong at the start is an error with a sentence; later it can only break the stream off.
    start = list(islice(parts, 1))
    return _stream(chain(start, parts), content_type, _file_name(run, name) if attachment else "")


def download_ledger(run: Run, name: str, *, attachment: bool = False) -> StreamingHttpResponse:
    """The ledger as a stream in one of LEDGER_FORMATS."""
    content_type, stream = LEDGER_FORMATS[name]
    return _stream(stream(run), content_type, _file_name(run, name, "-ledger") if attachment else "")


def download_mapping(mapping: Mapping) -> StreamingHttpResponse:
    """A mapping as a CSV file. The mark in front tells spreadsheets that it is UTF-8."""
    lines = (line.encode() for line in chain("\ufeff", tables.export(mapping)))
    return _stream(lines, "text/csv; charset=utf-8", f"{mapping.integration.slug}-mapping.csv")


def _file_name(run: Run, extension: str, suffix: str = "") -> str:
    # The slug keeps quotes and line breaks out of the header.
    return slugify(f"{run.connection.integration.slug}-{run.action.key}-{run.created_at:%Y-%m-%d-%H%M}{suffix}") + f".{extension}"


def _stream(parts: Iterator[bytes], content_type: str, file_name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(parts, content_type=content_type)
    if file_name:
        response["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return response
