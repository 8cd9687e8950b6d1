"""Line and column of JSON pointers in a document as it was uploaded."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any

import yaml

from integrations.openapi import printed_json
from integrations.openapi.findings import pointer

# Up to so many characters the text is read a second time; of larger documents what is printed in lines can be found.
MAX_READ = 4_000_000


class Branch:
    """A part of the wanted pointers: where its key stands, once met, and the branches below it by token."""

    __slots__ = ("below", "position")

    def __init__(self) -> None:
        self.below: dict[str, Branch] = {}
        self.position: tuple[int, int] | None = None


def locate(source: str | bytes, pointers: Iterable[str]) -> dict[str, tuple[int, int]]:
    """The position of each pointer, counted from 1: that of its key, or of the nearest thing above that exists.

    `source` is the document as it was uploaded; bytes are UTF-8. JSON is read as the YAML that it is. Pointers that cannot be located are
    left out: those of a large document that is YAML, or JSON in few lines.
    """
    wanted = Branch()
    split = {pointer: [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]] for pointer in pointers}
    for tokens in split.values():
        branch = wanted
        for token in tokens:
            branch = branch.below.setdefault(token, Branch())
    if len(source) > MAX_READ:
        if isinstance(source, str):
            is_json = source[:1000].lstrip("\ufeff \t\r\n").startswith("{")
            source = source.encode("utf-8", "surrogatepass") if is_json else b""  # of YAML, which has no such lines, no copy is made
        for part, line, column in printed_json.find(source, wanted):
            part.position = (line, column)
    else:
        with suppress(yaml.YAMLError):  # what was met before the fault is known all the same
            _mark(source if isinstance(source, str) else source.decode("utf-8-sig"), wanted)
    found = {}
    for place, tokens in split.items():
        branch = wanted
        position: tuple[int, int] | None = None
        for token in tokens:
            branch = branch.below[token]
            if branch.position is None:
                break
            position = branch.position
        if position:
            found[place] = position
    return found


def pointers_at(text: str, places: Collection[tuple[int, int]]) -> dict[tuple[int, int], str]:
    """The pointers of the keys and items that start at these positions, (line, column) counted from 1; others are left out.

    Where an item and its first key start together, it is that of the key.
    """
    found: dict[tuple[int, int], str] = {}
    if not places or len(text) > MAX_READ:
        return found
    trail: list[list[Any]] = []  # of each open object or list: whether it is an object, the present token, whether a key was read
    with suppress(yaml.YAMLError):
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.NodeEvent):
                if trail:
                    level = trail[-1]
                    is_key = level[0] and not level[2]
                    if is_key:
                        level[1] = getattr(event, "value", "")
                    elif not level[0]:
                        level[1] += 1
                    level[2] = is_key
                    mark = event.start_mark
                    place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
                    if (is_key or not level[0]) and place in places:
                        found[place] = pointer(*(entry[1] for entry in trail))
                if isinstance(event, yaml.CollectionStartEvent):
                    mapping = isinstance(event, yaml.MappingStartEvent)
                    trail.append([mapping, "" if mapping else -1, False])
            elif isinstance(event, yaml.CollectionEndEvent):
                trail.pop()
    return found


class _Level:
    """An object or list that is open: its branch if something inside is wanted, and the key or number of the next value."""

    __slots__ = ("branch", "key_read", "mapping", "next", "number")

    def __init__(self, branch: Branch | None, *, mapping: bool) -> None:
        self.branch, self.mapping = branch, mapping
        self.next: Branch | None = None
        self.key_read = False
        self.number = 0

    def enter(self, event: Any) -> Branch | None:
        """The branch of the value that starts with this event; None for a key and for what nobody asked for."""
        if self.mapping and self.key_read:
            self.key_read = False
            return self.next
        token = getattr(event, "value", "") if self.mapping else str(self.number)
        self.number += 1
        self.next = self.branch.below.get(token) if self.branch else None
        if self.next is not None:
            self.next.position = (event.start_mark.line + 1, event.start_mark.column + 1)
        self.key_read = self.mapping
        return None if self.mapping else self.next


def _mark(text: str, wanted: Branch) -> None:
    levels: list[_Level] = []
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.NodeEvent):
            branch = levels[-1].enter(event) if levels else wanted
            if isinstance(event, yaml.CollectionStartEvent):
                levels.append(_Level(branch, mapping=isinstance(event, yaml.MappingStartEvent)))
        elif isinstance(event, yaml.CollectionEndEvent):
            levels.pop()
            if not levels:
                return
