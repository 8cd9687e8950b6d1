"""What went wrong between Junction and a server, as sentences."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Iterator

import requests
import urllib3
from django.conf import settings

from connections.exchange import Kind, TransportError
from connections.transport import sockets
from connections.transport.wire import WireError

_ALERT = "\x15\x03"  # how a TLS record begins that says what is wrong (RFC 8446 5.1)


def failure(error: BaseException, where: str, *, end: float | None = None, total: float = 0) -> TransportError:
    """A failure after the connection stood, as a sentence; the libraries nest the cause in arguments, reasons and contexts.

    `end` is when the exchange had to be over and `total` its seconds, by default those of a whole exchange.
    """
    causes = list(_causes(error))

    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if has(TimeoutError, urllib3.exceptions.TimeoutError, requests.Timeout):
        if (sockets.deadline.get() if end is None else end) <= time.monotonic():
            limit = total or settings.EGRESS_TOTAL_TIMEOUT
            return broken_off(
                f"{where} did not finish its answer within {limit:g} seconds. Ask for less, for example with a smaller page size.",
                "deadline",
            )
        return broken_off(
            f"{where} sent nothing for {settings.EGRESS_READ_TIMEOUT:g} seconds. Try again later, or ask for less.", "read_timeout"
        )
    if any(isinstance(cause, ssl.SSLError) and sockets.is_client_certificate(str(cause)) for cause in causes):
        # With TLS 1.3 a server says so after the handshake, with its first bytes; it has acted on nothing.
        detail, sentence = sockets.CLIENT_CERTIFICATE
        return TransportError(sentence.format(host=where), kind="tls", sent=False, permanent=True, detail=detail)
    if has(WireError):
        return _of_wire(error, where)
    return _of_library(causes, where)


def _of_wire(error: BaseException, where: str) -> TransportError:
    if str(error) in ("malformed", "too large"):
        return broken_off(f"{where} answered with something that is not HTTP. Check host and port.", "malformed")
    if not getattr(error, "started", True):
        return broken_off(f"{where} closed the connection without an answer. Try again later, and check host and port.", "closed")
    return _cut(where)


def _of_library(causes: list[BaseException], where: str) -> TransportError:
    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if has(urllib3.exceptions.DecodeError):
        return broken_off(f"The compressed answer of {where} is damaged and cannot be unpacked.", "malformed")
    if has(http.client.RemoteDisconnected):
        return broken_off(f"{where} closed the connection without an answer. Try again later, and check host and port.", "closed")
    if has(http.client.IncompleteRead, ConnectionError, ssl.SSLError):
        return _cut(where)
    if any(isinstance(cause, http.client.BadStatusLine) and str(getattr(cause, "line", "")).startswith(_ALERT) for cause in causes):
        return TransportError(
            f"{where} answered by TLS to a call without it: the port expects https. Enter the address with https://.",
            kind="malformed", sent=False, permanent=True, detail="https",
        )  # fmt: skip
    if has(http.client.HTTPException, urllib3.exceptions.ProtocolError):
        return broken_off(f"{where} answered with something that is not HTTP. Check host and port.", "malformed")
    if has(requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader, urllib3.exceptions.LocationValueError):
        return invalid(where)
    return broken_off(f"The exchange with {where} broke off. Try again later.", "closed")


def _cut(where: str) -> TransportError:
    return TransportError(
        f"{where} closed the connection before its answer was complete. Try again later.",
        kind="closed", sent=True, permanent=False, detail="cut",
    )  # fmt: skip


def invalid(where: str) -> TransportError:
    return TransportError(
        f"A request to {where} cannot be made: the URL or a header is not valid. Check host, path and headers.",
        kind="invalid",
        sent=False,
        permanent=True,
    )


def broken_off(message: str, kind: Kind) -> TransportError:
    return TransportError(message, kind=kind, sent=True, permanent=False)


def _causes(error: BaseException, depth: int = 0) -> Iterator[BaseException]:
    yield error
    if depth < 6:
        nested = [*error.args, getattr(error, "reason", None), error.__cause__, error.__context__]
        for item in nested:
            if isinstance(item, BaseException):
                yield from _causes(item, depth + 1)
