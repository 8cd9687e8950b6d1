"""What people and programs are shown of an event."""

from __future__ import annotations

import contextlib
import json
from typing import Final

from connections.models import Delivery, WebhookEvent
from connections.redaction import redact
from connections.webhooks import endpoints

SHOWN_BYTES: Final = 64 * 1024  # of a body for people; all of it can be had as it came


def deliveries_of(event: WebhookEvent) -> list[Delivery]:
    """Where it was forwarded to, with what was tried."""
    return list(Delivery.objects.filter(subject=str(event.pk)).select_related("target").prefetch_related("attempts"))


def body_text(event: WebhookEvent) -> str:
    """The beginning of the body for people: JSON set out, the connection's secrets masked; bytes that are no text as such."""
    content = event.content
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return f"{len(content):,} bytes that are no text in UTF-8."
    if len(content) <= SHOWN_BYTES and text.lstrip()[:1] in ("{", "["):
        with contextlib.suppress(ValueError, RecursionError):  # then as it came
            text = json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    secrets = endpoints.secrets_of(event.endpoint)
    return redact(text, [*secrets.values, secrets.verify_token])[:SHOWN_BYTES]
