"""Documents made to exhaust time or memory, and broken ones by chance: an answer or a DocumentError, nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.openapi import DocumentError, Imported, read
from tests.integrations.openapi.documents import answer, get, imported, openapi, sample

SAMPLES = [sample(name) for name in ("library.yaml", "warehouse.json", "tickets.json")]


def attempt(data: bytes) -> Imported | None:
    try:
        return read(data)
    except DocumentError:
        return None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(SAMPLES), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 40), st.binary(max_size=6)), max_size=6))
def test_mutated_bytes_are_imported_or_refused(data: bytes, edits: list[tuple[int, int, bytes]]) -> None:
    for position, length, inserted in edits:
        start = position % len(data)
        data = data[:start] + inserted + data[start + length :] or b"x"
    attempt(data)


WRONG = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8), st.just([]), st.just({}), st.just([None, 1, "x", {}]),
    st.just({"$ref": "#/components/schemas/Book"}), st.just({"$ref": "#"}), st.just({"$ref": 5}), st.just({"a": [{}], "type": ["null"]}),
)  # fmt: skip


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        found += places(child, (*path, key))
    return found


TREES = [json.loads(SAMPLES[1]), json.loads(SAMPLES[2]), openapi({"/a": get(responses=answer({"type": "array", "items": {}}))})]
PLACES = [places(tree) for tree in TREES]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_values_of_a_wrong_kind_are_imported_or_refused(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(TREES) - 1))
    tree = json.loads(json.dumps(TREES[number]))
    for path in data.draw(st.lists(st.sampled_from(PLACES[number]), min_size=1, max_size=4)):
        node = tree
        try:
            for step in path[:-1]:
                node = node[step]
            node[path[-1]] = json.loads(json.dumps(data.draw(WRONG)))
        except (KeyError, IndexError, TypeError):
            continue
    attempt(json.dumps(tree).encode())


def schemas(named: dict[str, Any], count: int = 1) -> Imported:
    paths = {f"/{n}": get(f"go{n}", responses=answer({"$ref": f"#/components/schemas/S{n % len(named)}"})) for n in range(count)}
    return imported(openapi(paths, components={"schemas": named}))


def test_references_that_multiply_stay_bounded() -> None:
    fan = {
        f"S{n}": {"type": "object", "properties": {f"p{m}": {"$ref": f"#/components/schemas/S{m}"} for m in range(30)}} for n in range(30)
    }
    assert len(schemas(fan, count=500).operations) == 500


def test_all_of_that_multiplies_stays_bounded() -> None:
    chain = {f"S{n}": {"allOf": [{"$ref": f"#/components/schemas/S{n + 1}"}] * 10} for n in range(60)}
    assert len(schemas(chain).operations) == 1


def test_long_chain_of_references_ends() -> None:
    chain = {f"S{n}": {"$ref": f"#/components/schemas/S{n + 1}"} for n in range(5000)}
    assert len(schemas(chain).operations) == 1


def test_many_operations_with_one_operation_id_get_keys_of_their_own() -> None:
    result = imported(openapi({f"/{n}": get("same") for n in range(3000)}))
    assert len({operation.key for operation in result.operations}) == 3000


def test_description_of_opened_scripts_is_read_in_one_pass() -> None:
    assert imported(openapi({"/a": get(description="<script>" * 20_000)}, info={"description": "<!--" * 20_000})).operations[0].key == "go"


@pytest.mark.parametrize(
    "text", ['"' + "\\" * 300_000, '{"a":"' + "\\" * 300_001, "a: " * 50_000, "&a " * 50_000, "<" * 300_000, "{" + '"a":1,' * 100_000]
)
def test_text_that_is_nothing_is_refused(text: str) -> None:
    assert attempt(text.encode()) is None
