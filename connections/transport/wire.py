"""HTTP/1.1 over sockets that stay open: a request out, the head of the answer in, its body as it comes.

Used by `connections.transport` only, which says where to connect and what to send. The parser is llhttp, the one of Node.js:
reading an answer with it takes a tenth of the time that `requests` takes. What is not HTTP is an error and not
a guess.
"""

from __future__ import annotations

import re
import select
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal

import httptools

CHUNK: Final = 64 * 1024
MOST_HEADERS: Final = 256 * 1024  # bytes of a head
BODILESS: Final = frozenset({204, 304})
_ALERT: Final = b"\x15\x03"  # how a TLS record begins that says what is wrong (RFC 8446 5.1)
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.1
Origin = tuple[str, str, int]  # scheme, host, port


class WireError(Exception):
    """The answer is none, or breaks off: `silence` (nothing came), `cut`, `malformed` (no HTTP), `tls` (the port wants https)."""

    def __init__(self, what: Literal["silence", "cut", "malformed", "tls"]) -> None:
        super().__init__(what)
        self.what = what


class Kept:
    """Sockets that wait for the next request to the same origin; may be used by several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._idle: dict[Origin, list[socket.socket]] = {}
        self._lock = threading.Lock()

    def take(self, origin: Origin) -> socket.socket | None:
        """The one that was used last, if the server has not closed it meanwhile."""
        while True:
            with self._lock:
                waiting = self._idle.get(origin)
                found = waiting.pop() if waiting else None
            if found is None or not _has_ended(found):
                return found
            found.close()

    def give(self, origin: Origin, sock: socket.socket) -> None:
        with self._lock:
            waiting = self._idle.setdefault(origin, [])
            if len(waiting) < self._most:
                waiting.append(sock)
                return
        sock.close()

    def close(self) -> None:
        with self._lock:
            waiting = [sock for socks in self._idle.values() for sock in socks]
            self._idle.clear()
        for sock in waiting:
            sock.close()


class Exchange:
    """One request and its answer. Read it to its end, or close it: then the socket serves the next one, or ends.

    `lenient` reads what many clients read although RFC 9112 forbids it (folded lines, lines that end with LF alone, a length beside
    chunks). Only for answers that go no further: whoever gets them next may read them in another way.
    """

    def __init__(self, sock: socket.socket, release: Callable[[socket.socket], None], *, method: str, lenient: bool = False) -> None:
        self._sock = sock
        self._release = release
        self._is_head = method == "HEAD"
        self._parser = httptools.HttpResponseParser(self)
        if lenient:
            self._parser.set_dangerous_leniencies(
                lenient_headers=True,
                lenient_chunked_length=True,
                lenient_transfer_encoding=True,
                lenient_version=True,
                lenient_data_after_close=True,
                lenient_optional_lf_after_cr=True,
                lenient_optional_cr_before_lf=True,
                lenient_spaces_after_chunk_size=True,
            )
        self._pieces: list[bytes] = []
        self._complete = self._has_head = self._is_open = self._goes_on = False
        self._size = 0
        self.status = 0
        self.reason = ""
        self.headers: list[tuple[str, str]] = []

    def send(self, head: bytes, body: bytes | None, *, wait: Callable[[], float]) -> None:
        """Send the request and read the head of its answer; `wait` gives the seconds for each step. Raises `OSError` and `WireError`."""
        self._is_open = True
        sock = self._sock
        unsent = None
        try:
            for piece in _in_pieces(head, body):
                sock.settimeout(wait())
                sock.sendall(piece)
        except ConnectionError as error:
            unsent = error  # a server may answer before it has read all, for example that it is too much, and hang up
        while not self._has_head:
            sock.settimeout(wait())
            try:
                data = sock.recv(CHUNK)
            except ConnectionError as error:
                raise unsent or error from None
            if not data:
                raise unsent or WireError("cut" if self._size else "silence")
            if not self._size and data.startswith(_ALERT):
                raise WireError("tls")
            self._size += len(data)
            if self._size > MOST_HEADERS + CHUNK:
                raise WireError("malformed")
            self._feed(data)
        if self._is_head or self.status in BODILESS:
            self._complete = True

    @property
    def is_bodiless(self) -> bool:
        return self._is_head or self.status in BODILESS

    @property
    def length(self) -> int | None:
        """Bytes of the body where the answer says so, or where all of it has come already."""
        if self.is_bodiless:
            return 0
        if self._complete:
            return sum(map(len, self._pieces))
        found = next((value for name, value in self.headers if name.lower() == "content-length"), "")
        return int(found) if found.isdigit() else None

    def pieces(self, *, wait: Callable[[], float]) -> Iterator[bytes]:
        """The body as it comes, unpacked from chunks and nothing else. Raises `OSError` and `WireError`."""
        try:
            while True:
                yield from self._taken()
                if self._complete:
                    return
                self._sock.settimeout(wait())
                data = self._sock.recv(CHUNK)
                if data:
                    self._feed(data)
                elif self._ends_with_the_connection:
                    return
                else:
                    raise WireError("cut")
        finally:
            self.close()

    def close(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        # Where no body may be, some servers send one all the same; the next request would read it.
        if self._complete and self._goes_on and not self.is_bodiless and self._has_one_length:
            self._release(self._sock)
        else:
            self._sock.close()

    @property
    def _ends_with_the_connection(self) -> bool:
        """RFC 9112 6.3: without a length the body ends when the server closes."""
        return not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in self.headers)

    @property
    def _has_one_length(self) -> bool:
        """Of two that contradict each other the server may mean the other one."""
        return sum(name.strip().lower() in ("content-length", "transfer-encoding") for name, _ in self.headers) <= 1

    def _taken(self) -> Iterator[bytes]:
        pieces, self._pieces = self._pieces, []
        return iter(pieces)

    def _feed(self, data: bytes) -> None:
        if self._complete:
            raise WireError("malformed")  # more than one answer
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise WireError("malformed") from None
        except httptools.HttpParserError:
            if self._has_head and self.is_bodiless:
                return  # what follows a head without a body is not ours to read
            raise WireError("malformed") from None

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self._complete:
            raise WireError("malformed")  # a second answer, which nobody has asked for, in the same piece
        self.headers, self.reason = [], ""

    def on_status(self, status: bytes) -> None:
        self.reason += status.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._has_head:
            return  # trailers: by RFC 9110 6.5.1 they are no headers, and a server could send them without end
        self.headers.append((name.decode("latin-1"), value.decode("latin-1").strip()))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self._has_head = self.status >= 200

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        # An answer of the kind 1xx goes before the one that counts.
        self._complete = self._has_head
        self._goes_on = self._parser.should_keep_alive()


def _in_pieces(head: bytes, body: bytes | None) -> Iterator[bytes | memoryview]:
    """What goes out, in pieces small enough that each has its own time."""
    if not body or len(body) < CHUNK:
        yield head + body if body else head
        return
    yield head
    view = memoryview(body)
    for start in range(0, len(view), CHUNK):
        yield view[start : start + CHUNK]


def head_of(method: str, target: str, host: str, headers: Iterable[tuple[str, str | bytes]], body: bytes | None) -> bytes:
    """The request up to its body. Raises `ValueError` for what would be more than one line."""
    lines = [f"{method} {target} HTTP/1.1\r\nHost: {host}".encode("ascii")]
    for name, value in headers:
        if not _NAME.fullmatch(name):
            raise ValueError(name)
        line = name.encode("ascii") + b": " + (value if isinstance(value, bytes) else value.encode("latin-1"))
        if b"\r" in line or b"\n" in line or b"\0" in line:
            raise ValueError(name)
        lines.append(line)
    if body is not None or method in ("POST", "PUT", "PATCH"):
        lines.append(b"Content-Length: %d" % len(body or b""))
    if any(character in target for character in " \r\n"):
        raise ValueError(target)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _has_ended(sock: socket.socket) -> bool:
    """Whether the server has closed it, or said something that nobody asked for: then there is something to read."""
    watch = select.poll()
    try:
        watch.register(sock, select.POLLIN)
        return bool(watch.poll(0))
    except (OSError, ValueError):
        return True
