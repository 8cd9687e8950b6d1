"""The regular test of connections: which are due, and testing them in batches, so that nobody learns from a failed run."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from connections import checking, trials
from connections.models import Connection
from connections.network_settings import options_of
from integrations.refusals import Refusal

logger = logging.getLogger(__name__)

BATCH: Final = 10  # connections of one task; each takes as long as its vendor
MOST: Final = 200  # that one look hands out; beat looks once a minute
JITTER: Final = 30.0  # seconds over which the batches of one look are spread
SPREAD: Final = 0.1  # of the interval by which the next test comes earlier or later, so that connections do not march in step
_STATES: Final = (Connection.State.WORKING, Connection.State.FAILING)


def due_batches() -> list[list[str]]:
    """The connections to test now, in batches; each is put off until its next time, so that it is handed out once."""
    if not settings.HEALTH_CHECK_SECONDS:
        return []
    now = timezone.now()
    rows = Connection.objects.filter(Q(check_at=None) | Q(check_at__lte=now), state__in=_STATES).order_by("check_at", "pk")
    mine = []
    for pk, at in rows.values_list("pk", "check_at")[:MOST]:
        # Where two beats look at once, the one whose update finds the old time has it.
        taken = Connection.objects.filter(pk=pk, check_at=at).update(check_at=_next(now, first=at is None))
        if taken and at is not None:
            mine.append(str(pk))
    return [mine[start : start + BATCH] for start in range(0, len(mine), BATCH)]


def check_batch(ids: Iterable[Any]) -> Counter[str]:
    """Test these connections; how many are in which state then. One that has no test is left alone: nothing would be known by it."""
    found: Counter[str] = Counter()
    for row in Connection.objects.filter(pk__in=list(ids), state__in=_STATES).select_related("integration", "organization", "credential"):
        try:
            definition = checking.definition_of(row)
            if definition.ping is None and options_of(row).ping is None:
                found["without a test"] += 1
                continue
            result = trials.tested(row, reason="schedule", user=None)
        except Refusal as refusal:
            logger.warning("Connection %s could not be tested: %s", row.pk, refusal)
            found["refused"] += 1
        else:
            found["working" if result.ok else "failing"] += 1
    return found


def _next(now: datetime, *, first: bool) -> datetime:
    """When a connection is tested next; the first time anywhere in the interval, so that they are spread evenly."""
    interval = settings.HEALTH_CHECK_SECONDS
    factor = random.uniform(0, 1) if first else random.uniform(1 - SPREAD, 1 + SPREAD)  # noqa: S311 - jitter
    return now + timedelta(seconds=interval * factor)
