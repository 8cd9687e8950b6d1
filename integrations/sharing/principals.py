"""With whom something is shared, as addresses and documents name them: `alice`, `team:analytics`, `organization:acme`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from integrations.models import Integration, Membership, Organization, Share, Team, User
from integrations.refusals import Invalid

OFFERED = 20  # of each kind, to choose from
TEAM, ORGANIZATION = "team:", "organization:"
Principal = User | Team | Organization


@dataclass(frozen=True)
class Named:
    """A principal as people read it."""

    id: str
    name: str
    type: str


def named(principal: Principal) -> Named:
    match principal:
        case Team():
            return Named(f"{TEAM}{principal.slug}", principal.name, "team")
        case Organization():
            return Named(f"{ORGANIZATION}{principal.slug}", principal.name, "organization")
    return Named(principal.username, str(principal), "user")


def column(principal: Principal) -> dict[str, Any]:
    """The column of a share that names the principal."""
    return {named(principal).type: principal}


def principal_for(integration: Integration, key: str) -> Principal:
    """The principal of this id with whom the integration can be shared. Raises `Invalid` with a sentence.

    Only people, teams and organizations of the owner's whole tree can be named: nobody gets something put before them by strangers.
    """
    tree = _tree(integration)
    found: Principal | None
    if key.startswith(TEAM):
        found = Team.objects.filter(slug=key.removeprefix(TEAM), organization__in=tree).first()
    elif key.startswith(ORGANIZATION):
        found = tree.filter(slug=key.removeprefix(ORGANIZATION)).first()
    else:
        found = User.objects.filter(username=key, memberships__organization__in=tree, is_active=True).distinct().first()
    if found is None:
        raise Invalid(
            {
                "principalId": [
                    f"There is nobody named {key or 'nothing'} with whom this can be shared. Write a user name, team:slug or organization:slug, of "
                    "somebody in the tree of organizations to which the owner belongs."
                ]
            }
        )
    return found


def share_for(rows: QuerySet[Share], key: str) -> Share | None:
    """The share with the principal of this id."""
    if key.startswith(TEAM):
        rows = rows.filter(team__slug=key.removeprefix(TEAM))
    elif key.startswith(ORGANIZATION):
        rows = rows.filter(organization__slug=key.removeprefix(ORGANIZATION))
    else:
        rows = rows.filter(user__username=key)
    return rows.first()


def placed(shares: QuerySet[Share], owner: Organization) -> QuerySet[Share]:
    """The shares with all that `outside` asks of them."""
    there = Membership.objects.filter(user=OuterRef("user"), organization__path__startswith=_top(owner))
    return shares.select_related("user", "team__organization", "organization").annotate(has_person=Exists(there))


def outside(owner: Organization, shares: Iterable[Share]) -> set[UUID]:
    """Ids of those of the `placed` shares that count for nobody where an integration belongs to `owner`: their principal is not in
    its tree.
    """
    top = _top(owner)
    found = set()
    for share in shares:
        match share.principal:
            case User():
                counts = share.has_person  # type: ignore[attr-defined]
            case Team() as team:
                counts = team.organization.path.startswith(top)
            case organization:
                counts = organization.path.startswith(top)
        if not counts:
            found.add(share.pk)
    return found


def offered(integration: Integration, user: Any, text: str = "") -> list[Named]:
    """Some principals to choose from, among those that the user sees anyway; whoever knows a name of the tree can write it."""
    seen = _tree(integration) & Organization.objects.visible_to(user)
    people = User.objects.filter(Exists(Membership.objects.filter(user=OuterRef("pk"), organization__in=seen)), is_active=True)
    people = people.filter(Q(username__icontains=text) | Q(display_name__icontains=text))
    teams = Team.objects.filter(Q(name__icontains=text) | Q(slug__icontains=text), organization__in=seen)
    organizations = seen.filter(Q(name__icontains=text) | Q(slug__icontains=text)).exclude(pk=integration.organization_id)
    found: list[Principal] = [
        *people.order_by("username")[:OFFERED],
        *teams[:OFFERED],
        *organizations.order_by("name")[:OFFERED],
    ]
    return [named(principal) for principal in found]


def _top(organization: Organization) -> str:
    """The path of the topmost organization above it."""
    return f"{organization.ancestor_ids[0].hex}/"


def _tree(integration: Integration) -> Any:
    return Organization.objects.below_paths([_top(integration.organization)])
