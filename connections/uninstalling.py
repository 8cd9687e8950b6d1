"""Uninstalling an integration from an organization: its connections go, what is mapped and shared stays for the next time."""

from __future__ import annotations

from connections.models import Connection
from connections.tokens import upkeep
from integrations.models import Integration, Organization, User
from integrations.refusals import Conflict


def installed(*, integration: Integration, organization: Organization, user: User) -> list[Connection]:
    """The organization's connections that the user may delete, in all environments."""
    rows = Connection.objects.deletable_by(user).filter(integration=integration, organization=organization)
    return list(rows.select_related("integration", "organization", "credential", "owner", "revision").order_by("name", "pk"))


def uninstall(*, integration: Integration, organization: Organization, user: User) -> list[str]:
    """Delete them, with their secrets and runs, and revoke their tokens. Sentences about vendors that could not be told.

    Raises `Conflict` where there are none.
    """
    found = installed(integration=integration, organization=organization, user=user)
    if not found:
        raise Conflict(f"{organization} has no connection to {integration} that you may delete.")
    problems = [upkeep.delete(connection=connection) for connection in found]
    return [problem for problem in problems if problem]
