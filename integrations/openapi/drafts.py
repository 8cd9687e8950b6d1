"""Paths of a document (OpenAPI 3) -> drafts of operations: path items and operations joined, parameters repaired."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from integrations.openapi import body_parameters, repair, strict_json
from integrations.openapi.document import METHODS
from integrations.openapi.findings import Report, listed, pointer, shortened
from integrations.openapi.limits import DocumentError, Limits
from integrations.openapi.references import References
from integrations.operation import placeholders

_MAX_PARAMETERS = 1000  # of one list; real documents have at most 150
SPECIFIC = "Describe it as the OpenAPI specification says, or add this action by hand."


@dataclass
class Draft:
    """An operation on its way: what the document says about it, before keys and names are unique.

    `raw` is the operation with its references followed, `parameters` are those of path item and operation, each with name and place, in
    lists that it may share with other operations. `where` is its pointer, `schemas` are those of body and response as they were made for it.
    """

    method: str
    path: str
    where: str
    raw: dict[str, Any]
    parameters: tuple[list[dict[str, Any]], ...]
    reserved_key: str = ""
    name: str = ""
    schemas: dict[str, dict[str, Any]] = field(default_factory=dict)


class _Item(NamedTuple):
    """A path item: the path that goes over the wire, its placeholders, the parameters that stood in its key, its pointer and its content."""

    path: str
    wanted: frozenset[str]
    inside: list[dict[str, Any]]
    where: str
    content: dict[str, Any]


class _List(NamedTuple):
    """A list of parameters in which nothing has to be mended: the parameters, their places and names, the names of those in the path."""

    parameters: list[dict[str, Any]]
    keys: frozenset[tuple[str, str]]
    in_path: frozenset[str]


_EMPTY = _List([], frozenset(), frozenset())


class _Lists:
    """The lists of parameters of one document. Most are declared again and again in the same words, and are looked at once."""

    def __init__(self, references: References) -> None:
        self.references = references
        self._known: dict[bytes, _List | None] = {}
        self._met: dict[int, tuple[Any, _List | None]] = {}  # by id; with what has it, so that it is not given to another

    def of(self, item: _Item, raw: dict[str, Any], where: str) -> tuple[list[dict[str, Any]], ...] | None:
        """The parameters of an operation: those of its path item and its own; None if something in them has to be mended."""
        above = self._tidy(item.content.get("parameters"), item.where)
        own = self._tidy(raw.get("parameters"), where) if above else None
        if not above or not own or item.inside or not above.keys.isdisjoint(own.keys) or above.in_path | own.in_path != item.wanted:
            return None
        return above.parameters, own.parameters

    def _tidy(self, declared: Any, where: str) -> _List | None:
        if declared is None:
            return _EMPTY
        if not isinstance(declared, list) or len(declared) > _MAX_PARAMETERS:
            return None
        if met := self._met.get(id(declared)):
            return met[1]
        words = strict_json.words(declared)
        if words not in self._known:
            self._known[words] = self._looked_at(declared, words, where)
        self._met[id(declared)] = declared, self._known[words]
        return self._known[words]

    def _looked_at(self, declared: list[Any], words: bytes, where: str) -> _List | None:
        found = []
        references = 0
        for n, entry in enumerate(declared):
            parameter = entry
            if isinstance(entry, dict) and len(entry) == 1 and isinstance(ref := entry.get("$ref"), str) and "%" not in ref:
                references += 1
                parameter = self.references.target(ref, f"{where}/parameters/{n}")
            if not isinstance(parameter, dict) or "$ref" in parameter or not repair.is_tidy(parameter):
                return None
            found.append(parameter)
        if words.count(b'"$ref"') != references:
            return None  # a reference in a schema is looked at wherever it stands
        keys = frozenset(map(repair.place_and_name, found))
        in_path = frozenset(parameter["name"] for parameter in found if parameter["in"] == "path")
        return _List(found, keys, in_path) if len(keys) == len(found) else None


def read(document: dict[str, Any], references: References, limits: Limits, report: Report) -> Iterator[Draft]:
    """A draft of every operation, in the order of the document. Raises DocumentError beyond the limit of operations."""
    count = 0
    lists = _Lists(references)
    for item in _items(document, references, report):
        for name in item.content:
            if name.lower() not in METHODS:
                continue
            count += 1
            if count > limits.max_operations:
                raise DocumentError(
                    f"The document has more than {limits.max_operations:,} operations, the most that can be imported. "
                    "Split it, or remove the paths that you do not need."
                )
            draft = _draft(item, name, lists, references, report)
            if draft:
                yield draft


def _items(document: dict[str, Any], references: References, report: Report) -> Iterator[_Item]:
    paths = document.get("paths")
    for key, value in paths.items() if isinstance(paths, dict) else ():
        if key.startswith("x-"):
            continue
        where = pointer("paths", key)
        content = references.resolve(value, where)
        if not isinstance(content, dict):
            if value is not None:
                report.find(
                    "error", "path-item", where, f"The path {shortened(key, 200)} has no readable content and was left out.", SPECIFIC
                )
        elif any(name.lower() in METHODS for name in content):
            path, inside = repair.path_key(key, where, report)
            yield _Item(path, frozenset(placeholders(path)), inside, where, content)


def _draft(item: _Item, name: str, lists: _Lists, references: References, report: Report) -> Draft | None:
    where, method = f"{item.where}/{name}", name.upper()
    declared = item.content[name]
    raw = references.resolve(declared, where)
    if raw is None:
        raw = {}
        if declared is None:
            report.repair("operation", where, None, {}, "The operation has no content; it was taken as one without parameters.")
    if not isinstance(raw, dict):
        report.find("error", "operation", where, f"{method} {shortened(item.path, 200)} is no object and was left out.", SPECIFIC)
        return None
    if (shared := lists.of(item, raw, where)) is not None:
        return Draft(method, item.path, where, raw, shared)
    found = [(where, parameter) for parameter in item.inside]
    for place, parameters in ((item.where, item.content.get("parameters")), (where, raw.get("parameters"))):
        found += _parameters(parameters, item.path, f"{place}/parameters", where, references, report)
    in_body = [pair for pair in found if pair[1]["in"] in body_parameters.IN_BODY]
    if in_body:
        found = [pair for pair in found if pair[1]["in"] not in body_parameters.IN_BODY]
        raw = _with_body(raw, in_body, where, report)
    declared_once = repair.once(found, report)
    path = repair.with_braces(item.path, declared_once, where, report)
    return Draft(method, path, where, raw, (repair.fitted_to_path(declared_once, path, where, report),))


def _with_body(raw: dict[str, Any], in_body: body_parameters.Placed, where: str, report: Report) -> dict[str, Any]:
    """The operation with a body instead of the parameters that Swagger 2.0 would have declared it by."""
    names = [parameter["name"] for _, parameter in in_body]
    told = f"OpenAPI 3 has no parameters in body or formData ({listed(names)})"
    if "requestBody" in raw:
        report.repair("oas3-body-parameters", where, names, "removed", f"{told}; the requestBody was kept, they were left out.")
        return raw
    made = body_parameters.request_body(in_body, body_parameters.texts(raw.get("consumes")), where, report)
    report.repair(
        "oas3-body-parameters", where, names, {"requestBody": list((made or {}).get("content", {}))}, f"{told}; they became the body."
    )
    return {**raw, "requestBody": made}


def _parameters(
    declared: Any, path: str, where: str, operation: str, references: References, report: Report
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The parameters of a list with their pointers."""
    declared = references.resolve(declared, where)
    if isinstance(declared, dict):  # by name, as under components
        message = "The parameters are an object instead of a list; its values were taken."
        report.repair("operation-parameters", where, sorted(map(str, declared)), "a list", message)
    named = declared if isinstance(declared, dict) else dict(enumerate(declared)) if isinstance(declared, list) else {}
    if len(named) > _MAX_PARAMETERS:
        message = f"A list has {len(named):,} parameters; the first {_MAX_PARAMETERS:,} were taken."
        report.find("warning", "operation-parameters", where, message, "Remove those that you do not need.")
    for key, value in islice(named.items(), _MAX_PARAMETERS):
        place = f"{where}/{key}" if key.__class__ is int else pointer(key, base=where)
        parameter = references.resolve(value, place)
        if isinstance(parameter, dict):
            placed = repair.named_and_placed(parameter, path, place, operation, report)
            if placed:
                yield place, placed
        elif not isinstance(value, dict):
            report.repair("operation-parameters", place, value, "removed", "A parameter that is no object was left out.")
