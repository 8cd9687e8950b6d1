"""Putting an organization under another parent: what that changes, and the move itself."""

from __future__ import annotations

import copy
import uuid
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Q, Value
from django.db.models.functions import Concat, Substr

from integrations import audit
from integrations.models import Environment, Integration, Membership, Organization
from integrations.organizations import environments
from integrations.organizations.tree import MAX_DEPTH, facts
from integrations.refusals import Conflict


@dataclass
class Sight:
    """Who begins or ceases to see the moved organizations, and which integrations these begin or cease to be offered."""

    people: list[Membership] = field(default_factory=list)
    integrations: list[Integration] = field(default_factory=list)


@dataclass
class Move:
    """What moving an organization changes. `connections` counts those in it and below: who sees it sees them, too.

    `lent` counts the connections of organizations left behind that those below may use, and `mapped` the moved organizations that
    one left behind has mapped: neither counts any more. `environments` are those of organizations left behind that come along,
    because something is connected in them.
    """

    organization: Organization
    parent: Organization | None
    organizations: int
    own_integrations: int
    connections: int
    gains: Sight
    loses: Sight
    in_use: list[Integration]
    lent: int
    mapped: int
    environments: list[Environment]
    builder_before: bool
    builder_after: bool


def preview(*, organization: Organization, parent: Organization | None) -> Move:
    """What `move` would change. Raises `Conflict` where it cannot be done."""
    _check(organization, parent)
    moved = Organization.objects.below([organization]).order_by()
    there = _moved(organization, parent)
    before, after = (set(place.ancestor_ids) - {organization.pk} for place in (organization, there))
    offered, offers = _offered(organization), _offered(there)
    known, kept = set(offered), set(offers)
    lost = [one for one in offered if one not in kept]
    used = Integration.objects.filter(connections__organization__in=moved).filter(
        Q(organization__in=before - after) | Q(pk__in=[one.pk for one in lost])
    )
    # The stage above knows what connections and mappings are; their rows are reached from here by the relations alone.
    left = Organization.objects.order_by().filter(pk__in=before - after)
    return Move(
        organization=organization,
        parent=parent,
        organizations=moved.count(),
        own_integrations=Integration.objects.filter(organization__in=moved).count(),
        connections=moved.filter(connections__isnull=False).values("connections").count(),
        gains=Sight(_people(after - before, before | {organization.pk}), [one for one in offers if one not in known]),
        loses=Sight(_people(before - after, after | {organization.pk}), lost),
        in_use=list(used.distinct().order_by("name")),
        lent=left.filter(connections__isnull=False).exclude(connections__below="nobody").values("connections").count(),
        mapped=moved.filter(mapped_in__mapping__organization__in=before - after).distinct().count(),
        environments=_needed(organization, there),
        builder_before=organization.may_have_builder,
        builder_after=there.may_have_builder,
    )


def move(*, organization: Organization, parent: Organization | None) -> Organization:
    """Put an organization, with everything below it, under another parent; None puts it at the top.

    Environments of organizations left behind in which something is connected are added to it: a connection stays in its own.
    """
    with transaction.atomic():
        # All rows of the tree that change, in one order, so that two moves wait for each other and never deadlock.
        list(Organization.objects.select_for_update(no_key=True).filter(Q(path__startswith=organization.path) | Q(pk=parent and parent.pk)))
        known = organization.path
        found = Organization.objects.select_related("parent").filter(pk=organization.pk).first()
        if found is None or found.path != known or (parent and not Organization.objects.filter(pk=parent.pk, path=parent.path).exists()):
            raise Conflict("Somebody has changed the tree in the meantime. Look at it again.")
        organization = found
        _check(organization, parent)
        before, old, there = facts(organization), organization.path, _moved(organization, parent)
        along = _needed(organization, there)
        organization.parent = parent
        organization.save(update_fields=["parent", "path", "updated_at"])
        below = Organization.objects.filter(path__startswith=old).exclude(pk=organization.pk)
        below.update(path=Concat(Value(there.path), Substr("path", len(old) + 1)))
        audit.record(
            kind=audit.Kind.ORGANIZATION,
            verb="moved",
            subject=organization,
            organization=organization,
            before=before,
            after=facts(organization),
        )
        for environment in along:
            environments.bring_along(environment=environment, organization=organization)
    return organization


def _moved(organization: Organization, parent: Organization | None) -> Organization:
    """The organization as it will be, for questions about what is above it; not to be saved."""
    there = copy.copy(organization)
    there.path = f"{parent.path if parent else ''}{organization.pk.hex}/"
    return there


def _people(organizations: set[uuid.UUID], kept: set[uuid.UUID]) -> list[Membership]:
    """The members there who have no role by another way, now and afterwards."""
    rows = Membership.objects.filter(organization__in=organizations, user__is_active=True).exclude(user__memberships__organization__in=kept)
    return list(rows.select_related("user", "organization").order_by("user__username", "organization__path"))


def _offered(organization: Organization) -> list[Integration]:
    return list(Integration.objects.offered_to(organization).select_related("organization").order_by("name", "pk"))


def _needed(organization: Organization, there: Organization) -> list[Environment]:
    """Environments from above in which something of the organization, or below it, is connected, and which it will not know there."""
    known = {one.slug for one in environments.known_to(there)}
    rows = Environment.objects.filter(organization__in=set(organization.ancestor_ids) - set(there.ancestor_ids)).exclude(slug__in=known)
    inside = Organization.objects.below([organization]).order_by()
    used = set(inside.filter(connections__isnull=False).values_list("connections__environment", flat=True))
    nearest = {row.slug: row for row in rows.order_by("organization__path").select_related("organization") if row.slug in used}
    return list(nearest.values())


def _check(organization: Organization, parent: Organization | None) -> None:
    if parent is not None and parent.path.startswith(organization.path):
        raise Conflict(f"{parent} is {organization} itself or below it. Choose a parent outside of it.")
    if (parent.pk if parent else None) == organization.parent_id:
        raise Conflict(f"{organization} is {f'below {parent}' if parent else 'at the top'} already.")
    deepest = max(
        (path.count("/") for path in Organization.objects.below([organization]).order_by().values_list("path", flat=True)), default=1
    )
    height = deepest - len(organization.ancestor_ids) + 1
    if (len(parent.ancestor_ids) if parent else 0) + height > MAX_DEPTH:
        raise Conflict(f"The tree would become deeper than {MAX_DEPTH} levels. Choose a parent further up.")
