from __future__ import annotations

from typing import Any

import pytest

from integrations.openapi import read
from integrations.operation import Operation
from tests.integrations.openapi.documents import answer, findings, get, imported, openapi, repaired, rules


def only(paths: dict[str, Any]) -> Operation:
    return imported(openapi(paths)).operations[0]


def test_missing_operation_id_is_made_from_method_and_path() -> None:
    result = imported(openapi({"/users/{id}/posts": {"get": {"parameters": [{"name": "id", "in": "path"}]}}, "/": {"post": {}}}))
    assert [(o.key, o.name) for o in result.operations] == [
        ("get_users_id_posts", "GET /users/{id}/posts"),
        ("post_root", "POST /"),
    ]
    assert [row for row in repaired(result) if row[0] == "operation-operationId"] == [
        ("operation-operationId", None, "get_users_id_posts"),
        ("operation-operationId", None, "post_root"),
    ]
    assert rules(result) == ["operation-operationId", "operation-operationId"]


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ({"operationId": "listUsers"}, "List users. Calls GET /users."),
        ({"operationId": "x", "description": " <script>x</script> "}, "X. Calls GET /users."),
        ({}, "Calls GET /users."),
    ],
)
def test_operation_without_description_and_summary_gets_one(operation: dict[str, Any], text: str) -> None:
    result = imported(openapi({"/users": {"get": {**operation, "responses": {}}}}))
    assert result.operations[0].description == text
    assert [(row.pointer, row.before, row.after) for row in result.repairs if row.rule == "operation-description"] == [
        ("/paths/~1users/get", None, text)
    ]


def test_summary_stands_for_a_description_without_a_repair() -> None:
    result = imported(openapi({"/users": {"get": {"operationId": "a", "summary": "All users", "responses": {}}}}))
    assert (result.operations[0].description, result.repairs) == ("All users", [])


def test_document_without_description_gets_one_of_its_title() -> None:
    result = imported(openapi({"/a": get()}, info={"title": "Tickets", "version": "1"}))
    made = "The actions of Tickets, made from its OpenAPI 3.0.3 document."
    assert (result.description, repaired(result)) == (made, [("info-description", None, made)])


def test_duplicate_operation_ids_are_numbered_around_those_that_exist() -> None:
    result = imported(openapi({"/a": get("list"), "/b": get("list"), "/c": get("list_2"), "/d": get("LIST")}))
    assert [o.key for o in result.operations] == ["list", "list_3", "list_2", "LIST_4"]
    assert rules(result) == ["operation-operationId-unique"]


def test_operation_id_with_other_characters_is_made_readable() -> None:
    result = imported(openapi({"/a": get("users/list all")}))
    assert repaired(result) == [("operation-operationId-valid-in-url", "users/list all", "users_list_all")]


def test_made_up_key_never_takes_an_operation_id() -> None:
    assert [o.key for o in imported(openapi({"/a": {"get": {}}, "/b": get("get_a")})).operations] == ["get_a_2", "get_a"]


def test_equal_names_are_told_apart_by_method_and_path() -> None:
    result = imported(openapi({"/a": get("x", summary="List"), "/b": get("y", summary="List"), "/c": get("z", summary="Other")}))
    assert [o.name for o in result.operations] == ["List (GET /a)", "List (GET /b)", "Other"]


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("listUserGroups", "List user groups"), ("list_user_groups", "List user groups"), ("getHTTPStatus", "Get HTTP status"),
        ("users-list", "Users list"), ("OAuth2Tokens", "Oauth 2 tokens"), ("Create3DSecure", "Create 3D secure"),
    ],
)  # fmt: skip
def test_operation_id_is_humanised(identifier: str, name: str) -> None:
    assert only({"/a": get(identifier)}).name == name


def test_undeclared_path_parameter_is_added() -> None:
    result = imported(openapi({"/a/{id}/{kind}": get(parameters=[{"name": "id", "in": "path", "schema": {"type": "integer"}}])}))
    assert [(p.name, p.place, p.type, p.required) for p in result.operations[0].parameters] == [
        ("id", "path", "integer", True),
        ("kind", "path", "string", True),
    ]
    assert repaired(result) == [("path-params", None, {"name": "kind", "in": "path", "required": True, "schema": "…"})]


def test_path_parameter_that_is_not_in_the_path_is_dropped() -> None:
    result = imported(openapi({"/a": get(parameters=[{"name": "id", "in": "path"}])}))
    assert (result.operations[0].parameters, repaired(result)) == ([], [("path-params", "id", "removed")])


def test_path_parameter_takes_the_spelling_of_the_path() -> None:
    result = imported(openapi({"/a/{userId}": get(parameters=[{"name": "userid", "in": "path", "schema": {"type": "integer"}}])}))
    assert ([(p.name, p.type) for p in result.operations[0].parameters], repaired(result)) == (
        [("userId", "integer")],
        [("path-params", "userid", "userId")],
    )


def test_parameter_without_name_is_dropped_and_without_place_is_placed() -> None:
    result = imported(
        openapi({"/a/{id}": get(parameters=[{"in": "query"}, {"name": "id"}, {"name": "q", "in": "Query"}, {"name": "x", "in": "where"}])})
    )
    assert [(p.name, p.place) for p in result.operations[0].parameters] == [("id", "path"), ("q", "query"), ("x", "query")]
    assert [after for _, _, after in repaired(result)] == ["removed", "path", "query", "query"]


def test_operation_overrides_the_parameter_of_its_path() -> None:
    path = {**get(parameters=[{"name": "q", "in": "query", "schema": {"type": "integer"}}]), "parameters": [{"name": "q", "in": "query"}]}
    result = imported(openapi({"/a": path}))
    assert ([(p.name, p.type) for p in result.operations[0].parameters], result.repairs) == ([("q", "integer")], [])


def test_parameter_declared_twice_is_taken_once() -> None:
    result = imported(openapi({"/a": get(parameters=[{"name": "X-A", "in": "header"}, {"name": "x-a", "in": "header"}])}))
    assert ([p.name for p in result.operations[0].parameters], [rule for rule, *_ in repaired(result)]) == (
        ["x-a"],
        ["operation-parameters"],
    )


def test_reserved_headers_are_left_to_authentication_and_body() -> None:
    parameters = [{"name": name, "in": "header"} for name in ("Authorization", "content-type", "Accept", "X-Trace")]
    assert [p.name for p in only({"/a": get(parameters=parameters)}).parameters] == ["X-Trace"]


def test_accept_header_of_the_vendor_becomes_a_header_of_the_integration() -> None:
    accept = {"name": "Accept", "in": "header", "schema": {"type": "string", "default": "application/vnd.example+json;version=2"}}
    result = imported(openapi({"/a": get("a", parameters=[accept]), "/b": get("b", parameters=[accept]), "/c": get("c")}))
    assert result.definition.headers == {"Accept": "application/vnd.example+json;version=2"}
    assert [o.parameters for o in result.operations] == [[], [], []]


def test_api_key_is_no_parameter() -> None:
    parameters = [{"name": "x-key", "in": "header"}, {"name": "X-Key", "in": "query"}]
    result = imported(openapi({"/a": get(parameters=parameters)}))
    assert [(p.name, p.place) for p in result.operations[0].parameters] == [("X-Key", "query")]
    assert repaired(result) == [("parameter-credential", "X-Key", "removed")]


def test_path_with_a_slash_at_the_end_stays_as_it_is() -> None:
    result = imported(openapi({"/a/": get()}))
    assert (result.operations[0].path, result.repairs, rules(result)) == ("/a/", [], ["path-keys-no-trailing-slash"])


def test_fragment_of_a_path_is_cut_off_because_it_is_never_sent() -> None:
    result = imported(openapi({"/a": get("one"), "/a#other": get("two")}))
    assert [(o.key, o.path) for o in result.operations] == [("one", "/a"), ("two", "/a")]
    assert repaired(result) == [("path-no-fragment", "/a#other", "/a")]


def test_query_of_a_path_becomes_fixed_parameters() -> None:
    operation = only({"/a?type=x&id={id}&flag": get(parameters=[{"name": "id", "in": "path"}])})
    assert (operation.path, [(p.name, p.place, p.default, p.enum, p.required) for p in operation.parameters]) == (
        "/a",
        [("type", "query", "x", ["x"], True), ("id", "query", None, [], True), ("flag", "query", "", [""], True)],
    )


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a/b", "/a/b"),
        ("//a", "/a"),
        ("/a b", "/a%20b"),
        ("/a/{ id }", "/a/{id}"),
        ("/a/{id}.{format}", "/a/{id}.{format}"),
        ("/a\tb", "/a%09b"),
    ],
)
def test_path_key_is_made_a_path(key: str, path: str) -> None:
    assert only({key: get()}).path == path


def test_operation_that_cannot_be_expressed_is_skipped_and_reported() -> None:
    result = imported(
        openapi({"/a": get("fine"), "/proxy/http://x": get("odd"), "/b": {"get": "nonsense"}, "/c": 5, "x-note": {"get": {}}})
    )
    assert [o.key for o in result.operations] == ["fine"]
    assert [(f.severity, f.rule) for f in findings(result)] == [("error", "operation"), ("error", "path-item"), ("error", "operation")]


def test_empty_operation_is_an_operation() -> None:
    result = read(b'{"openapi": "3.0.0", "paths": {"/a": {"get": null}}}')
    assert [(o.method, o.path) for o in result.operations] == [("GET", "/a")]


def test_body_with_wildcard_is_json_and_forms_come_after_json() -> None:
    def sent(*media: str) -> str:
        body = only({"/a": {"post": {"operationId": "a", "requestBody": {"content": {name: {} for name in media}}}}}).body
        assert body is not None
        return body.content_type

    assert [
        sent("*/*"), sent("application/xml", "application/merge-patch+json"), sent("multipart/form-data", "application/x-www-form-urlencoded"),
        sent("text/csv", "multipart/form-data"), sent("text/plain", "image/png"), sent("application/json", "application/hal+json"),
    ] == ["application/json", "application/merge-patch+json", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain", "application/json"]  # fmt: skip


def test_body_in_another_file_stays_a_body() -> None:
    result = imported(openapi({"/a": {"post": {"operationId": "a", "requestBody": {"$ref": "body.yaml"}}}}))
    assert (result.operations[0].body is not None, rules(result)) == (True, ["resolving-references"])


def test_answer_is_the_first_success_with_json() -> None:
    responses = {
        "200": {"description": "a", "content": {"text/html": {}}},
        "201": answer({"type": "object", "title": "B"})["200"],
        "default": {},
    }
    assert only({"/a": get(responses=responses)}).response_schema == {"type": "object", "title": "B"}


def test_huge_schema_is_cut_by_size_and_stays_useful() -> None:
    schemas = {
        f"S{n}": {"type": "object", "properties": {f"p{m}": {"$ref": f"#/components/schemas/S{m}"} for m in range(40)}} for n in range(40)
    }
    document = openapi({"/a": get(responses=answer({"$ref": "#/components/schemas/S0"}))}, components={"schemas": schemas})
    schema = imported(document).operations[0].response_schema
    assert schema is not None
    assert len(schema["properties"]) == 40
    assert str(schema).count("'type'") < 600


@pytest.mark.parametrize(
    ("schema", "enum"),
    [
        ({"type": "integer", "enum": ["BASIC", "FULL"]}, []),
        ({"type": "integer", "enum": ["1", 2, "x"]}, ["1", 2]),
        ({"type": "array", "enum": [["a"], ["b"]], "items": {"type": "string"}}, ["a", "b"]),
        ({"type": "array", "items": {"type": "number", "enum": ["0.5", "half"]}}, ["0.5"]),
        ({"type": "string", "enum": [1, None, ""]}, [1, None, ""]),
        ({"type": "string", "enum": [None]}, []),
    ],
)
def test_values_of_another_type_are_no_choice(schema: dict[str, Any], enum: list[Any]) -> None:
    operation = only({"/a": get(parameters=[{"name": "x", "in": "query", "schema": schema}])})
    assert operation.parameters[0].enum == enum


@pytest.mark.parametrize(
    ("parameters", "content_type", "required", "schema"),
    [
        (
            [{"name": "a", "in": "formData", "type": "string", "required": True}, {"name": "b", "in": "formData", "schema": {"type": "integer"}}],
            "application/x-www-form-urlencoded",
            True,
            {"type": "object", "properties": {"a": {"type": "string", "description": ""}, "b": {"type": "integer", "description": ""}}, "required": ["a"]},
        ),
        (
            [{"name": "f", "in": "formData", "type": "file", "description": "A file."}],
            "multipart/form-data",
            False,
            {"type": "object", "properties": {"f": {"type": "string", "format": "binary", "description": "A file."}}},
        ),
        (
            [{"in": "body", "required": True, "schema": {"type": "object", "properties": {"a": {"type": "string"}}}}],
            "application/json",
            True,
            {"type": "object", "properties": {"a": {"type": "string"}}},
        ),
    ],
)  # fmt: skip
def test_body_parameters_of_swagger_in_an_openapi_3_document_become_the_body(
    parameters: list[dict[str, Any]], content_type: str, required: bool, schema: dict[str, Any]
) -> None:
    query = {"name": "q", "in": "query", "schema": {"type": "string"}}
    path = {"post": {**get(parameters=[query, *parameters])["get"]}}
    result = imported(openapi({"/a": path}))
    (operation,) = result.operations
    assert [parameter.name for parameter in operation.parameters] == ["q"]
    assert operation.body is not None
    assert (operation.body.content_type, operation.body.required, operation.body.schema_) == (content_type, required, schema)
    names = [parameter.get("name", "body") for parameter in parameters]
    assert ("oas3-body-parameters", names, {"requestBody": "…"}) in repaired(result)


def test_body_parameters_beside_a_request_body_are_left_out() -> None:
    body = {"content": {"application/json": {"schema": {"type": "object", "properties": {"kept": {"type": "string"}}}}}}
    path = {"post": {**get(parameters=[{"name": "a", "in": "formData", "type": "string"}], requestBody=body)["get"]}}
    result = imported(openapi({"/a": path}))
    (operation,) = result.operations
    assert operation.body is not None
    assert (operation.parameters, list(operation.body.schema_["properties"])) == ([], ["kept"])
    assert ("oas3-body-parameters", ["a"], "removed") in repaired(result)


def test_lists_of_parameters_in_the_same_words_are_repaired_in_each_operation() -> None:
    declared = [{"name": "Authorization", "in": "header"}, {"name": "q", "in": "query"}]
    result = imported(openapi({"/a": {"get": {"parameters": declared}}, "/b": {"get": {"parameters": [*map(dict, declared)]}}}))
    assert [row.pointer for row in result.repairs if row.rule == "parameter-reserved-header"] == [
        "/paths/~1a/get/parameters/0",
        "/paths/~1b/get/parameters/0",
    ]
    assert [[one.name for one in operation.parameters] for operation in result.operations] == [["q"], ["q"]]


def test_lists_of_parameters_in_the_same_words_fit_each_path() -> None:
    declared = [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}]
    result = imported(
        openapi({path: {"parameters": declared, "get": {"parameters": []}} for path in ("/a/{id}", "/b/{ID}", "/c", "/d/{id}")})
    )
    assert [[(one.name, one.type) for one in operation.parameters] for operation in result.operations] == [
        [("id", "integer")],
        [("ID", "integer")],
        [],
        [("id", "integer")],
    ]


def test_collection_format_that_there_is_not_is_said_of_each_operation() -> None:
    paths = {
        path: get(path[1:], parameters=[{"name": "ids", "in": "query", "type": "array", "collectionFormat": "x"}]) for path in ("/a", "/b")
    }
    result = imported({"swagger": "2.0", "host": "api.example.com", "paths": paths})
    assert [row.pointer for row in result.repairs if row.rule == "collection-format"] == [
        "/paths/~1a/get/parameters/0",
        "/paths/~1b/get/parameters/0",
    ]


def test_siblings_of_a_reference_are_said_wherever_a_list_of_parameters_has_them() -> None:
    schema = {"$ref": "#/components/schemas/Size", "description": "of a page"}
    paths = {path: get(path[1:], parameters=[{"name": "size", "in": "query", "schema": dict(schema)}]) for path in ("/a", "/b")}
    result = imported(openapi(paths, components={"schemas": {"Size": {"type": "integer"}}}))
    assert [row.pointer for row in result.repairs if row.rule == "no-$ref-siblings"] == [
        "/paths/~1a/get/parameters/0/schema",
        "/paths/~1b/get/parameters/0/schema",
    ]
