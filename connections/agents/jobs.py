"""Requests on their way to agents and back, in Redis (or Valkey): offered, taken by one agent, answered in parts.

Every step is one script there, which no other client can interrupt. Whoever asked keeps a request wanted, and the agent
that took it keeps its claim; either may end at any time. A request whose agent went away is offered again, if nothing
had been sent or it is safe to send twice. What lies here is sealed: requests carry credentials, answers may be tokens.
"""

from __future__ import annotations

import time
from functools import lru_cache
from secrets import token_hex
from typing import Any, Final, cast

import redis
from django.conf import settings

from connections.secrets import open_bytes, seal_bytes
from junction_agent.protocol import PARTS_WAITING

WANTED_SECONDS: Final = 30  # after which a request is dropped whose caller does not ask for its answer
KEPT_SECONDS: Final = 120  # after which everything of a request is gone that nobody touches
MOST_CLAIMS: Final = 3  # agents in a row that may be lost over one request

# KEYS: job, request. ARGV: now, claim, lease, ttl. Gives the request, or nothing for one that is not to be had.
_TAKE: Final = """
local found = redis.call('HMGET', KEYS[1], 'state', 'wanted')
if found[1] ~= 'queued' or tonumber(found[2]) < tonumber(ARGV[1]) then return false end
redis.call('HSET', KEYS[1], 'state', 'claimed', 'claim', ARGV[2], 'lease', ARGV[3], 'next', 0, 'begun', 0)
redis.call('HINCRBY', KEYS[1], 'claims', 1)
redis.call('EXPIRE', KEYS[1], ARGV[4])
return redis.call('GET', KEYS[2])
"""
# KEYS: job, answer. ARGV: now, claim, lease, ttl, what (keep, begin, room, part), number, part, ended, most parts that wait.
# -1: not this claim's any more, or more than there was room for.
_STEP: Final = """
local found = redis.call('HMGET', KEYS[1], 'state', 'claim', 'wanted', 'next')
if found[1] ~= 'claimed' or found[2] ~= ARGV[2] or tonumber(found[3]) < tonumber(ARGV[1]) then
  if ARGV[5] == 'part' and found[1] == 'ended' and found[2] == ARGV[2] then return 0 end
  return -1
end
redis.call('HSET', KEYS[1], 'lease', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
if ARGV[5] == 'begin' then redis.call('HSET', KEYS[1], 'begun', 1) end
if ARGV[5] == 'part' then
  local number, expected = tonumber(ARGV[6]), tonumber(found[4])
  if number < 0 and ARGV[8] ~= '1' then return -1 end
  if number == expected or number < 0 then
    if redis.call('LLEN', KEYS[2]) > tonumber(ARGV[9]) then return -1 end
    redis.call('RPUSH', KEYS[2], ARGV[7])
    redis.call('HSET', KEYS[1], 'next', expected + 1)
    if ARGV[8] == '1' then redis.call('HSET', KEYS[1], 'state', 'ended') end
  elseif number ~= expected - 1 then
    return -1
  end
end
redis.call('EXPIRE', KEYS[2], ARGV[4])
return redis.call('LLEN', KEYS[2])
"""
# What the caller sees. KEYS: job, request, answer, queue. ARGV: now, wanted, ttl, id, most claims, whether the head was read.
_LOOK: Final = """
local found = redis.call('HMGET', KEYS[1], 'state', 'lease', 'safe', 'begun', 'claims')
if not found[1] then return 'gone' end
redis.call('HSET', KEYS[1], 'wanted', ARGV[2])
for number = 1, 3 do redis.call('EXPIRE', KEYS[number], ARGV[3]) end
if found[1] == 'queued' then
  if not redis.call('LPOS', KEYS[4], ARGV[4]) then redis.call('RPUSH', KEYS[4], ARGV[4]) end
  return 'queued'
end
if found[1] == 'claimed' and tonumber(found[2]) < tonumber(ARGV[1]) then
  if ARGV[6] == '1' or (found[3] == '0' and found[4] == '1') then return 'lost' end
  if tonumber(found[5]) >= tonumber(ARGV[5]) then return 'exhausted' end
  redis.call('HSET', KEYS[1], 'state', 'queued', 'claim', '', 'begun', 0)
  redis.call('DEL', KEYS[3])
  redis.call('RPUSH', KEYS[4], ARGV[4])
  return 'queued'
end
return found[1]
"""


@lru_cache(maxsize=1)
def _server(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=30, socket_connect_timeout=2)


def _redis() -> redis.Redis:
    return _server(settings.REDIS_URL)


def _keys(job: str) -> list[str]:
    return [f"junction:agent-{kind}:{job}" for kind in ("job", "request", "answer")]


def _queue(agent: Any) -> str:
    return f"junction:agent-queue:{agent}"


def _context(job: str) -> str:
    return f"agent-job:{job}"


# --- the caller -------------------------------------------------------------------------------------------------------


class Offer:
    """A request of this process, until `drop`. Raises `redis.RedisError` where the broker is away, and `SecretError`."""

    def __init__(self, agent: Any, message: bytes, *, safe: bool) -> None:
        self.id = token_hex(16)
        self._queue = _queue(agent)
        self._keys = _keys(self.id)
        fields = {"state": "queued", "wanted": time.time() + WANTED_SECONDS, "safe": int(safe), "begun": 0, "claims": 0}
        with _redis().pipeline(transaction=True) as together:
            together.hset(self._keys[0], mapping=cast("Any", fields))
            together.set(self._keys[1], seal_bytes(message, context=_context(self.id)), ex=KEPT_SECONDS)
            together.expire(self._keys[0], KEPT_SECONDS)
            together.lpush(self._queue, self.id)
            together.expire(self._queue, KEPT_SECONDS)
            together.execute()

    def part(self, seconds: float) -> bytes | None:
        """The next part of the answer; None if none came in this time."""
        found: Any = _redis().blpop([self._keys[2]], timeout=max(0.01, seconds))
        return open_bytes(found[1], context=_context(self.id)) if found else None

    def look(self, *, head_was_read: bool) -> str:
        """queued, claimed, ended, or why there will be no answer: lost, exhausted, gone. Keeps the request wanted; where its
        agent went away it is offered again, if that is safe."""
        now = time.time()
        arguments: list[Any] = [now, now + WANTED_SECONDS, KEPT_SECONDS, self.id, MOST_CLAIMS, int(head_was_read)]
        state: Any = _redis().eval(_LOOK, 4, *self._keys, self._queue, *arguments)
        return str(state.decode())

    @property
    def was_begun(self) -> bool:
        """Whether an agent may have sent it."""
        begun, safe = cast("list[bytes | None]", _redis().hmget(self._keys[0], ["begun", "safe"]))
        return begun == b"1" or safe != b"0"

    def drop(self) -> None:
        """Nobody wants it any more; its agent is told at its next step."""
        with _redis().pipeline(transaction=True) as together:
            together.delete(*self._keys)
            together.lrem(self._queue, 0, self.id)
            together.execute()


# --- the agent --------------------------------------------------------------------------------------------------------


def held_by(machine: Any, claim: Any) -> str:
    """A claim as it is kept: what one machine was given is worth nothing to another one."""
    return f"{machine}:{claim}"


def taken(agent: Any, *, machine: Any, seconds: float) -> tuple[str, str, bytes] | None:
    """A request for this agent as (id, claim, message), waiting for one at most so long; None if none came."""
    end = time.monotonic() + seconds
    while True:
        left = end - time.monotonic()
        found: Any = _redis().brpop([_queue(agent)], timeout=left) if left > 0.05 else _redis().rpop(_queue(agent))
        if not found:
            return None
        job = (found[1] if isinstance(found, list | tuple) else found).decode()
        claim, keys = token_hex(8), _keys(job)
        message: Any = _redis().eval(_TAKE, 2, *keys[:2], time.time(), held_by(machine, claim), _lease(), KEPT_SECONDS)
        if message:
            return job, claim, open_bytes(message, context=_context(job))


def keep(job: str, claim: str) -> bool:
    """The agent still works on it; False if it need not any more."""
    return _step(job, claim, "keep") >= 0


def begin(job: str, claim: str) -> bool:
    """The agent is about to send something that must not be sent twice; False if it must not."""
    return _step(job, claim, "begin") >= 0


def room(job: str, claim: str) -> int:
    """How many parts the caller has room for; negative if nobody wants the answer any more."""
    waiting = _step(job, claim, "room")
    return max(0, PARTS_WAITING - waiting) if waiting >= 0 else -1


def add(job: str, claim: str, number: int, part: bytes, *, ended: bool) -> int:
    """Take a part of an answer; as `room`. The same part twice is one; a negative number (a failure, the last part) fits always.

    Whoever sends more than there was room for is not listened to: the broker is everybody's.
    """
    waiting = _step(job, claim, "part", number, seal_bytes(part, context=_context(job)), int(ended))
    return max(0, PARTS_WAITING - waiting) if waiting >= 0 else -1


def _step(job: str, claim: str, what: str, *more: Any) -> int:
    keys = _keys(job)
    arguments = [time.time(), claim, _lease(), KEPT_SECONDS, what, *(more or (0, b"", 0)), PARTS_WAITING]
    return int(cast("Any", _redis().eval(_STEP, 2, keys[0], keys[2], *arguments)))


def _lease() -> float:
    return time.time() + settings.AGENT_LEASE_SECONDS


def first_use(nonce: str, *, seconds: int) -> bool:
    """Whether this number was not used in the last seconds; it is from now on."""
    return bool(_redis().set(f"junction:agent-nonce:{nonce}", 1, nx=True, ex=seconds))
