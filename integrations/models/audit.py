"""The log of what was changed. It is only ever added to."""

from __future__ import annotations

from typing import Any, NoReturn, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from integrations.models.organization import Organization, Role
from integrations.ordered_json import OrderedJSONField


class AppendOnlyError(Exception):
    """Somebody tried to change or delete what was logged; that is a fault of the program."""


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def visible_to(self, user: Any) -> Self:
        """What happened in organizations that the user administers, and while they were below one: a deleted one's entries stay."""
        condition = Organization.objects.reach(user, Role.ADMIN)
        if getattr(user, "is_authenticated", False):
            roots = Organization.objects.filter(memberships__user=user, memberships__role=Role.ADMIN)
            for path in roots.values_list("path", flat=True) if user.is_active else ():
                condition |= Q(path__startswith=path)
        return self.filter(condition)

    def update(self, **kwargs: Any) -> NoReturn:  # noqa: ARG002 - the signature of Django
        raise AppendOnlyError

    def delete(self) -> NoReturn:
        raise AppendOnlyError

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ARG002 - the signature of Django
        raise AppendOnlyError


class AuditEntry(models.Model):
    """Who did what to what, and the values before and after; secrets are masked before they come here.

    It keeps names beside ids, because what it speaks of may be deleted. No foreign key is checked by the database and
    none is set to null: deleting a user or an organization changes nothing here.

    The database refuses to change or delete a row, too, by triggers of migration 0012. On SQLite a migration that alters this table
    makes it anew, without them: it has to add them again.
    """

    class Kind(models.TextChoices):
        INTEGRATION = "integration", "Integration"
        CONNECTION = "connection", "Connection"
        ORGANIZATION = "organization", "Organization"
        MEMBER = "member", "Member"
        SHARE = "share", "Share"
        AGENT = "agent", "Agent"

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    actor_name = models.CharField(max_length=200, help_text="Empty: Junction itself, by a worker or a command.", blank=True)
    organization = models.ForeignKey(Organization, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    organization_name = models.CharField(max_length=200)
    path = models.CharField(max_length=1000, db_index=True, help_text="The organization's path at that time.")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    verb = models.CharField(max_length=40)
    object_id = models.CharField(max_length=64)
    object_name = models.CharField(max_length=300)
    before = OrderedJSONField(default=dict, blank=True)
    after = OrderedJSONField(default=dict, blank=True)
    note = models.TextField(blank=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["kind", "object_id"], name="audit_of_object")]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_name}: {self.verb}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnlyError
        super().save(*args, **{**kwargs, "force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ARG002 - the signature of Django
        raise AppendOnlyError

    @property
    def fields(self) -> list[str]:
        """The names of what was changed."""
        return list({**self.before, **self.after})
