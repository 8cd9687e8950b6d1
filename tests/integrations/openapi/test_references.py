from __future__ import annotations

from typing import Any

import pytest

from integrations.openapi.findings import Report
from integrations.openapi.nodes import Nodes
from integrations.openapi.references import References
from integrations.openapi.schemas import Schemas
from tests.integrations.openapi.documents import answer, get, imported, openapi, rules

ROOT: dict[str, Any] = {
    "definitions": {
        "a/b~c": {"type": "string"},
        "Loop": {"$ref": "#/definitions/Pool"},
        "Pool": {"$ref": "#/definitions/Loop"},
        "Node": {
            "type": "object",
            "required": ["next"],
            "properties": {"next": {"$ref": "#/definitions/Node"}, "name": {"type": "string"}},
        },
        "Named": {"$anchor": "here", "type": "integer"},
        "Self": {"allOf": [{"$ref": "#/definitions/Self"}, {"type": "object", "properties": {"x": {"type": "string"}}}]},
    },
    "list": [{"type": "boolean"}],
}


def resolved(ref: str) -> tuple[Any, list[str]]:
    report = Report()
    value = References(ROOT, report).resolve({"$ref": ref}, "/here")
    return value, [finding.rule for finding in report.findings]


@pytest.mark.parametrize(
    ("ref", "value"),
    [
        ("#/definitions/a~1b~0c", {"type": "string"}), ("#/definitions/a%2Fb~0c", {"type": "string"}), ("#/list/0", {"type": "boolean"}),
        ("#here", ROOT["definitions"]["Named"]), ("#Named", ROOT["definitions"]["Named"]),
    ],
)  # fmt: skip
def test_reference_is_followed(ref: str, value: Any) -> None:
    assert resolved(ref) == (value, [])


@pytest.mark.parametrize(
    ("ref", "rule"),
    [
        ("#/definitions/None", "resolving-references"), ("#/list/7", "resolving-references"), ("#/list/x", "resolving-references"),
        ("other.yaml#/x", "resolving-references"), ("https://example.com/x.json", "resolving-references"), ("#/definitions/Loop", "circular-references"),
    ],
)  # fmt: skip
def test_reference_that_leads_nowhere_is_none_and_a_finding(ref: str, rule: str) -> None:
    assert resolved(ref) == (None, [rule])


def test_keys_beside_a_reference_are_laid_over_its_target() -> None:
    references = References(ROOT, Report())
    assert references.resolve({"$ref": "#/list/0", "description": "d"}, "") == {"type": "boolean", "description": "d"}


def test_target_is_reported_once_however_often_it_is_used() -> None:
    paths = {f"/{n}": get(f"go{n}", responses=answer({"$ref": "#/components/schemas/Gone"})) for n in range(5)}
    assert rules(imported(openapi(paths))) == ["resolving-references"]


def test_circular_schema_is_cut_where_it_closes() -> None:
    assert Schemas(Nodes(References(ROOT, Report())), 100).schema({"$ref": "#/definitions/Node"}, "") == {
        "type": "object",
        "required": ["next"],
        "properties": {"next": {"$comment": "Circular: #/definitions/Node is described further up."}, "name": {"type": "string"}},
    }


def test_schema_that_is_part_of_itself_keeps_its_other_parts() -> None:
    schema = Schemas(Nodes(References(ROOT, Report())), 100).schema({"$ref": "#/definitions/Self"}, "")
    assert (schema["type"], schema["properties"]) == ("object", {"x": {"type": "string"}})


def test_schema_is_cut_by_size_level_by_level() -> None:
    wide = {"type": "object", "properties": {f"p{n}": {"type": "object", "properties": {"deep": {"type": "string"}}} for n in range(10)}}
    schema = Schemas(Nodes(References({}, Report())), 10).schema(wide, "")
    assert list(schema["properties"]) == [f"p{n}" for n in range(10)]
    assert schema["properties"]["p9"] == {"type": "object", "$comment": "Deeper levels are left out here."}


def test_schema_used_by_many_operations_is_expanded_once() -> None:
    schemas = Schemas(Nodes(References(ROOT, Report())), 100)
    assert schemas.schema({"$ref": "#/definitions/Node"}, "/a", 100) is schemas.schema({"$ref": "#/definitions/Node"}, "/b", 100)


def test_examples_and_extensions_are_left_out_of_schemas() -> None:
    schema = {"type": "string", "examples": ["a"], "example": "b", "x-note": 1, "externalDocs": {}}
    assert Schemas(Nodes(References({}, Report())), 10).schema(schema, "") == {"type": "string", "example": "b"}
