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
    TEXT | st.integers(-(2**63), 2**64 - 1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
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
        strict_json.load(data, strict_json.numbered(data))


def test_byte_order_mark_is_no_doubt() -> None:
    data = b'\xef\xbb\xbf {"a": [1]}'
    assert (strict_json.may_be(data), strict_json.load(data, strict_json.numbered(data))) == (True, {"a": [1]})


@given(st.dictionaries(st.text(alphabet="ab é", max_size=3), JSON, min_size=1, max_size=3))
@example({"": {"\\": ""}})
@example({"": ":"})
def test_repeated_key_is_never_missed(value: dict[str, Any]) -> None:
    name, first = next(iter(value.items()))
    data = f"{json.dumps(value)[:-1]}, {json.dumps(name)}: {json.dumps(first)}}}".encode()
    written = strict_json.compact(strict_json.load(data, strict_json.numbered(data)), 50)
    assert written is not None
    assert strict_json.may_repeat_keys(data, written, strict_json.numbered(data))


def test_repeated_key_is_not_hidden_by_a_colon_that_is_written_by_number() -> None:
    data = b'{"a": 1, "a": 2, "b": "\\u003a"}'
    written = strict_json.compact(strict_json.load(data, strict_json.numbered(data)), 50)
    assert written == b'{"a":2,"b":":"}'.join(_wrapped(50))
    assert strict_json.may_repeat_keys(data, written, strict_json.numbered(data))


@given(JSON)
def test_keys_that_occur_once_raise_no_doubt(value: Any) -> None:
    data = json.dumps([value], ensure_ascii=False).encode()
    written = strict_json.compact([value], 50)
    assert written is not None
    assert not strict_json.may_repeat_keys(data, written, strict_json.numbered(data))


def test_nesting_beyond_the_bound_is_told() -> None:
    assert (strict_json.compact([[{}]], 2), strict_json.compact([[[{}]]], 2)) == (b"[[{}]]".join(_wrapped(2)), None)
    assert (strict_json.compact([[1]], 1), strict_json.compact([[[1]]], 1)) == (b"[[1]]".join(_wrapped(1)), None)
    assert strict_json.compact([], 254) is None


def _wrapped(depth: int) -> tuple[bytes, bytes]:
    """What stands before and behind the values, so that the whole is as deep as orjson writes."""
    return b"[" * (253 - depth), b"]" * (253 - depth)


def test_repeated_key_of_a_document_is_reported() -> None:
    data = json.dumps(openapi({"/a": get()})).replace('"paths"', '"x-a": {"b": 1, "b": 2}, "paths"').encode()
    assert [finding.rule for finding in read(data).findings if finding.rule == "duplicate-key"] == ["duplicate-key"]
