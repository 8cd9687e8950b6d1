"""Real servers that page, walked to their last page over the API: as many distinct records as the server holds.

VENDOR_SERVERS names a folder with a folder for each server, of which `cases.json` says how its lists are paged and how
many records they have, and `data/info.json` where it listens and with which credentials. The project contains none.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from actions import runs
from tests.cast import Cast
from tests.pages import signed_in

FOLDER = os.environ.get("VENDOR_SERVERS", "")
REASON = "VENDOR_SERVERS is not set: it names a folder of running servers, which the project does not contain."


def cases() -> list[Any]:
    files = [(file.parent / "data" / "info.json", file) for file in sorted(Path(FOLDER).glob("*/cases.json"))] if FOLDER else []
    found = [
        pytest.param(json.loads(info.read_text()), case, id=f"{file.parent.name}: {case['case']}")
        for info, file in files
        if info.exists()
        for case in json.loads(file.read_text())
        if "pagination" in case
    ]
    return found or [pytest.param({}, {}, marks=pytest.mark.skip(reason=REASON))]


def pagination_of(case: dict[str, Any]) -> dict[str, Any]:
    """The settings of a case as Junction writes them."""
    given = case["pagination"]
    common = {
        "resultsKey": given["results"] or "$",
        "pageSizeParam": given.get("size_param", ""),
        "defaultPageSize": given.get("size", 100),
    }
    if given.get("total"):
        common["totalPath"] = given["total"]
    kinds = {
        "page": {"type": "page", "pageParam": given.get("page_param"), "startPage": given.get("start", 1)},
        "offset": {"type": "index", "indexParam": given.get("offset_param")},
        "link_header": {"type": "link", "nextLinkLocation": "header"},
        "link_body": {"type": "link", "nextLinkLocation": "body", "nextPageKey": given.get("next")},
        "cursor": {"type": "pointer", "afterParam": given.get("cursor_param"), "pointerPath": given.get("cursor")},
    }
    return {**common, **kinds[given["kind"]]}


def auth_of(case: dict[str, Any], info: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    given = case["auth"]
    if given["kind"] == "client_credentials":
        auth = {"tokenUri": given["token_url"].format(**info), "grantType": "client_credentials", "scope": given.get("scope", ""),
                "clientAuthentication": given["client_auth"]}  # fmt: skip
        credentials = {"clientId": given["client_id"].format(**info), "clientSecret": given["client_secret"].format(**info)}
        return {"authType": "oauth2", "auth": auth}, credentials
    if given["kind"] == "basic":
        return {"authType": "basic"}, {name: given[name].format(**info) for name in ("username", "password")}
    auth = {"apiKeyName": given["header"], "apiKeyLocation": "header", "apiKeyPreamble": given.get("preamble", "").strip()}
    return {"authType": "apikey", "auth": auth}, {"apiKey": given["value"].format(**info)}


def post(client: Client, path: str, body: Any, expected: int) -> dict[str, Any]:
    answer = client.post(f"/api/{path}", json.dumps(body or {}), content_type="application/json")
    assert answer.status_code == expected, answer.content
    return dict(answer.json())


@pytest.mark.parametrize(("info", "case"), cases())
def test_server_gives_all_its_records(cast: Cast, info: dict[str, Any], case: dict[str, Any]) -> None:
    builder, operator = signed_in(cast.bob, cast.msp), signed_in(cast.carol, cast.client_a)
    auth, credentials = auth_of(case, info)
    made = post(
        builder,
        "integrations",
        {
            "name": "Server", "description": "A real one", "type": "custom", "apiBaseUri": case.get("base_url", "{base_url}").format(**info), **auth,
            "headers": case.get("headers", {}), "pagination": pagination_of(case),
        },
        201,
    )  # fmt: skip
    query = f"?{urlencode(case['query'])}" if case.get("query") else ""
    action = post(builder, f"integrations/{made['slug']}/actions", {"name": "List", "path": case["path"] + query, "paginated": True}, 201)
    post(builder, f"integrations/{made['slug']}/finalize", None, 200)
    builder.put(f"/api/integrations/{made['slug']}", json.dumps({"status": "published"}), content_type="application/json")
    connection = post(operator, "connections", {"integration": made["id"], "name": "Main", "credentials": credentials}, 201)
    run = post(operator, "runs", {"action": action["id"], "connection": connection["id"], "maxPages": None}, 202)
    runs.execute(run["id"])
    run = operator.get(f"/api/runs/{run['id']}").json()
    records = json.loads(operator.get(f"/api/runs/{run['id']}/records").getvalue())
    keys = {json.dumps(record[case["id"]] if case.get("id") else record, sort_keys=True) for record in records}
    print(
        f"{run['verdict']}: {run['records']} records, {len(keys)} distinct, on {run['pages']} pages; total {run['total']}. {run['message']}"
    )
    assert (run["verdict"], run["records"], len(keys)) == ("complete", case["expect"], case["expect"])
    assert run["pages"] > 1
