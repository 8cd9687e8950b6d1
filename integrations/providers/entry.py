"""One entry of a catalogue, taken apart key by key: what nobody has taken at the end is what would get lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


class Inexpressible(Exception):
    """A definition cannot say this. `str` is the reason, a sentence for people."""


@dataclass(frozen=True)
class Note:
    """Something about a key of an entry: its path, and a sentence."""

    path: str
    reason: str

    def dump(self) -> dict[str, str]:
        return {"path": self.path, "reason": self.reason}


@dataclass
class Entry:
    """The keys of an entry that are left, below `path`. Losses and notes are shared by all sections of one entry."""

    values: dict[str, Any]
    path: str = ""
    losses: list[Note] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def take(self, key: str, default: Any = None) -> Any:
        """The value of a key, which counts as dealt with from now on."""
        return self.values.pop(key, default)

    def text(self, key: str, default: str = "") -> str:
        """A value that should be text; numbers and truth values are written as JSON writes them."""
        value = self.take(key)
        if value is None:
            return default
        try:
            return written(value)
        except Inexpressible as error:
            self.lose(key, str(error))
            return default

    def flag(self, key: str) -> bool:
        value = self.take(key)
        if value in (True, "true"):
            return True
        if value not in (None, False, "false", ""):
            self.lose(key, "True or false is expected.")
        return False

    def items(self, key: str) -> list[str]:
        """A value that should be a list of texts; a single text is a list of one."""
        value = self.take(key)
        if value is None:
            return []
        if isinstance(value, str):
            return [value]
        if isinstance(value, list) and all(isinstance(one, str | int) for one in value):
            return [str(one) for one in value]
        self.lose(key, "A list of texts is expected.")
        return []

    def section(self, key: str) -> Entry:
        """The entry below a key; what is left in it stays left in this one."""
        value = self.values.get(key)
        if not isinstance(value, dict):
            if value is not None:
                self.lose(key, "An object is expected.")
            self.values.pop(key, None)
            value = {}
        else:
            value = dict(value)
            self.values[key] = value
        return Entry(value, self.at(key), self.losses, self.notes)

    def sections(self, key: str) -> list[Entry]:
        """The entries of a list of objects below a key."""
        value = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            self.values.pop(key)
            self.lose(key, "A list of objects is expected.")
            return []
        copies = [dict(one) for one in value]
        self.values[key] = copies
        return [Entry(one, f"{self.at(key)}[{number}]", self.losses, self.notes) for number, one in enumerate(copies)]

    def lose(self, key: str, reason: str) -> None:
        self.losses.append(Note(self.at(key) if key else self.path, reason))

    def note(self, key: str, reason: str) -> None:
        self.notes.append(Note(self.at(key) if key else self.path, reason))

    def left(self) -> Iterator[tuple[str, Any]]:
        """The paths that nobody has taken, and what stands there."""
        for key, value in self.values.items():
            yield from _left(self.at(key), value)


def written(value: Any) -> str:
    """A scalar as text. Raises `Inexpressible` for anything else."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
    raise Inexpressible("A text is expected.")


def _left(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _left(f"{path}.{key}", inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _left(f"{path}[{number}]", inner)
    else:
        yield path, value
