"""Who shares what with whom: give, take back, hand over. Each function checks, does, records, and says no with a `Refusal`."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from integrations import audit
from integrations.models import Integration, Level, Organization, Role, Share, User
from integrations.refusals import Conflict, Invalid
from integrations.services import locked
from integrations.sharing.principals import Principal, column, named


def checked_level(value: Any) -> Level:
    """An access level. Raises `Invalid`."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value.strip()[:3])
    if isinstance(value, bool) or not isinstance(value, int) or value not in Level.values:
        known = ", ".join(f"{level.value} ({level.label.lower()})" for level in Level)
        raise Invalid({"accessLevel": [f"An access level is one of {known}. To take the access away, delete the share."]})
    return Level(value)


def share(*, integration: Integration, principal: Principal, level: Any = Level.RUN, user: User | None) -> Share:
    """Give a principal access, or change what it has."""
    level = checked_level(level)
    with transaction.atomic():
        integration = locked(integration)
        if isinstance(principal, Organization) and principal.pk == integration.organization_id:
            raise Conflict(
                f"{principal} owns {integration}: its members have what their roles give them. Share it with single people or teams."
            )
        found = Share.objects.select_for_update().filter(integration=integration, **column(principal)).first()
        if found is None:
            found = Share.objects.create(integration=integration, level=level, created_by=user, **column(principal))
            _record(found, "shared", after={"accessLevel": int(level)})
        elif found.level != level:
            before, found.level = found.level, level
            found.save(update_fields=["level", "updated_at"])
            _record(found, "changed", before={"accessLevel": before}, after={"accessLevel": int(level)})
    return found


def revoke(*, share: Share) -> None:
    """Take the access away. What is connected goes on working; its owners can see it as long as they use it."""
    with transaction.atomic():
        found = Share.objects.select_for_update().filter(pk=share.pk).first()
        if found is None:
            raise Conflict("This share was taken back in the meantime.")
        _record(found, "revoked", before={"accessLevel": found.level})
        found.delete()


def transfer(*, integration: Integration, organization: Organization, user: User) -> Integration:
    """Give an integration to another organization, in which the user has to be a builder: nobody gets one put upon them.

    Its connections go on working. Organizations below the new owner can connect from now on as the sharing policy says, others no more.
    """
    with transaction.atomic():
        integration = locked(integration)
        before = integration.organization
        if organization.pk == before.pk:
            raise Conflict(f"{organization} owns {integration} already.")
        if not Organization.objects.visible_to(user, Role.BUILDER).filter(pk=organization.pk).exists():
            raise Conflict(f"You are no builder of {organization}. Somebody who is, there and here, can transfer it.")
        if not organization.may_have_builder:
            raise Conflict(f"The feature preview Custom Integrations is disabled for {organization}, so that nobody there could edit it.")
        Share.objects.filter(integration=integration, organization=organization).delete()
        integration.organization = organization
        integration.save(update_fields=["organization", "updated_at"])
        for place in (before, organization):  # the admins of both want to read of it
            audit.record(
                kind=audit.Kind.INTEGRATION,
                verb="transferred",
                subject=integration,
                organization=place,
                before={"owner": before.name},
                after={"owner": organization.name},
                user=user,
            )
    return integration


def strangers_to(integration: Integration, organization: Organization) -> int:
    """How many organizations are connected and would not be below an organization that owned it."""
    users = Organization.objects.order_by().filter(connections__integration=integration).exclude(path__startswith=organization.path)
    return users.distinct().count()


def _record(share: Share, verb: str, **values: Any) -> None:
    audit.record(
        kind=audit.Kind.SHARE,
        verb=verb,
        subject=share,
        organization=share.integration.organization,
        name=f"{share.integration} for {named(share.principal).id}",
        **values,
    )
