"""What one client sent and got, for people to read: kept in memory until somebody takes it, secrets out.

Taking down an exchange costs a few microseconds; texts are made and cleaned of secrets when they are taken out.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_plus, urlsplit

from connections.exchange import Answer, Exchange, Headers, Outgoing, Pairs
from connections.redaction import MASK, beginning, may_hold, redact
from integrations.definition import FORM_TYPE
from integrations.masking import is_secret
from integrations.storable import mended

KEPT_BYTES: Final = 2 * 1024  # of a body
DEBUG_BYTES: Final = 64 * 1024  # the same while somebody looks for a fault
SPARE: Final = 1024  # bytes beyond what is kept, so that a secret at the edge is still found
MOST: Final = 1000  # exchanges that wait; a client whose journal nobody takes keeps the last ones
# A member of a JSON object, or a field of a form, that is named like a secret, whatever it holds.
_MEMBER: Final = re.compile(r'"([^"\\\n]{1,80})"(\s*:\s*)"([^"\\]*(?:\\.[^"\\]*)*)("?)', re.DOTALL)
_NAME: Final = re.compile(r'"(?=([^"\\\n]{1,80})"\s*:\s*")')  # of a member whose value is a text
_FIELD: Final = re.compile(r"(?<![^&\s])([\w.\[\]%-]{1,80})=([^&\s]+)")
_TEXTUAL: Final = re.compile(
    r"^(text/|application/(.*\+)?(json|xml|x-www-form-urlencoded|x-ndjson|ndjson|jsonl|graphql|javascript)|multipart/|$)"
)
# The same names come again and again.
_is_secret = lru_cache(maxsize=2048)(is_secret)
NOT_KEPT: Final = "Not kept: it holds tokens."


@dataclass(frozen=True)
class Entry:
    """One exchange without secrets. `status` is None where no answer came; then `error` says why and `cause` is its kind.

    Bodies are the beginning, as text; the sizes are those of the whole, in bytes.
    """

    at: datetime
    method: str
    url: str
    elapsed_ms: int
    status: int | None = None
    error: str = ""
    cause: str = ""
    for_token: bool = False
    request_headers: Pairs = field(default_factory=list)
    request_body: str = ""
    request_size: int = 0
    answer_headers: Pairs = field(default_factory=list)
    answer_body: str = ""
    answer_size: int = 0

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc


@dataclass(frozen=True)
class _Noted:
    """An exchange as it waits: the beginnings of the bodies only, so that a long journal holds no long answers."""

    exchange: Exchange
    asked: tuple[str, str, Headers, bytes, int] = field(repr=False)
    answered: tuple[int, Headers, bytes, int] | None = field(repr=False)
    secrets: list[str] = field(repr=False)
    for_token: bool


class Journal:
    """Exchanges that wait to be taken; several threads may add. `keeps_bytes` is how much of a body is kept. One that nobody
    reads (not `is_read`) keeps nothing."""

    def __init__(self) -> None:
        self.keeps_bytes = KEPT_BYTES
        self.is_read = True
        self._waiting: deque[_Noted] = deque(maxlen=MOST)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, exchange: Exchange, secrets: list[str], *, for_token: bool) -> None:
        if self.is_read:
            self._waiting.append(_noted(exchange, secrets, for_token, self.keeps_bytes))

    def last(self) -> Entry | None:
        """The newest exchange; it stays here."""
        calls = [noted for noted in reversed(self._waiting) if not noted.for_token] or list(reversed(self._waiting))
        return _entry(calls[0], self.keeps_bytes) if calls else None

    def take(self) -> list[Entry]:
        """What waits, oldest first; it is forgotten here."""
        found = []
        while self._waiting:
            found.append(_entry(self._waiting.popleft(), self.keeps_bytes))
        return found


def entry_of(
    exchange: Exchange, secrets: list[str], *, for_token: bool = False, keeps: int = KEPT_BYTES, answer_size: int | None = None
) -> Entry:
    """An exchange as it may be kept and shown. `answer_size` is the length of a body of which the answer has the beginning."""
    return _entry(_noted(exchange, secrets, for_token, keeps, answer_size), keeps)


def _noted(exchange: Exchange, secrets: list[str], for_token: bool, keeps: int, answer_size: int | None = None) -> _Noted:
    sent, answer, limit = exchange.outgoing, exchange.answer, keeps + SPARE
    body = sent.body or b""
    asked = (sent.method, sent.url, Headers(sent.headers), body[:limit], len(body))
    size = (len(answer.body) if answer_size is None else answer_size) if answer else 0
    answered = (answer.status, answer.headers, answer.body[:limit], size) if answer else None
    slim = Exchange(Outgoing(sent.method, ""), exchange.at, exchange.elapsed_ms, None, exchange.error)
    return _Noted(slim, asked, answered, secrets, for_token)


def _entry(noted: _Noted, keeps: int) -> Entry:
    method, url, asked, sent, sent_size = noted.asked
    status, headers, got, got_size = noted.answered or (None, Headers(), b"", 0)
    error, hidden = noted.exchange.error, noted.secrets
    # One look at all of the text; most of it holds no secret but in headers that are masked by their names.
    shown: tuple[str, ...] = ()
    if hidden and may_hold("\n".join([url, *(value for name, value in (*asked, *headers) if not _is_secret(name))]), hidden):
        shown = tuple(hidden)
    return Entry(
        at=datetime.fromtimestamp(noted.exchange.at, UTC),
        method=method,
        url=mended(_url(url, shown)),
        elapsed_ms=noted.exchange.elapsed_ms,
        status=status,
        error=mended(redact(error.message, hidden)) if error else "",
        cause=error.cause if error else "",
        for_token=noted.for_token,
        request_headers=list(_headers(tuple(asked), shown)),
        request_body=NOT_KEPT if noted.for_token and sent else _body(sent, sent_size, asked, hidden, keeps),
        request_size=sent_size,
        answer_headers=list(_headers(tuple(headers), shown)),
        answer_body=NOT_KEPT if noted.for_token and got else _body(got, got_size, headers, hidden, keeps),
        answer_size=got_size,
    )


@lru_cache(maxsize=64)
def _headers(headers: tuple[tuple[str, str], ...], secrets: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Fields without secrets; those of one run's requests are the same each time."""
    return tuple((name, mended(_header(name, value, secrets))) for name, value in headers)


def _header(name: str, value: str, secrets: Sequence[str]) -> str:
    """The value of a header; one that is named like a secret is masked but for its scheme."""
    if not _is_secret(name):
        return redact(value, secrets)
    scheme, blank, _ = value.partition(" ")
    return f"{scheme} {MASK}" if blank and re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{1,20}", scheme) else MASK


def public_url(url: str) -> str:
    """A URL as people may see it and as it may be kept: without user name, password and fragment, values of secret parameters masked."""
    scheme, mark, rest = url.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    # A password with a slash in it, which should have been encoded, seems to end the host.
    torn = "@" not in authority and not re.fullmatch(r"(\[[\w:.%]*\]|[^:]*)(:\d*)?", authority)
    return _url(f"{scheme}{mark}{rest[(rest if torn else authority).rfind('@') + 1 :]}" if mark else url, ())


def _url(url: str, secrets: Sequence[str]) -> str:
    """Without a fragment, and without the values of parameters that are named like secrets."""
    address, mark, query = (redact(url, secrets) if secrets else url).partition("#")[0].partition("?")
    if not mark:
        return address
    pieces = [
        f"{name}={MASK}" if equals and _is_secret(unquote_plus(name)) else piece
        for piece in query.split("&")
        for name, equals, _ in [piece.partition("=")]
    ]
    return f"{address}?{'&'.join(pieces)}"


def _body(content: bytes, size: int, headers: Headers, secrets: list[str], keeps: int) -> str:
    """The beginning of a body as text. What is no text is not kept."""
    if not content:
        return ""
    kind = headers.get("Content-Type").partition(";")[0].strip().lower()
    if not _TEXTUAL.match(kind):
        return f"Not kept: {kind}, {size:,} bytes."
    answer = Answer(200, "", headers, content, "")
    text = beginning(answer.text, secrets, keeps) if size > len(content) else redact(answer.text, secrets)
    if kind == FORM_TYPE:
        text = _FIELD.sub(_masked_field, text)
    elif any(map(_is_secret, set(_NAME.findall(text)))):  # most bodies have no such name, and finding that out is cheaper
        text = _MEMBER.sub(_masked_member, text)
    return mended(text[:keeps])


def _masked_member(found: re.Match[str]) -> str:
    name, glue, value, end = found.groups()
    return f'"{name}"{glue}"{MASK}{end}' if value and _is_secret(name) else found[0]


def _masked_field(found: re.Match[str]) -> str:
    return f"{found[1]}={MASK}" if _is_secret(unquote_plus(found[1])) else found[0]
