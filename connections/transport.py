"""The one door out: every request of Junction to a server that is not its own passes `Transport.send`.

The address is checked at the socket: the name is resolved once, each address is compared with the network policy
(public ones, and what EGRESS_ALLOW names), and the connection goes to exactly the address that was checked. So a name
that resolves differently a moment later, a redirect, or an unusual notation of an address leads nowhere else.
TLS is verified against the host name, unless a connection says otherwise. No proxy but one that the operator or the
connection names, no netrc, no cookies, no credentials to another origin.
"""

from __future__ import annotations

import http.client
import logging
import re
import socket
import ssl
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, partial
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, cast
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests
import urllib3
from django.conf import settings
from requests.adapters import HTTPAdapter
from requests.auth import HTTPDigestAuth
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from connections import sockets, tunnels
from connections.agents.route import Route
from connections.exchange import (
    DEFAULT_PORTS,
    Additions,
    Answer,
    Exchange,
    Headers,
    Kind,
    Outgoing,
    TransportError,
    may_carry_credentials,
    origin_of,
    shown,
    with_fields,
    with_query,
    without_query,
)
from connections.network import Network
from connections.wire import Exchange as Wired
from connections.wire import Kept, Whole, WireError, head_of

__all__ = ["Additions", "Answer", "Exchange", "Headers", "Network", "Outgoing", "Streamed", "Transport", "TransportError"]

MAX_REDIRECTS: Final = 5
_CHUNK: Final = 64 * 1024
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# What can be unpacked, piece by piece, so that a small answer which unpacks to gigabytes ends at the limit. urllib3 would hand
# on what it cannot unpack as it is.
_ENCODINGS: Final = frozenset({"", "identity", "deflate", *urllib3.HTTPResponse.CONTENT_DECODERS})
_ASKED_FOR: Final = ", ".join(name for name in ("gzip", "deflate", "br", "zstd") if name in _ENCODINGS)
_DEFAULT_HEADERS: Final = (("User-Agent", "Junction"), ("Accept", "*/*"), ("Accept-Encoding", _ASKED_FOR))
# URLs that need no encoding, no Punycode and no removal of dots: most of all, and looked at faster than they are prepared.
_PLAIN_URL: Final = re.compile(
    r"(https?://[a-z0-9.-]+(?::[0-9]+)?)(?!.*/\.)(/(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%(?:2[0-9A-CF]|3[A-F]|40|5[BD]|[89A-F][0-9A-F]))*)"
)
# What follows a redirect to another origin; everything else may be a secret of this one.
_HARMLESS: Final = frozenset({"accept", "accept-encoding", "accept-language", "content-type", "range", "user-agent"})
# RFC 9110 7.6.1: they belong to the connection, which is ours; two length declarations are a smuggling trick.
_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

# urllib3 logs URLs with their query, where an API key may stand.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)
# The page of a connection says that nothing is verified, which reaches those who can change it.
warnings.filterwarnings("ignore", category=urllib3.exceptions.InsecureRequestWarning)


class _GuardedHTTP(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return sockets.connect(self._dns_host, self.port, self.socket_options, encrypted=False)


class _GuardedHTTPS(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return sockets.connect(self._dns_host, self.port, self.socket_options, encrypted=True)

    def connect(self) -> None:
        try:
            super().connect()
        except TimeoutError:
            raise sockets.connect_timeout(self.host, self.port) from None
        except (ssl.SSLError, OSError, urllib3.exceptions.SSLError) as error:
            detail, sentence = sockets.tls_failure(self.host, error)
            raise TransportError(sentence, kind="tls", sent=False, permanent=sockets.is_certificate(error), detail=detail) from None


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _GuardedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedHTTPS


_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@lru_cache(maxsize=32)
def _tls_context(ca_bundle: str, network: Network) -> ssl.SSLContext:
    """The authorities to trust and what the connection sets; reading them takes longer than many a request, so transports share them."""
    context = create_urllib3_context()
    context.sslsocket_class = sockets.TLSSocket
    if network.minimum_tls:
        context.minimum_version = _VERSIONS[network.minimum_tls]
    if network.verifies:
        context.load_verify_locations(ca_bundle)
        if network.authorities:
            try:
                context.load_verify_locations(cadata=network.authorities)
            except (ssl.SSLError, ValueError):
                raise _unreadable("The certificate authority cannot be read. Enter its certificate in PEM form.", "authority") from None
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if network.certificate:
        _show_certificate(context, network)
    return context


def _show_certificate(context: ssl.SSLContext, network: Network) -> None:
    """Have the context show the server a client certificate."""
    # The ssl module reads files only; this one is gone before the first byte is sent.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(network.certificate)
        file.flush()
        try:
            context.load_cert_chain(file.name, password=lambda: network.passphrase)
        except (ssl.SSLError, OSError, ValueError):
            raise _unreadable(
                "The client certificate or its key cannot be read. Enter both in PEM form; the key has to belong to the certificate, "
                "and its passphrase, if it has one, has to be right.",
                "client_certificate",
            ) from None


def _unreadable(sentence: str, detail: str) -> TransportError:
    return TransportError(sentence, kind="tls", sent=False, permanent=True, detail=detail)


class Digest:
    """Answers to Digest challenges (RFC 7616): learns from the server's challenge, then signs each request."""

    def __init__(self, username: str, password: str) -> None:
        self._auth: Any = HTTPDigestAuth(username, password)  # the state that it keeps per thread is not in its types
        self._auth.init_per_thread_state()

    def challenged(self, header: str) -> bool:
        """Take up a WWW-Authenticate header; False if it is no Digest challenge."""
        scheme, _, rest = header.strip().partition(" ")
        if scheme.lower() != "digest":
            return False
        self._auth._thread_local.chal = requests.utils.parse_dict_header(rest)  # noqa: SLF001 - there is no public way in
        return True

    def header(self, method: str, url: str) -> str:
        """The Authorization header for a request, "" before the first challenge or for one that cannot be answered."""
        if not self._auth._thread_local.chal:  # noqa: SLF001
            return ""
        return self._auth.build_digest_header(method, url) or ""


class _GuardedAdapter(HTTPAdapter):
    """requests' adapter with our connections, over one TLS context."""

    def __init__(self, ca_bundle: str, network: Network) -> None:
        self.context = _tls_context(ca_bundle, network.without_proxy)
        self._checks: dict[str, Any] = {} if network.verifies else {"cert_reqs": "CERT_NONE", "assert_hostname": False}
        super().__init__(pool_connections=10, pool_maxsize=4)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, ssl_context=self.context, **self._checks, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave the pool alone: its context says what is verified."""


class Streamed:
    """An answer whose body is still on its way, as the server encoded it. Whoever has one reads it to its end or closes it."""

    def __init__(self, exchange: Wired | Whole, where: str) -> None:
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
            yield from self._exchange.pieces(wait=partial(_until, end))
        except (WireError, OSError) as error:
            raise _failure(error, self._where, end=end, total=seconds) from None

    def close(self) -> None:
        """Give the connection back, or end it if there is an unread rest."""
        self._exchange.close()


def _until(end: float) -> float:
    """Seconds that the next step may take."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return min(left, float(settings.EGRESS_READ_TIMEOUT))


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
        self._adapter = _GuardedAdapter(ca_bundle or DEFAULT_CA_BUNDLE_PATH, self._network)
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
    ) -> Answer:
        """The answer to a request, whatever its status, after at most MAX_REDIRECTS redirects. Raises TransportError.

        `additions` (the credentials) go only to `credentials_origin`, by default the origin of the request, also after
        redirects. With `same_origin_only` a redirect to another origin is an error; for requests that carry a secret
        in their body.
        """
        extra = additions or Additions()
        home = credentials_origin or outgoing.url
        at, started = time.time(), time.monotonic()
        deadline = sockets.deadline.set(started + settings.EGRESS_TOTAL_TIMEOUT)
        tunnel = sockets.tunnel.set(self._tunnel)
        dressed = hop = outgoing
        try:
            for _ in range(MAX_REDIRECTS + 1):
                dressed = _dress(hop, extra, home)
                with self._exchange(dressed) as response:
                    target = _redirect_target(response, hop.url)
                    if not target:
                        body = b"" if hop.method == "HEAD" else _read(response, dressed.url)
                        headers = Headers((name, str(value)) for name, value in response.headers.items())
                        answer = Answer(response.status, response.reason or "", headers, body, hop.url, _since(started))
                        self._tell(Exchange(dressed, at, answer.elapsed_ms, answer))
                        return answer
                    hop = _redirected(hop, response.status, target, same_origin_only=same_origin_only)
                    # A chain that has left does not get the credentials back: the other server wrote that URL.
                    home = home if may_carry_credentials(target, home) else ""
            raise TransportError(
                f"{shown(outgoing.url)} was redirected more than {MAX_REDIRECTS} times. Check the host and the base path.",
                kind="redirects",
                sent=True,
                permanent=True,
            )
        except TransportError as error:
            self._tell(Exchange(dressed, at, _since(started), None, error))
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
        dressed = _dress(outgoing, additions or Additions(), credentials_origin or outgoing.url)
        if self._route:
            return Streamed(self._whole(dressed, end), shown(outgoing.url))
        try:
            return Streamed(self._opened(dressed, end), shown(outgoing.url))
        except (WireError, OSError) as error:
            raise _failure(error, shown(outgoing.url), end=end) from None
        except (ValueError, UnicodeError):
            raise _invalid(shown(outgoing.url)) from None

    def _whole(self, outgoing: Outgoing, end: float) -> Whole:
        """An answer that an agent sends, which comes as one."""
        token = sockets.deadline.set(end)
        try:
            with self._exchange(outgoing) as response:
                body = b"" if outgoing.method == "HEAD" else _read(response, outgoing.url)
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
        head = head_of(outgoing.method, target, parts.netloc, _fields(outgoing.headers).items(), outgoing.body)
        give = partial(self._kept.give, origin)
        kept = self._kept.take(origin)
        while True:
            sock = kept or self._connected(origin, end)
            exchange = Wired(sock, give, method=outgoing.method)
            try:
                exchange.send(head, outgoing.body, wait=partial(_until, end))
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
        wire = _prepare(outgoing)
        try:
            timeouts = (settings.EGRESS_CONNECT_TIMEOUT, sockets.time_left(settings.EGRESS_READ_TIMEOUT))
            response = self._head(wire, timeouts)
            try:
                yield response
                if not response.closed and (response.length_remaining or 0) < _CHUNK:
                    response.read(_CHUNK)  # the little that comes with a redirect
            finally:
                # A connection with an unread rest cannot serve another request.
                if response.closed:
                    response.release_conn()
                else:
                    response.close()
        except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            raise _failure(error, where) from None

    def _head(self, wire: _Wire, timeouts: tuple[float, float]) -> urllib3.HTTPResponse:
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

    def _asked(self, wire: _Wire, timeouts: tuple[float, float]) -> urllib3.HTTPResponse:
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

    def _by_agent(self, route: Route, wire: _Wire, timeouts: tuple[float, float]) -> urllib3.HTTPResponse:
        """The same by an agent."""
        method, url = wire.method, wire.origin + wire.target
        headers = [(name, _text(value)) for name, value in wire.headers.items()]
        raw = route.send(method, url, headers, wire.body, certificate=self._network.certificate, timeouts=timeouts)
        fields = urllib3.HTTPHeaderDict()
        for name, value in raw.headers:
            fields.add(name, value)
        return urllib3.HTTPResponse(
            cast("Any", raw), fields, raw.status, reason=raw.reason, preload_content=False, request_method=method, request_url=url
        )


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


class _Wire(NamedTuple):
    """A request as it goes on the wire: `origin` is whom it goes to, `target` what stands in its first line."""

    method: str
    origin: str
    target: str
    headers: Mapping[str, str | bytes]
    body: bytes | None


def _fields(pairs: Iterable[tuple[str, str]]) -> dict[str, str | bytes]:
    """Header fields as they go out: without those of one hop, of one name joined, with our own where there is none."""
    headers: dict[str, str | bytes] = {}
    known: dict[str, str] = {}
    for name, value in pairs:
        lower = name.lower()
        if lower in _HOP_BY_HOP:
            continue
        # http.client writes Latin-1; anything else goes out as UTF-8, as browsers and curl send it.
        text: str | bytes = value if value.isascii() else value.encode()
        if lower not in known:
            known[lower] = name
            headers[name] = text
        else:
            glue = "; " if lower == "cookie" else ", "
            headers[known[lower]] = _bytes(headers[known[lower]]) + glue.encode() + _bytes(text)
    return headers | {name: value for name, value in _DEFAULT_HEADERS if name.lower() not in known}


def _prepare(outgoing: Outgoing) -> _Wire:
    headers = _fields(outgoing.headers)
    try:
        if outgoing.method == "GET" and outgoing.body is None and (plain := _PLAIN_URL.fullmatch(outgoing.url)):
            for name, content in headers.items():
                requests.utils.check_header_validity((name, cast("str", content)))
            return _Wire("GET", plain[1], plain[2], headers, None)
        ready = requests.Request(outgoing.method, outgoing.url, headers=headers, data=outgoing.body).prepare()
    except (requests.RequestException, ValueError, UnicodeError):
        raise _invalid(shown(outgoing.url)) from None
    url = urlsplit(ready.url or "")
    return _Wire(ready.method or "", f"{url.scheme}://{url.netloc}", ready.path_url, ready.headers, cast("bytes | None", ready.body))


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _dress(hop: Outgoing, extra: Additions, home: str) -> Outgoing:
    """The request with its credentials where they belong; elsewhere without them and without any header that may be a secret."""
    if not origin_of(hop.url):
        raise _invalid(shown(hop.url))
    parts = urlsplit(hop.url)
    url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))
    if not may_carry_credentials(url, home):
        url = without_query(url, {name for name, _ in extra.query})
        return Outgoing(hop.method, url, [pair for pair in hop.headers if pair[0].lower() in _HARMLESS], hop.body)
    replaced = {name.lower() for name, _ in extra.headers}
    headers = [pair for pair in hop.headers if pair[0].lower() not in replaced] + extra.headers
    if extra.cookies:
        headers.append(("Cookie", "; ".join(f"{name}={value}" for name, value in extra.cookies)))
    return with_fields(Outgoing(hop.method, with_query(url, extra.query), headers, hop.body), extra.body)


def _redirect_target(response: urllib3.HTTPResponse, url: str) -> str:
    location = response.headers.get("Location", "") if response.status in _REDIRECTS else ""
    # Servers write Location in UTF-8, http.client reads Latin-1.
    location = location.encode("latin-1", "ignore").decode("utf-8", "replace").strip()
    try:
        return urljoin(url, location) if location else ""
    except ValueError:
        return location


def _redirected(hop: Outgoing, status: int, target: str, *, same_origin_only: bool) -> Outgoing:
    """The next request of a chain, RFC 9110 15.4: 303 asks with GET, 301 and 302 turn POST into GET, 307 and 308 keep all."""
    if same_origin_only and not may_carry_credentials(target, hop.url):
        raise TransportError(
            f"{shown(hop.url)} redirects to {shown(target)}. Credentials are not sent to another host; enter the final URL instead.",
            kind="redirect_elsewhere",
            sent=True,
            permanent=True,
        )
    headers = [pair for pair in hop.headers if pair[0].lower() != "host"]
    if (status == 303 and hop.method != "HEAD") or (status in (301, 302) and hop.method == "POST"):
        return Outgoing("GET", target, [pair for pair in headers if not pair[0].lower().startswith("content-")])
    return Outgoing(hop.method, target, headers, hop.body)


def _read(response: urllib3.HTTPResponse, url: str) -> bytes:
    """The decoded body, at most EGRESS_MAX_BYTES of it."""
    limit: int = settings.EGRESS_MAX_BYTES
    unknown = {part.strip().lower() for part in response.headers.get("Content-Encoding", "").split(",")} - _ENCODINGS
    if unknown:
        raise TransportError(
            f"{shown(url)} answered in the encoding {', '.join(sorted(unknown))}, which Junction did not ask for and cannot read.",
            kind="malformed",
            sent=True,
            permanent=True,
        )
    declared = response.length_remaining or 0
    body = bytearray()
    while declared <= limit and len(body) <= limit:
        chunk = response.read(_CHUNK, decode_content=True)
        if not chunk:
            if response.tell() and _is_cut(response):
                raise _sent(f"The compressed answer of {shown(url)} ends in the middle and cannot be unpacked.", "malformed")
            return bytes(body)
        body += chunk
    raise TransportError(
        f"The answer of {shown(url)} is larger than {limit / 2**20:g} MiB. Ask for less, for example with a smaller page size.",
        kind="too_large",
        sent=True,
        permanent=True,
    )


def _is_cut(response: urllib3.HTTPResponse) -> bool:
    """Whether a packed body ended before its own end: urllib3 hands on the beginning as if it were all."""
    packed: Any = getattr(getattr(response, "_decoder", None), "_obj", None)
    if hasattr(packed, "is_finished"):
        return not packed.is_finished()
    return getattr(packed, "eof", True) is False


def _failure(error: BaseException, where: str, *, end: float | None = None, total: float = 0) -> TransportError:
    """A failure after the connection stood, as a sentence; the libraries nest the cause in arguments, reasons and contexts.

    `end` is when the exchange had to be over and `total` its seconds, by default those of a whole exchange.
    """
    causes = list(_causes(error))

    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if has(TimeoutError, urllib3.exceptions.TimeoutError, requests.Timeout):
        if (sockets.deadline.get() if end is None else end) <= time.monotonic():
            limit = total or settings.EGRESS_TOTAL_TIMEOUT
            return _sent(
                f"{where} did not finish its answer within {limit:g} seconds. Ask for less, for example with a smaller page size.",
                "deadline",
            )
        return _sent(
            f"{where} sent nothing for {settings.EGRESS_READ_TIMEOUT:g} seconds. Try again later, or ask for less.", "read_timeout"
        )
    if any(isinstance(cause, ssl.SSLError) and sockets.is_client_certificate(str(cause)) for cause in causes):
        # With TLS 1.3 a server says so after the handshake, with its first bytes; it has acted on nothing.
        detail, sentence = sockets.CLIENT_CERTIFICATE
        return TransportError(sentence.format(host=where), kind="tls", sent=False, permanent=True, detail=detail)
    if has(WireError):
        known = {"malformed": "malformed", "too large": "malformed"}.get(str(error), "closed")
        if known == "malformed":
            return _sent(f"{where} answered with something that is not HTTP. Check host and port.", "malformed")
        if not getattr(error, "started", True):
            return _sent(f"{where} closed the connection without an answer. Try again later, and check host and port.", "closed")
        return _sent(f"{where} closed the connection before its answer was complete. Try again later.", "closed")
    if has(urllib3.exceptions.DecodeError):
        return _sent(f"The compressed answer of {where} is damaged and cannot be unpacked.", "malformed")
    if has(http.client.RemoteDisconnected):
        return _sent(f"{where} closed the connection without an answer. Try again later, and check host and port.", "closed")
    if has(http.client.IncompleteRead, ConnectionError, ssl.SSLError):
        return _sent(f"{where} closed the connection before its answer was complete. Try again later.", "closed")
    if has(http.client.HTTPException, urllib3.exceptions.ProtocolError):
        return _sent(f"{where} answered with something that is not HTTP. Check host and port.", "malformed")
    if has(requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader, urllib3.exceptions.LocationValueError):
        return _invalid(where)
    return _sent(f"The exchange with {where} broke off. Try again later.", "closed")


def _invalid(where: str) -> TransportError:
    return TransportError(
        f"A request to {where} cannot be made: the URL or a header is not valid. Check host, path and headers.",
        kind="invalid",
        sent=False,
        permanent=True,
    )


def _sent(message: str, kind: Kind) -> TransportError:
    return TransportError(message, kind=kind, sent=True, permanent=False)


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _causes(error: BaseException, depth: int = 0) -> Iterator[BaseException]:
    yield error
    if depth < 6:
        nested = [*error.args, getattr(error, "reason", None), error.__cause__, error.__context__]
        for item in nested:
            if isinstance(item, BaseException):
                yield from _causes(item, depth + 1)
