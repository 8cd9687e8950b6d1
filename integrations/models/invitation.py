"""Invitations to join an organization."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.core import signing
from django.db import models
from django.db.models import Q
from django.utils import timezone

from integrations.models.organization import Organization, Role

VALID_FOR = timedelta(days=7)
_SALT = "integrations.invitation"


def _a_week_from_now() -> datetime:
    return timezone.now() + VALID_FOR


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def visible_to(self, user: Any) -> Self:
        return self.filter(organization__in=Organization.objects.visible_to(user, Role.ADMIN))

    def open(self) -> Self:
        """Neither used, nor withdrawn, nor expired."""
        return self.filter(Q(used_at=None) & Q(withdrawn_at=None) & Q(expires_at__gt=timezone.now()))

    def of_token(self, token: str) -> Self:
        """The one that a link names; none where the signature is not ours."""
        try:
            return self.filter(pk=uuid.UUID(signing.Signer(salt=_SALT).unsign(token)))
        except (signing.BadSignature, ValueError, TypeError, AttributeError):
            return self.none()


class Invitation(models.Model):
    """A link that lets whoever has it join an organization once. The database holds no secret: the link is signed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.VIEWER)
    email = models.EmailField(blank=True, help_text="For whom it is meant; Junction sends no mail.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(default=_a_week_from_now)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)
    used_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"invitation of {self.email or 'whoever has the link'} to {self.organization}"

    @property
    def link_id(self) -> str:
        """The id of the element that shows its link."""
        return f"link-{self.pk}"

    @property
    def is_backed(self) -> bool:
        """Whether its maker may still invite: a link that an admin kept must not lead back in once they, or the organization, have gone."""
        return self.created_by is not None and self.organization.is_open_to(self.created_by, Role.ADMIN)

    @property
    def token(self) -> str:
        """The part of the link that only Junction can make."""
        return signing.Signer(salt=_SALT).sign(str(self.pk))
