"""Credentials that stay with the agent: put on a request here, and taken out of everything that goes back."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit, urlunsplit

from junction_agent.encoded import cores

Pairs = list[tuple[str, str]]
SHORTEST = 4  # letters of a part of a Base64 text that is taken for a secret; fewer stand in innocent words


def _lower_hex(text: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), text)


@dataclass(frozen=True)
class Credential:
    """One entry `[credentials.<name>]`: a header or a parameter with a value, or a user name with a password.

    It goes to `hosts` only, whatever Junction asks for.
    """

    name: str
    hosts: tuple[str, ...]
    header: str = ""
    query: str = ""
    prefix: str = ""
    username: str = ""
    value: str = field(default="", repr=False)

    def put_on(self, url: str, headers: Pairs) -> tuple[str, Pairs]:
        """URL and headers with the credential; what was there of that name is replaced."""
        if self.query:
            parts = urlsplit(url)
            pairs = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != self.query]
            return urlunsplit(parts._replace(query=urlencode([*pairs, (self.query, self.value)]))), headers
        name = self.header or "Authorization"
        if self.username:
            value = "Basic " + base64.b64encode(f"{self.username}:{self.value}".encode()).decode()
        else:
            value = f"{self.prefix} {self.value}".strip()
        return url, [pair for pair in headers if pair[0].lower() != name.lower()] + [(name, value)]

    @property
    def secrets(self) -> list[str]:
        """Every way in which the secret may come back."""
        basic = [base64.b64encode(f"{self.username}:{self.value}".encode()).decode()] if self.username else []
        plain = [self.value, json.dumps(self.value)[1:-1], json.dumps(self.value, ensure_ascii=False)[1:-1], html.escape(self.value)]
        once = [quote(self.value, safe=""), quote(self.value), quote_plus(self.value)]
        coded = [*once, *(quote(text, safe="") for text in once)]  # an address may be a parameter of another one
        # Inside the Base64 of a longer text, as in a token that a server makes of what it was sent.
        inside = [core for offset in range(3) for core in cores(self.value, offset)[0] if len(core) >= SHORTEST]
        return sorted({*plain, *coded, *(_lower_hex(text) for text in coded), *basic, *inside}, key=len, reverse=True)


class Mask:
    """Takes secrets out of a stream of bytes; each is replaced by as many asterisks, so that lengths stay true.

    What could be the beginning of a secret is held back until the next piece or the end.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        found = [secret.encode() for secret in secrets if secret]
        self._pattern = re.compile(b"|".join(re.escape(secret) for secret in found)) if found else None
        self._keep = max((len(secret) for secret in found), default=1) - 1
        self._rest = b""

    @property
    def hides(self) -> bool:
        """Whether there is anything to hide."""
        return self._pattern is not None

    def piece(self, data: bytes, *, last: bool = False) -> bytes:
        """What may go on of the bytes until now."""
        if self._pattern is None:
            return data
        whole = self._pattern.sub(lambda match: b"*" * len(match[0]), self._rest + data)
        cut = len(whole) if last else max(0, len(whole) - self._keep)
        self._rest = whole[cut:]
        return whole[:cut]

    def text(self, text: str) -> str:
        """A whole text without secrets."""
        return text if self._pattern is None else self._pattern.sub(b"***", text.encode()).decode()
