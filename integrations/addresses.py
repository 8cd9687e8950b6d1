"""Where an API lives: hosts and base URIs.

A base URI is `https://host[:port][/base/path]`. A base URI that is only a path (`/api/v1`) describes a product which
every customer hosts: the connection then brings the origin. All functions raise `ValueError` with one sentence that
says what is wrong and what to enter instead.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_LABEL = re.compile(r"^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$")
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class BaseUri:
    """A base URI in its parts. `host` is "" where the connection brings it; `path` never ends with a slash."""

    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port in (None, _DEFAULT_PORTS.get(self.scheme)) else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.netloc}" if self.host else ""

    def __str__(self) -> str:
        return f"{self.origin}{self.path}" or "/"


def parse_host(text: str) -> tuple[str, int | None]:
    """Split `host[:port]` as a person types it; refuse schemes, paths, credentials and impossible names."""
    value = text.strip()
    if not value:
        raise ValueError("Enter the host name of the API, for example api.example.com.")
    scheme = re.match(r"^([A-Za-z][A-Za-z0-9+.-]*)://", value)
    if scheme:
        rest = value[scheme.end() :].split("/")[0]
        hint = f" Enter {rest} here" if rest else ""
        path = value[scheme.end() :].partition("/")[2]
        tail = f" and put /{path} into the base path." if path else "." if hint else ""
        raise ValueError(f"Leave out {scheme.group(0)}: this field takes the host name only.{hint}{tail}")
    if "/" in value or "?" in value or "#" in value:
        host, _, path = value.partition("/")
        raise ValueError(f"This field takes the host name only. Enter {host or 'the host'} here and put /{path} into the base path.")
    if "@" in value:
        raise ValueError("Leave user name and password out of the host; credentials belong to a connection.")
    try:
        parts = urlsplit(f"//{value}")
        host, port = (parts.hostname or ""), parts.port
    except ValueError:
        raise ValueError(
            f"{value} is not a host name. A port is a number from 1 to 65535 after a colon, for example api.example.com:8443."
        ) from None
    if port == 0 or value.endswith(":"):
        raise ValueError("A port is a number from 1 to 65535 after a colon, for example api.example.com:8443.")
    return _checked_host(host, value), port


def _checked_host(host: str, shown: str) -> str:
    try:
        ipaddress.ip_address(host)
        return host
    except ValueError:
        pass
    try:
        ascii_host = host.encode("idna").decode("ascii").lower() if not host.isascii() else host.lower()
    except UnicodeError:
        ascii_host = ""
    labels = ascii_host.rstrip(".").split(".")
    if not ascii_host or len(ascii_host) > 253 or not all(_LABEL.match(label) for label in labels) or labels[-1].isdigit():
        raise ValueError(f"{shown} is not a host name. Enter one like api.example.com or 203.0.113.7, with :port if it needs one.")
    return ascii_host.rstrip(".")


def parse_base_path(text: str) -> str:
    """Normalise a base path: "" or `/a/b` without a slash at the end."""
    value = text.strip()
    if "://" in value:
        raise ValueError("The base path is the part after the host, for example /v1. Put the host into its own field.")
    if re.search(r"[\s?#\\]", value) or any(ord(c) < 32 for c in value):
        raise ValueError("The base path holds no spaces, no backslash, no ? and no #; it looks like /v1 or /api/v2.")
    if any(part in (".", "..") for part in value.split("/")):
        raise ValueError("The base path holds no . or .. parts; write it out in full.")
    value = "/" + value.strip("/")
    return "" if value == "/" else value


def parse_base_uri(text: str) -> BaseUri:
    """Split a base URI as programs send it: `https://api.example.com:8443/v1`, or `/v1` where connections bring the host."""
    value = text.strip()
    if value.startswith("/") and not value.startswith("//"):
        return BaseUri("https", "", None, parse_base_path(value))
    match = re.match(r"^(https?)://(.*)$", value, re.IGNORECASE)
    if not match:
        other = re.match(r"^([A-Za-z][A-Za-z0-9+.-]*)://", value)
        if other:
            raise ValueError(
                f"{other.group(1)}:// cannot be called. A base URI starts with https://, for example https://api.example.com/v1."
            )
        raise ValueError("A base URI starts with https://, for example https://api.example.com/v1.")
    rest = match.group(2)
    if "?" in rest or "#" in rest:
        raise ValueError(
            "A base URI has no query and no fragment. Leave out everything from the ? or # on; headers and parameters have fields of their own."
        )
    authority, _, path = rest.partition("/")
    host, port = parse_host(authority)
    return BaseUri(match.group(1).lower(), host, port, parse_base_path(path))
