"""Every list is paged, filtered and ordered by the same words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from drf_spectacular.generators import SchemaGenerator

from actions import services as actions
from connections.services import set_default_credentials
from tests.api.calls import Caller
from tests.cast import Cast, MakeConnection, MakeIntegration


def lists() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The operations of /api/schema/ that answer with a list: an array, or a HAL collection."""
    document = SchemaGenerator().get_schema(request=None, public=True)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            answer = operation.get("responses", {}).get("200", {}).get("content", {})
            schema = answer.get("application/json", {}).get("schema", {})
            if schema.get("type") == "array" or schema.get("$ref", "").endswith("Collection"):
                yield path, operation, schema


# What a vendor sent, and the list of seed 004, which is whole and has an ETag instead of pages.
OTHER = {"listRecords", "listIntegrationsFlat"}


def test_every_list_has_the_same_words_for_paging() -> None:
    found = {operation["operationId"]: operation for _, operation, _ in lists() if operation["operationId"] not in OTHER}
    assert len(found) >= 10
    missing = {name: sorted({"start", "limit"} - {item["name"] for item in operation["parameters"]}) for name, operation in found.items()}
    assert {name: words for name, words in missing.items() if words} == {}


def test_connections_come_in_pages_with_links_to_the_others(
    cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    integration = make_integration()
    for number in range(5):
        make_connection(integration, name=f"Number {number}")
    carol = Caller(cast.carol)
    seen, path, pages = [], "connections?limit=2&ordering=-name", 0
    while path:
        answer = carol.ask("GET", path)
        assert (answer.status_code, answer["X-Total-Count"]) == (200, "5")
        seen += [item["name"] for item in answer.json()]
        following = re.search(r'<([^>]+)>; rel="next"', answer.headers.get("Link", ""))
        path, pages = following[1] if following else "", pages + 1
    assert (pages, seen) == (3, ["Number 4", "Number 3", "Number 2", "Number 1", "Number 0"])
    last = carol.ask("GET", "connections?limit=2&start=4")
    assert last["Link"] == '</api/connections?start=0&limit=2>; rel="first", </api/connections?start=2&limit=2>; rel="prev"'
    assert carol.ask("GET", "connections?limit=2")["Link"] == (
        '</api/connections?start=2&limit=2>; rel="next", </api/connections?start=4&limit=2>; rel="last"'
    )


def test_the_parts_of_one_thing_come_all_at_once_unless_a_limit_is_given(cast: Cast, make_integration: MakeIntegration) -> None:
    integration = make_integration(status="draft")
    for number in range(59):
        actions.add(integration=integration, values={"name": f"Part {number}", "method": "GET", "path": f"/parts/{number}"})
    bob, path = Caller(cast.bob), f"integrations/{integration.slug}/actions"
    answer = bob.ask("GET", path)
    assert (len(answer.json()), answer["X-Total-Count"], answer.headers.get("Link")) == (60, "60", None)
    assert len(bob("GET", f"{path}?start=55")) == 5
    assert len(bob("GET", f"{path}?limit=7")) == 7


def test_lists_ask_the_database_as_often_for_many_rows_as_for_one(
    cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    carol = Caller(cast.carol)

    def asked(path: str) -> int:
        with CaptureQueriesContext(
            database,
        ) as queries:
            carol("GET", path)
        return len(queries)

    def add(number: int) -> None:
        integration = make_integration(
            name=f"Sample {number}", auth={"type": "apikey", "apiKeyName": "X-Key", "apiKeyLocation": "header"}, actions=None
        )
        set_default_credentials(integration=integration, secrets={"apiKey": "of-the-owner"})
        make_connection(integration, name=f"One {number}")

    add(0)
    for path in ("connections", "integrations"):
        carol("GET", path)  # what is looked up once for a process
    first = {path: asked(path) for path in ("connections", "integrations")}
    for number in range(1, 5):
        add(number)
    assert {path: asked(path) for path in ("connections", "integrations")} == first


def test_filters_narrow_a_list_and_orders_turn_it(cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection) -> None:
    beta, other = make_integration(name="Beta"), make_integration(name="Other", status="hidden")
    make_connection(beta, name="Working")
    bob = Caller(cast.bob)
    bob("PATCH", f"integrations/{beta.slug}", {"isBeta": True, "category": "crm"})

    def names(query: str) -> list[str]:
        return [item["name"] for item in bob("GET", f"integrations?{query}")["_embedded"]["inf:integration"]]

    assert (names("ordering=-name"), names("ordering=name"), names("isBeta=true"), names("isBeta=false")) == (
        ["Other", "Beta"], ["Beta", "Other"], ["Beta"], ["Other"],
    )  # fmt: skip
    assert (names("status=hidden"), names("category=crm"), names(f"organization={cast.msp.slug}&ordering=-createdAt")) == (
        ["Other"], ["Beta"], ["Other", "Beta"],
    )  # fmt: skip
    actions.add(integration=other, values={"name": "Make user", "method": "POST", "path": "/users"})
    assert [item["name"] for item in bob("GET", f"integrations/{other.slug}/actions?method=POST")] == ["Make user"]
    assert [item["name"] for item in bob("GET", f"connections?integration={beta.slug}&state=untested")] == ["Working"]
    assert bob("GET", "connections?state=failing") == []


@pytest.mark.parametrize(
    ("query", "field", "sentence"),
    [
        ("limit=0", "limit", "Enter a whole number from 1 to 500."),
        ("limit=501", "limit", "Enter a whole number from 1 to 500."),
        ("limit=many", "limit", "Enter a whole number from 1 to 500."),
        ("start=-1", "start", "Enter a whole number from 0 on."),
        ("state=odd", "state", "odd is not offered. Use one of: untested, working, failing, reauthorize."),
        ("state=", "state", "Leave the parameter out, or give it a value."),
        ("isDefault=maybe", "isDefault", "Enter true or false."),
        ("ordering=secret", "ordering", "secret is no order of this list. Use one of: name, createdAt, updatedAt, testedAt."),
    ],
)
def test_what_no_list_knows_is_named(cast: Cast, query: str, field: str, sentence: str) -> None:
    problem = Caller(cast.carol)("GET", f"connections?{query}", expect=422)
    assert (problem["type"], problem["errors"]) == ("urn:junction:problem:invalid", [{"field": field, "message": sentence}])
