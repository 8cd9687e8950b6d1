"""Testing a connection: one request, and what its answer says."""

from __future__ import annotations

from dataclasses import dataclass

from connections import outcomes
from connections.client import CallError, Client
from connections.exchange import Answer, Outgoing, shown
from connections.outcomes import Outcome
from connections.transport import TransportError
from integrations.definition import Ping
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
    """Send the integration's ping request once. Never raises for what the vendor or the network does."""
    request = client.definition.ping
    url = _join(client.base, request.uri if request else "")
    outgoing = Outgoing((request or Ping()).method, url, list(client.definition.headers.items()))
    try:
        answer = client.send(outgoing)
    except (TransportError, CallError) as error:
        return TestResult(False, getattr(error, "status", None), client.redact(error.message))
    return TestResult(*_judge(answer, url, tested=request is not None), elapsed_ms=answer.elapsed_ms)


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
