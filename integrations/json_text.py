"""JSON text of any JSON value: fast where that is possible, right where it is not (leaf)."""

from __future__ import annotations

import json
from typing import Any

import orjson

_LONG = b"0" * 20  # digits; 64 bits have fewer
_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")


def dump(value: Any, *, indent: bool = False) -> bytes:
    """`value` as JSON in UTF-8, in the order it has; what JSON does not know is written as text.

    orjson is several times faster than the standard library, but knows no numbers beyond 64 bits and no deep nesting,
    and vendors send both.
    """
    try:
        return orjson.dumps(value, default=str, option=(orjson.OPT_INDENT_2 if indent else 0) | orjson.OPT_NON_STR_KEYS)
    except TypeError:
        separators = None if indent else (",", ":")
        return json.dumps(value, default=str, ensure_ascii=False, indent=2 if indent else None, separators=separators).encode()


def load(data: bytes) -> Any:
    """JSON as a server wrote it: numbers of any length as they are, NaN and Infinity, which are no JSON, as texts.

    orjson would make a fraction of a whole number beyond 64 bits. Raises ValueError, UnicodeDecodeError and RecursionError.
    """
    if _LONG not in data.translate(_AS_ZEROS):
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            pass  # the standard library knows more encodings, and is asked what is wrong
    return json.loads(data, parse_constant=str)


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal and in the same order: on the wire the order of members can count."""
    return one == other and dump(one) == dump(other)


def lines(values: list[Any]) -> bytes:
    """Each value as `dump` writes it, and a line break after it."""
    option = orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE
    try:
        return b"".join([orjson.dumps(value, str, option) for value in values])
    except TypeError:
        return b"".join([dump(value) + b"\n" for value in values])
