"""One HTTP exchange as plain values: what goes out, what comes back, what went wrong.

A leaf, so that clients, OAuth and pagination can speak about requests and answers without the network;
`connections.transport` is the only one that moves them.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from integrations import json_text
from integrations.definition import BlameName
from integrations.storable import mended

Pairs = list[tuple[str, str]]
DEFAULT_PORTS = {"https": 443, "http": 80}

Kind = Literal[
    "address",  # the address is not public and EGRESS_ALLOW does not name it
    "plain_http",  # http:// to a place that EGRESS_ALLOW does not name
    "invalid",  # the request itself cannot be sent
    "dns",
    "refused",
    "connect_timeout",
    "tls",
    "read_timeout",
    "deadline",
    "closed",
    "malformed",
    "too_large",
    "redirects",
    "redirect_elsewhere",
    "proxy",  # the proxy on the way does not let the request through
    "no_agent",  # nobody works for the connection's agent now
    "agent_refused",  # the agent's own file does not allow it
    "agent_lost",  # the agent, or the way to it, went away in the middle
]
# Who can mend it; every other kind is the vendor's matter.
_BLAMED: dict[str, BlameName] = {
    "address": "us", "plain_http": "us", "invalid": "us", "proxy": "us", "dns": "you", "too_large": "you", "redirects": "you", "redirect_elsewhere": "you",
    "no_agent": "us", "agent_refused": "us", "agent_lost": "us",
}  # fmt: skip

# UTF-32 begins with the mark of UTF-16, so that it goes first.
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
# How JSON writes NUL and halves of surrogate pairs; most of the latter come as whole pairs, and stay.
_UNSTORABLE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


class TransportError(Exception):
    """No usable answer came. The message is one or two sentences for a person and holds no credentials.

    `sent` is True when the server may have received the request, so that only a request which is safe to repeat may
    be repeated. `permanent` is True when the same request will fail the same way until somebody changes something.
    `detail` tells failures of one kind apart, for example `expired` among those of TLS.
    """

    def __init__(self, message: str, *, kind: Kind, sent: bool, permanent: bool, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.sent = sent
        self.permanent = permanent
        self.detail = detail

    @property
    def cause(self) -> str:
        """The kind, with its detail where there is one."""
        return f"{self.kind}_{self.detail}" if self.detail else self.kind

    @property
    def blame(self) -> BlameName:
        """Who can mend it."""
        return _BLAMED.get(self.kind, "vendor")


class Headers:
    """Header fields in the order of the wire; names in any case, several values per name."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = tuple((name, value) for name, value in pairs)

    def get(self, name: str, default: str = "") -> str:
        """The first value of a field."""
        return next(iter(self.get_all(name)), default)

    def get_all(self, name: str) -> list[str]:
        wanted = name.lower()
        return [value for key, value in self._pairs if key.lower() == wanted]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(key.lower() == name.lower() for key, _ in self._pairs)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash(self._pairs)

    def __repr__(self) -> str:
        # Values may be secrets (Set-Cookie); a representation ends up in logs.
        return f"Headers({[name for name, _ in self._pairs]})"


@dataclass(frozen=True)
class Outgoing:
    """A request without credentials. `url` is absolute and holds the query already.

    `credentials_origin` is the one other origin than that of the base URI which may get the credentials, "" for none.
    A `bare` request gets none of them: its own headers say who calls.
    """

    method: str
    url: str
    headers: Pairs = field(default_factory=list, repr=False)
    body: bytes | None = field(default=None, repr=False)
    credentials_origin: str = ""
    bare: bool = False


@dataclass(frozen=True)
class Additions:
    """What an authentication scheme adds to a request; kept apart from it, so that it can be left out for another origin."""

    headers: Pairs = field(default_factory=list, repr=False)
    query: Pairs = field(default_factory=list, repr=False)
    cookies: Pairs = field(default_factory=list, repr=False)
    body: Pairs = field(default_factory=list, repr=False)


@dataclass(frozen=True)
class Answer:
    """An answer that was read to its end, body decoded from gzip, deflate, br or zstd. `url` is the last one of a chain of redirects."""

    status: int
    reason: str
    headers: Headers
    body: bytes = field(repr=False)
    url: str = field(repr=False)
    elapsed_ms: int = 0
    attempts: int = 1
    """How often the request was sent until this answer came."""
    ruled: Literal["", "success", "ignore"] = ""
    """What a rule of the integration made of it, whatever its status says."""
    fallback_charset: str = ""
    """The character set where the answer names none."""

    @property
    def is_without_records(self) -> bool:
        """Whether nothing is to be read from it."""
        return self.ruled == "ignore" or self.status == 204 or (self.status >= 400 and self.ruled != "success")

    @property
    def content_type(self) -> str:
        """The media type in lower case without parameters, "" where none is given."""
        return self.headers.get("Content-Type").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str:
        """The character set: a byte order mark, the declared one, `fallback_charset`, UTF-8; an unknown one is as good as none."""
        for mark, marked in _MARKS:
            if self.body.startswith(mark):
                return marked
        for name in (_declared_charset(self.headers.get("Content-Type")), self.fallback_charset):
            if name and is_charset(name):
                return name
        return "utf-8"

    @property
    def text(self) -> str:
        return self.body.decode(self.charset, "replace")

    def json(self) -> Any:
        """The body as JSON values that can be stored, read once: nobody may change them. Raises ValueError with a sentence
        that says what came instead."""
        if "_document" not in self.__dict__:
            self.__dict__["_document"] = self._read_json()  # frozen is only what was given
        return self.__dict__["_document"]

    def _read_json(self) -> Any:
        try:
            document = json_text.load(self.body)
            return mended(document) if _UNSTORABLE.search(self.body) else document
        except UnicodeDecodeError:
            return self._json_in_charset()
        except (ValueError, RecursionError):
            raise ValueError(self._not_json()) from None

    def _json_in_charset(self) -> Any:
        try:
            return json.loads(self.body.decode(self.charset), parse_constant=str)
        except (ValueError, RecursionError):
            raise ValueError(self._not_json()) from None

    def _not_json(self) -> str:
        if not self.body.strip():
            return "The server answered with an empty body where JSON was expected."
        if self.content_type in ("text/html", "application/xhtml+xml") or self.body.lstrip()[:15].lower().startswith(
            (b"<!doctype", b"<html")
        ):
            return (
                "The server answered with an HTML page where JSON was expected. Check the host, the base path and the path of the request."
            )
        kind = f" ({self.content_type})" if self.content_type else ""
        return f"The body of the answer{kind} is not valid JSON."


@dataclass(frozen=True)
class Exchange:
    """A request as it went over the wire, credentials included, and what came of it: an answer or an error.

    Of a chain of redirects it is the last request. `at` is in seconds since 1970.
    """

    outgoing: Outgoing = field(repr=False)
    at: float
    elapsed_ms: int
    answer: Answer | None = field(default=None, repr=False)
    error: TransportError | None = None


@lru_cache(maxsize=256)
def _declared_charset(content_type: str) -> str | None:
    message = Message()
    message["Content-Type"] = content_type or "text/plain"
    found = message.get_content_charset()
    return str(found) if found else None


def is_charset(name: str) -> bool:
    """Whether text can be read by this character set."""
    try:
        b"a".decode(name)
    except UnicodeError:
        return True
    except (LookupError, ValueError):
        return False
    return True


def with_fields(outgoing: Outgoing, fields: Pairs) -> Outgoing:
    """The request with fields added to its JSON object or form; a request without a body gets a JSON object. Others stay as they are.

    In JSON the name `auth.key` is the key `key` in the object `auth`. What has no body by its method gets none.
    """
    if not fields or (outgoing.method in ("GET", "HEAD") and not outgoing.body):
        return outgoing
    kind = next((value for name, value in outgoing.headers if name.lower() == "content-type"), "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        pairs = [pair for pair in parse_qsl((outgoing.body or b"").decode(), keep_blank_values=True) if pair[0] not in dict(fields)]
        return Outgoing(outgoing.method, outgoing.url, outgoing.headers, urlencode([*pairs, *fields]).encode())
    try:
        document = json.loads(outgoing.body) if outgoing.body else {}
    except ValueError:
        return outgoing
    if not isinstance(document, dict) or (outgoing.body and "json" not in kind):
        return outgoing
    headers = outgoing.headers if kind else [*outgoing.headers, ("Content-Type", "application/json")]
    for name, value in fields:
        *above, last = name.split(".")
        place = document
        for key in above:
            inner = place.get(key)
            place[key] = place = dict(inner) if isinstance(inner, dict) else {}
        place[last] = value
    return Outgoing(outgoing.method, outgoing.url, headers, json.dumps(document).encode())


def shown(url: str) -> str:
    """A URL for messages: without query, fragment, user name and password, where credentials may stand."""
    try:
        parts = urlsplit(url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    except ValueError:
        return "the URL"


def origin_of(url: str) -> str:
    """`scheme://host[:port]` in lower case without a default port (RFC 6454); "" for anything that has none."""
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return ""
    if scheme not in DEFAULT_PORTS or not host:
        return ""
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}" if port in (None, DEFAULT_PORTS[scheme]) else f"{scheme}://{host}:{port}"


def same_origin(first: str, second: str) -> bool:
    """Whether two URLs have the same origin; False if either has none."""
    return origin_of(first) == origin_of(second) != ""


def may_carry_credentials(url: str, origin: str) -> bool:
    """Whether credentials that belong to `origin` may go to `url`: the same origin, or the same host moved from http to https."""
    if same_origin(url, origin):
        return True
    return origin_of(origin) == origin_of(url).replace("https://", "http://", 1) and urlsplit(url).port in (None, 443)


def with_query(url: str, pairs: Iterable[tuple[str, str]]) -> str:
    """The URL with each pair set: a parameter of that name which is already there is replaced, the rest stays as it was written."""
    added = list(pairs)
    if not added:
        return url
    parts = urlsplit(url)
    kept = without_names(parts.query, {name for name, _ in added})
    return urlunsplit(parts._replace(query="&".join(filter(None, [kept, urlencode(added)]))))


def without_query(url: str, names: Iterable[str]) -> str:
    """The URL without the parameters of these names."""
    dropped = set(names)
    if not dropped:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=without_names(parts.query, dropped)))


def without_names(query: str, names: set[str]) -> str:
    """A query string without some parameters; the others keep their exact spelling."""
    pieces = [piece for piece in query.split("&") if piece]
    return "&".join(piece for piece in pieces if not names.intersection(name for name, _ in parse_qsl(piece, keep_blank_values=True)))
