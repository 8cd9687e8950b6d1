"""How a web process answers: threads that all wait at one place for a client with something to say. HTTP itself is gunicorn's.

gunicorn's own worker with threads hands every request from its main thread to another one and the connection back again. Under
Python's one lock these changes of hands cost more than all that Junction does for a proxied call. Here a free thread takes from the
kernel (epoll, one at a time) the next connection that can be read, answers, and gives it back. The main thread takes in new clients, shows out
those who are silent, and tells gunicorn's arbiter that the process lives.

No client holds a thread for long by being slow: the head of a request has HEAD_SECONDS, and for bodies and answers a thread waits
STALL_SECONDS in all and one more for every SLOWEST bytes. Who has said nothing yet holds none at all.
"""

from __future__ import annotations

import errno
import os
import select
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from gunicorn import http, util
from gunicorn.http import wsgi
from gunicorn.workers.gthread import ThreadWorker

HEAD_SECONDS: Final = 15.0  # from the first byte of a request to the end of its headers
STALL_SECONDS: Final = 60.0  # for which a request and its answer may wait for the client
SLOWEST: Final = 1000  # bytes for which a thread waits another second
LEAVE_SECONDS: Final = 1.0  # for which a process that ends keeps connections on which nothing is asked


class Line:
    """A client's socket as gunicorn's parser and answers use it: it waits, but never for longer than it may."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1) if sock.family != socket.AF_UNIX else None
        self._sock = sock
        self._until: float | None = None
        self._patience = STALL_SECONDS
        self.fileno, self.close, self.shutdown, self.setsockopt = sock.fileno, sock.close, sock.shutdown, sock.setsockopt

    def settimeout(self, seconds: float | None) -> None:
        """Everything that is read from now on has to come within so many seconds; None: while there is patience."""
        self._until = None if seconds is None else time.monotonic() + seconds
        self._patience = STALL_SECONDS

    def gettimeout(self) -> float | None:
        return None if self._until is None else max(0.0, self._until - time.monotonic())

    def setblocking(self, _flag: bool) -> None:
        """It is the kernel's business whether there is something; see `_wait`."""

    @property
    def is_readable(self) -> bool:
        watch = select.poll()
        try:
            watch.register(self._sock, select.POLLIN)
        except ValueError:  # closed already
            return False
        return bool(watch.poll(0))

    def recv(self, size: int) -> bytes:
        while True:
            try:
                data = self._sock.recv(size)
            except BlockingIOError:
                self._wait(select.POLLIN, self.gettimeout())
            else:
                self._moved(len(data))
                return data

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                count = self._sock.send(rest)
            except BlockingIOError:
                self._wait(select.POLLOUT, None)
            else:
                self._moved(count)
                rest = rest[count:]

    send = sendall

    def _wait(self, event: int, seconds: float | None) -> None:
        watch = select.poll()
        watch.register(self._sock, event)
        started = time.monotonic()
        is_ready = watch.poll(1000 * (self._patience if seconds is None else seconds))
        self._patience = max(0.0, self._patience - (time.monotonic() - started))
        if not is_ready:
            raise ConnectionResetError(errno.ECONNRESET, "The client was silent for too long.")

    def _moved(self, count: int) -> None:
        """A client that is slow but goes on is waited for; not one that lets a byte drip before each end of our patience."""
        self._patience = min(STALL_SECONDS, self._patience + count / SLOWEST)


class Client:
    """A connection, with what gunicorn's worker asks of one."""

    initialized = data_ready = True
    is_http2 = False

    def __init__(self, cfg: Any, sock: socket.socket, address: Any, server: Any) -> None:
        self.sock = Line(sock)
        self.client = address
        self.server = server
        self.parser = http.get_parser(cfg, self.sock, address)
        self.until = 0.0

    def init(self) -> None:
        """Nothing is left to do."""


class Answer(wsgi.Response):
    """Sends its head together with the first piece of its body."""

    head = b""
    headers_sent: bool

    def send_headers(self) -> None:
        if not self.headers_sent:
            lines = [*self.default_headers(), *(f"{name}: {value}\r\n" for name, value in self.headers), "\r\n"]
            self.head = "".join(lines).encode("latin-1")
            self.headers_sent = True

    def _emit_body(self, data: bytes) -> None:
        self._put(b"%X\r\n%b\r\n" % (len(data), data) if self.chunked else data)

    def close(self) -> None:
        self.send_headers()
        self._put(b"0\r\n\r\n" if self.chunked else b"")

    def _put(self, data: bytes) -> None:
        head, self.head = self.head, b""
        if head or data:
            self.sock.sendall(head + data)


class Worker(ThreadWorker):
    """gunicorn's worker with threads, but for the way in which a request comes to a thread."""

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:  # noqa: ARG003 - gunicorn's signature
        if cfg.is_ssl:
            raise ValueError("Junction's web processes speak plain HTTP. Let a proxy in front of them speak TLS.")

    def run(self) -> None:
        self.clients: set[Client] = set()
        self.waiting: dict[int, Client] = {}  # those that nobody answers at this moment, by descriptor; whoever takes one out has it
        self.ready = select.epoll()
        self.stop = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.ready.register(self.stop, select.EPOLLIN)
        for number in range(self.cfg.threads):
            threading.Thread(target=self._serve, name=f"request-{number}", daemon=True).start()
        self.poller.register(self.method_queue.fileno(), selectors.EVENT_READ, self.method_queue.run_callbacks)
        while self.alive and self.is_parent_alive():
            self.notify()
            is_full = len(self.clients) >= self.worker_connections
            self._show_out(1 if is_full else 0)
            self.set_accept_enabled(not is_full)
            self.wait_for_and_dispatch_events(timeout=0.1 if is_full else 1.0)
        self._leave()

    def _leave(self) -> None:
        """Take nobody in any more, and wait for those who are being answered."""
        self.alive = False
        self.set_accept_enabled(False)
        for listener in self.sockets:
            listener.close()
        now = time.monotonic()
        end, edge = now + self.cfg.graceful_timeout, now + LEAVE_SECONDS
        while self.clients and time.monotonic() < end:
            for client in self.waiting.copy().values():
                client.until = min(client.until, edge)
            self._show_out(0)
            self.notify()
            time.sleep(0.02)
        os.eventfd_write(self.stop, 1)

    def accept(self, listener: Any) -> None:
        try:
            sock, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._show_out(10)
                return
            if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED):
                return
            raise
        client = Client(self.cfg, sock, address, listener.getsockname())
        self.clients.add(client)
        self._give_back(client, self.ready.register)

    def _give_back(self, client: Client, tell: Callable[[int, int], None]) -> None:
        """Let the connection wait until there is something to read; from now on it may be another thread's."""
        client.until = time.monotonic() + self.cfg.keepalive
        number = client.sock.fileno()
        self.waiting[number] = client
        try:
            tell(number, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLONESHOT)
        except OSError:  # shown out in this very moment
            if self.waiting.get(number) is client:
                del self.waiting[number]

    def _show_out(self, more: int) -> None:
        """Close what has waited too long, and so many more, those first that have waited longest."""
        now = time.monotonic()
        for number, client in sorted(self.waiting.copy().items(), key=lambda item: item[1].until):
            if client.until > now:
                if more <= 0:
                    return
                more -= 1
            elif self.alive and client.sock.is_readable:
                continue  # it has asked; every thread is busy
            if self.waiting.pop(number, None) is client:
                self._close(client)

    def _close(self, client: Client) -> None:
        self.clients.discard(client)
        # With bytes unread a plain close is a reset, by which the client may lose the answer.
        (util.close_graceful if client.sock.is_readable else util.close)(client.sock)

    def _serve(self) -> None:
        """A thread's life."""
        while True:
            for number, _ in self.ready.poll(maxevents=1):
                if number == self.stop:
                    return
                if client := self.waiting.pop(number, None):
                    self._answer(client)

    def _answer(self, client: Client) -> None:
        """Answer what a client asks, until nothing more of it has come."""
        try:
            goes_on = True
            while goes_on:
                client.sock.settimeout(HEAD_SECONDS)
                goes_on = self.handle(client)
                if not client.parser.unreader.buf.getbuffer().nbytes:  # what came together with this request
                    break
        except Exception:  # whatever it was: the thread that it ends would be missing for all others
            self.log.exception("A connection ended by a fault of the web server.")
            goes_on = False
        if goes_on:
            self._give_back(client, self.ready.modify)
        else:
            self._close(client)

    def handle_request(self, req: Any, conn: Client) -> bool:
        """Call the application and send what it answers; whether the connection can be used again."""
        conn.sock.settimeout(None)
        response, environ = wsgi.create(req, conn.sock, conn.client, conn.server, self.cfg, response_class=Answer)
        environ["wsgi.multithread"] = True
        if not self.alive:
            response.force_close()
        try:
            pieces = self.wsgi(environ, response.start_response)
            try:
                for piece in pieces:
                    response.write(piece)
                response.close()
            finally:
                if hasattr(pieces, "close"):
                    pieces.close()
        except Exception as error:  # whatever the application raised; gunicorn answers and logs it while nothing has been sent
            if not response.headers_sent:
                raise
            _break_off(conn.sock, framed=response.chunked or response.response_length is not None)
            if not isinstance(error, OSError):
                self.log.exception("An answer broke off.")
            raise StopIteration from None
        return not response.should_close()


def _break_off(line: Line, *, framed: bool) -> None:
    """End a half answer so that nobody takes it for a whole one: without the mark of its end, or, where there is none, by a reset."""
    if not framed:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()
