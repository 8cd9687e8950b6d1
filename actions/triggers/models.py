"""Triggers as rows."""

from __future__ import annotations

import uuid
from typing import Any, Self

from django.conf import settings
from django.db import models

from connections.models import Connection, WebhookEndpoint
from integrations.ordered_json import OrderedJSONField


class TriggerQuerySet(models.QuerySet["Trigger"]):
    def visible_to(self, user: Any) -> Self:
        """Those of connections that the user uses: their inputs say what is done with whose messages."""
        return self.filter(endpoint__connection__in=Connection.objects.usable_by(user))


class Trigger(models.Model):
    """Events of some kinds start an action with the connection at which they arrive, in the name of the owner: whoever saved it last.

    `action_uid` is the identity of the action across revisions. `inputs` hold placeholders over the event. `message` says why the last
    event started nothing, or why the trigger was switched off.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="triggers")
    action_uid = models.UUIDField()
    event_types = OrderedJSONField(default=list, blank=True, help_text="Such as invoice.paid or invoice.*; empty: all.")
    inputs = OrderedJSONField(default=dict, blank=True)
    is_enabled = models.BooleanField(default=True)
    message = models.TextField(blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    last_run = models.ForeignKey("actions.Run", null=True, on_delete=models.SET_NULL, related_name="+")
    last_fired_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TriggerQuerySet.as_manager()

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return f"trigger of {self.endpoint_id}"
