"""Which organizations the switcher offers: a screenful, however many there are."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from integrations.models import Organization

FOUND = 20


def named(rows: QuerySet[Organization], text: str) -> QuerySet[Organization]:
    """Those with this text in name or slug."""
    return rows.filter(Q(name__icontains=text) | Q(slug__icontains=text)) if text else rows


def offered(user: Any, text: str = "") -> dict[str, Any]:
    """The first FOUND of the user's organizations that match, by name, and whether there are more."""
    rows = named(Organization.objects.visible_to(user), text).select_related("parent").order_by("name", "pk")
    found = list(rows[: FOUND + 1])
    return {"found": found[:FOUND], "more": len(found) > FOUND}
