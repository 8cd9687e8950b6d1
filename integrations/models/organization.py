"""People, organizations, and the tree that organizations form."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Self

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.text import slugify

from integrations.ordered_json import OrderedJSONField


class User(AbstractUser):
    """A person or a program's account. `has_first_password` is true until a password that Junction made is changed."""

    display_name = models.CharField(max_length=200, blank=True)
    has_first_password = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.display_name or self.username


class Role(models.TextChoices):
    """What a member may do in an organization and in everything below it; each role includes the ones before it."""

    VIEWER = "viewer", "Viewer: sees"
    OPERATOR = "operator", "Operator: connects and runs"
    BUILDER = "builder", "Builder: describes and publishes integrations"
    ADMIN = "admin", "Admin: everything"

    @classmethod
    def at_least(cls, role: str) -> list[str]:
        """The roles that include `role`."""
        return list(cls.values)[list(cls.values).index(role) :]


# Roles by user, as long as `remembering_roles` lasts.
_remembered: ContextVar[dict[Any, Roles] | None] = ContextVar("remembered", default=None)


@dataclass(frozen=True)
class Roles:
    """Path and role of each membership of a user, topmost first; and how many trees there are."""

    held: list[tuple[str, str]]
    trees: int


@contextmanager
def remembering_roles() -> Iterator[None]:
    """Look each user's roles up only once inside: for requests that change nothing and ask for them a dozen times."""
    token = _remembered.set({})
    try:
        yield
    finally:
        _remembered.reset(token)


def _roles_of(user_id: Any) -> Roles:
    known = _remembered.get()
    if known is not None and user_id in known:
        return known[user_id]
    tops = Organization.objects.filter(parent=None).order_by().values("parent").annotate(number=models.Count("pk")).values("number")
    rows = Membership.objects.filter(user=user_id).order_by("organization__path").annotate(trees=models.Subquery(tops))
    paths = list(rows.values_list("organization__path", "role", "trees"))
    found = Roles([(path, role) for path, role, _ in paths], paths[0][2] if paths else 0)
    if known is not None:
        known[user_id] = found
    return found


class OrganizationQuerySet(models.QuerySet["Organization"]):
    def below(self, organizations: Iterable[Organization]) -> Self:
        """These organizations and everything below them."""
        return self.below_paths([organization.path for organization in organizations])

    def below_paths(self, paths: Iterable[str]) -> Self:
        """The organizations at these paths and everything below them."""
        condition = models.Q(pk__in=[])
        for path in paths:
            condition |= models.Q(path__startswith=path)
        return self.filter(condition)

    def roots_of(self, user: Any, role: str = Role.VIEWER) -> list[str]:
        """Paths of the organizations in which a membership gives the user at least `role`; what is below one of them is left out."""
        found: list[str] = []
        for path, held in _roles_of(user.pk).held:
            if held in Role.at_least(role) and (not found or not path.startswith(found[-1])):
                found.append(path)
        return found

    def visible_to(self, user: Any, role: str = Role.VIEWER) -> Self:
        """Organizations in which the user holds at least `role`, by a membership there or above. Nobody sees nothing."""
        if not getattr(user, "is_authenticated", False) or not user.is_active:
            return self.none()
        if user.is_superuser:
            return self.all()
        return self.below_paths(self.roots_of(user, role))

    def reach(self, user: Any, role: str = Role.VIEWER, field: str = "organization") -> models.Q:
        """The same as a condition on rows with an organization. Where the user sees all of them it restricts nothing, and costs nothing."""
        if self._are_all_open_to(user, role):
            return ~models.Q(pk__in=[])
        return models.Q(**{f"{field}__in": self.visible_to(user, role)})

    def _are_all_open_to(self, user: Any, role: str) -> bool:
        """Whether the user holds the role at the top of each tree."""
        if not getattr(user, "is_authenticated", False) or not user.is_active:
            return False
        tops = [path for path in self.roots_of(user, role) if path.count("/") == 1]
        return user.is_superuser or 0 < len(tops) == _roles_of(user.pk).trees


class Organization(models.Model):
    """A company, department or client. `path` is its own and its ancestors' ids, topmost first, each with a slash behind."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=100, unique=True)
    path = models.CharField(max_length=1000, db_index=True, editable=False)
    fields = OrderedJSONField(
        default=dict, blank=True, help_text="Custom fields, texts by name: ${tenant.<name>} in an integration's headers."
    )
    custom_integrations = models.BooleanField(
        null=True, blank=True, help_text="The feature preview Custom Integrations. Unset: as the organization above; at the top: enabled."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["path"]
        indexes = [models.Index(fields=["name", "id"], name="organizations_by_name")]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.path = f"{self.parent.path if self.parent else ''}{self.id.hex}/"
        self.slug = self.slug or unique_slug(Organization.objects.all(), self.name, fallback="organization")
        super().save(*args, **kwargs)

    @property
    def may_have_builder(self) -> bool:
        """Whether the feature preview Custom Integrations is enabled here: the nearest choice on the way up decides.

        Where nobody chose it is enabled, so that a new installation can do what it was installed for.
        """
        chosen = Organization.objects.filter(pk__in=self.ancestor_ids, custom_integrations__isnull=False)
        value = chosen.order_by("-path").values_list("custom_integrations", flat=True).first()
        return value is not False

    @property
    def ancestor_ids(self) -> list[uuid.UUID]:
        """Ids from the top of the tree down to this organization, itself included."""
        return [uuid.UUID(part) for part in self.path.strip("/").split("/")]

    def is_open_to(self, user: Any, role: str = Role.VIEWER) -> bool:
        """Whether `visible_to` has it; known from the paths alone."""
        if not getattr(user, "is_authenticated", False) or not user.is_active:
            return False
        return user.is_superuser or any(self.path.startswith(path) for path in Organization.objects.roots_of(user, role))

    @staticmethod
    def ids_in(paths: Iterable[str]) -> set[uuid.UUID]:
        """Ids of the organizations at these paths and of all above them."""
        return {uuid.UUID(part) for path in paths for part in path.strip("/").split("/")}


class Membership(models.Model):
    """A user's role in an organization and below it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.VIEWER)
    fields = OrderedJSONField(
        default=dict, blank=True, help_text="Custom fields, texts by name: ${user.<name>} in an integration's headers, here and below."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "organization"], name="one_role_per_organization")]

    def __str__(self) -> str:
        return f"{self.user} in {self.organization}: {self.role}"


def slug_of(text: str, *, fallback: str, length: int = 80) -> str:
    """Small letters, digits and hyphens of a text; `fallback` where it has none of them."""
    return slugify(text)[:length].strip("-") or fallback


def unique_slug(
    rows: models.QuerySet[Any], text: str, *, fallback: str, field: str = "slug", length: int = 80, reserved: Iterable[str] = ()
) -> str:
    """A slug of `text` that no row has yet and that is not `reserved`; a number is added to one that is taken."""
    base = slug_of(text, fallback=fallback, length=length)
    taken = {*reserved, *rows.filter(**{f"{field}__startswith": base}).values_list(field, flat=True)}
    slug, number = base, 2
    while slug in taken:
        slug, number = f"{base}-{number}", number + 1
    return slug
