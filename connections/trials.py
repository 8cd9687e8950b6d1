"""Trying a connection: a stored one, one that is not saved yet, and a stored one with a draft."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from connections import connection_settings, network_settings, states
from connections.agents.ways import CLOUD, Way
from connections.callers import Caller
from connections.checking import as_stored, check_credentials, check_installable, defaults_for, definition_of
from connections.client import Client
from connections.destinations import destinations_of
from connections.models import Connection, Credential
from connections.opening import client_for, opened
from connections.options import ConnectionOptions
from connections.ping import TestResult, ping
from connections.request_log import Label
from connections.retries import CallError
from connections.tokens import rows, stores
from connections.tokens.grants import Held
from integrations.definition import Definition
from integrations.models import Integration, User
from integrations.refusals import Conflict


def test(*, connection: Connection, user: User | None = None) -> TestResult:  # noqa: PT028 - a service, no test of pytest
    """Test a stored connection on a person's behalf and remember the outcome."""
    return tested(connection, reason="test", user=user)


def tested(connection: Connection, *, reason: str, user: User | None) -> TestResult:
    """Test a stored connection and remember the outcome. `reason` is what the event says when its state changes."""
    try:
        with client_for(connection, definition_of(connection), caller=Caller(connection.organization, user)) as client:
            client.belongs_to(Label("check" if reason == "schedule" else "test"))
            result = ping(client)
    except CallError as error:
        result = TestResult(False, None, error.message, cause=error.cause, blame=error.blame)
    now, state = timezone.now(), Connection.State
    if result.ok:
        states.become(connection.pk, state.WORKING, result.message, reason=reason, tested_at=now)
    elif result.reauthorize:
        states.become(connection.pk, state.REAUTHORIZE, result.message, reason=reason, tested_at=now)
    else:
        states.become(connection.pk, state.FAILING, result.message, reason=reason, tested_at=now, unless=[state.REAUTHORIZE])
    return result


def try_out(
    *,
    integration: Integration,
    caller: Caller,
    credentials: dict[str, str],
    settings: dict[str, Any],
    options: ConnectionOptions | None = None,
    network_secrets: dict[str, str] | None = None,
    way: Way = CLOUD,
    token_of: Connection | None = None,
) -> TestResult:
    """Test credentials that are not saved. Raises `Invalid` where they cannot even be sent.

    `token_of` is the stored connection whose token belongs to them as well.
    """
    check_installable(integration, caller.organization, caller.user)
    definition, own = definition_of(integration), options or ConnectionOptions()
    try:
        with unsaved_client(
            integration=integration,
            definition=own.over(definition),
            credentials=credentials,
            settings=settings,
            options=own,
            network_secrets=network_secrets,
            caller=caller,
            way=way,
            token_of=token_of,
        ) as client:
            return ping(client)
    except CallError as error:
        return TestResult(False, error.status, error.message, cause=error.cause, blame=error.blame)


def unsaved_client(
    *,
    integration: Integration,
    definition: Definition,
    credentials: dict[str, str],
    settings: dict[str, Any],
    options: ConnectionOptions | None = None,
    network_secrets: dict[str, str] | None = None,
    caller: Caller | None = None,
    way: Way = CLOUD,
    token_of: Connection | None = None,
) -> Client:
    """A client with credentials that are not saved, also of a draft. Raises `Invalid` where they cannot even be sent, and `CallError`."""
    own = options or ConnectionOptions()
    settings, hidden = connection_settings.checked(definition, settings, whole=True, by_agent=way.agent is not None)
    credentials = {**credentials, **hidden}
    check_credentials(integration, definition, credentials, way, own)
    credentials = as_stored(definition, credentials)
    together, held = rows.pasted(definition.auth, {**defaults_for(integration, definition, own, way), **credentials})
    network = network_settings.as_network(own.network, network_secrets or {})
    store: stores.TokenStore = _Borrowed(token_of) if token_of and not held else stores.MemoryTokens(definition.auth, held)
    return Client(
        definition=definition,
        credentials=together,
        settings=settings,
        store=store,
        network=network,
        caller=caller,
        route=way.route,
    )


class _Borrowed:
    """The token of a stored connection while something else is tried: renewed as that connection renews it, where all workers know of it.

    A refresh token that a trial used by itself would be used up, and the connection left without one.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def held(self) -> Held:
        return rows.held_in(Credential.objects.get(pk=self._connection.pk))

    def renew(self, obtain: stores.Obtain, *, rejected: str = "", reason: str = "needed") -> Held:  # noqa: ARG002 - the protocol's
        with client_for(self._connection, definition_of(self._connection)) as own:
            return own.renewed(rejected=rejected)

    def refuse(self, message: str) -> None:
        """What is tried is not what the connection has."""


def draft_client(*, connection: Connection, definition: Definition, user: User | None = None) -> Client:
    """A client of a stored connection that follows a draft. Raises `Conflict` where the draft would send its secrets elsewhere
    than the definition for which they were entered, and `CallError` if they cannot be opened."""
    entered_for = definition_of(connection)
    credentials = opened(connection, entered_for)
    new, agreed = (set(destinations_of(one, credentials, connection.settings)) for one in (definition, entered_for))
    if new - agreed or definition.auth != entered_for.auth:
        raise Conflict(
            "The draft changes the host or the authentication, and a connection's credentials were entered for what is finalized. "
            "Enter credentials here instead."
        )
    client = client_for(connection, definition, caller=Caller(connection.organization, user))
    client.belongs_to(Label("trial"))
    return client
