from __future__ import annotations

import json
from typing import Any

import pytest

from integrations.openapi import DocumentError, Limits, read
from integrations.openapi.content import decode
from integrations.openapi.document import parse
from integrations.openapi.findings import Report
from integrations.openapi.yaml12 import Bounds, YamlError, load
from tests.integrations.openapi.documents import get, openapi, rules, sample

YAML = "openapi: 3.0.0\ninfo: {title: T, description: D}\npaths: {/a: {get: {operationId: a}}}\n"
BOUNDS = Bounds(values=10_000, alias_expansions=1_000, depth=20)


def values(text: str) -> Any:
    return load(text, BOUNDS, on_duplicate=lambda *_: None)


def refusal(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(DocumentError) as caught:
        read(data, limits=limits or Limits())
    return str(caught.value)


def test_yaml_scalars_follow_the_core_schema_of_yaml_1_2() -> None:
    text = (
        "day: 2024-05-01\nswitch: on\nagree: yes\ntrue1: True\nnothing: ~\nempty:\noctal: 0o17\nold: 017\nhex: 0x1F\n"
        "time: 12:30:45\nunder: 1_000\nplus: +1\nexp: 1e3\npoint: .5\ninf: .inf\nquoted: '12'\nbinary: !!binary aGk=\nforced: !!str 12\n"
    )
    assert values(text) == {
        "day": "2024-05-01", "switch": "on", "agree": "yes", "true1": True, "nothing": None, "empty": None, "octal": 15, "old": 17,
        "hex": 31, "time": "12:30:45", "under": "1_000", "plus": 1, "exp": 1000.0, "point": 0.5, "inf": ".inf", "quoted": "12",
        "binary": "aGk=", "forced": "12",
    }  # fmt: skip


def test_yaml_keys_are_text_as_spelled() -> None:
    assert values("200: a\n007: b\n1.0: c\ntrue: d\n~: e\nno: f\n") == {
        "200": "a",
        "007": "b",
        "1.0": "c",
        "true": "d",
        "~": "e",
        "no": "f",
    }


def test_yaml_aliases_and_merge_keys_are_followed() -> None:
    assert values("a: &x {k: 1, l: 2}\nb: *x\nc: {<<: *x, k: 3}\n") == {"a": {"k": 1, "l": 2}, "b": {"k": 1, "l": 2}, "c": {"k": 3, "l": 2}}


@pytest.mark.parametrize("text", ["{a: b", "*nowhere", "? [a]\n: b", "? {a: b}\n: c", "a: b: c", "\t", "a: &x [*x]", "%YAML 9.9 x\n---\n"])
def test_yaml_that_cannot_be_read_raises(text: str) -> None:
    with pytest.raises(YamlError):
        values(text)


def test_json_and_yaml_give_the_same_import() -> None:
    document = openapi({"/a": get()})
    assert read(json.dumps(document).encode()) == read(json.dumps(document, indent=2).replace("{\n", "{ # remark\n", 1).encode())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
@pytest.mark.parametrize(
    "text", [YAML.replace("T,", "Café,"), json.dumps(openapi({"/a": get()}), ensure_ascii=False).replace("Test", "Café")]
)
def test_every_usual_encoding_is_read(encoding: str, text: str) -> None:
    assert read(text.encode(encoding)).title == "Café"


def test_control_characters_are_replaced_and_reported() -> None:
    result = read(json.dumps(openapi({"/a": get()})).replace("Test", "Te\x01st").encode())
    assert (result.title, result.repairs[0].rule, result.repairs[0].before) == ("Te st", "document-control-characters", 1)


def test_line_breaks_inside_json_strings_are_tolerated() -> None:
    assert read(json.dumps(openapi({"/a": get()})).replace("Test", "Te\nst").encode()).title == "Te st"


def test_json_with_trailing_commas_is_read_as_yaml() -> None:
    assert len(read(json.dumps(openapi({"/a": get()})).replace("}}", "},}").encode()).operations) == 1


@pytest.mark.parametrize(
    "text", ['{"swagger": "2.0", "paths": {"/a": {"get": {}}, "/a": {"get": {}}}}', YAML.replace("{/a", "{/a: {}, /a")]
)
def test_duplicate_keys_are_reported_and_the_last_one_counts(text: str) -> None:
    result = read(text.encode())
    assert ("duplicate-key" in rules(result), len(result.operations)) == (True, 1)


def test_version_as_a_number_is_understood() -> None:
    assert [read(f"{key}\npaths: {{/a: {{get: {{}}}}}}".encode()).version for key in ("swagger: 2.0", "swagger: 2", "openapi: 3.1")] == [
        "2.0",
        "2.0",
        "3.1.0",
    ]


def test_version_that_is_missing_is_guessed_and_reported() -> None:
    result = read(b'{"paths": {"/a": {"get": {}}}, "definitions": {}}')
    assert (result.version, result.repairs[0].rule) == ("2.0", "document-version")


@pytest.mark.parametrize(
    ("data", "start"),
    [
        (b"", "The file is empty."),
        (b" \n\t ", "The file is empty."),
        (b"<!DOCTYPE html><html></html>", "This is a web page (HTML), not an OpenAPI document."),
        (b"\n<html lang=en>", "This is a web page (HTML), not an OpenAPI document."),
        (b"<?xml version='1.0'?><wsdl/>", "This is an XML file, not an OpenAPI document."),
        (b"PK\x03\x04rest", "The zip archive is damaged."),
        (b"%PDF-1.7", "This is a PDF, not an OpenAPI document."),
        (bytes(range(256)) * 40, "This is a binary file, not an OpenAPI document."),
        (b"[1, 2]", "The file holds a list, not an OpenAPI document."),
        (b"[" * 100_000, "The file holds a list, not an OpenAPI document."),
        (b"- a\n- b\n", "The file holds a list, not an OpenAPI document."),
        (b"hello world", "The file holds plain text, not an OpenAPI document."),
        (b'{"a": 1}', "The file is readable, but it is no OpenAPI document"),
        (b'{"info": {}, "item": []}', "This looks like a Postman collection"),
        (b'{"asyncapi": "2.0.0"}', "This is an AsyncAPI document"),
        (b'{"swaggerVersion": "1.2"}', "This is a Swagger 1 document."),
        (b'{"openapi": "4.0.0", "paths": {}}', "This is version 4.0.0 of OpenAPI or Swagger."),
        (b'{"openapi": "3.0.0", "paths": {}}', "The document describes no operation"),
        (b'{"openapi": "3.0.0", "paths": 5}', "The document describes no operation"),
        (b"openapi: 3.0.0\npaths: [", "The file cannot be read as YAML"),
    ],
)
def test_what_is_no_description_is_refused_by_name(data: bytes, start: str) -> None:
    assert refusal(data).startswith(start)


def test_truncated_json_is_refused_with_advice() -> None:
    data = sample("warehouse.json")
    assert refusal(data[: len(data) // 2]).endswith("The file ends too early: download it again.")


def test_too_large_file_is_refused_before_it_is_read() -> None:
    assert refusal(b"x" * 2_000_000, Limits(max_bytes=1024 * 1024)).startswith("The file has 1.9 MB; at most 1 MB can be imported.")


def test_too_many_operations_are_refused() -> None:
    document = openapi({f"/{n}": get(f"go{n}") for n in range(11)})
    assert refusal(json.dumps(document).encode(), Limits(max_operations=10)).startswith("The document has more than 10 operations")


@pytest.mark.parametrize(
    "text",
    [
        '{"a":' * 900 + "1" + "}" * 900,
        YAML + "x: " + "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000,
        YAML + "x:\n " + "- " * 100_000,
        "{a: " * 100_000,
        YAML + "x: " + "[" * 100_000,
        YAML + "x:\n" + " [ #]\n" * 50_000,
    ],
)
def test_deep_nesting_is_refused(text: str) -> None:
    assert refusal(text.encode()).startswith("The file nests objects and lists more than 200 levels deep")


def test_alias_bomb_is_refused() -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))
    assert refusal((YAML + bomb).encode()).startswith("The aliases (*name) of this YAML file multiply to more than 1,000,000 values")


def test_too_many_json_values_are_refused_before_they_are_read() -> None:
    assert refusal(b'{"a": [' + b"[]," * 100 + b"1]}", Limits(max_values=100)).startswith("The file holds more than 100 values")


@pytest.mark.parametrize("more", ["x: [" + "1," * 200 + "]", "x:\n" + "- a\n" * 200, "x: {" + "a b: c," * 40 + "}"])
def test_too_many_yaml_values_are_refused(more: str) -> None:
    assert refusal((YAML + more).encode(), Limits(max_yaml_values=70)).startswith("The YAML file holds more than 70 values")


def test_utf_16_without_mark_is_recognised_by_its_zero_bytes() -> None:
    assert decode("swagger: 2.0".encode("utf-16-be"), Report()) == "swagger: 2.0"


def test_parse_keeps_the_document_as_uploaded() -> None:
    document = parse(b'{"swagger": 2.0, "paths": {}}', Limits(), Report())
    assert (document.version, document.is_swagger, document.root) == ("2.0", True, {"swagger": 2.0, "paths": {}})


def test_characters_that_no_database_holds_are_taken_out_of_escapes() -> None:
    document = json.dumps(openapi({"/a": get()})).replace("Test", r"A\u0000B\ud800C \\u0000")
    assert read(document.encode()).title == "AB?C \\u0000"
    assert read(YAML.replace("T,", r'"A\0B",').encode()).title == "AB"
