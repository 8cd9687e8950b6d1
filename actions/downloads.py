"""The records of a run as an HTTP answer that streams, for the API and for the pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from django.http import StreamingHttpResponse
from django.utils.text import slugify

from actions import results
from actions.models import Run

FORMATS: Final[dict[str, tuple[str, Callable[[Run], Iterator[bytes]]]]] = {
    "json": ("application/json", results.as_json),
    "ndjson": ("application/x-ndjson", results.as_ndjson),
    "csv": ("text/csv; charset=utf-8", results.as_csv),
}


def download(run: Run, name: str, *, attachment: bool = False) -> StreamingHttpResponse:
    """The records as a stream in one of FORMATS; as a file for browsers."""
    content_type, stream = FORMATS[name]
    response = StreamingHttpResponse(stream(run), content_type=content_type)
    if attachment:
        # The slug keeps quotes and line breaks out of the header.
        file = slugify(f"{run.connection.integration.slug}-{run.action.key}-{run.created_at:%Y-%m-%d-%H%M}")
        response["Content-Disposition"] = f'attachment; filename="{file}.{name}"'
    return response
