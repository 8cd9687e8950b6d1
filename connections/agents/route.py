"""The way of a request through an agent: what `connections.transport` does where it does not open a socket itself."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, get_args
from uuid import UUID

import redis
from django.conf import settings

from connections.agents import jobs
from connections.exchange import Kind, TransportError, shown
from connections.network import Network
from connections.secrets import SecretError
from integrations.storable import mended
from junction_agent import protocol

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
LOOK_SECONDS = 5.0
SLICE_SECONDS = 1.0  # between two looks at whether an agent still works on it
# A field that the transport drops where credentials may not go; it says that the agent is to add one of its own.
MARK = "Junction-Agent-Credential"
# An agent is somebody else's machine: what it says of an answer goes on to callers, where a line break would begin another header.
_NAME = re.compile(r"[\x21-\x39\x3b-\x7e]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_LONGEST_TOLD = 1000  # characters of what an agent says went wrong


@dataclass(frozen=True)
class Route:
    """An agent by id and name, and the credential of its file that it puts on requests ("" for none)."""

    agent_id: UUID
    agent_name: str
    credential: str = ""

    def send(
        self,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes | None,
        *,
        network: Network,
        timeouts: tuple[float, float],
        end: float,
    ) -> Incoming:
        """The head of the answer, and a reader of its body. Raises `TransportError`, and `TimeoutError` at `end` (time.monotonic())."""
        pairs = [pair for pair in headers if pair[0].lower() != MARK.lower()]
        marked = any(name.lower() == MARK.lower() and value == self.credential for name, value in headers)
        message = {
            "method": method,
            "url": url,
            "headers": pairs,
            "hasBody": body is not None,
            "credential": self.credential if marked else "",
            "certificate": network.certificate,
            "passphrase": network.passphrase,
            "authorities": network.authorities,
            "minimumTls": network.minimum_tls,
            "seconds": {"connect": timeouts[0], "read": timeouts[1]},
        }
        try:
            offer = jobs.Offer(self.agent_id, protocol.pack(message, body or b""), safe=method in SAFE_METHODS)
        except (redis.RedisError, SecretError) as error:
            raise self._away(error, sent=False) from None
        incoming = Incoming(self, offer, shown(url), end)
        with ExitStack() as whatever_ends_it:
            whatever_ends_it.callback(incoming.close)
            incoming.read_head()
            whatever_ends_it.pop_all()
        return incoming

    def _away(self, error: Exception, *, sent: bool) -> TransportError:
        reason = str(error) if isinstance(error, SecretError) else "The broker, through which agents get their requests, does not answer."
        return TransportError(f"{reason} Try again later.", kind="agent_lost", sent=sent, permanent=False)


@dataclass
class Incoming:
    """An answer that comes part by part: status, reason, headers, and a file to read the body from. `end` may be moved."""

    route: Route
    offer: jobs.Offer
    where: str
    end: float
    status: int = 0
    reason: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    closed: bool = False
    _data: memoryview = field(default_factory=lambda: memoryview(b""))
    _ended: bool = False
    _looked: float = field(default_factory=time.monotonic)

    def read_head(self) -> None:
        meta = self._next(may_wait=settings.AGENT_WAIT_SECONDS)
        head: Any = meta.get("head")
        try:
            status, reason = int(head["status"]), _one_line(str(head["reason"]))
            headers = [(str(name), _one_line(str(value))) for name, value in head["headers"]]
        except (KeyError, TypeError, ValueError):
            raise self._lost("sent an answer without a head. Agent and Junction may be of different versions.") from None
        if not 200 <= status <= 599 or not all(_NAME.fullmatch(name) for name, _ in headers):
            raise self._lost("sent an answer with a head that no server could have sent.")
        self.status, self.reason, self.headers = status, reason, headers

    def read(self, amount: int | None = None) -> bytes:
        """At most `amount` bytes, fewer only at the end; all of them without an amount. Raises `TransportError`."""
        pieces: list[bytes] = []
        while (amount is None or amount > 0) and (piece := self.read1(amount)):
            pieces.append(piece)
            amount = None if amount is None else amount - len(piece)
        return b"".join(pieces)

    def read1(self, amount: int | None = None) -> bytes:
        """What is there, at least a byte; b"" at the end. Raises `TransportError`."""
        while not self._data and not self._ended:
            self._next()
        size = len(self._data) if amount is None or amount < 0 else amount
        piece, self._data = bytes(self._data[:size]), self._data[size:]
        if self._ended and not self._data:
            self.close()
        return piece

    def close(self) -> None:
        """The answer is read, or nobody wants its rest."""
        if not self.closed:
            self.closed = True
            with suppress(redis.RedisError):
                self.offer.drop()

    def _next(self, *, may_wait: float | None = None) -> dict[str, Any]:
        """Take the next part. `may_wait` are the seconds until an agent takes the request, None once that is done."""
        give_up = time.monotonic() + (may_wait or 0)
        try:
            while (part := self.offer.part(self._slice())) is None or self._is_due:
                state = self.offer.look(head_was_read=self.status != 0)
                self._looked = time.monotonic()
                if part is not None:
                    break
                if state == "queued" and time.monotonic() > give_up:
                    raise TransportError(
                        f"No agent of {self.route.agent_name} took the request within {settings.AGENT_WAIT_SECONDS} seconds. "
                        "Check on the page Agents that one is online, and on its machine that it runs.",
                        kind="no_agent", sent=False, permanent=False,
                    )  # fmt: skip
                if state in ("lost", "exhausted", "gone"):
                    raise self._lost("went away before its answer was complete. Try again when it is online.")
                if state == "claimed":
                    give_up = time.monotonic() + settings.AGENT_WAIT_SECONDS  # if it is offered again
            # Each part that is taken makes room for another one.
            meta, data = protocol.unpack(part)
        except (redis.RedisError, SecretError) as error:
            raise self.route._away(error, sent=True) from None  # noqa: SLF001 - of the same file
        except protocol.Malformed:
            raise self._lost("sent something that cannot be read. Agent and Junction may be of different versions.") from None
        if told := meta.get("error"):
            raise self._told(told)
        self._data, self._ended = memoryview(data), bool(meta.get("end"))
        return meta

    def _slice(self) -> float:
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(SLICE_SECONDS, left)

    @property
    def _is_due(self) -> bool:
        """Whether the request has to be kept wanted although its answer flows."""
        return time.monotonic() - self._looked > LOOK_SECONDS

    def _lost(self, what: str) -> TransportError:
        sent = True
        with suppress(redis.RedisError):
            sent = self.status != 0 or self.offer.was_begun
        return TransportError(f"The agent {self.route.agent_name} {what}", kind="agent_lost", sent=sent, permanent=False)

    def _told(self, error: Any) -> TransportError:
        """What the agent says went wrong between it and the server."""
        if not isinstance(error, dict):
            return self._lost("sent something that cannot be read. Agent and Junction may be of different versions.")
        kind: Any = error.get("kind")
        known: Kind = kind if isinstance(kind, str) and kind in get_args(Kind) else "closed"  # type: ignore[assignment]
        said = mended(str(error.get("message") or "The exchange broke off."))[:_LONGEST_TOLD]
        sentence = f"{said} (Through the agent {self.route.agent_name}.)"
        return TransportError(sentence, kind=known, sent=error.get("sent") is not False, permanent=error.get("permanent") is True)


def _one_line(text: str) -> str:
    """A header's value; one that was folded is unfolded (RFC 9112 5.2)."""
    return _CONTROL.sub(" ", text)
