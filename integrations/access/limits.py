"""How often one caller may call, and the fields that say so: RateLimit and RateLimit-Policy of the IETF's draft
draft-ietf-httpapi-ratelimit-headers-10.

Counted are windows of a minute for each token, application and user, or session, in the cache, so that all web processes count together. A cache
that is away lets everybody in.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

import redis
from django.conf import settings
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from integrations.models import PersonalToken

logger = logging.getLogger(__name__)

WINDOW = 60  # seconds


@dataclass(frozen=True)
class Allowance:
    """What a caller has left in the present window."""

    quota: int
    remaining: int
    reset: int  # seconds until the window ends

    @property
    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Policy": f'"minute";q={self.quota};w={WINDOW}',
            "RateLimit": f'"minute";r={self.remaining};t={self.reset}',
        }


def caller_of(user: Any, auth: Any) -> str:
    """Whose requests are counted, and whose answers are kept, together."""
    if isinstance(auth, PersonalToken):
        return f"token:{auth.pk}"
    if auth is not None:
        return f"application:{auth.application_id}:{user.pk}"
    return f"session:{user.pk}"


class CallerThrottle(BaseThrottle):
    """DRF's way to ask; the middleware writes the fields, because refused and failed requests have them too."""

    def __init__(self) -> None:
        self.allowance: Allowance | None = None

    def allow_request(self, request: Request, view: Any) -> bool:  # noqa: ARG002 - the signature of the library
        quota = settings.API_REQUESTS_PER_MINUTE
        if not quota or not request.user.is_authenticated:
            return True
        counted, reset = _count(caller_of(request.user, request.auth))
        self.allowance = Allowance(quota, max(0, quota - counted), reset)
        request._request.allowance = self.allowance  # type: ignore[attr-defined]  # noqa: SLF001 - DRF wraps what the middleware sees
        return counted <= quota

    def wait(self) -> float | None:
        return self.allowance.reset if self.allowance else None


def within(caller: str, requests: int) -> bool:
    """Count several requests of a caller at once; whether they were within its quota."""
    quota = settings.API_REQUESTS_PER_MINUTE
    return not quota or _count(caller, requests)[0] <= quota


def _count(caller: str, requests: int = 1) -> tuple[int, int]:
    """How many requests of the caller there were in this window, these included; and seconds until it ends."""
    now = time.time()
    reset = max(1, int(WINDOW - now % WINDOW))
    key = f"requests:{caller}:{int(now // WINDOW)}"
    try:
        cache.add(key, 0, WINDOW * 2)
        return int(cache.incr(key, requests)), reset
    except (redis.RedisError, ValueError) as error:
        logger.warning("Requests cannot be counted: %s", error)
        return 0, reset
