"""What a document says about how values are written (allowReserved, encoding, xml, collectionFormat) is what stands on the wire."""

from __future__ import annotations

import json
from email import message_from_bytes
from typing import Any
from urllib.parse import parse_qsl

import pytest

from actions.requests import build
from connections.exchange import Outgoing
from integrations.openapi import read
from integrations.operation import Operation
from tests.actions.example_inputs import example_inputs
from tests.integrations.openapi.documents import openapi

BASE = "https://api.example.com"
PET = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "xml": {"attribute": True}},
        "name": {"type": "string", "xml": {"prefix": "p", "namespace": "https://example.com/p", "name": "title"}},
        "tags": {"type": "array", "xml": {"wrapped": True}, "items": {"type": "string", "xml": {"name": "tag"}}},
        "photos": {"type": "array", "items": {"type": "string"}},
        "owner": {"type": "object", "properties": {"ok": {"type": "boolean"}}},
    },
}
PET_XML = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Pet id="1"><p:title xmlns:p="https://example.com/p">A &lt; b</p:title><tags><tag>x</tag><tag>y</tag></tags>'
    "<photos>1</photos><photos>2</photos><owner><ok>true</ok></owner></Pet>"
)


def imported(operation: dict[str, Any], path: str = "/x", **document: Any) -> Operation:
    (found,) = read(json.dumps(openapi({path: {"post": {"operationId": "x", **operation}}}, **document)).encode()).operations
    return found


def sent(operation: Operation, **inputs: Any) -> Outgoing:
    return build(operation, inputs, base=BASE)


def with_body(kind: str, schema: dict[str, Any], **media: Any) -> Operation:
    body = {"required": True, "content": {kind: {"schema": schema, **media}}}
    return imported({"requestBody": body}, components={"schemas": {"Pet": PET}})


def swagger(parameters: list[dict[str, Any]], kind: str = "application/x-www-form-urlencoded") -> Operation:
    document = {
        "swagger": "2.0",
        "info": {"title": "T", "version": "1"},
        "host": "api.example.com",
        "paths": {"/x": {"post": {"operationId": "x", "consumes": [kind], "parameters": parameters, "responses": {}}}},
    }
    (found,) = read(json.dumps(document).encode()).operations
    return found


def parts(request: Outgoing) -> list[tuple[Any, Any, Any]]:
    head = f"Content-Type: {dict(request.headers)['Content-Type']}\r\n\r\n".encode()
    message = message_from_bytes(head + (request.body or b""))
    return [(part["Content-Disposition"], part["Content-Type"], part.get_payload(decode=True)) for part in message.walk()][1:]


# --- parameters -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "value", "query"),
    [
        ({}, "a/b?c:d,e@f", "q=a%2Fb%3Fc%3Ad%2Ce%40f"),
        ({"allowReserved": True}, "a/b?c:d,e@f", "q=a/b?c:d,e@f"),
        ({"allowReserved": True}, "a&b=c#d+e%2F%zz ü[0]", "q=a%26b=c%23d%2Be%2F%25zz%20%C3%BC%5B0%5D"),
        (
            {"allowReserved": True, "explode": False, "schema": {"type": "array", "items": {"type": "string"}}},
            ["a/b", "c&d"],
            "q=a/b,c%26d",
        ),
        ({"schema": {"type": "array"}, "style": "spaceDelimited", "explode": True}, ["a b", "c"], "q=a%20b&q=c"),
        ({"schema": {"type": "array"}, "style": "spaceDelimited"}, ["a b", "c"], "q=a%20b%20c"),
        ({"schema": {"type": "array"}, "style": "pipeDelimited", "explode": False}, ["a|b", "c"], "q=a%7Cb%7Cc"),
        ({"schema": {"type": "object"}, "style": "deepObject"}, {"a": {"b": [1, 2]}}, "q%5Ba%5D%5Bb%5D%5B0%5D=1&q%5Ba%5D%5Bb%5D%5B1%5D=2"),
        ({"schema": {"type": "object"}}, {"a": 1, "b": "x y"}, "a=1&b=x%20y"),
        ({"schema": {"type": "object"}, "explode": False}, {"a": 1, "b": "x"}, "q=a,1,b,x"),
        ({"schema": None, "content": {"application/json": {"schema": {"type": "object"}}}}, {"a": [1]}, "q=%7B%22a%22%3A%5B1%5D%7D"),
        ({"schema": None, "content": {"application/vnd.x+json; v=1": {"schema": {"type": "object"}}}}, {"a": 1}, "q=%7B%22a%22%3A1%7D"),
    ],
)
def test_query_parameter_is_written_as_declared(declared: dict[str, Any], value: Any, query: str) -> None:
    fields = {"name": "q", "in": "query", "schema": {"type": "string"}, **declared}
    target = imported({"parameters": [{key: said for key, said in fields.items() if said is not None}]})
    assert sent(target, q=value).url == f"{BASE}/x?{query}"


@pytest.mark.parametrize(
    ("declared", "value", "cookie"),
    [
        ({"schema": {"type": "string"}}, "a;b,c ü", "c=a%3Bb%2Cc%20%C3%BC"),
        ({"schema": {"type": "array", "items": {"type": "integer"}}}, [3, 4], "c=3; c=4"),
        ({"schema": {"type": "array", "items": {"type": "integer"}}, "explode": False}, [3, 4], "c=3%2C4"),
        ({"schema": {"type": "object"}}, {"a": 1, "b": 2}, "a=1; b=2"),
        ({"content": {"application/json": {"schema": {"type": "object"}}}}, {"a": 1}, "c=%7B%22a%22:1%7D"),
    ],
)
def test_cookie_parameter_is_written_as_declared(declared: dict[str, Any], value: Any, cookie: str) -> None:
    target = imported({"parameters": [{"name": "c", "in": "cookie", **declared}]})
    assert dict(sent(target, c=value).headers)["Cookie"] == cookie


@pytest.mark.parametrize(
    ("declared", "value", "line"),
    [
        ({"schema": {"type": "array", "items": {"type": "integer"}}}, [3, 4], "3,4"),
        ({"schema": {"type": "object"}}, {"a": 1, "b": 2}, "a,1,b,2"),
        ({"schema": {"type": "object"}, "explode": True}, {"a": 1, "b": 2}, "a=1,b=2"),
        ({"content": {"application/json": {"schema": {"type": "object"}}}}, {"a": [1]}, '{"a":[1]}'),
    ],
)
def test_header_parameter_is_written_as_declared(declared: dict[str, Any], value: Any, line: str) -> None:
    target = imported({"parameters": [{"name": "X-H", "in": "header", **declared}]})
    assert dict(sent(target, **{"X-H": value}).headers)["X-H"] == line


# --- forms ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "value", "pairs"),
    [
        ({}, ["a", "b,c"], [("f", "a"), ("f", "b,c")]),
        ({"style": "form", "explode": False}, ["a", "b"], [("f", "a,b")]),
        ({"style": "pipeDelimited", "explode": False}, ["a", "b"], [("f", "a|b")]),
        ({"style": "spaceDelimited", "explode": False}, ["a", "b"], [("f", "a b")]),
        ({"style": "deepObject", "explode": True}, {"a": {"b": 1}}, [("f[a][b]", "1")]),
        ({"style": "form", "explode": True}, {"a": 1, "b": 2}, [("a", "1"), ("b", "2")]),
        ({"style": "form", "explode": False}, {"a": 1, "b": 2}, [("f", "a,1,b,2")]),
        ({"contentType": "application/json"}, {"a": {"b": [1]}}, [("f", '{"a":{"b":[1]}}')]),
        ({"contentType": "application/json"}, '{"typed": 1}', [("f", '{"typed": 1}')]),
        ({}, {"a": {"b": [1]}}, [("f[a][b][0]", "1")]),
    ],
)
def test_field_of_a_form_is_written_as_its_encoding_says(encoding: dict[str, Any], value: Any, pairs: list[tuple[str, str]]) -> None:
    schema = {"type": "object", "properties": {"f": {}, "g": {"type": "string"}}}
    target = with_body("application/x-www-form-urlencoded", schema, encoding={"f": encoding, "absent": None})
    request = sent(target, body={"f": value, "g": "x"})
    assert parse_qsl((request.body or b"").decode()) == [*pairs, ("g", "x")]


@pytest.mark.parametrize(
    ("collection", "text"), [(None, "a,b"), ("csv", "a,b"), ("ssv", "a b"), ("pipes", "a|b"), ("multi", None), ("tsv", "a,b")]
)
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_list_in_a_form_of_swagger_2_is_written_in_its_collection_format(collection: str | None, text: str | None, kind: str) -> None:
    field = {"name": "f", "in": "formData", "type": "array", "items": {"type": "string"}}
    request = sent(swagger([{**field, **({"collectionFormat": collection} if collection else {})}], kind), body={"f": ["a", "b"]})
    texts = ["a", "b"] if text is None else [text]
    if kind == "multipart/form-data":
        assert parts(request) == [('form-data; name="f"', None, one.encode()) for one in texts]
    else:
        assert parse_qsl((request.body or b"").decode()) == [("f", one) for one in texts]


def test_parts_have_the_media_types_of_the_encoding() -> None:
    schema = {"type": "object", "properties": {name: {} for name in ("xml", "json", "image", "several", "text", "list")}}
    encoding = {
        "xml": {"contentType": "application/xml; charset=utf-8"},
        "json": {"contentType": "application/vnd.x+json"},
        "image": {"contentType": "image/png"},
        "several": {"contentType": "image/png, image/jpeg"},
        "text": {"contentType": "text/csv"},
    }
    file = {"filename": "a", "content": "x"}
    fields = {"xml": {"a": 1}, "json": {"a": 1}, "image": file, "several": file, "text": "a,b", "list": [{"a": 1}, {"a": 2}]}
    assert parts(sent(with_body("multipart/form-data", schema, encoding=encoding), body=fields)) == [
        ('form-data; name="xml"', "application/xml", b'<?xml version="1.0" encoding="UTF-8"?>\n<xml><a>1</a></xml>'),
        ('form-data; name="json"', "application/vnd.x+json", b'{"a":1}'),
        ('form-data; name="image"; filename="a"', "image/png", b"x"),
        ('form-data; name="several"; filename="a"', "application/octet-stream", b"x"),
        ('form-data; name="text"', "text/csv", b"a,b"),
        ('form-data; name="list"', "application/json", b'{"a":1}'),
        ('form-data; name="list"', "application/json", b'{"a":2}'),
    ]


# --- XML ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rooted", [False, True])
def test_body_in_xml_is_named_by_its_schema(rooted: bool) -> None:
    pet = {"id": 1, "name": "A < b", "tags": ["x", "y"], "photos": [1, 2], "owner": {"ok": True}}
    request = sent(with_body("application/xml", {"$ref": "#/components/schemas/Pet"}), body={"Pet": pet} if rooted else pet)
    assert (request.body or b"").decode() == PET_XML


def test_root_of_a_body_in_xml_has_the_name_that_its_schema_gives() -> None:
    schema = {"type": "object", "xml": {"name": "animal"}, "properties": {"a": {"type": "string"}}}
    assert (sent(with_body("text/xml", schema), body={"a": "x"}).body or b"").endswith(b"<animal><a>x</a></animal>")


def test_body_in_xml_without_a_named_root_takes_one_root() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert (sent(with_body("application/xml", schema), body={"r": {"a": "x"}}).body or b"").endswith(b"<r><a>x</a></r>")


def test_example_of_a_body_in_xml_has_its_names() -> None:
    target = with_body("application/xml", {"$ref": "#/components/schemas/Pet"})
    assert (sent(target, **example_inputs(target)).body or b"").decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Pet id="1"><p:title xmlns:p="https://example.com/p">example</p:title>'
        "<tags><tag>example</tag></tags><photos>example</photos><owner><ok>true</ok></owner></Pet>"
    )
