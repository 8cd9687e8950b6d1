"""Parameters that are a body or fields of one, as Swagger 2.0 declares them: `in: body` and `in: formData`."""

from __future__ import annotations

from typing import Any

from integrations.openapi.findings import Report

IN_BODY = ("body", "formData")
_SCHEMA_KEYS = (
    "type", "format", "items", "default", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength",
    "pattern", "maxItems", "minItems", "uniqueItems", "enum", "multipleOf", "example",
)  # fmt: skip
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"

# collectionFormat -> (style, explode) of OpenAPI 3. Tabs have no style there.
COLLECTIONS: dict[str, tuple[str, bool]] = {
    "csv": ("form", False),
    "multi": ("form", True),
    "ssv": ("spaceDelimited", False),
    "pipes": ("pipeDelimited", False),
}

Placed = list[tuple[str, dict[str, Any]]]  # parameters, each with its pointer


def request_body(found: Placed, consumes: list[str], where: str, report: Report) -> dict[str, Any] | None:
    """The body of an operation at `where` as OpenAPI 3 writes it, made of its parameters; None if none of them belongs to a body."""
    bodies = [pair for pair in found if pair[1].get("in") == "body"]
    fields = [parameter for _, parameter in found if parameter.get("in") == "formData"]
    if bodies:
        for _, extra in bodies[1:]:
            name = extra.get("name")
            report.repair("oas2-one-body", where, name, "removed", f"An operation has one body; the second, {name!r}, was left out.")
        if fields:
            message = "An operation sends either a body or form fields; the body was kept, the fields were left out."
            report.repair("oas2-body-and-form", where, [field.get("name") for field in fields], "removed", message)
        parameter = bodies[0][1]
        schema = parameter.get("schema")
        if schema is None and "type" in parameter:
            schema = schema_of(parameter)
        return {
            "description": parameter.get("description") or "",
            "required": parameter.get("required") is True,
            "content": {media: {"schema": schema or {}} for media in consumes or ("application/json",)},
        }
    return _form(fields, consumes) if fields else None


def _form(fields: list[dict[str, Any]], consumes: list[str]) -> dict[str, Any]:
    schemas = {str(one.get("name")): _field(one) for one in fields}
    files = any(schema.get("format") == "binary" for schema in schemas.values())
    media = next((media for media in consumes if media.split(";")[0].strip() in ((_MULTIPART,) if files else (_FORM, _MULTIPART))), "")
    schema: dict[str, Any] = {"type": "object", "properties": schemas}
    required = [str(one.get("name")) for one in fields if one.get("required") is True]
    if required:
        schema["required"] = required
    content: dict[str, Any] = {"schema": schema}
    lists = [one for one in fields if one.get("type") == "array" and "schema" not in one]
    if lists:
        content["encoding"] = {str(one.get("name")): _list_style(one) for one in lists}
    return {"required": bool(required), "content": {media or (_MULTIPART if files else _FORM): content}}


def _list_style(parameter: dict[str, Any]) -> dict[str, Any]:
    style, explode = COLLECTIONS.get(str(parameter.get("collectionFormat") or "csv"), COLLECTIONS["csv"])
    return {"style": style, "explode": explode}


def _field(parameter: dict[str, Any]) -> dict[str, Any]:
    """The schema of a form field: what OpenAPI 3 writes under `schema`, Swagger 2.0 writes beside the name."""
    inner = parameter.get("schema")
    schema = (
        schema_of(inner)
        if isinstance(inner, dict) and inner.get("type") == "file"
        else inner
        if isinstance(inner, dict)
        else schema_of(parameter)
    )
    return {**schema, "description": parameter.get("description") or schema.get("description") or ""}


def schema_of(old: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter that has it beside its name; a file is a binary string."""
    schema = {key: old[key] for key in _SCHEMA_KEYS if key in old}
    if schema.get("type") == "file":
        schema.update(type="string", format="binary")
    return schema


def texts(value: Any) -> list[str]:
    """A list of texts; one text counts as a list of one."""
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str) and item.strip()] if isinstance(value, list) else []
