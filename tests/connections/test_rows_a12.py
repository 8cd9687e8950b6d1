"""Rows 110 and 111 of a.12 with the names that they have: headers with variables, and the request that passes through."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from integrations.models import Integration
from tests.cast import Cast, MakeConnection
from tests.connections.server import Handler, Served, serving
from tests.connections.test_proxy import Caller
from tests.integrations.test_api import Api


def answer(to: Handler) -> None:
    to.reply(207, json.dumps({"seen": to.path}).encode(), Content_Type="application/vnd.test+json", X_Vendor="yes")


@pytest.fixture
def upstream() -> Iterator[Served]:
    with serving(answer) as served:
        yield served


@pytest.mark.parametrize("key", ["id", "slug"])
def test_a12_110_111_headers_are_expanded_for_each_caller_and_the_request_passes_by_id_or_slug(
    key: str, cast: Cast, upstream: Served, make_connection: MakeConnection
) -> None:
    headers = {"X-Username": "${user.username}", "X-Name": "${user.displayName}", "X-User-Email": "${user.email}", "X-Custom-Region": "${user.region}",
               "X-Tenant": "${tenant.id}", "X-Setting": "${tenant.plan}"}  # fmt: skip
    api = Api(cast.bob)
    body = {
        "name": "Headers",
        "type": "custom",
        "mode": "shared",
        "authType": "apikey",
        "apiKeyName": "X-Key",
        "apiBaseUri": upstream.url,
        "headers": headers,
    }
    made = api("POST", "integrations", body, expect=201)
    api("POST", f"integrations/{made['slug']}/actions", {"name": "List", "path": "/x"}, expect=201)
    api("POST", f"integrations/{made['slug']}/finalize")
    api("PUT", f"integrations/{made['slug']}", {"status": "published"})
    cast.client_a.fields = {"plan": "gold"}
    cast.client_a.save()
    make_connection(Integration.objects.get(pk=made["id"]), credentials={"apiKey": "k"})
    membership = cast.carol.memberships.get()
    membership.fields = {"region": "north"}
    membership.save()
    cast.carol.email = "carol@example.com"
    cast.carol.save()
    request = {"url": "/files", "method": "PATCH", "params": {"a": 1}, "data": {"b": [2]}, "headers": {"X-Mine": "3"}}
    caller = Caller(cast.carol)
    response = caller.client.post(f"/api/integrations/{made[key]}/request", json.dumps(request), content_type="application/json")
    assert (response.status_code, response["Content-Type"], response["X-Vendor"], response.json()) == (
        207, "application/vnd.test+json", "yes", {"seen": "/files?a=1"}
    )  # fmt: skip
    seen = upstream.seen[0]
    wanted = {"x-username": "carol", "x-name": "Carol", "x-user-email": "carol@example.com", "x-custom-region": "north", "x-tenant": str(cast.client_a.pk),
              "x-setting": "gold", "x-mine": "3"}  # fmt: skip
    assert ({name: seen.headers.get(name) for name in wanted}, seen.method, json.loads(seen.body)) == (wanted, "PATCH", {"b": [2]})
