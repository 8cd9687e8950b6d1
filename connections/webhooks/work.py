"""The work on an event: it is forwarded, and the stages above hear of it. All of it happens, once, or none of it."""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from connections import trimming
from connections.deliveries import sending
from connections.exchange import Headers
from connections.models import Delivery, WebhookEndpoint, WebhookEvent
from connections.redaction import MASK
from connections.signals import webhook_arrived
from connections.webhooks.endpoints import rules_of
from connections.webhooks.received import Received
from connections.webhooks.receiving import hand_over
from integrations.formulas import FormulaError
from integrations.refusals import Conflict

logger = logging.getLogger(__name__)

TAKEN_FOR: Final = timedelta(seconds=60)  # until a worker that took an event and said nothing is taken for dead
MOST_TRIES: Final = 5
AT_ONCE: Final = 500  # events that one look hands out, and rows that one statement deletes
FAILED: Final = "It could not be worked on: the worker was lost, or failed, each time. Its log says more."
# Headers of the way, and those by which somebody else's message would be taken for ours.
_NOT_FORWARDED: Final = frozenset(
    "host content-length connection keep-alive transfer-encoding te trailer upgrade accept-encoding accept expect forwarded via user-agent "
    "webhook-id webhook-timestamp webhook-signature content-encoding".split()
)


@dataclass(frozen=True)
class Done:
    """What somebody did about an event. `kind` is run or forward, `id` that of the run or delivery, "" where there is none."""

    kind: str
    id: str = ""
    message: str = ""


def work(event_id: UUID) -> None:
    """Do what is to be done about an event, unless another worker does or has."""
    now = timezone.now()
    until = now + TAKEN_FOR
    if not WebhookEvent.objects.due(now).filter(pk=event_id).update(next_at=until, tries=F("tries") + 1):
        return
    event = WebhookEvent.objects.select_related(
        "endpoint__connection__integration", "endpoint__connection__organization", "endpoint__forward_to"
    ).get(pk=event_id)
    mine = WebhookEvent.objects.filter(pk=event_id, state=WebhookEvent.State.WAITING, next_at=until)
    if event.tries > MOST_TRIES:
        mine.update(state=WebhookEvent.State.FAILED, finished_at=now, results=[*event.results, _row(Done("none", message=FAILED))])
        return
    with transaction.atomic():
        # First the row, so that whoever else has it waits here, and finds it done.
        if not mine.update(state=WebhookEvent.State.DONE, finished_at=timezone.now()):
            return
        done = _forwarded(event)
        for _, found in webhook_arrived.send(WebhookEndpoint, event=event):
            done += found if isinstance(found, list) else []
        WebhookEvent.objects.filter(pk=event_id).update(results=[*event.results, *map(_row, done)])


def redeliver(*, event: WebhookEvent) -> WebhookEvent:
    """Do everything about an event once more. Raises `Conflict` while it waits, and for one that was not believed."""
    if event.verdict == WebhookEvent.Verdict.REJECTED:
        raise Conflict("A message that was rejected is not delivered. Correct the secret, and have the vendor send it again.")
    ended = WebhookEvent.objects.filter(pk=event.pk).exclude(state=WebhookEvent.State.WAITING)
    with transaction.atomic():
        if not ended.update(state=WebhookEvent.State.WAITING, tries=0, next_at=timezone.now(), finished_at=None):
            raise Conflict("This event waits for a worker already.")
        event.refresh_from_db()  # before a worker has it, which may be done with it at once
        transaction.on_commit(lambda: hand_over(event.pk))
    return event


def hand_out() -> int:
    """Give events that are due to workers: a lost message, a lost worker; how many there were."""
    due = list(WebhookEvent.objects.due(timezone.now()).order_by("next_at").values_list("pk", flat=True)[:AT_ONCE])
    for key in due:
        hand_over(key)
    return len(due)


def trim(before: datetime) -> int:
    """Forget events that arrived before a moment; how many."""
    ended = WebhookEvent.objects.filter(at__lt=before).exclude(state=WebhookEvent.State.WAITING)
    return trimming.trim(ended, by="at", at_once=AT_ONCE)


def fits(event_type: str, types: Sequence[str]) -> bool:
    """Whether a kind of event is among these; `invoice.*` stands for all that begin so, and none at all for every kind."""
    return not types or any(fnmatch.fnmatchcase(event_type, one) for one in types)


def values_of(event: WebhookEvent) -> dict[str, Any]:
    """What expressions read as `event`. Raises `FormulaError` where the integration's transformation fails."""
    received = received_of(event)
    rules = rules_of(event.endpoint)
    body = received.evaluated(rules.transform) if rules.transform else received.document
    return {
        "id": event.event_id or str(event.pk),
        "type": event.event_type,
        "receivedAt": event.at.isoformat(),
        "body": body,
        "text": event.content.decode("utf-8", "replace"),
        "headers": received.values()["headers"],
        "query": dict(event.query),
    }


def received_of(event: WebhookEvent) -> Received:
    """The message as it was kept; its query is that of the row, without secrets."""
    query = urlencode([(name, value) for name, value in event.query])
    return Received(event.method, f"/?{query}", Headers((name, value) for name, value in event.headers), event.content)


def _forwarded(event: WebhookEvent) -> list[Done]:
    target = event.endpoint.forward_to
    if target is None or not fits(event.event_type, event.endpoint.forward_types):
        return []
    before = Delivery.objects.filter(target=target, subject=str(event.pk)).first()
    if before:
        try:
            return [Done("forward", str(sending.redeliver(delivery=before).pk))]
        except Conflict as refusal:
            return [Done("forward", str(before.pk), refusal.message)]
    pairs = [
        (name, value) for name, value in event.headers if name.lower() not in _NOT_FORWARDED and not name.lower().startswith("x-forwarded-")
    ]
    pairs = [(name, value) for name, value in pairs if MASK not in value]
    made = sending.post_bytes(target=target, kind=event.event_type or "webhook", body=event.content, headers=pairs, subject=str(event.pk))
    return [Done("forward", str(made.pk))]


def _row(done: Done) -> dict[str, Any]:
    return {**asdict(done), "at": timezone.now().isoformat()}


__all__ = ["Done", "FormulaError", "fits", "hand_out", "received_of", "redeliver", "trim", "values_of", "work"]
