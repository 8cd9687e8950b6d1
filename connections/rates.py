"""How often a vendor is called: slots of a connection, tokens of a bucket, waits that the vendor asked for, a circuit breaker.

All of it lies in Redis (or Valkey), so that every worker keeps to the same limits. Each decision is one script there, which
no other client can interrupt. Where Redis does not answer, a run goes on with what it has: a broker that restarts must not
end runs, and a vendor that is called too often says so itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

import redis
from django.conf import settings
from django.utils.crypto import salted_hmac

from connections.exchange import origin_of

logger = logging.getLogger(__name__)

DEFAULT_CONCURRENCY: Final = 4  # requests at once; vendors that say a number mostly name 5 or 10 for one account
MAX_CONCURRENCY: Final = 50
MAX_REQUESTS_PER_MINUTE: Final = 60_000
SLOT_SECONDS: Final = 30  # a slot whose holder has not renewed it for so long is free again
RENEW_SECONDS: Final = 5
LOOK_SECONDS: Final = 1  # between two looks at what other workers were told; the vendor tells each of them too
RECOVER_SECONDS: Final = 10  # without a complaint, after which a connection that recovers by itself sends one more at once
CIRCUIT_FAILURES: Final = 8  # calls in a row that failed by the network or by a fault of the server
CIRCUIT_SECONDS: Final = 30  # for which the host is then left alone

# KEYS: slots, waiters. ARGV: now, until, limit, wanted, holder, held. Gives how many slots the holder has and how many others wait.
_TAKE: Final = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[1])
local wanted, limit = tonumber(ARGV[4]), tonumber(ARGV[3])
for number = wanted, 63 do redis.call('ZREM', KEYS[1], ARGV[5] .. ':' .. number) end
local have = 0
for number = 0, wanted - 1 do
  local member = ARGV[5] .. ':' .. number
  if redis.call('ZSCORE', KEYS[1], member) or redis.call('ZCARD', KEYS[1]) < limit then
    redis.call('ZADD', KEYS[1], ARGV[2], member)
    have = have + 1
  end
end
if wanted > 0 and have == 0 then redis.call('ZADD', KEYS[2], ARGV[2], ARGV[5]) else redis.call('ZREM', KEYS[2], ARGV[5]) end
redis.call('PEXPIRE', KEYS[1], 120000)
redis.call('PEXPIRE', KEYS[2], 120000)
return {have, redis.call('ZCARD', KEYS[2])}
"""
# A bucket that holds a second's worth, as the time at which it will be full again (GCRA). KEYS: bucket. ARGV: now, seconds a token, burst.
_SPEND: Final = """
local now, each, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
local wait = full - now - each * (burst - 1)
redis.call('SET', KEYS[1], tostring(full + each), 'PX', math.ceil((full + each - now) * 1000) + 1000)
return tostring(math.max(0, wait))
"""
_FAIL: Final = """
local count = redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], ARGV[1])
return count
"""
# A wait never gets shorter. KEYS: key. ARGV: until, seconds.
_BLOCK: Final = """
local before = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) > before then redis.call('SET', KEYS[1], ARGV[1], 'PX', math.ceil(tonumber(ARGV[2]) * 1000)) end
"""


# KEYS: level. ARGV: now, target, seconds for one more, whether to halve it. Gives the level.
_LEVEL: Final = """
local found = redis.call('HMGET', KEYS[1], 'level', 'at')
local now, target, step = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local level, at = target, 0
if found[1] then
  at = tonumber(found[2])
  level = math.min(target, tonumber(found[1]) + math.floor((now - at) / step))
end
if ARGV[4] == '1' and now - at >= 1 then
  level = math.max(1, math.floor(level / 2))
  redis.call('HSET', KEYS[1], 'level', level, 'at', ARGV[1])
  redis.call('EXPIRE', KEYS[1], math.ceil(step * target) + 60)
end
return level
"""


@lru_cache(maxsize=1)
def _server(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)


def _ask(script: str, keys: list[str], *arguments: Any) -> Any:
    return _server(settings.REDIS_URL).eval(script, len(keys), *[f"junction:{key}" for key in keys], *arguments)


class Slots:
    """How many requests of a connection may be on their way at once, over all runs and workers.

    A holder keeps its slots from one request to the next and renews them; when others wait it gives back what is more
    than its share. `held` is what it may use now. `holder` is the run, so that the worker which takes it over has its slots.
    """

    def __init__(self, connection: str, limit: int, *, holder: str) -> None:
        self.limit = limit
        self.held = 0
        self.others_wait = False
        self._keys = [f"slots:{connection}", f"slots-waiting:{connection}"]
        self._holder = holder
        self._asked = 0.0
        self._warned = False

    def take(self, wanted: int) -> int:
        """Ask for `wanted` slots in all, and renew those held; the number held then, which may be 0."""
        self._asked = time.monotonic()
        now = time.time()
        try:
            self.held, waiting = _ask(_TAKE, self._keys, now, now + SLOT_SECONDS, self.limit, min(wanted, self.limit), self._holder)
        except redis.RedisError as error:
            if not self._warned:  # once for each holder: a run asks before every page
                logger.warning("The slots of a connection cannot be asked for, so it gets one request at a time: %s", error)
            self._warned = True
            self.held, waiting = max(self.held, min(wanted, 1)), 0
        self.others_wait = waiting > 0
        return self.held

    @property
    def is_due(self) -> bool:
        """Whether the slots have to be renewed."""
        return time.monotonic() - self._asked > RENEW_SECONDS

    def release(self) -> None:
        if self._asked:
            self.take(0)


class Level:
    """How many requests at once a vendor takes, as it shows: half as many each time that it says too many, one more each
    RECOVER_SECONDS after that, up to `target`; the same for all runs and workers of a connection."""

    def __init__(self, connection: str, target: int) -> None:
        self._target = target
        self._key = f"level:{connection}"
        self._looked = float("-inf")
        self._known = target

    def now(self) -> int:
        """1 to `target`."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            with suppress(redis.RedisError):
                self._known = int(_ask(_LEVEL, [self._key], time.time(), self._target, RECOVER_SECONDS, 0))
        return self._known

    def lower(self) -> int:
        """The vendor said that there were too many; how many it is now. What several answers say at once counts once."""
        self._looked = time.monotonic()
        try:
            self._known = int(_ask(_LEVEL, [self._key], time.time(), self._target, RECOVER_SECONDS, 1))
        except redis.RedisError:
            self._known = max(1, self._known // 2)
        return self._known


class Gate:
    """What stands before each request to one host with one credential: its bucket, the waits it asked for, its circuit.

    Without a name it is nobody else's: for credentials that are only tried.
    """

    def __init__(self, name: str = "", origin: str = "", *, per_minute: int | None = None) -> None:
        self._is_shared = bool(name)
        self._per_minute = per_minute
        self._bucket = f"bucket:{name}"
        self._blocked = f"blocked:{name}"
        self._circuit = f"circuit:{origin}"
        self._failures = f"failures:{origin}"
        self._looked = float("-inf")
        self._until = 0.0
        self._failing = False

    def wait(self) -> float:
        """Seconds to wait before the next request; asking takes a token from the bucket, so that it is to be sent then."""
        now = time.time()
        if not self._is_shared:
            return max(0.0, self._until - now)
        with suppress(redis.RedisError):
            if time.monotonic() - self._looked > LOOK_SECONDS:
                self._looked = time.monotonic()
                found: Any = _server(settings.REDIS_URL).mget(f"junction:{self._blocked}", f"junction:{self._circuit}")
                self._until = max([self._until, *(float(value) for value in found if value)])
            if self._per_minute:
                each = 60 / self._per_minute
                spent = float(_ask(_SPEND, [self._bucket], now, each, max(1, self._per_minute // 60)))
                return max(spent, self._until - now)
        return max(0.0, self._until - now)

    def block(self, seconds: float) -> None:
        """Nobody calls with this credential for so long: the vendor asked for it."""
        self._until = max(self._until, time.time() + seconds)
        if self._is_shared:
            with suppress(redis.RedisError):
                _ask(_BLOCK, [self._blocked], self._until, max(seconds, 0.001))

    def failed(self) -> None:
        """A call failed by the network or by a fault of the server; too many in a row, of all workers, open the circuit."""
        self._failing = True
        if self._is_shared:
            with suppress(redis.RedisError):
                if int(_ask(_FAIL, [self._failures], 10 * CIRCUIT_SECONDS)) % CIRCUIT_FAILURES == 0:
                    _ask(_BLOCK, [self._circuit], time.time() + CIRCUIT_SECONDS, CIRCUIT_SECONDS)
                    self._looked = float("-inf")

    def succeeded(self) -> None:
        """A call came through; what failed before counts no more."""
        if self._failing:
            self._failing = False
            if self._is_shared:
                with suppress(redis.RedisError):
                    _server(settings.REDIS_URL).delete(f"junction:{self._failures}")


def gate_of(base: str, credentials: Mapping[str, str], *, per_minute: int | None, agent: str = "") -> Gate:
    """The gate of everybody who calls this host with these credentials; their values leave the process only as a keyed hash.

    Through an agent a host is another one than that of the same name elsewhere, and an agent that is away is no fault of it.
    """
    origin = f"{origin_of(base)} {agent}".strip()
    text = "\0".join([origin, *(f"{name}={value}" for name, value in sorted(credentials.items()))])
    return Gate(salted_hmac("connections.rates", text, algorithm="sha256").hexdigest()[:32], origin, per_minute=per_minute)
