"""JSON as most files are: UTF-8, well-formed, without control characters. Read from its bytes; no text is made of them.

A text of 13 MB takes 52 MB as soon as one emoji is in it, and every search in it costs as much as parsing. So the doubts are
settled on the bytes here, and what raises one is left to the tolerant readers.
"""

from __future__ import annotations

import codecs
import re
from typing import Any

import orjson

_CONTROL = bytes([*range(9), 11, 12, *range(14, 32), 127])
_DELETE = b"\x7f"  # the one of them that JSON does not forbid
_VALUES = b",[{"
# U+0080 to U+009F, U+FFFE and U+FFFF. One by one they are found five times faster than together.
_LONGER_CONTROL = tuple(map(re.compile, (b"\xc2[\x80-\x84\x86-\x9f]", b"\xef\xbf[\xbe\xbf]")))
_NUL = re.compile(rb"\\u0000")  # which no database holds
_EVEN = re.compile(rb"\\\\\":")
_ESCAPED = re.compile(rb"\\\":")


class Doubt(Exception):
    """The bytes are no strict JSON, or hold something that needs a closer look."""


def may_be(data: bytes) -> bool:
    """Whether the bytes start as JSON does."""
    return data[:200].removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"{", b"[")


def load(data: bytes) -> Any:
    """The values of strict JSON. Raises Doubt."""
    if _DELETE in data or _NUL.search(data) or any(control.search(data) for control in _LONGER_CONTROL):
        raise Doubt
    try:
        # refuses control characters, bad UTF-8, halves of surrogate pairs, and nesting beyond 1,024 levels by itself
        return orjson.loads(data.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError:
        raise Doubt from None


def holds_control(data: bytes) -> bool:
    """Whether UTF-8 has control characters that JSON and YAML forbid; four times faster than a search in its text."""
    return len(data.translate(None, _CONTROL)) < len(data) or any(control.search(data) for control in _LONGER_CONTROL)


def most_values(data: bytes) -> int:
    """The most values that JSON can hold, by its commas and brackets."""
    return len(data) - len(data.translate(None, _VALUES))


def survey(root: Any, depth: int) -> int:
    """The number of keys in all objects, -1 if the values nest more than `depth` levels deep."""
    keys = 0
    level = [root]  # a list for each depth, not a loop for each node: twice as fast
    for _ in range(depth + 1):
        keys += sum([len(node) for node in level if node.__class__ is dict])
        parts = [node.values() if node.__class__ is dict else node for node in level]
        level = [child for part in parts for child in part if child.__class__ is dict or child.__class__ is list]
        if not level:
            return keys
    return -1


def may_repeat_keys(data: bytes, keys: int) -> bool:
    """Whether an object of the JSON may have a key twice, given the number of keys that came out of it.

    A quote before a colon ends a key, except for escaped quotes inside of strings. If there are as many as keys came out, none was lost.
    Blanks before a colon are rare enough to be passed over; a backslash at the end of a key needs the closer look.
    """
    return bool(_EVEN.search(data)) or data.count(b'":') - len(_ESCAPED.findall(data)) != keys
