"""Which environments an organization has: production, its own, and those of the organizations above."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from integrations import audit
from integrations.models import Environment, Organization
from integrations.models.environment import PRODUCTION, SLUG_LENGTH
from integrations.models.organization import slug_of
from integrations.organizations.tree import checked_name, locked
from integrations.refusals import Conflict, Invalid
from integrations.storable import flaw

MAX_ENVIRONMENTS = 20  # of one organization
NAME_LENGTH = 100
MOST_LISTED = 200


@dataclass(frozen=True)
class Known:
    """An environment as an organization knows it; `organization` is where it was made, None for production."""

    slug: str
    name: str
    organization: Organization | None = None
    id: UUID | None = None


def known_to(organization: Organization) -> list[Known]:
    """Production first, then the others by name; of two of one slug the nearest."""
    found: dict[str, Known] = {}
    rows = (
        Environment.objects.filter(organization__in=organization.ancestor_ids).select_related("organization").order_by("organization__path")
    )
    for row in rows:
        found[row.slug] = Known(row.slug, row.name, row.organization, row.pk)
    return [Known(PRODUCTION, "Production"), *sorted(found.values(), key=lambda one: one.name.casefold())]


def within(organization: Organization) -> list[Known]:
    """What can be looked for from an organization: its own environments, and those of organizations below it."""
    found = {one.slug: one for one in known_to(organization)}
    below = Environment.objects.filter(organization__in=Organization.objects.order_by().below([organization])).select_related(
        "organization"
    )
    for row in below.order_by("name")[:MOST_LISTED]:
        found.setdefault(row.slug, Known(row.slug, row.name, row.organization, row.pk))
    return list(found.values())


def checked(organization: Organization, slug: Any) -> str:
    """The slug of an environment that the organization has; nothing means production. Raises `Invalid`."""
    value = str(slug or "").strip().lower() or PRODUCTION
    known = [one.slug for one in known_to(organization)] if value != PRODUCTION else [PRODUCTION]
    if value not in known:
        raise Invalid({"environment": [f"{organization} has no environment {slug}. Use one of: {', '.join(known)}."]})
    return value


def create(*, organization: Organization, name: Any) -> Environment:
    """A new environment of an organization and of all below it; its slug is made of the name."""
    name = checked_name(name)
    if len(name) > NAME_LENGTH:
        raise Invalid({"name": [f"At most {NAME_LENGTH} characters; this name has {len(name)}."]})
    if sentence := flaw(name):
        raise Invalid({"name": [sentence]})
    slug = slug_of(name, fallback="environment", length=SLUG_LENGTH)
    with transaction.atomic():
        organization = locked(organization)
        if slug in [one.slug for one in known_to(organization)]:
            raise Invalid({"name": [f"{organization} has an environment {slug} already. Choose another name."]})
        if organization.environments.count() >= MAX_ENVIRONMENTS:
            raise Conflict(f"{organization} has {MAX_ENVIRONMENTS} environments already. Delete one first.")
        made = Environment.objects.create(organization=organization, name=name, slug=slug)
        _record(made, "environment created", after={"slug": slug})
    return made


def bring_along(*, environment: Environment, organization: Organization) -> None:
    """Give a moved organization an environment of one that it left, so that what is connected in it stays where it is."""
    made = Environment.objects.create(organization=organization, name=environment.name, slug=environment.slug)
    _record(made, "environment created", after={"slug": made.slug}, note=f"Came along from {environment.organization}")


def delete(*, environment: Environment) -> None:
    """Remove an environment; refused while something is connected in it, here or below."""
    with transaction.atomic():
        organization = locked(environment.organization)
        # The stage above knows what a connection is; its rows are reached from here by the relation alone.
        inside = Organization.objects.order_by().below([organization]).filter(connections__environment=environment.slug)
        if count := inside.values("connections").count():
            raise Conflict(
                f"{count} connection{'s are' if count > 1 else ' is'} in {environment.name}. Delete {'them' if count > 1 else 'it'} first."
            )
        _record(environment, "environment deleted", before={"slug": environment.slug})
        environment.delete()


def _record(environment: Environment, verb: str, **values: Any) -> None:
    organization = environment.organization
    audit.record(kind=audit.Kind.ORGANIZATION, verb=verb, subject=environment, organization=organization, name=environment.name, **values)
