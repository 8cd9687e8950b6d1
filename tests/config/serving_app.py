"""What the web server of the tests serves: `gunicorn tests.config.serving_app:application`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any


def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/half":
        start("200 OK", [])
        return half()
    if path == "/endless":
        start("200 OK", [])
        return (b"x" * 65536 for _ in range(10_000))
    body = {"/read": lambda: b"%d" % len(environ["wsgi.input"].read()), "/slow": slow}.get(path, path.encode)()
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def slow() -> bytes:
    time.sleep(1.5)
    return b"slow"


def half() -> Iterator[bytes]:
    yield b"the first half"
    raise ValueError("The other half is lost.")
