"""The definition's own models in /api/schema/: every part, its fields, ranges and choices, from where they are checked."""

from __future__ import annotations

from typing import Any

from integrations.definition import Definition

_REFERENCE = "#/components/schemas/{model}"


def reference(model: str) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(model=model)}


def add_definition(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:  # noqa: ARG001 - spectacular's hook
    """A postprocessing hook of drf-spectacular: the parts of a definition as components."""
    schema = Definition.model_json_schema(by_alias=True, ref_template=_REFERENCE)
    parts = schema.pop("$defs")
    result["components"]["schemas"] |= {name: _as_3_0(part) for name, part in {**parts, "Definition": schema}.items()}
    return result


def _as_3_0(value: Any) -> Any:
    """JSON Schema 2020-12 as OpenAPI 3.0 writes it: no `const`, no type null, nothing beside a reference."""
    if isinstance(value, list):
        return [_as_3_0(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: _as_3_0(item) for key, item in value.items()}
    if "const" in found and not isinstance(found["const"], dict):
        found["enum"] = [found.pop("const")]
    choices = found.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        del found["anyOf"]
        found = {**found, "nullable": True, "allOf": [choice for choice in choices if choice != {"type": "null"}]}
    if isinstance(found.get("$ref"), str) and len(found) > 1:
        found["allOf"] = [{"$ref": found.pop("$ref")}]
    return found
