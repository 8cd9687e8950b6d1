"""Example bodies and values, made from types, enumerations, defaults and schemas: what a form is filled with first."""

from __future__ import annotations

import json
import re
from typing import Any

from connections import xml_bodies
from connections.bodies import MULTIPART_TYPE, is_json, is_xml
from integrations.definition import FORM_TYPE
from integrations.operation import Body

_DEEPEST = 6
_TEXTS = {
    "date": "2024-01-31",
    "date-time": "2024-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "email": "user@example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "byte": "ZXhhbXBsZQ==",
}


def example_body(body: Body) -> Any:
    """A body that its media type can carry: text for all but JSON and forms."""
    media = body.content_type.partition(";")[0].strip().lower()
    value = example(body.schema_)
    if media in (FORM_TYPE, MULTIPART_TYPE):
        return value if isinstance(value, dict) or (media == MULTIPART_TYPE and body.schema_.get("type") == "string") else {}
    if is_json(media):
        if isinstance(value, str) and body.schema_.get("type") != "string" and not _is_json_text(value):
            value = example({key: part for key, part in body.schema_.items() if key not in ("example", "default", "examples")})
        return {} if value in (None, "") else value
    if not isinstance(value, dict | list):
        return "example" if value in (None, "") else value
    return _xml(value, body.schema_) if is_xml(media) else json.dumps(value)


def _is_json_text(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _xml(value: Any, schema: dict[str, Any]) -> str:
    """A value as XML below the root that its schema names, else below `request`; names that XML cannot have are made of letters."""
    tidy = _tidy(value if isinstance(value, dict) else {"item": value})
    if not (isinstance(schema.get("xml"), dict) and schema["xml"].get("name")):
        tidy = {"request": tidy}
    return xml_bodies.write(tidy, schema).decode()


def _tidy(value: Any) -> Any:
    """The value with names that elements can have."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if isinstance(value, dict):
        return {re.sub(r"[^\w.:-]|^(?=[\d.:-])", "_", key) or "_": _tidy(item) for key, item in value.items()}
    return value


def example(schema: Any, depth: int = 0) -> Any:
    """One value for a JSON Schema; of an object its required properties, or all where none is required."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return None
    for key in ("example", "default", "const"):
        if schema.get(key) is not None:
            return schema[key]
    for key in ("examples", "enum"):
        if isinstance(schema.get(key), list) and schema[key]:
            return schema[key][0]
    for key in ("oneOf", "anyOf"):
        if isinstance(schema.get(key), list) and schema[key]:
            return example(schema[key][0], depth + 1)
    if isinstance(schema.get("allOf"), list) and schema["allOf"]:
        parts = [example(part, depth + 1) for part in schema["allOf"]]
        objects = [part for part in parts if isinstance(part, dict)]
        own = _object(schema, depth) if isinstance(schema.get("properties"), dict) else {}
        return {key: value for part in [*objects, own] for key, value in part.items()} if objects or own else parts[0]
    return _by_type(schema, depth)


def _by_type(schema: dict[str, Any], depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((item for item in kind if item != "null"), None)
    if kind is None:
        kind = "object" if isinstance(schema.get("properties"), dict) else "array" if "items" in schema else None
    match kind:
        case "object":
            return _object(schema, depth)
        case "array":
            item = example(schema.get("items"), depth + 1)
            return [] if item is None else [item]
        case "integer" | "number":
            least = schema.get("minimum", 1)
            return least if isinstance(least, int | float) and not isinstance(least, bool) and least > 1 else 1
        case "boolean":
            return True
        case "string":
            return _text(str(schema.get("format", "")), schema.get("minLength"))
    return None


def _object(schema: dict[str, Any], depth: int) -> dict[str, Any]:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    required = schema.get("required")
    names = [name for name in required if name in properties] if isinstance(required, list) else []
    return {name: example(properties[name], depth + 1) for name in names or list(properties)}


def _text(form: str, shortest: Any) -> str:
    text = _TEXTS.get(form, "example")
    return text.ljust(shortest, "x") if isinstance(shortest, int) and 0 < shortest < 1000 else text
