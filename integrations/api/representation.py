"""An integration as the API shows it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Prefetch

from config.hal import link
from integrations.api import definitions
from integrations.models import Integration, Revision, Share
from integrations.models.integration import SharingPolicy, Status
from integrations.sharing.principals import named

# With whom each is shared, for `sharing`.
SHARES = Prefetch("shares", Share.objects.select_related("user", "team", "organization"))


def shown_revision(integration: Integration, *, editor: bool) -> Revision:
    """Editors see the draft they work on; everybody else what is in force."""
    return integration.working if editor else (integration.current or integration.working)


def identity(integration: Integration) -> dict[str, Any]:
    """What every list has of an integration."""
    return {
        "id": str(integration.pk),
        "name": integration.name,
        "slug": integration.slug,
        "type": integration.type,
        "category": integration.category,
        "description": integration.description,
        "mode": integration.extra.get("mode", "shared"),
        "embedded": False,
    }


def sharing(integration: Integration) -> dict[str, Any]:
    """Whose an integration is, and with whom it is shared; of a row that has `SHARES`."""
    shares = [{"principalId": named(share.principal).id, "accessLevel": int(share.level)} for share in integration.shares.all()]
    published = integration.status == Status.PUBLISHED and integration.sharing != SharingPolicy.DENY
    return {
        "ownerId": named(integration.organization).id,
        "shared": bool(shares) or published,
        "tags": integration.tags,
        "sharing": shares,
    }


def summary(integration: Integration) -> dict[str, Any]:
    """The fields of the list, without the definition."""
    return {
        "_links": {"self": link(f"/api/integrations/{integration.pk}")},
        **identity(integration),
        "status": integration.status,
        "tags": integration.tags,
        "isBeta": integration.is_beta,
        "sharingPolicy": integration.sharing,
        "organization": {
            "id": str(integration.organization_id),
            "name": integration.organization.name,
            "slug": integration.organization.slug,
        },
        **{name: integration.extra.get(name, default) for name, default in (("imageUrl", ""), ("data", {}))},
        "createdAt": integration.created_at,
        "updatedAt": integration.updated_at,
    }


def listed(integration: Integration, editable: set[UUID]) -> dict[str, Any]:
    """An item of the list: the summary with its definition."""
    return {**summary(integration), **definitions.represent(integration, shown_revision(integration, editor=integration.pk in editable))}


def full(integration: Integration, *, editor: bool) -> dict[str, Any]:
    """One integration with everything and all links."""
    own = f"/api/integrations/{integration.pk}"
    shown = {**summary(integration), **definitions.represent(integration, shown_revision(integration, editor=editor))}
    shown["_links"] = {
        "self": link(own),
        "inf:icon": link(f"{own}/icon"),
        "actions": link(f"{own}/actions"),
        **({"finalize": link(f"{own}/finalize"), "rename": link(f"{own}/actions/rename")} if editor else {}),
        "inf:connect": link(f"{own}/connect"),
        "inf:connection": link(f"{own}/connection"),
        "inf:account": link(f"{own}/account"),
        "inf:request": link(f"{own}/request"),
        "inf:integration-owner": link(f"{own}/owner"),
        "inf:integration-shares": link(f"{own}/shares"),
        "inf:integration-share": link(f"{own}/shares/{{principalId}}", templated=True),
        "connections": link("/api/connections"),
    }
    return shown
