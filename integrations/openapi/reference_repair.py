"""The import doctor for `$ref`: references that lead nowhere, in a circle, are percent-encoded, or have keys beside them.

References are followed while schemas are made, so what was done is noted by the schema that was made of it, and told once all
operations are there: only then is it known in which actions it ended up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

from integrations.openapi.findings import MAX_CHANGES, Change, Repair, Report, pointer, shortened

Kind = Literal["resolving-references", "circular-references", "ref-percent-encoded", "no-$ref-siblings"]
_MAX_NODES = 2_000_000  # of the document, when the places of references are looked up
Keys = tuple[Any, ...]  # that lead to a schema, the innermost first: ("name", ("properties", ()))


@dataclass(slots=True)
class Held:
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


@dataclass(slots=True)
class Mended:
    """A schema that was made with a repair: the repair, the node of the document, the schema, and the keys that lead to it from the schema
    around it, the innermost first: `("name", ("properties", ()))`.
    """

    mend: _Mend
    node: Any
    made: dict[str, Any]
    trail: Keys


@dataclass(slots=True)
class Inside:
    """What was mended inside a schema that others share, and the keys that lead to it from the schema around it."""

    mended: list[Mended | Inside]
    trail: Keys


# What a repair changed in a schema: the changes of its row, the pointer within the schema around it, what was there before and is there
# after. The last is the schema itself where all of it was changed: its `after` depends on the action.
_Hit = tuple[list[Change], str, Any, Any, dict[str, Any] | None]


class ReferenceDoctor:
    """Notes what was done about the references of one document; `siblings` says whether they may have keys beside them (3.1)."""

    def __init__(self, report: Report, *, siblings: bool) -> None:
        self.report, self.siblings = report, siblings
        # By the id of the node in the document: what is wrong with its reference.
        self.flawed: dict[int, list[_Mend]] = {}
        self._mends: dict[tuple[str, Any], _Mend] = {}
        # By the id of a schema that operations hold: the schema, kept so that its id is not given again, and what was mended in it.
        self._held: dict[int, tuple[dict[str, Any], list[Mended | Inside]]] = {}

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

    def made(self, part: dict[str, Any], node: Any, schema: dict[str, Any], trail: tuple[Any, ...]) -> list[Mended]:
        """That `schema` was made of `node`, which is `part` or has it in an allOf, as far as the reference of `part` was repaired."""
        return [Mended(mend, node, schema, trail) for mend in self.flawed.get(id(part), ())]

    def cut(self, node: Any, ref: str, where: str, schema: dict[str, Any], trail: tuple[Any, ...]) -> Mended:
        """That `schema`, made of `node`, was cut because the reference `ref` closes a circle."""
        mend = self._mends.get(("circular-references", ref))
        if mend is None:
            mend = _Mend("circular-references", {"$ref": ref}, node, where, True, {"$comment": schema["$comment"]})
            self._mends["circular-references", ref] = mend
        return Mended(mend, node, schema, trail)

    def hold(self, schema: dict[str, Any], mended: list[Mended | Inside]) -> None:
        """Note what was mended in a schema, at any depth, that operations may hold."""
        if mended:
            self._held[id(schema)] = (schema, mended)

    def in_chain(self, node: dict[str, Any], ref: str, where: str) -> None:
        """Note a reference that leads to itself by other references, with nothing at its end."""
        self._mends.setdefault(("circular-references", ref), _Mend("circular-references", {"$ref": ref}, node, where, False, "removed"))

    def settle(self, root: dict[str, Any], schemas: list[Held], alone: Callable[[str], dict[str, Any]]) -> None:
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
        hits = _Hits(rows, alone)
        holding = Counter((id(held.original), held.place) for held in schemas)  # several actions may hold the same schema
        looked = {known: _inside(known[1], hits.of(self._held.get(known[0], (None, []))[1])) for known in holding}
        sizes: Counter[int] = Counter()  # of the lists of changes: what is too long to be undone is not written down
        for known, found in looked.items():
            for listed, *_ in found:
                sizes[id(listed)] += holding[known]
        for known, found in looked.items():
            looked[known] = [hit for hit in found if sizes[id(hit[0])] <= MAX_CHANGES]
        for held in schemas:
            for listed, where, before, after, made in looked[id(held.original), held.place]:
                if made is not None:
                    after = (held.schema if made is held.original else after) or (None if where == "/responseSchema" else {})  # noqa: PLW2901
                listed.append(Change(held.action, where, before, after))


def _inside(place: str, hits: list[_Hit]) -> list[_Hit]:
    """The same changes seen from a schema further out, in which the schema that was changed stands at `place`."""
    return [(listed, place + inner, before, after, made) for listed, inner, before, after, made in hits]


class _Hits:
    """What repairs changed in schemas. `rows` has the row of each repair that has one, by its id."""

    def __init__(self, rows: dict[int, Repair], alone: Callable[[str], dict[str, Any]]) -> None:
        self.rows, self.alone = rows, alone
        self._beside: dict[int, list[tuple[str, Any, Any]]] = {}  # by the id of a repair
        self._shared: dict[int, list[_Hit]] = {}  # by the id of what was mended inside a schema that others share
        self._known: dict[int, str] = {}  # the pointers of keys that lead to several schemas, by their id

    def of(self, mended: list[Mended | Inside]) -> list[_Hit]:
        found: list[_Hit] = []
        for one in mended:
            if isinstance(one, Inside):
                if id(one.mended) not in self._shared:
                    self._shared[id(one.mended)] = self.of(one.mended)
                if shared := self._shared[id(one.mended)]:
                    found += _inside(self._place(one.trail), shared)
            elif id(one.mend) in self.rows:
                found += self._hits(one)
        return found

    def _hits(self, mended: Mended) -> list[_Hit]:
        """What a repair changed in a schema: the whole of it; of siblings each of them."""
        mend, made = mended.mend, mended.made
        listed, place = self.rows[id(mend)].changes, self._place(mended.trail)
        if mend.kind != "no-$ref-siblings" or mended.node is not mend.node:
            return [(listed, place, mended.node, made, made)]
        return [(listed, place + part, before, after, None) for part, before, after in self._beside_of(mend, made)]

    def _place(self, trail: Keys) -> str:
        """The pointer that keys make; those further out are the same for many."""
        if not trail:
            return ""
        token, around = trail
        place = self._known.get(id(around))
        if place is None:
            place = self._known[id(around)] = self._place(around)
        return _step(place, token)

    def _beside_of(self, mend: _Mend, made: dict[str, Any]) -> list[tuple[str, Any, Any]]:
        """What stood beside a reference and changed something in the schema that was made of it: pointers, what would be there without it,
        and what is. Wherever the reference is met it is the same.
        """
        if id(mend) not in self._beside:
            bare = self.alone(mend.node["$ref"])
            self._beside[id(mend)] = [
                (pointer(key), bare.get(key), made[key])
                for key in mend.after
                if key in made and made[key].__class__ is not dict and made[key] != bare.get(key)
            ]
        return self._beside[id(mend)]


def _places(root: dict[str, Any], wanted: set[int]) -> dict[int, str]:
    """The pointers of the nodes with these ids, as far as the document itself holds them."""
    found: dict[int, str] = {}
    seen: set[int] = set()
    # Paths come last: most repaired references stand in definitions, and the walk ends when all are found.
    stack: list[tuple[Any, tuple[Any, ...]]] = [(part, (name, ())) for name, part in root.items() if part.__class__ is dict]
    stack.sort(key=lambda entry: entry[1][0] != "paths")
    while stack and len(found) < len(wanted) and len(seen) < _MAX_NODES:
        node, trail = stack.pop()
        if (key := id(node)) in seen:
            continue
        seen.add(key)
        if key in wanted:
            found[key] = _place(trail)
        for token, child in node.items() if node.__class__ is dict else enumerate(node):
            if ((kind := child.__class__) is dict or kind is list) and child:
                stack.append((child, (token, trail)))
    return found


def _place(trail: Keys) -> str:
    """The pointer that keys make."""
    return _step(_place(trail[1]), trail[0]) if trail else ""


def _step(place: str, token: Any) -> str:
    """A pointer with one more token; most need no escaping."""
    return f"{place}/{token}" if token.__class__ is int or token.isalnum() else pointer(token, base=place)
