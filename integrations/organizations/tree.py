"""What can be done with the tree: create, change, delete; `moving` moves. Each function checks, does, records, and says no with a `Refusal`."""

from __future__ import annotations

import re
import uuid
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from integrations import audit
from integrations.definition.parts import CONTROL
from integrations.models import Organization, Role, User
from integrations.models.organization import unique_slug
from integrations.refusals import Conflict, Invalid
from integrations.storable import flaw

NAME_LENGTH = 200
# An organization's path holds 33 characters a level, and its column 1,000.
MAX_DEPTH = 30
MAX_FIELDS = 50
FIELD_LENGTH = 2000
RESERVED_SLUGS = frozenset({"new"})
_FIELD_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")
_SLUG = re.compile(r"^[a-z0-9]+(?:-[a-z0-9]+)*$")
# ${tenant.<name>} of the organization itself and ${user.<name>} of the account, which a custom field must not hide.
_TAKEN_FIELDS = {"tenant": frozenset({"id", "name", "slug"}), "user": frozenset({"id", "username", "displayName", "email"})}
_OWNERS = {"tenant": "organization's", "user": "account's"}


def facts(organization: Organization) -> dict[str, Any]:
    """What the log keeps of an organization."""
    return {
        "name": organization.name,
        "slug": organization.slug,
        "parent": organization.parent.name if organization.parent else None,
        "fields": organization.fields,
        "customIntegrations": organization.custom_integrations,
    }


def create(*, parent: Organization | None, name: str, slug: str = "", fields: dict[str, str] | None = None) -> Organization:
    """A new organization below `parent`; who may do that has been checked by the caller."""
    name = checked_name(name)
    fields = checked_fields(fields or {})
    if parent and len(parent.ancestor_ids) >= MAX_DEPTH:
        raise Conflict(f"The tree is {MAX_DEPTH} levels deep at most. Choose a parent further up.")
    with transaction.atomic():
        if parent:
            parent = locked(parent)
        if slug:
            slug = checked_slug(slug, None)
        else:
            slug = unique_slug(Organization.objects.order_by(), name, fallback="organization", reserved=RESERVED_SLUGS)
        organization = Organization(parent=parent, name=name, slug=slug, fields=fields)
        _save(organization)
        audit.record(
            kind=audit.Kind.ORGANIZATION, verb="created", subject=organization, organization=organization, after=facts(organization)
        )
    return organization


def change(*, organization: Organization, **values: Any) -> Organization:
    """Change name, slug, custom fields (the whole set) or the feature preview (True, False, or None for as above)."""
    with transaction.atomic():
        organization = locked(organization)
        before = facts(organization)
        if "name" in values:
            organization.name = checked_name(values["name"])
        if "slug" in values:
            organization.slug = checked_slug(values["slug"], organization)
        if "fields" in values:
            organization.fields = checked_fields(values["fields"])
        if "custom_integrations" in values:
            organization.custom_integrations = values["custom_integrations"]
        _save(organization)
        audit.record(
            kind=audit.Kind.ORGANIZATION,
            verb="changed",
            subject=organization,
            organization=organization,
            before=before,
            after=facts(organization),
        )
    return organization


def contents(organization: Organization) -> dict[str, int]:
    """What an organization holds that keeps it from being deleted, by what it is."""
    return {
        "organization below it": organization.children.count(),
        "integration": organization.integrations.count(),
        "connection": Organization.objects.order_by().filter(pk=organization.pk, connections__isnull=False).values("connections").count(),
    }


def delete(*, organization: Organization) -> None:
    """Remove an empty organization with its memberships and invitations; refused, with what is in it, when it is not."""
    with transaction.atomic():
        organization = locked(organization)
        held = {what: count for what, count in contents(organization).items() if count}
        if held:
            said = ", ".join(f"{count} {_plural(what, count)}" for what, count in held.items())
            raise Conflict(f"{organization} is not empty: {said}. Delete or move {'it' if sum(held.values()) == 1 else 'them'} first.")
        audit.record(
            kind=audit.Kind.ORGANIZATION,
            verb="deleted",
            subject=organization,
            organization=organization.parent or organization,
            before=facts(organization),
        )
        try:
            with transaction.atomic():
                organization.delete()
        except ProtectedError:
            raise Conflict(f"{organization} holds something still, such as an import. Try again in a day, or remove it first.") from None


def _plural(what: str, count: int) -> str:
    return what if count == 1 else what.replace("organization", "organizations") if what.startswith("organization") else f"{what}s"


def locked(organization: Organization) -> Organization:
    """The row as it is now, held until the transaction ends."""
    found = Organization.objects.select_for_update(no_key=True).filter(pk=organization.pk).first()
    if found is None:
        raise Conflict("This organization was deleted in the meantime.")
    return found


def checked_name(name: Any) -> str:
    value = " ".join(name.split()) if isinstance(name, str) else ""
    if not value:
        raise Invalid({"name": ["Enter the organization's name."]})
    if len(value) > NAME_LENGTH:
        raise Invalid({"name": [f"At most {NAME_LENGTH} characters; this name has {len(value)}."]})
    if sentence := flaw(value):
        raise Invalid({"name": [sentence]})
    return value


def checked_slug(slug: Any, organization: Organization | None) -> str:
    """The slug, if it can be used and is free. It stands in addresses, so it is small letters, digits and hyphens."""
    value = slug.strip() if isinstance(slug, str) else ""
    if not _SLUG.match(value) or len(value) > 100 or _looks_like_id(value):
        raise Invalid(
            {"slug": ["Use small letters, digits and single hyphens, for example acme-europe; at most 100 characters, and no UUID."]}
        )
    others = Organization.objects.order_by().filter(slug=value)
    if value in RESERVED_SLUGS or (others.exclude(pk=organization.pk) if organization else others).exists():
        raise Invalid({"slug": [f"{value} is taken. Choose another one."]})
    return value


def checked_fields(fields: Any, *, root: str = "tenant") -> dict[str, str]:
    """Custom fields of an organization (`tenant`) or of a member (`user`): names as in placeholders, and texts of one line.

    One line, because they are made for headers.
    """
    if not isinstance(fields, dict):
        raise Invalid({"fields": ["Enter an object of texts."]})
    if len(fields) > MAX_FIELDS:
        raise Invalid({"fields": [f"At most {MAX_FIELDS} fields."]})
    errors: dict[str, list[str]] = {}
    for name, value in fields.items():
        if not _FIELD_NAME.match(name):
            errors[f"fields.{name}"] = [f"{name} is not a field's name. Use letters, digits and _, for example customer_number."]
        elif name in _TAKEN_FIELDS[root]:
            errors[f"fields.{name}"] = [f"${{{root}.{name}}} is the {_OWNERS[root]} own {name}. Choose another name."]
        elif not isinstance(value, str):
            errors[f"fields.{name}"] = ["Enter text."]
        elif len(value) > FIELD_LENGTH:
            errors[f"fields.{name}"] = [f"At most {FIELD_LENGTH} characters."]
        elif sentence := flaw(value):
            errors[f"fields.{name}"] = [sentence]
        elif CONTROL.search(value):
            errors[f"fields.{name}"] = ["Remove line breaks and control characters: the value stands in headers."]
    if errors:
        raise Invalid(errors)
    return dict(fields)


def _looks_like_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _save(organization: Organization) -> None:
    try:
        with transaction.atomic():
            organization.save()
    except IntegrityError:
        raise Conflict("Another organization took this slug at the same moment. Send it again.") from None


def may_administer(user: User, organization: Organization) -> bool:
    return organization.is_open_to(user, Role.ADMIN)


def may_place(user: User, organization: Organization) -> bool:
    """Whether the user may move or delete it: an admin of what is above it, since that is whom it belongs to."""
    if organization.parent is None:
        return user.is_superuser
    return may_administer(user, organization.parent)
