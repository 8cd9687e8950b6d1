"""Addresses for webhooks, and what arrived there."""

from __future__ import annotations

import uuid
from typing import Any, Self

from django.db import models
from django.utils import timezone

from connections.deliveries.models import DeliveryTarget
from integrations.models import User
from integrations.ordered_json import OrderedJSONField


class WebhookEndpoint(models.Model):
    """The address of one connection. Its last part is the token: sealed, so that it can be shown again, and hashed, to be found.

    `secrets_sealed` holds `secret`, `previous` (which counts until `previous_until`), `username` and `verifyToken`. The rules
    are those of the preset, "" for what the integration says of its webhooks.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.OneToOneField("connections.Connection", on_delete=models.CASCADE, related_name="webhook_endpoint")
    token_hash = models.CharField(max_length=64, unique=True)
    token_sealed = models.TextField()
    secrets_sealed = models.TextField()
    previous_until = models.DateTimeField(null=True, blank=True)
    preset = models.CharField(max_length=50, blank=True)
    is_enabled = models.BooleanField(default=True)
    forward_to = models.ForeignKey(DeliveryTarget, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    forward_types = OrderedJSONField(default=list, blank=True, help_text="Kinds of events that are forwarded; empty: all.")
    confirmed_at = models.DateTimeField(null=True, blank=True, help_text="When the vendor last made sure of the address.")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    SEALED = ("token_sealed", "secrets_sealed")

    def __str__(self) -> str:
        return f"webhook address of {self.connection_id}"

    @property
    def context(self) -> str:
        """What the secrets are bound to."""
        return f"webhook:{self.pk}"


class WebhookEventQuerySet(models.QuerySet["WebhookEvent"]):
    def due(self, now: Any) -> Self:
        """Those whose work waits, also because the worker that had them in hand did not bring it to its end."""
        return self.filter(state=WebhookEvent.State.WAITING, next_at__lte=now)


class WebhookEvent(models.Model):
    """One message as it arrived: its body byte for byte but for secrets, headers and query without them.

    `once` is the digest by which a message that comes again is known, "" where nothing tells; `duplicates` counts how often it
    came again. While its work waits, `next_at` is when a worker may take it. `results` says what was done, newest last.
    """

    class Verdict(models.TextChoices):
        VERIFIED = "verified", "Verified"
        UNCHECKED = "unchecked", "Not checked"
        REJECTED = "rejected", "Rejected"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        IGNORED = "ignored", "Nothing to do"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(auto_now_add=True, db_index=True)
    event_id = models.CharField(max_length=200, blank=True)
    event_type = models.CharField(max_length=200, blank=True)
    once = models.CharField(max_length=64, blank=True)
    duplicates = models.PositiveIntegerField(default=0)
    method = models.CharField(max_length=10)
    query = OrderedJSONField(default=list, blank=True)
    headers = OrderedJSONField(default=list, blank=True)
    body = models.BinaryField()
    size = models.PositiveIntegerField(help_text="Of the body as it arrived, bytes; of a rejected one only the beginning is kept.")
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    reason = models.TextField(blank=True, help_text="Why it was rejected.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    results = OrderedJSONField(default=list, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = WebhookEventQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["endpoint", "-at"], name="webhook_events_of_endpoint"),
            models.Index(fields=["next_at"], name="webhook_events_due", condition=models.Q(state="waiting")),
        ]
        constraints = [models.UniqueConstraint(fields=["endpoint", "once"], condition=~models.Q(once=""), name="webhook_event_once")]

    def __str__(self) -> str:
        return self.event_type or str(self.pk)

    @property
    def content(self) -> bytes:
        """The body; PostgreSQL's driver gives a view of it."""
        return bytes(self.body)
