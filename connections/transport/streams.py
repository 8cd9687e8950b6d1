"""Answers whose bodies pass through while they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

from django.conf import settings

from connections.agents.route import LOOK_SECONDS, Incoming
from connections.exchange import Headers, Outgoing, shown
from connections.transport.failures import failure
from connections.transport.wire import BODILESS, Exchange, WireError


class ByAgent:
    """An answer that an agent passes on while it comes, in the form of an exchange."""

    def __init__(self, incoming: Incoming, *, method: str) -> None:
        self._incoming = incoming
        self.status = incoming.status
        self.reason = incoming.reason
        self.headers = incoming.headers
        self.is_bodiless = method == "HEAD" or self.status in BODILESS

    @property
    def length(self) -> int | None:
        if self.is_bodiless:
            return 0
        found = {value for name, value in self.headers if name.lower() == "content-length"}
        return int(text) if len(found) == 1 and (text := found.pop()).isdecimal() else None

    def pieces(self, *, wait: Callable[[], float]) -> Iterator[bytes]:
        """The body as it comes. Raises `TransportError` and `TimeoutError`."""
        try:
            while not self.is_bodiless:
                # The agent itself says when the server is silent for too long; this is for an agent that says nothing.
                self._incoming.end = time.monotonic() + wait() + LOOK_SECONDS
                if not (piece := self._incoming.read1()):
                    return
                yield piece
        finally:
            self.close()

    def close(self) -> None:
        self._incoming.close()


class Streamed:
    """An answer whose body is still on its way, as the server encoded it. Whoever has one reads it to its end or closes it.

    `sent` is the request as it went out, credentials included.
    """

    def __init__(self, exchange: Exchange | ByAgent, sent: Outgoing) -> None:
        self._exchange = exchange
        self._where = shown(sent.url)
        self.sent = sent
        self.status = exchange.status
        self.reason = exchange.reason
        self.headers = Headers(exchange.headers)

    @property
    def length(self) -> int | None:
        """Bytes of the body; None where the server does not say."""
        return self._exchange.length

    @property
    def is_bodiless(self) -> bool:
        """Whether there is no body whatever the headers say: to HEAD, and with 204 and 304."""
        return self._exchange.is_bodiless

    def chunks(self, *, seconds: float) -> Iterator[bytes]:
        """The body piece by piece, for at most `seconds`. Raises TransportError; closes itself at the end."""
        end = time.monotonic() + seconds
        try:
            yield from self._exchange.pieces(wait=partial(time_for_a_step, end))
        except (WireError, OSError) as error:
            raise failure(error, self._where, end=end, total=seconds) from None

    def close(self) -> None:
        """Give the connection back, or end it if there is an unread rest."""
        self._exchange.close()


def time_for_a_step(end: float) -> float:
    """Seconds that the next step may take."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return min(left, float(settings.EGRESS_READ_TIMEOUT))
