"""Who an organization is at a vendor: what runs read as `{{mapping.id}}` and `{{mapping.label}}`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connections.mapping.models import MappedOrganization
from connections.models import Connection
from integrations.models import Integration, Organization


def nearest(organization: Organization, integration: Integration, mapped_by: Iterable[Any]) -> MappedOrganization | None:
    """Its row in the mapping of the nearest organization above it among `mapped_by` (ids)."""
    rows = MappedOrganization.objects.filter(
        organization=organization, mapping__integration=integration, mapping__organization__in=list(mapped_by)
    )
    # Paths of organizations above one begin with one another, so that the nearest comes first.
    return (
        rows.select_related("mapping__organization", "mapping__connection__organization").order_by("-mapping__organization__path").first()
    )


def mapped_above(organization: Organization, integration: Integration) -> MappedOrganization | None:
    """Who it is for the nearest organization above it that says so."""
    return nearest(organization, integration, organization.ancestor_ids[:-1])


def placeholders(organization: Organization, connection: Connection) -> dict[str, str]:
    """The values of `mapping` in a run with this connection, {} where the organization is not mapped.

    Only what the connection's owner, or an organization above that one, has mapped counts: the value may stand in a host, and
    nobody below may lead a connection's secrets elsewhere.
    """
    found = nearest(organization, connection.integration, connection.organization.ancestor_ids)
    return {"id": found.value, "label": found.label or found.value} if found else {}
