"""Standard Webhooks: secrets, and the three headers by which a receiver knows who sent a body and when (leaf)."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from standardwebhooks import Webhook

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32  # the specification: 24 to 64


def new_secret() -> str:
    return PREFIX + base64.b64encode(os.urandom(SECRET_BYTES)).decode()


def headers(message_id: str, at: datetime, body: bytes, secrets: Sequence[str]) -> list[tuple[str, str]]:
    """The headers of one attempt, with a signature by each secret. Raises ValueError for a body that is no text in UTF-8."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise ValueError("The body is no text in UTF-8, and Standard Webhooks signs text.") from None
    moment = at.astimezone(UTC).replace(microsecond=0)
    signatures = [Webhook(secret).sign(message_id, moment, text) for secret in secrets]
    return [
        ("webhook-id", message_id),
        ("webhook-timestamp", str(int(moment.timestamp()))),
        ("webhook-signature", " ".join(signatures)),
    ]
