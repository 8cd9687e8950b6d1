"""The web processes as clients meet them: a server of its own over sockets, with few threads and short patience."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.conf import settings

from config import gunicorn

PATIENCE = 0.6  # HEAD_SECONDS and STALL_SECONDS of this server
START = (
    "import config.threads as threads, gunicorn.app.wsgiapp as app, sys\n"
    f"threads.HEAD_SECONDS = threads.STALL_SECONDS = {PATIENCE}\n"
    "app.run()"
)
Connect = Callable[[], socket.socket]


class Server:
    def __init__(self, folder: Path, *, keep_alive: int = 30) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = int(found.getsockname()[1])
        self.errors = folder / "errors"
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START, "--worker-class", gunicorn.worker_class, "--threads", "2", "--keep-alive", str(keep_alive), "--bind",
                 f"127.0.0.1:{self.port}", "--graceful-timeout", "4", "--no-control-socket", "tests.config.serving_app:application"],
                cwd=settings.BASE_DIR, stderr=errors,
            )  # fmt: skip
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise TimeoutError(self.errors.read_text())

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path)
    yield started
    started.process.terminate()
    started.process.wait(20)


def ask(sock: socket.socket, path: str, method: str = "GET", version: str = "1.1", rest: str = "") -> None:
    sock.sendall(f"{method} {path} HTTP/{version}\r\nHost: localhost\r\n{rest}\r\n".encode())


def answer(sock: socket.socket) -> str:
    """The body of the next answer that says its length."""
    seen = b""
    while b"\r\n\r\n" not in seen:
        piece = sock.recv(1)
        assert piece, f"The connection ended after {seen!r}."
        seen += piece
    found = re.search(rb"content-length: (\d+)", seen, re.IGNORECASE)
    assert found, seen
    return sock.recv(int(found[1]), socket.MSG_WAITALL).decode()


def everything(sock: socket.socket) -> bytes:
    seen = b""
    while piece := sock.recv(65536):
        seen += piece
    return seen


def test_connection_serves_one_request_after_the_other_also_those_sent_together(server: Server) -> None:
    with server.connect() as client:
        for path in ("/a", "/b"):
            ask(client, path)
            assert answer(client) == path
        client.sendall(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(20)))
        assert [answer(client) for _ in range(20)] == [f"/{number}" for number in range(20)]


def test_clients_who_say_nothing_hold_no_thread(server: Server) -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(server.connect()) for _ in range(40)]
        with server.connect() as client:
            ask(client, "/heard")
            assert answer(client) == "/heard"
        ask(silent[17], "/late")
        assert answer(silent[17]) == "/late"


def test_head_that_trickles_in_ends_the_connection_and_others_go_on(server: Server) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(server.connect()) for _ in range(6)]
        for client in slow:
            client.sendall(b"GET / HTTP/1.1\r\nX-A: ")
        with server.connect() as client:
            ask(client, "/heard")
            assert answer(client) == "/heard"
        assert [everything(client) for client in slow] == [b""] * 6


def test_body_that_drips_in_ends_the_connection_and_a_slow_one_is_read(server: Server) -> None:
    with server.connect() as first, server.connect() as second, server.connect() as patient:
        for client in (first, second):
            ask(client, "/read", "POST", rest="Content-Length: 1000\r\n")
        ended = []
        for _ in range(10):  # each byte comes before the server's patience of a moment is at its end
            time.sleep(PATIENCE / 2)
            for client in (first, second):
                try:
                    client.sendall(b"x")
                except (BrokenPipeError, ConnectionResetError):
                    ended.append(client)
        assert {first, second} <= set(ended)
        ask(patient, "/read", "POST", rest="Content-Length: 4000\r\n")
        for _ in range(8):
            time.sleep(PATIENCE / 4)
            patient.sendall(b"x" * 500)
        assert answer(patient) == "4000"


def test_who_has_asked_is_not_shown_out_while_every_thread_is_busy(tmp_path: Path) -> None:
    server = Server(tmp_path, keep_alive=1)
    try:
        with ExitStack() as stack:
            busy = [stack.enter_context(server.connect()) for _ in range(6)]
            for client in busy:
                ask(client, "/slow")
            late = stack.enter_context(server.connect())
            ask(late, "/heard")
            assert [answer(client) for client in busy] == ["slow"] * 6
            assert answer(late) == "/heard"
    finally:
        server.process.terminate()
        server.process.wait(20)


def test_reader_who_takes_nothing_loses_the_connection(server: Server) -> None:
    with server.connect() as first, server.connect() as second:
        for client in (first, second):
            ask(client, "/endless")
        with server.connect() as client:
            ask(client, "/heard")
            assert answer(client) == "/heard"
        assert not everything(first).endswith(b"\r\n0\r\n\r\n")
    with server.connect() as client:
        ask(client, "/endless", version="1.0")
        time.sleep(PATIENCE * 2)
        with pytest.raises(ConnectionResetError):
            everything(client)


def test_answer_that_breaks_off_is_never_taken_for_a_whole_one(server: Server) -> None:
    with server.connect() as client:
        ask(client, "/half")
        assert everything(client).partition(b"\r\n\r\n")[2] == b"E\r\nthe first half\r\n"  # and not the last chunk, 0
    with server.connect() as client, pytest.raises(ConnectionResetError):
        ask(client, "/half", version="1.0")
        everything(client)


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_bodies_are_read_whole_in_one_piece_and_in_chunks(server: Server, size: int) -> None:
    with server.connect() as client:
        ask(client, "/read", "POST", rest=f"Content-Length: {size}\r\n")
        client.sendall(b"x" * size)
        assert answer(client) == str(size)
        ask(client, "/read", "POST", rest="Transfer-Encoding: chunked\r\n")
        client.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size))
        assert answer(client) == str(size)
        ask(client, "/read", "POST", rest="Expect: 100-continue\r\nContent-Length: 2\r\n")
        assert client.recv(25, socket.MSG_WAITALL) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"ab")
        assert answer(client) == "2"


def test_body_that_nobody_reads_is_not_taken_for_the_next_request(server: Server) -> None:
    with server.connect() as client:
        ask(client, "/unread", "POST", rest="Content-Length: 40\r\n")
        client.sendall(b"GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n!!!"[:40])
        assert answer(client) == "/unread"
        ask(client, "/next")
        assert answer(client) == "/next"


@pytest.mark.parametrize(
    "request_",
    [b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
     b"GET / HTTP/9\r\n\r\n", b"nonsense\r\n\r\n", b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n"],
)  # fmt: skip
def test_what_could_be_read_in_two_ways_is_refused_and_ends_the_connection(server: Server, request_: bytes) -> None:
    with server.connect() as client:
        client.sendall(request_ + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
        assert re.findall(rb"HTTP/1.1 (\d)", everything(client)) == [b"4"]


def test_end_waits_for_requests_on_their_way_and_leaves_no_process(server: Server) -> None:
    with server.connect() as busy, server.connect() as idle:
        ask(idle, "/a")
        assert answer(idle) == "/a"
        ask(busy, "/slow")
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        assert answer(busy) == "slow"
        assert (everything(busy), everything(idle)) == (b"", b"")
        assert server.process.wait(10) == 0
    with pytest.raises(ConnectionRefusedError):
        server.connect()
    assert "Error" not in server.errors.read_text().replace("ValueError", "")
