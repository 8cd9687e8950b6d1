"""A man in the middle: what an agent says passes through here, and may be kept, changed, held back or answered otherwise."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.connections.server import Handler, serving


@dataclass
class Passed:
    """One question and the answer that Junction gave to it."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    fields: list[tuple[str, str]]
    answer: bytes


Change = Callable[[Handler, Passed], bool]


@dataclass
class Middle:
    """`change` may answer in Junction's place; it returns whether it has."""

    url: str = ""
    passed: list[Passed] = field(default_factory=list)
    change: Change | None = None


@contextmanager
def in_the_middle(server: str) -> Iterator[Middle]:
    middle = Middle()
    to = urlsplit(server)

    def relay(handler: Handler) -> None:
        question = handler.server.seen[-1]
        connection = http.client.HTTPConnection(to.hostname or "", to.port, timeout=60)
        kept = {name: value for name, value in question.headers.items() if name not in ("host", "connection", "content-length")}
        connection.request(question.method, question.path, question.body, kept)
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        fields = [(name, value) for name, value in response.getheaders() if name.lower().startswith("junction-")]
        one = Passed(question.path, kept, question.body, response.status, fields, answer)
        middle.passed.append(one)
        if middle.change is None or not middle.change(handler, one):
            give(handler, one)

    with serving(relay) as served:
        middle.url = served.url
        yield middle


def give(handler: Handler, one: Passed, *, body: bytes | None = None, status: int | None = None) -> None:
    """Answer with what Junction said, or with something else under its signature."""
    handler.send_response(status or one.status)
    for name, value in one.fields:
        handler.send_header(name, value)
    content = one.answer if body is None else body
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)
