"""Schemas with their references resolved, bounded in depth and size.

A schema is expanded level by level, so that a size limit cuts the deepest levels first, and a reference back to a schema that is being
expanded is cut where it closes the circle. What stands inside a schema is made once and shared if it is little.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from integrations.openapi.findings import shortened
from integrations.openapi.nodes import LIST, MAP, SCHEMA, Known, Nodes, copy_kept, lay
from integrations.openapi.reference_repair import Inside, Keys, Mended
from integrations.openapi.references import MAX_CHAIN

_MAX_LEVELS = 12  # of a schema: forms and results deeper than this are edited as JSON
_MAX_ALL_OF = 200  # parts of an allOf that are merged, its own allOfs included
_MAX_WHOLE = 300  # values of what is shared as a whole: about as many as the schema of an answer has
_MAX_LOOK = 40  # levels that are looked into to find out whether something is whole


class Schemas:
    """The schemas of one document, for one purpose: those that are made here share their parts, and have about `values` values at most.

    Schemas that are a bare reference are expanded once and shared by all operations that use them.
    """

    def __init__(self, nodes: Nodes, values: int) -> None:
        self.nodes, self.values = nodes, values
        self._made: dict[tuple[str, int], dict[str, Any]] = {}
        self._alone: dict[str, dict[str, Any]] = {}
        self._wholes: dict[int, _Inside | None] = {}  # by the id of the schema

    def schema(self, node: dict[str, Any], pointer: str, values: int = 0) -> dict[str, Any]:
        """A schema that stands for itself: references resolved, allOf merged, with at most about so many values; {} accepts anything."""
        values = values or self.values
        if ref := _bare_reference(node):
            key = (ref, values)
            if key not in self._made:
                self._made[key] = _Expansion(self, values).run(node, pointer)
            return self._made[key]
        known = self.nodes.known(node, pointer)
        if known.inside or not known.kept:
            return _Expansion(self, values).run(node, pointer)
        doctor = self.nodes.doctor
        if id(node) in doctor.flawed:
            doctor.hold(known.kept, [*doctor.made(node, node, known.kept, ())])
        return known.kept

    def alone(self, ref: str) -> dict[str, Any]:
        """What is kept of the schema that a reference leads to, without the schemas inside it."""
        kept = self._alone.get(ref)
        if kept is not None:
            return kept
        known = self.nodes.known(self.nodes.references.target(ref, ""), "")
        if known.schema is not None:
            return known.kept
        kept = self._alone[ref] = {}
        copy_kept(_Expansion(self, 0)._merged({"$ref": ref}, None, {}, ())[0], kept)  # noqa: SLF001 - of this module
        return kept

    def whole(self, known: Known, pointer: str, levels: int = _MAX_LOOK) -> _Inside | None:
        """What stands inside a schema, if that is little and nothing in it leads back or joins others, which depends on where it stands."""
        if known.schema is None or not levels:
            return None
        key = id(known.schema)
        if key not in self._wholes:
            self._wholes[key] = None  # so that what leads back here is none
            self._wholes[key] = self._look_into(known, pointer, levels)
        return self._wholes[key]

    def _look_into(self, known: Known, pointer: str, levels: int) -> _Inside | None:
        nodes, doctor = self.nodes, self.nodes.doctor
        parts: dict[str, Any] = {}
        size, height = 0, 1
        mended: list[Mended | Inside] = []
        for key, children in _children(known):
            made: dict[Any, dict[str, Any]] = {}
            for name, child in children:
                if child.__class__ is not dict:
                    return None  # null and true: looked at where they stand
                one = nodes.met.get(id(child)) or nodes.known(child, pointer)
                place = one.kept
                size += 1
                if one.inside:
                    inside = self.whole(one, pointer, levels - 1)
                    if inside is None:
                        return None
                    place = {**place, **inside.parts}
                    size, height = size + inside.size, max(height, inside.height + 1)
                    if inside.mended:
                        mended.append(Inside(inside.mended, _keys(key, name)))
                if size > _MAX_WHOLE:
                    return None
                if id(child) in doctor.flawed:
                    mended += doctor.made(child, child, place, _keys(key, name))
                made[name] = place
            parts[key] = made if key in MAP else list(made.values()) if key in LIST else made[None]
        parts |= {key: known.schema[key] for key in known.inside if known.schema[key].__class__ is bool}  # type: ignore[index]
        return _Inside(parts, size, height, mended)


def _keys(key: str, name: Any) -> Keys:
    return (key, ()) if name is None else (name, (key, ()))


def _children(known: Known) -> Iterator[tuple[str, Iterable[tuple[Any, Any]]]]:
    """The schemas inside a schema, by the keys that hold them; None is the name of one that stands alone."""
    assert known.schema is not None  # noqa: S101 - the caller has looked
    for key in known.inside:
        value = known.schema[key]
        if key in MAP:
            if isinstance(value, dict):
                yield key, value.items()
        elif key in LIST:
            if isinstance(value, list):
                yield key, enumerate(child for child in value if child.__class__ in SCHEMA)
        elif isinstance(value, dict):
            yield key, [(None, value)]


@dataclass(slots=True)
class _Inside:
    """What stands inside a schema, by its keys: every schema of which it is a part shares it. `size` is the number of schemas in it, `height`
    how many of them lie in each other at most.
    """

    parts: dict[str, Any]
    size: int
    height: int
    mended: list[Mended | Inside]


# The references that led to a schema, from the innermost outwards; shared between siblings.
_Trail = tuple[str, Any] | None


def _holds(trail: _Trail, ref: str) -> bool:
    while trail is not None:
        if trail[0] == ref:
            return True
        trail = trail[1]
    return False


class _Expansion:
    """One schema on its way from references to values, level by level; `pointer` is where it stands."""

    pointer = ""

    def __init__(self, schemas: Schemas, values: int) -> None:
        self.schemas, self.nodes, self.doctor = schemas, schemas.nodes, schemas.nodes.doctor
        self.left = values
        # Entries: what is known of a schema, what it becomes, the references on the way there, its level, and the keys that lead to it.
        self.queue: deque[tuple[Known, dict[str, Any], _Trail, int, Keys]] = deque()
        self.flawed = self.doctor.flawed
        self.mended: list[Mended | Inside] = []

    def run(self, node: Any, pointer: str) -> dict[str, Any]:
        self.pointer = pointer
        result: dict[str, Any] = {}
        self.queue.append((self.nodes.known(node, pointer), result, None, 0, ()))
        while self.queue:
            self._expand(*self.queue.popleft())
        self.doctor.hold(result, self.mended)
        return result

    def _expand(self, known: Known, out: dict[str, Any], trail: _Trail, level: int, keys: Keys) -> None:
        """Fill `out` with a schema."""
        node = known.node
        if id(node) in self.flawed:
            self._mend(node, out, keys)
        if known.schema is not None and not (known.ref and _holds(trail, known.ref)):
            merged, inside = known.schema, known.inside
            out.update(known.kept)
            if inside and self._share(known, out, level, keys):
                return
            trail = (known.ref, trail) if known.ref else trail
        else:
            merged, trail, circle = self._merged(node, trail, out, keys)
            if circle:
                out["$comment"] = f"Circular: {circle} is described further up."
                self.mended.append(self.doctor.cut(node, circle, self.pointer, out, keys))
            inside = copy_kept(merged, out)
        if not inside:
            return
        if level < _MAX_LEVELS and self.left > 0:
            self._children(merged, inside, out, trail, level + 1, keys)
            return
        out.setdefault("$comment", "Deeper levels are left out here.")
        if isinstance(merged.get("properties"), dict):
            out.setdefault("type", "object")
        out.pop("required", None)

    def _share(self, known: Known, out: dict[str, Any], level: int, keys: Keys) -> bool:
        """Put into `out` what stands inside a schema, if it is shared and there is room for as much in each schema that waits."""
        shared = self.schemas.whole(known, self.pointer)
        if shared is None or level + shared.height > _MAX_LEVELS or shared.size * (len(self.queue) + 1) > self.left:
            return False
        out.update(shared.parts)
        self.left -= shared.size
        if shared.mended:
            self.mended.append(Inside(shared.mended, keys))
        return True

    def _mend(self, node: Any, made: dict[str, Any], keys: Keys) -> None:
        self.mended += self.doctor.made(node, node, made, keys)

    def _children(
        self, merged: dict[str, Any], inside: tuple[str, ...], out: dict[str, Any], trail: _Trail, level: int, keys: Keys
    ) -> None:
        for key in inside:
            value = merged[key]
            if key in MAP:
                if isinstance(value, dict):
                    if len(value) > self.left:
                        out["$comment"] = "More properties are left out here."
                    out[key] = self._properties(value, trail, level, (key, keys))
            elif key in LIST:
                if isinstance(value, list):
                    schemas = [child for child in value[: max(self.left, 0)] if child.__class__ in SCHEMA]
                    around = (key, keys)
                    out[key] = [self._later(child, trail, level, (n, around)) for n, child in enumerate(schemas)]
            elif isinstance(value, bool):
                out[key] = value
            elif isinstance(value, dict):
                out[key] = self._later(value, trail, level, (key, keys))

    def _properties(self, schemas: dict[str, Any], trail: _Trail, level: int, keys: Keys) -> dict[str, Any]:
        """What `_later` gives for each schema under its name, in one loop: most schemas are properties."""
        known_nodes, flawed = self.nodes.met, self.flawed
        made: dict[str, Any] = {}
        for name, child in islice(schemas.items(), max(self.left, 0)):
            if (known := known_nodes.get(id(child))) is not None and child is not None:
                self.left -= 1
                if known.inside:
                    place: dict[str, Any] = {}
                    made[name] = place
                    self.queue.append((known, place, trail, level, (name, keys)))
                else:
                    made[name] = known.kept
                    if id(child) in flawed:
                        self._mend(child, known.kept, (name, keys))
            elif child is None or child.__class__ in SCHEMA:
                made[name] = self._later(self._anything(name) if child is None else child, trail, level, (name, keys))
        return made

    def _anything(self, name: str) -> Any:
        """What stands for a schema inside another that is null, which is said."""
        message = f"The schema of {shortened(str(name), 60)} is empty (null); it takes any value."
        self.nodes.references.report.repair("schema-null", self.pointer, None, {}, message)
        return {}

    def _later(self, child: Any, trail: _Trail, level: int, keys: Keys) -> dict[str, Any]:
        self.left -= 1
        known = self.nodes.met.get(id(child)) or self.nodes.known(child, self.pointer)
        if not known.inside:
            if id(child) in self.flawed:
                self._mend(child, known.kept, keys)
            return known.kept
        place: dict[str, Any] = {}
        self.queue.append((known, place, trail, level, keys))
        return place

    def _merged(self, node: Any, trail: _Trail, out: dict[str, Any], keys: Keys) -> tuple[dict[str, Any], _Trail, str]:
        """The schema with its reference followed and its allOf merged; the references on the way; the reference that closes a circle.

        It becomes the schema `out`.
        """
        result: dict[str, Any] = {}
        circle = ""
        stack, count, chain = [node], 0, 0
        while stack:
            part = stack.pop()
            if not isinstance(part, dict):
                continue
            ref = part.get("$ref")
            if isinstance(ref, str):
                chain += 1
                if _holds(trail, ref) or chain > MAX_CHAIN:
                    circle = ref
                else:
                    trail = (ref, trail)
                    target = self.nodes.references.target(ref, self.pointer)
                    if part is not node:
                        self.doctor.look(part, target, self.pointer, is_schema=True)
                        self.mended += self.doctor.made(part, node, out, keys)
                    stack.append(target)
                part = {key: value for key, value in part.items() if key != "$ref"}
            count += 1
            lay(part, over=result)
            inner = part.get("allOf")
            if isinstance(inner, list) and count < _MAX_ALL_OF:
                stack.extend(reversed(inner[:_MAX_ALL_OF]))
        return result, trail, circle


def _bare_reference(node: Any) -> str:
    """The reference that is all that a schema says, "" if it says something else."""
    if node.__class__ is dict and len(node) == 1:
        ref = node.get("$ref")
        return ref if isinstance(ref, str) else ""
    return ""
