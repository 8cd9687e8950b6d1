"""Which organizations the switcher offers: a screenful, however many there are."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from integrations.models import Organization

FOUND = 20


def named(rows: QuerySet[Organization], text: str) -> QuerySet[Organization]:
    """Those with this text in name or slug."""
    return rows.filter(Q(name__icontains=text) | Q(slug__icontains=text)) if text else rows


def listed(user: Any, text: str = "") -> QuerySet[Organization]:
    """The user's organizations that match. `parent_seen` says whether the user may know of the parent."""
    mine = Organization.objects.visible_to(user)
    seen = Exists(mine.order_by().filter(pk=OuterRef("parent")))
    return named(mine, text).select_related("parent").annotate(parent_seen=seen)


def offered(user: Any, text: str = "") -> dict[str, Any]:
    """The first FOUND of the user's organizations that match, by name, and whether there are more."""
    found = list(listed(user, text).order_by("name", "pk")[: FOUND + 1])
    return {"found": found[:FOUND], "more": len(found) > FOUND}
