"""Tasks of webhooks; each fetches by id and calls one service."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from connections.webhooks import receiving, work


@shared_task(name=receiving.WORK)
def work_on(event_id: str) -> None:
    """Do what is to be done about an event, unless another worker does or has."""
    work.work(UUID(event_id))


@shared_task(name="connections.webhooks.tasks.hand_out")
def hand_out() -> int:
    """Give events that are due to workers: a lost message, a lost worker."""
    return work.hand_out()


@shared_task(name="connections.webhooks.tasks.trim")
def trim() -> int:
    """Forget old events."""
    return work.trim(timezone.now() - timedelta(days=settings.WEBHOOK_KEEP_DAYS))
