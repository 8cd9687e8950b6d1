"""Forgetting rows of long ago without keeping anybody from the table for long."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet


def trim(rows: QuerySet[Any], *, by: str, at_once: int) -> int:
    """Delete the rows, those first that are oldest by the column `by`, and `at_once` of them by one statement; how many went."""
    gone = 0
    while old := list(rows.order_by(by).values_list("pk", flat=True)[:at_once]):
        rows.filter(pk__in=old).delete()
        gone += len(old)
    return gone
