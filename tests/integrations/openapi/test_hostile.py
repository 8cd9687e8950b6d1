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


# --- many of what there are few of ------------------------------------------------------------------------------------


def parameters_of(count: int) -> dict[str, Any]:
    return openapi({"/a": get(parameters=[{"name": f"p{n}", "in": "query", "schema": {"type": "string"}} for n in range(count)])})


def test_first_thousand_parameters_of_a_list_are_taken() -> None:
    found = imported(parameters_of(3000))
    assert [one.name for one in found.operations[0].parameters] == [f"p{n}" for n in range(1000)]
    assert [(one.rule, one.pointer) for one in found.findings if "3,000" in one.message] == [
        ("operation-parameters", "/paths/~1a/get/parameters")
    ]


@pytest.mark.parametrize("count", [1000, 1001])
def test_enumeration_of_more_than_a_thousand_values_refuses_none(count: int) -> None:
    values = [f"v{n}" for n in range(count)]
    schema = {"type": "string", "enum": values}
    body = {"content": {"application/json": {"schema": {"type": "object", "properties": {"p": schema}}}}}
    found = imported(openapi({"/a": {"post": {"parameters": [{"name": "p", "in": "query", "schema": schema}], "requestBody": body}}}))
    (operation,) = found.operations
    assert operation.body is not None
    kept = values if count == 1000 else []
    assert (operation.parameters[0].enum, operation.body.schema_["properties"]["p"].get("enum", [])) == (kept, kept)


def test_server_that_grows_by_its_variables_is_left_out() -> None:
    server = {"url": "https://" + "{a}" * 500 + ".example.com", "variables": {"a": {"default": "{a}" * 100_000}}}
    found = imported(openapi({"/a": get()}, servers=[server, {"url": "https://api.example.com"}]))
    assert found.definition.api_base_uri == "https://api.example.com"
    assert [one.pointer for one in found.findings if one.rule == "oas3-api-servers"] == ["/servers/0"]


def test_path_that_is_too_long_is_named_in_the_refusal() -> None:
    with pytest.raises(DocumentError) as caught:
        imported(openapi({"/" + "a" * 3000: get()}))
    assert str(caught.value).startswith("None of the operations can be used. GET /aaa")
    assert "should have at most 2000 characters" in str(caught.value)


def test_requirements_beyond_a_thousand_count_for_nothing() -> None:
    found = imported(openapi({"/a": get()}, security=[{f"s{n}": []} for n in range(2000)]))
    counted = [one.message for one in found.findings if one.rule == "security-scheme-undefined" and one.severity == "info"]
    assert counted == ["The rule security-scheme-undefined has 1000 repairs in this document; the first 500 are listed."]
