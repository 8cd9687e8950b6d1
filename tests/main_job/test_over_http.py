"""The main job over HTTP, as a program does it: token, import or build, finalize, publish, connect, test, run, download.

Real parts only: the web server on a socket, a Celery worker as a process, the vendor as an HTTP server.
"""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from django.core.management import call_command
from pytest_django.live_server_helper import LiveServer

from demo.vendor import data
from integrations.models import User
from tests.backends import Worker
from tests.cast import Cast
from tests.vendor.pages import records as vendor_records
from tests.vendor.server import VendorServer

pytestmark = pytest.mark.django_db(transaction=True)


class Program:
    """A client of the API with the token of an application."""

    def __init__(self, url: str, user: User) -> None:
        self.url = url
        call_command(
            "createapplication", "confidential", "client-credentials", user=str(user.pk), client_id=f"of-{user.username}",
            client_secret="s3cret-of-the-test", name=user.username, stdout=io.StringIO(),
        )  # fmt: skip
        answer = requests.post(
            f"{url}/o/token/", data={"grant_type": "client_credentials"}, auth=(f"of-{user.username}", "s3cret-of-the-test"), timeout=60
        )
        assert answer.status_code == 200, answer.text
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def __call__(self, method: str, path: str, body: Any = None, *, expect: int = 200, **options: Any) -> Any:
        answer = self.session.request(method, f"{self.url}/api/{path}", json=body, timeout=60, **options)
        assert answer.status_code == expect, answer.text
        kind = answer.headers.get("Content-Type", "")
        return answer.json() if kind in ("application/json", "application/problem+json", "application/hal+json") else answer

    def run(self, body: dict[str, Any]) -> dict[str, Any]:
        """Start a run and wait for its end."""
        run = self("POST", "runs", body, expect=202)
        deadline = time.monotonic() + 40
        while run["state"] != "finished":
            assert time.monotonic() < deadline, run
            time.sleep(0.1)
            run = self("GET", f"runs/{run['id']}")
        return dict(run)


@pytest.fixture
def program(live_server: LiveServer, cast: Cast) -> Iterator[Callable[[User], Program]]:
    made: list[Program] = []

    def make(user: User) -> Program:
        made.append(Program(live_server.url, user))
        return made[-1]

    yield make
    for one in made:
        one.session.close()


@pytest.mark.parametrize(
    ("path", "pagination", "expected"),
    [
        ("/faults/pages", {"type": "page", "resultsKey": "items", "pageParam": "page", "startPage": 1, "pageSizeParam": "page_size"}, 3),
        ("/faults/index", {"type": "index", "resultsKey": "results", "indexParam": "offset", "startIndex": 0, "pageSizeParam": "limit"}, 3),
        ("/faults/links", {"type": "link", "resultsKey": "data", "nextLinkLocation": "body", "nextPageKey": "links.next"}, 3),
        (
            "/faults/link-header",
            {"type": "link", "resultsKey": "$", "nextLinkLocation": "header", "responseHeaderName": "Link", "responseHeaderRel": "next"},
            3,
        ),
        ("/faults/cursor", {"type": "pointer", "resultsKey": "data", "afterParam": "cursor", "pointerPath": "$.next_cursor"}, 3),
    ],
)
def test_main_job_by_hand_with_every_pagination_type(
    program: Callable[[User], Program],
    cast: Cast,
    worker: Worker,
    vendor: VendorServer,
    path: str,
    pagination: dict[str, Any],
    expected: int,
) -> None:
    builder, operator = program(cast.bob), program(cast.carol)
    integration = builder(
        "POST",
        "integrations",
        {
            "name": "Vendor by hand",
            "type": "custom",
            "description": "Built by a program",
            "apiBaseUri": vendor.url,
            "authType": "apikey",
            "headers": {"X-Client": "junction"},
            "auth": {"apiKeyName": "Authorization", "apiKeyLocation": "header", "apiKeyPreamble": "Token"},
            "ping": {"method": "GET", "uri": "/v1/me"},
            "pagination": {**pagination, "defaultPageSize": 100, "defaultPageLimit": 20},
        },
        expect=201,
    )
    assert (integration["status"], integration["slug"]) == ("draft", "vendor-by-hand")
    incomplete = builder("POST", "integrations/vendor-by-hand/finalize", expect=422)
    assert incomplete["errors"] == [{"field": "actions", "message": "There is no action yet. Add at least one.", "step": "actions"}]
    action = builder(
        "POST",
        "integrations/vendor-by-hand/actions",
        {
            "name": "List records",
            "description": "",
            "method": "GET",
            "path": path,
            "parameters": [
                {"name": "total", "in": "query", "type": "integer", "required": False, "default": 257, "description": "How many"}
            ],
            "body": None,
            "paginated": True,
            "pagination": None,
            "resultsKey": None,
        },
        expect=201,
    )
    builder("POST", "integrations/vendor-by-hand/finalize")
    assert builder("PUT", "integrations/vendor-by-hand", {"status": "published"})["status"] == "published"

    listed = operator("GET", "integrations?q=hand")
    assert [item["slug"] for item in listed["_embedded"]["inf:integration"]] == ["vendor-by-hand"]
    connection = operator(
        "POST",
        "connections",
        {"integration": integration["id"], "name": "Main", "credentials": {"apiKey": "sample-key"}, "settings": {}},
        expect=201,
    )
    assert "sample-key" not in json.dumps(connection)
    tested = operator("POST", f"connections/{connection['id']}/test")
    assert (tested["ok"], tested["status"], tested["message"]) == (True, 200, "The vendor accepted the credentials (200).")
    assert vendor.requests[-1].header("Authorization") == "Token sample-key"

    run = operator.run({"action": action["id"], "connection": connection["id"], "inputs": {}, "pageSize": 100, "maxPages": None})
    assert (run["verdict"], run["pages"], run["records"], run["error"]) == ("complete", expected, 257, None)
    records = f"runs/{run['id']}/records"
    assert operator("GET", records) == vendor_records(257)
    lines = operator("GET", records, headers={"Accept": "application/x-ndjson"}).text.splitlines()
    assert [json.loads(line) for line in lines] == vendor_records(257)
    rows = list(csv.DictReader(io.StringIO(operator("GET", f"{records}?format=csv").text)))
    assert rows == [{"id": str(item["id"]), "name": item["name"]} for item in vendor_records(257)]

    capped = operator.run({"action": action["id"], "connection": connection["id"], "inputs": {}, "pageSize": 100, "maxPages": 2})
    assert (capped["verdict"], capped["pages"], capped["records"]) == ("truncated", 2, 200)


def test_main_job_from_the_vendors_document_with_client_credentials(
    program: Callable[[User], Program], cast: Cast, worker: Worker, vendor: VendorServer
) -> None:
    builder, operator = program(cast.alice), program(cast.carol)
    document = requests.get(f"{vendor.url}/openapi.json", timeout=60).json()
    document["servers"] = [{"url": f"{vendor.url}/v1"}]
    imported = builder("POST", "integrations/import", expect=201, files={"file": ("vendor.json", json.dumps(document))})
    operations = sum(method in ("get", "post", "patch", "delete") for item in document["paths"].values() for method in item)
    assert (imported["version"][:3], imported["actionCount"]) == ("3.0", operations)
    builder(
        "PATCH",
        f"integrations/{imported['slug']}",
        {
            "authType": "oauth2",
            "auth": {
                "grantType": "client_credentials",
                "tokenUri": f"{vendor.url}/oauth/token",
                "scope": "read billing",
                "basicTokenAuth": True,
            },
            "ping": {"method": "GET", "uri": "/me"},
        },
    )
    builder("POST", f"integrations/{imported['id']}/finalize")
    builder("PATCH", f"integrations/{imported['slug']}", {"status": "published"})
    connection = operator(
        "POST",
        "connections",
        {"integration": imported["slug"], "name": "Main", "credentials": {"clientId": "sample-client", "clientSecret": "sample-secret"}},
        expect=201,
    )
    assert operator("POST", f"connections/{connection['id']}/test")["ok"] is True
    actions = {item["path"]: item for item in operator("GET", f"integrations/{imported['slug']}/actions") if item["method"] == "GET"}
    for name in ("devices", "tickets", "sites", "alerts", "invoices", "tags"):
        path, expected = f"/{name}", data.records(7, name)
        run = operator.run({"action": actions[path]["id"], "connection": connection["id"], "inputs": {}, "pageSize": 200, "maxPages": None})
        assert (path, run["verdict"], run["records"]) == (path, "complete", len(expected)), run["message"]
        assert [item["id"] for item in operator("GET", f"runs/{run['id']}/records")] == [item["id"] for item in expected]
    # The test and six runs, in two processes, needed one token.
    assert vendor.targets("/oauth/token") == ["/oauth/token"]


def test_import_by_url_and_by_text_and_rename(program: Callable[[User], Program], cast: Cast, vendor: VendorServer) -> None:
    builder = program(cast.bob)
    by_url = builder("POST", "integrations/import", {"url": f"{vendor.url}/openapi.json"}, expect=201)
    assert by_url["apiBaseUri"] == f"{vendor.url}/v1"
    text = 'openapi: "3.0.0"\ninfo: {title: By text, version: "1"}\nservers: [{url: "https://api.example.com"}]\npaths:\n  /photos:\n    get: {summary: Photo Records Get, responses: {"200": {description: fine}}}\n'
    by_text = builder("POST", "integrations/import", {"document": text}, expect=201)
    assert (by_text["name"], by_text["actionCount"], by_text["apiBaseUri"]) == ("By text", 1, "https://api.example.com")
    rename = {"field": "name", "pattern": "(.*?) Get", "replacement": "Get $1"}
    for dry_run in (True, False):
        changes = builder("POST", f"integrations/{by_text['id']}/actions/rename", {**rename, "dryRun": dry_run})
        assert [(change["before"], change["after"]) for change in changes["changes"]] == [("Photo Records Get", "Get Photo Records")]
        name = builder("GET", f"integrations/{by_text['id']}/actions")[0]["name"]
        assert name == ("Photo Records Get" if dry_run else "Get Photo Records")
    back = builder(
        "POST", f"integrations/{by_text['id']}/actions/rename", {"field": "name", "pattern": "Get (.*)", "replacement": r"\1 Get"}
    )
    assert back["changes"][0]["after"] == "Photo Records Get"


@pytest.mark.parametrize(
    ("body", "field", "sentence"),
    [
        ({"document": "just words"}, "document", "The file holds plain text, not an OpenAPI document. Choose a file that starts with openapi: 3.… or swagger: 2.0."),
        ({"document": "<!doctype html><html></html>"}, "document", None),
        ({"url": "http://169.254.169.254/latest/meta-data"}, "url", None),
        ({"url": "ftp://example.com/x"}, "url", "ftp://example.com/x is not a URL. Write it whole, from https:// to the end of the path."),
        ({}, "file", 'Send the document as the part "file" of multipart/form-data, or as JSON {"url": …} or {"document": …}.'),
    ],
)  # fmt: skip
def test_import_of_what_is_no_document_says_why(
    program: Callable[[User], Program], cast: Cast, body: dict[str, str], field: str, sentence: str | None
) -> None:
    problem = program(cast.bob)("POST", "integrations/import", body, expect=422)
    assert (problem["status"], problem["type"]) == (422, "urn:junction:problem:invalid")
    assert [item["field"] for item in problem["errors"]] == [field]
    if sentence:
        assert problem["detail"] == sentence


def test_another_organization_sees_nothing(program: Callable[[User], Program], cast: Cast, worker: Worker, vendor: VendorServer) -> None:
    builder, operator, stranger = program(cast.bob), program(cast.carol), program(cast.eve)
    integration = builder(
        "POST",
        "integrations",
        {"name": "Inner", "type": "custom", "mode": "shared", "apiBaseUri": vendor.url, "authType": "none"},
        expect=201,
    )
    action = builder("POST", "integrations/inner/actions", {"name": "Tags", "path": "/v1/tags"}, expect=201)
    builder("POST", "integrations/inner/finalize")
    builder("PUT", "integrations/inner", {"status": "published"})
    connection = operator("POST", "connections", {"integration": "inner", "name": "Main"}, expect=201)
    run = operator.run({"action": action["id"], "connection": connection["id"]})
    for path in (f"integrations/{integration['id']}", "integrations/inner", "integrations/inner/actions", f"actions/{action['id']}",
                 f"connections/{connection['id']}", f"runs/{run['id']}", f"runs/{run['id']}/records", "nothing-at-all"):  # fmt: skip
        assert stranger("GET", path, expect=404)["type"] == "urn:junction:problem:not-found"
    assert stranger("GET", "integrations")["total"] == 0
    assert (stranger("GET", "connections"), stranger("GET", "runs")) == ([], [])
    assert (
        stranger("POST", "runs", {"action": action["id"], "connection": connection["id"]}, expect=422)["errors"][0]["field"] == "connection"
    )
    assert stranger("POST", f"connections/{connection['id']}/test", expect=404)["status"] == 404
    # A viewer of the client organization sees, and may do nothing.
    viewer = program(cast.dave)
    assert viewer("GET", f"connections/{connection['id']}")["name"] == "Main"
    for method, path, body in (("POST", f"connections/{connection['id']}/test", None), ("DELETE", f"connections/{connection['id']}", None),
                               ("POST", "runs", {"action": action["id"], "connection": connection["id"]}), ("PUT", "integrations/inner", {"name": "Mine"})):  # fmt: skip
        assert viewer(method, path, body, expect=403)["type"] == "urn:junction:problem:forbidden"


def test_schema_and_docs_are_served_to_everybody(live_server: LiveServer) -> None:
    schema = requests.get(f"{live_server.url}/api/schema/", headers={"Accept": "application/json"}, timeout=60).json()
    assert schema["openapi"].startswith("3.")
    assert "/api/runs/{key}/records" in schema["paths"]
    assert requests.get(f"{live_server.url}/api/docs/", timeout=60).status_code == 200
    assert requests.get(f"{live_server.url}/api/integrations", timeout=60).status_code == 401
