"""Records in the shapes that vendors give them, and sentences for keys that lead elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from actions.records import ResultsKeyError, records


@pytest.mark.parametrize(
    ("body", "key", "found"),
    [
        ([1, 2], "", [1, 2]),
        ([1, 2], "$", [1, 2]),
        ({"a": 1}, "", [{"a": 1}]),
        (None, "items", []),
        ({"items": [1]}, "items", [1]),
        ({"items": None}, "items", []),
        ({"items": {}}, "items", []),
        ({"data": {"items": [1]}}, "data.items", [1]),
        ({"data": {"items": [1]}}, "$.data.items", [1]),
        ({"data": {"u1": {"n": 1}, "u2": {"n": 2}}}, "data", [{"n": 1}, {"n": 2}]),
        ({"data": {"id": 1, "name": "x"}}, "data", [{"id": 1, "name": "x"}]),
        ({"a": [{"i": [1]}, {"i": [2, 3]}]}, "$.a[*].i", [1, 2, 3]),
        ({"a": [{"i": 1}, {"i": 2}]}, "$.a[*].i", [1, 2]),
        ({"a": [{"i": [1]}, {"i": [2]}]}, "$..i", [1, 2]),
        ({"a": []}, "$.a[*]", []),
        ({"a": []}, "$.a[*].i[*]", []),
        ({"a": [{"i": []}]}, "$.a[*].i[*]", []),
        ([[1], [2]], "$", [[1], [2]]),
    ],
)
def test_records_are_found(body: Any, key: str, found: list[Any]) -> None:
    assert records(body, key) == found


@pytest.mark.parametrize(
    ("body", "key", "sentence"),
    [
        ({"data": {"rows": [{"a": 1}]}, "tags": [1, 2, 3]}, "items", "The results key items matches nothing in the answer. Its keys are: data, tags. The array at data.rows is likely the right one."),
        ({"a": 1}, "$", "The results key $ stands for an array, but the answer is an object. Its keys are: a."),
        ({"a": 1}, "a", "The results key a leads to a number and not to a list. Its keys are: a."),
        ({"a": "x"}, "a", "The results key a leads to text and not to a list. Its keys are: a."),
        ([1], "items", "The results key items matches nothing in the answer. The answer is an array itself; the results key for that is $."),
        ({}, "items", "The results key items matches nothing in the answer. The answer is an empty object."),
        ({"b": 1}, "$.a[*].i", "The results key $.a[*].i matches nothing in the answer. Its keys are: b."),
        ({"a": [{"x": 1}]}, "$.a[*].i", "The results key $.a[*].i matches nothing in the answer. Its keys are: a. The array at a is likely the right one."),
        ("text", "items", "The results key items matches nothing in the answer. The answer is a single value."),
    ],
)  # fmt: skip
def test_key_that_leads_elsewhere_is_told(body: Any, key: str, sentence: str) -> None:
    with pytest.raises(ResultsKeyError) as caught:
        records(body, key)
    assert str(caught.value) == sentence


def test_page_of_a_list_needs_a_key() -> None:
    with pytest.raises(ResultsKeyError) as caught:
        records({"items": [1]}, "", many=True)
    assert str(caught.value) == (
        "The answer is an object, and no results key says where its list is. Its keys are: items. The array at items is likely the right one."
    )


def test_many_keys_are_shortened() -> None:
    with pytest.raises(ResultsKeyError) as caught:
        records({f"k{n}": n for n in range(25)}, "x")
    assert str(caught.value).endswith("k18, k19 and 5 more.")
