"""Which requests an agent makes: those that a rule of its own file allows, and no other, whoever signed them.

A rule names a host (exactly, or `*.example.com` for everything below) or a network; and, where it says so, ports,
methods and paths. The address that a name leads to is compared at the moment of connecting, and the connection goes to
exactly that address.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote, urlsplit

PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"[A-Za-z0-9._-]+(?::[0-9]+)?|\[[0-9A-Fa-f:.]+\](?::[0-9]+)?")
# By these a request says that another method is meant than the one in its first line, and many frameworks go by them.
OVERRIDES = frozenset({"x-http-method-override", "x-http-method", "x-method-override"})
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Refused(Exception):
    """A request that no rule allows. The sentence says which rule is missing and names no query."""


@dataclass(frozen=True)
class Rule:
    """One entry `[[allow]]`. Empty ports: the scheme's own one; empty methods or paths: all of them."""

    host: str = ""
    network: Network | None = None
    ports: tuple[int, ...] = ()
    methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    def names(self, host: str, port: int, scheme: str) -> bool:
        """Whether host and port are this rule's; of a network the address decides, later."""
        if port not in (self.ports or (PORTS[scheme],)):
            return False
        if self.network is not None:
            return True
        return host == self.host or (self.host.startswith("*.") and host.endswith(self.host[1:]))

    def lets(self, method: str, path: str) -> bool:
        """Whether method and path are among those of the rule. A path that servers read differently fits no pattern."""
        if self.methods and method not in self.methods:
            return False
        return not self.paths or (not _is_ambiguous(path) and any(fnmatchcase(unquote(path), pattern) for pattern in self.paths))

    def covers(self, address: Address) -> bool:
        """Whether the address may be connected to. A cloud machine's metadata is reached only where a network names it."""
        if self.network is not None:
            return address.version == self.network.version and address in self.network
        return not address.is_link_local and not address.is_multicast


@dataclass(frozen=True)
class Target:
    """Where an allowed request goes: the address that was checked, the name for TLS and the Host header."""

    scheme: str
    host: str
    port: int
    family: int
    address: Any

    @property
    def origin(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True)
class Policy:
    rules: tuple[Rule, ...]

    def targets(self, method: str, url: str, headers: Iterable[tuple[str, str]] = ()) -> list[Target]:
        """The addresses to try for a request, in order. Raises `Refused`, and OSError where a name cannot be resolved.

        Headers may name another host or another method, by which the server goes then: they have to be allowed as well.
        """
        scheme, host, port, path = parts_of(url)
        fields = [(name.lower(), value.strip()) for name, value in headers]
        methods = [method, *(value.upper() for name, value in fields if name in OVERRIDES)]
        hosts = [host, *(_host_in(value) for name, value in fields if name == "host")]
        fitting = [self._fitting(name, port, scheme, methods, path) for name in dict.fromkeys(hosts)]
        found = []
        for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            if family not in (socket.AF_INET, socket.AF_INET6):
                continue
            plain = _plain(str(address[0]))
            if all(any(rule.covers(plain) for rule in rules) for rules in fitting):
                found.append(Target(scheme, host, port, family, address))
        if not found:
            raise Refused(f"{host} leads to an address that no [[allow]] of the agent's file covers, so the agent does not connect.")
        return found

    def _fitting(self, host: str, port: int, scheme: str, methods: Sequence[str], path: str) -> list[Rule]:
        """The rules by which a host may be called so, whatever its address is. Raises `Refused`."""
        named = [rule for rule in self.rules if rule.names(host, port, scheme)]
        if not named:
            raise Refused(f"The agent's file allows no requests to {host} on port {port}. Add the host to its [[allow]] if it should.")
        fitting = [rule for rule in named if all(rule.lets(method, path) for method in methods)]
        if not fitting:
            asked = " as ".join(dict.fromkeys(methods))
            raise Refused(f"The agent's file does not allow {asked} {path} on {host}. Add method and path to its [[allow]] if it should.")
        return fitting


def parts_of(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and path of a URL. Raises `Refused` for what is no plain http(s) URL."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise Refused("The URL of the request is not valid.") from None
    scheme = parts.scheme.lower()
    if scheme not in PORTS or not host or "@" in parts.netloc:
        raise Refused("An agent makes plain http and https requests only.")
    return scheme, host, port or PORTS[scheme], parts.path or "/"


def _host_in(field: str) -> str:
    """The host that a Host header names; its port says nothing about where the request goes. Raises `Refused`."""
    if not _HOST.fullmatch(field):
        raise Refused("The Host header of the request is not valid.")
    return parts_of(f"http://{field}/")[1]


def _is_ambiguous(path: str) -> bool:
    """Whether a path holds dots (also before a semicolon, which Java servers cut off), backslashes, encoded slashes, control
    characters or bytes that are no UTF-8: they lead around a pattern on some servers."""
    plain, low = unquote(path), path.lower()
    dots = {".", ".."} & {segment.partition(";")[0] for segment in plain.split("/")}
    return bool(dots) or "\\" in plain or "\ufffd" in plain or not plain.isprintable() or "%2f" in low or "%25" in low


def host_matches(host: str, port: int, scheme: str, entries: Sequence[str]) -> bool:
    """Whether a list such as `["redmine.local:3000", "git.local"]` names host and port; without a port the scheme's own."""
    for entry in entries:
        name, _, number = entry.partition(":") if not entry.startswith("[") else (entry.strip("[]"), "", "")
        if name == host and port == (int(number) if number else PORTS[scheme]):
            return True
    return False


def _plain(text: str) -> Address:
    address = ipaddress.ip_address(text.partition("%")[0])
    return address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped else address
