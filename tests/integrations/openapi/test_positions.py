from __future__ import annotations

import json

import pytest

from integrations.openapi import positions, read
from integrations.openapi.positions import locate, pointers_at
from tests.integrations.openapi.documents import sample

YAML = "paths:\n  /a:\n    get:\n      - x\n      - {k: v}\n"


def test_pointer_is_located_at_its_key_or_item() -> None:
    assert locate(YAML, ["/paths/~1a/get", "/paths/~1a/get/1/k"]) == {"/paths/~1a/get": (3, 5), "/paths/~1a/get/1/k": (5, 10)}


def test_pointer_to_something_missing_is_located_above_it() -> None:
    assert locate(YAML, ["/paths/~1a/post/operationId", "/info"]) == {"/paths/~1a/post/operationId": (2, 3)}


def test_json_is_located_too() -> None:
    assert locate(json.dumps({"a": {"b": [1, 2]}}, indent=2), ["/a/b/1"]) == {"/a/b/1": (5, 7)}


LARGE = {
    "paths": {
        "/a/{id}": {"get": {"tags": ["x", "y"], "parameters": [{"name": "id"}, {"name": "q", "schema": {"type": "object"}}]}},
        "/ä": {"get": {}, "post": {"operationId": "p"}},
    },
    "info": {"title": "t"},
}
PLACES = ["/paths", "/paths/~1a~1{id}/get/parameters/1/schema/type", "/paths/~1a~1{id}/get/tags/1", "/paths/~1ä/post", "/info/title"]


@pytest.mark.parametrize("indent", [1, 2, 4, "\t"])
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_large_json_in_lines_is_located_without_being_read(
    indent: int | str, ascii_only: bool, newline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = json.dumps(LARGE, indent=indent, ensure_ascii=ascii_only).replace("\n", newline)
    read_whole = locate(text, PLACES)
    monkeypatch.setattr(positions, "MAX_READ", 10)
    if indent != "\t":  # YAML has no tabs for indentation
        assert (len(read_whole), locate(text.encode(), PLACES)) == (5, read_whole)
    assert len(locate(text.encode(), PLACES)) == 5


def test_large_json_whose_steps_are_not_alike_is_located(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "MAX_READ", 10)
    text = '{\n  "a": {\n   "x": 1\n  },\n  "b": {\n   "x": [\n       {\n        "y": 1\n       }\n   ]\n  }\n}\n'
    assert locate(text, ["/b/x/0/y", "/a/x", "/a/y"]) == {"/b/x/0/y": (8, 9), "/a/x": (3, 4), "/a/y": (2, 3)}


def test_what_large_json_does_not_have_is_located_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "MAX_READ", 10)
    text = json.dumps(LARGE, indent=2)
    missing = ["/paths/~1a~1{id}/get/operationId", "/paths/~1ä/get/operationId", "/info/version", "/paths/~1a~1{id}/get/parameters/7/in"]
    above = ["/paths/~1a~1{id}/get", "/paths/~1ä/get", "/info", "/paths/~1a~1{id}/get/parameters"]
    assert [locate(text, [pointer]).popitem()[1] for pointer in missing] == [locate(text, [pointer])[pointer] for pointer in above]


@pytest.mark.parametrize("text", [json.dumps(LARGE), "paths:\n  /a: {}\ninfo: {}\n", "{\n]", ""])
def test_large_document_that_is_not_printed_in_lines_has_no_positions(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "MAX_READ", 0)
    assert locate(text, PLACES) == {}


def test_lists_whose_items_share_lines_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "MAX_READ", 0)
    text = '{\n  "a": [\n    {\n      "b": 1\n    }, {\n      "b": 2\n    }\n  ]\n}\n'
    assert locate(text, ["/a/0/b", "/a/1/b"]) == {"/a/0/b": (4, 7), "/a/1/b": (2, 3)}


def test_fault_of_the_text_keeps_what_was_met_before() -> None:
    assert locate("a: 1\nb: [", ["/a", "/b/0"]) == {"/a": (1, 1), "/b/0": (2, 1)}


def test_finding_tells_its_line() -> None:
    finding = next(finding for finding in read(sample("library.yaml")).findings if finding.rule == "path-keys-no-trailing-slash")
    lines = sample("library.yaml").decode().splitlines()
    assert (lines[(finding.line or 0) - 1].strip(), finding.column) == ("/books/{isbn}/:", 3)


@pytest.mark.parametrize("text", ['{"a": {"b/c": [1,\n {"d": 2}]},\n "e": 3}', "a:\n  b/c:\n  - 1\n  - d: 2\ne: 3\n"])
def test_every_place_leads_back_to_its_pointer(text: str) -> None:
    pointers = ["/a", "/a/b~1c", "/a/b~1c/0", "/a/b~1c/1/d", "/e"]
    places = locate(text, pointers)
    assert len(places) == len(pointers)
    assert pointers_at(text, set(places.values())) == {places[pointer]: pointer for pointer in pointers}
    assert pointers_at(text, {(9, 9)}) == {}
