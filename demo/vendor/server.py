"""A WSGI server from the standard library: HTTP/1.1 with kept connections, one thread each. Enough for a sample and for tests."""

from __future__ import annotations

import io
import sys
import traceback
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication, WSGIEnvironment


class Hangup(Exception):
    """Raised by an application, or by the body that it returned, to close the connection there and then."""


class Server(ThreadingHTTPServer):
    """Serves one application. Port 0 takes a free port; `server_port` says which."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, application: WSGIApplication, *, host: str = "127.0.0.1", port: int = 0, handler: type[Handler] | None = None
    ) -> None:
        self.application = application
        super().__init__((host, port), handler or Handler)

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is no error of the server."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Translates between a connection and WSGI."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # header and body leave together
    disable_nagle_algorithm = True
    server: Server

    def handle_request(self) -> None:
        """Run the application for the request whose header has been read."""
        self._sent = False
        try:
            body = self.read_body()
        except ValueError:
            self.send_error(400)
            return
        try:
            result = self.server.application(self.environ(body), self.start_response)
            try:
                self._send(result)
            finally:
                if hasattr(result, "close"):
                    result.close()
        except Hangup:
            self.close_connection = True
        except ConnectionError:
            raise
        except Exception:  # noqa: BLE001  a fault of the application must not end the server; it is printed
            traceback.print_exc()
            self.close_connection = True
            if not self._sent:
                self.send_error(500)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_request  # noqa: N815  the base class looks for these names

    def read_body(self) -> bytes:
        """The whole body, of a given length or in chunks. Raises ValueError for a length that is no number."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return b"".join(self._chunks())
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunks(self) -> Iterable[bytes]:
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def environ(self, body: bytes) -> WSGIEnvironment:
        path, _, query = self.path.partition("?")
        environ: WSGIEnvironment = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "RAW_URI": self.path,
            "SERVER_NAME": str(self.server.server_address[0]),
            "SERVER_PORT": str(self.server.server_port),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in self.headers.items():
            key = name.upper().replace("-", "_")
            key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
            environ[key] = f"{environ[key]},{value}" if key in environ else value
        return environ

    def start_response(self, status: str, headers: list[tuple[str, str]], _exc_info: object = None) -> Any:
        """Keep status and header until the body begins."""
        code, _, phrase = status.partition(" ")
        self._head = (int(code), phrase, headers)
        return None

    def _send(self, result: Iterable[bytes]) -> None:
        code, phrase, headers = self._head
        names = {name.lower(): value for name, value in headers}
        bodiless = self.command == "HEAD" or code in (204, 304)
        chunked = not bodiless and "content-length" not in names and self.request_version != "HTTP/1.0"
        self.send_response(code, phrase)
        for name, value in headers:
            self.send_header(name, value)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self._sent = True
        self.end_headers()
        sent = 0
        for part in result:
            if part and not bodiless:
                sent += len(part)
                self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
            self.wfile.flush()
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()
        if not bodiless and not chunked and sent != int(names.get("content-length", -1)):
            self.close_connection = True  # else the client would wait for bytes that do not come

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is the base class's
        """Be quiet: query strings may hold keys."""
