"""Tunnels through an HTTP proxy (RFC 9110 9.3.6): everything goes by CONNECT, so that the proxy sees no request and no secret."""

from __future__ import annotations

import base64
import socket
import time
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from django.conf import settings

from connections.exchange import TransportError

_LONGEST: Final = 16 * 1024  # bytes of a proxy's answer


@dataclass(frozen=True)
class Tunnel:
    """A proxy. One that `resolves` is told names and has to keep Junction out of private networks itself; only an operator can say so."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)
    is_operators: bool = False
    resolves: bool = False

    def open(self, sock: socket.socket, host: str, port: int, *, shown: str) -> None:
        """Have the proxy connect to a host. Raises TransportError, and OSError where the socket breaks."""
        name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {name} HTTP/1.1", f"Host: {name}", "User-Agent: Junction"]
        if self.authorization:
            lines.append(f"Proxy-Authorization: Basic {self.authorization}")
        until = time.monotonic() + settings.EGRESS_CONNECT_TIMEOUT
        sock.settimeout(settings.EGRESS_CONNECT_TIMEOUT)
        sock.sendall("\r\n".join([*lines, "", ""]).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if time.monotonic() > until:
                raise TimeoutError
            byte = sock.recv(1)  # not one more: what follows belongs to the server behind it
            if not byte or len(head) > _LONGEST:
                raise self.failed("did not answer as a proxy does")
            head += byte
        status = head.split(b" ", 2)[1:2]
        code = int(status[0]) if status and status[0].isdigit() else 0
        if 200 <= code < 300:
            return
        if code == 407:
            raise self.failed(
                "asks for a user name and a password, or does not accept those that were sent (407)", permanent=True, detail="credentials"
            )
        if code == 403:
            raise self.failed(f"does not allow connections to {shown} (403)", permanent=True)
        raise self.failed(f"could not connect to {shown} (it answered {code or 'no HTTP status'})")

    def failed(self, what: str, *, permanent: bool = False, detail: str = "") -> TransportError:
        whose = "of this installation" if self.is_operators else "of the connection"
        return TransportError(
            f"The proxy {whose}, {self.host}:{self.port}, {what}. Check the proxy's address and rules.",
            kind="proxy",
            sent=False,
            permanent=permanent,
            detail=detail,
        )


def tunnel_of(own: str) -> Tunnel | None:
    """The proxy of a connection by its URL, else the operator's, else none. Raises ValueError for a URL that is none."""
    if own:
        return _read(own)
    if settings.EGRESS_PROXY:
        found = _read(settings.EGRESS_PROXY)
        return Tunnel(found.host, found.port, found.authorization, is_operators=True, resolves=settings.EGRESS_PROXY_RESOLVES)
    return None


def _read(url: str) -> Tunnel:
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("A proxy is written as http://proxy.example.com:3128, with user:password@ before the host if it needs them.")
    given = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if parts.username else ""
    return Tunnel(parts.hostname, parts.port or 3128, base64.b64encode(given.encode()).decode() if given else "")
