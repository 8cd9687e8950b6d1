"""Targets of deliveries, deliveries, and what was tried."""

from __future__ import annotations

import uuid
from typing import Any, Self

from django.db import models
from django.utils import timezone

from integrations.models import Organization, Role, User
from integrations.ordered_json import OrderedJSONField


class DeliveryTargetQuerySet(models.QuerySet["DeliveryTarget"]):
    def visible_to(self, user: Any) -> Self:
        return self.filter(organization__in=Organization.objects.visible_to(user))

    def usable_by(self, user: Any) -> Self:
        """Targets that the user may change."""
        return self.filter(organization__in=Organization.objects.visible_to(user, Role.OPERATOR))


class DeliveryTarget(models.Model):
    """A URL that gets signed bodies. `secret_sealed` signs; the one before it signs along until `previous_until`.

    A target that answered 410 (gone) is switched off, which `message` says.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="delivery_targets")
    name = models.CharField(max_length=200)
    url = models.TextField()
    secret_sealed = models.TextField()
    previous_sealed = models.TextField(blank=True)
    previous_until = models.DateTimeField(null=True, blank=True)
    is_enabled = models.BooleanField(default=True)
    message = models.TextField(blank=True, help_text="Why it was switched off.")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    SEALED = ("secret_sealed", "previous_sealed")

    objects = DeliveryTargetQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    @property
    def context(self) -> str:
        """What the secrets are bound to."""
        return f"delivery-target:{self.pk}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def visible_to(self, user: Any) -> Self:
        """What was delivered is seen by whoever could have started it."""
        return self.filter(target__organization__in=Organization.objects.visible_to(user, Role.OPERATOR))

    def due(self, now: Any) -> Self:
        """Those whose time has come, also because the worker that had them in hand did not bring them to their end."""
        return self.filter(state=Delivery.State.WAITING, next_at__lte=now)


class Delivery(models.Model):
    """One body for one target. `message_id` is the same at each attempt, so that a receiver knows a repetition.

    While it waits, `next_at` is when it is tried next. Whoever tries it moves that ahead first: a worker that is killed
    meanwhile leaves it due again. `subject` is the id of what it is about (a run, an event); it is no foreign key.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    target = models.ForeignKey(DeliveryTarget, on_delete=models.CASCADE, related_name="deliveries")
    message_id = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=100, help_text="What happened, such as run.finished.")
    subject = models.CharField(max_length=64, blank=True, db_index=True)
    headers = OrderedJSONField(default=list, blank=True, help_text="Pairs that go along, besides those of the signature.")
    body = models.BinaryField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    tried = models.PositiveIntegerField(default=0, help_text="Attempts of the present round; sending it again begins another one.")
    next_at = models.DateTimeField(default=timezone.now)
    message = models.TextField(blank=True, help_text="What the last attempt came to.")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["next_at"], name="deliveries_due", condition=models.Q(state="waiting")),
            models.Index(fields=["target", "-created_at"], name="deliveries_of_target"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.target_id}"


class DeliveryAttempt(models.Model):
    """One request with a delivery. The row is written before it: one that stays without an end tells of a lost worker."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True, help_text="Null: no answer came; `error` says why.")
    error = models.TextField(blank=True)
    answer = models.TextField(blank=True, help_text="The beginning of the answer's body.")
    elapsed_ms = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"attempt of {self.delivery_id}"

    @property
    def outcome(self) -> str:
        """What came of it, in words."""
        if self.ended_at is None:
            return "Not brought to its end"
        return f"Answered {self.status}" if self.status is not None else self.error
