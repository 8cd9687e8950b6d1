"""What can be done with teams. Each function checks, does, records, and says no with a `Refusal`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Prefetch, QuerySet

from integrations import audit
from integrations.models import Organization, Team, User
from integrations.models.organization import unique_slug
from integrations.organizations.tree import checked_name, locked
from integrations.refusals import Conflict, Invalid

MAX_TEAMS = 200  # of one organization
MAX_MEMBERS = 500  # of one team
RESERVED_SLUGS = frozenset({"new"})


def facts(team: Team) -> dict[str, Any]:
    """What the log keeps of a team."""
    return {"name": team.name, "members": sorted(team.members.values_list("username", flat=True))}


def create(*, organization: Organization, name: Any, members: Iterable[Any] = ()) -> Team:
    """A new team; `members` are user names of people with a role here, above or below."""
    name = checked_name(name)
    people = _people(organization, members)
    with transaction.atomic():
        locked(organization)
        if organization.teams.count() >= MAX_TEAMS:
            raise Conflict(f"{organization} has {MAX_TEAMS} teams already. Delete one first.")
        slug = unique_slug(Team.objects.order_by(), name, fallback="team", reserved=RESERVED_SLUGS)
        team = Team.objects.create(organization=organization, name=name, slug=slug)
        team.members.set(people)
        _record(team, "team created", after=facts(team))
    return team


def change(*, team: Team, name: Any = None, members: Iterable[Any] | None = None) -> Team:
    """Rename a team, or say anew who is in it. The slug stays: shares and programs name it."""
    people = None if members is None else _people(team.organization, members)
    with transaction.atomic():
        locked(team.organization)
        team = Team.objects.select_related("organization").filter(pk=team.pk).first() or _gone()
        before = facts(team)
        if name is not None:
            team.name = checked_name(name)
            team.save(update_fields=["name"])
        if people is not None:
            team.members.set(people)
        _record(team, "team changed", before=before, after=facts(team))
    return team


def delete(*, team: Team) -> None:
    """Remove a team with its shares; its members stay."""
    with transaction.atomic():
        locked(team.organization)
        team = Team.objects.filter(pk=team.pk).first() or _gone()
        _record(team, "team deleted", before=facts(team))
        team.delete()


def candidates(organization: Organization) -> QuerySet[User]:
    """Who can be in a team of an organization: whoever has a role there, above or below."""
    near = Organization.objects.below([organization]) | Organization.objects.filter(pk__in=organization.ancestor_ids)
    return User.objects.filter(is_active=True, memberships__organization__in=near.order_by()).distinct()


def listed(organization: Organization) -> QuerySet[Team]:
    """The teams of an organization, with those of their members who are still around."""
    people = Prefetch("members", queryset=candidates(organization).order_by("username"))
    return organization.teams.select_related("organization").prefetch_related(people)


def _people(organization: Organization, names: Iterable[Any]) -> list[User]:
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise Invalid({"members": ["Enter a list of user names."]})
    wanted = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    if len(wanted) > MAX_MEMBERS:
        raise Invalid({"members": [f"A team has at most {MAX_MEMBERS} members."]})
    found = {user.username: user for user in candidates(organization).filter(username__in=wanted)}
    if missing := [name for name in wanted if name not in found]:
        raise Invalid({"members": [f"{', '.join(missing)}: nobody of this name has a role in {organization}, above it or below it."]})
    return list(found.values())


def _gone() -> Team:
    raise Conflict("This team was deleted in the meantime.")


def _record(team: Team, verb: str, **values: Any) -> None:
    audit.record(kind=audit.Kind.MEMBER, verb=verb, subject=team, organization=team.organization, **values)
