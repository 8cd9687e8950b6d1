"""Who calls through an integration: which connection is the caller's, and what placeholders read of the caller.

`${user.username}`, `${user.displayName}`, `${user.email}` and `${user.<field>}` are the person's, `${tenant.id}` and
`${tenant.<field>}` those of the organization whose connection is used.
"""

from __future__ import annotations

from typing import Any

from connections.models import Connection
from integrations.models import Integration, Organization, User
from integrations.refusals import Conflict

PER_USER = "per-user"


def connection_of(user: User, integration: Integration, organization: Organization | None = None) -> Connection:
    """The connection with which the user calls an integration: of several the default, of the topmost organization.

    In the mode per-user it is one that the user made. `organization` narrows the choice. Raises `Conflict` where there is none.
    """
    rows = Connection.objects.usable_by(user).filter(integration=integration)
    if organization is not None:
        rows = rows.filter(organization=organization)
    if integration.extra.get("mode") == PER_USER:
        rows = rows.filter(created_by=user)
    ordered = rows.select_related("organization", "integration", "credential").order_by(
        "-is_default", "organization__path", "created_at", "pk"
    )
    found = ordered.first()
    if found is None:
        yours = "You have" if integration.extra.get("mode") == PER_USER else "Your organization has"
        raise Conflict(
            f"{yours} no connection to {integration} yet. Connect first, with POST /api/integrations/{integration.slug}/connect."
        )
    return found


def values_of_caller(user: User | None, organization: Organization) -> dict[str, Any]:
    """What placeholders read of the caller. Without a user (a schedule, a worker) only the organization is known."""
    tenant = {**organization.fields, "id": str(organization.pk), "name": organization.name, "slug": organization.slug}
    if user is None:
        return {"tenant": tenant}
    own = {"username": user.username, "displayName": user.display_name or user.get_full_name() or user.username, "email": user.email}
    return {"user": own, "tenant": tenant}
