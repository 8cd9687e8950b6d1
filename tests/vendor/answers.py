"""Single answers that are wrong, slow or odd. Query parameters configure them; `times=N` misbehaves N times, then answers
OK (`{"ok": true}`); without it the fault is there always. How often is counted by target, or by `key` where one is given.

/faults/html            status=200             an HTML page
/faults/status          code=500 times retry_after (seconds, any text) retry_after_date (seconds from now, as HTTP-date)
/faults/drip            bytes=100 chunk=1 interval_ms=10       JSON that arrives slowly
/faults/silence         seconds=60 times       no answer at all for that long, then OK
/faults/hangup          times reset            the connection closed before any answer (reset=1: by RST)
/faults/truncated       declared=1000 sent=500 times; chunked=1: ends without the last chunk
/faults/invalid-json    kind=cut|html|words|nan|bom|twice
/faults/huge            bytes=N length=1       a JSON string streamed in chunks, or with a Content-Length
/faults/redirect        to=URL status=302 times        wherever a test sends it
/faults/redirect-loop                          to itself
/faults/redirect-chain  hops=3                 ends with OK after that many hops
/faults/content-type    type=text/plain        JSON under another name; type= sends none
/faults/empty           status=204             no body
/faults/gzip            kind=good|broken|bomb bytes=N   Content-Encoding: gzip
/faults/latin1                                 ISO-8859-1, as its Content-Type says; unsaid=1 does not say so
/faults/error           code status message    a JSON error with HTTP 200, as some vendors do
/faults/token           (POST, GET) shape=…    token endpoints that differ; see `token`
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
from collections.abc import Callable, Iterator
from email.utils import formatdate
from time import time
from typing import Protocol
from urllib.parse import quote

from demo.vendor.server import Hangup
from demo.vendor.web import Request, Response, Route
from tests.vendor.parameters import flag, integer

_BLOCK = 64 * 1024  # bytes of one write of a huge answer
JSON_TYPE = ("Content-Type", "application/json")


class Host(Protocol):
    """What faults need of the server that they are part of."""

    def count(self, key: str) -> int: ...
    @property
    def stopping(self) -> Waiter: ...
    @property
    def url(self) -> str: ...


class Waiter(Protocol):
    """An event that is set when the server stops; waiting for it is a sleep that ends then."""

    def wait(self, timeout: float | None = None) -> bool: ...


def ok() -> Response:
    return Response.json({"ok": True})


def routes(host: Host) -> list[Route]:
    """The routes of this module. A fault that is over (see `times`) answers OK."""

    def sometimes(fault: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            times = request.get("times")
            over = times and host.count(request.get("key") or f"{request.method} {request.target}") > int(times)
            return ok() if over else fault(request)

        return answer

    def silence(request: Request) -> Response:
        if host.stopping.wait(float(request.get("seconds", "60"))):
            raise Hangup
        return ok()

    faults: dict[str, Callable[[Request], Response]] = {
        "html": html,
        "status": status,
        "drip": lambda request: drip(request, host.stopping),
        "silence": silence,
        "hangup": hangup,
        "truncated": truncated,
        "invalid-json": invalid_json,
        "huge": huge,
        "redirect": redirect,
        "redirect-loop": redirect_loop,
        "redirect-chain": redirect_chain,
        "content-type": content_type,
        "empty": empty,
        "gzip": gzipped,
        "latin1": latin1,
        "error": error,
        "token": token,
    }
    return [
        Route(method, f"/faults/{name}", sometimes(fault))
        for name, fault in faults.items()
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    ]


def html(request: Request) -> Response:
    return Response.html("<!doctype html><title>Sign in</title><p>Please sign in.</p>", status=integer(request, "status", 200))


def status(request: Request) -> Response:
    code = integer(request, "code", 500)
    headers = []
    if request.get("retry_after"):
        headers.append(("Retry-After", request.get("retry_after")))
    if request.get("retry_after_date"):
        headers.append(("Retry-After", formatdate(time() + float(request.get("retry_after_date")), usegmt=True)))
    if code == 401:
        headers.append(("WWW-Authenticate", 'Bearer realm="faults", error="invalid_token"'))
    return Response.json({"error": {"code": f"status_{code}", "message": f"This endpoint answers {code}."}}, status=code, headers=headers)


def drip(request: Request, stopping: Waiter) -> Response:
    return Response(200, [JSON_TYPE], _drops(request, stopping))


def _drops(request: Request, stopping: Waiter) -> Iterator[bytes]:
    size, chunk = integer(request, "bytes", 100), integer(request, "chunk", 1)
    text = json.dumps({"drip": "." * max(0, size - 12)}).encode()
    for start in range(0, len(text), chunk):
        yield text[start : start + chunk]
        if stopping.wait(integer(request, "interval_ms", 10) / 1000):
            raise Hangup


def hangup(request: Request) -> Response:
    if flag(request, "reset"):
        connection: socket.socket = request.environ["vendor.socket"]
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    raise Hangup


def truncated(request: Request) -> Response:
    declared, sent = integer(request, "declared", 1000), integer(request, "sent", 500)
    text = b'{"text":"' + b"x" * declared

    def chunks() -> Iterator[bytes]:
        yield text[:sent]
        raise Hangup

    if flag(request, "chunked"):
        return Response(200, [JSON_TYPE], chunks())
    return Response(200, [JSON_TYPE, ("Content-Length", str(declared))], iter([text[:sent]]))


def invalid_json(request: Request) -> Response:
    """`nan` and `twice` (a key that stands twice) and `bom` are what lenient parsers take; the others nobody does."""
    texts = {
        "cut": b'{"items":[{"id":1},{"id":',
        "html": b"<html><body>Maintenance</body></html>",
        "words": b"Internal error",
        "nan": b'{"items":[{"id":NaN}]}',
        "bom": b'\xef\xbb\xbf{"items":[{"id":1}]}',
        "twice": b'{"items":[],"items":[{"id":1}]}',
    }
    return Response(200, [JSON_TYPE], texts[request.get("kind", "cut")])


def huge(request: Request) -> Response:
    size = integer(request, "bytes", 10**9)
    headers = [JSON_TYPE, *([("Content-Length", str(size))] if flag(request, "length") else [])]

    def blocks() -> Iterator[bytes]:
        yield b'"'
        left = size - 2
        while left > 0:
            yield b"x" * min(left, _BLOCK)
            left -= _BLOCK
        yield b'"'

    return Response(200, headers, blocks())


def redirect(request: Request) -> Response:
    return Response(integer(request, "status", 302), [("Location", request.get("to", "/faults/redirect-chain?hops=0"))])


def redirect_loop(request: Request) -> Response:
    return Response(302, [("Location", request.target)])


def redirect_chain(request: Request) -> Response:
    hops = integer(request, "hops", 3)
    return Response(302, [("Location", f"{request.origin}{request.path}?hops={hops - 1}")]) if hops else ok()


def content_type(request: Request) -> Response:
    name = request.get("type", "text/plain")
    return Response(200, [("Content-Type", name)] if name else [], b'{"items":[{"id":1}]}')


def empty(request: Request) -> Response:
    return Response(integer(request, "status", 204))


def gzipped(request: Request) -> Response:
    kind = request.get("kind", "good")
    plain = b'{"items":[{"id":1}]}' if kind != "bomb" else b'"' + b"x" * (integer(request, "bytes", 50_000_000) - 2) + b'"'
    body = gzip.compress(plain, mtime=0)
    return Response(200, [JSON_TYPE, ("Content-Encoding", "gzip")], body[:-6] if kind == "broken" else body)


def latin1(request: Request) -> Response:
    charset = "" if flag(request, "unsaid") else "; charset=ISO-8859-1"
    return Response(200, [("Content-Type", f"application/json{charset}")], '{"items":[{"id":1,"name":"Größe"}]}'.encode("latin-1"))


def error(request: Request) -> Response:
    return Response.json(
        {"error": {"code": request.get("code", "denied"), "message": request.get("message", "Denied.")}},
        status=integer(request, "status", 200),
    )


def token(request: Request) -> Response:
    """Token answers in other shapes, each with the sample vendor's fixed token: `nested` in `data.token`, `text-expiry` with
    seconds as text, `no-expiry`, `no-type`, `form` (form-encoded, as text/plain), `created` with status 201, `missing` without any token."""
    value = "sample-token"
    shapes = {
        "nested": {"data": {"token": value, "expires": 600}},
        "text-expiry": {"access_token": value, "token_type": "Bearer", "expires_in": "600"},
        "no-expiry": {"access_token": value, "token_type": "Bearer"},
        "no-type": {"access_token": value, "expires_in": 600},
        "created": {"access_token": value, "token_type": "Bearer", "expires_in": 600},
        "missing": {"ok": False},
    }
    shape = request.get("shape", "nested")
    if shape == "form":
        return Response(200, [("Content-Type", "text/plain")], f"access_token={quote(value)}&expires=600".encode())
    return Response.json(shapes[shape], status=201 if shape == "created" else 200)
