"""Send a signed body until the target takes it: now, and by DELAYS when that fails. Every attempt is a row."""

from __future__ import annotations

import contextlib
import json
import logging
import random
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from uuid import UUID, uuid4

from celery import current_app as celery
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError

from connections import trimming
from connections.deliveries import signing, targets
from connections.exchange import Headers, Outgoing, TransportError
from connections.models import Delivery, DeliveryAttempt, DeliveryTarget
from connections.redaction import beginning, redact
from connections.secrets import SecretError
from connections.transport import Transport
from integrations.definition import JSON_TYPE
from integrations.refusals import Conflict
from integrations.storable import mended

logger = logging.getLogger(__name__)

ATTEMPT: Final = "connections.deliveries.tasks.attempt"
# Seconds after a failed attempt until the next one; after the last one the delivery has failed. A little more than a day.
DELAYS: Final = (5, 60, 300, 1800, 7200, 18_000, 36_000, 36_000)
LONGEST_WAIT: Final = 24 * 3600  # that a target may ask for with Retry-After, seconds
KEPT_BYTES: Final = 2048  # of an answer
SPARE: Final = 1024  # bytes beyond these that are read, so that a secret at the edge is found
AT_ONCE: Final = 500  # deliveries that one look hands out, and rows that one statement deletes
_READ_SECONDS: Final = 10.0
_HOPELESS: Final = frozenset({"address", "plain_http", "invalid"})  # kinds of failure that stay until somebody changes something here
OFF: Final = "It was not sent: the target is switched off."


def post(*, target: DeliveryTarget, kind: str, data: Mapping[str, Any], subject: str = "") -> Delivery:
    """Send an event. `kind` is what happened (`run.finished`), `data` JSON values, `subject` the id of what it is about."""
    content = {"type": kind, "timestamp": timezone.now(), "data": data}
    body = json.dumps(content, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":")).encode()
    return post_bytes(target=target, kind=kind, body=body, headers=[("Content-Type", JSON_TYPE)], subject=subject)


def post_bytes(*, target: DeliveryTarget, kind: str, body: bytes, headers: Iterable[tuple[str, str]], subject: str = "") -> Delivery:
    """Pass on a body as it is, with headers that go along."""
    delivery = Delivery(target=target, kind=kind[:100], subject=subject[:64], body=body, headers=[list(pair) for pair in headers])
    delivery.message_id = f"msg_{uuid4().hex}"
    with transaction.atomic():
        delivery.save(force_insert=True)
        transaction.on_commit(lambda: hand_over(delivery.pk))
    return delivery


def redeliver(*, delivery: Delivery) -> Delivery:
    """Send a delivery that has ended once more, with the same message id. Raises `Conflict` while it waits."""
    again = Delivery.objects.filter(pk=delivery.pk).exclude(state=Delivery.State.WAITING)
    if not again.update(state=Delivery.State.WAITING, tried=0, next_at=timezone.now(), finished_at=None, message=""):
        raise Conflict("This delivery is waiting to be sent already.")
    delivery.refresh_from_db()  # before a worker has it, which may be done with it at once
    transaction.on_commit(lambda: hand_over(delivery.pk))
    return delivery


def hand_over(delivery_id: UUID) -> None:
    """Give it to a worker; where the broker is away, beat finds it later."""
    with contextlib.suppress(OperationalError):
        celery.send_task(ATTEMPT, [str(delivery_id)])


def hand_out() -> int:
    """Give everything that is due to workers; how many there were."""
    due = list(Delivery.objects.due(timezone.now()).order_by("next_at").values_list("pk", flat=True)[:AT_ONCE])
    for key in due:
        hand_over(key)
    return len(due)


def attempt(delivery_id: UUID) -> DeliveryAttempt | None:
    """Try a delivery that is due, unless another worker does; None if there is nothing to do."""
    now = timezone.now()
    until = now + timedelta(seconds=settings.EGRESS_TOTAL_TIMEOUT + _READ_SECONDS + 20)
    if not Delivery.objects.due(now).filter(pk=delivery_id).update(next_at=until, tried=F("tried") + 1):
        return None
    delivery = Delivery.objects.select_related("target").filter(pk=delivery_id).first()
    if delivery is None:  # deleted in this very moment
        return None
    if not delivery.target.is_enabled:
        _end(delivery, until, Delivery.State.FAILED, OFF)
        return None
    row = DeliveryAttempt.objects.create(delivery=delivery)
    retry_after, permanent = _sent(delivery, row)
    row.ended_at = timezone.now()
    noted = {"status": row.status, "answer": row.answer, "error": row.error, "elapsed_ms": row.elapsed_ms, "ended_at": row.ended_at}
    if not DeliveryAttempt.objects.filter(pk=row.pk).update(**noted):  # the target was deleted meanwhile
        return None
    if row.status is not None and 200 <= row.status < 300:
        _end(delivery, until, Delivery.State.DELIVERED, row.outcome)
    elif row.status == 410:
        message = "The target answered 410: it is gone, and gets nothing more until somebody switches it on again."
        DeliveryTarget.objects.filter(pk=delivery.target_id).update(is_enabled=False, message=message)
        _end(delivery, until, Delivery.State.FAILED, message)
    elif permanent or delivery.tried > len(DELAYS):
        _end(delivery, until, Delivery.State.FAILED, row.outcome)
    else:
        wait = DELAYS[delivery.tried - 1] * random.uniform(0.9, 1.1)  # noqa: S311 - jitter
        again = timezone.now() + timedelta(seconds=max(wait, retry_after))
        Delivery.objects.filter(pk=delivery.pk, next_at=until).update(next_at=again, message=row.outcome)
    return row


def trim(before: datetime) -> int:
    """Forget deliveries that ended before a moment; how many."""
    ended = Delivery.objects.filter(created_at__lt=before).exclude(state=Delivery.State.WAITING)
    return trimming.trim(ended, by="created_at", at_once=AT_ONCE)


def _end(delivery: Delivery, until: datetime, state: Delivery.State, message: str) -> None:
    """Write the end down, unless another worker has taken it over meanwhile."""
    Delivery.objects.filter(pk=delivery.pk, next_at=until).update(state=state, message=message, finished_at=timezone.now())


def _sent(delivery: Delivery, row: DeliveryAttempt) -> tuple[float, bool]:
    """Send it once and note in `row` what came; the seconds that the target asks to wait, and whether another attempt is hopeless."""
    started, body, secrets = time.monotonic(), bytes(delivery.body), list[str]()
    try:
        secrets = targets.secrets_of(delivery.target)
        headers = [
            *((name, value) for name, value in delivery.headers),
            *signing.headers(delivery.message_id, timezone.now(), body, secrets),
        ]
        with Transport() as transport:
            # A redirect is no acceptance: it is not followed, so that the body goes where the customer said and nowhere else.
            answer = transport.open(Outgoing("POST", delivery.target.url, headers, body))
            row.status = answer.status
            with contextlib.closing(answer):
                row.answer = mended(_beginning(answer.chunks(seconds=_READ_SECONDS), secrets))
            return _asked_to_wait(answer.headers), False
    except TransportError as error:
        if row.status is None:
            row.error = error.message
        return 0, row.status is None and error.kind in _HOPELESS
    except (SecretError, ValueError) as error:
        row.error = str(error)
        return 0, True
    finally:
        row.elapsed_ms = round((time.monotonic() - started) * 1000)


def _beginning(chunks: Iterable[bytes], secrets: list[str]) -> str:
    """What is kept of an answer: receivers know the secrets, and some repeat them."""
    found = b""
    for chunk in chunks:
        found += chunk
        if len(found) >= KEPT_BYTES + SPARE:
            return beginning(found.decode("utf-8", "replace"), secrets, KEPT_BYTES)
    return redact(found.decode("utf-8", "replace"), secrets)[:KEPT_BYTES]


def _asked_to_wait(headers: Headers) -> float:
    """Seconds by Retry-After (RFC 9110), a number or a date."""
    value = headers.get("Retry-After").strip()
    if value.isascii() and value.isdecimal():
        return min(float(value[:9]), LONGEST_WAIT)
    with contextlib.suppress(ValueError, TypeError):
        moment = parsedate_to_datetime(value)
        return min(max((moment - timezone.now()).total_seconds(), 0.0), LONGEST_WAIT)
    return 0.0
