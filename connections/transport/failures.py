"""What went wrong between Junction and a server, as sentences."""

from __future__ import annotations

import ssl
import time

from django.conf import settings

from connections.exchange import Kind, TransportError
from connections.transport import sockets
from connections.transport.wire import WireError


def failure(error: BaseException, where: str, *, end: float, total: float = 0) -> TransportError:
    """A failure after the connection stood, as a sentence.

    `end` is when the exchange had to be over and `total` its seconds, by default those of a whole exchange.
    """
    if isinstance(error, TimeoutError):
        if end <= time.monotonic():
            limit = total or settings.EGRESS_TOTAL_TIMEOUT
            return broken_off(
                f"{where} did not finish its answer within {limit:g} seconds. Ask for less, for example with a smaller page size.",
                "deadline",
            )
        return broken_off(
            f"{where} sent nothing for {settings.EGRESS_READ_TIMEOUT:g} seconds. Try again later, or ask for less.", "read_timeout"
        )
    if isinstance(error, ssl.SSLError) and sockets.is_client_certificate(str(error)):
        # With TLS 1.3 a server says so after the handshake, with its first bytes; it has acted on nothing.
        detail, sentence = sockets.CLIENT_CERTIFICATE
        return TransportError(sentence.format(host=where), kind="tls", sent=False, permanent=True, detail=detail)
    match error.what if isinstance(error, WireError) else "":
        case "malformed":
            return broken_off(f"{where} answered with something that is not HTTP. Check host and port.", "malformed")
        case "tls":
            return TransportError(
                f"{where} answered by TLS to a call without it: the port expects https. Enter the address with https://.",
                kind="malformed", sent=False, permanent=True, detail="https",
            )  # fmt: skip
        case "silence":
            return broken_off(f"{where} closed the connection without an answer. Try again later, and check host and port.", "closed")
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
