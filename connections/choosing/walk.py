"""Which connection is used: one way for pages, API, proxy and schedules, and the steps that it took."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from connections.choosing.models import Override
from connections.mapping.values import mapped_above, nearest
from connections.models import Connection
from integrations.models import Integration, Organization, Role, User
from integrations.models.environment import PRODUCTION
from integrations.refusals import Conflict

RULES = {
    "explicit": "Named by whoever runs",
    "chosen": "Chosen for the organization",
    "name": "Found by its name",
    "default": "The organization's own default",
    "mapped": "Mapped by an organization above",
    "inherited": "Allowed by an organization above",
}
_OF_SELECTION = {
    Override.Selection.DEFAULT: "default",
    Override.Selection.CHOSEN: "chosen",
    Override.Selection.NAME: "name",
    Override.Selection.MAPPING: "mapped",
}
_USUAL = ("default", "mapped", "inherited")
_OF_FALLBACK = {Override.Fallback.DEFAULT: _USUAL, Override.Fallback.MAPPING: ("mapped",), Override.Fallback.FAIL: ()}


@dataclass(frozen=True)
class Seeker:
    """For whom a connection is looked for. `user` None is Junction itself, which may know of everything; whether a person may run
    for the organization at all has been checked by the caller. `action` is the action's id across revisions. Where the integration's
    mode is per user, the connections are those of that person."""

    organization: Organization
    integration: Integration
    user: User | None = None
    action: UUID | None = None
    environment: str = PRODUCTION


@dataclass(frozen=True)
class Candidate:
    """One step: what was considered by which of RULES, whether it was taken, and why. `connection` is None where there is none, or
    where the user may not know of it."""

    rule: str
    taken: bool
    why: str
    connection: Connection | None = None

    @property
    def title(self) -> str:
        return RULES[self.rule]


@dataclass
class Choice:
    """The walk: its steps in order, and where it ended. `override` is what the organization had said, if anything."""

    seeker: Seeker
    override: Override | None = None
    steps: list[Candidate] = field(default_factory=list)

    @property
    def connection(self) -> Connection | None:
        return next((step.connection for step in self.steps if step.taken), None)

    @property
    def reason(self) -> str:
        """Why the connection that was taken was."""
        return next((step.why for step in self.steps if step.taken), "")

    @property
    def problem(self) -> str:
        """Why there is none, and what to do; "" where there is one."""
        if self.connection:
            return ""
        if self.steps and self.steps[0].rule == "explicit":
            return self.steps[0].why
        seeker, said = self.seeker, " ".join(dict.fromkeys(step.why for step in self.steps))
        advice = (
            f"Connect {seeker.organization} to {seeker.integration} and make the connection its default, or ask an admin of an organization "
            "above to allow one of theirs for organizations below."
        )
        if self.override and self.override.fallback != Override.Fallback.DEFAULT:
            where = "this action" if self.override.action else str(seeker.integration)
            advice = f"{seeker.organization} has set for {where} that no other connection is tried: name one, or change that setting."
        return f"No connection to {seeker.integration} can be used for {seeker.organization}. {said} {advice}"

    def found(self) -> Connection:
        """The connection. Raises `Conflict` with the problem."""
        if self.connection is None:
            raise Conflict(self.problem)
        return self.connection


def choose(
    *,
    organization: Organization,
    integration: Integration,
    user: User | None = None,
    action: UUID | None = None,
    named: Connection | None = None,
    environment: str = PRODUCTION,
) -> Choice:
    """Walk: the one that is `named` and nothing else; else what the organization's override says; else its own default, the one
    through which it is mapped, and what an organization above allows, the nearest first; all of them in `environment` only."""
    seeker = Seeker(organization, integration, user, action, environment)
    return _Walk(seeker).go(named)


def why_not_for(connection: Connection, seeker: Seeker) -> str:
    """Why a connection cannot be used for an organization, as a sentence; "" if it can. Whatever else rules a connection out
    belongs here: every step of the walk asks this."""
    organization = seeker.organization
    if connection.integration_id != seeker.integration.pk:
        return f"{connection} belongs to another integration."
    if connection.owner_id and (seeker.user is None or connection.owner_id != seeker.user.pk):
        return f"It belongs to one member alone: {seeker.integration} is connected per user."
    if connection.organization_id == organization.pk:
        return ""
    if connection.organization_id not in organization.ancestor_ids:
        return f"It belongs to {connection.organization}, which is not above {organization}."
    if connection.below == Connection.Below.EVERYBODY or _uses_it_anyway(connection, seeker.user):
        return ""
    if connection.below == Connection.Below.NOBODY:
        return "Its owner does not allow organizations below to use it."
    if nearest(organization, seeker.integration, connection.organization.ancestor_ids):
        return ""
    return f"Its owner allows it only for organizations below that are mapped, and {organization} is not mapped."


def elsewhere(connection: Connection, seeker: Seeker) -> str:
    """Why a connection is none of the environment that is looked in, as a sentence; "" if it is. One that is named may be of any."""
    if connection.environment == seeker.environment:
        return ""
    return f"It is in the environment {connection.environment}, and one of {seeker.environment} is looked for."


def _uses_it_anyway(connection: Connection, user: User | None) -> bool:
    return user is not None and Connection.objects.usable_by(user).filter(pk=connection.pk).exists()


class _Walk:
    """One walk. Sentences name what is above only as far as the user may know of it."""

    def __init__(self, seeker: Seeker) -> None:
        self.seeker = seeker
        above = seeker.organization.ancestor_ids[:-1]
        self.above = list(Organization.objects.filter(pk__in=above).order_by("-path"))
        seen = above if seeker.user is None else Organization.objects.visible_to(seeker.user, Role.VIEWER).filter(pk__in=above)
        self.seen = set(above) if seeker.user is None else set(seen.values_list("pk", flat=True))  # type: ignore[union-attr]
        rows = Connection.objects.belonging_to(seeker.user, seeker.integration).filter(environment=seeker.environment)
        self.rows = rows.select_related("organization", "integration", "credential", "revision", "owner")

    def go(self, named: Connection | None) -> Choice:
        choice = Choice(self.seeker)
        if named is not None:
            choice.steps.append(self._judged("explicit", named, "It was named."))
            return choice
        choice.override = self._override()
        for rule in self._rules(choice.override):
            for step in getattr(self, f"_{rule}")(choice.override):
                choice.steps.append(step)
                if step.taken:
                    return choice
        return choice

    def _override(self) -> Override | None:
        """What is said for the action wins over what is said for the integration."""
        rows = Override.objects.filter(organization=self.seeker.organization, integration=self.seeker.integration)
        rows = rows.select_related("connection__organization", "connection__integration", "connection__credential")
        found = rows.filter(action=self.seeker.action).first() if self.seeker.action else None
        return found or rows.filter(action=None).first()

    @staticmethod
    def _rules(override: Override | None) -> list[str]:
        if override is None:
            return list(_USUAL)
        first, then = _OF_SELECTION[Override.Selection(override.selection)], _OF_FALLBACK[Override.Fallback(override.fallback)]
        return [first, *(rule for rule in then if rule != first)]

    def _default(self, _: Override | None) -> Iterator[Candidate]:
        organization, environment = self.seeker.organization, self.seeker.environment
        own = self.rows.filter(organization=organization)
        found = own.filter(is_default=True).first()
        where = f" in {environment}" if environment != PRODUCTION else ""
        who = f"{self.seeker.user or 'Whoever asks'} in {organization}" if self.seeker.integration.is_per_user else str(organization)
        per_user = f" {self.seeker.integration} is connected per user." if self.seeker.integration.is_per_user else ""
        if found:
            yield self._judged("default", found, f"It is the default of {who}{where}.{per_user}")
            return
        count = own.count()
        why = f"{who} has no connection of its own{where}.{per_user}"
        if count:
            why = f"{who} has {count} connection{'s' if count > 1 else ''} of its own{where}, but none is its default.{per_user}"
        yield Candidate("default", False, why)

    def _chosen(self, override: Override | None) -> Iterator[Candidate]:
        found = override.connection if override else None
        if found is None:
            yield Candidate("chosen", False, "The connection that was chosen has been deleted. Choose another one.")
            return
        yield self._judged("chosen", found, f"{self.seeker.organization} has chosen it.")

    def _name(self, override: Override | None) -> Iterator[Candidate]:
        text = (override.name if override else "").casefold()
        for organization in [self.seeker.organization, *self.above]:
            rows = list(self.rows.filter(organization=organization).order_by("name", "pk"))
            fitting = [row for row in rows if row.name.casefold() == text] or [row for row in rows if text in row.name.casefold()]
            usable = [row for row in fitting if not why_not_for(row, self.seeker)]
            if len(usable) == 1:
                yield self._judged("name", usable[0], f'"{override.name if override else ""}" is in its name.')
                return
            if usable:
                names = ", ".join(row.name for row in usable[:5])
                yield Candidate(
                    "name", False, f"{len(usable)} connections of {organization} have that name in theirs: {names}. Write more of it."
                )
                return
        yield Candidate("name", False, f'No connection that may be used has "{override.name if override else ""}" in its name.')

    def _mapped(self, _: Override | None) -> Iterator[Candidate]:
        organization = self.seeker.organization
        row = mapped_above(organization, self.seeker.integration)
        if row is None:
            yield Candidate("mapped", False, f"No organization above has mapped {organization}.")
            return
        owner = row.mapping.organization
        found = row.mapping.connection or self.rows.filter(organization=owner, is_default=True).first()
        if found is None:
            yield Candidate("mapped", False, f"{self._called(owner)} has mapped {organization}, but has no default connection.")
            return
        yield self._judged("mapped", found, f"{self._called(owner)} has mapped {organization} to {row.label or row.value}.")

    def _inherited(self, _: Override | None) -> Iterator[Candidate]:
        rows = {row.organization_id: row for row in self.rows.filter(organization__in=self.above, is_default=True)}
        for organization in self.above:
            if found := rows.get(organization.pk):
                yield self._judged(
                    "inherited",
                    found,
                    f"It is the default of {self._called(organization, begins=False)}, which allows it for organizations below.",
                )
        if not rows:
            yield Candidate("inherited", False, "No organization above has a default connection.")

    def _judged(self, rule: str, connection: Connection, why: str) -> Candidate:
        """A connection that the rule leads to: taken, unless it cannot be used. One that waits for authorization is taken as well,
        since another account's data would be worse than a failure."""
        connection.integration = self.seeker.integration
        reason = why_not_for(connection, self.seeker)
        if not reason and rule != "explicit":
            reason = elsewhere(connection, self.seeker)
        if reason:
            if rule in ("mapped", "inherited"):
                reason = f"{self._called(connection.organization)} has a connection. {reason}"
            return Candidate(rule, False, reason, connection if self._may_know(connection) else None)
        if rule == "inherited" and connection.below != Connection.Below.EVERYBODY and _uses_it_anyway(connection, self.seeker.user):
            why = f"It is the default of {connection.organization}, and you may use it there."
        if connection.needs_authorization:
            why = f"{why} It has to be authorized before it works."
        return Candidate(rule, True, why, connection)

    def _may_know(self, connection: Connection) -> bool:
        return connection.organization_id == self.seeker.organization.pk or connection.organization_id in self.seen

    def _called(self, organization: Organization, *, begins: bool = True) -> str:
        """Its name, or what a person who may not know it reads; `begins` a sentence."""
        return str(organization) if organization.pk in self.seen else "An organization above" if begins else "an organization above"


def usable_for(seeker: Seeker, *, limit: int = 500) -> list[Any]:
    """The connections that can be named for an organization: its own by name, then those above that may be used, the nearest first."""
    rows = Connection.objects.filter(integration=seeker.integration, organization__in=seeker.organization.ancestor_ids)
    found = rows.select_related("organization", "integration", "revision").order_by("-organization__path", "name", "pk")[:limit]
    return [row for row in found if not why_not_for(row, seeker)]
