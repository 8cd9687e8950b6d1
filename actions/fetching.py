"""An API document from its URL: the document itself, the one that a documentation page shows, and the files that it refers to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

from django.conf import settings

from connections.exchange import same_origin, shown
from connections.transport import Answer, Outgoing, Transport, TransportError
from integrations import openapi
from integrations.definition import absolute_url
from integrations.openapi import web_page
from integrations.refusals import Invalid

_ACCEPT = [("Accept", "application/json, application/yaml, */*;q=0.5")]
_MAX_TRIES = 40  # places that are asked for the document of a page
_WHOLE = "Upload a zip archive of all files of the document, or the document as one bundled file."


@dataclass(frozen=True)
class Fetched:
    """A document as its server gave it, the URL that it came from in the end, and what is to be said about the way there."""

    data: bytes = field(repr=False)
    url: str
    findings: tuple[openapi.Finding, ...] = ()


def checked(text: str) -> str:
    """The URL that somebody typed. Raises `Invalid` on the field `url` if it is none."""
    url = text.strip()
    try:
        absolute_url(url)
    except ValueError as error:
        raise _refused(str(error)) from None
    return url


def fetch(url: str) -> Fetched:
    """The document at a URL, or the one that the documentation page there shows. Raises `Invalid` on the field `url`."""
    url = checked(url)
    try:
        with Transport() as transport:
            answer = transport.send(Outgoing("GET", url, _ACCEPT))
            _check(answer)
            if _is_page(answer):
                return _shown_by(answer, transport)
    except TransportError as error:
        raise _refused(error.message) from None
    return Fetched(answer.body, answer.url)


def _check(answer: Answer) -> None:
    status = answer.status
    if status in (401, 403):
        raise _refused(f"The server wants a sign-in for this URL (status {status}). Download the file in your browser and upload it.")
    if status in (404, 410):
        raise _refused(f"There is nothing at this URL (status {status}). Check its spelling, or look for the link to the document.")
    if status != 200:
        raise _refused(
            f"The server answered {status} {_phrase(status)}".strip() + ". Check the URL, or download the document and upload it here."
        )
    if not answer.body.strip():
        raise _refused("The server answered with nothing. Check the URL, or download the document and upload it here.")


def _phrase(status: int) -> str:
    """The usual words for a status: a server may repeat there what it was sent, and with it a key of the URL."""
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""


def _refused(sentence: str) -> Invalid:
    return Invalid({"url": [sentence]})


def _is_page(answer: Answer) -> bool:
    """Whether a web page came. Some servers call everything text/html, so that the content decides."""
    start = answer.body[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return True
    return answer.content_type in ("text/html", "application/xhtml+xml") and not openapi.describes_api(answer.body)


def _shown_by(page: Answer, transport: Transport) -> Fetched:
    """The document of a documentation page: named by it or by its scripts, or in one of the usual places beside it."""
    deadline = time.monotonic() + settings.IMPORT_FETCH_SECONDS
    tried = {page.url}
    for place in _places(page, transport):
        if len(tried) > _MAX_TRIES or time.monotonic() > deadline:
            break
        if place in tried:
            continue
        tried.add(place)
        answer = _try(place, transport)
        if answer and openapi.describes_api(answer.body):
            message = f"{shown(page.url)} is a web page; the document was read from {shown(answer.url)}."
            note = openapi.Finding("info", "document-url", "", message, "If this is another API, enter the URL of its document.")
            return Fetched(answer.body, answer.url, (note,))
    raise _refused(
        "This URL leads to a web page, and no OpenAPI document was found in it or beside it (openapi.json, swagger.json and the like). "
        "Look for the link to the document and enter that, or upload the file."
    )


def _places(page: Answer, transport: Transport) -> Iterator[str]:
    found = web_page.links(page.text, page.url)
    yield from found.documents
    for place in found.settings:
        answer = _try(place, transport) if same_origin(place, page.url) else None
        if answer:
            yield from web_page.links(answer.text, page.url).documents
    yield from web_page.usual_places(page.url)


def _try(url: str, transport: Transport) -> Answer | None:
    try:
        answer = transport.send(Outgoing("GET", url, _ACCEPT))
    except TransportError:
        return None
    return answer if answer.status == 200 else None


class Neighbours:
    """The files beside the document at a URL, for `openapi.read`: those of the same origin, at most IMPORT_FETCH_FILES of them and only
    for IMPORT_FETCH_SECONDS. The others are `Unavailable`, and the import does without them.
    """

    def __init__(self, url: str, transport: Transport) -> None:
        self._url, self._transport = url, transport
        self._left: int = settings.IMPORT_FETCH_FILES
        self._deadline = time.monotonic() + settings.IMPORT_FETCH_SECONDS

    def __call__(self, location: str) -> bytes:
        name = shown(location)
        if not same_origin(location, self._url):
            raise openapi.Unavailable(f"{name} is on another server and was not fetched; what stands there is missing.", _WHOLE)
        if self._left <= 0:
            limit = settings.IMPORT_FETCH_FILES
            raise openapi.Unavailable(f"{name} was not fetched: at most {limit:,} files of one document are.", _WHOLE)
        if time.monotonic() > self._deadline:
            limit = settings.IMPORT_FETCH_SECONDS
            raise openapi.Unavailable(f"{name} was not fetched: the files of the document took more than {limit} seconds.", _WHOLE)
        self._left -= 1
        try:
            answer = self._transport.send(Outgoing("GET", location, _ACCEPT), same_origin_only=True)
        except TransportError as error:
            reason = f"{name} redirects to another server." if error.kind == "redirect_elsewhere" else error.message
            raise openapi.Unavailable(f"{reason} What stands there is missing.", _WHOLE) from None
        if answer.status != 200:
            raise openapi.Unavailable(f"{name} cannot be had (status {answer.status}); what stands there is missing.", _WHOLE)
        return answer.body
