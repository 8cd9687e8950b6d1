"""Agents, the machines on which they are installed, and the codes with which a machine enrols."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from integrations.models import Organization, Role, User

# An agent asks at least every HOLD_SECONDS (junction_agent.protocol), and what it says is noted every NOTE_SECONDS.
ONLINE = timedelta(seconds=75)


class AgentQuerySet(models.QuerySet["Agent"]):
    def visible_to(self, user: Any) -> Self:
        return self.filter(organization__in=Organization.objects.visible_to(user))

    def manageable_by(self, user: Any) -> Self:
        """Agents that the user may change, enrol machines for, and revoke."""
        return self.filter(organization__in=Organization.objects.visible_to(user, Role.ADMIN))

    def usable_in(self, organization: Organization) -> Self:
        """Agents that connections of this organization may use: its own, and those of organizations above that share them."""
        return self.filter(Q(organization=organization) | Q(organization__in=organization.ancestor_ids, is_shared=True))


class Agent(models.Model):
    """A place behind a firewall, by name. One or more machines there share its work and stand in for each other."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="agents")
    name = models.CharField(max_length=100)
    is_shared = models.BooleanField(default=False, help_text="Whether connections of organizations below may use it.")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AgentQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="agent_name_once")]

    def __str__(self) -> str:
        return self.name


class AgentInstance(models.Model):
    """A machine that works for an agent. It holds the private key of `public_key`; Junction's key for it is sealed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="instances")
    host = models.CharField(max_length=200, blank=True, help_text="What the machine calls itself.")
    version = models.CharField(max_length=40, blank=True)
    public_key = models.CharField(max_length=64)
    server_key_sealed = models.TextField()
    latency_ms = models.PositiveIntegerField(null=True, blank=True, help_text="Of a question and its answer, as the machine measures it.")
    last_seen_at = models.DateTimeField(null=True, blank=True)
    enrolled_at = models.DateTimeField(auto_now_add=True)
    enrolled_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+", help_text="Who made the code.")
    revoked_at = models.DateTimeField(null=True, blank=True)

    SEALED = ("server_key_sealed",)

    class Meta:
        ordering = ["host", "enrolled_at", "id"]

    def __str__(self) -> str:
        return self.host or str(self.pk)

    @property
    def context(self) -> str:
        """What the ciphertext is bound to."""
        return f"agent:{self.pk}"

    @property
    def dialog(self) -> str:
        """The end of an element's id."""
        return str(self.pk)

    @property
    def state(self) -> str:
        """online, offline, waiting (never seen since it enrolled) or revoked."""
        if self.revoked_at:
            return "revoked"
        if self.last_seen_at is None:
            return "waiting"
        return "online" if self.last_seen_at > timezone.now() - ONLINE else "offline"


class AgentCode(models.Model):
    """An enrolment code: for one machine, once, for a while. `name` is sent with a question, the secret never is."""

    name = models.CharField(max_length=20, unique=True)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="codes")
    secret_sealed = models.TextField()
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0)

    SEALED = ("secret_sealed",)

    def __str__(self) -> str:
        return f"code {self.name} of {self.agent_id}"

    @property
    def context(self) -> str:
        """What the ciphertext is bound to."""
        return f"agent-code:{self.name}"
