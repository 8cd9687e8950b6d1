"""Answers whose bodies pass through while they come."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from django.conf import settings

from connections.exchange import Headers
from connections.transport.failures import failure
from connections.transport.wire import Exchange, Whole, WireError


class Streamed:
    """An answer whose body is still on its way, as the server encoded it. Whoever has one reads it to its end or closes it."""

    def __init__(self, exchange: Exchange | Whole, where: str) -> None:
        self._exchange = exchange
        self._where = where
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
