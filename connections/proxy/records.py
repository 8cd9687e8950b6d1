"""What the request log keeps of requests that pass through: of a few each one, of very many a sample, and of failures more.

Nothing of it is done before the caller has the answer, but for counting bytes and keeping the first ones.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from connections import request_log
from connections.client import Client
from connections.exchange import Answer, Exchange, Headers, Outgoing, TransportError
from connections.journal import DEBUG_BYTES, SPARE
from connections.models import Connection, LoggedRequest
from connections.transport import beginning

# At once, and then so many in a second, for one connection in one web process. The second pair is for failures and answers from
# 400 on, and for everything while whole bodies are kept.
ORDINARY: Final = (20.0, 2.0)
TROUBLED: Final = (50.0, 10.0)
_MOST: Final = 10_000  # connections whose numbers are remembered
_PACKED: Final = 64 * 1024  # bytes of a packed body from which its beginning is unpacked


@dataclass
class _Share:
    """What one connection may still write down, and how many of its requests were not since the last that was."""

    ordinary: float = ORDINARY[0]
    troubled: float = TROUBLED[0]
    at: float = field(default_factory=time.monotonic)
    left_out: int = 0

    def taken(self, *, troubled: bool) -> bool:
        now = time.monotonic()
        passed, self.at = now - self.at, now
        self.ordinary = min(ORDINARY[0], self.ordinary + passed * ORDINARY[1])
        self.troubled = min(TROUBLED[0], self.troubled + passed * TROUBLED[1])
        if troubled:
            found, self.troubled = self.troubled >= 1, self.troubled - (self.troubled >= 1)
        else:
            found, self.ordinary = self.ordinary >= 1, self.ordinary - (self.ordinary >= 1)
        return found


class Sample:
    """Decides for all threads of a process which requests are written down."""

    def __init__(self) -> None:
        self._shares: OrderedDict[UUID, _Share] = OrderedDict()
        self._turn = threading.Lock()

    def takes(self, connection_id: UUID, *, troubled: bool) -> int | None:
        """None for a request that is left out; else how many were left out since the last one that was not."""
        with self._turn:
            share = self._shares.get(connection_id) or self._shares.setdefault(connection_id, _Share())
            if not share.taken(troubled=troubled):
                share.left_out += 1
                return None
            left_out, share.left_out = share.left_out, 0
            if len(self._shares) > _MOST:
                self._shares.popitem(last=False)
            return left_out


sample = Sample()


@dataclass
class Record:
    """One request on its way, until it is written down; without an `answer` nothing has come."""

    client: Client
    connection: Connection
    username: str
    sent: Outgoing
    at: float = field(default_factory=time.time)
    begun: float = field(default_factory=time.monotonic)
    left_out: int | None = None
    status: int = 0
    headers: Headers = field(default_factory=Headers)
    error: TransportError | None = None
    _head: bytearray = field(default_factory=bytearray)
    _size: int = 0
    _ended: float = 0.0

    def answered(self, status: int, headers: Headers) -> None:
        """The head of an answer has come: now it is known whether this one is written down."""
        self.status, self.headers = status, headers
        self._decide(troubled=status >= 400)

    def watched(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The body, of which the beginning is kept."""
        most = 0 if self.left_out is None else _PACKED if self.headers.get("Content-Encoding") else self._keeps
        try:
            for chunk in chunks:
                self._size += len(chunk)
                if len(self._head) < most:
                    self._head += chunk[: most - len(self._head)]
                yield chunk
        except TransportError as error:
            self.error = error
            if self.left_out is None:
                self._decide(troubled=True)
            raise
        finally:
            self._ended = time.monotonic()

    def failed(self, error: TransportError) -> None:
        """No answer came. It is written down at once."""
        self.error = error
        self._decide(troubled=True)
        self.write()

    def write(self) -> None:
        """Write it down if it belongs to the sample, and tokens that were fetched meanwhile."""
        self.client.write_log()
        if self.left_out is None:
            return
        body = beginning(bytes(self._head), self.headers.get("Content-Encoding"), self._keeps)
        answer = Answer(self.status, "", self.headers, body, self.sent.url) if self.status else None
        exchange = Exchange(self.sent, self.at, round(((self._ended or time.monotonic()) - self.begun) * 1000), answer, self.error)
        # Of a packed body that was cut more is to come, however short it is as it came.
        size = max(self._size, len(body) + 1) if len(body) >= self._keeps else self._size
        entry = self.client.entry_of(exchange, answer_size=size)
        more: dict[str, Any] = {"caller": self.username} | ({"leftOut": self.left_out} if self.left_out else {})
        self.left_out = None  # once
        request_log.keep(self.connection.pk, [entry], request_log.Label(LoggedRequest.Source.PROXY), more=more)

    @property
    def _keeps(self) -> int:
        return self.client.journal.keeps_bytes + SPARE

    def _decide(self, *, troubled: bool) -> None:
        if settings.REQUEST_LOG_DAYS:
            debugged = self.client.journal.keeps_bytes == DEBUG_BYTES
            self.left_out = sample.takes(self.connection.pk, troubled=troubled or debugged)
