"""Fetch an API document from a URL, within the network policy. Says no with an `Invalid` on the field `url`."""

from __future__ import annotations

import re

from connections.transport import Outgoing, Transport, TransportError
from integrations.refusals import Invalid

_ACCEPT = "application/json, application/yaml;q=0.9, text/yaml;q=0.9, */*;q=0.5"
_WEB_PAGE = re.compile(rb"\s*(<!doctype\s+html|<html|<head|<body)", re.IGNORECASE)


def fetch_document(url: str) -> bytes:
    """The bytes at `url`, at most EGRESS_MAX_BYTES of them, after redirects."""
    address = url.strip()
    if not re.match(r"^https?://[^/\s?#]+", address, re.IGNORECASE):
        raise _refused("This is not a URL. Write it whole, for example https://api.example.com/openapi.json.")
    with Transport() as transport:
        try:
            answer = transport.send(Outgoing("GET", address, [("Accept", _ACCEPT)]))
        except TransportError as error:
            raise _refused(error.message) from None
    if answer.status in (401, 403):
        raise _refused(f"The server wants a sign-in for this URL (status {answer.status}). Download the file in your browser and upload it.")
    if answer.status in (404, 410):
        raise _refused(f"There is nothing at this URL (status {answer.status}). Check its spelling, or look for the link to the document.")
    if not 200 <= answer.status < 300:
        raise _refused(f"The server answered with status {answer.status} instead of the document. Try again later, or upload the file.")
    if not answer.body.strip():
        raise _refused("The server answered with nothing. Check the URL, or upload the file.")
    if answer.content_type in ("text/html", "application/xhtml+xml") or _WEB_PAGE.match(answer.body):
        raise _refused(
            "This URL leads to a web page, not to the document itself. Documentation pages often link to it as openapi.json, "
            "openapi.yaml or swagger.json: give the URL of that link."
        )
    return answer.body


def _refused(sentence: str) -> Invalid:
    return Invalid({"url": [sentence]})
