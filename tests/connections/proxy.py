"""A real HTTP proxy for tests: it opens tunnels (CONNECT), perhaps only for a password, and keeps which ones."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Proxy:
    port: int
    asked: list[str] = field(default_factory=list)
    """The targets of the tunnels, as they were written."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def proxying(*, login: str = "", status: int = 200) -> Iterator[Proxy]:
    """A proxy for the time of the block. `login` is the user:password that it wants; with another `status` it refuses everybody."""
    server = socket.create_server(("127.0.0.1", 0))
    proxy = Proxy(server.getsockname()[1])
    thread = threading.Thread(target=_accept, args=(server, proxy, login, status), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


def _accept(server: socket.socket, proxy: Proxy, login: str, status: int) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(client, proxy, login, status), daemon=True).start()


def _serve(client: socket.socket, proxy: Proxy, login: str, status: int) -> None:
    with client, suppress(OSError):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            got = client.recv(1)
            if not got:
                return
            head += got
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        proxy.asked.append(target)
        wanted = f"Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}".encode()
        code = 405 if method != "CONNECT" else 407 if login and wanted not in head.split(b"\r\n") else status
        if code != 200:
            client.sendall(f"HTTP/1.1 {code} No\r\nContent-Length: 0\r\n\r\n".encode())
            return
        host, _, port = target.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), 5) as behind:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pump, args=(behind, client), daemon=True)
            back.start()
            _pump(client, behind)
            back.join(5)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while got := source.recv(65536):
            target.sendall(got)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
