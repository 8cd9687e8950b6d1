"""Tasks of this stage; each fetches by id and calls one service."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID

from celery import shared_task

from config.celery import app
from connections import health, notices, request_log, states
from connections.tokens import renewals, rows

JITTER = 2.0  # seconds over which the batches of one look are spread


@shared_task(name="connections.tasks.renew_due_tokens")
def renew_due_tokens() -> int:
    """Hand out what is due, many connections to a task; how many tasks."""
    batches = renewals.due_batches()
    for batch in batches:
        app.send_task("connections.tasks.renew_tokens", [batch], countdown=random.uniform(0, JITTER))  # noqa: S311 - jitter
    return len(batches)


@shared_task(name="connections.tasks.renew_tokens")
def renew_tokens(ids: list[str]) -> dict[str, Any]:
    return dict(renewals.renew_batch(ids))


@shared_task(name="connections.tasks.check_connections")
def check_connections() -> int:
    """Hand out the connections whose regular test is due, several to a task; how many tasks."""
    batches = health.due_batches()
    for batch in batches:
        app.send_task("connections.tasks.check_batch", [batch], countdown=random.uniform(0, health.JITTER))  # noqa: S311 - jitter
    return len(batches)


@shared_task(name="connections.tasks.check_batch")
def check_batch(ids: list[str]) -> dict[str, int]:
    return dict(health.check_batch(ids))


@shared_task(name="connections.tasks.trim_request_log")
def trim_request_log() -> int:
    return request_log.trim()


@shared_task(name="connections.tasks.trim_connection_events")
def trim_connection_events() -> int:
    return states.trim_events()


@shared_task(name="connections.tasks.trim_token_events")
def trim_token_events() -> int:
    return rows.trim_events()


@shared_task(name="connections.tasks.tell_authorization_needed")
def tell_authorization_needed(connection_id: str, message: str) -> list[str]:
    return notices.tell_authorization_needed(UUID(connection_id), message)
