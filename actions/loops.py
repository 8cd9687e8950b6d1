"""The guard against endless lists: servers that ignore the page parameter, cursors that come back, next links in a circle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Mark:
    """What stays of a page that was seen: the hashes of its position and of its records ("" for a page without records)."""

    position: str
    content: str


@dataclass(frozen=True)
class Repeat:
    """Page `number` repeats page `earlier`, in its position (it was asked for twice) or in its content."""

    number: int
    earlier: int
    what: Literal["position", "content"]

    @property
    def message(self) -> str:
        if self.what == "position":
            return (
                f"Page {self.number} would repeat page {self.earlier}: the server named the same next page twice. "
                "Check the pagination settings; the records up to here are kept."
            )
        return (
            f"Page {self.number} repeats page {self.earlier}: the server sent the same records again, as one that ignores the page parameter does. "
            "Check the pagination settings; the records of the first time are kept."
        )


class Guard:
    """Remembers every page of a run, not only the last one. Rebuilt from the marks that were stored with the pages."""

    def __init__(self, marks: Iterable[Mark] = ()) -> None:
        self.marks: list[Mark] = []
        self._positions: dict[str, int] = {}
        self._contents: dict[str, int] = {}
        for mark in marks:
            self._remember(mark)

    def before(self, position: Any) -> Repeat | None:
        """Look at a position (`Strategy.position`) before its page is asked for."""
        earlier = self._positions.get(fingerprint(position))
        return Repeat(len(self.marks) + 1, earlier, "position") if earlier else None

    def after(self, position: Any, records: list[Any]) -> Repeat | None:
        """Look at a page that arrived. A page that repeats none is remembered; its mark is then the last of `marks`."""
        mark = Mark(fingerprint(position), fingerprint(records) if records else "")
        earlier = self._contents.get(mark.content)
        if earlier:
            return Repeat(len(self.marks) + 1, earlier, "content")
        self._remember(mark)
        return None

    def _remember(self, mark: Mark) -> None:
        self.marks.append(mark)
        number = len(self.marks)
        self._positions.setdefault(mark.position, number)
        # Empty pages resemble one another and may stand in the middle of a list with cursors.
        if mark.content:
            self._contents.setdefault(mark.content, number)


def fingerprint(value: Any) -> str:
    """A short hash of a JSON value, the same for the same value in any order of keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
