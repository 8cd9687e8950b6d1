"""What is known of a schema by itself, wherever it stands: what its one reference led to, what is kept of it, which schemas it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from integrations.openapi.findings import shortened
from integrations.openapi.references import References

_DESCRIPTION = 500
_MAX_REQUIRED = 1000  # names: more than any schema keeps properties
MAX_ENUM = 1000  # values: of a longer list nothing is kept, so that none of its values is refused
# What of a schema is kept: enough to build forms, check inputs and find results; examples and vendor extensions are not.
_PLAIN = frozenset({
    "type", "format", "title", "default", "const", "nullable", "readOnly", "writeOnly", "deprecated", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems",
    "minProperties", "maxProperties", "contentMediaType", "contentEncoding", "xml",
})  # fmt: skip
_BESIDE = _PLAIN | {"$ref", "description", "enum", "example"}  # what can be laid over a schema without a look into it
ONE = ("items", "additionalProperties", "not", "contains", "if", "then", "else", "propertyNames")
LIST = ("oneOf", "anyOf", "prefixItems")
MAP = ("properties", "patternProperties", "dependentSchemas")
INSIDE = (*MAP, *ONE, *LIST)
_NESTING = frozenset(INSIDE)
SCHEMA = (dict, bool)


@dataclass(slots=True)
class Known:
    """What is known of a schema wherever it stands. The node is kept, so that its id is not given to another.

    `schema` is what the one reference `ref` of the node led to, the node itself if it has none ("" then), and None if there is more to
    follow or to merge. `kept` is what is kept of it without the schemas inside it, `inside` the keys that have those.
    """

    node: Any
    schema: dict[str, Any] | None
    ref: str
    kept: dict[str, Any]
    inside: tuple[str, ...]


class Nodes:
    """The schemas of one document, each looked at once wherever it is met."""

    def __init__(self, references: References) -> None:
        self.references = references
        self.doctor = references.doctor
        self.met: dict[int, Known] = {}  # by id; what `known` gives

    def known(self, node: Any, pointer: str) -> Known:
        """What is known of a schema, looked at once wherever it is met."""
        known = self.met.get(id(node))
        if known is None:
            known = self.met[id(node)] = self._look_at(node, pointer)
        return known

    def _look_at(self, node: Any, pointer: str) -> Known:
        if node.__class__ is not dict or "allOf" in node:
            return Known(node, None, "", {}, INSIDE)
        kept: dict[str, Any] = {}
        if "$ref" not in node:
            inside = copy_kept(node, kept)
            return Known(node, node, "", kept, inside)
        ref = node["$ref"]
        target = self.references.target(ref, pointer) if isinstance(ref, str) else None
        if isinstance(ref, str):
            self.doctor.look(node, target, pointer, is_schema=True)
        if target.__class__ is not dict or "allOf" in target or "$ref" in target:
            return Known(node, None, "", {}, INSIDE)
        known = self.known(target, pointer)
        if len(node) == 1:
            return Known(node, target, ref, known.kept, known.inside)
        if _BESIDE.issuperset(node):
            copy_kept(node, kept)
            return Known(node, target, ref, kept | {key: value for key, value in known.kept.items() if key not in kept}, known.inside)
        schema: dict[str, Any] = {}
        lay({key: value for key, value in node.items() if key != "$ref"}, over=schema)
        lay(target, over=schema)
        inside = copy_kept(schema, kept)
        return Known(node, schema, ref, kept, inside)


def copy_kept(schema: dict[str, Any], out: dict[str, Any]) -> tuple[str, ...]:
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
                out[key] = list(dict.fromkeys(name for name in value[:_MAX_REQUIRED] if isinstance(name, str)))
        elif key == "enum":
            if isinstance(value, list) and len(value) <= MAX_ENUM:
                out[key] = value
        elif key == "example" and value is not None and not isinstance(value, dict | list):
            out[key] = shortened(value, _DESCRIPTION) if isinstance(value, str) else value
    return tuple([key for key in INSIDE if key in schema]) if nests else ()


def lay(part: dict[str, Any], *, over: dict[str, Any]) -> None:
    """Join a part of an allOf to what is already known: properties and required are united, else the first word counts."""
    for key, value in part.items():
        if key == "properties" and isinstance(value, dict):
            over["properties"] = {**value, **over.get("properties", {})}
        elif key == "required" and isinstance(value, list):
            over["required"] = list(dict.fromkeys([*over.get("required", []), *(name for name in value if isinstance(name, str))]))
        elif key not in ("allOf", "required", "properties"):
            over.setdefault(key, value)
