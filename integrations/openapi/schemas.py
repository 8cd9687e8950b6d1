"""Schemas with their references resolved, bounded in depth and size.

A schema is expanded level by level, so that a size limit cuts the deepest levels first, and a reference back to a schema that is being
expanded is cut where it closes the circle.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Any, NamedTuple

from integrations.openapi.findings import shortened
from integrations.openapi.reference_repair import Mended
from integrations.openapi.references import MAX_CHAIN, References

_MAX_LEVELS = 12  # of a schema: forms and results deeper than this are edited as JSON
_MAX_ALL_OF = 200  # parts of an allOf that are merged, its own allOfs included
_DESCRIPTION = 500
# What of a schema is kept: enough to build forms, check inputs and find results; examples and vendor extensions are not.
_PLAIN = frozenset({
    "type", "format", "title", "default", "const", "nullable", "readOnly", "writeOnly", "deprecated", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems",
    "minProperties", "maxProperties", "contentMediaType", "contentEncoding", "xml",
})  # fmt: skip
_ONE = ("items", "additionalProperties", "not", "contains", "if", "then", "else", "propertyNames")
_LIST = ("oneOf", "anyOf", "prefixItems")
_MAP = ("properties", "patternProperties", "dependentSchemas")
_INSIDE = (*_MAP, *_ONE, *_LIST)
_NESTING = frozenset(_INSIDE)
_SCHEMA = (dict, bool)
Keys = tuple[Any, ...]  # that lead to a schema, the innermost first: ("name", ("properties", ()))


class Schemas:
    """The schemas of one document; those that are a bare reference are expanded once and shared by all that use them."""

    def __init__(self, references: References) -> None:
        self.references = references
        self.doctor = references.doctor
        self.nodes: dict[int, _Known] = {}  # by id; what `known` gives
        self._schemas: dict[tuple[str, int], dict[str, Any]] = {}
        self._alone: dict[str, dict[str, Any]] = {}

    def schema(self, node: dict[str, Any], pointer: str, values: int) -> dict[str, Any]:
        """A schema that stands for itself: references resolved, allOf merged, at most about `values` values; {} accepts anything.

        Schemas that are a bare reference are expanded once and shared by all operations that use them.
        """
        if ref := _bare_reference(node):
            key = (ref, values)
            if key not in self._schemas:
                self._schemas[key] = _Expansion(self, values).run(node, pointer)
            return self._schemas[key]
        leaf = self.leaf(node, pointer)
        if leaf and id(node) in self.doctor.flawed:
            self.doctor.hold(leaf, self.doctor.made(node, node, leaf, ()))
        return leaf or _Expansion(self, values).run(node, pointer)

    def alone(self, ref: str) -> dict[str, Any]:
        """What is kept of the schema that a reference leads to, without the schemas inside it."""
        kept = self._alone.get(ref)
        if kept is not None:
            return kept
        kept = self._alone[ref] = {}
        _copy(_Expansion(self, 0)._merged({"$ref": ref}, None, {}, ())[0], kept)  # noqa: SLF001 - of this module
        return kept

    def leaf(self, node: Any, pointer: str) -> dict[str, Any] | None:
        """A schema without other schemas inside, shared by all that hold it, as most properties are; None for any other."""
        known = self.known(node, pointer)
        return None if known.inside else known.kept

    def known(self, node: Any, pointer: str) -> _Known:
        """What is known of a schema, looked at once wherever it is met."""
        known = self.nodes.get(id(node))
        if known is None:
            known = self.nodes[id(node)] = self._look_at(node, pointer)
        return known

    def _look_at(self, node: Any, pointer: str) -> _Known:
        if node.__class__ is not dict or "allOf" in node:
            return _Known(node, None, "", {}, _INSIDE)
        ref, schema = "", node
        if "$ref" in node:
            ref = node["$ref"]
            target = self.references.target(ref, pointer) if isinstance(ref, str) else None
            if isinstance(ref, str):
                self.doctor.look(node, target, pointer, is_schema=True)
            if target.__class__ is not dict or "allOf" in target or "$ref" in target:
                return _Known(node, None, "", {}, _INSIDE)
            schema = target
            if len(node) > 1:
                schema = {}
                _lay({key: value for key, value in node.items() if key != "$ref"}, over=schema)
                _lay(target, over=schema)
        kept: dict[str, Any] = {}
        inside = _copy(schema, kept)
        return _Known(node, schema, ref, kept, inside)


class _Known(NamedTuple):
    """What is known of a schema wherever it stands. The node is kept, so that its id is not given to another.

    `schema` is what the one reference `ref` of the node led to, the node itself if it has none ("" then), and None if there is more to
    follow or to merge. `kept` is what is kept of it without the schemas inside it, `inside` the keys that have those.
    """

    node: Any
    schema: dict[str, Any] | None
    ref: str
    kept: dict[str, Any]
    inside: tuple[str, ...]


class _Trail:
    """The references that led to a schema, as a list from the innermost outwards; shared between siblings."""

    __slots__ = ("outer", "ref")

    def __init__(self, ref: str, outer: _Trail | None) -> None:
        self.ref, self.outer = ref, outer

    @staticmethod
    def holds(trail: _Trail | None, ref: str) -> bool:
        while trail is not None:
            if trail.ref == ref:
                return True
            trail = trail.outer
        return False


class _Expansion:
    """One schema on its way from references to values, level by level; `pointer` is where it stands."""

    pointer = ""

    def __init__(self, schemas: Schemas, values: int) -> None:
        self.schemas, self.references, self.doctor = schemas, schemas.references, schemas.doctor
        self.left = values
        # Entries: a schema, what it becomes, the references on the way there, its level, and the keys that lead to it.
        self.queue: deque[tuple[Any, dict[str, Any], _Trail | None, int, Keys]] = deque()
        self.flawed = schemas.doctor.flawed
        self.mended: list[Mended] = []

    def run(self, node: Any, pointer: str) -> dict[str, Any]:
        self.pointer = pointer
        result: dict[str, Any] = {}
        self.queue.append((node, result, None, 0, ()))
        while self.queue:
            self._expand(*self.queue.popleft())
        self.doctor.hold(result, self.mended)
        return result

    def _expand(self, node: Any, out: dict[str, Any], trail: _Trail | None, level: int, keys: Keys) -> None:
        """Fill `out` with the schema `node`."""
        known = self.schemas.known(node, self.pointer)
        if id(node) in self.flawed:
            self._mend(node, out, keys)
        if known.schema is not None and not (known.ref and _Trail.holds(trail, known.ref)):
            merged, inside = known.schema, known.inside
            trail = _Trail(known.ref, trail) if known.ref else trail
            out.update(known.kept)
        else:
            merged, trail, circle = self._merged(node, trail, out, keys)
            if circle:
                out["$comment"] = f"Circular: {circle} is described further up."
                self.mended.append(self.doctor.cut(node, circle, self.pointer, out, keys))
            inside = _copy(merged, out)
        if not inside:
            return
        if level < _MAX_LEVELS and self.left > 0:
            self._children(merged, inside, out, trail, level + 1, keys)
            return
        out.setdefault("$comment", "Deeper levels are left out here.")
        if isinstance(merged.get("properties"), dict):
            out.setdefault("type", "object")
        out.pop("required", None)

    def _mend(self, node: Any, made: dict[str, Any], keys: Keys) -> None:
        self.mended += self.doctor.made(node, node, made, keys)

    def _children(
        self, merged: dict[str, Any], inside: tuple[str, ...], out: dict[str, Any], trail: _Trail | None, level: int, keys: Keys
    ) -> None:
        for key in inside:
            value = merged[key]
            if key in _MAP:
                if isinstance(value, dict):
                    if len(value) > self.left:
                        out["$comment"] = "More properties are left out here."
                    out[key] = self._properties(value, trail, level, (key, keys))
            elif key in _LIST:
                if isinstance(value, list):
                    schemas = [child for child in value[: max(self.left, 0)] if child.__class__ in _SCHEMA]
                    around = (key, keys)
                    out[key] = [self._later(child, trail, level, (n, around)) for n, child in enumerate(schemas)]
            elif isinstance(value, bool):
                out[key] = value
            elif isinstance(value, dict):
                out[key] = self._later(value, trail, level, (key, keys))

    def _properties(self, schemas: dict[str, Any], trail: _Trail | None, level: int, keys: Keys) -> dict[str, Any]:
        """What `_later` gives for each schema under its name, in one loop: most schemas are properties."""
        known_nodes, flawed = self.schemas.nodes, self.flawed
        made: dict[str, Any] = {}
        for name, child in islice(schemas.items(), max(self.left, 0)):
            if (known := known_nodes.get(id(child))) is not None and child is not None:
                self.left -= 1
                if known.inside:
                    place: dict[str, Any] = {}
                    made[name] = place
                    self.queue.append((child, place, trail, level, (name, keys)))
                else:
                    made[name] = known.kept
                    if id(child) in flawed:
                        self._mend(child, known.kept, (name, keys))
            elif child is None or child.__class__ in _SCHEMA:
                made[name] = self._later(self._anything(name) if child is None else child, trail, level, (name, keys))
        return made

    def _anything(self, name: str) -> Any:
        """What stands for a schema inside another that is null, which is said."""
        message = f"The schema of {shortened(str(name), 60)} is empty (null); it takes any value."
        self.references.report.repair("schema-null", self.pointer, None, {}, message)
        return {}

    def _later(self, child: Any, trail: _Trail | None, level: int, keys: Keys) -> dict[str, Any]:
        self.left -= 1
        known = self.schemas.nodes.get(id(child)) or self.schemas.known(child, self.pointer)
        if not known.inside:
            if id(child) in self.flawed:
                self._mend(child, known.kept, keys)
            return known.kept
        place: dict[str, Any] = {}
        self.queue.append((child, place, trail, level, keys))
        return place

    def _merged(self, node: Any, trail: _Trail | None, out: dict[str, Any], keys: Keys) -> tuple[dict[str, Any], _Trail | None, str]:
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
                if _Trail.holds(trail, ref) or chain > MAX_CHAIN:
                    circle = ref
                else:
                    trail = _Trail(ref, trail)
                    target = self.references.target(ref, self.pointer)
                    if part is not node:
                        self.doctor.look(part, target, self.pointer, is_schema=True)
                        self.mended += self.doctor.made(part, node, out, keys)
                    stack.append(target)
                part = {key: value for key, value in part.items() if key != "$ref"}
            count += 1
            _lay(part, over=result)
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


def _copy(schema: dict[str, Any], out: dict[str, Any]) -> tuple[str, ...]:
    """Copy what is kept of a schema to `out`, except the schemas inside it; the keys that have those."""
    nests = False
    for key, value in schema.items():
        if key in _PLAIN:
            out[key] = value
        elif key in _NESTING:
            nests = nests or key != "properties" or isinstance(value, dict)
        elif key == "description":
            if isinstance(value, str):
                out[key] = shortened(value, _DESCRIPTION)
        elif key == "required":
            if isinstance(value, list):
                out[key] = list(dict.fromkeys(name for name in value if isinstance(name, str)))
        elif key == "enum":
            if isinstance(value, list):
                out[key] = value
        elif key == "example" and value is not None and not isinstance(value, dict | list):
            out[key] = shortened(value, _DESCRIPTION) if isinstance(value, str) else value
    return tuple([key for key in _INSIDE if key in schema]) if nests else ()


def _lay(part: dict[str, Any], *, over: dict[str, Any]) -> None:
    """Join a part of an allOf to what is already known: properties and required are united, else the first word counts."""
    for key, value in part.items():
        if key == "properties" and isinstance(value, dict):
            over["properties"] = {**value, **over.get("properties", {})}
        elif key == "required" and isinstance(value, list):
            over["required"] = list(dict.fromkeys([*over.get("required", []), *(name for name in value if isinstance(name, str))]))
        elif key not in ("allOf", "required", "properties"):
            over.setdefault(key, value)
