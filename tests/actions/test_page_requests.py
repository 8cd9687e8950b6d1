"""Where a page's values go in a request: query, header, path, JSON body, form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actions.page_requests import build
from actions.pagination import PageRequest
from actions.requests import InputError
from connections.exchange import Outgoing
from integrations.operation import Operation

BASE = "https://api.example.com/v1"


def built(page: PageRequest, *, inputs: dict[str, Any] | None = None, trusted: tuple[str, ...] = (), **operation: Any) -> Outgoing:
    values = {"name": "List", "path": "/items", **operation}
    return build(
        Operation.model_validate(values), inputs or {}, page, base=BASE, headers={"X-Page": "0", "X-Version": "2"}, trusted=trusted
    )


def test_query_replaces_what_the_path_has() -> None:
    assert built(PageRequest([("page", "2")]), path="/items?page=1&of=a").url == f"{BASE}/items?of=a&page=2"


def test_required_parameter_of_the_page_need_not_be_entered() -> None:
    parameters = [{"name": "page", "required": True, "type": "integer"}]
    assert built(PageRequest([("page", "2")]), parameters=parameters).url == f"{BASE}/items?page=2"
    with pytest.raises(InputError):
        built(PageRequest(), parameters=parameters)


def test_header_replaces_the_integrations() -> None:
    headers = built(PageRequest(headers=[("x-page", "2")])).headers
    assert [pair for pair in headers if pair[0].lower().startswith("x-")] == [("X-Version", "2"), ("x-page", "2")]


def test_path_is_filled_and_escaped() -> None:
    assert built(PageRequest(path={"page": "a/2"}), path="/items/page={page}/json").url == f"{BASE}/items/page=a%2F2/json"
    with pytest.raises(InputError) as caught:
        built(PageRequest(path={"page": "2"}))
    assert caught.value.fields == {
        "page": ["The pagination puts page into the path, which has no {page}. Correct the path or the pagination."]
    }


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (None, {"Data": {"Page": 2}}),
        ({"Data": {"Size": 5}, "x": [1]}, {"Data": {"Size": 5, "Page": 2}, "x": [1]}),
        ('{"Data": null}', {"Data": {"Page": 2}}),
    ],
)
def test_body_keeps_what_was_given(given: Any, sent: dict[str, Any]) -> None:
    outgoing = built(PageRequest(body={"Data.Page": 2}), method="POST", inputs={} if given is None else {"body": given}, body={})
    assert json.loads(outgoing.body or b"") == sent
    assert ("Content-Type", "application/json") in outgoing.headers


def test_given_body_is_not_changed() -> None:
    given = {"body": {"Data": {"Size": 5}}}
    built(PageRequest(body={"Data.Page": 2}), method="POST", inputs=given, body={})
    assert given == {"body": {"Data": {"Size": 5}}}


def test_form_takes_a_field() -> None:
    body = {"contentType": "application/x-www-form-urlencoded"}
    assert built(PageRequest(body={"page": 2}), method="POST", inputs={"body": "q=a%20b"}, body=body).body == b"q=a+b&page=2"


@pytest.mark.parametrize("given", ["[1]", "{", [1]])
def test_body_that_takes_no_position_says_so(given: Any) -> None:
    with pytest.raises(InputError):
        built(PageRequest(body={"page": 2}), method="POST", inputs={"body": given}, body={})


def test_link_replaces_the_url_and_may_get_lost_parameters_back() -> None:
    link = "https://api.example.com/other?page=2&a=9"
    path = "/items?a=1&b=x%20y"
    assert built(PageRequest(url=link), path=path).url == link
    assert built(PageRequest(url=link, restore=True), path=path).url == f"{link}&b=x+y"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://files.example.com/a", "https://files.example.com"),
        ("https://files.example.com:8443/a", ""),
        ("http://files.example.com/a", ""),
        ("https://files.example.com.evil.example/a", ""),
    ],
)
def test_only_a_trusted_origin_may_get_credentials(url: str, origin: str) -> None:
    assert built(PageRequest(url=url), trusted=("https://files.example.com",)).credentials_origin == origin
