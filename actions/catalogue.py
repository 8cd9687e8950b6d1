"""The operations of a document as one chooses among them before importing: a tree by tag, search, and a selection.

Plain values: a catalogue of 22,000 operations is 2 MB of JSON and is searched in hundredths of a second, so that it needs
no rows of its own in the database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from integrations.operation import METHODS, Operation

_YES, _NO = 1, 0


class Entry(NamedTuple):
    """What one sees of an operation while choosing. `number` is its place in the document, counted from 0."""

    number: int
    group: str
    method: str
    path: str
    name: str
    deprecated: bool


@dataclass(frozen=True)
class Branch:
    """A group of the tree: how many operations it has, and how many of them are selected."""

    number: int
    name: str
    count: int
    chosen: int

    @property
    def state(self) -> str:
        """As ARIA says it of a checkbox: true, false or mixed."""
        if not self.chosen:
            return "false"
        return "true" if self.chosen == self.count else "mixed"


class Selection:
    """Which operations are selected: one byte each."""

    def __init__(self, marks: bytes) -> None:
        self.marks = marks

    @classmethod
    def everything(cls, count: int) -> Selection:
        return cls(bytes([_YES]) * count)

    def __contains__(self, number: int) -> bool:
        return self.marks[number] == _YES

    @property
    def count(self) -> int:
        return self.marks.count(_YES)

    def changed(self, *, add: Iterable[int] = (), remove: Iterable[int] = ()) -> Selection:
        """The selection with some more and without some others; numbers that do not exist are passed over."""
        marks = bytearray(self.marks)
        for numbers, mark in ((remove, _NO), (add, _YES)):
            for number in numbers:
                if 0 <= number < len(marks):
                    marks[number] = mark
        return Selection(bytes(marks))


class Catalogue:
    """All operations of a document, in its order."""

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries

    @classmethod
    def of(cls, operations: Iterable[Operation]) -> Catalogue:
        rows = list(operations)
        depth = 1 + _shared([_segments(row) for row in rows])
        return cls([Entry(n, group_of(row, depth), row.method, row.path, row.name, row.deprecated) for n, row in enumerate(rows)])

    @classmethod
    def load(cls, data: bytes) -> Catalogue:
        return cls([Entry(number, *row) for number, row in enumerate(orjson.loads(data))])

    def dump(self) -> bytes:
        return orjson.dumps([entry[1:] for entry in self.entries])

    @property
    def methods(self) -> list[str]:
        """The methods that occur, in their usual order."""
        found = {entry.method for entry in self.entries}
        return [method for method in METHODS if method in found]

    def find(self, *, text: str = "", methods: Iterable[str] = (), group: str = "") -> list[Entry]:
        """The operations with this text in name, path or tag, and one of these methods, and in this group; empty means any."""
        wanted, words = set(methods), text.casefold().split()
        return [
            entry
            for entry in self.entries
            if (not group or entry.group == group)
            and (not wanted or entry.method in wanted)
            and (not words or _holds(f"{entry.name} {entry.path} {entry.group}".casefold(), words))
        ]

    def tree(self, selection: Selection) -> list[Branch]:
        """The groups by name, tags before paths."""
        counts = Counter(entry.group for entry in self.entries)
        chosen = Counter(entry.group for entry in self.entries if entry.number in selection)
        names = sorted(counts, key=lambda name: (name.startswith("/"), name.casefold(), name))
        return [Branch(number, name, counts[name], chosen[name]) for number, name in enumerate(names)]


def group_of(operation: Operation, depth: int = 1) -> str:
    """Its first tag; without one, the beginning of its path, `depth` segments long: `/users/{id}` is in `/users`."""
    tag = next((tag.strip() for tag in operation.tags if tag.strip()), "")
    return tag or "/" + "/".join(_segments(operation)[:depth])


def _segments(operation: Operation) -> list[str]:
    return operation.path.strip("/").partition("?")[0].split("/")


def _shared(paths: list[list[str]]) -> int:
    """How many segments all paths begin with, such as the one of `/v1`; they tell nothing apart."""
    first, last = min(paths, default=[]), max(paths, default=[])
    return next((n for n, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), 0)


def _holds(text: str, words: list[str]) -> bool:
    return all(word in text for word in words)
