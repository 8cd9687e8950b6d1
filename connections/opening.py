"""Opening a stored connection: its secrets, whether they may go where the definition sends them, and the client that has them."""

from __future__ import annotations

from connections import rates
from connections.agents.services import route_of
from connections.auth import Credentials
from connections.callers import Caller
from connections.client import Client
from connections.destinations import base_known, default_credentials, destinations_of, is_exposed
from connections.exchange import shown
from connections.models import Connection
from connections.network_settings import network_of, options_of
from connections.retries import CallError
from connections.secrets import SecretError, open_sealed
from connections.tokens import stores
from connections.transport import Transport
from integrations.definition import Definition


def client_for(
    connection: Connection, definition: Definition, *, caller: Caller | None = None, transport: Transport | None = None
) -> Client:
    """The client of a stored connection. Raises `CallError` if its secrets cannot be opened, or may not be sent there.

    `caller` is on whose behalf it calls; by default the connection's organization, and no person.
    """
    credentials = opened(connection, definition)
    definition = options_of(connection).over(definition)
    check_destinations(connection, definition, credentials)
    try:
        network = network_of(connection)
    except SecretError as error:
        raise CallError(str(error)) from None
    client = Client(
        definition=definition,
        credentials=credentials,
        settings=connection.settings,
        store=stores.MemoryTokens(definition.auth),
        network=network,
        route=route_of(connection),
        caller=caller or Caller(connection.organization),
        transport=transport,
    )
    client.of_connection(connection)
    client.use(stores.StoredTokens(connection.pk, definition.auth, by_refresh=client.issuer.renews_by_refresh))
    client.keep_to(
        rates.gate_of(
            base_known(definition, credentials, connection.settings),
            credentials,
            per_minute=connection.requests_per_minute,
            agent=str(connection.agent_id or ""),
        )
    )
    return client


def opened(connection: Connection, definition: Definition, *, defaults: dict[str, str] | None = None) -> dict[str, str]:
    """A connection's credentials over the integration's `defaults`, which are read where they are not given. Raises `CallError`."""
    try:
        own = open_sealed(connection.credential.sealed, context=connection.credential.context)
        agent = connection.agent if connection.agent_id else None
        exposed = is_exposed(definition, options_of(connection).network, agent=agent, integration=connection.integration)
        if defaults is None or exposed:
            defaults = default_credentials(connection.integration_id, definition, is_exposed=exposed)
        return {**defaults, **own}
    except SecretError as error:
        raise CallError(str(error)) from None


def check_destinations(connection: Connection, definition: Definition, credentials: Credentials) -> None:
    """Refuse to send what the owner entered for one server to another that a new revision names. Raises `CallError`."""
    if not connection.destinations:
        return
    new = sorted(set(destinations_of(definition, credentials, connection.settings)) - set(connection.destinations))
    if new:
        raise CallError(
            f"The integration was changed: credentials would now go to {', '.join(shown(url) for url in new)}. "
            "Nothing is sent there until somebody who uses this connection agrees to it on its page."
        )
