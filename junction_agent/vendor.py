"""One exchange with a server inside: the request as Junction made it, the answer piece by piece."""

from __future__ import annotations

import http.client
import re
import select
import socket
import ssl
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from junction_agent import protocol
from junction_agent.policy import Policy, Target

IDLE_SECONDS = 20.0  # for which a connection is kept for the next request
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_OWN = frozenset(
    {
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip
# RFC 9110: a name with a blank, or a value of two lines, is a second header for some servers, and could be a second request.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class ExchangeError(Exception):
    """No usable answer came; `kind`, `sent` and `permanent` are those of Junction's TransportError."""

    def __init__(self, message: str, *, kind: str, sent: bool, permanent: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.sent = sent
        self.permanent = permanent


@dataclass(frozen=True)
class Request:
    """What Junction asks for. `certificate` with its key and `passphrase` are shown to the server; `authorities` are trusted
    besides the agent's own, for this request only; all in PEM form. `minimum_tls` is 1.2 or 1.3, "" for the usual.
    """

    method: str
    url: str
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)
    has_body: bool
    certificate: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)
    authorities: str = field(default="", repr=False)
    minimum_tls: str = ""
    connect_seconds: float = 10.0
    read_seconds: float = 30.0

    @property
    def shown(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class Answered:
    """Status and headers of an answer, and its body as it comes."""

    def __init__(self, response: http.client.HTTPResponse, sock: socket.socket, request: Request) -> None:
        self._response = response
        self._socket = sock
        self._request = request
        self._left = response.length  # None: chunked, or until the connection ends
        self.status: int = response.status
        self.reason: str = response.reason or ""
        self.headers: list[tuple[str, str]] = list(response.headers.items())
        self.complete = response.isclosed() or response.length == 0

    @property
    def reusable(self) -> bool:
        """Whether the connection can serve another request."""
        return self.complete and not self._response.will_close

    def pieces(self) -> Iterator[bytes]:
        """The body, at most PART_BYTES at once and as soon as it is there; `complete` is true with the last piece, if that
        can be known then. Raises `ExchangeError`."""
        while not self.complete:
            try:
                data = self._piece()
            except TimeoutError:
                raise _silent(self._request) from None
            except (OSError, ValueError, AttributeError, http.client.HTTPException):
                raise _broken(self._request) from None
            if data:
                yield data
        self._response.close()

    def _piece(self) -> bytes:
        data = bytearray()
        while len(data) < protocol.PART_BYTES and not self.complete:
            wanted = protocol.PART_BYTES - len(data)
            if self._left is None:
                piece = self._response.read1(wanted)
            else:
                piece = self._response.fp.read1(min(wanted, self._left))
                self._left -= len(piece)
                if not piece:
                    raise http.client.IncompleteRead(bytes(data))
            data += piece
            self.complete = not piece or self._left == 0
            if not self._more_waits():
                break
        return bytes(data)

    def _more_waits(self) -> bool:
        with suppress(OSError, ValueError):
            pending = getattr(self._socket, "pending", None)
            return bool(pending and pending()) or bool(select.select([self._socket], [], [], 0)[0])
        return False

    def break_off(self) -> None:
        """End the exchange at once, wherever it is; also from another thread."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


# Scheme, host and port, and what was trusted when the connection was made.
Key = tuple[str, str, int, str, str]


class Vendors:
    """Connections to the servers inside, kept open for a while. For all threads."""

    def __init__(self, policy: Policy, *, ca: str = "") -> None:
        self._policy = policy
        self._ca = ca
        self._kept: dict[Key, list[tuple[float, http.client.HTTPConnection]]] = defaultdict(list)
        self._turn = threading.Lock()

    def targets(self, request: Request) -> list[Target]:
        """Where the request goes. Raises `Refused` and `ExchangeError`."""
        try:
            return self._policy.targets(request.method, request.url, request.headers)
        except OSError as error:
            host = urlsplit(request.url).hostname
            later = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
            advice = "Its name server did not answer; try again later." if later else "Check the spelling of the host."
            raise ExchangeError(
                f"The agent cannot resolve the host name {host}. {advice}", kind="dns", sent=False, permanent=not later
            ) from None
        except UnicodeError:
            raise ExchangeError("The host name of the request is not valid.", kind="dns", sent=False, permanent=True) from None

    @contextmanager
    def exchange(self, request: Request, targets: list[Target]) -> Iterator[Answered]:
        """The head of the answer; its body is read inside the block. Raises `ExchangeError`."""
        key = (targets[0].scheme, targets[0].host, targets[0].port, request.authorities, request.minimum_tls)
        connection, answered = self._sent(key, request, targets)
        try:
            yield answered
        finally:
            if answered.reusable and not request.certificate and connection.sock is not None:
                with self._turn:
                    self._kept[key].append((time.monotonic(), connection))
            else:
                answered.break_off()
                connection.close()

    def _sent(self, key: Key, request: Request, targets: list[Target]) -> tuple[http.client.HTTPConnection, Answered]:
        kept = self._take(key) if request.method in SAFE and not request.certificate else None
        if kept:
            with suppress(ConnectionError, http.client.BadStatusLine):
                return kept, self._ask(kept, request, targets[0])
            kept.close()  # the server closed it meanwhile
        connection = self._connected(request, targets)
        try:
            return connection, self._ask(connection, request, targets[0])
        except (ConnectionError, http.client.BadStatusLine) as error:
            connection.close()
            if isinstance(error, http.client.BadStatusLine) and not isinstance(error, http.client.RemoteDisconnected):
                raise _no_http(request) from None
            raise ExchangeError(
                f"{request.shown} closed the connection without an answer. Try again later, and check host and port.",
                kind="closed",
                sent=True,
            ) from None

    def _take(self, key: Key) -> http.client.HTTPConnection | None:
        with self._turn:
            while self._kept[key]:
                since, connection = self._kept[key].pop()
                if time.monotonic() - since < IDLE_SECONDS:
                    return connection
                connection.close()
        return None

    def _ask(self, connection: http.client.HTTPConnection, request: Request, target: Target) -> Answered:
        parts = urlsplit(request.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.sock.settimeout(request.read_seconds)
            connection.putrequest(request.method, path, skip_host=True, skip_accept_encoding=True)
            host = next((value for name, value in request.headers if name.lower() == "host"), target.origin)
            connection.putheader("Host", host)
            for name, value in request.headers:
                if name.lower() not in _OWN:
                    connection.putheader(name, value if value.isascii() else value.encode())
            if request.has_body or request.method in ("POST", "PUT", "PATCH"):
                connection.putheader("Content-Length", str(len(request.body)))
            connection.endheaders(request.body or None)
            sock = connection.sock  # http.client drops it where the server wants to close
            return Answered(connection.getresponse(), sock, request)
        except (http.client.BadStatusLine, ConnectionError):
            raise
        except TimeoutError:
            connection.close()
            raise _silent(request) from None
        except (http.client.InvalidURL, ValueError):
            connection.close()
            raise _invalid(request) from None
        except http.client.HTTPException:
            connection.close()
            raise _no_http(request) from None
        except OSError:
            connection.close()
            raise _broken(request) from None

    def _connected(self, request: Request, targets: list[Target]) -> http.client.HTTPConnection:
        failure: OSError | None = None
        for target in targets:
            raw = socket.socket(target.family, socket.SOCK_STREAM)
            raw.settimeout(request.connect_seconds)
            try:
                raw.connect(target.address)
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection = http.client.HTTPConnection(target.host, target.port)
                connection.auto_open = 0  # a connection of its own would go wherever the name leads then
                connection.sock = self._encrypted(raw, request, target) if target.scheme == "https" else raw
            except ExchangeError:
                raw.close()
                raise
            except OSError as error:
                failure = error
                raw.close()
            else:
                return connection
        host, port = targets[0].host, targets[0].port
        if isinstance(failure, TimeoutError):
            raise ExchangeError(
                f"{host} did not accept a connection on port {port} in time ({request.connect_seconds:g} seconds). "
                "Check host and port, and whether a firewall lets the agent through.",
                kind="connect_timeout", sent=False,
            )  # fmt: skip
        reason = "refused the connection" if isinstance(failure, ConnectionRefusedError) else "cannot be reached by the agent"
        raise ExchangeError(
            f"{host} {reason} on port {port}. Check host and port, and whether the server runs.", kind="refused", sent=False
        )

    def _encrypted(self, raw: socket.socket, request: Request, target: Target) -> ssl.SSLSocket:
        context = ssl.create_default_context()
        if self._ca:
            context.load_verify_locations(self._ca)
        if request.authorities:
            try:
                context.load_verify_locations(cadata=request.authorities)
            except (ssl.SSLError, ValueError):
                raise _tls("The certificate authority of the connection cannot be read. Enter its certificate in PEM form.") from None
        if request.minimum_tls in _VERSIONS:
            context.minimum_version = _VERSIONS[request.minimum_tls]
        if request.certificate:
            _present(context, request)
        try:
            return context.wrap_socket(raw, server_hostname=target.host)
        except ssl.SSLCertVerificationError as error:
            raise _tls(
                f"The agent does not trust the TLS certificate of {target.host}: {error.verify_message}. "
                "Name its authority with vendor_ca in the agent's file, or enter it on the connection under Network."
            ) from None
        except TimeoutError:
            raise
        except OSError:
            raise ExchangeError(
                f"No encrypted connection to {target.host} could be made: the TLS handshake failed. Check host and port.",
                kind="tls",
                sent=False,
            ) from None


def _tls(sentence: str) -> ExchangeError:
    return ExchangeError(sentence, kind="tls", sent=False, permanent=True)


def _present(context: ssl.SSLContext, request: Request) -> None:
    """Show the request's client certificate."""
    # The ssl module reads files only; this one is gone before the first byte is sent.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(request.certificate)
        file.flush()
        try:
            context.load_cert_chain(file.name, password=lambda: request.passphrase)
        except (OSError, ValueError):
            raise _tls(
                "The client certificate or its key cannot be read. Enter both in PEM form; the key's passphrase, if it has one, has to be right."
            ) from None


def _silent(request: Request) -> ExchangeError:
    return ExchangeError(
        f"{request.shown} sent nothing for {request.read_seconds:g} seconds. Try again later, or ask for less.",
        kind="read_timeout",
        sent=True,
    )


def _no_http(request: Request) -> ExchangeError:
    return ExchangeError(f"{request.shown} answered with something that is not HTTP. Check host and port.", kind="malformed", sent=True)


def _broken(request: Request) -> ExchangeError:
    return ExchangeError(
        f"{request.shown} closed the connection before its answer was complete. Try again later.", kind="closed", sent=True
    )


def request_of(meta: dict[str, Any], body: bytes) -> Request:
    """The request in a message of Junction. Raises `protocol.Malformed`, and `ExchangeError` for what must not go on a wire."""
    try:
        limits = meta.get("seconds") or {}
        found = Request(
            method=str(meta["method"]),
            url=str(meta["url"]),
            headers=[(str(name), str(value)) for name, value in meta["headers"]],
            body=body,
            has_body=bool(meta.get("hasBody")),
            certificate=str(meta.get("certificate") or ""),
            passphrase=str(meta.get("passphrase") or ""),
            authorities=str(meta.get("authorities") or ""),
            minimum_tls=str(meta.get("minimumTls") or ""),
            connect_seconds=max(0.1, float(limits.get("connect", 10))),
            read_seconds=max(0.1, float(limits.get("read", 30))),
        )
    except (KeyError, TypeError, ValueError):
        raise protocol.Malformed from None
    if not _TOKEN.fullmatch(found.method) or any(not _TOKEN.fullmatch(name) or _CONTROL.search(value) for name, value in found.headers):
        raise _invalid(found)
    return found


def _invalid(request: Request) -> ExchangeError:
    sentence = f"A request to {request.shown} cannot be made: the URL, the method or a header is not valid."
    return ExchangeError(sentence, kind="invalid", sent=False, permanent=True)
