"""Environments: production, which every organization has, and those that an organization adds for itself and what is below it."""

from __future__ import annotations

import uuid

from django.db import models

from integrations.models.organization import Organization

PRODUCTION = "production"
SLUG_LENGTH = 50


class Environment(models.Model):
    """Another set of connections beside production's, for example a sandbox; known where it was made and below."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="environments")
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=SLUG_LENGTH)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["organization", "slug"], name="environment_slug_once")]

    def __str__(self) -> str:
        return self.name
