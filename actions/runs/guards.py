"""The guards of a run against lists without an end, each with its limit in the settings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from actions.loops import Guard, Mark, Repeat, fingerprint
from actions.models import Run
from actions.pagination import Strategy


@dataclass(frozen=True)
class Repetition:
    """A page that repeats an earlier one, and a sentence about it."""

    repeat: Repeat
    message: str


class Guards(Guard):
    """Remembers every page of a run: its position, the hash of its records, the hash of their ids. Some hundred bytes a page."""

    def __init__(self, run: Run, strategy: Strategy) -> None:
        super().__init__()
        self._ids: dict[str, int] = {}
        self._repeats = Counter[str]()
        for token, digest, ids in run.pages.order_by("number").values_list("token", "digest", "ids_digest").iterator():
            self._note(Mark(fingerprint(strategy.position(token or {})), digest), ids)

    def judge(self, position: Any, digest: str, ids: str) -> Repetition | None:
        """Remember a page that came; or what it repeats, if that is once more than the settings allow."""
        number = len(self.marks) + 1
        earlier = self._contents.get(digest) if digest else None
        if earlier and self._repeats["content"] + 1 >= settings.RUN_REPEATED_PAGES:
            repeat = Repeat(number, earlier, "content")
            return Repetition(repeat, repeat.message)
        earlier = self._ids.get(ids) if ids else None
        if earlier and self._repeats["ids"] + 1 >= settings.RUN_REPEATED_IDS:
            message = (
                f"Page {number} brings no new record: its records have the ids of page {earlier}, with other content. "
                "Check the pagination settings; the records up to here are kept."
            )
            return Repetition(Repeat(number, earlier, "content"), message)
        self._note(Mark(fingerprint(position), digest), ids)
        return None

    def _note(self, mark: Mark, ids: str) -> None:
        # A page with a new id among its records starts the count of a repetition anew.
        self._repeats["content"] = self._repeats["content"] + 1 if mark.content in self._contents else 0
        self._repeats["ids"] = self._repeats["ids"] + 1 if ids in self._ids else 0
        self._remember(mark)
        if ids:
            self._ids.setdefault(ids, len(self.marks))
