"""What databases and encodings can hold of JSON values: no NUL, no halves of surrogate pairs, no infinity, no endless nesting.

PostgreSQL refuses NUL in text and in JSON, UTF-8 has no lone surrogates, and everything that walks a value needs an end.
JSON can write all four, so whatever brings JSON in (the API, a text field of a form) asks here first.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

DEEPEST: Final = 100  # levels of lists and objects; real bodies and schemas have a tenth of that


def flaw(value: Any) -> str:
    """Why a JSON value cannot be stored, as a sentence; "" if it can."""
    level: list[Any] = [value]
    for _ in range(DEEPEST + 1):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner += [*item, *item.values()]
            elif isinstance(item, list):
                inner += item
            elif sentence := _flaw_of(item):
                return sentence
        if not inner:
            return ""
        level = inner
    return f"The value is nested more than {DEEPEST} levels deep. Make it flatter."


def mended(value: Any) -> Any:
    """The JSON value with U+FFFD in the place of NUL and of lone surrogates: for what others said and nobody can be asked to correct."""
    match value:
        case str():
            if value.isascii():
                return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
            whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            return whole.replace("\0", "\N{REPLACEMENT CHARACTER}")
        case list():
            return [mended(item) for item in value]
        case dict():
            return {mended(name): mended(item) for name, item in value.items()}
    return value


def _flaw_of(item: Any) -> str:
    if isinstance(item, float) and not isfinite(item):
        return "A number is too large, or is none. Enter a smaller one, or send it as text."
    if not isinstance(item, str) or (item.isascii() and "\0" not in item):
        return ""
    if "\0" in item:
        return "A text holds the character NUL, which cannot be stored. Remove it."
    try:
        item.encode()
    except UnicodeEncodeError:
        return "A text holds half of a character (a lone surrogate), which cannot be stored. Enter it again."
    return ""
