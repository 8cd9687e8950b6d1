from __future__ import annotations

from typing import Any

import pytest

from tests.integrations.openapi.documents import answer, get, imported, openapi

ROWS = {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "string"}}}}
TEXT = {"type": "string"}
NUMBER = {"type": "integer"}


def query(*names: str, **schemas: Any) -> list[dict[str, Any]]:
    plain = [{"name": name, "in": "query", "schema": NUMBER} for name in names]
    return plain + [{"name": name, "in": "query", "schema": schema} for name, schema in schemas.items()]


def listing(parameters: list[dict[str, Any]], schema: dict[str, Any], **response: Any) -> dict[str, Any]:
    responses = answer(schema)
    responses["200"].update(response)
    return get(parameters=parameters, responses=responses)


def wrapped(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields}


def suggested(path: dict[str, Any], at: str = "/things") -> dict[str, Any]:
    result = imported(openapi({at: path}))
    values = result.definition.pagination.model_dump(exclude_defaults=True)
    assert result.operations[0].paginated is (result.definition.pagination.type != "none")
    return {"type": result.definition.pagination.type, **values}


@pytest.mark.parametrize(
    ("parameters", "schema", "expected"),
    [
        (query("page", "per_page"), ROWS, {"type": "page", "results_key": "$", "page_param": "page", "page_size_param": "per_page"}),
        (query("page[number]", "page[size]"), wrapped(data=ROWS), {"type": "page", "results_key": "data", "page_param": "page[number]", "page_size_param": "page[size]"}),
        (query("offset", "limit"), wrapped(things=ROWS, tags=ROWS), {"type": "index", "results_key": "things", "index_param": "offset", "page_size_param": "limit"}),
        (query("$skip", "$top"), wrapped(value=ROWS), {"type": "index", "results_key": "value", "index_param": "$skip", "page_size_param": "$top"}),
        (query("limit", "cursor"), wrapped(items=ROWS, next_cursor=TEXT), {"type": "pointer", "results_key": "items", "after_param": "cursor", "pointer_path": "next_cursor", "page_size_param": "limit"}),
        (query("pageToken"), wrapped(items=ROWS, nextPageToken=TEXT), {"type": "pointer", "results_key": "items", "after_param": "pageToken", "pointer_path": "nextPageToken"}),
        (query("limit", "starting_after"), wrapped(data=ROWS, has_more={"type": "boolean"}), {"type": "pointer", "results_key": "data", "after_param": "starting_after", "pointer_path": "$.data[-1].id", "page_size_param": "limit"}),
        (query("after", "pageSize"), ROWS, {"type": "pointer", "results_key": "$", "after_param": "after", "pointer_path": "$[-1].id", "page_size_param": "pageSize"}),
        (query("page[after]"), wrapped(data=ROWS, links=wrapped(next=TEXT)), {"type": "link", "results_key": "data", "next_page_key": "links.next"}),
        (query("page"), wrapped(values=ROWS, next={"type": "string", "format": "uri"}), {"type": "link", "results_key": "values", "next_page_key": "next"}),
        ([], {"type": "object", "properties": {"value": ROWS, "@odata.nextLink": TEXT}}, {"type": "link", "results_key": "value", "next_page_key": "@odata.nextLink"}),
        ([], wrapped(_embedded=wrapped(users=ROWS), _links=wrapped(next=wrapped(href=TEXT))), {"type": "link", "results_key": "_embedded.users", "next_page_key": "_links.next.href"}),
        (query("page_token", "limit"), wrapped(rows=ROWS, pagination=wrapped(next_page_token=TEXT, total=NUMBER)), {"type": "pointer", "results_key": "rows", "after_param": "page_token", "pointer_path": "pagination.next_page_token", "page_size_param": "limit"}),
    ],
)  # fmt: skip
def test_pagination_is_suggested_from_names(parameters: list[dict[str, Any]], schema: dict[str, Any], expected: dict[str, Any]) -> None:
    assert suggested(listing(parameters, schema)) == expected


def test_link_header_is_evidence() -> None:
    path = listing([], ROWS, headers={"Link": {"schema": TEXT}})
    assert suggested(path) == {"type": "link", "results_key": "$", "next_link_location": "header"}


def ranged(name: str = "Range", **parameter: Any) -> dict[str, Any]:
    return {"name": name, "in": "header", "schema": {"type": "string", **parameter.pop("schema", {})}, **parameter}


@pytest.mark.parametrize(
    ("parameter", "response", "expected"),
    [
        (ranged(), {"headers": {"Content-Range": {"schema": TEXT}}}, {}),
        (ranged(description="Such as devices=0-24."), {}, {"range_unit": "devices"}),
        (ranged(schema={"default": "0-99"}), {}, {"range_unit": ""}),
        (ranged("X-Range", schema={"default": "items=0-99"}), {}, {"range_header": "X-Range"}),
    ],
)
def test_range_header_is_evidence(parameter: dict[str, Any], response: dict[str, Any], expected: dict[str, str]) -> None:
    assert suggested(listing([parameter], ROWS, **response)) == {"type": "range", "results_key": "$", **expected}


def test_partial_answer_is_evidence_of_ranges() -> None:
    path = get(responses={"200": answer(ROWS)["200"], "206": answer(ROWS)["200"]})
    result = imported(openapi({"/things": path}))
    suggestion = result.operations[0].suggestion
    assert suggestion is not None
    assert (result.definition.pagination.type, suggestion.score, suggestion.evidence) == (
        "range",
        50,
        "the answer has a Content-Range header",
    )


@pytest.mark.parametrize(
    "path",
    [
        listing([ranged(description="Bytes to download, such as bytes=0-1023")], ROWS),
        listing([ranged()], {"type": "string", "format": "binary"}),
        listing(query("limit"), ROWS),
        listing(query("page", "per_page"), wrapped(id=TEXT)),
        listing(query("page"), wrapped(id=TEXT, tags=ROWS, members=ROWS, owners=ROWS)),
        listing(query("cursor"), wrapped(data={"type": "array", "items": {"type": "string"}})),
        {"post": listing(query("page", "per_page"), ROWS)["get"]},
        get(),
    ],
)
def test_nothing_is_suggested_without_list_and_evidence(path: dict[str, Any]) -> None:
    assert suggested(path)["type"] == "none"


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ({}, 100),
        ({"default": 20}, 20),
        ({"maximum": 500}, 100),
        ({"maximum": 30}, 30),
        ({"default": 10, "maximum": 200}, 100),
        ({"default": 5000}, 1000),
    ],
)
def test_page_size_stays_within_what_vendor_and_definition_allow(size: dict[str, int], expected: int) -> None:
    path = listing(query("page", limit={"type": "integer", **size}), ROWS)
    assert imported(openapi({"/a": path})).definition.pagination.default_page_size == expected  # type: ignore[union-attr]


@pytest.mark.parametrize(("page", "start"), [({}, 1), ({"default": 0}, 0), ({"default": 1}, 1), ({"description": "Zero-based page"}, 0)])
def test_first_page_is_zero_where_the_document_says_so(page: dict[str, Any], start: int) -> None:
    path = listing(query("size", page={"type": "integer", **page}), ROWS)
    assert imported(openapi({"/a": path})).definition.pagination.start_page == start  # type: ignore[union-attr]


def test_commonest_pagination_is_the_default_and_others_keep_their_own() -> None:
    paths = {
        "/a": listing(query("page", "size"), wrapped(data=ROWS)),
        "/b": listing(query("page", "size"), wrapped(data=ROWS)),
        "/c": listing(query("page", "size"), wrapped(c=ROWS)),
        "/d": listing(query("offset", "limit"), wrapped(data=ROWS)),
        "/e": get(),
    }
    for name, path in paths.items():
        path["get"]["operationId"] = name[1:]
    result = imported(openapi(paths))
    assert result.definition.pagination.type == "page"
    assert [(o.key, o.paginated, o.pagination and o.pagination.type, o.results_key) for o in result.operations] == [
        ("a", True, None, None),
        ("b", True, None, None),
        ("c", True, None, "c"),
        ("d", True, "index", None),
        ("e", False, None, None),
    ]
    assert result.findings[-1].message.startswith("4 operations look paginated, 3 of them by type page")
