"""Real servers that page, integrated through an agent: as many distinct records as the server holds (see
tests/actions/test_vendor_servers.py for what VENDOR_SERVERS names)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from actions import runs
from connections.models import Agent
from tests.actions.test_vendor_servers import auth_of, cases, pagination_of, post
from tests.cast import Cast
from tests.connections.agents.conftest import MakeMachine
from tests.pages import signed_in


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("info", "case"), cases())
def test_server_gives_all_its_records_through_an_agent(
    cast: Cast, agent: Agent, machine: MakeMachine, settings: Any, info: dict[str, Any], case: dict[str, Any]
) -> None:
    at = urlsplit(case.get("base_url", "{base_url}").format(**info))
    allowed = f'[[allow]]\nhost = "{at.hostname}"\nports = [{at.port}]\nmethods = ["GET"]\n'
    if token_url := info.get("token_url"):
        allowed += f'[[allow]]\nhost = "127.0.0.1"\nports = [{urlsplit(token_url).port}]\nmethods = ["POST"]\n'
    machine(ports=[1], more=allowed)
    builder, operator = signed_in(cast.bob, cast.msp), signed_in(cast.carol, cast.client_a)
    auth, credentials = auth_of(case, info)
    made = post(
        builder,
        "integrations",
        {
            "name": "Server", "description": "A real one", "type": "custom", "apiBaseUri": at.path or "/", **auth,
            "headers": case.get("headers", {}), "pagination": pagination_of(case),
        },
        201,
    )  # fmt: skip
    query = f"?{urlencode(case['query'])}" if case.get("query") else ""
    action = post(builder, f"integrations/{made['slug']}/actions", {"name": "List", "path": case["path"] + query, "paginated": True}, 201)
    post(builder, f"integrations/{made['slug']}/finalize", None, 200)
    builder.put(f"/api/integrations/{made['slug']}", json.dumps({"status": "published"}), content_type="application/json")
    settings.EGRESS_ALLOW = ()  # from here on Junction itself may not call there
    wanted = {"integration": made["id"], "name": "Main", "credentials": credentials, "agent": str(agent.pk)}
    connection = post(operator, "connections", wanted | {"settings": {"baseUri": f"http://{at.netloc}"}}, 201)
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
