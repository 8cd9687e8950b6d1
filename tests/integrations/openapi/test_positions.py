from __future__ import annotations

import json

import pytest

from integrations.openapi import read
from integrations.openapi.positions import locate, pointers_at
from tests.integrations.openapi.documents import sample

YAML = "paths:\n  /a:\n    get:\n      - x\n      - {k: v}\n"


def test_pointer_is_located_at_its_key_or_item() -> None:
    assert locate(YAML, ["/paths/~1a/get", "/paths/~1a/get/1/k"]) == {"/paths/~1a/get": (3, 5), "/paths/~1a/get/1/k": (5, 10)}


def test_pointer_to_something_missing_is_located_above_it() -> None:
    assert locate(YAML, ["/paths/~1a/post/operationId", "/info"]) == {"/paths/~1a/post/operationId": (2, 3)}


def test_json_is_located_too() -> None:
    assert locate(json.dumps({"a": {"b": [1, 2]}}, indent=2), ["/a/b/1"]) == {"/a/b/1": (5, 7)}


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
