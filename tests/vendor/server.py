"""`VendorServer`: the sample vendor on a socket, with faults, a record of every request, and a clock that can be moved.

    with VendorServer() as vendor:
        client.get(f"{vendor.url}/faults/pages?total=257&cap=100&past_end=404")
        assert [request.target for request in vendor.requests] == [...]

What is under /faults and how it is configured stands in `answers` (single answers), `pages` (paginated ones) and `quirks`
(lists as particular vendors page them), what is under /agree in `authorization`. Faults
need no credentials; everything else is the demo's application and checks them. Two more paths are the server's own:
`/echo` answers with the request as it came over the wire, `/requests` (GET, DELETE) shows and clears the record to
another process and is not recorded itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any, Self
from wsgiref.types import StartResponse, WSGIEnvironment

from demo.vendor.endpoints import Vendor
from demo.vendor.oauth import Tokens
from demo.vendor.server import Handler, Server
from demo.vendor.settings import Settings
from demo.vendor.web import Json, Refusal, Request, Response, find
from tests.vendor import answers, pages, quirks
from tests.vendor.authorization import AgreeServer


@dataclasses.dataclass(frozen=True)
class Recorded:
    """A request as it came over the wire: target (path and query, still escaped), header fields in their order, body."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def header(self, name: str) -> str | None:
        """The value of a header field, several joined by a comma, None where there is none."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    def dump(self) -> dict[str, Json]:
        """As JSON; bytes that are no UTF-8 are replaced."""
        return {"method": self.method, "target": self.target, "path": self.path, "query": self.query, "headers": self.headers} | {
            "body": self.body.decode("utf-8", "replace"),
            "size": len(self.body),
        }


class _RecordingHandler(Handler):
    server: _RecordingServer

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.open.add(self.connection)

    def finish(self) -> None:
        with self.server.lock:
            self.server.open.discard(self.connection)
        with contextlib.suppress(ConnectionError):
            super().finish()

    def environ(self, body: bytes) -> WSGIEnvironment:
        recorded = Recorded(self.command, self.path, list(self.headers.items()), body)
        if recorded.path != "/requests":
            with self.server.lock:
                self.server.requests.append(recorded)
        return {**super().environ(body), "vendor.recorded": recorded, "vendor.socket": self.connection}


class _RecordingServer(Server):
    def __init__(self, application: Any, *, port: int) -> None:
        self.lock = threading.Lock()
        self.requests: list[Recorded] = []
        self.open: set[socket.socket] = set()
        super().__init__(application, port=port, handler=_RecordingHandler)


class VendorServer:
    """A context manager that serves on 127.0.0.1 in threads of this process.

    `settings` are the demo vendor's keys, lifetimes and seed; `latency` is waited before every answer, in seconds; port
    0 takes a free port. Two servers at once are two origins.
    """

    def __init__(self, settings: Settings | None = None, *, port: int = 0, latency: float = 0) -> None:
        self.settings = settings or Settings()
        self.latency = latency
        self.stopping = threading.Event()
        self._ahead = 0.0
        self._counts: Counter[str] = Counter()
        self.vendor = Vendor(self.settings, clock=lambda: time.time() + self._ahead)
        self._server = _RecordingServer(self._application, port=port)
        self.agree = AgreeServer(lambda: time.time() + self._ahead)
        self._routes = [*answers.routes(self), *pages.routes(self), *quirks.routes(self), *self.agree.routes()]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving and close every connection, those in the middle of an answer included."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        with self._server.lock:
            for connection in self._server.open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    @property
    def url(self) -> str:
        """The origin, without a slash at the end."""
        return self._server.url

    @property
    def tokens(self) -> Tokens:
        """The issued access tokens; `revoke_all()` makes a client need a new one before the old one expires."""
        return self.vendor.tokens

    @property
    def requests(self) -> list[Recorded]:
        """The requests so far, in the order in which they came; a copy."""
        with self._server.lock:
            return list(self._server.requests)

    def targets(self, prefix: str = "/") -> list[str]:
        """Path and query of the requests so far whose path begins with `prefix`."""
        return [request.target for request in self.requests if request.path.startswith(prefix)]

    def clear(self) -> None:
        """Forget the requests, how often each fault has happened, and what was agreed to."""
        with self._server.lock:
            self._server.requests.clear()
            self._counts.clear()
        self.agree.reset()

    def advance(self, seconds: float) -> None:
        """Move the vendor's clock forward, so that tokens expire without waiting."""
        self._ahead += seconds

    def count(self, key: str) -> int:
        """How often this has been called with this key, this time included: 1, 2, 3, …"""
        with self._server.lock:
            self._counts[key] += 1
            return self._counts[key]

    def _application(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.stopping.wait(self.latency)
        path = environ["PATH_INFO"]
        if path == "/echo":
            response = Response.json(environ["vendor.recorded"].dump())
        elif path == "/requests":
            response = self._record(environ["REQUEST_METHOD"])
        elif path.startswith(("/faults/", "/agree/")):
            response = self._fault(environ)
        else:
            return self.vendor(environ, start_response)
        return response.send(start_response, method=environ["REQUEST_METHOD"])

    def _record(self, method: str) -> Response:
        if method == "DELETE":
            self.clear()
            return Response(204)
        return Response.json([request.dump() for request in self.requests])

    def _fault(self, environ: WSGIEnvironment) -> Response:
        try:
            request = Request.read(environ)
            route, values = find(self._routes, request.method, request.path)
            return route.handler(request, *values)
        except Refusal as refusal:
            return refusal.response()

    def serve(self) -> None:
        """Serve in this thread until the process is interrupted."""
        self._server.serve_forever()
