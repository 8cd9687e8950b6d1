"""Operations and inputs become requests: what stands on the wire, and which sentence a wrong input gets."""

from __future__ import annotations

import json
from email import message_from_bytes
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.requests import InputError, build, input_names
from connections.exchange import Outgoing
from integrations.operation import Body, Operation, Parameter
from tests.actions.example_inputs import example_inputs

BASE = "https://api.example.com/v1"
LIST, MAP = [3, 4, 5], {"role": "admin", "name": "A b"}


def operation(path: str = "/x", *parameters: dict[str, Any], **fields: Any) -> Operation:
    return Operation.model_validate({"name": "An operation", "path": path, "parameters": parameters, **fields})


def made(target: Operation, **inputs: Any) -> Outgoing:
    return build(target, inputs, base=BASE)


def url(target: Operation, **inputs: Any) -> str:
    return made(target, **inputs).url.removeprefix(BASE)


def problems(target: Operation, **inputs: Any) -> dict[str, list[str]]:
    with pytest.raises(InputError) as caught:
        made(target, **inputs)
    return caught.value.fields


def parameter(place: str = "query", **fields: Any) -> dict[str, Any]:
    return {"name": "p", "in": place, **fields}


# --- path -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "inputs", "expected"),
    [
        ("/users/{id}", {"id": 7}, "/users/7"),
        ("/users/{id}/", {"id": "a/b"}, "/users/a%2Fb/"),
        ("/users/{id}", {"id": "a b?c#d%2F;ü"}, "/users/a%20b%3Fc%23d%252F%3B%C3%BC"),
        ("/users/{id}", {"id": "...."}, "/users/...."),
        ("/f/{a}.{b}", {"a": ".", "b": "."}, "/f/..."),
        ("/users/{id}:activate", {"id": "x\r\ny"}, "/users/x%0D%0Ay:activate"),
        ("/q?type=a&id={id}", {"id": "a&b"}, "/q?type=a&id=a%26b"),
        ("/", {}, "/"),
        ("/a#b", {}, "/a"),
    ],
)
def test_path_values_stay_in_their_segment(path: str, inputs: dict[str, Any], expected: str) -> None:
    assert url(operation(path), **inputs) == expected


@pytest.mark.parametrize(
    ("style", "explode", "scalar", "array", "object_"),
    [
        ("simple", False, "5", "3,4,5", "role,admin,name,A%20b"),
        ("simple", True, "5", "3,4,5", "role=admin,name=A%20b"),
        ("label", False, ".5", ".3,4,5", ".role,admin,name,A%20b"),
        ("label", True, ".5", ".3.4.5", ".role=admin.name=A%20b"),
        ("matrix", False, ";p=5", ";p=3,4,5", ";p=role,admin,name,A%20b"),
        ("matrix", True, ";p=5", ";p=3;p=4;p=5", ";role=admin;name=A%20b"),
    ],
)
def test_path_styles_are_those_of_openapi(style: str, explode: bool, scalar: str, array: str, object_: str) -> None:
    def one(kind: str, value: Any) -> str:
        return url(operation("/{p}", parameter("path", type=kind, style=style, explode=explode)), p=value)

    assert (one("integer", 5), one("array", LIST), one("object", MAP)) == (f"/{scalar}", f"/{array}", f"/{object_}")


@pytest.mark.parametrize("value", [".", ".."])
def test_dots_do_not_climb_out_of_a_path(value: str) -> None:
    assert problems(operation("/users/{id}"), id=value) == {
        "id": [f"id cannot be {value}, because that has a meaning of its own in a path."]
    }
    assert problems(operation("/users/{a}{b}"), a=".", b=".") == {"a": ["a cannot be .., because that has a meaning of its own in a path."]}


@pytest.mark.parametrize("value", ["", None, [], [""]])
def test_empty_path_value_is_refused(value: Any) -> None:
    assert "id" in problems(
        operation("/users/{id}", {"name": "id", "in": "path", "type": "array" if isinstance(value, list) else "string"}), id=value
    )


@given(st.text(min_size=1))
def test_path_value_never_changes_the_path(value: str) -> None:
    try:
        got = url(operation("/a/{id}/b"), id=value)
    except InputError:
        assert value in (".", "..") or "\0" in value
    else:
        assert (got.count("/"), "?" in got, "#" in got) == (3, False, False)


# --- query ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "value", "expected"),
    [
        ({"type": "integer"}, 5, "p=5"),
        ({"type": "boolean"}, True, "p=true"),
        ({"type": "number"}, "1.50", "p=1.5"),
        ({"type": "string"}, "a b&c=ü+/", "p=a%20b%26c%3D%C3%BC%2B%2F"),
        ({"type": "array"}, LIST, "p=3&p=4&p=5"),
        ({"type": "array"}, [], ""),
        ({"type": "array", "explode": False}, ["a,b", "c"], "p=a%2Cb,c"),
        ({"type": "array", "style": "spaceDelimited"}, LIST, "p=3%204%205"),
        ({"type": "array", "style": "pipeDelimited"}, LIST, "p=3%7C4%7C5"),
        ({"type": "object"}, MAP, "role=admin&name=A%20b"),
        ({"type": "object", "explode": False}, MAP, "p=role,admin,name,A%20b"),
        ({"type": "object", "style": "deepObject"}, {"a": {"b": [1, 2]}, "c": "x"}, "p%5Ba%5D%5Bb%5D%5B0%5D=1&p%5Ba%5D%5Bb%5D%5B1%5D=2&p%5Bc%5D=x"),
        ({"type": "object", "contentType": "application/json"}, {"a": 1}, "p=%7B%22a%22%3A1%7D"),
        ({"type": "string", "name": "$filter"}, "x", "$filter=x"),
        ({"type": "integer", "default": 20}, None, "p=20"),
        ({"type": "string"}, "", ""),
    ],
)  # fmt: skip
def test_query_styles_are_those_of_openapi(fields: dict[str, Any], value: Any, expected: str) -> None:
    target = operation("/x", parameter(**fields))
    assert url(target, **{target.parameters[0].name: value}) == f"/x?{expected}".rstrip("?")


def test_query_of_the_path_is_kept_and_a_value_replaces_its_parameter() -> None:
    assert url(operation("/x?v=2&p=1&flag", parameter()), p="9") == "/x?v=2&flag&p=9"


def test_page_parameters_replace_the_callers() -> None:
    target = operation("/x", parameter(name="page", default="1"), parameter(name="q"))
    got = build(target, {"q": "a"}, base=BASE, page_params=[("page", "3"), ("size", "100")])
    assert got.url == f"{BASE}/x?q=a&page=3&size=100"


# --- values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "value", "expected"),
    [
        ({"type": "integer"}, " 12 ", "12"),
        ({"type": "integer"}, 12.0, "12"),
        ({"type": "integer"}, 2**70, str(2**70)),
        ({"type": "boolean"}, "Yes", "true"),
        ({"type": "boolean"}, 0, "false"),
        ({"type": "array", "items": "integer"}, "1, 2", "1&p=2"),
        ({"type": "array", "items": "integer"}, "[1, 2]", "1&p=2"),
        ({"type": "array"}, 5, "5"),
        ({"type": "object", "explode": False}, '{"a": 1}', "a,1"),
        ({"type": "string"}, 5, "5"),
        ({"type": "string"}, False, "false"),
        ({"type": "string", "enum": ["a", "b"]}, "b", "b"),
        ({"type": "integer", "enum": [1, 2]}, "2", "2"),
    ],
)
def test_values_are_converted(fields: dict[str, Any], value: Any, expected: str) -> None:
    assert url(operation("/x", parameter(**fields)), p=value) == f"/x?p={expected}"


@pytest.mark.parametrize(
    ("fields", "value", "sentence"),
    [
        ({"required": True}, None, "p is missing."),
        ({"type": "integer"}, "abc", "p takes a whole number, not 'abc'."),
        ({"type": "integer"}, 1.5, "p takes a whole number, not '1.5'."),
        ({"type": "integer"}, True, "p takes a whole number, not 'true'."),
        ({"type": "number"}, "nan", "p takes a number, not 'nan'."),
        ({"type": "boolean"}, "maybe", "p takes true or false, not 'maybe'."),
        ({"type": "array", "items": "integer"}, "1,x", "p takes a whole number, not 'x'."),
        ({"type": "array"}, "[1", "p starts like a JSON list but is none. Write [1, 2], or the values with commas between them."),
        ({"type": "object"}, "x", 'p takes an object. Write JSON, for example {"name": "value"}.'),
        ({"type": "string"}, ["a"], "p takes text, not a list."),
        ({"enum": ["a", "b"]}, "c", "p does not take 'c'. Use one of: a, b."),
        ({}, "\ud800", "A text holds half of a character (a lone surrogate), which cannot be stored. Enter it again."),
    ],
)
def test_wrong_values_are_told(fields: dict[str, Any], value: Any, sentence: str) -> None:
    assert problems(operation("/x", parameter(**fields)), p=value) == {"p": [sentence]}


def test_default_that_does_not_fit_its_own_type_is_left_out() -> None:
    target = operation("/x", parameter(type="integer", default="none"), parameter(name="o", enum=["ASC"], default="asc"))
    assert (url(target), example_inputs(target, optional=True)) == ("/x", {"p": 1, "o": "ASC"})


def test_all_problems_are_told_at_once() -> None:
    target = operation("/users/{userId}", parameter(type="integer"))
    assert problems(target, p="x", other=1) == {
        "other": ["other is not an input of this action. Its inputs are: p, userId."],
        "p": ["p takes a whole number, not 'x'."],
        "userId": ["userId is missing."],
    }


def test_name_in_two_places_is_written_with_its_place() -> None:
    target = operation("/{id}", {"name": "id", "in": "path"}, {"name": "id", "in": "query"})
    assert input_names(target) == ["path.id", "query.id"]
    assert url(target, **{"path.id": "1", "query.id": "2"}) == "/1?id=2"
    assert problems(target, id="1")["id"] == ["id stands in several places. Write path.id or query.id."]


# --- headers and body -----------------------------------------------------------------------------------------------


def test_parameter_replaces_the_integrations_header() -> None:
    target = operation("/x", {"name": "x-one", "in": "header"}, {"name": "c", "in": "cookie"}, {"name": "d", "in": "cookie"})
    got = build(target, {"x-one": "2", "c": "a;b", "d": "1"}, base=BASE, headers={"X-One": "1", "X-Two": "2", "Cookie": "a=1"})
    assert got.headers == [("x-one", "2"), ("X-Two", "2"), ("Cookie", "a=1; c=a%3Bb; d=1"), ("Accept", "application/json, */*;q=0.8")]


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x01"])
def test_header_value_holds_no_line_break(value: str) -> None:
    assert problems(operation("/x", parameter("header")), p=value) == {
        "p": ["p is sent in a header and has to be one line. Remove line breaks and control characters."]
    }


def body(value: Any, kind: str = "application/json", **schema: Any) -> tuple[str, bytes | None]:
    got = made(operation("/x", method="POST", body={"contentType": kind, "schema": schema}), body=value)
    return dict(got.headers).get("Content-Type", ""), got.body


@pytest.mark.parametrize(
    ("value", "kind", "content"),
    [
        ({"a": "ü", "b": None}, "application/json", '{"a":"ü","b":null}'.encode()),
        ('{"a": 1}', "application/merge-patch+json", b'{"a":1}'),
        ([1], "application/json; charset=utf-8", b"[1]"),
        ({"a": [1, 2], "b": {"c": "x y"}, "d": True}, "application/x-www-form-urlencoded", b"a=1&a=2&b%5Bc%5D=x+y&d=true"),
        ("a=1&b=2", "application/x-www-form-urlencoded", b"a=1&b=2"),
        ("<a>ü</a>", "application/xml", "<a>ü</a>".encode()),
        ({"content": "AAE=", "encoding": "base64"}, "application/octet-stream", b"\x00\x01"),
        (0, "application/json", b"0"),
    ],
)
def test_body_is_written_in_its_media_type(value: Any, kind: str, content: bytes) -> None:
    assert body(value, kind) == (kind, content)


def test_text_body_of_a_text_schema_stays_text() -> None:
    assert body("12", type="string") == ("application/json", b'"12"')


def test_multipart_body_holds_fields_and_files() -> None:
    fields = {
        "name": "ü",
        "tags": ["a", "b"],
        "meta": {"k": 1},
        "none": None,
        "file": {"filename": 'a"\r\nb.bin', "content": "AAE=", "encoding": "base64", "contentType": "image/png"},
    }
    kind, content = body(fields, "multipart/form-data")
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + (content or b""))
    parts = [(part["Content-Disposition"], part["Content-Type"], part.get_payload(decode=True)) for part in message.walk()][1:]
    assert parts == [
        ('form-data; name="name"', None, "ü".encode()),
        ('form-data; name="tags"', None, b"a"),
        ('form-data; name="tags"', None, b"b"),
        ('form-data; name="meta"', "application/json", b'{"k":1}'),
        ('form-data; name="file"; filename="a%22%0D%0Ab.bin"', "image/png", b"\x00\x01"),
    ]


def test_multipart_body_that_is_declared_as_one_file_is_sent_as_the_part_file() -> None:
    kind, content = body({"filename": "a.txt", "content": "hello"}, "multipart/form-data", type="string", format="binary")
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + (content or b""))
    assert [(part["Content-Disposition"], part.get_payload(decode=True)) for part in message.walk()][1:] == [
        ('form-data; name="file"; filename="a.txt"', b"hello")
    ]


def test_multipart_boundary_is_not_replaced() -> None:
    target = operation("/x", {"name": "Content-Type", "in": "header"}, method="POST", body={"contentType": "multipart/form-data"})
    got = made(target, **{"Content-Type": "multipart/form-data", "body": {"a": 1}})
    assert [value.split(";")[0] for name, value in got.headers if name == "Content-Type"] == ["multipart/form-data"]
    assert "boundary=" in dict(got.headers)["Content-Type"]


@pytest.mark.parametrize(
    ("value", "kind", "sentence"),
    [
        (None, "application/json", "body is missing."),
        ('{"a": }', "application/json", "body is not valid JSON: Expecting value in line 1, column 7."),
        ("{", "application/x-www-form-urlencoded", 'body is not valid JSON. Write its fields as an object, for example {"name": "value"}.'),
        ([1], "multipart/form-data", 'body takes an object with its fields, for example {"name": "value"}.'),
        ({"a": 1}, "text/plain", 'body takes text, or an object with "content" and "encoding": "base64" for bytes.'),
        ({"content": "%", "encoding": "base64"}, "text/plain", 'The content of the file is not Base64. Leave out "encoding" to send it as text.'),
        ({"f": {"filename": "a", "content": "", "contentType": "a\r\nb"}}, "multipart/form-data", "The media type of the body is not valid. It looks like application/pdf."),
    ],
)  # fmt: skip
def test_wrong_bodies_are_told(value: Any, kind: str, sentence: str) -> None:
    assert problems(operation("/x", method="POST", body={"contentType": kind, "required": True}), body=value) == {"body": [sentence]}


def test_body_of_an_operation_without_one_is_told() -> None:
    assert problems(operation(), body={}) == {"body": ["body is not an input of this action. Its inputs are: none."]}


# --- examples -------------------------------------------------------------------------------------------------------


def test_example_inputs_build_a_request() -> None:
    schema = {
        "type": "object",
        "required": ["email", "tags", "owner"],
        "properties": {
            "email": {"type": "string", "format": "email"},
            "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
            "owner": {"allOf": [{"type": "object", "properties": {"id": {"type": "integer", "minimum": 5}}}, {"properties": {"ok": {"type": ["boolean", "null"]}}}]},
            "left": {"type": "string"},
        },
    }  # fmt: skip
    target = operation(
        "/{id}",
        parameter(type="array", required=True, enum=["x", "y"]),
        parameter(name="o"),
        method="POST",
        body={"required": True, "schema": schema},
    )
    inputs = example_inputs(target)
    assert inputs == {"p": ["x"], "id": "example", "body": {"email": "user@example.com", "tags": ["a"], "owner": {"id": 5, "ok": True}}}
    assert json.loads(made(target, **inputs).body or b"") == inputs["body"]
    assert list(example_inputs(target, optional=True)) == ["p", "o", "id", "body"]


@pytest.mark.parametrize(
    ("content_type", "schema", "sent"),
    [
        ("application/xml", {"type": "object", "properties": {"a b": {"type": "array", "items": {"example": "<"}}}}, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<request><a_b>&lt;</a_b></request>"),
        ("application/octet-stream", {"type": "object", "properties": {"n": {"type": "integer"}}}, '{"n": 1}'),
        ("text/plain", {}, "example"),
        ("application/json", {"type": "object", "example": '{"a": ', "properties": {"n": {"type": "integer"}}}, '{"n":1}'),
        ("application/x-www-form-urlencoded", {"type": "array", "items": {"type": "string"}}, ""),
    ],
)  # fmt: skip
def test_example_of_a_body_can_be_sent_as_its_media_type(content_type: str, schema: dict[str, Any], sent: str) -> None:
    operation = Operation(name="a", method="POST", path="/a", body=Body(content_type=content_type, required=True, schema_=schema))
    assert build(operation, example_inputs(operation), base="https://api.example.com").body == sent.encode()


def test_query_parameter_that_is_always_empty_is_sent_empty() -> None:
    flag = Parameter(name="flag", required=True, enum=[""], default="")
    operation = Operation(name="a", path="/a", parameters=[flag])
    assert build(operation, example_inputs(operation), base="https://api.example.com").url == "https://api.example.com/a?flag="
