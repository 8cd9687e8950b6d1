"""How programs come in: personal tokens, what is known of applications, answers that are kept for repeated requests."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from integrations.ordered_json import OrderedJSONField

USED_EVERY = timedelta(minutes=1)  # how exactly the last use is kept; a write with every request would cost more than it tells


class PersonalTokenQuerySet(models.QuerySet["PersonalToken"]):
    def visible_to(self, user: Any) -> Self:
        """One's own."""
        return self.filter(user=user) if getattr(user, "is_authenticated", False) else self.none()

    def usable(self) -> Self:
        """Neither revoked nor ended, of somebody who may sign in."""
        now = timezone.now()
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None, user__is_active=True)


class PersonalToken(models.Model):
    """A token that a person made for a script of theirs. Only a digest of it is kept; `hint` is its beginning."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="personal_tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=20, editable=False)
    scopes = OrderedJSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Null: never.")
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = PersonalTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]

    def __str__(self) -> str:
        return self.name

    @property
    def id_text(self) -> str:
        """For the ids of a page."""
        return str(self.pk)

    @property
    def state(self) -> str:
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= timezone.now() else "active"


class ApplicationDetails(models.Model):
    """What Junction keeps of an OAuth application beside django-oauth-toolkit's row: its scopes, its last use."""

    application = models.OneToOneField("oauth2_provider.Application", on_delete=models.CASCADE, related_name="details", primary_key=True)
    scopes = OrderedJSONField(default=list, blank=True, help_text="Empty: all of them.")
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"details of application {self.application_id}"


class KeptAnswer(models.Model):
    """The answer to a POST with an Idempotency-Key. Without a `status` the request is still being worked on."""

    caller = models.CharField(max_length=150)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    headers = OrderedJSONField(default=dict, blank=True)
    body = models.BinaryField(null=True, blank=True, help_text="Null: not kept, because it held a secret, was streamed, or is too large.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="one_answer_for_a_key")]

    def __str__(self) -> str:
        return f"answer to {self.key} of {self.caller}"
