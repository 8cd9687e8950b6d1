"""How a connection's calls get to the vendor: from Junction itself (Cloud), or through an agent (On-premise)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from connections.agents.route import Route
from connections.agents.services import usable
from connections.auth import scheme_of
from connections.models import Agent, Connection
from connections.options import ConnectionOptions
from integrations.definition import Definition, DigestAuth
from integrations.models import Organization
from integrations.refusals import Invalid

MODES = {"cloud": "Cloud", "on-premise": "On-premise"}
CREDENTIAL_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")


@dataclass(frozen=True)
class Way:
    """The agent, None for Cloud; and the credential of the agent's file, "" where the connection holds its own."""

    agent: Agent | None = None
    credential: str = ""

    @property
    def route(self) -> Route | None:
        return Route(self.agent.pk, self.agent.name, self.credential) if self.agent else None

    @property
    def mode(self) -> str:
        return "on-premise" if self.agent else "cloud"


CLOUD = Way()


def way_of(connection: Connection) -> Way:
    """The way that a stored connection has."""
    return Way(connection.agent, connection.agent_credential)


def chosen(organization: Organization, given: dict[str, Any], before: Way = CLOUD) -> Way:
    """The way that a form or a request names by `mode`, `agent` and `agentCredential`, each of which may be left out. Raises `Invalid`."""
    if not {"mode", "agent", "agentCredential"} & set(given):
        return before
    mode = given.get("mode") or ("on-premise" if given.get("agent", before.agent) else "cloud")
    if mode not in MODES:
        raise Invalid({"mode": ["Choose cloud or on-premise."]})
    if mode == "cloud":
        if given.get("agent") and given.get("mode"):
            raise Invalid({"agent": ["Cloud means that Junction itself calls. Leave the agent out, or choose on-premise."]})
        return CLOUD
    key = given.get("agent", before.agent.pk if before.agent else None)
    if not key:
        raise Invalid({"agent": ["Choose the agent that calls the server for you. The page Agents says how to install one."]})
    agent = before.agent if before.agent and str(before.agent.pk) == str(key) else usable(organization, key)
    name = given.get("agentCredential", before.credential if agent == before.agent else "") or ""
    if not isinstance(name, str) or (name.strip() and not CREDENTIAL_NAME.fullmatch(name.strip())):
        raise Invalid(
            {"agentCredential": ["Enter the name as it stands in the agent's file behind `credentials.`: letters, digits, - and _."]}
        )
    return Way(agent, name.strip())


def check_network(way: Way, options: ConnectionOptions) -> None:
    """Refuse what only Junction itself could do, instead of leaving it out in silence. Raises `Invalid`."""
    if way.agent is None:
        return
    errors = {}
    if options.network.proxy:
        errors["options.network.proxy"] = ["The agent makes the calls of this connection, from inside its network. Leave the proxy empty."]
    if not options.network.verify_tls:
        sentence = "An agent always verifies certificates. Enter the authority of the server's certificate here, or name it with vendor_ca in the agent's file."
        errors["options.network.verifyTls"] = [sentence]
    if errors:
        raise Invalid(errors)


def check_holdable(definition: Definition) -> None:
    """Refuse a credential of the agent's where more is to be done than put it on a request. Raises `Invalid`."""
    if scheme_of(definition.auth).needs_token or isinstance(definition.auth, DigestAuth):
        sentence = (
            f"This integration authenticates by {definition.auth.label}, which takes more than to put a secret on each request. "
            "An agent can hold API keys, user names with passwords, and tokens. Leave it empty and enter the credentials here."
        )
        raise Invalid({"agentCredential": [sentence]})
