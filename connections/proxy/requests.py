"""A proxied request, as a caller describes it, becomes one for the vendor: below the base URI, without what must not pass (leaf)."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode, urlsplit

from connections.exchange import Outgoing, Pairs, origin_of, without_query
from integrations.definition import FORM_TYPE, JSON_TYPE
from integrations.definition.parts import is_order
from integrations.refusals import Invalid

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
LONGEST_URL: Final = 16_000  # characters; servers refuse longer ones
_KNOWN: Final = frozenset({"url", "method", "params", "data", "headers"})
_TOKEN: Final = re.compile(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_UNSENDABLE: Final = re.compile(r"[\x00-\x20\x7f\\]")
_ODD_DOTS: Final = re.compile(r"(?i)%c0%a[ef]|%e0%80%a[ef]|%u00(2e|2f|5c)")  # what only careless servers read as a dot or a slash
_SCHEME: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:")
_SAFE: Final = "/:@!$&'()*+,;=~%-._?[]"
# RFC 9110 7.6.1 and what says who calls: the credentials are the connection's, cookies and lengths the transport's.
_HOP_BY_HOP: Final = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer trailers transfer-encoding upgrade".split()
)
_NOT_SENT: Final = _HOP_BY_HOP | frozenset("authorization cookie cookie2 host content-length expect forwarded via".split())
# Besides these: what a browser would take as said by Junction's own address.
_NOT_RETURNED: Final = _HOP_BY_HOP | frozenset(
    "set-cookie set-cookie2 strict-transport-security clear-site-data alt-svc public-key-pins nel report-to reporting-endpoints "
    "service-worker-allowed content-security-policy content-security-policy-report-only x-frame-options refresh date server "
    "junction-failure".split()
)


def build(
    payload: Mapping[str, Any], *, base: str, own_headers: Pairs, own_query: Collection[str] = (), accept_encoding: str = ""
) -> Outgoing:
    """The request for the vendor. `own_headers` and the parameters named `own_query` are the integration's, which a caller cannot
    replace: they may say who calls. Raises `Invalid`.

    Placeholders in what the caller sends stay as they are: only the integration's own texts may read credentials.
    """
    if unknown := sorted(set(payload) - _KNOWN):
        raise Invalid({name: [f"This field is not known. A request has {', '.join(sorted(_KNOWN))}."] for name in unknown})
    method = payload.get("method") or "GET"
    if not isinstance(method, str) or method.strip().upper() not in METHODS:
        raise Invalid({"method": [f"Use one of: {', '.join(METHODS)}."]})
    url = without_query(_with_params(below(base, payload.get("url", "")), payload.get("params")), own_query)
    if len(url) > LONGEST_URL:
        raise Invalid({"url": [f"The URL has {len(url):,} characters; at most {LONGEST_URL:,} are sent."]})
    taken = {_known_as(name) for name, _ in own_headers}
    headers = [pair for pair in _headers(payload.get("headers")) if _known_as(pair[0]) not in taken] + own_headers
    names = {name.lower() for name, _ in headers}
    kind = next((value for name, value in headers if name.lower() == "content-type"), "")
    body, default_kind = _body(payload.get("data"), kind)
    if body is not None and not kind:
        headers.append(("Content-Type", default_kind))
    if "accept-encoding" not in names:
        headers.append(("Accept-Encoding", accept_encoding or "identity"))
    return Outgoing(method.strip().upper(), url, headers, body)


def below(base: str, url: Any) -> str:
    """The URL of a path relative to the base URI, or of an absolute URL that lies below it. Raises `Invalid`."""
    if not isinstance(url, str):
        raise Invalid({"url": ["Enter the path as text, relative to the base URI of the integration."]})
    text = url.strip(" ").partition("#")[0]
    if _UNSENDABLE.search(text):
        raise Invalid({"url": ["The URL holds a blank, a backslash or a control character. Write %20 for a blank, / between the parts."]})
    if _SCHEME.match(text.partition("/")[0].partition("?")[0]) or text.startswith("//"):
        text = _inside(base, text)
    path, mark, query = text.partition("?")
    if _climbs(path):
        raise Invalid({"url": ["The URL holds . or .. as a part of its path. It has to stay below the base URI of the integration."]})
    whole = f"{base.rstrip('/')}/{path.lstrip('/')}" if path.strip("/") else base.rstrip("/") + ("/" if path else "")
    return quote(whole, safe=_SAFE) + mark + quote(query, safe=_SAFE)


def returned(headers: Iterable[tuple[str, str]]) -> Pairs:
    """The vendor's headers that come back to the caller."""
    pairs = list(headers)
    named = {name.strip().lower() for key, value in pairs if key.lower() == "connection" for name in value.split(",")}
    return [
        (name, value)
        for name, value in pairs
        if (lower := name.lower()) not in _NOT_RETURNED
        and lower not in named
        and not lower.startswith("access-control-")
        and not is_order(name)
    ]


def _inside(base: str, url: str) -> str:
    """What follows the base URI in an absolute URL."""
    refusal = Invalid({"url": [f"The URL leads away from {base}. Write the path relative to it, for example /items."]})
    try:
        parts = urlsplit(url)
    except ValueError:
        raise refusal from None
    if "@" in parts.netloc or not origin_of(url) or origin_of(url) != origin_of(base):
        raise refusal
    root = urlsplit(base).path.rstrip("/")
    if parts.path != root and not parts.path.startswith(f"{root}/"):
        raise refusal
    rest = parts.path.removeprefix(root) if root else parts.path
    return rest + (f"?{parts.query}" if parts.query else "")


def _climbs(path: str) -> bool:
    """Whether a part of the path is . or .., however often it is percent-encoded, and with what some servers cut off at a semicolon."""
    for _ in range(8):
        parts = re.split(r"[/\\]", path)
        if _ODD_DOTS.search(path):
            return True
        if any(part.partition(";")[0].strip() in (".", "..") for part in parts) or _CONTROL.search(path):
            return True
        plain = unquote(path, errors="replace")
        if plain == path:
            return False
        path = plain
    return True  # nobody encodes a path so often but to hide something


def _with_params(url: str, params: Any) -> str:
    if params in (None, {}):
        return url
    if not isinstance(params, dict):
        raise Invalid({"params": ["Enter an object of query parameters by name."]})
    pairs: Pairs = []
    for name, value in params.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict | list):
                raise Invalid({f"params.{name}": ["A parameter is a text, a number, true or false, or a list of these."]})
            if one is not None:
                pairs.append((name, json.dumps(one) if isinstance(one, bool) else str(one)))
    return f"{url}{'&' if '?' in url else '?'}{urlencode(pairs)}" if pairs else url


def _headers(given: Any) -> Pairs:
    if given is None:
        return []
    if not isinstance(given, dict):
        raise Invalid({"headers": ["Enter an object of headers by name."]})
    for name, value in given.items():
        if not _TOKEN.match(name):
            raise Invalid({f"headers.{name}": ["This is no header name. It has letters, digits and - only, for example X-Version."]})
        if isinstance(value, dict | list) or _CONTROL.search(str(value)):
            raise Invalid({f"headers.{name}": ["A header value is one line of text."]})
    named = {_known_as(one.strip()) for name, value in given.items() if name.lower() == "connection" for one in str(value).split(",")}
    dropped = _NOT_SENT | named
    return [(name, str(value).strip()) for name, value in given.items() if value is not None and _known_as(name) not in dropped]


def _known_as(name: str) -> str:
    """A header's name as the server's program may read it: CGI, WSGI and what follows them know no difference between - and _."""
    return name.lower().replace("_", "-")


def _body(data: Any, kind: str) -> tuple[bytes | None, str]:
    """The body, and its media type where the caller names none: text as it is, everything else as JSON, or as a form if asked for."""
    if data is None:
        return None, ""
    if isinstance(data, str):
        return data.encode(), "text/plain; charset=utf-8"
    if kind.partition(";")[0].strip().lower() == FORM_TYPE:
        if not isinstance(data, dict) or any(isinstance(value, dict) for value in data.values()):
            raise Invalid({"data": ["A form is an object of texts, numbers and lists of these."]})
        return urlencode({name: value for name, value in data.items() if value is not None}, doseq=True).encode(), FORM_TYPE
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(), JSON_TYPE
