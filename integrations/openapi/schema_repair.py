"""The import doctor for the schemas of bodies: what a form could not be built from, or what no value could fulfil, is mended.

Schemas are mended after their references were followed, so a row points at the body and names the field inside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from integrations.openapi import rules
from integrations.openapi.findings import MAX_CHANGES, Change, Repair, Report, pointer, shortened

ONE = frozenset({"items", "additionalProperties", "not", "contains", "if", "then", "else", "propertyNames"})
_LIST = frozenset({"oneOf", "anyOf", "prefixItems"})
_MAP = frozenset({"properties", "patternProperties", "dependentSchemas"})
NESTING = frozenset({*ONE, *_LIST, *_MAP})
_ALTERNATIVES = frozenset({"oneOf", "anyOf", "patternProperties"})  # their fields may be the required ones


class SchemaDoctor:
    """Mends the schemas of one import; parts that several bodies share are looked at once."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self._patterns = rules.Patterns()
        # The schemas themselves, not only their ids: an id may be given again once its owner is gone.
        self._seen: dict[int, dict[str, Any]] = {}
        # What was mended, by the id of the schema: its row, the pointer within the schema, before and after.
        self._mended: dict[int, list[tuple[Repair, str, Any, Any]]] = {}

    def mend(self, schema: dict[str, Any], where: str) -> None:
        """Change the schema of the body at the pointer `where` in place, and say what was changed."""
        stack: list[tuple[dict[str, Any], tuple[str, ...], bool]] = [(schema, (), False)]
        while stack:
            node, path, joined = stack.pop()
            if id(node) in self._seen:
                continue
            self._seen[id(node)] = node
            if "pattern" in node:
                self._pattern(node, where, path)
            if NESTING.isdisjoint(node):
                continue
            if "required" in node and not joined and _ALTERNATIVES.isdisjoint(node):
                self._required(node, where, path)
            for key, value in node.items():
                if key in _MAP and isinstance(value, dict):
                    # Most fields hold no other schema and have no pattern: nothing in them can be wrong.
                    stack += [
                        (child, (*path, name), False)
                        for name, child in value.items()
                        if child.__class__ is dict and ("pattern" in child or not NESTING.isdisjoint(child))
                    ]
                elif key in ONE and isinstance(value, dict):
                    stack.append((value, (*path, key), False))
                elif key in _LIST and isinstance(value, list):
                    stack += [(child, path, True) for child in value if isinstance(child, dict)]

    def _pattern(self, node: dict[str, Any], where: str, path: tuple[str, ...]) -> None:
        pattern = node.get("pattern")
        if not isinstance(pattern, str):
            return
        if not self._patterns.fault(pattern):
            plain = self._patterns.for_python(pattern)
            if plain != pattern:
                node["pattern"] = plain
                message = f"The pattern of {_field(path)} is written as JavaScript alone reads it; it was rewritten so that others do."
                row = self.report.repair("schema-pattern-dialect", where, pattern, plain, message)
                self._note(node, row, [("/pattern", pattern, plain)])
            return
        del node["pattern"]
        message = f"The pattern of {_field(path)} is no valid regular expression, so no value could match it; it was removed."
        self._note(node, self.report.repair("schema-pattern", where, pattern, "removed", message), [("/pattern", pattern, None)])

    def _required(self, node: dict[str, Any], where: str, path: tuple[str, ...]) -> None:
        required, properties = node.get("required"), node.get("properties")
        if not isinstance(required, list) or not isinstance(properties, dict) or "$comment" in node:
            return  # where properties were left out for their number, absence says nothing
        absent = [name for name in required if isinstance(name, str) and name not in properties]
        for name in absent:
            properties[name] = {}
        if absent:
            names = shortened(", ".join(absent), 200)
            message = f"{_field(path)} requires {names}, which its properties lack; added as fields that take any value."
            row = self.report.repair("schema-required", where, None, {"properties": absent}, message[:1].upper() + message[1:])
            self._note(node, row, [(pointer("properties", name), None, {}) for name in absent])

    def _note(self, node: dict[str, Any], row: Repair | None, changes: list[tuple[str, Any, Any]]) -> None:
        if row:
            self._mended.setdefault(id(node), []).extend((row, *change) for change in changes)

    def name_changes(self, bodies: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Say in the rows what was changed in which action, now that all bodies are made: a mended schema may be a part of several.

        `bodies` are the keys of actions and the schemas of their bodies.
        """
        if not self._mended:
            return
        for key, schema in bodies:
            for node, place in _nodes(schema, "/body/schema"):
                for row, part, before, after in self._mended.get(id(node), ()):
                    if len(row.changes) <= MAX_CHANGES:
                        row.changes.append(Change(key, place + part, before, after))


def _nodes(schema: dict[str, Any], place: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Every schema within a schema, each as often as it stands there, with its pointer."""
    stack = [(schema, place)]
    while stack:
        node, place = stack.pop()
        yield node, place
        for key in _MAP:
            if isinstance(node.get(key), dict):
                stack += ((child, pointer(key, name, base=place)) for name, child in node[key].items() if isinstance(child, dict))
        stack += ((node[key], f"{place}/{key}") for key in ONE if isinstance(node.get(key), dict))
        for key in _LIST:
            if isinstance(node.get(key), list):
                stack += ((child, f"{place}/{key}/{n}") for n, child in enumerate(node[key]) if isinstance(child, dict))


def _field(path: tuple[str, ...]) -> str:
    return f"the field {shortened('.'.join(path), 100)}" if path else "the body"
