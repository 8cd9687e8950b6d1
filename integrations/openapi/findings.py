"""What an import has to say: findings (faults of the document) and repairs (what was done about them)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import unescape
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]

# A document may break one rule on every operation. More rows than this of one rule help nobody and cost memory.
MAX_PER_RULE = 500
# A repair that concerns more actions than this is changed back by hand: undoing it would hold the database for too long.
MAX_CHANGES = 500
_MAX_SHOWN = 200


@dataclass(frozen=True)
class Finding:
    """A fault of the document as it was uploaded. `pointer` is a JSON pointer (RFC 6901) into it; line and column count from 1."""

    severity: Severity
    rule: str
    pointer: str
    message: str
    remedy: str
    line: int | None = None
    column: int | None = None


@dataclass(slots=True)
class Change:
    """What a repair changed in the draft, whole: undoing it puts `before` in the place of `after`; None is nothing.

    `action` is the key of an action, "" for the definition (while a document is read: the pointer of its operation). `part` is a JSON
    pointer into the action or definition as JSON; /parameters is the one parameter with the name and place of `before` or `after`.
    """

    action: str
    part: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Repair:
    """One thing that the import mended: where, what stood there, what stands there now (JSON values, shortened), and why.

    `changes` are what undoing it takes; there are none where the draft cannot hold what the document says.
    """

    rule: str
    pointer: str
    before: Any
    after: Any
    message: str
    changes: list[Change] = field(default_factory=list)


@dataclass
class Report:
    """Collects findings and repairs; every part of the import writes into the same one."""

    findings: list[Finding] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _stopped: set[str] = field(default_factory=set)
    _said: dict[tuple[str, str, str], Repair | None] = field(default_factory=dict)

    def find(self, severity: Severity, rule: str, pointer: str, message: str, remedy: str) -> None:
        self.add(Finding(severity, rule, pointer, message, remedy))

    def add(self, finding: Finding) -> None:
        content = ("finding", finding.rule, finding.pointer + finding.message)
        if self._room(content):
            self._said[content] = None
            self.findings.append(finding)

    def repair(self, rule: str, pointer: str, before: Any, after: Any, message: str, change: Change | None = None) -> Repair | None:
        """Add a row, or a change to the row that says the same; the row, or None if the rule has no room for more of them."""
        content = ("repair", rule, pointer + message)
        if self._room(content):
            made = self._said[content] = Repair(rule, pointer, _shown(before), _shown(after), message)
            self.repairs.append(made)
        row = self._said.get(content)
        if row and change and change not in row.changes and len(row.changes) <= MAX_CHANGES:
            row.changes.append(change)
        return row

    def take(self, other: Report) -> None:
        """Add the findings of another report, which nothing is added to any more."""
        self.findings += other.findings
        self._counts += other._counts
        self._stopped |= other._stopped

    def stops(self, rule: str) -> bool:
        """Whether a rule has more findings than are listed, so that looking for others is in vain; their number is then not known."""
        if self._counts["finding", rule] <= MAX_PER_RULE:
            return False
        self._stopped.add(rule)
        return True

    def _room(self, content: tuple[str, str, str]) -> bool:
        """Whether there is room for a row that is not there yet (a parameter of a path is met once for each of its methods)."""
        if content in self._said:
            return False
        rule = content[:2]
        self._counts[rule] += 1
        return self._counts[rule] <= MAX_PER_RULE

    def close(self) -> None:
        """Say which rules had more to say than is listed, and forget changes that are too many to undo."""
        for row in self.repairs:
            if len(row.changes) > MAX_CHANGES:
                row.changes.clear()
        for (kind, rule), count in sorted(self._counts.items()):
            if count > MAX_PER_RULE:
                found = f"more than {MAX_PER_RULE}" if rule in self._stopped else str(count)
                message = f"The rule {rule} has {found} {kind}s in this document; the first {MAX_PER_RULE} are listed."
                self.findings.append(Finding("info", rule, "", message, "Mend the listed ones and import again to see the rest."))


def pointer(*parts: Any, base: str = "") -> str:
    """`base` extended by reference tokens, escaped as RFC 6901 says: ("paths", "/a") gives /paths/~1a."""
    for part in parts:
        token = str(part)
        base += "/" + (token.replace("~", "~0").replace("/", "~1") if "/" in token or "~" in token else token)
    return base


def _shown(value: Any) -> Any:
    """A JSON value that is small enough for a row: containers keep their kind and say their size."""
    if isinstance(value, str):
        return shortened(value, _MAX_SHOWN)
    if isinstance(value, list | tuple):
        return [_shown(item) if not isinstance(item, list | dict) else "…" for item in value[:20]]
    if isinstance(value, dict):
        return {str(k): _shown(v) if not isinstance(v, list | dict) else "…" for k, v in list(value.items())[:20]}
    return value


def shortened(text: str, length: int) -> str:
    """At most `length` characters, the last one an ellipsis if something was cut."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def listed(names: Sequence[str], shown: int = 5) -> str:
    """Names in a sentence: the first ones, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(shortened(name, 200) for name in names[:shown]) + more


_BREAK = re.compile(r"<\s*(?:br|/p|/div|/li|/h[1-6]|/tr)\b[^<>]{0,200}>", re.IGNORECASE)
# What is dropped with its content: (opening, closing).
_DROPPED = (("<script", "</script"), ("<style", "</style"), ("<!--", "-->"))
# Without any of these a text is plain already: tags, entities, NUL, lines.
_MARKED = re.compile("[<&\x00\n]")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,500}>")


def plain_text(value: Any, length: int = 10_000) -> str:
    """Text without HTML (Markdown stays as it is), at most `length` characters; "" for what is no text."""
    if not isinstance(value, str):
        return ""
    if len(value) <= length and not _MARKED.search(value):
        return value.strip()
    text = value[: length * 4]
    if "<" in text:
        text = _TAG.sub("", _BREAK.sub("\n", _without_scripts(text)))
    if "&" in text:
        text = unescape(text)
    text = "\n".join(line.rstrip() for line in text.replace("\x00", "").split("\n"))
    return shortened(re.sub(r"\n{3,}", "\n\n", text).strip(), length)


def _without_scripts(text: str) -> str:
    """The text without scripts, styles and comments; one pass for each, however many there are."""
    for opening, closing in _DROPPED:
        folded = text.lower()
        if opening not in folded or len(folded) != len(text):
            continue
        kept, end = [], 0
        while (start := folded.find(opening, end)) >= 0 and (stop := folded.find(closing, start)) >= 0:
            kept.append(text[end:start])
            end = stop if closing != "-->" else stop + len(closing)
        text = "".join(kept) + text[end:]
    return text
