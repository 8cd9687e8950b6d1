"""Requests as they go on the wire, and what becomes of them by a redirect."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests

from connections.exchange import (
    Additions,
    Headers,
    Outgoing,
    TransportError,
    may_carry_credentials,
    origin_of,
    shown,
    with_fields,
    with_query,
    without_query,
)
from connections.transport.encodings import ASKED_FOR
from connections.transport.failures import invalid

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_OURS: Final = (("User-Agent", "Junction"), ("Accept", "*/*"), ("Accept-Encoding", ASKED_FOR))
# URLs that need no encoding, no Punycode and no removal of dots: most of all, and looked at faster than they are prepared.
_PLAIN_URL: Final = re.compile(
    r"(https?://[a-z0-9.-]+(?::[0-9]+)?)(?!.*/\.)(/(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%(?:2[0-9A-CF]|3[A-F]|40|5[BD]|[89A-F][0-9A-F]))*)"
)
# What follows a redirect to another origin; everything else may be a secret of this one.
_HARMLESS: Final = frozenset({"accept", "accept-encoding", "accept-language", "content-type", "range", "user-agent"})
# RFC 9110 7.6.1: they belong to the connection, which is ours; two length declarations are a smuggling trick.
_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def fields_of(pairs: Iterable[tuple[str, str]]) -> dict[str, str | bytes]:
    """Header fields as they go out: without those of one hop, of one name joined, with our own where there is none."""
    headers: dict[str, str | bytes] = {}
    known: dict[str, str] = {}
    for name, value in pairs:
        lower = name.lower()
        if lower in _HOP_BY_HOP:
            continue
        # Anything but ASCII goes out as UTF-8, as browsers and curl send it.
        text: str | bytes = value if value.isascii() else value.encode()
        if lower not in known:
            known[lower] = name
            headers[name] = text
        else:
            glue = "; " if lower == "cookie" else ", "
            headers[known[lower]] = _bytes(headers[known[lower]]) + glue.encode() + _bytes(text)
    return headers | {name: value for name, value in _OURS if name.lower() not in known}


def prepared(outgoing: Outgoing) -> Outgoing:
    """The request with its URL as it goes on the wire: percent-encoded, the host in Punycode, without dot segments. Raises TransportError."""
    if _PLAIN_URL.fullmatch(outgoing.url):
        return outgoing
    ready = requests.PreparedRequest()
    try:
        ready.prepare_url(outgoing.url, None)
    except (requests.RequestException, ValueError, UnicodeError):
        raise invalid(shown(outgoing.url)) from None
    return replace(outgoing, url=ready.url or "")


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def dressed(hop: Outgoing, extra: Additions, home: str) -> Outgoing:
    """The request with its credentials where they belong; elsewhere without them and without any header that may be a secret."""
    if not origin_of(hop.url):
        raise invalid(shown(hop.url))
    parts = urlsplit(hop.url)
    url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))
    if not may_carry_credentials(url, home):
        url = without_query(url, {name for name, _ in extra.query})
        return Outgoing(hop.method, url, [pair for pair in hop.headers if pair[0].lower() in _HARMLESS], hop.body)
    replaced = {name.lower() for name, _ in extra.headers}
    headers = [pair for pair in hop.headers if pair[0].lower() not in replaced] + extra.headers
    if extra.cookies:
        headers.append(("Cookie", "; ".join(f"{name}={value}" for name, value in extra.cookies)))
    return with_fields(Outgoing(hop.method, with_query(url, extra.query), headers, hop.body), extra.body)


def redirect_target(status: int, headers: Headers, url: str) -> str:
    location = headers.get("Location") if status in _REDIRECTS else ""
    # Servers write Location in UTF-8; header fields are read as Latin-1.
    location = location.encode("latin-1", "ignore").decode("utf-8", "replace").strip()
    try:
        return urljoin(url, location) if location else ""
    except ValueError:
        return location


def redirected(hop: Outgoing, status: int, target: str, *, same_origin_only: bool) -> Outgoing:
    """The next request of a chain, RFC 9110 15.4: 303 asks with GET, 301 and 302 turn POST into GET, 307 and 308 keep all."""
    if same_origin_only and not may_carry_credentials(target, hop.url):
        raise TransportError(
            f"{shown(hop.url)} redirects to {shown(target)}. Credentials are not sent to another host; enter the final URL instead.",
            kind="redirect_elsewhere",
            sent=True,
            permanent=True,
        )
    headers = [pair for pair in hop.headers if pair[0].lower() != "host"]
    if (status == 303 and hop.method != "HEAD") or (status in (301, 302) and hop.method == "POST"):
        return Outgoing("GET", target, [pair for pair in headers if not pair[0].lower().startswith("content-")])
    return Outgoing(hop.method, target, headers, hop.body)
