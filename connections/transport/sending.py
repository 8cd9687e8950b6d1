"""Sends requests, follows redirects, and gives the answers back."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from django.conf import settings

from connections.agents.route import Route
from connections.exchange import DEFAULT_PORTS, Additions, Answer, Exchange, Headers, Outgoing, TransportError, may_carry_credentials, shown
from connections.network import Network
from connections.transport import sockets, tunnels
from connections.transport.bodies import Coming, read
from connections.transport.failures import failure, invalid
from connections.transport.messages import dressed, fields_of, prepared, redirect_target, redirected
from connections.transport.streams import ByAgent, Streamed, time_for_a_step
from connections.transport.tls import tls_context
from connections.transport.wire import CHUNK, Kept, WireError, head_of
from connections.transport.wire import Exchange as Wired

MAX_REDIRECTS: Final = 5
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class Transport:
    """Sends requests over connections that are kept open, used as a context manager. Several threads may use one.

    `ca_bundle` is the file of trusted certificate authorities, by default those that Mozilla trusts; `network` what
    a connection sets for TLS and proxy. Raises TransportError for certificates that cannot be read. With a `route` requests
    are made by an agent, whose own list of hosts and whose own trust stand in for ours. `observe` is told of every exchange
    of `send`. `kept` is how many connections to one server stay open.
    """

    def __init__(self, *, ca_bundle: str = "", network: Network | None = None, route: Route | None = None, kept: int = 4) -> None:
        self._network = network or Network()
        self._tunnel = tunnels.tunnel_of(self._network.proxy)
        self._tls = tls_context(ca_bundle, self._network.without_proxy)
        self._route = route
        self.observe: Callable[[Exchange], None] | None = None
        self._kept = Kept(kept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._kept.close()

    def send(
        self,
        outgoing: Outgoing,
        *,
        additions: Additions | None = None,
        credentials_origin: str = "",
        same_origin_only: bool = False,
        drops_credentials: bool = False,
    ) -> Answer:
        """The answer to a request, whatever its status, after at most MAX_REDIRECTS redirects. Raises TransportError.

        `additions` (the credentials) go only to `credentials_origin`, by default the origin of the request, also after
        redirects. With `same_origin_only` a redirect to another origin is an error; for requests that carry a secret
        in their body. With `drops_credentials` they follow no redirect at all.
        """
        extra = additions or Additions()
        home = credentials_origin or outgoing.url
        at, started = time.time(), time.monotonic()
        end = started + settings.EGRESS_TOTAL_TIMEOUT
        wait = partial(time_for_a_step, end)
        sent = hop = outgoing
        try:
            for _ in range(MAX_REDIRECTS + 1):
                sent = dressed(hop, extra, home)
                with self._exchange(prepared(sent), end) as coming:
                    headers = Headers(coming.headers)
                    target = redirect_target(coming.status, headers, hop.url)
                    if not target:
                        body = read(coming, headers, sent.url, wait=wait)
                        answer = Answer(coming.status, coming.reason, headers, body, hop.url, _since(started))
                        self._tell(Exchange(sent, at, answer.elapsed_ms, answer))
                        return answer
                    _pass_over(coming, wait)
                    hop = redirected(hop, coming.status, target, same_origin_only=same_origin_only)
                    # A chain that has left does not get the credentials back: the other server wrote that URL.
                    home = home if may_carry_credentials(target, home) and not drops_credentials else ""
            raise TransportError(
                f"{shown(outgoing.url)} was redirected more than {MAX_REDIRECTS} times. Check the host and the base path.",
                kind="redirects",
                sent=True,
                permanent=True,
            )
        except TransportError as error:
            self._tell(Exchange(sent, at, _since(started), None, error))
            raise

    def _tell(self, exchange: Exchange) -> None:
        if self.observe is not None:
            self.observe(exchange)

    def open(self, outgoing: Outgoing, *, additions: Additions | None = None, credentials_origin: str = "") -> Streamed:
        """The head of an answer, redirects included as they are; its body is read as it comes. Raises TransportError.

        EGRESS_TOTAL_TIMEOUT is for the head; for the body `seconds` of `Streamed.chunks`. May be called by several threads at once.
        The URL is sent as it is written, percent-encoding included.
        """
        end = time.monotonic() + settings.EGRESS_TOTAL_TIMEOUT
        sent = dressed(outgoing, additions or Additions(), credentials_origin or outgoing.url)
        with _told(sent, end):
            return Streamed(self._begun(sent, end, lenient=False), sent)

    @contextmanager
    def _exchange(self, outgoing: Outgoing, end: float) -> Iterator[Coming]:
        """One request and the head of its answer; the body is read inside the block, and failures become sentences."""
        with _told(outgoing, end):
            coming = self._begun(outgoing, end, lenient=True)
            try:
                yield coming
            finally:
                coming.close()

    def _begun(self, outgoing: Outgoing, end: float, *, lenient: bool) -> Wired | ByAgent:
        return self._by_agent(self._route, outgoing, end) if self._route else self._opened(outgoing, end, lenient=lenient)

    def _by_agent(self, route: Route, outgoing: Outgoing, end: float) -> ByAgent:
        """The head of an answer that an agent passes on."""
        pairs = [(name, _text(value)) for name, value in fields_of(outgoing.headers).items()]
        timeouts = (settings.EGRESS_CONNECT_TIMEOUT, time_for_a_step(end))
        incoming = route.send(outgoing.method, outgoing.url, pairs, outgoing.body, network=self._network, timeouts=timeouts, end=end)
        return ByAgent(incoming, method=outgoing.method)

    def _opened(self, outgoing: Outgoing, end: float, *, lenient: bool) -> Wired:
        """A request on a socket that was kept, or on a new one; a kept one that the server closed just then is no failure of a
        request that may be repeated (RFC 9112 9.3.1)."""
        parts = urlsplit(outgoing.url)
        origin = (parts.scheme, parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme])
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        head = head_of(outgoing.method, target, parts.netloc, fields_of(outgoing.headers).items(), outgoing.body)
        give = partial(self._kept.give, origin)
        kept = self._kept.take(origin)
        while True:
            sock = kept or self._connected(origin, end)
            exchange = Wired(sock, give, method=outgoing.method, lenient=lenient)
            try:
                exchange.send(head, outgoing.body, wait=partial(time_for_a_step, end))
            except (WireError, OSError) as error:
                sock.close()
                unanswered = isinstance(error, ConnectionError) or (isinstance(error, WireError) and error.what == "silence")
                if kept is None or not unanswered or outgoing.method not in _SAFE:
                    raise
                kept = None
            except BaseException:  # also what `wait` raises and the end of the process: nobody else closes it. It is raised again
                sock.close()
                raise
            else:
                return exchange

    def _connected(self, origin: tuple[str, str, int], end: float) -> socket.socket:
        scheme, host, port = origin
        sock = sockets.connect(host, port, encrypted=scheme == "https", tunnel=self._tunnel, end=end)
        if scheme != "https":
            return sock
        try:
            return self._tls.wrap_socket(sock, server_hostname=host)
        except TimeoutError:
            sock.close()
            raise sockets.connect_timeout(host, port) from None
        except (ssl.SSLError, OSError) as error:
            sock.close()
            detail, sentence = sockets.tls_failure(host, error)
            raise TransportError(sentence, kind="tls", sent=False, permanent=sockets.is_certificate(error), detail=detail) from None


@contextmanager
def _told(outgoing: Outgoing, end: float) -> Iterator[None]:
    """Have what goes wrong be a sentence."""
    try:
        yield
    except (WireError, OSError) as error:
        raise failure(error, shown(outgoing.url), end=end) from None
    except (ValueError, UnicodeError):
        raise invalid(shown(outgoing.url)) from None


def _pass_over(coming: Coming, wait: Callable[[], float]) -> None:
    """Read the little that comes with a redirect, so that its connection can serve the next request."""
    size = 0
    if (coming.length or 0) < CHUNK:
        for piece in coming.pieces(wait=wait):
            size += len(piece)
            if size > CHUNK:
                return


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
