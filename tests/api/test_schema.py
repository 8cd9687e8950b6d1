"""/api/schema/ says everything of every operation, and its examples are what it describes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from integrations.access import scopes

DOCUMENT: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
WARNINGS = [str(warning) for warning in GENERATOR_STATS._warn_cache]
OPERATIONS = [
    (f"{method.upper()} {path}", path, method, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]


def as_json_schema(value: Any) -> Any:
    """OpenAPI 3.0's dialect as JSON Schema."""
    if isinstance(value, list):
        return [as_json_schema(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: as_json_schema(item) for key, item in value.items() if key not in ("nullable", "discriminator", "example")}
    if value.get("nullable"):
        return {"anyOf": [found, {"type": "null"}]}
    return found


def examples() -> Iterator[Any]:
    for name, _, _, operation in OPERATIONS:
        bodies = {"body": operation.get("requestBody", {}), **operation["responses"]}
        for where, body in bodies.items():
            for kind, media in body.get("content", {}).items():
                if "json" in kind:
                    yield pytest.param(media, id=f"{name} {where} {kind}")


def test_operation_ids_are_unique_and_names_of_functions() -> None:
    ids = [operation["operationId"] for _, _, _, operation in OPERATIONS]
    assert len(ids) > 70
    assert sorted(set(ids)) == sorted(ids)
    assert [name for name in ids if not re.fullmatch(r"[a-z][A-Za-z0-9]+", name)] == []


def test_no_two_documents_and_no_two_lists_of_values_go_by_one_name() -> None:
    """Of two documents only one would be described, for both; two lists would be called after numbers in every generated client."""
    assert WARNINGS == []


@pytest.mark.parametrize(("name", "path", "method", "operation"), OPERATIONS, ids=[name for name, *_ in OPERATIONS])
def test_every_operation_says_what_it_is(name: str, path: str, method: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert "A token needs the scope" in operation["description"]
    assert operation["tags"]
    assert {"oauth2": [scopes.needed(method, path)]} in operation["security"]
    # A scope of its own, and not the one for everything: where this fails, integrations/access/scopes.py lacks a line.
    assert scopes.resource_of(path) is not None
    expected = {"400", "401", "403", "406", "414", "429"} | ({"404"} if "{" in path else set())
    expected |= {"409", "413", "415", "422"} if method == "post" else set()
    assert sorted(expected - set(operation["responses"])) == []
    assert any(code.startswith(("2", "3")) for code in operation["responses"])
    if method == "post":
        assert "Idempotency-Key" in {item["name"] for item in operation["parameters"]}
    assert [item["name"] for item in operation.get("parameters", []) if "schema" not in item] == []


@pytest.mark.parametrize("media", list(examples()))
def test_every_example_fits_its_schema(media: dict[str, Any]) -> None:
    schema = {**as_json_schema(media["schema"]), "components": as_json_schema(DOCUMENT["components"])}
    found = list(jsonschema_rs.Draft202012Validator(schema).iter_errors(media["example"]))
    assert [f"{'.'.join(map(str, error.instance_path))}: {error.message}" for error in found] == []
