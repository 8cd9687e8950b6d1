"""The guards of a run against lists without an end, each with its limit in the settings."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.conf import settings

from actions.loops import Guard, Mark, Repeat, fingerprint
from actions.models import Run
from actions.pagination import Strategy


class Guards(Guard):
    """Remembers every page of a run: its position, the hash of its records, the hash of their ids. Some hundred bytes a page."""

    def __init__(self, run: Run, strategy: Strategy) -> None:
        super().__init__()
        self._ids: dict[str, int] = {}
        self._repeats = Counter[str]()
        for token, digest, ids in run.pages.order_by("number").values_list("token", "digest", "ids_digest").iterator():
            self._note(Mark(fingerprint(strategy.position(token or {})), digest), ids)

    def judge(self, position: Any, digest: str, ids: str) -> str:
        """Remember a page that came; or a sentence, if it repeats earlier ones once more than the settings allow."""
        number = len(self.marks) + 1
        earlier = self._contents.get(digest) if digest else None
        if earlier and self._repeats["content"] + 1 >= settings.RUN_REPEATED_PAGES:
            return Repeat(number, earlier, "content").message
        earlier = self._ids.get(ids) if ids else None
        if earlier and self._repeats["ids"] + 1 >= settings.RUN_REPEATED_IDS:
            return (
                f"Page {number} brings no new record: its records have the ids of page {earlier}, with other content. "
                "Check the pagination settings; the records up to here are kept."
            )
        self._note(Mark(fingerprint(position), digest), ids)
        return ""

    def _note(self, mark: Mark, ids: str) -> None:
        # A page with a new id among its records starts the count of a repetition anew.
        self._repeats["content"] = self._repeats["content"] + 1 if mark.content in self._contents else 0
        self._repeats["ids"] = self._repeats["ids"] + 1 if ids in self._ids else 0
        self._remember(mark)
        if ids:
            self._ids.setdefault(ids, len(self.marks))
