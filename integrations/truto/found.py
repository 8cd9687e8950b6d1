"""What is found in a document."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Note:
    """A part of the document that is kept and does nothing here, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Choice:
    """One of several ways to authenticate, under the name that the document gives it."""

    scheme: str
    auth: dict[str, Any]


@dataclass
class Read:
    """What a document says in our words. `definition` holds parts by their JSON names; operations are JSON, too."""

    definition: dict[str, Any] = field(default_factory=dict)
    operations: list[dict[str, Any]] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    client_secret: str = ""
    unused: list[Note] = field(default_factory=list)

    def leave(self, path: str, reason: str) -> None:
        """Name a part of the document that does nothing here."""
        self.unused.append(Note(path, reason))
