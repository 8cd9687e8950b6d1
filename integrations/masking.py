"""Secrets out of values that people will read: whatever is named like one is replaced by the mask."""

from __future__ import annotations

import re
from typing import Any

MASK = "••••••"
# Names of values that are secrets, whatever the case and the separators between words.
_SECRET = re.compile(
    r"(?:secret|password|passwd|passphrase|authorization|cookie|privatekey|apikey|accesskey|signature|token|credential|key)$", re.ASCII
)
# Fields of a definition that end like a secret and only name where one goes.
_HARMLESS = frozenset(
    "resultskey nextpagekey tokenkey refreshtokenkey tokenexpirationkey expirationkey scopekey errorkey key idempotencykey".split()
)


def is_secret(name: str) -> bool:
    """Whether a value of this name is a secret: `X-API-Key`, `clientSecret`; not `resultsKey`, which is a path."""
    plain = re.sub(r"[^a-z]", "", name.lower())
    return plain not in _HARMLESS and _SECRET.search(plain) is not None


def _hidden(value: Any) -> Any:
    """A value that is named like a secret. What is empty stays, and so do flags and the names inside an object."""
    match value:
        case dict():
            return masked(value)
        case list() | tuple():
            return [_hidden(inner) for inner in value]
        case None | bool() | "":
            return value
    return MASK


def masked(value: Any) -> Any:
    """A JSON value with its secrets masked, at every depth."""
    match value:
        case dict():
            return {name: _hidden(inner) if is_secret(str(name)) else masked(inner) for name, inner in value.items()}
        case list() | tuple():
            return [masked(inner) for inner in value]
    return value
