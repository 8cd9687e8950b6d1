"""What the pages of a trial say about the settings of a pagination: candidates, whether one works, and the evidence for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from actions import totals
from actions.loops import fingerprint
from actions.pagination import PageSeen
from connections.exchange import Headers
from integrations.definition import PAGINATION, NoPagination, Pagination, pagination_gaps
from integrations.openapi import answers, paging
from integrations.operation import Operation, Parameter

_ID_NAMES = ("id", "uuid", "guid", "key", "_id", "name", "code", "number")
_SAMPLED = 20  # records of a list that are looked at
_PAGES_HEADERS = ("X-WP-TotalPages", "X-Total-Pages")
MOST_CANDIDATES = 3


@dataclass(frozen=True)
class Candidate:
    """A pagination that may be the right one, and why."""

    pagination: Pagination
    reason: str


@dataclass(frozen=True)
class Change:
    """One setting that would change: its JSON name, both values, and what speaks for it."""

    setting: str
    before: Any
    after: Any
    evidence: str


@dataclass
class Comparison:
    """How the pages of a walk differ. `evidence` has a sentence for each page after the first."""

    new: int = 0
    repeated: int = 0
    pages: int = 0
    evidence: list[str] = field(default_factory=list)
    _seen: dict[str, int] = field(default_factory=dict)

    def add(self, records: list[Any]) -> None:
        """Take a page into the comparison."""
        self.pages += 1
        key = id_of(records)
        marks = [fingerprint(record[key] if key else record) for record in records]
        new = [mark for mark in marks if mark not in self._seen]
        repeated = len(marks) - len(new)
        what = "id" if key else "record"
        if self.pages > 1:
            self.evidence.append(self._sentence(len(new), repeated, what))
            self.new += len(new)
            self.repeated += repeated
        for mark in new:
            self._seen.setdefault(mark, self.pages)

    @property
    def works(self) -> bool:
        """Whether a further page brought new records only."""
        return self.new > 0 and self.repeated == 0

    def _sentence(self, new: int, repeated: int, what: str) -> str:
        page = f"page {self.pages}"
        if not new and not repeated:
            return f"{page} is empty"
        if not repeated:
            return f"{page} has {_count(new, f'new {what}')}, none repeated"
        if not new:
            return f"{page} has no new {what}: all {repeated} were there before"
        return f"{page} has {_count(new, f'new {what}')}, and {repeated} that were there before"


def id_of(records: list[Any]) -> str:
    """The field that tells records apart, "" if there is none."""
    if not records or not all(isinstance(record, dict) for record in records):
        return ""
    names = [name for name in records[0] if isinstance(name, str)]
    ordered = [name for wanted in _ID_NAMES for name in names if name.lower() == wanted]
    for name in [*ordered, *(name for name in names if name.lower().endswith("id") and name not in ordered)]:
        values = [record.get(name) for record in records]
        if all(isinstance(value, str | int) and not isinstance(value, bool) for value in values) and len(set(values)) == len(values):
            return name
    return ""


def candidates(operation: Operation, present: Pagination, page: PageSeen) -> list[Candidate]:
    """Ways to page that the first answer of an operation hints at, the likeliest first; `present` is not among them.

    Names of parameters come from the operation, from the present settings, and from what the answer sends back.
    """
    schema = schema_of(page.body)
    known = {parameter.name for parameter in operation.parameters if parameter.place == "query"}
    own = [str(getattr(present, name, "")) for name in ("page_size_param", "page_param", "index_param", "after_param")]
    guessed = [name for name in (*own, *paging.supposed(_field_names(page.body))) if name and name not in known]
    parameters = [*operation.parameters, *(Parameter(name=name) for name in dict.fromkeys(guessed) if len(name) <= 200)]  # fmt: skip
    probe = operation.model_copy(update={"parameters": parameters, "response_schema": schema})
    headers = {name.lower() for name, _ in page.headers if name.lower() != "link" or 'rel="next"' in _links(page.headers)}
    content_range = page.headers.get(paging.CONTENT_RANGE)
    if content_range.lower().startswith("bytes"):  # of a file, not of a list
        headers.discard(paging.CONTENT_RANGE)
    elif content_range:
        probe.parameters.append(Parameter(name="Range", place="header", description=content_range[:200]))
    found: list[Candidate] = []
    for guess in paging.ranked(probe, frozenset(headers), {}):
        # Within one type first with the rarer settings as they are, then with the usual ones.
        for pagination in [_over(present, guess.pagination), _sized(present, guess.pagination)]:
            known_already = pagination == present or any(pagination == candidate.pagination for candidate in found)
            if not known_already and not pagination_gaps(pagination):
                found.append(Candidate(pagination, guess.evidence))
    return found[:MOST_CANDIDATES]


def results_key_of(body: Any, path: str) -> str | None:
    """Where the list of records of an answer most likely is; None if there is no telling. `path` is that of the operation."""
    schema = schema_of(body)
    return answers.results_key(schema, answers.fields_of(schema), path)


def refined(pagination: Pagination, pages: list[PageSeen], *, asked: int) -> list[Change]:
    """Settings that the pages of a walk show and that make it surer; `asked` is the page size that was asked for."""
    if isinstance(pagination, NoPagination) or len(pages) < 2:
        return []
    changes: list[Change] = []
    counts = [page.count for page in pages]
    size_param: str = getattr(pagination, "page_size_param", "")
    if pagination.max_page_size is None and size_param and 0 < counts[0] < asked and counts[0] == counts[1]:
        changes.append(Change("maxPageSize", None, counts[0], f"{asked} records were asked for, and a page has {counts[0]}"))
    declared = pagination.total_path or pagination.total_header or pagination.total_counts != "records"
    received = sum(counts)
    named = totals.total_of(pages[-1].body, pages[-1].headers, pagination.results_key, count=counts[-1], received=received)
    if not declared and named is None:
        changes += _pages_total(pages)
    return changes


def differences(before: Pagination, after: Pagination, evidence: str) -> list[Change]:
    """What changes from one pagination to another, each with the same evidence; of another type what is not usual there."""
    old, new = before.dump(), after.dump()
    usual = {} if before.type == after.type else type(after)().dump()
    names = ["type", *(name for name in new if name != "type")]
    return [
        Change(name, old.get(name), new[name], evidence)
        for name in names
        if old.get(name) != new[name] and (name == "type" or name not in usual or new[name] != usual[name])
    ]


def changed(pagination: Pagination, changes: Iterable[Change]) -> Pagination:
    """The pagination with changes of its own settings made."""
    return PAGINATION.validate_python({**pagination.dump(), **{change.setting: change.after for change in changes}})


def schema_of(value: Any, depth: int = 0) -> dict[str, Any]:
    """A JSON Schema of a sample, as far as guesses need it."""
    if isinstance(value, dict) and depth < 8:
        return {"type": "object", "properties": {str(key): schema_of(item, depth + 1) for key, item in list(value.items())[:200]}}
    if isinstance(value, list):
        first = next((item for item in value if item is not None), None)
        return {"type": "array", "items": schema_of(first, depth + 1) if first is not None else {}}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return {"type": "integer"}
    if isinstance(value, float):
        return {"type": "number"}
    if isinstance(value, str):
        return {"type": "string", **({"format": "uri"} if value.startswith(("http://", "https://", "/", "?")) else {})}
    return {}


def _over(present: Pagination, found: Pagination) -> Pagination:
    """A guess with everything else as the present settings have it, if they are of the same type."""
    guess = _sized(present, found)
    if present.type != guess.type:
        return guess
    return PAGINATION.validate_python({**present.model_dump(), **guess.model_dump(exclude_defaults=True)})


def _sized(present: Pagination, found: Pagination) -> Pagination:
    """A guess with the page size and the page limit of the present settings."""
    kept = ("default_page_size", "default_page_limit", "max_page_size")
    values: dict[str, Any] = {name: getattr(present, name) for name in kept if hasattr(present, name)}
    return PAGINATION.validate_python({**found.model_dump(), **values})


def _pages_total(pages: list[PageSeen]) -> list[Change]:
    """A number of pages that every answer names in the same way."""
    for name in _PAGES_HEADERS:
        values = {page.headers.get(name) for page in pages}
        text = next(iter(values))
        if len(values) == 1 and text.isdecimal() and int(text) >= len(pages):
            evidence = f"the header {name} says {text} on every page"
            return [Change("totalHeader", "", name, evidence), Change("totalCounts", "records", "pages", evidence)]
    for path, figure in totals.page_counts(pages[0].body):
        same = all((path, figure) in totals.page_counts(page.body) for page in pages)
        if same and figure >= len(pages):
            evidence = f"{path} says {figure} on every page"
            return [Change("totalPath", "", path, evidence), Change("totalCounts", "records", "pages", evidence)]
    return []


def _field_names(body: Any, depth: int = 0) -> list[str]:
    """The names of the plain fields outside lists, near ones first."""
    if not isinstance(body, dict) or depth > 2:
        return []
    inner = [name for value in body.values() for name in _field_names(value, depth + 1)]
    return [*(str(name) for name, value in body.items() if not isinstance(value, dict | list)), *inner][: _SAMPLED * 5]


def _links(headers: Headers) -> str:
    return ", ".join(headers.get_all("Link")).lower().replace("rel=next", 'rel="next"')


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
