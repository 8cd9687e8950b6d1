"""Schedules as rows."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from actions.schedules.timing import Timing
from connections.models import Connection
from integrations.models import Integration, Organization, Role
from integrations.ordered_json import OrderedJSONField


class ScheduleQuerySet(models.QuerySet["Schedule"]):
    def visible_to(self, user: Any) -> Self:
        """Schedules of the user's organizations; as with runs, those with another member's own connection are that member's alone."""
        return self.filter(organization__in=Organization.objects.visible_to(user)).exclude(
            connection__in=Connection.objects.of_others(user)
        )

    def usable_by(self, user: Any) -> Self:
        """Schedules that the user may change: by a role, or because the integration is shared with the person."""
        lent = Q(connection__integration__in=Integration.objects.lent_to(user), organization__in=Organization.objects.visible_to(user))
        usable = Q(organization__in=Organization.objects.visible_to(user, Role.OPERATOR)) | lent
        return self.filter(usable).exclude(connection__in=Connection.objects.of_others(user))


class Schedule(models.Model):
    """An action that runs by itself for an organization, with a connection and inputs, in the name of its owner: whoever saved it last.

    `action_uid` is the identity of the action across revisions: each run takes the newest finalized one. `message` says why it did
    not run last time, or why it was switched off; the clock is django-celery-beat's row.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="schedules")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="schedules")
    action_uid = models.UUIDField()
    inputs = OrderedJSONField(default=dict, blank=True)
    page_size = models.PositiveIntegerField(null=True, blank=True)
    max_pages = models.PositiveIntegerField(null=True, blank=True)
    unique_by = models.CharField(
        max_length=500, blank=True, help_text="The key of a record; of those with the same one only the first counts."
    )
    minutes = models.PositiveIntegerField(null=True, blank=True, help_text="Null: by the cron expression.")
    cron = models.CharField(max_length=100, blank=True)
    zone = models.CharField(max_length=60, default="UTC")
    is_enabled = models.BooleanField(default=True)
    message = models.TextField(blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    clock = models.OneToOneField(PeriodicTask, null=True, on_delete=models.SET_NULL, related_name="+")
    last_run = models.ForeignKey("actions.Run", null=True, on_delete=models.SET_NULL, related_name="+")
    last_fired_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScheduleQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    @property
    def timing(self) -> Timing:
        return Timing(self.minutes, self.cron, self.zone)

    @property
    def next_at(self) -> Any:
        """When it fires next; None while it is switched off."""
        clock = self.clock
        if not self.is_enabled or clock is None:
            return None
        remaining = clock.schedule.remaining_estimate(clock.last_run_at or clock.date_changed)
        at = timezone.now() + max(remaining, timedelta(0))
        return (at + timedelta(seconds=30)).replace(second=0, microsecond=0) if self.cron else at
