"""Failed attempts to sign in or to get a token, counted in the cache, so that passwords and client secrets cannot be tried out.

Counted are failures alone: a program that asks for a token every second is none of this module's business.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

import redis
from django.core.cache import cache

logger = logging.getLogger(__name__)

WINDOW = 600  # seconds from the first failure until the count starts anew
# From one address at one account; and at one account from anywhere, which is for attackers with many addresses. The second
# one is larger, because it lets a stranger keep the owner out, too.
FROM_ONE_ADDRESS = 10
FROM_ANYWHERE = 100


@dataclass(frozen=True)
class Attempts:
    """The failures at one account (`name`, a user name or a client id) of one kind (`scope`)."""

    scope: str
    name: str
    address: str

    @property
    def _limits(self) -> dict[str, int]:
        name = sha256(self.name.casefold().encode("utf-8", "replace")).hexdigest()[:32]
        return {f"attempts:{self.scope}:{name}:{self.address}": FROM_ONE_ADDRESS, f"attempts:{self.scope}:{name}": FROM_ANYWHERE}

    def are_too_many(self) -> bool:
        """Whether the next attempt is refused unseen. A cache that is away lets everybody try: nobody could sign in otherwise."""
        try:
            counts = cache.get_many(self._limits)
        except redis.RedisError as error:
            logger.warning("Failed attempts cannot be counted: %s", error)
            return False
        return any(counts.get(key, 0) >= limit for key, limit in self._limits.items())

    def failed(self) -> None:
        try:
            for key in self._limits:
                cache.add(key, 0, WINDOW)
                with suppress(ValueError):  # it ended between the two
                    cache.incr(key)
        except redis.RedisError as error:
            logger.warning("Failed attempts cannot be counted: %s", error)

    def succeeded(self) -> None:
        """Whoever knows the secret starts anew, from this address."""
        try:
            cache.delete(next(iter(self._limits)))
        except redis.RedisError as error:
            logger.warning("Failed attempts cannot be counted: %s", error)


SENTENCE = f"Too many attempts have failed. Wait {WINDOW // 60} minutes, then try again."
