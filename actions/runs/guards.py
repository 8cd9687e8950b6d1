"""The guards of a run against lists without an end, each with its limit in the settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings

from actions.loops import Repeat, fingerprint
from actions.models import Run
from actions.pagination import Strategy
from actions.runs.seen import Seen

RECENT: Final = 6000  # marks of pages that may not be in the ledger yet; `store` saves long before there are so many


@dataclass(frozen=True)
class Repetition:
    """A page that repeats an earlier one, and a sentence about it."""

    repeat: Repeat
    message: str


class Guards:
    """Remembers every page of a run: its position, the hash of its records, the hash of their ids.

    The memory that this takes does not grow with the run: a filter of a fixed size knows what is new, and what it does not
    take for new is looked up in the ledger. `save` brings everything into the ledger that is not there yet.
    """

    def __init__(self, run: Run, strategy: Strategy, *, save: Callable[[], None]) -> None:
        self._run, self._strategy, self._save = run, strategy, save
        self._seen = Seen()
        self._recent: dict[tuple[str, str], int] = {}
        self._repeats = Counter[str]()
        self._count = 0
        for token, digest, ids in run.pages.order_by("number").values_list("token", "digest", "ids_digest").iterator(chunk_size=500):
            self._note(self._print(token or {}), digest, ids, content=self._known("content", digest), again=self._known("ids", ids))
        self._recent.clear()

    def before(self, position: Any) -> Repeat | None:
        """Look at a position (`Strategy.position`) before its page is asked for."""
        earlier = self._earlier("position", fingerprint(position))
        return Repeat(self._count + 1, earlier, "position") if earlier else None

    def judge(self, position: Any, digest: str, ids: str, *, all_known: bool = False) -> Repetition | None:
        """Remember a page that came; or what it repeats, if that is once more than the settings allow.

        `all_known` says that each of its records came before, on one page or another.
        """
        number = self._count + 1
        earlier = self._earlier("content", digest)
        if earlier and self._repeats["content"] + 1 >= settings.RUN_REPEATED_PAGES:
            repeat = Repeat(number, earlier, "content")
            return Repetition(repeat, repeat.message)
        before = self._earlier("ids", ids)
        if before and self._repeats["ids"] + 1 >= settings.RUN_REPEATED_IDS:
            message = (
                f"Page {number} brings no new record: its records have the ids of page {before}, with other content. "
                "Check the pagination settings; the records up to here are kept."
            )
            return Repetition(Repeat(number, before, "content"), message)
        if all_known and self._repeats["ids"] + 1 >= settings.RUN_REPEATED_IDS:
            message = (
                f"Page {number} brings no new record: all of its records came on earlier pages. "
                "Check the pagination settings; the records up to here are kept."
            )
            return Repetition(Repeat(number, 0, "content"), message)
        self._note(fingerprint(position), digest, ids, content=bool(earlier), again=bool(before) or all_known)
        return None

    def _note(self, position: str, digest: str, ids: str, *, content: bool, again: bool) -> None:
        # A page with a new id among its records starts the count of a repetition anew.
        self._repeats["content"] = self._repeats["content"] + 1 if content else 0
        self._repeats["ids"] = self._repeats["ids"] + 1 if again else 0
        self._count += 1
        # Empty pages resemble one another and may stand in the middle of a list with cursors.
        for mark in (("position", position), ("content", digest), ("ids", ids)):
            if mark[1]:
                self._seen.add(*mark)
                self._recent.setdefault(mark, self._count)
        while len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]

    def _known(self, kind: str, digest: str) -> bool:
        return bool(digest) and self._seen.may_hold(kind, digest)

    def _earlier(self, kind: str, digest: str) -> int | None:
        """The first page with this mark."""
        if not self._known(kind, digest):
            return None
        if number := self._recent.get((kind, digest)):
            return number
        self._save()
        if kind == "position":
            rows = self._run.pages.order_by("number").values_list("number", "token").iterator(chunk_size=500)
            return next((number for number, token in rows if self._print(token or {}) == digest), None)
        column = "digest" if kind == "content" else "ids_digest"
        found: int | None = self._run.pages.filter(**{column: digest}).order_by("number").values_list("number", flat=True).first()
        return found

    def _print(self, token: dict[str, Any]) -> str:
        return fingerprint(self._strategy.position(token))
