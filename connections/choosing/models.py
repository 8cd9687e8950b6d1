"""What an organization has said about which connection is used: for an integration, or for one action of it."""

from __future__ import annotations

import uuid
from typing import Any, Self

from django.db import models
from django.db.models import Q

from integrations.models import Integration, Organization


class OverrideQuerySet(models.QuerySet["Override"]):
    def visible_to(self, user: Any) -> Self:
        return self.filter(organization__in=Organization.objects.visible_to(user))


class Override(models.Model):
    """How one organization's runs find their connection. `action` is the action's id across revisions, None for all of them.

    `connection` belongs to the selection CHOSEN; where it was deleted since, the walk says so. `name` belongs to NAME.
    """

    class Selection(models.TextChoices):
        DEFAULT = "default", "The organization's default connection"
        CHOSEN = "chosen", "A certain connection"
        NAME = "name", "The connection whose name has a text in it"
        MAPPING = "mapping", "The connection through which an organization above has mapped it"

    class Fallback(models.TextChoices):
        DEFAULT = "default", "Go on as usual: own default, mapping, then what an organization above allows"
        MAPPING = "mapping", "Use the mapping, nothing else"
        FAIL = "fail", "Fail: no other connection is used"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="overrides")
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="overrides")
    action = models.UUIDField(null=True, blank=True)
    selection = models.CharField(max_length=10, choices=Selection.choices, default=Selection.DEFAULT)
    connection = models.ForeignKey("connections.Connection", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    name = models.CharField(max_length=200, blank=True)
    fallback = models.CharField(max_length=10, choices=Fallback.choices, default=Fallback.DEFAULT)
    updated_at = models.DateTimeField(auto_now=True)

    objects = OverrideQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "integration"], condition=Q(action=None), name="one_override_per_integration"),
            models.UniqueConstraint(fields=["organization", "integration", "action"], name="one_override_per_action"),
        ]

    def __str__(self) -> str:
        return f"override of {self.organization} for {self.integration}"
