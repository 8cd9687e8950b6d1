from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integrations.openapi import read, strict_json
from tests.integrations.openapi.documents import get, openapi

TEXT = st.text(alphabet='a":\\, {é', max_size=6)
JSON = st.recursive(
    TEXT | st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=12
)


@pytest.mark.parametrize(
    "data",
    [
        b"{'a': 1}",
        b'{"a": "\x01"}',
        b'{"a": "\x7f"}',
        b'{"a": "\\u0000"}',
        b'{"a": "\xff"}',
        '{"a": "\x81"}'.encode(),
        '{"a": "\ufffe"}'.encode(),
        b'{"a": NaN}',
    ],
)
def test_what_needs_a_closer_look_is_a_doubt(data: bytes) -> None:
    with pytest.raises(strict_json.Doubt):
        strict_json.load(data)


def test_byte_order_mark_is_no_doubt() -> None:
    data = b'\xef\xbb\xbf {"a": [1]}'
    assert (strict_json.may_be(data), strict_json.load(data)) == (True, {"a": [1]})


@given(JSON)
def test_key_count_is_that_of_all_objects(value: Any) -> None:
    counts: list[int] = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        counts.append(len(pairs))
        return dict(pairs)

    json.loads(json.dumps([value]), object_pairs_hook=note)
    assert strict_json.survey([value], 50) == sum(counts)


@given(st.dictionaries(st.text(alphabet="ab é", max_size=3), JSON, min_size=1, max_size=3))
@example({"": {"\\": ""}})
def test_repeated_key_is_never_missed(value: dict[str, Any]) -> None:
    name, first = next(iter(value.items()))
    data = f"{json.dumps(value)[:-1]}, {json.dumps(name)}: {json.dumps(first)}}}".encode()
    assert strict_json.may_repeat_keys(data, strict_json.survey(json.loads(data), 50))


def test_nesting_beyond_the_bound_is_told() -> None:
    assert (strict_json.survey([[[]]], 2), strict_json.survey([[[[]]]], 2)) == (0, -1)


def test_repeated_key_of_a_document_is_reported() -> None:
    data = json.dumps(openapi({"/a": get()})).replace('"paths"', '"x-a": {"b": 1, "b": 2}, "paths"').encode()
    assert [finding.rule for finding in read(data).findings if finding.rule == "duplicate-key"] == ["duplicate-key"]
