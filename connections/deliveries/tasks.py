"""Tasks of deliveries; each fetches by id and calls one service."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from connections.deliveries import sending


@shared_task(name=sending.ATTEMPT)
def attempt(delivery_id: str) -> None:
    """Try a delivery, unless another worker does or it has ended."""
    sending.attempt(UUID(delivery_id))


@shared_task(name="connections.deliveries.tasks.hand_out")
def hand_out() -> int:
    """Give deliveries that are due to workers: the next attempt, a lost message, a lost worker."""
    return sending.hand_out()


@shared_task(name="connections.deliveries.tasks.trim")
def trim() -> int:
    """Forget old deliveries."""
    return sending.trim(timezone.now() - timedelta(days=settings.WEBHOOK_KEEP_DAYS))
