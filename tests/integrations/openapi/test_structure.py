from __future__ import annotations

from typing import Any

import pytest

from integrations.openapi.findings import Report
from integrations.openapi.structure import MAX_FOUND, check
from tests.integrations.openapi.documents import get, imported, openapi

INFO = {"title": "T", "version": "1"}


def found(document: dict[str, Any], version: str = "3.0.3") -> list[tuple[str, str]]:
    report = Report()
    check(document, version, report)
    assert {finding.rule for finding in report.findings} <= {"oas2-schema" if version == "2.0" else "oas3-schema"}
    return [(finding.pointer, finding.message) for finding in report.findings]


def operation(**parts: Any) -> dict[str, Any]:
    return openapi({"/a": get(**parts)})


@pytest.mark.parametrize(
    ("document", "version"),
    [
        (openapi({"/a": get()}), "3.0.3"),
        ({"openapi": "3.1.0", "info": INFO, "webhooks": {}}, "3.1.0"),
        ({"swagger": "2.0", "info": INFO, "paths": {}}, "2.0"),
        ({"openapi": "3.9.0"}, "3.9.0"),  # no meta-schema is known
    ],
)
def test_sound_document_has_no_findings(document: dict[str, Any], version: str) -> None:
    assert found(document, version) == []


def test_missing_field_is_named() -> None:
    assert found(openapi({"/a": {"get": {"operationId": "x"}}})) == [
        ("/paths/~1a/get", "get lacks responses, which the specification requires.")
    ]


def test_missing_paths_are_found_at_the_root() -> None:
    assert found({"openapi": "3.0.0", "info": INFO}) == [("", "The document lacks paths, which the specification requires.")]


def test_unknown_field_is_named() -> None:
    assert found(operation(colour="red")) == [("/paths/~1a/get", "get has colour, which the specification does not know there.")]


def test_wrong_kind_of_value_is_said_in_words() -> None:
    assert found(operation(tags="x")) == [("/paths/~1a/get/tags", "tags must be a list.")]


def test_value_that_is_none_of_a_list_is_shown() -> None:
    document = {"swagger": "2.0", "info": INFO, "paths": {}, "schemes": ["ftp"]}
    assert found(document, "2.0") == [("/schemes/0", 'Entry 1 of the list is "ftp"; the specification knows http, https, ws, wss.')]


def test_alternative_that_was_meant_explains_the_fault() -> None:
    body = {"content": {"application/json": {"schema": {"type": "object", "required": True}}}}
    assert found(operation(requestBody=body)) == [
        ("/paths/~1a/get/requestBody/content/application~1json/schema/required", "required must be a list.")
    ]


def test_scheme_is_judged_by_its_type() -> None:
    document = openapi({"/a": get()}, components={"securitySchemes": {"o": {"type": "oauth2", "flow": "implicit"}}})
    assert found(document) == [("/components/securitySchemes/o", "o lacks flows, which the specification requires.")]


def test_number_for_a_version_is_one_fault() -> None:
    assert found({"swagger": 2.0, "info": INFO, "paths": {}}, "2.0") == [("/swagger", "swagger must be text.")]


def test_name_of_a_component_is_checked() -> None:
    document = openapi({"/a": get()}, components={"schemas": {"A b": {}}})
    assert [place for place, _ in found({**document, "openapi": "3.1.0"}, "3.1.0")] == ["/components/schemas/A b"]


def test_findings_are_bounded() -> None:
    rows = found(openapi({f"/{n}": {"get": {}} for n in range(2000)}))
    assert (len(rows), rows[-1]) == (MAX_FOUND + 1, ("", "More places than the 200 that are listed differ from the specification."))


def test_part_that_is_too_large_is_one_finding() -> None:
    assert found(operation(parameters=[{}] * 10_000)) == [
        ("/paths/~1a", "This part does not have the structure that the specification asks for, and is too large to say where.")
    ]


def test_import_reports_structure_where_it_stands_in_the_file() -> None:
    result = imported(
        {"swagger": "2.0", "info": {"title": "T", "description": "D", "version": 1}, "host": "a.example.com", "paths": {"/a": get()}}
    )
    assert [(f.rule, f.pointer, f.line, f.column) for f in result.findings if f.rule == "oas2-schema"] == [
        ("oas2-schema", "/info/version", 1, 63)
    ]
