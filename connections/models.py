"""Who uses an integration with which credentials."""

from __future__ import annotations

import uuid
from typing import Any, Self

from django.db import models
from django.db.models import Q

from integrations.models import Integration, Organization, Role, User


class ConnectionQuerySet(models.QuerySet["Connection"]):
    def visible_to(self, user: Any) -> Self:
        return self.filter(organization__in=Organization.objects.visible_to(user))

    def usable_by(self, user: Any) -> Self:
        """Connections that the user may edit, test and run with."""
        return self.filter(organization__in=Organization.objects.visible_to(user, Role.OPERATOR))


class Connection(models.Model):
    """An organization's named access to an integration. Secrets lie in its `Credential`; `settings` are public.

    `settings["baseUri"]` is the address of the organization's own server where the definition leaves the host open.
    """

    class State(models.TextChoices):
        UNTESTED = "untested", "Not tested"
        WORKING = "working", "Working"
        FAILING = "failing", "Failing"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="connections")
    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="connections")
    name = models.CharField(max_length=200)
    is_default = models.BooleanField(default=False)
    settings = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=20, choices=State.choices, default=State.UNTESTED)
    message = models.TextField(blank=True, help_text="What the last test said.")
    tested_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "integration", "name"], name="connection_name_once"),
            models.UniqueConstraint(fields=["organization", "integration"], condition=Q(is_default=True), name="one_default_connection"),
        ]

    def __str__(self) -> str:
        return self.name


class Credential(models.Model):
    """The secrets of a connection, encrypted with the connection's id as associated data.

    `sealed` is what the owner entered. `token_sealed` is an access token fetched with it, valid until `token_expires_at`
    (None: unknown). `generation` counts the changes of either, so that a late answer never overwrites a newer one.
    """

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, related_name="credential", primary_key=True)
    sealed = models.TextField()
    token_sealed = models.TextField(blank=True)
    token_expires_at = models.DateTimeField(null=True, blank=True)
    generation = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"credential of {self.connection_id}"

    @property
    def context(self) -> str:
        """What the ciphertexts are bound to."""
        return f"credential:{self.connection_id}"


class DefaultCredential(models.Model):
    """Secrets that an integration's owner gave along with it; connections that enter none of their own use them."""

    integration = models.OneToOneField(Integration, on_delete=models.CASCADE, related_name="default_credential", primary_key=True)
    sealed = models.TextField()
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"default credential of {self.integration_id}"

    @property
    def context(self) -> str:
        """What the ciphertext is bound to."""
        return f"default:{self.integration_id}"
