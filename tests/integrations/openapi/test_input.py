"""Every encoding and odd syntax that vendors' documents have been met with: one row each, and what the import makes of it."""

from __future__ import annotations

import json
import re
from time import process_time
from typing import Any

import pytest

from integrations.openapi import DocumentError, Imported, read
from integrations.openapi.broken_json import mended
from integrations.openapi.findings import MAX_PER_RULE
from tests.integrations.openapi.documents import get, openapi

JSON = json.dumps(openapi({"/a": get()}), indent=1)
YAML = "openapi: 3.0.0\ninfo: {title: Test, description: D}\nservers: [{url: https://api.example.com}]\nsecurity: []\npaths:\n  /a: {get: {operationId: go, responses: {'200': {description: OK}}}}\n"


def said(result: Imported) -> list[tuple[str, str]]:
    """Rule and message of what is said about the syntax."""
    rows = [(row.rule, row.message) for row in result.findings] + [(row.rule, row.message) for row in result.repairs]
    return [row for row in rows if row[0].startswith(("document-", "duplicate-"))]


def control(count: int) -> list[tuple[str, str]]:
    return [("document-control-characters", f"{count} control characters, which JSON and YAML forbid, were replaced by spaces.")]


def comma(line: int, column: int) -> tuple[str, str]:
    return (
        "document-syntax",
        f"A comma is missing before line {line}, column {column}; the file was read as if it were there.",
    )


LATIN = [("document-encoding", "The file is not UTF-8; it was read as Latin-1 (Windows-1252).")]
TWICE = "occurs twice in one object"


@pytest.mark.parametrize(
    ("data", "title", "rows"),
    [
        (JSON.encode(), "Test", []),
        (YAML.encode(), "Test", []),
        (JSON.replace("Test", "Café").encode("utf-8-sig"), "Café", []),
        (YAML.replace("Test", "Café").encode("utf-8-sig"), "Café", []),
        (JSON.replace("Test", "Café").encode("utf-16"), "Café", []),
        (YAML.replace("Test", "Café").encode("utf-16"), "Café", []),
        (JSON.replace("Test", "Café").encode("utf-16-le"), "Café", []),
        (JSON.replace("Test", "Café").encode("utf-16-be"), "Café", []),
        (JSON.replace("Test", "Café").encode("latin-1"), "Café", LATIN),
        (YAML.replace("Test", "Café").encode("latin-1"), "Café", LATIN),
        (YAML.replace("Test", "“Café”").encode("cp1252"), "“Café”", LATIN),
        (("\n\n  " + JSON).encode(), "Test", []),
        (("---\n# of the vendor\n" + YAML + "...\n").encode(), "Test", []),
        (("%YAML 1.2\n---\n" + YAML).encode(), "Test", []),
        (YAML.replace("\n", "\r\n").encode(), "Test", []),
        (JSON.replace("\n", "\r").encode(), "Test", []),
        # "JSON" that only parses as YAML
        (JSON.replace('"\n', '",\n').encode(), "Test", []),
        (JSON.replace("{\n", "{ # remark\n", 1).encode(), "Test", []),
        (JSON.replace('"', "'").encode(), "Test", []),
        (JSON.replace('"info"', "info").encode(), "Test", []),
        # JSON that nothing reads
        (JSON.replace('3",\n "info"', '3"\n "info"').encode(), "Test", [comma(3, 2)]),
        (JSON.replace('3",\n "info"', '3"\n "info"').replace("]\n", "],\n").encode(), "Test", [comma(3, 2)]),
        ((JSON + "\nthe end").encode(), "Test", [("document-syntax", "The document ends before line 41, where more text follows; that text was left out.")]),
        # duplicate keys
        (JSON.replace('"title"', '"title": "Old", "title"').encode(), "Test", [("duplicate-key", f"The key 'title' {TWICE}; the last one was taken.")]),
        (YAML.replace("{title", "{title: Old, title").encode(), "Test", [("duplicate-key", f"The key 'title' {TWICE} (line 2); the last one was taken.")]),
        # raw control characters
        (JSON.replace("Test", "Te\x01st\x7f").encode(), "Te st", control(2)),
        (YAML.replace("Test", "Te\x0bst").encode(), "Te st", control(1)),
        (YAML.replace("Test", "Te\x81st").encode(), "Te st", control(1)),
        (YAML.replace("Test", "Te\uffffst").encode(), "Te st", control(1)),
        (JSON.replace("Test", "Te\nst").encode(), "Te st", []),
        (JSON.replace("Test", "Te\tst").encode(), "Te st", []),
        (JSON.replace("Test", "Te\u2028st").encode(), "Te st", []),
        # values that YAML 1.1 turns into something else
        (YAML.replace("Test", "2024-05-01").encode(), "2024-05-01", []),
        (YAML.replace("Test", "2024-05-01T10:00:00Z").encode(), "2024-05-01T10:00:00Z", []),
        (YAML.replace("Test", "yes").encode(), "yes", []),
        (YAML.replace("Test", "12:30:45").encode(), "12:30:45", []),
        (YAML.replace("Test", "1_000").encode(), "1_000", []),
        (YAML.replace("'200'", "200").encode(), "Test", []),
        (YAML.replace("'200'", "0200").encode(), "Test", []),
        (YAML.replace("3.0.0", "3.0").encode(), "Test", []),
        (YAML.replace("openapi: 3.0.0", "openapi: 3").encode(), "Test", []),
        (JSON.replace('"3.0.3"', "3.0").encode(), "Test", []),
    ],
)  # fmt: skip
def test_odd_input_is_read(data: bytes, title: str, rows: list[tuple[str, str]]) -> None:
    result = read(data)
    assert (result.title, [operation.key for operation in result.operations], said(result)) == (title, ["go"], rows)


@pytest.mark.parametrize("version", ["2.0", '"2.0"', "2", "'2'"])
@pytest.mark.parametrize("shape", ["swagger: {}\npaths: {{/a: {{get: {{}}}}}}", '{{"swagger": {}, "paths": {{"/a": {{"get": {{}}}}}}}}'])
def test_swagger_version_may_be_a_number(shape: str, version: str) -> None:
    assert read(shape.format(version).encode()).version == "2.0"


@pytest.mark.parametrize(
    ("value", "read_as"),
    [("0o17", 15), ("017", 17), ("0x1F", 31), ("2024-05-01", "2024-05-01"), ("on", "on"), ("1e3", 1000.0), ("~", None), (".nan", ".nan")],
)
def test_yaml_values_are_those_of_json(value: str, read_as: Any) -> None:
    parameter = f"parameters: [{{name: x, in: query, schema: {{default: {value}}}}}], "
    assert read(YAML.replace("operationId", parameter + "operationId").encode()).operations[0].parameters[0].default == read_as


@pytest.mark.parametrize(
    "text",
    ['{"a": "say "hello" now"}', '{"a": "x" "b": 1}', '{"a" "b"}', '{"a"\n"b": 1}', '{"a": [1, 2', '{"a": 1,, "b": 2}', '{"a": }', "{" * 5000, "[" * 5000, '{"a": 1' + "\n2" * 200 + "}"],
)  # fmt: skip
def test_json_that_would_have_to_be_guessed_is_not_mended(text: str) -> None:
    assert mended(text) is None


@pytest.mark.parametrize(
    ("text", "values", "added", "rest"),
    [
        ('{"a": 1\n "b": 2}', {"a": 1, "b": 2}, [(2, 2)], 0),
        ('[{"a": 1}{"b": [1,]}]', [{"a": 1}, {"b": [1]}], [(1, 10)], 0),
        ('{"a": [true\n null\n -1]\n"b": "c"\n,}', {"a": [True, None, -1], "b": "c"}, [(2, 2), (3, 2), (4, 1)], 0),
        ('{"a": 1}\n}', {"a": 1}, [], 2),
    ],
)
def test_json_is_mended_where_that_needs_no_guess(text: str, values: Any, added: list[tuple[int, int]], rest: int) -> None:
    result = mended(text)
    assert result is not None
    assert (result.values, result.added, result.rest) == (values, added, rest)


@pytest.mark.parametrize(
    ("text", "values", "closed"),
    [
        ('{"a": [{"b": 1,\n{"c": 2}]}', {"a": [{"b": 1}, {"c": 2}]}, [(2, 1, "}")]),
        ('{"a": [{"b": "}]",\n"c": 2]}', {"a": [{"b": "}]", "c": 2}]}, [(2, 7, "}")]),
        ('{"a": {"b": ["x"}}', {"a": {"b": ["x"]}}, [(1, 17, "]")]),
    ],
)
def test_bracket_that_was_never_closed_is_closed(text: str, values: Any, closed: list[tuple[int, int, str]]) -> None:
    result = mended(text)
    assert result is not None
    assert (result.values, result.closed) == (values, closed)


def test_spaces_that_json_does_not_know_are_plain_ones() -> None:
    result = mended('{\u2003"a\u00a0b":\u00a0\u00a01,\ufeff"c": "\\"\u2003"}')
    assert result is not None
    assert (result.values, result.spaces) == ({"a\u00a0b": 1, "c": '"\u2003'}, 3)


def test_place_of_a_broken_document_is_told() -> None:
    with pytest.raises(DocumentError) as caught:
        read(JSON.replace('"Test"', '"Te"st"').encode())
    assert str(caught.value).startswith("The file cannot be read as JSON in line 4, column 16: ")


@pytest.mark.parametrize("pairs", ['"k{0}": 1, "k{0}": 2', '"k{0}": {{"a": 1, "a": 2}}', '"k{0}": {{"a{0}": 1, "a{0}": 2}}'])
@pytest.mark.parametrize("is_json", [True, False])
def test_very_many_keys_that_occur_twice_cost_little_more_than_reading(pairs: str, is_json: bool) -> None:
    """A bound on the work, and not on the clock: once the list is full nobody looks for more, and the end says so."""
    many = ", ".join(pairs.format(number) for number in range(30_000))
    data = JSON.replace('"paths"', f'"x-many": {{{many}}}, "paths"') if is_json else f"{YAML}\nx-many: {{{many}}}\n"
    start = process_time()
    result = read(data.encode())
    seconds = process_time() - start
    start = process_time()
    json.loads("{" + many + "}", object_pairs_hook=dict)
    assert seconds < 50 * (process_time() - start) + 1
    found = [finding for finding in result.findings if finding.rule == "duplicate-key"]
    one_name = '"a"' in pairs  # and one line
    assert len(found) == (1 if one_name else MAX_PER_RULE + 1)
    assert one_name or found[-1].message == (
        f"The rule duplicate-key has more than {MAX_PER_RULE} findings in this document; the first {MAX_PER_RULE} are listed."
    )


QUOTES = "texts stood in typographic quotes, as word processors make them; they were taken as plain ones."
INSIDE = "The document stands as text inside a JSON string; that was read."
LISTED = "The paths are a list instead of an object; each was taken by its name, as far as it has one."
ITEM = {"get": {"operationId": "go", "responses": {"200": {"description": "OK"}}}}


@pytest.mark.parametrize(
    ("data", "row"),
    [
        (JSON.replace('"Test"', "\u201cTest\u201d"), ("document-quotes", f"1 {QUOTES}")),
        (re.sub(r'"([^"]*)"', "\u201c\\1\u201d", JSON), ("document-quotes", f"{JSON.count(chr(34)) // 2} {QUOTES}")),
        (re.sub(r'"([^"]*)"', "\u201e\\1\u201c", JSON), ("document-quotes", f"{JSON.count(chr(34)) // 2} {QUOTES}")),
        (json.dumps(JSON), ("document-wrapper", INSIDE)),
        (json.dumps(YAML), ("document-wrapper", INSIDE)),
        (json.dumps({"name": "Test", "spec": JSON}), ("document-wrapper", INSIDE)),
        (json.dumps({**openapi({}), "paths": [{"/a": ITEM}]}), ("paths-object", LISTED)),
        (json.dumps({**openapi({}), "paths": [{"path": "/a", **ITEM}]}), ("paths-object", LISTED)),
        (json.dumps({**openapi({}), "paths": [{"url": "/a", "method": "GET", **ITEM["get"]}]}), ("paths-object", LISTED)),
    ],
)
def test_document_in_an_odd_shape_is_read_and_that_is_said(data: str, row: tuple[str, str]) -> None:
    result = read(data.encode())
    assert (result.title, [(one.key, one.method, one.path) for one in result.operations]) == ("Test", [("go", "GET", "/a")])
    assert row in [(one.rule, one.message) for one in result.repairs]


def test_typographic_quotes_inside_of_texts_stay() -> None:
    data = JSON.replace('"Test"', "\u201cSay \u2018hello\u2019\u201d").replace('"For a test."', '"\u201cquoted\u201d"', 1)
    result = read(data.encode())
    assert (result.title, result.description) == ("Say \u2018hello\u2019", "\u201cquoted\u201d")


def test_yaml_whose_first_key_is_quoted_is_no_text_in_a_string() -> None:
    result = read(YAML.replace("openapi:", '"openapi":').encode())
    assert ([one.key for one in result.operations], said(result)) == (["go"], [])


def test_methods_of_a_path_that_is_listed_twice_are_joined() -> None:
    other = {"post": {**ITEM["get"], "operationId": "make"}}
    result = read(json.dumps({**openapi({}), "paths": [{"/a": ITEM}, {"/a": other}]}).encode())
    assert [(one.key, one.method) for one in result.operations] == [("go", "GET"), ("make", "POST")]
