"""Which organizations the switcher offers: a screenful, however many there are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Q, QuerySet

from integrations.models import Organization

FOUND = 20


def named(rows: QuerySet[Organization], text: str) -> QuerySet[Organization]:
    """Those with this text in name or slug."""
    return rows.filter(Q(name__icontains=text) | Q(slug__icontains=text)) if text else rows


def listed(user: Any, text: str = "") -> QuerySet[Organization]:
    """The user's organizations that match, each with its parent: see `mark_parents`."""
    return named(Organization.objects.visible_to(user), text).select_related("parent")


def mark_parents(user: Any, rows: Iterable[Organization]) -> None:
    """Say of each by `parent_seen` whether the user may know of its parent."""
    for row in rows:
        row.parent_seen = row.parent is not None and row.parent.is_open_to(user)  # type: ignore[attr-defined]


def offered(user: Any, text: str = "") -> dict[str, Any]:
    """The first FOUND of the user's organizations that match, by name, and whether there are more."""
    found = list(listed(user, text).order_by("name", "pk")[: FOUND + 1])
    mark_parents(user, found)
    return {"found": found[:FOUND], "more": len(found) > FOUND}
