"""Documents by URL over a socket: documentation pages, files beside the document, bounds of both."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from pytest_django import Settings

from actions import fetching, importing
from integrations.openapi import Imported
from integrations.refusals import Invalid
from tests.connections.server import Handler, Served, serving
from tests.integrations.openapi.documents import answer, get, openapi

DOCUMENT = json.dumps(openapi({"/a": get()}))


@contextmanager
def site(files: dict[str, str], *, redirects: dict[str, str] | None = None) -> Iterator[Served]:
    """A server with these files; a .html is a page, and the rest says nothing about what it is."""

    def reply(handler: Handler) -> None:
        path = handler.path
        if path in (redirects or {}):
            handler.reply(302, Location=(redirects or {})[path])
        elif path in files:
            handler.reply(200, files[path].encode(), Content_Type="text/html" if path.endswith((".html", "/")) else "text/plain")
        else:
            handler.reply(404)

    with serving(reply) as served:
        yield served


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(Invalid) as caught:
        act()
    return str(caught.value.errors["url"][0])


@pytest.mark.parametrize(
    ("files", "used"),
    [
        ({"/docs/index.html": "<html><redoc spec-url='api.txt'>", "/docs/api.txt": DOCUMENT}, "/docs/api.txt"),
        ({"/docs/index.html": "<!DOCTYPE html>", "/docs/swagger.json": DOCUMENT}, "/docs/swagger.json"),
        ({"/docs/index.html": "<!DOCTYPE html>", "/docs/openapi.yaml": "openapi: 3.0.0\npaths: {/a: {get: {}}}"}, "/docs/openapi.yaml"),
        ({"/docs/index.html": "<!DOCTYPE html>", "/v3/api-docs": DOCUMENT}, "/v3/api-docs"),
        ({"/docs/index.html": "<!DOCTYPE html>", "/docs/swagger/v1/swagger.json": DOCUMENT, "/openapi.json": DOCUMENT}, "/docs/swagger/v1/swagger.json"),
        ({"/docs/index.html": "<html><a href='openapi.json'>", "/docs/openapi.json": '{"error": "none"}', "/openapi.json": DOCUMENT}, "/openapi.json"),
        ({"/docs/index.html": "<html><script src='swagger-initializer.js'></script>", "/docs/swagger-initializer.js": 'SwaggerUIBundle({url: "v9"})', "/docs/v9": DOCUMENT}, "/docs/v9"),
        ({"/docs/index.html": "<html><script>({configUrl: '/config'})</script>", "/config": '{"urls": [{"url": "/v9"}]}', "/v9": DOCUMENT}, "/v9"),
    ],
)  # fmt: skip
def test_page_leads_to_its_document(files: dict[str, str], used: str) -> None:
    with site(files) as served:
        fetched = fetching.fetch(f"{served.url}/docs/index.html")
        assert (fetched.url, fetched.data.decode()) == (served.url + used, files[used])
        said = f"{served.url}/docs/index.html is a web page; the document was read from {served.url}{used}."
        assert [(finding.rule, finding.message) for finding in fetched.findings] == [("document-url", said)]


def test_document_that_calls_itself_a_page_is_a_document() -> None:
    with site({"/api/": DOCUMENT}) as served:
        assert fetching.fetch(f"{served.url}/api/") == fetching.Fetched(DOCUMENT.encode(), f"{served.url}/api/")


def test_document_behind_a_redirect_has_the_address_that_it_came_from() -> None:
    with site({"/v2/openapi.json": DOCUMENT}, redirects={"/latest": "/v2/openapi.json"}) as served:
        assert fetching.fetch(f"{served.url}/latest").url == f"{served.url}/v2/openapi.json"


def test_page_without_a_document_is_refused_after_a_bounded_search() -> None:
    scripts = "".join(f"<script src='config{n}.js'></script><a href='openapi{n}.json'>" for n in range(100))
    with site({"/index.html": f"<html>{scripts}"}) as served:
        start = "This URL leads to a web page, and no OpenAPI document was found in it or beside it"
        assert refusal(lambda: fetching.fetch(f"{served.url}/index.html")).startswith(start)
        assert len(served.seen) < 70


def parsed(served: Served) -> Imported:
    fetched = fetching.fetch(f"{served.url}/docs/openapi.json")
    return importing.parse(fetched.data, source_url=fetched.url)


def missing(result: Imported) -> list[str]:
    return [finding.message for finding in result.findings if finding.rule == "resolving-references"]


def described(*refs: str) -> str:
    return json.dumps(openapi({f"/{n}": get(f"o{n}", responses=answer({"$ref": ref})) for n, ref in enumerate(refs)}))


def test_files_of_the_same_origin_are_followed() -> None:
    files = {
        "/docs/openapi.json": described("schemas/a.yaml", "/b.json#/B"),
        "/docs/schemas/a.yaml": "type: object\nproperties: {b: {$ref: ../../b.json#/B}}",
        "/b.json": '{"B": {"type": "integer"}}',
    }
    with site(files) as served:
        result = parsed(served)
        schemas = [operation.response_schema for operation in result.operations]
        assert schemas == [{"type": "object", "properties": {"b": {"type": "integer"}}}, {"type": "integer"}]
        assert [request.path for request in served.seen] == ["/docs/openapi.json", "/docs/schemas/a.yaml", "/b.json"]
        assert missing(result) == []


def test_file_of_another_origin_is_named_and_not_fetched() -> None:
    with site({"/secret.json": "{}"}) as other, site({"/docs/openapi.json": described(f"{other.url}/secret.json?x=1")}) as served:
        assert missing(parsed(served)) == [
            f"{other.url}/secret.json is on another server and was not fetched; what stands there is missing."
        ]
        assert other.seen == []


def test_file_that_redirects_to_another_origin_is_not_followed() -> None:
    with site({"/x.json": "{}"}) as other:
        files = {"/docs/openapi.json": described("x.json")}
        with site(files, redirects={"/docs/x.json": f"{other.url}/x.json"}) as served:
            assert missing(parsed(served)) == [f"{served.url}/docs/x.json redirects to another server. What stands there is missing."]
            assert other.seen == []


def test_file_that_is_not_there_is_named() -> None:
    with site({"/docs/openapi.json": described("gone.json")}) as served:
        assert missing(parsed(served)) == [f"{served.url}/docs/gone.json cannot be had (status 404); what stands there is missing."]


def test_no_more_files_are_fetched_than_allowed(settings: Settings) -> None:
    settings.IMPORT_FETCH_FILES = 2
    files = {f"/docs/{n}.json": '{"type": "string"}' for n in range(4)}
    with site({"/docs/openapi.json": described(*(f"{n}.json" for n in range(4))), **files}) as served:
        result = parsed(served)
        assert missing(result) == [f"{served.url}/docs/{n}.json was not fetched: at most 2 files of one document are." for n in (2, 3)]
        assert len(served.seen) == 3


def test_files_are_not_fetched_after_the_time_for_it(settings: Settings) -> None:
    settings.IMPORT_FETCH_SECONDS = 0
    with site({"/docs/openapi.json": described("a.json"), "/docs/a.json": "{}"}) as served:
        said = f"{served.url}/docs/a.json was not fetched: the files of the document took more than 0 seconds."
        assert missing(parsed(served)) == [said]
