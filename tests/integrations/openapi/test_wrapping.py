"""Documents with something round them that is no document, and lines that YAML does not take."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from integrations.openapi import DocumentError, read
from integrations.openapi.wrapping import bare_json, unfenced
from tests.integrations.openapi.documents import findings, get, imported, openapi

DOCUMENT = openapi({"/a": get()})
TEXT = json.dumps(DOCUMENT)
YAML = "openapi: 3.0.3\ninfo: {title: Test, description: d, version: '1'}\npaths:\n  /a:\n    get: {operationId: go, description: d, responses: {}}\n"


@pytest.mark.parametrize(
    ("text", "rule", "pointer"),
    [
        (f"```json\n{TEXT}\n```\n", "document-wrapper", ""),
        (f"~~~\n{YAML}~~~", "document-wrapper", ""),
        (f"window.spec = {TEXT};\n", "document-wrapper", ""),
        (f"// made by a tool\nexport default {TEXT}", "document-wrapper", ""),
        (f"callback({TEXT})", "document-wrapper", ""),
        (f"/* a */ {TEXT}", "document-wrapper", ""),
        (TEXT.replace('"paths"', '// all paths: "https://x"\n"paths" /* x */'), "document-comments", ""),
        (json.dumps({"data": DOCUMENT}), "document-wrapper", "/data"),
        (json.dumps([{"a/b": {"spec": DOCUMENT, "other": 1}}]).replace('{"a/b": ', "").replace("}}]", "}]"), "document-wrapper", "/0/spec"),
        (YAML.replace("    get", "\t\tget").replace("  /a", "\t/a"), "document-tabs", ""),
        (YAML.replace("  /a", "\u00a0 /a"), "document-tabs", ""),
    ],
)
def test_document_is_read_inside_what_is_round_it(text: str, rule: str, pointer: str) -> None:
    result = read(text.encode())
    assert [operation.key for operation in result.operations] == ["go"]
    assert (rule, pointer) in [(row.rule, row.pointer) for row in result.repairs]


def test_lines_of_findings_are_those_of_the_file() -> None:
    text = '/*\n * A vendor\n */\nvar spec = {\n "openapi": "3.0.3",\n "info": {"title": "T", "description": "d", "version": "1"},\n'
    result = read((text + ' "paths": {\n  "/a/": {"get": {"operationId": "a", "responses": {}}}}};').encode())
    assert [(row.rule, row.line) for row in findings(result) if row.rule == "path-keys-no-trailing-slash"] == [
        ("path-keys-no-trailing-slash", 8)
    ]


@pytest.mark.parametrize("text", ["say = hello", "{}", '{"a": "// no comment /* */"}', "fun(1)", "// nothing"])
def test_what_is_no_code_round_a_document_stays(text: str) -> None:
    assert (bare_json(text), unfenced(text)) == ("", text)


@pytest.mark.parametrize("text", ["/* */" * 300_000 + "x", "/*" * 700_000, "x=" + "//\n" * 500_000, "```\n" + "``` " * 400_000])
def test_beginnings_of_code_take_bounded_time(text: str) -> None:
    started = time.process_time()
    with pytest.raises(DocumentError):
        read(text.encode())
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("path", "name", "sent"),
    [
        ("/users/:id", "id", "/users/{id}"),
        ("/users/:id/posts", "id", "/users/{id}/posts"),
        ("/users/<id>", "id", "/users/{id}"),
        ("/users/{{id}}", "id", "/users/{id}"),
        ("/v1/{name=projects/*}/things", "name", "/v1/{name}/things"),
        ("https://api.example.com/users/{id}", "id", "/users/{id}"),
        ("/v1/{id}:undelete", "id", "/v1/{id}:undelete"),
        ("/users/:other", "id", "/users/:other"),
    ],
)
def test_parameters_of_a_path_stand_in_braces(path: str, name: str, sent: str) -> None:
    parameter = {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    assert imported(openapi({path: get(parameters=[parameter])})).operations[0].path == sent


@pytest.mark.parametrize(
    ("servers", "base"),
    [
        ({"url": "https://b.example.com"}, "https://b.example.com"),
        ([{"url": "${BASE_URL}/v1"}], "/v1"),
        ([{"url": "https://${host}/v2", "variables": {"host": {"default": "c.example.com"}}}], "https://c.example.com/v2"),
    ],
)
def test_servers_are_read_as_vendors_write_them(servers: Any, base: str) -> None:
    assert imported(openapi({"/a": get()}, servers=servers)).definition.api_base_uri == base


def test_parameters_may_be_an_object_or_a_reference() -> None:
    named = {"x": {"name": "x", "in": "query"}, "y": {"name": "y", "in": "query"}}
    result = imported(
        openapi(
            {"/a": get(parameters=named), "/b": get("b", parameters={"$ref": "#/x-lists/all"})}, **{"x-lists": {"all": [*named.values()]}}
        )
    )
    assert [[parameter.name for parameter in operation.parameters] for operation in result.operations] == [["x", "y"], ["x", "y"]]


def test_document_of_webhooks_alone_says_what_it_is() -> None:
    with pytest.raises(DocumentError, match="describes webhooks only"):
        imported({"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "webhooks": {"a": {"post": {}}}})
