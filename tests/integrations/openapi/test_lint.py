from __future__ import annotations

from typing import Any

import pytest

from integrations.openapi.rules import Patterns
from tests.integrations.openapi.documents import answer, findings, get, imported, openapi


def found(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(finding.severity, finding.rule, finding.pointer) for finding in findings(imported(document))]


def schemas(**named: Any) -> dict[str, Any]:
    key = {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}
    return openapi({"/a": get()}, components={"schemas": named, "securitySchemes": key})


def test_clean_document_has_no_findings() -> None:
    assert found(openapi({"/a": get()})) == []


def test_missing_description_is_found() -> None:
    assert found(openapi({"/a": get()}, info={"title": "T"})) == [("error", "info-description", "/info")]


def test_missing_operation_id_is_found() -> None:
    assert found(openapi({"/a/b": {"get": {}}})) == [("error", "operation-operationId", "/paths/~1a~1b/get")]


def test_duplicate_operation_id_is_found_at_the_second_place() -> None:
    paths = {"/a": get("x"), "/b": get("x")}
    assert found(openapi(paths)) == [("error", "operation-operationId-unique", "/paths/~1b/get/operationId")]


def test_reference_at_the_top_lies_on_no_circle() -> None:
    assert found({**openapi({"/a": get()}), "$ref": "#/components"}) == []


def test_circular_reference_is_found_once_for_each_circle() -> None:
    ref = "#/components/schemas/"
    document = schemas(
        A={"properties": {"b": {"$ref": f"{ref}B"}}}, B={"properties": {"a": {"items": {"$ref": f"{ref}A"}}}},
        C={"properties": {"c": {"$ref": f"{ref}C"}, "a": {"$ref": f"{ref}A"}}}, D={"properties": {"a": {"$ref": f"{ref}A"}}},
    )  # fmt: skip
    assert sorted(found(document)) == [
        ("warning", "circular-references", "/components/schemas/B/properties/a/items"),
        ("warning", "circular-references", "/components/schemas/C/properties/c"),
    ]


def test_circle_through_an_answer_of_a_path_is_found() -> None:
    place = "#/paths/~1a/get/responses/200/content/application~1json/schema"
    document = openapi(
        {"/a": get(responses=answer({"$ref": "#/components/schemas/A"}))},
        components={"schemas": {"A": {"properties": {"again": {"$ref": place}}}}},
        security=[],
    )
    assert [rule for rule in found(document) if rule[1] == "circular-references"] == [
        ("warning", "circular-references", "/components/schemas/A/properties/again")
    ]


def test_faults_in_schemas_of_paths_are_found_beside_paths_without_any() -> None:
    faulty = get("b", responses=answer({"properties": {"x": {"pattern": "("}}, "required": ["y"]}))
    assert [(rule, place) for _, rule, place in found(openapi({"/a": get("a"), "/b": faulty, "/c": get("c")}))] == [
        ("oas-schema-check", "/paths/~1b/get/responses/200/content/application~1json/schema/required/0"),
        ("oas-schema-check", "/paths/~1b/get/responses/200/content/application~1json/schema/properties/x/pattern"),
    ]


def test_path_with_a_slash_at_the_end_is_found_but_the_root_is_fine() -> None:
    assert found(openapi({"/a/": get("a"), "/": get("b")})) == [("warning", "path-keys-no-trailing-slash", "/paths/~1a~1")]


def test_invalid_pattern_is_found() -> None:
    document = schemas(A={"type": "object", "properties": {"x": {"type": "string", "pattern": "[z-a]"}}})
    assert found(document) == [("error", "oas-schema-check", "/components/schemas/A/properties/x/pattern")]


def test_required_field_without_a_property_is_found() -> None:
    document = schemas(A={"type": "object", "required": ["x", "y"], "properties": {"x": {}}})
    assert found(document) == [("error", "oas-schema-check", "/components/schemas/A/required/1")]


def test_required_fields_are_not_missed_in_parts_of_a_whole() -> None:
    document = schemas(
        A={"allOf": [{"required": ["x"], "properties": {"y": {}}}, {"properties": {"x": {}}}]},
        B={"required": ["x"], "properties": {"y": {}}, "oneOf": [{"properties": {"x": {}}}]},
    )
    assert found(document) == []


def test_data_and_property_names_are_not_mistaken_for_schemas() -> None:
    document = schemas(
        A={"properties": {"pattern": {"type": "string"}, "required": {"type": "array"}, "properties": {"type": "object"}}},
        B={"example": {"required": ["a"], "properties": {}, "pattern": "["}, "x-more": {"pattern": "["}},
    )
    assert found(document) == []


@pytest.mark.parametrize(
    "pattern",
    [
        r"^\d+$", r"[\w-.]", r"[a-zA-Z0-9-_ ]", r"\p{L}+", r"(?<year>\d{4})\k<year>", r"a\/b", r"\u00e9\u{1F600}", r"[^]", r"[[]", r"\cA", r"(?<=a)b",
        r"^[\d\-\_]+$", r"(?<!x)y", r"\-\_\:", r"[&&--]", "",
    ],
)  # fmt: skip
def test_pattern_of_javascript_is_accepted(pattern: str) -> None:
    assert Patterns().fault(pattern) == ""


@pytest.mark.parametrize("pattern", ["[z-a]", "(a", "a**", "*", "a{2,1}", "[a", "(?<n>", "a)", "(" * 2000])
def test_pattern_that_is_none_is_refused(pattern: str) -> None:
    assert Patterns().fault(pattern) != ""


def test_patterns_that_run_away_are_compiled_and_never_run() -> None:
    assert [Patterns().fault(pattern) for pattern in ("(a+)+$", "((((a{1000}){1000}){1000}){1000})")] == ["", ""]


def test_many_breaches_of_one_rule_are_listed_up_to_a_bound_and_counted() -> None:
    result = imported(openapi({f"/{n}": {"get": {"description": "One.", "responses": {"200": {"description": "OK"}}}} for n in range(600)}))
    assert (len(result.findings), result.findings[-2].message) == (
        502,
        "The rule operation-operationId has 600 findings in this document; the first 500 are listed.",
    )
