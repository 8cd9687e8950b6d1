"""The built-in linter: one walk over the document as it was uploaded, one look at its operations, one at its circles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson

from integrations.openapi import rules
from integrations.openapi.document import METHODS, Document
from integrations.openapi.findings import Report, pointer, shortened

# Below these keys stands data, not description: nothing in it is a schema.
_DATA = frozenset({"example", "examples", "default", "enum", "const", "x-examples"})
_JOINING = ("allOf", "oneOf", "anyOf")
_NAMING = ("properties", "patternProperties")
_LOUD = re.compile(rb'"pattern":|"required":\[|"#/paths/')
# Bounds of the walk: far beyond any description, they keep a hostile document from filling memory.
_MAX_NODES = 2_000_000
_MAX_CHILDREN = 100_000
_MAX_REQUIRED = 5_000


# Where a node is: (token, trail of the object around it), from the inside out. Cheap to extend, written out only when something is found.
Trail = tuple[Any, ...]


def tokens(trail: Trail) -> list[str]:
    found: list[str] = []
    while trail:
        found.append(str(trail[0]))
        trail = trail[1]
    return found[::-1]


def _outermost(trail: Trail) -> Any:
    while trail[1]:
        trail = trail[1]
    return trail[0]


@dataclass(frozen=True)
class Linter:
    """Who looked for faults: "junction" for these rules, else the name of a program and the version that it says it has."""

    name: str = "junction"
    version: str = ""


def run(document: Document, report: Report) -> Linter:
    """Report every breach of the rules in the document as it was uploaded."""
    root = document.root
    info = root.get("info")
    if not isinstance(info, dict) or not info.get("description"):
        _breach(rules.DESCRIPTION, "/info", "The document has no description.", report)
    _operations(root, report)
    references = _schema_faults(_without_quiet_paths(root), report)
    if any(ref.startswith("#/paths/") for _, ref in references):  # then the others may be on a circle too
        references = _schema_faults(root, report)
    for place, ref in circles(references):
        _breach(rules.CIRCULAR, place, f"The reference {shortened(ref, 200)} leads back to where it stands.", report)
    return Linter()


def _schema_faults(root: dict[str, Any], report: Report) -> list[tuple[Trail, str]]:
    """Report what is wrong with single schemas; all references of the document, each with the place where it stands."""
    patterns = rules.Patterns()
    references: list[tuple[Trail, str]] = []
    for node, trail, joined in _schemas(root):
        if "$ref" in node and isinstance(node["$ref"], str) and node["$ref"].startswith("#/"):
            references.append((trail, node["$ref"]))
        if "pattern" in node:
            _pattern(node, trail, patterns, report)
        if "required" in node and not joined:
            _required(node, trail, report)
    return references


def _breach(rule: rules.Rule, place: str, message: str, report: Report) -> None:
    report.find(rule.severity, rule.id, place, message, rule.remedy)


def _operations(root: dict[str, Any], report: Report) -> None:
    paths = root.get("paths")
    if not isinstance(paths, dict) or not paths:
        _breach(rules.NO_PATHS, "/paths", "The document has no paths, so there is nothing to call.", report)
        return
    first: dict[str, tuple[str, str]] = {}
    for path, item in paths.items():
        if path.startswith("x-"):
            continue
        if len(path) > 1 and path.endswith("/"):
            _breach(rules.TRAILING_SLASH, pointer("paths", path), f"The path {shortened(path, 200)} ends with a slash.", report)
        for method, operation in item.items() if isinstance(item, dict) else ():
            if method.lower() not in METHODS or not isinstance(operation, dict) or "$ref" in operation:
                continue
            operation_id = operation.get("operationId")
            if not operation_id:
                _breach(
                    rules.OPERATION_ID,
                    pointer("paths", path, method),
                    f"{method.upper()} {shortened(path, 200)} has no operationId.",
                    report,
                )
            elif str(operation_id) in first:
                other, its_path = first[str(operation_id)]
                owner = f"{other.upper()} {shortened(its_path, 200)}"
                message = f"The operationId {shortened(str(operation_id), 100)} belongs to {owner} already."
                _breach(rules.OPERATION_ID_UNIQUE, pointer("paths", path, method, "operationId"), message, report)
            else:
                first[str(operation_id)] = method, path


def _without_quiet_paths(root: dict[str, Any]) -> dict[str, Any]:
    """The document without the paths that hold nothing to look at: no pattern, no list of required fields, no reference to a path.

    Most of a large document are paths that only refer to schemas, and a reference that nothing leads to is on no circle. Writing such a
    path as JSON, to search it, takes a tenth of the time of a walk.
    """
    paths = root.get("paths")
    if not isinstance(paths, dict):
        return root
    return {**root, "paths": {path: item for path, item in paths.items() if not _is_quiet(item)}}


def _is_quiet(item: Any) -> bool:
    try:
        written = orjson.dumps(item)
    except orjson.JSONEncodeError:
        return False
    return not _LOUD.search(written)


def _schemas(root: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Trail, bool]]:
    """Every object outside of example data that has something to look at, each once though aliases share it; whether it is a part of an
    allOf, oneOf or anyOf.
    """
    seen: set[int] = set()
    # An entry: node, where, whether it maps free names (properties), whether it is joined to others.
    stack: list[tuple[Any, Trail, bool, bool]] = [(root, (), False, False)]
    while stack:
        node, trail, names, joined = stack.pop()
        if id(node) in seen or len(seen) > _MAX_NODES:
            continue
        seen.add(id(node))
        if node.__class__ is list:
            inside = bool(trail) and trail[0] in _JOINING
            for n, child in enumerate(node[:_MAX_CHILDREN]):
                if ((kind := child.__class__) is dict or kind is list) and child:
                    stack.append((child, (n, trail), False, inside))
            continue
        if not names and ("$ref" in node or "pattern" in node or "required" in node):
            yield node, trail, joined
        for key, child in node.items() if len(node) <= _MAX_CHILDREN else islice(node.items(), _MAX_CHILDREN):
            if ((kind := child.__class__) is dict or kind is list) and child:
                if names:
                    stack.append((child, (key, trail), False, False))
                elif key not in _DATA and not key.startswith("x-"):
                    stack.append((child, (key, trail), key in _NAMING, joined and key in _JOINING))


def _place(trail: Trail, *more: str) -> str:
    return pointer(*tokens(trail), *more)


def _pattern(node: dict[str, Any], trail: Trail, patterns: rules.Patterns, report: Report) -> None:
    pattern = node["pattern"]
    if isinstance(pattern, str) and (fault := patterns.fault(pattern)):
        _breach(
            rules.SCHEMA,
            _place(trail, "pattern"),
            f"The pattern {shortened(pattern, 100)} is not a valid regular expression: {fault}.",
            report,
        )


def _required(node: dict[str, Any], trail: Trail, report: Report) -> None:
    """Names in `required` without a property."""
    required, properties = node["required"], node.get("properties")
    if not isinstance(required, list) or not isinstance(properties, dict):
        return
    if any(key in node for key in ("$ref", "allOf", "oneOf", "anyOf", "patternProperties")):
        return
    for n, name in enumerate(required[:_MAX_REQUIRED]):
        if isinstance(name, str) and name not in properties:
            _breach(
                rules.REQUIRED,
                _place(trail, "required", str(n)),
                f"The required field {shortened(name, 100)} is not in properties.",
                report,
            )


def circles(references: list[tuple[Trail, str]]) -> list[tuple[str, str]]:
    """The references that lie on a circle, as (pointer, reference), one for each circle of definitions.

    A definition leads to another if a reference inside it points there; definitions that lead to each other form a circle
    (strongly connected, Tarjan 1972).
    """
    targets = {ref for _, ref in references}
    drawers = {ref.split("/", 2)[1] for ref in targets}  # components, definitions: elsewhere nothing can be pointed at
    depths = sorted({ref.count("/") for ref in targets})
    edges: dict[str, list[tuple[str, Trail]]] = {}
    for trail, ref in references:
        if not trail or _outermost(trail) not in drawers:
            continue
        steps = tokens(trail)
        for depth in depths:
            if depth <= len(steps) and (place := pointer(*steps[:depth], base="#")) in targets:
                edges.setdefault(place, []).append((ref, trail))
    group = _components(edges)
    found: dict[int, tuple[str, str]] = {}
    for source, leads in edges.items():
        for ref, trail in leads:
            if ref in group and group[source] == group[ref]:
                found.setdefault(group[source], (_place(trail), ref))
    return list(found.values())


def _components(edges: dict[str, list[tuple[str, Trail]]]) -> dict[str, int]:
    """The number of the strongly connected component of every node; without recursion."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    group: dict[str, int] = {}
    path: list[str] = []
    for start, first in edges.items():
        if start in index:
            continue
        work: list[tuple[str, Iterator[tuple[str, Trail]]]] = [(start, iter(first))]
        index[start] = low[start] = len(index)
        path.append(start)
        while work:
            node, leads = work[-1]
            for ref, _ in leads:
                if ref not in edges:
                    continue
                if ref not in index:
                    index[ref] = low[ref] = len(index)
                    path.append(ref)
                    work.append((ref, iter(edges[ref])))
                    break
                if ref not in group:
                    low[node] = min(low[node], index[ref])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    while True:
                        member = path.pop()
                        group[member] = index[node]
                        if member == node:
                            break
    return group
