"""What a webhook says: `run.finished` for a run that has ended, `run.test` for a test. No inputs, no records, no secrets."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.urls import reverse

from actions.models import Run, RunWebhook
from connections.deliveries import sending
from connections.models import Delivery

FINISHED: Final = "run.finished"
TEST: Final = "run.test"


def announce(run_id: UUID) -> list[Delivery]:
    """Write a delivery for each webhook that hears of this run. To be called in the transaction that ends it."""
    related = ("action__revision", "connection__integration", "organization", "schedule")
    run = Run.objects.select_related(*related).filter(pk=run_id).first()
    if run is None:
        return []
    return [
        sending.post(target=webhook.target, kind=FINISHED, data=content(run), subject=str(run.pk))
        for webhook in hearing(run).select_related("target")
    ]


def hearing(run: Run) -> QuerySet[RunWebhook]:
    """The webhooks that hear of this run."""
    rows = RunWebhook.objects.filter(
        Q(organization=run.organization_id) | Q(below=True),
        Q(integration=None) | Q(integration=run.connection.integration_id),
        Q(schedule=None) | Q(schedule=run.schedule_id),
        organization__in=run.organization.ancestor_ids,
        target__is_enabled=True,
    )
    if run.verdict == Run.Verdict.COMPLETE:
        rows = rows.exclude(heard=RunWebhook.Heard.NOT_COMPLETE)
    if run.connection.owner_id:  # what a member's own connection does is that member's business
        rows = rows.filter(target__created_by=run.connection.owner_id)
    return rows


def content(run: Run) -> dict[str, Any]:
    """The `data` of the event, in the words of the API."""
    integration, organization, schedule = run.connection.integration, run.organization, run.schedule
    return {
        "run": {
            "id": str(run.pk),
            "url": f"{settings.PUBLIC_URL}/api/runs/{run.pk}",
            "page": f"{settings.PUBLIC_URL}{reverse('run-detail', args=[run.pk])}",
            "verdict": run.verdict,
            "message": run.message,
            "pages": run.page_count,
            "records": run.record_count,
            "dropped": run.dropped_count,
            "bytes": run.byte_count,
            "total": run.total,
            "resumable": run.is_resumable,
            "createdAt": run.created_at,
            "startedAt": run.started_at,
            "finishedAt": run.finished_at,
        },
        "action": {"id": str(run.action.uid), "name": run.action.name, "method": run.action.method},
        "integration": {"id": str(integration.pk), "slug": integration.slug, "name": integration.name},
        "connection": {"id": str(run.connection_id), "name": run.connection.name, "environment": run.connection.environment},
        "organization": {"id": str(organization.pk), "slug": organization.slug, "name": organization.name},
        "schedule": {"id": str(schedule.pk), "name": schedule.name} if schedule else None,
    }


def test(webhook: RunWebhook) -> Delivery:
    """Send a test event, whatever the webhook hears of otherwise."""
    said = {
        "message": f"This is a test of {webhook.target.name}. A run that ends is told as {FINISHED}.",
        "webhook": str(webhook.pk),
        "organization": {"id": str(webhook.organization_id), "slug": webhook.organization.slug, "name": webhook.organization.name},
    }
    return sending.post(target=webhook.target, kind=TEST, data=said)
