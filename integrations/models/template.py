"""Templates: descriptions of APIs that came from a catalogue, from which integrations are started."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, Self

from django.db import models
from django.db.models import Q

from integrations.definition import Definition
from integrations.models.organization import Organization, Role
from integrations.ordered_json import OrderedJSONField

_MARK = "|"


class IntegrationTemplateQuerySet(models.QuerySet["IntegrationTemplate"]):
    def visible_to(self, user: Any) -> Self:
        """All of them, for whoever builds somewhere: they belong to the installation and hold no secrets."""
        return self.all() if Organization.objects.visible_to(user, Role.BUILDER).exists() else self.none()

    def matching(self, text: str) -> Self:
        """Whose name or key has every word of the text."""
        found = self
        for word in text.split()[:10]:
            found = found.filter(Q(name__icontains=word) | Q(key__icontains=word))
        return found

    def in_category(self, category: str) -> Self:
        return self.filter(category_marks__contains=f"{_MARK}{category}{_MARK}")


class IntegrationTemplate(models.Model):
    """One entry of a catalogue as a definition. `losses` are what the entry says and the definition does not, `notes` what else to know.

    Both are lists of `{"path": …, "reason": …}`. The key is the entry's in its catalogue: importing it again replaces the row.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=200, unique=True)
    name = models.CharField(max_length=200)
    category_marks = models.TextField(blank=True, help_text="Its categories, each between bars: |crm|popular|.")
    content = OrderedJSONField(default=dict, help_text="A Definition as JSON.")
    losses = OrderedJSONField(default=list, blank=True)
    notes = OrderedJSONField(default=list, blank=True)
    source = models.CharField(max_length=500, blank=True, help_text="Name of the file it came from.")
    imported_at = models.DateTimeField()

    objects = IntegrationTemplateQuerySet.as_manager()

    class Meta:
        ordering = ["name", "key"]

    def __str__(self) -> str:
        return self.name

    @property
    def definition(self) -> Definition:
        return Definition.model_validate(self.content)

    @property
    def categories(self) -> list[str]:
        return [name for name in self.category_marks.split(_MARK) if name]

    @staticmethod
    def marked(categories: Iterable[str]) -> str:
        """Categories as they are stored; what holds a bar or a line break is none."""
        names = [name.strip() for name in categories]
        kept = [name for name in dict.fromkeys(names) if name and _MARK not in name and "\n" not in name]
        return f"{_MARK}{_MARK.join(kept)}{_MARK}" if kept else ""
