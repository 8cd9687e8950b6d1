"""An authorization server and the API behind it, as strict as the strictest: refresh tokens are used once, and a second use kills the grant."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from tests.connections.server import Handler, serving


@dataclass
class Grant:
    refresh: str
    access: dict[str, float] = field(default_factory=dict)
    generation: int = 0
    dead: bool = False


@dataclass
class Issuer:
    """`lifetime` and `delay` (from, to) are seconds; a token takes effect when its answer is on its way."""

    lifetime: float = 2.0
    delay: tuple[float, float] = (0.0, 0.0)
    url: str = ""
    broken: bool = False
    grants: dict[str, Grant] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    reused: int = 0
    rejected: int = 0
    forbids: bool = False
    """Whether the API answers 401 whatever the token."""
    revoked: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def new_grant(self, name: str) -> str:
        """A refresh token to begin with."""
        self.grants[name] = Grant(f"{name}:0:{random.randbytes(6).hex()}")
        return self.grants[name].refresh

    def answer(self, handler: Handler) -> None:
        if handler.path.startswith("/token"):
            self._token(handler)
            return
        if handler.path.startswith("/revoke"):
            self.revoked += parse_qs(_body_of(handler)).get("token", [])
            handler.reply(200, b"")
            return
        token = handler.headers.get("Authorization", "").removeprefix("Bearer ")
        grant = self.grants.get(token.split(":")[0])
        if grant and not self.forbids and not grant.dead and grant.access.get(token, 0) > time.monotonic():
            handler.reply(200, b'{"ok": true}', Content_Type="application/json")
        else:
            self.rejected += 1
            handler.reply(401, b'{"error": "expired"}', Content_Type="application/json")

    def _token(self, handler: Handler) -> None:
        sent = parse_qs(_body_of(handler))
        used = sent.get("refresh_token", [""])[0]
        grant = self.grants.get(used.split(":")[0])
        with self.lock:
            self.requests[used] += 1
            if self.broken:
                handler.reply(503, b"busy")
                return
            if grant is None or grant.dead or grant.refresh != used:
                if grant is not None and not grant.dead:
                    self.reused += 1
                    grant.dead = True
                content = json.dumps({"error": "invalid_grant", "error_description": "Refresh token reuse"}).encode()
                handler.reply(400, content, Content_Type="application/json")
                return
            grant.generation += 1
            name = used.split(":")[0]
            grant.refresh = f"{name}:{grant.generation}:{random.randbytes(6).hex()}"
            access = f"{name}:a{grant.generation}:{random.randbytes(6).hex()}"
            refresh = grant.refresh
        time.sleep(random.uniform(*self.delay))
        with self.lock:
            grant.access[access] = time.monotonic() + self.lifetime + 1
        content = json.dumps(
            {"access_token": access, "refresh_token": refresh, "expires_in": self.lifetime, "token_type": "bearer"}
        ).encode()
        handler.reply(200, content, Content_Type="application/json")


def _body_of(handler: Handler) -> str:
    """The body of the request that this thread answers; the server has read it already."""
    port = handler.client_address
    return next(seen.body.decode() for seen in reversed(handler.server.seen) if seen.peer == port)


@contextmanager
def issuing(**fields: object) -> Iterator[Issuer]:
    """The server for the time of the block."""
    issuer = Issuer(**fields)  # type: ignore[arg-type]
    with serving(issuer.answer) as served:
        issuer.url = served.url
        yield issuer
