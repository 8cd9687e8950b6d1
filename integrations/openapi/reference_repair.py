"""The import doctor for `$ref`: references that lead nowhere, in a circle, are percent-encoded, or have keys beside them.

References are followed while schemas are made, so what was done is noted by the schema that was made of it, and told once all
operations are there: only then is it known in which actions it ended up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote

from integrations.openapi.findings import MAX_CHANGES, Change, Repair, Report, pointer, shortened
from integrations.openapi.schema_repair import NESTING, ONE

Kind = Literal["resolving-references", "circular-references", "ref-percent-encoded", "no-$ref-siblings"]
_MAX_NODES = 2_000_000  # of the document, when the places of references are looked up


class Held(NamedTuple):
    """A schema that an action holds: the action's key, its place there, the schema, and what it was before its outermost object was copied."""

    action: str
    place: str
    schema: dict[str, Any]
    original: dict[str, Any]


@dataclass
class _Mend:
    """One repair on its way. `before` is or stands for `node`, which `where` is near; `is_schema` is false for parameters and the like."""

    kind: Kind
    before: dict[str, Any]
    node: Any
    where: str
    is_schema: bool
    after: Any

    @property
    def ref(self) -> str:
        return shortened(str(self.before["$ref"]), 200)

    @property
    def message(self) -> str:
        match self.kind:
            case "resolving-references":
                done = "what it stands for takes any value" if self.is_schema else "what it stands for was left out"
                return f"The reference {self.ref} leads nowhere; {done}."
            case "circular-references":
                return f"The reference {self.ref} leads back to where it stands; it was cut where it closes the circle."
            case "ref-percent-encoded":
                return f"The reference {self.ref} is percent-encoded; it was read as {shortened(unquote(str(self.before['$ref'])), 200)}."
            case "no-$ref-siblings":
                return f"What stands beside the reference {self.ref} counts for nothing before OpenAPI 3.1; it was kept all the same."


class _Hit(NamedTuple):
    """A repair, the node of the document, the schema that was made of it, and the pointer of that within the schema around it."""

    mend: _Mend
    node: Any
    made: dict[str, Any]
    place: str


class ReferenceDoctor:
    """Notes what was done about the references of one document; `siblings` says whether they may have keys beside them (3.1)."""

    def __init__(self, report: Report, *, siblings: bool) -> None:
        self.report, self.siblings = report, siblings
        # By the id of the node in the document: what is wrong with its reference.
        self.flawed: dict[int, list[_Mend]] = {}
        self._mends: dict[tuple[str, Any], _Mend] = {}
        # By the id of a schema that was made: the schema, kept so that its id is not given again, and the repairs with
        # the nodes that it was made of.
        self._made: dict[int, tuple[dict[str, Any], list[tuple[_Mend, Any]]]] = {}

    def look(self, node: dict[str, Any], target: Any, where: str, *, is_schema: bool) -> None:
        """Note what is wrong with the reference of a node that leads to `target`."""
        ref = node["$ref"]
        if target is None:
            self._note("resolving-references", node, ref, where, {} if is_schema else "removed", is_schema=is_schema)
            return
        if "%" in ref and ref.startswith("#") and unquote(ref) != ref:
            self._note("ref-percent-encoded", node, ref, where, {"$ref": unquote(ref)}, is_schema=is_schema)
        if len(node) > 1 and not self.siblings:
            beside = {key: value for key, value in node.items() if key != "$ref" and not key.startswith("x-")}
            if beside:
                self._note("no-$ref-siblings", node, id(node), where, beside, is_schema=is_schema)

    def _note(self, kind: Kind, node: dict[str, Any], what: Any, where: str, after: Any, *, is_schema: bool) -> None:
        mend = self._mends.get((kind, what))
        if mend is None:
            mend = self._mends[kind, what] = _Mend(kind, node, node, where, is_schema, after)
        noted = self.flawed.setdefault(id(node), [])
        if all(known is not mend for known in noted):
            noted.append(mend)

    def made(self, part: dict[str, Any], node: Any, schema: dict[str, Any]) -> None:
        """Note that `schema` was made of `node`, which is `part` or has it in an allOf, if the reference of `part` was repaired."""
        for mend in self.flawed.get(id(part), ()):
            self._add(mend, node, schema)

    def cut(self, node: Any, ref: str, where: str, schema: dict[str, Any]) -> None:
        """Note that `schema`, made of `node`, was cut because the reference `ref` closes a circle."""
        mend = self._mends.get(("circular-references", ref))
        if mend is None:
            mend = _Mend("circular-references", {"$ref": ref}, node, where, True, {"$comment": schema["$comment"]})
            self._mends["circular-references", ref] = mend
        self._add(mend, node, schema)

    def in_chain(self, node: dict[str, Any], ref: str, where: str) -> None:
        """Note a reference that leads to itself by other references, with nothing at its end."""
        self._mends.setdefault(("circular-references", ref), _Mend("circular-references", {"$ref": ref}, node, where, False, "removed"))

    def _add(self, mend: _Mend, node: Any, schema: dict[str, Any]) -> None:
        self._made.setdefault(id(schema), (schema, []))[1].append((mend, node))

    def settle(self, root: dict[str, Any], schemas: Iterable[Held], alone: Callable[[str], dict[str, Any]]) -> None:
        """Write the rows, each with what undoing it changes. `alone` gives the schema that a reference leads to by itself."""
        if not self._mends:
            return
        places = _places(root, {id(mend.node) for mend in self._mends.values()})
        rows: dict[int, Repair] = {}
        for mend in self._mends.values():
            where = places.get(id(mend.node), mend.where)
            row = self.report.repair(mend.kind, where, mend.before, mend.after, mend.message)
            if row:
                rows[id(mend)] = row
        inside: dict[int, list[_Hit]] = {}  # by the id of a schema, which several actions may share
        for held in schemas:
            if id(held.original) not in inside:
                inside[id(held.original)] = self._hits(held.original)
            for hit in inside[id(held.original)]:
                row = rows.get(id(hit.mend))
                if row and len(row.changes) <= MAX_CHANGES:
                    made = held.schema if hit.made is held.original else hit.made
                    row.changes.extend(_changes(hit.mend, hit.node, held.action, held.place + hit.place, made, alone))

    def _hits(self, schema: dict[str, Any]) -> list[_Hit]:
        """The repaired references that a schema was made with."""
        found = []
        stack: list[tuple[dict[str, Any], tuple[Any, ...]]] = [(schema, ())]
        while stack:
            made, trail = stack.pop()
            noted = self._made.get(id(made))
            for mend, node in noted[1] if noted else ():
                found.append(_Hit(mend, node, made, pointer(*_tokens(trail))))
            for key in NESTING.intersection(made):
                child = made[key]
                if key in ONE:
                    if child.__class__ is dict and (not NESTING.isdisjoint(child) or id(child) in self._made):
                        stack.append((child, (key, trail)))
                    continue
                for name, part in child.items() if child.__class__ is dict else enumerate(child) if child.__class__ is list else ():
                    if part.__class__ is dict and (not NESTING.isdisjoint(part) or id(part) in self._made):
                        stack.append((part, (name, (key, trail))))
        return found


def _changes(mend: _Mend, node: Any, action: str, place: str, made: dict[str, Any], alone: Callable[[str], dict[str, Any]]) -> list[Change]:
    """What the repair changed at one place of an action: the whole schema; of siblings each of them."""
    if mend.kind != "no-$ref-siblings" or node is not mend.node:
        return [Change(action, place, node, made or (None if place == "/responseSchema" else {}))]
    bare = alone(node["$ref"])
    return [
        Change(action, pointer(key, base=place), bare.get(key), made[key])
        for key in mend.after
        if key in made and not isinstance(made[key], dict) and bare.get(key) != made[key]
    ]


def _places(root: dict[str, Any], wanted: set[int]) -> dict[int, str]:
    """The pointers of the nodes with these ids, as far as the document itself holds them."""
    found: dict[int, str] = {}
    seen: set[int] = set()
    stack: list[tuple[Any, tuple[Any, ...]]] = [(root, ())]
    while stack and len(found) < len(wanted) and len(seen) < _MAX_NODES:
        node, trail = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if id(node) in wanted:
            found[id(node)] = pointer(*_tokens(trail))
        for token, child in reversed(list(node.items() if isinstance(node, dict) else enumerate(node))):
            if isinstance(child, dict | list) and child:
                stack.append((child, (token, trail)))
    return found


def _tokens(trail: tuple[Any, ...]) -> Iterator[Any]:
    found = []
    while trail:
        found.append(trail[0])
        trail = trail[1]
    return reversed(found)
