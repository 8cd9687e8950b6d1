from __future__ import annotations

from typing import Any

import pytest

from tests.integrations.openapi.documents import get, imported, openapi, rules


def base(*servers: Any, source: str = "") -> str:
    return imported(openapi({"/a": get()}, servers=list(servers)), source).definition.api_base_uri


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        ([{"url": "https://api.example.com/v1/"}], "https://api.example.com/v1"),
        ([{"url": "http://api.example.com"}, {"url": "https://api.example.org"}], "https://api.example.org"),
        ([{"url": "http://api.example.com:8080/x"}], "https://api.example.com:8080/x"),
        ([{"url": "https://sandbox.example.com"}, {"url": "https://api.example.com"}], "https://api.example.com"),
        ([{"url": "/v1"}], "/v1"),
        ([{"url": "v1"}], "/v1"),
        ([{"url": "//api.example.com/v1"}], "https://api.example.com/v1"),
        ([{"url": "api.example.com/v1"}], "https://api.example.com/v1"),
        ([{"url": "https://{region}.example.com", "variables": {"region": {"default": "eu"}}}], "https://eu.example.com"),
        ([{"url": "https://{region}.example.com", "variables": {"region": {"enum": ["us", "eu"]}}}], "https://us.example.com"),
        ([{"url": "https://{tenant}.example.com/api"}], "/api"),
        ([{"url": "{host}/api"}], "/api"),
        ([{"url": "https://api.example.com/v1?x=1"}], "https://api.example.com/v1"),
        ([{"url": "ftp://files.example.com"}], "/"),
        ([{"url": "https://a b"}], "/"),
        ([{}], "/"),
        ([5, None, "https://api.example.com"], "https://api.example.com"),
        ([], "/"),
    ],
)
def test_base_uri_comes_from_the_best_server(servers: list[Any], expected: str) -> None:
    assert base(*servers) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [("/v1", "https://docs.example.com/v1"), ("../v2", "https://docs.example.com/v2"), ("https://x.example.com", "https://x.example.com")],
)
def test_relative_server_is_resolved_against_the_source(url: str, expected: str) -> None:
    assert base({"url": url}, source="https://docs.example.com/api/openapi.json") == expected


def test_document_without_host_leaves_it_to_the_connection() -> None:
    result = imported(openapi({"/a": get()}, servers=[{"url": "/v1"}]))
    assert (result.definition.host_at_connect, rules(result)) == (True, ["oas3-api-servers"])


def test_http_only_becomes_https_with_a_finding() -> None:
    assert rules(imported(openapi({"/a": get()}, servers=[{"url": "http://api.example.com"}]))) == ["server-https"]


def test_servers_of_paths_are_used_where_the_document_has_none_and_named_where_they_differ() -> None:
    paths = {
        "/a": {**get(), "servers": [{"url": "https://one.example.com"}]},
        "/b": {**get("b"), "servers": [{"url": "https://two.example.com"}]},
    }
    result = imported(openapi(paths, servers=[]))
    assert (result.definition.api_base_uri, [f.pointer for f in result.findings]) == ("https://one.example.com", ["/paths/~1b/servers"])


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"host": "api.example.com", "basePath": "/v1", "schemes": ["http", "https"]}, "https://api.example.com/v1"),
        ({"host": "api.example.com"}, "https://api.example.com"),
        ({"host": "https://api.example.com/", "basePath": "v1"}, "https://api.example.com/v1"),
        ({"host": "api.example.com", "schemes": ["ws", "http"]}, "https://api.example.com"),
        ({"basePath": "/v1"}, "/v1"),
        ({}, "/"),
        ({"host": None, "basePath": 5, "schemes": "https"}, "/"),
    ],
)
def test_swagger_2_host_base_path_and_schemes_become_the_base_uri(parts: dict[str, Any], expected: str) -> None:
    assert imported({"swagger": "2.0", "paths": {"/a": get()}, **parts}).definition.api_base_uri == expected


@pytest.mark.parametrize("url", ["{{https://api.example.com", "https://api.example.com/{{x", "/{{v1"])
def test_server_with_an_unclosed_placeholder_is_left_out(url: str) -> None:
    result = imported(openapi({"/a": get()}, servers=[{"url": url}]))
    assert (result.definition.api_base_uri, rules(result)) == ("/", ["oas3-api-servers"])
