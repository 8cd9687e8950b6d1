"""The whole way, on our own documents: what an admin finds in the wizard after the import."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict

from integrations.definition import ApiKeyAuth, BasicAuth, NoAuth, OAuth2Auth, PagePagination, PointerPagination, missing
from integrations.openapi import read
from integrations.operation import undeclared
from tests.integrations.openapi.documents import sample


def test_import_of_openapi_3_fills_the_definition() -> None:
    result = read(sample("library.yaml"), source_url="https://docs.example.com/openapi.yaml")
    assert (result.version, result.title, result.description) == ("3.0.3", "Library", "Books & loans of a public library.")
    assert result.definition.api_base_uri == "https://library.example.com/v2"
    machine = OAuth2Auth(grant_type="client_credentials", token_uri="https://library.example.com/token", scope="books.read")
    person = OAuth2Auth(
        grant_type="authorization_code",
        auth_uri="https://login.example.com/authorize",
        token_uri="https://login.example.com/token",
        scope="books.read books.write",
    )
    assert result.auth_choices == [("login", person), ("machine", machine)]
    assert result.definition.auth == machine
    pages = {"page_param": "page", "start_page": 1, "page_size_param": "per_page", "default_page_size": 100}
    assert result.definition.pagination == PagePagination(results_key="books", **pages)
    assert missing(result.definition) == []


def test_import_of_openapi_3_gives_every_operation() -> None:
    operations = {operation.key: operation for operation in read(sample("library.yaml")).operations}
    assert [(o.method, o.path, o.name, o.paginated, o.results_key) for o in operations.values()] == [
        ("GET", "/books", "List books", True, None),
        ("POST", "/books", "Add a book", False, None),
        ("GET", "/books/{isbn}/", "Get book", False, None),
        ("GET", "/loans", "List loans", True, "$"),
    ]
    assert (operations["getBook"].deprecated, operations["listBooks"].tags) == (True, ["Books"])
    body = operations["addBook"].body
    assert body is not None
    assert (body.content_type, body.required, body.schema_["required"]) == ("application/json; charset=utf-8", True, ["id", "title"])
    assert set(body.schema_["properties"]) == {"id", "on", "title", "subtitle", "sequel"}


def test_import_keeps_how_parameters_are_sent() -> None:
    parameters = {parameter.name: parameter for parameter in read(sample("library.yaml")).operations[0].parameters}
    assert list(parameters) == ["X-Branch", "page", "per_page", "tags", "filter", "since", "where"]
    tags = parameters["tags"]
    assert (tags.place, tags.type, tags.items, tags.style, tags.explode, tags.enum) == (
        "query", "array", "string", "pipeDelimited", False, ["old", "new"],
    )  # fmt: skip
    assert (parameters["filter"].style, parameters["where"].content_type, parameters["where"].type) == (
        "deepObject",
        "application/json",
        "object",
    )
    assert (parameters["since"].default, parameters["since"].format) == ("2024-01-31", "date")
    assert (parameters["X-Branch"].place, parameters["page"].default) == ("header", 1)


def test_import_cuts_a_circle_where_it_closes() -> None:
    schema = read(sample("library.yaml")).operations[2].response_schema
    assert schema is not None
    assert schema["properties"]["sequel"] == {"$comment": "Circular: #/components/schemas/Book is described further up."}
    assert schema["properties"]["on"] == {"type": "string", "default": "yes"}


def test_import_of_swagger_2_reads_as_openapi_3() -> None:
    result = read(sample("warehouse.json"))
    assert (result.version, result.definition.api_base_uri) == ("2.0", "https://warehouse.example.com:8443/api/v1")
    key = ApiKeyAuth(api_key_name="Authorization", api_key_preamble="Token")
    assert result.auth_choices == [("key", key), ("user", BasicAuth())]
    assert result.definition.auth == key
    assert result.definition.pagination == PointerPagination(
        results_key="items", page_size_param="limit", default_page_size=50, after_param="cursor", pointer_path="next_cursor"
    )
    assert Counter(repair.rule for repair in result.repairs) == {
        "collection-format": 1,
        "operation-description": 3,
        "circular-references": 1,
    }


def test_import_of_swagger_2_converts_arrays_and_bodies() -> None:
    items, add, photo, login = read(sample("warehouse.json")).operations
    styles = {parameter.name: (parameter.style, parameter.explode, parameter.items) for parameter in items.parameters if parameter.style}
    assert styles == {
        "ids": ("form", False, "integer"),
        "tags": ("form", True, "string"),
        "words": ("spaceDelimited", False, "string"),
        "cells": ("form", False, "string"),
    }
    assert add.body is not None
    assert (add.body.content_type, add.body.required, add.body.schema_["properties"]["sku"]) == (
        "application/json",
        True,
        {"type": "string"},
    )
    assert photo.body is not None
    assert (photo.path, [p.type for p in photo.parameters], photo.body.content_type) == (
        "/items/{id}/photo",
        ["integer"],
        "multipart/form-data",
    )
    assert photo.body.schema_["properties"]["photo"] == {"type": "string", "format": "binary", "description": "The picture"}
    assert login.body is not None
    assert (login.body.content_type, login.body.schema_["required"]) == ("application/x-www-form-urlencoded", ["user"])


def test_import_of_openapi_3_1_understands_types_with_null() -> None:
    result = read(sample("tickets.json"), source_url="https://tickets.example.com/docs/openapi.json")
    assert (result.version, result.definition.api_base_uri) == ("3.1.0", "https://tickets.example.com/desk/api")
    tickets = result.operations[0]
    assert (tickets.parameters[0].type, tickets.parameters[0].enum) == ("string", ["open", "closed", None])
    assert result.definition.pagination.model_dump(exclude_defaults=True) == {
        "results_key": "_embedded.tickets",
        "next_page_key": "_links.next.href",
    }
    assert (tickets.key, tickets.paginated, tickets.pagination, tickets.results_key) == ("tickets.list", True, None, None)


def test_import_without_security_assumes_none_and_says_so() -> None:
    result = read(sample("tickets.json"))
    assert (result.definition.auth, result.auth_choices) == (NoAuth(), [])
    assert "oas3-security-schemes" in [finding.rule for finding in result.findings]


def test_import_declares_every_placeholder_and_is_json() -> None:
    for name in ("library.yaml", "warehouse.json", "tickets.json"):
        result = read(sample(name))
        assert [undeclared(operation) for operation in result.operations] == [[]] * len(result.operations)
        assert json.loads(json.dumps([asdict(row) for row in result.findings] + [asdict(row) for row in result.repairs]))
