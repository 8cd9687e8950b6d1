"""Testing a connection: one request, and what its answer says."""

from __future__ import annotations

import json
from dataclasses import dataclass

from connections import outcomes
from connections.client import CallError, Client
from connections.exchange import Answer, Outgoing, shown
from connections.outcomes import Outcome
from connections.transport import TransportError
from integrations.definition import JSON_TYPE, Ping
from integrations.storable import mended


@dataclass(frozen=True)
class TestResult:
    """`status` is the vendor's HTTP status, None where no answer came; `elapsed_ms` the time of the request."""

    ok: bool
    status: int | None
    message: str
    elapsed_ms: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", mended(self.message))  # it may quote the vendor


def ping(client: Client) -> TestResult:
    """Send the integration's ping request. Of several URIs the first counts that the vendor accepts. Never raises for what it or the network does."""
    request = client.definition.ping or Ping()
    result = TestResult(False, None, "")
    for uri in (request.uri, *request.alternatives):
        result = _once(client, request, uri)
        if result.ok:
            break
    return result


def _once(client: Client, request: Ping, uri: str) -> TestResult:
    try:
        base = client.rendered_url(request.base_uri) if request.base_uri else client.base
        url = _join(base, client.rendered_url(uri) if uri else "")
        own = client.filled_headers(request.headers)
        headers = [pair for pair in client.headers if pair[0].lower() not in {name.lower() for name in own}] + list(own.items())
        body = None
        if request.body is not None:
            body = json.dumps(client.filled_document(request.body)).encode()
            headers += [] if any(name.lower() == "content-type" for name, _ in headers) else [("Content-Type", JSON_TYPE)]
        answer = client.send(Outgoing(request.method, url, headers, body), base=base)
    except (TransportError, CallError) as error:
        return TestResult(False, getattr(error, "status", None), client.redact(error.message))
    return TestResult(*_judge(answer, url, tested=client.definition.ping is not None), elapsed_ms=answer.elapsed_ms)


def _judge(answer: Answer, url: str, *, tested: bool) -> tuple[bool, int, str]:
    reading = outcomes.read(answer)
    if reading.outcome is not Outcome.SUCCESS:
        if not tested and answer.status in (404, 405):
            return (
                False,
                answer.status,
                "The server answers, but the integration names no ping URI, so the credentials could not be checked.",
            )
        return False, answer.status, reading.message
    if answer.content_type == "text/html":
        return (
            False,
            answer.status,
            f"{shown(url)} answered with a web page instead of data, perhaps a sign-in page. Check the host and the base path.",
        )
    return True, answer.status, f"The vendor accepted the credentials ({answer.status})."


def _join(base: str, uri: str) -> str:
    return f"{base.rstrip('/')}/{uri.lstrip('/')}" if uri else base
