"""Agents: enrolment codes and keys, the credentials that an agent holds itself, and those of connections that pass through it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import pytest
from django.utils import timezone

from actions import runs
from connections import services, trials
from connections.agents import services as agents
from connections.agents.ways import Way
from connections.models import Agent, AgentCode, AgentInstance, Connection, Credential, LoggedRequest
from connections.secrets import open_sealed
from integrations.models import Integration
from tests.api.calls import Caller
from tests.cast import Cast, MakeIntegration, action_of, action_values
from tests.connections.agents.conftest import MakeMachine, agent, machine  # noqa: F401 - fixtures
from tests.connections.canary.conftest import HARMLESS, Canary
from tests.connections.canary.search import cached, found, planted
from tests.connections.canary.vendor import SECRETS, Vendor, definitions
from tests.connections.server import serving
from tests.pages import signed_in

pytestmark = pytest.mark.django_db(transaction=True)

HELD: Final = {name: planted(f"held {name}") for name in ("header", "query", "basic")}
FILE: Final = """
[credentials.header]
hosts = ["localhost:{port}"]
header = "X-Key"
value = "{header}"

[credentials.query]
hosts = ["localhost:{port}"]
query = "k"
value = "{query}"

[credentials.basic]
hosts = ["localhost:{port}"]
username = "user"
password = "{basic}"
"""
OWN: Final = ("keys", "client", "login", "digest")  # methods whose secrets the connection holds


@pytest.fixture
def vendor() -> Iterator[tuple[Vendor, Any]]:
    playing = Vendor()
    with serving(playing) as served:
        yield playing, served


def connected(cast: Cast, make: MakeIntegration, of: Agent, host: str) -> list[Connection]:
    """Connections through the agent: with credentials of their own, and with those that the agent holds."""
    actions, made = [action_values(path="/things")], list[tuple[Integration, Way, dict[str, Any]]]()
    field = {"connectionFields": [{"name": "field", "type": "password", "required": False}]}
    for name in OWN:
        auth, credentials = definitions(host)[name]
        integration = make(name=f"{name} {HARMLESS}", base_uri=host, actions=actions, auth=auth, **field)
        made.append((integration, Way(of), {"credentials": credentials, "settings": {"field": SECRETS["field"]}}))
    for name in HELD:
        integration = make(name=f"held {name}", base_uri=host, actions=actions, auth={"type": "apikey", "apiKeyName": "X-Key"})
        made.append((integration, Way(of, name), {"credentials": {}}))
    return [
        services.create(organization=cast.client_a, user=cast.carol, integration=one, name=one.name, way=way, **values)
        for one, way, values in made
    ]


def test_secrets_of_agents_and_through_agents_are_found_nowhere(
    canary: Canary,
    cast: Cast,
    agent: Agent,  # noqa: F811
    machine: MakeMachine,  # noqa: F811
    make_integration: MakeIntegration,
    vendor: tuple[Vendor, Any],
    settings: Any,
) -> None:
    playing, served = vendor
    installed = machine(ports=[served.port], more=FILE.format(port=served.port, **HELD))
    canary.secrets |= {**SECRETS, **{f"held {name}": value for name, value in HELD.items()}}
    canary.secrets["key of the machine"] = json.loads((installed.folder / "state" / "identity.json").read_text())["key"]
    instance = AgentInstance.objects.get()
    canary.secrets["key of Junction"] = open_sealed(instance.server_key_sealed, context=instance.context)
    rows = connected(cast, make_integration, agent, served.url)
    Connection.objects.update(debug_until=timezone.now() + timedelta(hours=1))
    carol = Caller(cast.carol)
    for mode in ("serves", "refuses", "confuses", "moves", "breaks"):
        playing.mode = mode
        for row in rows:
            Credential.objects.update(retry_at=None)
            canary.seen.append(repr(trials.test(connection=row)).encode())
            call(canary, carol, row, held=bool(row.agent_credential))
            if row.integration.name.startswith(("client", "login")):  # which have a token
                canary.hear(carol.ask("POST", f"connections/{row.pk}/renew"))
    run(rows, cast)
    enrolments(canary, agent, cast, installed)
    without_an_agent(canary, rows[0], rows[-1], carol, installed, settings)
    pages(canary, cast, rows, agent)
    canary.seen.append(b"agent.log " + installed.log.read_bytes())
    assert b"Refused" in canary.seen[-1], "the agent's log says what it did"
    assert canary.leaks() == {}
    assert LoggedRequest.objects.filter(connection__in=rows).count() > 30


def call(canary: Canary, carol: Caller, row: Connection, *, held: bool) -> None:
    """A request that is passed on. Its body is the vendor's; without what the agent holds, which nobody at Junction may know."""
    answer = carol.ask("POST", f"integrations/{row.integration.slug}/request", {"url": "/things", "method": "POST", "data": {"a": 1}})
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    canary.seen.append(f"{answer.reason_phrase} {answer.headers}".encode())
    if held or answer.status_code == 502:
        canary.seen.append(body)


def run(rows: list[Connection], cast: Cast) -> None:
    for row in rows:
        started = runs.start(action=action_of(row.integration), connection=row, user=cast.carol, inputs={}, hand_over=False)
        runs.execute(started.pk)


def enrolments(canary: Canary, of: Agent, cast: Cast, installed: Any) -> None:
    """Codes that are used, wrong, used twice and too late; and what the commands say to it."""
    _, waiting = agents.new_code(agent=of, user=cast.alice)
    _, late = agents.new_code(agent=of, user=cast.alice)
    AgentCode.objects.filter(name=late.partition("-")[0]).update(expires_at=timezone.now())
    page = signed_in(cast.alice, cast.client_a).post(f"/agents/{of.pk}/code/")
    shown = page.context["code"]
    assert shown in page.content.decode()
    canary.secrets |= {"code": waiting, "late code": late, "shown code": shown}
    before = (installed.folder / "state" / "identity.json").read_text()
    for code in (waiting.partition("-")[0] + "-WRONG", late, shown, shown):
        said = installed.command("enrol", code)
        canary.seen += [said.stdout.encode(), said.stderr.encode()]
    canary.secrets["key of the second enrolment"] = json.loads((installed.folder / "state" / "identity.json").read_text())["key"]
    (installed.folder / "state" / "identity.json").write_text(before)


def without_an_agent(canary: Canary, own: Connection, held: Connection, carol: Caller, installed: Any, settings: Any) -> None:
    """Requests wait in the broker while no agent runs: sealed."""
    installed.kill()
    settings.AGENT_WAIT_SECONDS = 2
    threads = [threading.Thread(target=call, args=(canary, carol, row), kwargs={"held": True}) for row in (own, held)]
    for thread in threads:
        thread.start()
    until, waiting = time.monotonic() + 10, list[bytes]()
    while time.monotonic() < until and not any(b"agent" in part for part in waiting):
        waiting = list(cached())
        time.sleep(0.02)
    assert any(b"agent" in part for part in waiting), "requests wait"
    assert found(waiting, canary.secrets) == {}
    for thread in threads:
        thread.join()


def pages(canary: Canary, cast: Cast, rows: list[Connection], of: Agent) -> None:
    own = [path for row in rows for path in (f"/connections/{row.pk}/", f"/api/connections/{row.pk}/token-events")]
    for user, paths in ((cast.alice, ["/audit/export.json", "/audit/export.csv"]), (cast.carol, [*own, "/requests/"])):
        browser = signed_in(user, cast.client_a)
        for path in ("/agents/", f"/agents/{of.pk}/", "/api/agents", f"/api/agents/{of.pk}", *paths):
            canary.hear(browser.get(path))
    browser = signed_in(cast.carol, cast.client_a)
    for key in LoggedRequest.objects.order_by("-pk").values_list("pk", flat=True)[:10]:
        canary.hear(browser.get(f"/requests/{key}/"))
