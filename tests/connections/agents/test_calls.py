"""Everything that a connection does, through an agent."""

from __future__ import annotations

from connections import services
from connections.agents.ways import Way
from connections.models import Agent
from tests.cast import Cast, MakeIntegration
from tests.connections.agents.conftest import MakeMachine
from tests.connections.server import serving


def test_ping_goes_through_the_agent(cast: Cast, agent: Agent, machine: MakeMachine, make_integration: MakeIntegration) -> None:
    with serving(lambda to: to.reply(body=b'{"ok": true}', Content_Type="application/json")) as server:
        machine(ports=[server.port])
        integration = make_integration(base_uri=server.url, auth={"type": "bearer"}, ping={"method": "GET", "uri": "/me"})
        connection = services.create(
            organization=cast.client_a,
            user=cast.carol,
            integration=integration,
            name="Main",
            credentials={"token": "secret-token"},
            way=Way(agent),
        )
        result = services.test(connection=connection)
    assert (result.ok, result.status, result.message) == (True, 200, "The vendor accepted the credentials (200).")
    assert [(seen.path, seen.headers["authorization"]) for seen in server.seen] == [("/me", "Bearer secret-token")]
