"""The page Agents, the mode of a connection, and both over HTTP."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from connections import entering, trials
from connections import services as connections
from connections.agents import services
from connections.agents.ways import Way
from connections.models import Agent, AgentInstance, Connection
from integrations.models import AuditEntry, Integration
from integrations.refusals import Conflict, Invalid
from tests.cast import Cast, MakeIntegration
from tests.pages import errors, signed_in, text, value


@pytest.fixture
def agent(cast: Cast) -> Agent:
    return services.create(organization=cast.client_a, user=cast.alice, name="Head office")


@pytest.fixture
def above(cast: Cast) -> Agent:
    return services.create(organization=cast.msp, user=cast.alice, name="Data centre", is_shared=True)


@pytest.fixture
def integration(make_integration: MakeIntegration) -> Integration:
    return make_integration(base_uri="/api", auth={"type": "bearer"})


def machine_of(agent: Agent, **values: Any) -> AgentInstance:
    return AgentInstance.objects.create(agent=agent, public_key="", server_key_sealed="", **values)


def admin(cast: Cast) -> Client:
    return signed_in(cast.alice, cast.client_a)


def test_page_shows_each_machine_with_version_state_latency_and_when_it_was_seen(cast: Cast, agent: Agent) -> None:
    machine_of(agent, host="srv-1", version="0.1.0", latency_ms=42, last_seen_at=timezone.now())
    machine_of(agent, host="srv-2", version="0.0.9")
    page = text(signed_in(cast.dave).get(reverse("agent-list")))
    assert "Head office 1 online 0 connections" in page
    assert "srv-1 Online 0.1.0 42 ms" in page
    assert "srv-2 Never seen 0.0.9 (newest: 0.1.0)" in page
    assert "Enrolment code" not in page  # dave is a viewer


def test_code_is_shown_once_with_the_commands_to_enter(cast: Cast, agent: Agent) -> None:
    page = admin(cast).post(reverse("agent-code", args=[agent.pk]))
    code = page.context["code"]
    row = agent.codes.get()
    assert f"sudo -u junction-agent junction-agent enrol {code}" in text(page)
    assert (code.partition("-")[0], code.partition("-")[2] in row.secret_sealed) == (row.name, False)
    assert code not in text(admin(cast).get(reverse("agent-list")))


def test_page_of_the_code_has_the_service_of_the_documentation(cast: Cast, agent: Agent) -> None:
    unit = (Path(__file__).parents[3] / "docs/agent.md").read_text().partition("```ini\n")[2].partition("   ```")[0]
    assert " ".join(unit.split()) in text(admin(cast).post(reverse("agent-code", args=[agent.pk])))


@pytest.mark.parametrize(("address", "warned"), [("http://localhost:8000", True), ("https://junction.example.com", False)])
def test_page_of_the_code_says_when_other_machines_cannot_reach_junction(
    cast: Cast, agent: Agent, settings: Any, address: str, warned: bool
) -> None:
    settings.PUBLIC_URL = address
    page = text(admin(cast).post(reverse("agent-code", args=[agent.pk])))
    assert (f"Other machines do not reach {address}" in page) == warned


def test_agent_is_created_renamed_and_deleted_and_the_log_knows_it(cast: Cast) -> None:
    browser = admin(cast)
    browser.post(reverse("agent-new"), {"name": "Plant"})
    agent = Agent.objects.get()
    again = browser.post(reverse("agent-new"), {"name": " Plant "})
    assert errors(again) == {"name": ["There is an agent named Plant already. Choose another name."]}
    browser.post(reverse("agent-edit", args=[agent.pk]), {"name": "Plant 2", "is_shared": "on"})
    browser.post(reverse("agent-delete", args=[agent.pk]))
    log = AuditEntry.objects.filter(kind="agent").order_by("pk").values_list("actor_name", "verb", "before", "after")
    assert list(log) == [
        ("Alice", "created", {}, {"name": "Plant", "isShared": False}),
        ("Alice", "changed", {"name": "Plant", "isShared": False}, {"name": "Plant 2", "isShared": True}),
        ("Alice", "deleted", {"name": "Plant 2", "isShared": True}, {}),
    ]
    assert Agent.objects.count() == 0


def test_revoked_machine_is_off_the_table(cast: Cast, agent: Agent) -> None:
    machine = machine_of(agent, host="srv-1", last_seen_at=timezone.now())
    page = text(admin(cast).post(reverse("agent-revoke", args=[machine.pk]), follow=True))
    machine.refresh_from_db()
    assert (machine.state, "Not installed yet" in page, "1 revoked srv-1" in page) == ("revoked", True, True)


def test_program_is_one_file_that_python_runs(client: Client, tmp_path: Path) -> None:
    response = client.get(reverse("agent-program"))
    file = tmp_path / "junction-agent.pyz"
    file.write_bytes(response.content)
    said = subprocess.run([sys.executable, str(file), "--version"], capture_output=True, text=True, cwd=tmp_path, check=True)
    names = zipfile.ZipFile(io.BytesIO(response.content)).namelist()
    assert (said.stdout.strip(), "junction_agent/service.py" in names) == ("junction-agent 0.1.0", True)


# --- the mode of a connection -----------------------------------------------------------------------------------------


def form(integration: Integration, **values: str) -> dict[str, str]:
    return {"name": "Main", "settings.baseUri": "http://redmine.corp.local:3000", "credentials.token": "secret-token", **values}


def test_form_offers_the_agents_of_the_organization_and_those_shared_from_above(
    cast: Cast, agent: Agent, above: Agent, integration: Integration
) -> None:
    services.create(organization=cast.msp, user=cast.alice, name="Not shared")
    services.create(organization=cast.client_b, user=cast.alice, name="Of somebody else", is_shared=True)
    page = signed_in(cast.carol, cast.client_a).get(reverse("connection-new", args=[integration.slug]))
    assert page.context["form"].fields["agent"].choices == [
        ("", "Choose …"), (str(above.pk), "Data centre (none online)"), (str(agent.pk), "Head office (none online)"),
    ]  # fmt: skip


def test_connection_is_made_on_premise_and_its_address_may_be_unencrypted_inside(
    cast: Cast, agent: Agent, integration: Integration
) -> None:
    browser, url = signed_in(cast.carol, cast.client_a), reverse("connection-new", args=[integration.slug])
    cloud = browser.post(url, form(integration, mode="cloud"))
    assert list(errors(cloud)) == ["settings.baseUri"]
    nobody = browser.post(url, form(integration, mode="on-premise"))
    assert errors(nobody) == {"agent": ["Choose the agent that calls the server for you. The page Agents says how to install one."]}
    browser.post(url, form(integration, mode="on-premise", agent=str(agent.pk)))
    made = Connection.objects.get()
    assert (made.agent, made.agent_credential, made.settings) == (agent, "", {"baseUri": "http://redmine.corp.local:3000"})
    page = browser.get(reverse("connection-detail", args=[made.pk]))
    assert "Mode On-premise, through the agent Head office" in text(page)
    assert [value(page, name) for name in ("mode", "agent", "agentCredential")] == ["on-premise", str(agent.pk), ""]


def test_credential_of_the_agent_stands_in_for_those_of_the_form(cast: Cast, agent: Agent, integration: Integration) -> None:
    browser = signed_in(cast.carol, cast.client_a)
    given = form(integration, mode="on-premise", agent=str(agent.pk), agentCredential="redmine") | {"credentials.token": ""}
    browser.post(reverse("connection-new", args=[integration.slug]), given)
    made = Connection.objects.get()
    assert (made.agent_credential, entering.stored_fields(made)) == ("redmine", [])


def test_credential_of_the_agent_is_refused_where_tokens_are_fetched(cast: Cast, agent: Agent, make_integration: MakeIntegration) -> None:
    oauth = make_integration(auth={"type": "oauth2", "grantType": "client_credentials", "tokenUri": "https://api.example.com/token"})
    with pytest.raises(Invalid) as caught:
        connections.create(
            organization=cast.client_a, user=cast.carol, integration=oauth, name="Main", credentials={}, way=Way(agent, "redmine")
        )
    assert list(caught.value.errors) == ["agentCredential"]


def test_credentials_do_not_follow_to_another_place(cast: Cast, agent: Agent, above: Agent, integration: Integration) -> None:
    made = connections.create(
        organization=cast.client_a, user=cast.carol, integration=integration, name="Main",
        credentials={"token": "secret-token"}, settings={"baseUri": "http://10.0.0.5"}, way=Way(agent),
    )  # fmt: skip
    with pytest.raises(Invalid) as caught:
        connections.change(connection=made, way=Way(above))
    assert list(caught.value.errors) == ["credentials.token"]
    connections.change(connection=made, way=Way(above), credentials={"token": "other-token"})
    made.refresh_from_db()
    assert made.agent == above


def test_agent_in_use_is_neither_deleted_nor_taken_away(cast: Cast, above: Agent, integration: Integration) -> None:
    connections.create(
        organization=cast.client_a, user=cast.carol, integration=integration, name="Main",
        credentials={"token": "t"}, settings={"baseUri": "http://10.0.0.5"}, way=Way(above),
    )  # fmt: skip
    with pytest.raises(Conflict, match="1 connection uses this agent"):
        services.delete(agent=above)
    with pytest.raises(Conflict, match="1 connection of organizations below uses this agent"):
        services.change(agent=above, is_shared=False)
    # Where that happens all the same, nothing is called.
    Agent.objects.update(is_shared=False)
    said = trials.test(connection=Connection.objects.get())
    assert said.message == "The agent of this connection is no longer shared with its organization. Choose another one on the connection."


# --- over HTTP --------------------------------------------------------------------------------------------------------


def call(client: Client, method: str, path: str, body: Any = None) -> Any:
    return client.generic(method, f"/api/{path}", json.dumps(body or {}), content_type="application/json")


def test_api_does_what_the_pages_do(cast: Cast, above: Agent, integration: Integration) -> None:
    client = admin(cast)
    made = call(client, "POST", "agents", {"organization": cast.client_a.slug, "name": "Plant"}).json()
    code = call(client, "POST", f"agents/{made['id']}/codes").json()
    assert (code["command"], code["server"]) == (f"junction-agent enrol {code['code']}", "http://localhost:8000")
    machine = machine_of(Agent.objects.get(pk=made["id"]), host="srv-1", version="0.1.0", latency_ms=7, last_seen_at=timezone.now())
    read = call(client, "GET", f"agents/{made['id']}").json()
    assert (read["online"], [row["state"] for row in read["machines"]], read["machines"][0]["latencyMs"]) == (1, ["online"], 7)
    assert call(client, "DELETE", f"agent-machines/{machine.pk}").status_code == 204
    assert call(client, "GET", f"agents/{made['id']}").json()["machines"][0]["state"] == "revoked"
    carol = signed_in(cast.carol, cast.client_a)
    offered = call(carol, "GET", f"agents?usableIn={cast.client_a.slug}").json()
    assert [(row["name"], row["isShared"]) for row in offered] == [("Data centre", True), ("Plant", False)]
    connection = call(
        carol, "POST", "connections",
        {"integration": integration.slug, "name": "Main", "credentials": {"token": "t"}, "settings": {"baseUri": "http://10.0.0.5"}, "agent": made["id"]},
    ).json()  # fmt: skip
    assert (connection["mode"], connection["agent"], connection["agentCredential"]) == ("on-premise", made["id"], "")
    moved = call(carol, "PATCH", f"connections/{connection['id']}", {"mode": "cloud", "credentials": {"token": "t"}})
    assert [error["field"] for error in moved.json()["errors"]] == ["settings.baseUri"]  # plain http, from here
    assert call(client, "DELETE", f"agents/{made['id']}").status_code == 409


def test_api_refuses_an_agent_of_somebody_else(cast: Cast, integration: Integration) -> None:
    other = services.create(organization=cast.stranger_org, user=cast.eve, name="Elsewhere", is_shared=True)
    said = call(
        signed_in(cast.carol, cast.client_a), "POST", "connections",
        {"integration": integration.slug, "name": "Main", "credentials": {"token": "t"}, "settings": {"baseUri": "http://10.0.0.5"}, "agent": str(other.pk)},
    )  # fmt: skip
    assert (said.status_code, said.json()["errors"]) == (
        422,
        [{"field": "agent", "message": "There is no such agent that this organization may use. Choose one of the list."}],
    )  # fmt: skip
