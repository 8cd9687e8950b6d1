"""JSON as most files are: UTF-8, well-formed, without control characters. Read from its bytes; no text is made of them.

A text of 13 MB takes 52 MB as soon as one emoji is in it, and every search in it costs as much as parsing. So the doubts are
settled on the bytes here, and what raises one is left to the tolerant readers.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

import orjson

_CONTROL = bytes([*range(9), 11, 12, *range(14, 32), 127])
_DELETE = b"\x7f"  # the one of them that JSON does not forbid
_VALUES = b",[{"
_PIECE = 65_536
# U+0080 to U+009F, U+FFFE and U+FFFF. One by one they are found five times faster than together.
_LONGER_CONTROL = (
    (b"\xc2", re.compile(b"\xc2[\x80-\x84\x86-\x9f]")),
    (b"\xef", re.compile(b"\xef\xbf[\xbe\xbf]")),
)  # how they begin is found a hundred times faster than they are
_NUMBERED = re.compile(rb"\\u00(?:00|3[aA])")  # characters by their number: NUL, which no database holds, and the colon
_MAX_NESTED = 254  # objects and lists in each other that orjson writes


class Doubt(Exception):
    """The bytes are no strict JSON, or hold something that needs a closer look."""


def may_be(data: bytes) -> bool:
    """Whether the bytes start as JSON does."""
    return data[:200].removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"{", b"[")


def numbered(data: bytes) -> set[bytes]:
    """Those among NUL and the colon that are written by their number, as they are written."""
    return set(_NUMBERED.findall(data))


def load(data: bytes, numbered: set[bytes]) -> Any:
    """The values of strict JSON, given what `numbered` found. Raises Doubt."""
    if _DELETE in data or rb"\u0000" in numbered or (not data.isascii() and _holds_longer_control(data)):
        raise Doubt
    try:
        # refuses control characters, bad UTF-8, halves of surrogate pairs, and nesting beyond 1,024 levels by itself
        return orjson.loads(data.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError:
        raise Doubt from None


def holds_control(data: bytes) -> bool:
    """Whether UTF-8 has control characters that JSON and YAML forbid; four times faster than a search in its text."""
    return len(data.translate(None, _CONTROL)) < len(data) or _holds_longer_control(data)


def _holds_longer_control(data: bytes) -> bool:
    return any(start in data and control.search(data) for start, control in _LONGER_CONTROL)


def may_hold_more(data: bytes, values: int) -> bool:
    """Whether JSON may hold more values than that, by its commas and brackets.

    A value takes three bytes with at most two of them, `[],`. They are counted piece by piece: a copy of all would be new memory, which
    takes longer than to count.
    """
    if len(data) * 2 <= values * 3:
        return False
    pieces = (data[start : start + _PIECE] for start in range(0, len(data), _PIECE))
    return sum(len(piece) - len(piece.translate(None, _VALUES)) for piece in pieces) > values


def compact(root: Any, depth: int) -> bytes | None:
    """The values of strict JSON as JSON without blanks; None if they nest more than `depth` levels deep, or that cannot be told.

    Writing takes a quarter of the time of a walk over all objects, and orjson refuses to nest deeper than it can.
    """
    for _ in range(_MAX_NESTED - 1 - depth):
        root = [root]
    try:
        return orjson.dumps(root) if depth < _MAX_NESTED else None
    except orjson.JSONEncodeError:
        return None


def words(value: Any) -> bytes:
    """A value as JSON without blanks, to find it again where a document says the same in other places."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # a number of more than 64 bits, which JSON allows
        return json.dumps(value, separators=(",", ":")).encode()


def may_repeat_keys(data: bytes, written: bytes, numbered: set[bytes]) -> bool:
    """Whether an object of the JSON may have a key twice, given what `compact` made of its values.

    Each key has a colon. If there are as many in both, none was lost on the way: those inside of strings stand in both, unless they are
    written by their number.
    """
    return bool(numbered) or data.count(b":") != written.count(b":")
