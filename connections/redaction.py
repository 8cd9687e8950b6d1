"""Take secrets out of texts before anybody sees or stores them: messages, logged answers, stored errors."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "•••"
# Shorter ones stand in innocent words, and hiding those would make a message unreadable without hiding anything.
SHORTEST = 4


def redact(text: str, secrets: Iterable[str]) -> str:
    """`text` with every secret of SHORTEST or more characters replaced by MASK.

    Found are the secret itself, its URL-encoded, JSON- and HTML-escaped and Base64 forms, and Base64 of a longer text that
    contains it, as `user:password` in an Authorization header.
    """
    pattern = finder(secrets) if text else None
    return pattern.sub(MASK, text) if pattern else text


def finder(secrets: Iterable[str]) -> re.Pattern[str] | None:
    """What finds the secrets in a text, for whoever looks for the same ones again and again; None where there are none to find."""
    found = sorted({secret for secret in secrets if len(secret) >= SHORTEST}, key=len, reverse=True)
    forms = [form for secret in found for form in _forms(secret)]
    return re.compile("|".join(forms)) if forms else None


def _forms(secret: str) -> list[str]:
    """Regular expressions for the ways in which a secret can be written, the longest first."""
    plain = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], html.escape(secret)}
    encoded = {quote(secret, safe=""), quote(secret), quote_plus(secret)} - plain
    return [
        *sorted({core for offset in range(3) for core in _base64_cores(secret, offset)}, key=len, reverse=True),
        *(f"(?i:{re.escape(form)})" for form in sorted(encoded, key=len, reverse=True)),
        *(re.escape(form) for form in sorted(plain, key=len, reverse=True)),
    ]


def _base64_cores(secret: str, offset: int) -> list[str]:
    """What Base64 makes of a secret that starts `offset` bytes after a group of three, in both alphabets.

    The characters at both ends also depend on the neighbours; they stand as a wildcard.
    """
    raw = b"\0" * offset + secret.encode()
    whole = base64.b64encode(raw).decode()
    # Six bits per character: where a byte of a neighbour shares a character with one of ours, that character is unknown.
    core = whole[(0, 2, 3)[offset] : len(raw) * 8 // 6]
    before = "[A-Za-z0-9+/_-]" if offset else ""
    after = "[A-Za-z0-9+/_-]={0,2}" if len(raw) % 3 else ""
    return [before + re.escape(text) + after for text in {core, core.translate(str.maketrans("+/", "-_"))}]
