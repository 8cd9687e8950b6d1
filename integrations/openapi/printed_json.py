"""Where things stand in JSON as programs print it, a member a line, found without reading the document.

Whoever prints JSON in lines indents what is inside of something more, all of it alike. So a member of an object is the line that begins with
the indentation of the first one and its name, between the line that opens the object and the next one that is indented as this is; a text
never goes over lines. Looking for such a line costs much less than reading the document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final, Protocol, Self, TypeVar

_HEAD: Final = re.compile(rb'(?:\xef\xbb\xbf)?\s*+\{\r?+(?=\n([ \t]++)")')
_OPENED: Final = re.compile(rb"[ \t]*+:[ \t]*+([{\[])\r?(?=\n([ \t]++))")
_ITEM_OPENED: Final = re.compile(rb"[ \t]*+([{\[])\r?(?=\n([ \t]++))")


class Wanted(Protocol):
    """A part of the wanted pointers: the parts below it by token."""

    @property
    def below(self) -> Mapping[str, Self]: ...


T = TypeVar("T", bound=Wanted)


def find(data: bytes, wanted: T) -> Iterator[tuple[T, int, int]]:
    """The wanted parts that were found, each with its line and its column, counted from 1. Nothing of what is printed in another way."""
    head = _HEAD.match(data)
    if not head:
        return
    found = sorted(_inside(data, wanted, b"{", head.end(), len(data), head[1]), key=lambda one: one[1])
    line, counted = 1, 0
    for part, start, column in found:
        line += data.count(b"\n", counted, start)
        counted = start
        yield part, line, column


def _inside(data: bytes, wanted: T, opener: bytes, start: int, end: int, indent: bytes) -> Iterator[tuple[T, int, int]]:
    """The wanted parts of what is opened before `start` and ends before `end`: where each begins, and its column."""
    for part, place, after in _members(data, wanted, start, end, indent) if opener == b"{" else _items(data, wanted, start, end, indent):
        begin = place + 1 + len(indent)
        yield part, begin, len(indent) + 1
        opened = (_OPENED if opener == b"{" else _ITEM_OPENED).match(data, after) if part.below else None
        if opened is None or not opened[2].startswith(indent) or opened[2] == indent:
            continue
        alike = re.compile(b"\n" + re.escape(indent) + rb"[^ \t]").search(data, opened.end(), end)
        yield from _inside(data, part, opened[1], opened.end(), alike.start() if alike else end, opened[2])


def _members(data: bytes, wanted: T, start: int, end: int, indent: bytes) -> Iterator[tuple[T, int, int]]:
    last = start
    for name, part in wanted.below.items():
        for written in dict.fromkeys((json.dumps(name, ensure_ascii=False), json.dumps(name))):
            line = b"\n" + indent + written.encode("utf-8", "surrogatepass")
            # What is wanted mostly comes in the document's own order.
            place = data.find(line, last, end)
            if place < 0:
                place = data.find(line, start, last + len(line))
            if place >= 0:
                yield part, place, place + len(line)
                last = place
                break


def _items(data: bytes, wanted: T, start: int, end: int, indent: bytes) -> Iterator[tuple[T, int, int]]:
    numbers = {int(token): part for token, part in wanted.below.items() if token.isdecimal()}
    # A line that closes one item and opens the next counts for both; what is printed so cannot be told by lines.
    lines = re.compile(b"\n" + re.escape(indent) + rb"(?:(?=[^ \t\]}])|([\]}][^\n]*[\[{]))")
    for number, line in enumerate(lines.finditer(data, start, end)):
        if line[1] or not numbers:
            return
        if part := numbers.pop(number, None):
            yield part, line.start(), line.end()
