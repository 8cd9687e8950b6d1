"""Teams, and shares: access to one integration for a person, a team or an organization, beyond what their role gives."""

from __future__ import annotations

import uuid
from typing import Any, Self, cast

from django.conf import settings
from django.db import models
from django.db.models import Q

from integrations.models.organization import Organization, Role, User


class Level(models.IntegerChoices):
    """What a share gives; each level includes the ones before it."""

    RUN = 1, "View and run"
    EDIT = 2, "Edit"
    SHARE = 3, "Share, transfer and delete"


# A share with an organization raises nobody above the role that they have there: this much of a role each level needs.
ROLE_FOR = {Level.RUN: Role.OPERATOR, Level.EDIT: Role.BUILDER, Level.SHARE: Role.ADMIN}


class TeamQuerySet(models.QuerySet["Team"]):
    def visible_to(self, user: Any) -> Self:
        return self.filter(organization__in=Organization.objects.visible_to(user))

    def of(self, user: Any) -> Self:
        """The teams that the user is in. Whoever has no role any more where a team is, nor above or below, is in it no longer."""
        if not getattr(user, "is_authenticated", False) or not user.is_active:
            return self.none()
        return self.filter(members=user).filter(_here_or_above(user))


class Team(models.Model):
    """A named group of people within an organization; in addresses of the API `team:<slug>`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="teams")
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=100, unique=True)
    members = models.ManyToManyField(User, related_name="teams", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class ShareQuerySet(models.QuerySet["Share"]):
    def visible_to(self, user: Any) -> Self:
        """Of integrations that the user edits or shares all, of others those by which the user sees them."""
        field: Any = self.model._meta.get_field("integration")  # noqa: SLF001 - Django's documented way to a field
        rows = field.related_model.objects
        open_to = Q(integration__in=rows.editable_by(user)) | Q(integration__in=rows.shareable_by(user))
        return self.filter(open_to | Q(pk__in=self.model.objects.naming(user).values("pk")))

    def naming(self, user: Any) -> Self:
        """Shares by which the user sees an integration: with the person, with a team of theirs, with an organization of theirs."""
        return self.filter(_reaching(user, Role.VIEWER)) if _is_somebody(user) else self.none()

    def personal(self, user: Any) -> Self:
        """Shares with the person or with a team of theirs, which count whatever their role is."""
        return self.filter(_reaching(user)) if _is_somebody(user) else self.none()

    def giving(self, user: Any, level: Level) -> Self:
        """Shares by which the user may do what the level says."""
        if not _is_somebody(user):
            return self.none()
        return self.filter(_reaching(user, ROLE_FOR[level]), level__gte=level)


class Share(models.Model):
    """What one principal may do with one integration. Exactly one of `user`, `team` and `organization` is set."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    integration = models.ForeignKey("integrations.Integration", on_delete=models.CASCADE, related_name="shares")
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="shares")
    team = models.ForeignKey(Team, null=True, on_delete=models.CASCADE, related_name="shares")
    organization = models.ForeignKey(Organization, null=True, on_delete=models.CASCADE, related_name="shares")
    level = models.PositiveSmallIntegerField(choices=Level.choices, default=Level.RUN)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ShareQuerySet.as_manager()

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [models.Index(fields=["integration", "created_at", "id"], name="shares_of_integration")]
        constraints = [
            models.UniqueConstraint(fields=["integration", "user"], name="one_share_per_user"),
            models.UniqueConstraint(fields=["integration", "team"], name="one_share_per_team"),
            models.UniqueConstraint(fields=["integration", "organization"], name="one_share_per_organization"),
            models.CheckConstraint(
                name="share_names_one_principal",
                condition=Q(user__isnull=False, team=None, organization=None)
                | Q(user=None, team__isnull=False, organization=None)
                | Q(user=None, team=None, organization__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.integration} for {self.principal}"

    @property
    def principal(self) -> User | Team | Organization:
        return cast("User | Team | Organization", self.user or self.team or self.organization)


def _is_somebody(user: Any) -> bool:
    return bool(getattr(user, "is_authenticated", False) and user.is_active)


def _reaching(user: Any, role: str | None = None) -> Q:
    """Shares with the person or with a team of theirs; with a role also those with organizations where they have it, and above these.

    A share counts within the tree of the integration's owner: not for a person who has left it, and not for an organization or a team
    that was moved away.
    """
    condition = Q(pk__in=[])
    for top in sorted({path.partition("/")[0] for path in Organization.objects.roots_of(user)}):
        reached = Q(user=user) | Q(team__in=Team.objects.of(user), team__organization__path__startswith=f"{top}/")
        if role:
            reached |= _here_or_above(user, role) & Q(organization__path__startswith=f"{top}/")
        condition |= Q(integration__organization__path__startswith=f"{top}/") & reached
    return condition


def _here_or_above(user: Any, role: str = Role.VIEWER) -> Q:
    """Rows of organizations in which the user has the role, and of those above them: what an organization gets counts below it, too."""
    paths = Organization.objects.roots_of(user, role)
    return Q(organization__in=Organization.objects.below_paths(paths)) | Q(organization__in=Organization.ids_in(paths))
