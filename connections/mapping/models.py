"""A mapping, the options that it offers, and who is mapped to which of them."""

from __future__ import annotations

import uuid
from typing import Any, Self

from django.db import models

from integrations.models import Integration, Organization, User
from integrations.ordered_json import OrderedJSONField

VALUE_LENGTH = 500  # characters of a vendor's id for a customer
LABEL_LENGTH = 500


class MappingQuerySet(models.QuerySet["Mapping"]):
    def visible_to(self, user: Any) -> Self:
        """Mappings of the user's organizations. Who is mapped in one sees its own row by `values.mapped_for` only."""
        return self.filter(organization__in=Organization.objects.visible_to(user))


class Mapping(models.Model):
    """How an organization knows those below it at a vendor. It belongs to the organization, not to a connection: it stays
    when the connection is deleted.

    `source` says where the options come from. With ACTION they are the records of a run of `action` (its id across
    revisions) with `inputs`, value and label at their paths. Options carry the `batch` that they came with; only those of
    the mapping's own batch count, so that a list is replaced at once and an old one stays until the new one is whole.
    """

    class Source(models.TextChoices):
        TYPED = "typed", "Typed by hand"
        LIST = "list", "A list"
        ACTION = "action", "An action of the integration"

    class State(models.TextChoices):
        IDLE = "idle", "Ready"
        REFRESHING = "refreshing", "Refreshing"
        FAILED = "failed", "Refresh failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="mappings")
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="mappings")
    connection = models.ForeignKey(
        "connections.Connection",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="With which options are fetched and mapped organizations run; null: the organization's default.",
    )
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.TYPED)
    action = models.UUIDField(null=True, blank=True)
    inputs = OrderedJSONField(default=dict, blank=True)
    value_path = models.CharField(max_length=500, default="id")
    label_path = models.CharField(max_length=500, default="name")
    state = models.CharField(max_length=12, choices=State.choices, default=State.IDLE)
    message = models.TextField(blank=True, help_text="What the last refresh came to, in a sentence.")
    run = models.UUIDField(null=True, blank=True, help_text="The run of the last refresh.")
    batch = models.UUIDField(null=True, blank=True)
    option_count = models.PositiveIntegerField(default=0)
    refreshed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MappingQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "integration"], name="one_mapping_per_organization")]

    def __str__(self) -> str:
        return f"mapping of {self.organization} for {self.integration}"


class MappingOption(models.Model):
    """One customer of the vendor. `folded` is what a search looks in: value and label without case and accents."""

    mapping = models.ForeignKey(Mapping, on_delete=models.CASCADE, related_name="options")
    batch = models.UUIDField()
    position = models.PositiveIntegerField()
    value = models.CharField(max_length=VALUE_LENGTH)
    label = models.CharField(max_length=LABEL_LENGTH)
    folded = models.CharField(max_length=VALUE_LENGTH + LABEL_LENGTH + 1)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["mapping", "batch", "value"], name="option_value_once")]
        indexes = [models.Index(fields=["mapping", "batch", "position"], name="options_in_order")]

    def __str__(self) -> str:
        return self.label


class MappedOrganization(models.Model):
    """One organization below, and who it is at the vendor. The label is kept with it, because options come and go."""

    mapping = models.ForeignKey(Mapping, on_delete=models.CASCADE, related_name="rows")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="mapped_in")
    value = models.CharField(max_length=VALUE_LENGTH)
    label = models.CharField(max_length=LABEL_LENGTH, blank=True)
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mapping", "organization"], name="mapped_once")]

    def __str__(self) -> str:
        return f"{self.organization} is {self.value}"
