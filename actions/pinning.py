"""What it means for one connection to go by another revision than it does now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from actions.history import Difference, difference
from connections.auth import scheme_of
from connections.destinations import destinations_of
from connections.models import Connection
from connections.opening import opened
from connections.retries import CallError
from connections.values import SECRET_FIELD
from integrations.models import Revision


@dataclass(frozen=True)
class Consequences:
    """`lost` and `gained` are names of actions: every revision locks key, method and path of its own actions, and which these are.
    `needs` are fields without a value, `servers` get credentials only once somebody agrees.
    """

    difference: Difference
    lost: list[str]
    gained: list[str]
    needs: list[str]
    servers: list[str]


def consequences(connection: Connection, to: Revision) -> Consequences:
    now = connection.in_use
    found = difference(now, to)
    definition = to.definition
    try:
        credentials: dict[str, str] = opened(connection, definition)
    except CallError:
        credentials = {}
    named: dict[str, Any] = {**connection.settings, **{name.removeprefix(SECRET_FIELD): value for name, value in credentials.items()}}
    needs = [one.title for one in definition.connection_fields if one.required and not one.default and not named.get(one.name)]
    if definition.host_at_connect and not connection.settings.get("baseUri"):
        needs.append("Address of your server")
    fields = scheme_of(definition.auth).credential_fields()
    needs += [one.label for one in fields if one.required and not one.hidden and not credentials.get(one.name)]
    servers = destinations_of(definition, credentials, connection.settings)
    return Consequences(
        difference=found,
        lost=[row.name for row in found.removed],
        gained=[row.name for row in found.added],
        needs=needs,
        servers=sorted(set(servers) - set(connection.destinations)) if connection.destinations else [],
    )
