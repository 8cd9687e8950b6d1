"""From a user to connections; fails closed. Strangers get 404, members whose role is too low get 403."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404

from connections.models import Agent, AgentInstance, Connection, WebhookEndpoint, WebhookEvent
from integrations.permissions import by_id_or_404


def connection_for(user: Any, key: Any, *, use: bool = False, delete: bool = False) -> Connection:
    """The connection that the user sees; with `use` one that the user may change, test and run with, with `delete` one that the user
    may delete.
    """
    rows = Connection.objects.visible_to(user).select_related("integration", "organization", "credential", "agent", "owner", "revision")
    found = by_id_or_404(rows, key)
    if use and not may_use(user, found):
        raise PermissionDenied
    if delete and not may_delete(user, found):
        raise PermissionDenied
    return found


def may_delete(user: Any, connection: Connection) -> bool:
    return Connection.objects.deletable_by(user).filter(pk=connection.pk).exists()


def may_use(user: Any, connection: Connection) -> bool:
    """Whether the user may change, test and run with a connection that the user sees."""
    return Connection.objects.usable_by(user).filter(pk=connection.pk).exists()


def agent_for(user: Any, key: Any, *, manage: bool = False) -> Agent:
    """The agent that the user sees; with `manage` one that the user may change. Strangers get 404, lower roles 403."""
    found = by_id_or_404(Agent.objects.visible_to(user).select_related("organization"), key)
    if manage and not Agent.objects.manageable_by(user).filter(pk=found.pk).exists():
        raise PermissionDenied
    return found


def instance_for(user: Any, key: Any) -> AgentInstance:
    """A machine of an agent that the user may change."""
    found = by_id_or_404(AgentInstance.objects.select_related("agent__organization"), key)
    agent_for(user, found.agent_id, manage=True)
    return found


def webhook_endpoint_for(user: Any, key: Any) -> WebhookEndpoint:
    """The address for webhooks of a connection that the user uses; 404 where it has none, and for strangers, 403 for lower roles."""
    connection = connection_for(user, key, use=True)
    found = WebhookEndpoint.objects.select_related("forward_to").filter(connection=connection).first()
    if found is None:
        raise Http404
    found.connection = connection
    return found


def webhook_event_for(user: Any, key: Any) -> WebhookEvent:
    """What arrived for a connection that the user uses. Strangers get 404, members whose role is too low get 403."""
    rows = WebhookEvent.objects.select_related(
        "endpoint__connection__integration", "endpoint__connection__organization", "endpoint__forward_to"
    )
    found = by_id_or_404(rows, key)
    connection_for(user, found.endpoint.connection_id, use=True)
    return found
