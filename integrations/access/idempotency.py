"""Idempotency-Key: a POST that is sent again, because its answer was lost, is answered and not carried out again.

The answer is kept for each caller and key. Only what succeeded is kept: a request that was refused has changed nothing, and
may be sent again, mended. An answer that holds a secret is not kept: whoever repeats the request is told that it was carried
out, and where the result is.
"""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from integrations.access.limits import caller_of
from integrations.access.scopes import granted_by
from integrations.models import KeptAnswer

logger = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
MAX_KEY = 255
PATTERN = r'^(?:"([A-Za-z0-9._:~+/=-]{1,255})"|([A-Za-z0-9._:~+/=-]{1,255}))$'
# A request whose process was lost never ends; after so long the key is free again. Longer than any request may take.
LOST_AFTER = timedelta(minutes=10)
MAX_BODY = 256 * 1024  # bytes of an answer that is kept
KEPT_HEADERS = ("Content-Type", "Location", "ETag", "Last-Modified")


def key_of(request: HttpRequest) -> str | None:
    """The key: in quotes, as the IETF's draft writes it, or without. None where none was sent; "" where it cannot be used."""
    given = request.headers.get(HEADER)
    if given is None:
        return None
    match = re.fullmatch(PATTERN, given.strip())
    return match[1] or match[2] if match else ""


def caller(request: HttpRequest, view: Any) -> str:
    """Who asks; "" where the view will say that nobody does. A token with fewer scopes must not be answered what another one got."""
    asked: Request = view().initialize_request(request)
    try:
        if not asked.user.is_authenticated:
            return ""
        granted = " ".join(sorted(granted_by(asked.auth))) if asked.auth is not None else ""
        return f"{caller_of(asked.user, asked.auth)}:{sha256(granted.encode()).hexdigest()[:8]}"
    except APIException:
        return ""


def fingerprint(request: HttpRequest) -> str:
    """What is the same when a request is sent again. Reads the body, so it has to come first. Raises `RequestDataTooBig`."""
    kind, _, rest = request.headers.get("Content-Type", "").partition(";")
    body = request.body
    boundary = rest.partition("boundary=")[2].strip().strip('"')
    if boundary:  # of multipart bodies, a new one each time
        body = body.replace(boundary.encode(), b"")
    return sha256(b"\n".join([request.get_full_path().encode(), kind.strip().lower().encode(), body])).hexdigest()


def claim(*, caller: str, key: str, fingerprint: str) -> tuple[KeptAnswer, bool]:
    """The row of this key, and whether it was made now: then the request is to be carried out."""
    now = timezone.now()
    KeptAnswer.objects.filter(expires_at__lt=now).delete()
    KeptAnswer.objects.filter(caller=caller, key=key, status=None, created_at__lt=now - LOST_AFTER).delete()
    try:
        with transaction.atomic():
            made = KeptAnswer.objects.create(
                caller=caller,
                key=key,
                fingerprint=fingerprint,
                created_at=now,
                expires_at=now + timedelta(hours=settings.IDEMPOTENCY_HOURS),
            )
            return made, True
    except IntegrityError:
        found = KeptAnswer.objects.filter(caller=caller, key=key).first()
        if found is None:  # it was released a moment ago
            return claim(caller=caller, key=key, fingerprint=fingerprint)
        return found, False


def keep(row: KeptAnswer, response: HttpResponse, *, secret: bool) -> None:
    """Remember what was answered; what failed frees the key."""
    if not 200 <= response.status_code < 400:
        row.delete()
        return
    row.status = response.status_code
    row.headers = {name: response[name] for name in KEPT_HEADERS if name in response}
    if not secret and not response.streaming and len(response.content) <= MAX_BODY:
        row.body = response.content
    row.save(update_fields=["status", "headers", "body"])


def replayed(row: KeptAnswer) -> HttpResponse:
    """The answer that was kept, marked as such."""
    response = HttpResponse(bytes(row.body or b""), status=row.status)
    for name, value in row.headers.items():
        response[name] = value
    response["Idempotency-Replayed"] = "true"
    return response
