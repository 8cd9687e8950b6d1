"""Everything that people and programs see: pages, API, downloads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from actions.models import Run, RunWebhook, Schedule
from connections.models import Agent, Connection, LoggedRequest, WebhookEndpoint, WebhookEvent
from integrations.models import Organization, User
from tests.pages import signed_in

GENERAL = (
    "/connections/", "/runs/", "/integrations/", "/requests/", "/agents/", "/runs/schedules/", "/runs/webhooks/", "/organizations/",
    "/account/access/", "/audit/", "/audit/export.csv", "/audit/export.json", "/integration", "/settings/feature-preview/",
    *(f"/api/{name}" for name in (
        "connections", "runs", "integrations", "integrations-list", "requests", "agents", "schedules", "run-webhooks", "triggers", "tokens",
        "applications", "authorized-applications", "me", "audit", "organizations", "schema/")),
)  # fmt: skip


def seen_by(user: User, organization: Organization, rows: Iterable[Connection], *, most: int = 30) -> list[bytes]:
    """Bodies and headers of what is answered about these connections and all that belongs to them; of logged requests the `most` newest."""
    client = signed_in(user, organization)
    paths = list(GENERAL)
    for key in LoggedRequest.objects.values_list("pk", flat=True)[:most]:
        paths += [f"/requests/{key}/", f"/api/requests/{key}"]
    for row in rows:
        paths += _of_connection(row)
    paths += [f"/runs/schedules/{row.pk}/" for row in Schedule.objects.all()[:2]]
    for hook in RunWebhook.objects.all():
        paths += [f"/runs/webhooks/{hook.pk}/", f"/api/run-webhooks/{hook.pk}", f"/api/run-webhooks/{hook.pk}/deliveries"]
    for agent in Agent.objects.all():
        paths += [f"/agents/{agent.pk}/", f"/api/agents/{agent.pk}"]
    return [part for path in paths for part in _answer(client.get(path, follow=True), path)]


def _of_connection(row: Connection) -> Iterator[str]:
    slug = row.integration.slug
    yield from (f"/connections/{row.pk}/{page}" for page in ("", "webhooks/", "revision/"))
    yield from (f"/api/connections/{row.pk}{what}" for what in ("", "/events", "/token-events", "/webhook", "/webhook/events"))
    yield from (f"/integrations/{slug}/{page}" for page in (
        "", "edit/auth/", "edit/limits/", "edit/webhooks/", "connect/", "shares/", "mapping/", "mapping/export.csv", "connection/", "history/",
        "try/"))  # fmt: skip
    yield from (f"/api/integrations/{slug}{what}" for what in (
        "", "/shares", "/mapping", "/mapping/options", "/mapping/csv", "/connection-choice", "/connection", "/account", "/actions",
        "/revisions"))  # fmt: skip
    yield f"/integration/{row.integration_id}"
    for run in Run.objects.filter(connection=row)[:2]:
        yield from (
            f"/runs/{run.pk}/{what}"
            for what in ("", "records", "records.json", "records.csv", "records.ndjson", "ledger.csv", "ledger.json")
        )
        yield from (
            f"/api/runs/{run.pk}{what}" for what in ("", "/records?format=csv", "/records?format=ndjson", "/ledger", "/ledger?format=csv")
        )
    endpoint = WebhookEndpoint.objects.filter(connection=row).first()
    for event in WebhookEvent.objects.filter(endpoint=endpoint):
        yield from (f"/webhooks/{event.pk}/", f"/webhooks/{event.pk}/body", f"/api/webhooks/{event.pk}")


def _answer(answer: Any, path: str) -> Iterator[bytes]:
    assert answer.status_code < 500 or answer.status_code == 502, path  # 502: the vendor was asked
    yield b"".join(answer.streaming_content) if answer.streaming else answer.content
    yield str(answer.headers).encode()
