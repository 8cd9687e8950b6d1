"""What an organization says about which connection its runs use: set, read, take back. Says no with a `Refusal`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from connections.checking import NAME_LENGTH
from connections.choosing.models import Override
from connections.choosing.walk import Seeker, why_not_for
from connections.models import Connection
from integrations import audit
from integrations.models import Integration, Organization, User
from integrations.refusals import Invalid
from integrations.storable import flaw


def facts(override: Override) -> dict[str, Any]:
    """What the log keeps of it."""
    return {
        "integration": override.integration.name,
        "action": str(override.action) if override.action else None,
        "selection": override.selection,
        "connection": override.connection.name if override.connection else None,
        "name": override.name,
        "fallback": override.fallback,
    }


def override_of(organization: Organization, integration: Integration, action: UUID | None = None) -> Override | None:
    """What is said for the action itself, or with None for the whole integration."""
    rows = Override.objects.filter(organization=organization, integration=integration, action=action)
    return rows.select_related("connection", "integration").first()


def overrides_of(organization: Organization, integration: Integration) -> list[Override]:
    """All that the organization has said, that of the whole integration first."""
    rows = Override.objects.filter(organization=organization, integration=integration).select_related("connection", "integration")
    return sorted(rows, key=lambda row: (row.action is not None, str(row.action)))


def set_override(
    *,
    organization: Organization,
    integration: Integration,
    user: User | None,
    action: UUID | None = None,
    selection: Any = Override.Selection.DEFAULT,
    connection: Connection | None = None,
    name: Any = "",
    fallback: Any = Override.Fallback.DEFAULT,
) -> Override:
    """Say it, in place of what was said before. That the action exists has been checked by the caller. Raises `Invalid`."""
    values = _checked(Seeker(organization, integration, user, action), selection, connection, name, fallback)
    with transaction.atomic():
        # Two people may say something at the same moment; the later one counts.
        Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
        old = override_of(organization, integration, action)
        before = facts(old) if old else {}
        found = old or Override(organization=organization, integration=integration, action=action)
        for field, value in values.items():
            setattr(found, field, value)
        found.save()
        _record(found, "connection choice set", before=before, after=facts(found))
    return found


def clear_override(*, organization: Organization, integration: Integration, action: UUID | None = None) -> bool:
    """Go on as usual; whether there was something to take back."""
    with transaction.atomic():
        found = override_of(organization, integration, action)
        if found is None:
            return False
        _record(found, "connection choice cleared", before=facts(found))
        found.delete()
    return True


def _checked(seeker: Seeker, selection: Any, connection: Connection | None, name: Any, fallback: Any) -> dict[str, Any]:
    errors: dict[str, list[str]] = {}
    for field, value, known in (("selection", selection, Override.Selection.values), ("fallback", fallback, Override.Fallback.values)):
        if value not in known:
            errors[field] = [f"Use one of: {', '.join(known)}."]
    text = " ".join(name.split()) if isinstance(name, str) else ""
    if selection == Override.Selection.NAME:
        if not text:
            errors["name"] = ["Enter a part of the connection's name, for example Production."]
        elif sentence := flaw(text):
            errors["name"] = [sentence]
        elif len(text) > NAME_LENGTH:
            errors["name"] = [f"At most {NAME_LENGTH} characters; this text has {len(text)}."]
    if selection == Override.Selection.CHOSEN:
        if connection is None:
            errors["connection"] = ["Choose the connection that is to be used."]
        elif reason := why_not_for(connection, seeker):
            errors["connection"] = [f"This connection cannot be used here. {reason}"]
    if errors:
        raise Invalid(errors)
    return {
        "selection": selection,
        "fallback": fallback,
        "connection": connection if selection == Override.Selection.CHOSEN else None,
        "name": text if selection == Override.Selection.NAME else "",
    }


def _record(override: Override, verb: str, **values: Any) -> None:
    audit.record(
        kind=audit.Kind.CONNECTION,
        verb=verb,
        subject=override,
        organization=override.organization,
        name=f"{override.integration} in {override.organization}",
        **values,
    )
