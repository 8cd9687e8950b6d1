from __future__ import annotations

import re
from typing import Any

import pytest

from integrations.openapi import Imported
from tests.integrations.openapi.documents import imported, openapi, repaired

PARTS = {"description": "For a test.", "responses": {"200": {"description": "OK"}}}


def sent(schema: dict[str, Any], **schemas: Any) -> Imported:
    """The import of an operation with this body."""
    body = {"content": {"application/json": {"schema": schema}}}
    components = {"schemas": schemas, "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}}
    paths = {path: {"post": {"operationId": path[1:], "requestBody": body, **PARTS}} for path in ("/a", "/b")}
    return imported(openapi(paths, components=components))


def schema_of(result: Imported) -> dict[str, Any]:
    body = result.operations[0].body
    assert body is not None
    return body.schema_


def test_pattern_that_is_no_pattern_is_removed() -> None:
    result = sent({"type": "object", "properties": {"tag": {"type": "string", "pattern": "[z-a]", "maxLength": 5}}})
    assert schema_of(result) == {"type": "object", "properties": {"tag": {"type": "string", "maxLength": 5}}}
    assert ("schema-pattern", "[z-a]", "removed") in repaired(result)
    assert result.repairs[0].message == (
        "The pattern of the field tag is no valid regular expression, so no value could match it; it was removed."
    )


@pytest.mark.parametrize(
    ("javascript", "python"),
    [
        (r"^(?<year>\d{4})[^\W]\p{L}$", r"^(?P<year>\d{4})[^\W][\w]$"),
        (r"(?<q>['a])\k<q>", r"(?P<q>['a])(?P=q)"),
        (r"^[\p{L}\p{Nd}.-]+$", r"^[\w\w.-]+$"),
        (r"^\P{Lu}[^\p{P}]$", r"^[\w\W][\w\W]$"),
        (r"\u{1F600}\cJ[^]", "\\U0001F600\\x0a(?:.|\n)"),
        (r"^[\w-.]+$", r"^[\w\-.]+$"),
    ],
)
def test_pattern_that_only_javascript_reads_is_rewritten(javascript: str, python: str) -> None:
    result = sent({"type": "string", "pattern": javascript})
    assert schema_of(result)["pattern"] == python
    assert repaired(result) == [("schema-pattern-dialect", javascript, python)] * 2  # one for each of the two operations
    assert re.compile(python)


@pytest.mark.parametrize("pattern", [r"^\S+$", r"^\/a\/[a-z]{2,}$", r"(?!x)(?<=y)z", "[[:alpha:]]", r"\\p{L}"])
def test_pattern_that_reads_the_same_elsewhere_stays(pattern: str) -> None:
    result = sent({"type": "string", "pattern": pattern})
    assert (schema_of(result)["pattern"], result.repairs) == (pattern, [])


def test_required_field_without_a_property_becomes_one() -> None:
    result = sent({"type": "object", "required": ["a", "b"], "properties": {"a": {"type": "string"}}})
    assert schema_of(result) == {"type": "object", "required": ["a", "b"], "properties": {"a": {"type": "string"}, "b": {}}}
    assert ("schema-required", None, {"properties": "…"}) in repaired(result)


def test_required_field_that_stands_in_another_part_is_none_of_the_kind() -> None:
    result = sent(
        {"type": "object", "allOf": [{"required": ["a"], "properties": {"b": {}}}, {"properties": {"a": {}}}]},
    )
    assert result.repairs == []
    either = sent(
        {"type": "object", "required": ["a"], "properties": {}, "oneOf": [{"properties": {"a": {}}}, {"required": ["c"], "properties": {}}]}
    )
    assert either.repairs == []


def test_schema_that_several_bodies_share_is_mended_once() -> None:
    result = sent({"$ref": "#/components/schemas/A"}, A={"type": "object", "properties": {"x": {"type": "string", "pattern": "("}}})
    assert [repair.pointer for repair in result.repairs] == ["/paths/~1a/post/requestBody"]
    assert [operation.body and operation.body.schema_["properties"]["x"] for operation in result.operations] == [{"type": "string"}] * 2


def test_property_that_is_null_takes_any_value() -> None:
    result = sent({"type": "object", "properties": {"x": None, "y": {"type": "string"}}})
    assert schema_of(result)["properties"] == {"x": {}, "y": {"type": "string"}}
    assert repaired(result) == [("schema-null", None, {})] * 2  # one for each of the two operations
