"""Take secrets out of texts before anybody sees or stores them: messages, logged answers, stored errors."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, quote_plus

from junction_agent.encoded import cores

MASK = "•••"
# Shorter ones stand in innocent words, and hiding those would make a message unreadable without hiding anything.
SHORTEST = 4
_ONE_LINE = 200  # characters; what is longer may be lines, of which the first and the last say what it is
_ENDS = re.compile(r"\r?\n|\\r?\\n|\\n")


def redact(text: str, secrets: Iterable[str]) -> str:
    """`text` with every secret of SHORTEST or more characters replaced by MASK.

    Found are the secret itself, its URL-encoded (once or twice), JSON- and HTML-escaped and Base64 forms, and Base64 of a longer text that
    contains it, as `user:password` in an Authorization header.
    """
    found = _longest_first(secrets)
    if not found or not text:
        return text
    # Most texts hold no secret, and looking for a fixed text is a hundred times as fast as the pattern.
    return _search_for(found)[2].sub(MASK, text) if _may_hold(text, found) else text


def beginning(text: str, secrets: Iterable[str], most: int) -> str:
    """At most so many characters of a text that goes on after its end, without secrets. The beginning of one may be all that is
    left of it at that end, so that as much is left out as its longest form takes."""
    found = tuple(secrets)
    clean = redact(text, found)
    return clean[: min(most, max(0, len(clean) - 3 * max(map(len, found), default=0)))]


def may_hold(text: str, secrets: Iterable[str]) -> bool:
    """Whether a text may hold one of these secrets; False is certain."""
    return _may_hold(text, _longest_first(secrets))


def holds(text: str, secrets: Iterable[str]) -> bool:
    """Whether one of these secrets stands in the text, in whatever form."""
    found = _longest_first(secrets)
    return _may_hold(text, found) and _search_for(found)[2].search(text) is not None


def _longest_first(secrets: Iterable[str]) -> tuple[str, ...]:
    """Those that are looked for: of a secret of several lines, such as a key in PEM form, also each line, since the ends of lines
    are written in many ways."""
    found = {secret for secret in secrets if len(secret) >= SHORTEST}
    lines = {line for secret in found if len(secret) > _ONE_LINE for line in _ENDS.split(secret)[1:-1] if len(line) >= SHORTEST}
    return tuple(sorted(found | lines, key=len, reverse=True))


def _may_hold(text: str, secrets: tuple[str, ...]) -> bool:
    if not secrets:
        return False
    exact, folded, _ = _search_for(secrets)
    if any(needle in text for needle in exact):
        return True
    lower = text.lower()
    return any(needle in lower for needle in folded)


@lru_cache(maxsize=128)
def _search_for(secrets: tuple[str, ...]) -> tuple[list[str], list[str], re.Pattern[str]]:
    """Texts of which a text with a secret holds one, as they are and in lower case, and the pattern of what is replaced."""
    exact = [form for secret in secrets for form in (*_plain(secret), *(core for n in range(3) for core in cores(secret, n)[0]))]
    folded = [form.lower() for secret in secrets for form in _encoded(secret)]
    return exact, folded, re.compile("|".join(form for secret in secrets for form in _forms(secret)))


def _plain(secret: str) -> set[str]:
    return {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], html.escape(secret)}


def _encoded(secret: str) -> set[str]:
    once = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    # Twice: the address of a request as a parameter of another one, as in a redirect to a page for signing in.
    return (once | {quote(text, safe="") for text in once}) - _plain(secret)


def _forms(secret: str) -> list[str]:
    """Regular expressions for the ways in which a secret can be written, the longest first."""
    return [
        *sorted({core for offset in range(3) for core in _base64_patterns(secret, offset)}, key=len, reverse=True),
        *(f"(?i:{re.escape(form)})" for form in sorted(_encoded(secret), key=len, reverse=True)),
        *(re.escape(form) for form in sorted(_plain(secret), key=len, reverse=True)),
    ]


def _base64_patterns(secret: str, offset: int) -> list[str]:
    """Patterns for what Base64 makes of a secret that starts `offset` bytes after a group of three, in both alphabets.

    The characters at both ends also depend on the neighbours; they stand as a wildcard.
    """
    known, length = cores(secret, offset)
    before = "[A-Za-z0-9+/_-]" if offset else ""
    after = "[A-Za-z0-9+/_-]={0,2}" if length % 3 else ""
    return [before + re.escape(text) + after for text in known]
