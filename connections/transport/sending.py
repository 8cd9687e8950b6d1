"""Sends requests, follows redirects, and gives the answers back."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, cast
from urllib.parse import urlsplit

import requests
import urllib3
from django.conf import settings
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connectionpool import HTTPConnectionPool

from connections.agents.route import Route
from connections.exchange import DEFAULT_PORTS, Additions, Answer, Exchange, Headers, Outgoing, TransportError, may_carry_credentials, shown
from connections.network import Network
from connections.transport import sockets, tunnels
from connections.transport.bodies import CHUNK, read
from connections.transport.failures import failure, invalid
from connections.transport.messages import Wire, dressed, fields_of, prepare, redirect_target, redirected
from connections.transport.streams import Streamed, time_for_a_step
from connections.transport.tls import GuardedAdapter
from connections.transport.wire import Exchange as Wired
from connections.transport.wire import Kept, Whole, WireError, head_of

MAX_REDIRECTS: Final = 5
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class Transport:
    """Sends requests over connections that are kept open; one per thread, used as a context manager.

    `ca_bundle` is the file of trusted certificate authorities, by default the one that comes with requests; `network` what
    a connection sets for TLS and proxy. Raises TransportError for certificates that cannot be read. With a `route` requests
    are made by an agent, whose own list of hosts and whose own trust stand in for ours. `observe` is told of every exchange
    of `send`. `kept` is how many connections of `open` to one server stay open.
    """

    def __init__(self, *, ca_bundle: str = "", network: Network | None = None, route: Route | None = None, kept: int = 4) -> None:
        self._network = network or Network()
        self._tunnel = tunnels.tunnel_of(self._network.proxy)
        # The adapter is used without requests.Session, which reads the bodies of redirects without any limit.
        self._adapter = GuardedAdapter(ca_bundle or DEFAULT_CA_BUNDLE_PATH, self._network)
        self._route = route
        self.observe: Callable[[Exchange], None] | None = None
        self._kept = Kept(kept)
        self._pools: dict[str, HTTPConnectionPool] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._adapter.close()
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
        deadline = sockets.deadline.set(started + settings.EGRESS_TOTAL_TIMEOUT)
        tunnel = sockets.tunnel.set(self._tunnel)
        sent = hop = outgoing
        try:
            for _ in range(MAX_REDIRECTS + 1):
                sent = dressed(hop, extra, home)
                with self._exchange(sent) as response:
                    target = redirect_target(response, hop.url)
                    if not target:
                        body = b"" if hop.method == "HEAD" else read(response, sent.url)
                        headers = Headers((name, str(value)) for name, value in response.headers.items())
                        answer = Answer(response.status, response.reason or "", headers, body, hop.url, _since(started))
                        self._tell(Exchange(sent, at, answer.elapsed_ms, answer))
                        return answer
                    hop = redirected(hop, response.status, target, same_origin_only=same_origin_only)
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
        finally:
            sockets.tunnel.reset(tunnel)
            sockets.deadline.reset(deadline)

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
        if self._route:
            return Streamed(self._whole(sent, end), shown(outgoing.url))
        try:
            return Streamed(self._opened(sent, end), shown(outgoing.url))
        except (WireError, OSError) as error:
            raise failure(error, shown(outgoing.url), end=end) from None
        except (ValueError, UnicodeError):
            raise invalid(shown(outgoing.url)) from None

    def _whole(self, outgoing: Outgoing, end: float) -> Whole:
        """An answer that an agent sends, which comes as one."""
        token = sockets.deadline.set(end)
        try:
            with self._exchange(outgoing) as response:
                body = b"" if outgoing.method == "HEAD" else read(response, outgoing.url)
                kept = [(name, str(value)) for name, value in response.headers.iteritems()]
                headers = [(name, value) for name, value in kept if name.lower() not in ("content-encoding", "content-length")]
                return Whole(response.status, response.reason or "", headers, body)
        finally:
            sockets.deadline.reset(token)

    def _opened(self, outgoing: Outgoing, end: float) -> Wired:
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
            exchange = Wired(sock, give, method=outgoing.method)
            try:
                exchange.send(head, outgoing.body, wait=partial(time_for_a_step, end))
            except (WireError, OSError) as error:
                sock.close()
                unanswered = isinstance(error, ConnectionError) or (isinstance(error, WireError) and not error.started)
                if kept is None or not unanswered or outgoing.method not in _SAFE:
                    raise
                kept = None
            except BaseException:
                sock.close()
                raise
            else:
                return exchange

    def _connected(self, origin: tuple[str, str, int], end: float) -> socket.socket:
        scheme, host, port = origin
        deadline, tunnel = sockets.deadline.set(end), sockets.tunnel.set(self._tunnel)
        try:
            sock = sockets.connect(host, port, [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)], encrypted=scheme == "https")
            if scheme != "https":
                return sock
            try:
                return self._adapter.context.wrap_socket(sock, server_hostname=host)
            except TimeoutError:
                sock.close()
                raise sockets.connect_timeout(host, port) from None
            except (ssl.SSLError, OSError) as error:
                sock.close()
                detail, sentence = sockets.tls_failure(host, error)
                raise TransportError(sentence, kind="tls", sent=False, permanent=sockets.is_certificate(error), detail=detail) from None
        finally:
            sockets.tunnel.reset(tunnel)
            sockets.deadline.reset(deadline)

    @contextmanager
    def _exchange(self, outgoing: Outgoing) -> Iterator[urllib3.HTTPResponse]:
        """One request on the wire and the head of its answer; the body is read inside the block, and failures become sentences."""
        where = shown(outgoing.url)
        wire = prepare(outgoing)
        try:
            timeouts = (settings.EGRESS_CONNECT_TIMEOUT, sockets.time_left(settings.EGRESS_READ_TIMEOUT))
            response = self._head(wire, timeouts)
            try:
                yield response
                if not response.closed and (response.length_remaining or 0) < CHUNK:
                    response.read(CHUNK)  # the little that comes with a redirect
            finally:
                # A connection with an unread rest cannot serve another request.
                if response.closed:
                    response.release_conn()
                else:
                    response.close()
        except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            raise failure(error, where) from None

    def _head(self, wire: Wire, timeouts: tuple[float, float]) -> urllib3.HTTPResponse:
        """Status and headers of an answer. A safe request over a kept connection, which the server closed just then, is
        asked once more over a new one (RFC 9112 9.3.1)."""
        if self._route is not None:
            return self._by_agent(self._route, wire, timeouts)
        sockets.opened.set(False)
        try:
            return self._asked(wire, timeouts)
        except urllib3.exceptions.ProtocolError:
            if sockets.opened.get() or wire.method not in _SAFE:
                raise
            return self._asked(wire, timeouts)

    def _asked(self, wire: Wire, timeouts: tuple[float, float]) -> urllib3.HTTPResponse:
        # The adapter's own `send` looks for the pool, proxies and certificates anew and builds an answer that nobody reads.
        pool = self._pools.get(wire.origin) or self._pools.setdefault(
            wire.origin, self._adapter.poolmanager.connection_from_url(wire.origin)
        )
        connect, read = timeouts
        response = pool.urlopen(
            wire.method,
            wire.target,
            body=wire.body,
            headers=cast("Mapping[str, str]", wire.headers),  # http.client takes bytes as well
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            retries=False,
            timeout=urllib3.Timeout(connect=connect, read=read),
        )
        return cast("urllib3.HTTPResponse", response)

    def _by_agent(self, route: Route, wire: Wire, timeouts: tuple[float, float]) -> urllib3.HTTPResponse:
        """The same by an agent."""
        method, url = wire.method, wire.origin + wire.target
        headers = [(name, _text(value)) for name, value in wire.headers.items()]
        raw = route.send(method, url, headers, wire.body, network=self._network, timeouts=timeouts)
        fields = urllib3.HTTPHeaderDict()
        for name, value in raw.headers:
            fields.add(name, value)
        return urllib3.HTTPResponse(
            cast("Any", raw), fields, raw.status, reason=raw.reason, preload_content=False, request_method=method, request_url=url
        )


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
