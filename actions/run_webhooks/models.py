"""Webhooks of runs as rows."""

from __future__ import annotations

import uuid
from typing import Any, Self

from django.db import models
from django.db.models import Q

from actions.schedules.models import Schedule
from connections.models import Connection, DeliveryTarget
from integrations.models import Integration, Organization, Role


class RunWebhookQuerySet(models.QuerySet["RunWebhook"]):
    def visible_to(self, user: Any) -> Self:
        return self.filter(organization__in=Organization.objects.visible_to(user)).exclude(_of_others_schedules(user))

    def usable_by(self, user: Any) -> Self:
        """Webhooks that the user may change: those of organizations in which the user runs."""
        mine = Organization.objects.visible_to(user, Role.OPERATOR)
        return self.filter(organization__in=mine).exclude(_of_others_schedules(user))


def _of_others_schedules(user: Any) -> Q:
    return Q(schedule__connection__in=Connection.objects.of_others(user))


class RunWebhook(models.Model):
    """Which ended runs a target hears of: those of the organization, and `below` also of those under it.

    `integration` and `schedule` None mean all. Runs with a member's own connection are told only where that member made the webhook.
    """

    class Heard(models.TextChoices):
        ALL = "all", "Every run that ends"
        NOT_COMPLETE = "not_complete", "Only runs that do not end complete"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    target = models.OneToOneField(DeliveryTarget, on_delete=models.CASCADE, related_name="run_webhook")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="run_webhooks")
    below = models.BooleanField(default=True)
    integration = models.ForeignKey(Integration, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    schedule = models.ForeignKey(Schedule, null=True, blank=True, on_delete=models.CASCADE, related_name="webhooks")
    heard = models.CharField(max_length=20, choices=Heard.choices, default=Heard.ALL)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RunWebhookQuerySet.as_manager()

    class Meta:
        ordering = ["target__name", "id"]

    def __str__(self) -> str:
        return str(self.target)
