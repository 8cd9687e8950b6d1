"""Junction's own document, uploaded to Junction: OAuth 2.0 with client credentials, and a list of Junction over all pages.

docs/api/itself.md tells how; this does it by the same calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from pytest_django.live_server_helper import LiveServer

from tests.backends import Worker
from tests.cast import Cast, MakeIntegration
from tests.main_job.test_over_http import Program, program  # noqa: F401 - a fixture


@pytest.mark.django_db(transaction=True)
def test_junction_integrates_itself(
    live_server: LiveServer,
    program: Callable[[Any], Program],  # noqa: F811 - the fixture
    cast: Cast,
    worker: Worker,
    make_integration: MakeIntegration,
) -> None:
    for number in range(57):
        make_integration(name=f"Integration {number:02}", status="draft")
    builder = program(cast.alice)
    document = requests.get(f"{live_server.url}/api/schema/", headers={"Accept": "application/json"}, timeout=60).content
    imported = builder("POST", "integrations/import", expect=201, files={"file": ("junction.json", document)})
    assert [finding for finding in imported["findings"] if finding["severity"] == "error"] == []
    # What the document says is set up already: the server, OAuth 2.0 with client credentials, the token URL, HAL's next links.
    assert (imported["apiBaseUri"], imported["authType"]) == (live_server.url, "oauth2")
    assert (imported["auth"]["grantType"], imported["auth"]["tokenUri"]) == ("client_credentials", f"{live_server.url}/o/token/")
    slug = imported["slug"]
    builder(
        "PATCH", f"integrations/{slug}", {"ping": {"method": "GET", "uri": "/api/me"}, "auth": {"scope": "integrations:read account:read"}}
    )
    listing = next(item for item in builder("GET", f"integrations/{slug}/actions?q=%2Fapi%2Fintegrations&limit=500") if item["path"] == "/api/integrations" and item["method"] == "GET")  # fmt: skip
    assert listing["paginated"] is True
    builder("POST", f"integrations/{slug}/finalize")
    builder("PATCH", f"integrations/{slug}", {"status": "published"})

    application = builder(
        "POST", "applications", {"name": "Itself", "kind": "script", "scopes": ["integrations:read", "account:read"]}, expect=201
    )
    connection = builder(
        "POST", "connections",
        {"integration": slug, "name": "Itself", "credentials": {"clientId": application["clientId"], "clientSecret": application["clientSecret"]}},
        expect=201,
    )  # fmt: skip
    tested = builder("POST", f"connections/{connection['id']}/test")
    assert tested["ok"] is True, tested
    run = builder.run({"action": listing["id"], "connection": connection["id"], "inputs": {}, "pageSize": 20, "maxPages": None})
    assert (run["verdict"], run["pages"], run["records"]) == ("complete", 3, 58), run["message"]
    names = [item["name"] for item in builder("GET", f"runs/{run['id']}/records")]
    assert names == [*(f"Integration {number:02}" for number in range(57)), "Junction"]
