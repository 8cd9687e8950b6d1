"""The door at which agents knock: enrol, poll, beat, begin, part, room. Who knocks is known by a signature, not by a session.

Everything that is answered to a known agent is signed, refusals too: an agent believes nobody else that it was revoked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from threading import BoundedSemaphore
from typing import Any
from uuid import UUID

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from connections.agents import jobs, services
from connections.models import AgentInstance
from connections.secrets import SecretError, open_sealed
from integrations.permissions import by_id
from integrations.refusals import Refusal
from junction_agent import protocol

MAX_BYTES = protocol.PART_BYTES + protocol.MAX_HEAD_BYTES + 4
AGAIN_SECONDS = 2.0  # until the next question of an agent whose question could not be held
# Threads of this process in which questions are held back; the others are for pages.
_held = BoundedSemaphore(settings.AGENT_HELD_POLLS) if settings.AGENT_HELD_POLLS else None

Meta = dict[str, Any]
Answer = tuple[int, Meta, bytes]
View = Callable[[AgentInstance, Meta, bytes], Answer]
GONE: Answer = (410, {"error": "gone"}, b"")


def _door(view: View) -> Callable[[HttpRequest], HttpResponse]:
    """A view for machines: checks the question, signs the answer."""

    @csrf_exempt
    @login_not_required
    @require_POST
    @never_cache
    @wraps(view)
    def answered(request: HttpRequest) -> HttpResponse:
        try:
            instance, body = _known(request)
        except _Unknown as error:
            return _plain(error.status, {"error": error.why})
        try:
            status, meta, data = _refused(request, instance) or view(instance, *protocol.unpack(body))
        except protocol.Malformed:
            status, meta, data = 400, {"error": "malformed", "message": "The message cannot be read."}, b""
        except (redis.RedisError, SecretError) as error:
            said = str(error) if isinstance(error, SecretError) else "The broker does not answer."
            status, meta, data = 503, {"error": "unavailable", "message": said}, b""
        return _signed(request, instance, status, protocol.pack(meta, data))

    return answered


class _Unknown(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


def _known(request: HttpRequest) -> tuple[AgentInstance, bytes]:
    """Who asks, by the signature, and the body. Raises `_Unknown`; nobody else learns anything."""
    if not _fits(request, MAX_BYTES):
        raise _Unknown(413, "too large")
    key, moment, nonce = (request.headers.get(name, "") for name in (protocol.INSTANCE, protocol.TIME, protocol.NONCE))
    instance = by_id(AgentInstance.objects.select_related("agent"), key)
    if instance is None or not moment.isdecimal() or not 16 <= len(nonce) <= 64:
        raise _Unknown(401, "unknown")
    text = protocol.question(path=request.path, instance=key, time=moment, nonce=nonce, body=request.body)
    if not protocol.is_signed(instance.public_key, request.headers.get(protocol.SIGNATURE, ""), text):
        raise _Unknown(401, "unknown")
    return instance, request.body


def _fits(request: HttpRequest, most: int) -> bool:
    length = request.headers.get("Content-Length") or "0"
    return length.isdecimal() and int(length) <= most


def _refused(request: HttpRequest, instance: AgentInstance) -> Answer | None:
    """Why a question that is truly this agent's is not answered; None if it is."""
    if instance.revoked_at:
        return 403, {"error": "revoked"}, b""
    now = int(time.time())
    if abs(now - int(request.headers[protocol.TIME])) > protocol.MAX_CLOCK_SECONDS:
        return 401, {"error": "clock", "time": now}, b""
    nonce = f"{instance.pk}:{request.headers[protocol.NONCE]}"
    if not jobs.first_use(nonce, seconds=2 * protocol.MAX_CLOCK_SECONDS + 10):
        return 401, {"error": "replayed"}, b""
    return None


def _signed(request: HttpRequest, instance: AgentInstance, status: int, body: bytes) -> HttpResponse:
    moment = str(int(time.time()))
    text = protocol.answer(
        path=request.path, instance=str(instance.pk), time=moment, nonce=request.headers[protocol.NONCE], status=status, body=body
    )
    response = HttpResponse(body, status=status, content_type="application/octet-stream")
    response[protocol.TIME] = moment
    response[protocol.SIGNATURE] = protocol.sign(open_sealed(instance.server_key_sealed, context=instance.context), text)
    return response


def _plain(status: int, meta: Meta) -> HttpResponse:
    return HttpResponse(protocol.pack(meta), status=status, content_type="application/octet-stream")


# --- what agents ask --------------------------------------------------------------------------------------------------


@csrf_exempt
@login_not_required
@require_POST
@never_cache
def enrol(request: HttpRequest) -> HttpResponse:
    """Keys are exchanged under a code; both sides prove that they know it."""
    try:
        if not _fits(request, protocol.MAX_HEAD_BYTES):
            raise protocol.Malformed
        said, _ = protocol.unpack(request.body)
        given = {name: said[key] for name, key in _ENROL.items()}
        if not all(isinstance(value, str) for value in given.values()):
            raise protocol.Malformed
        instance, server_key, proof = services.enrol(**given)
    except (protocol.Malformed, KeyError):
        return _plain(400, {"message": "This is no enrolment of an agent."})
    except (Refusal, SecretError) as refusal:
        return _plain(403, {"message": str(refusal)})
    return _plain(200, {"instance": str(instance.pk), "agent": instance.agent.name, "serverKey": server_key, "proof": proof})


_ENROL = {"code": "code", "public_key": "publicKey", "proof": "proof", "host": "host", "version": "version"}


@_door
def poll(instance: AgentInstance, said: Meta, _: bytes) -> Answer:
    """A request for this agent; the question is held back for a while where there is none and a thread is free to wait."""
    services.note_seen(instance=instance, said=said)
    found = jobs.taken(instance.agent_id, machine=instance.pk, seconds=0)
    if found is None and _held is not None and _held.acquire(blocking=False):
        try:
            if not connection.in_atomic_block:
                connection.close()  # a thread that waits needs none
            found = jobs.taken(instance.agent_id, machine=instance.pk, seconds=protocol.HOLD_SECONDS)
        finally:
            _held.release()
        # It may have been revoked meanwhile; then the request goes to another one.
        if found and AgentInstance.objects.filter(pk=instance.pk, revoked_at=None).first() is None:
            return 403, {"error": "revoked"}, b""
        again = 0.0
    else:
        again = AGAIN_SECONDS
    if found is None:
        return 200, {"again": again}, b""
    job, claim, message = found
    meta, body = protocol.unpack(message)
    return 200, {**meta, "job": job, "claim": claim, "beat": settings.AGENT_LEASE_SECONDS / 4}, body


@_door
def beat(instance: AgentInstance, said: Meta, _: bytes) -> Answer:
    """A sign of life; the answer names the requests that nobody wants any more."""
    services.note_seen(instance=instance, said=said)
    claims = said.get("jobs")
    if not isinstance(claims, dict) or len(claims) > 100:
        raise protocol.Malformed
    return 200, {"gone": [job for job, claim in claims.items() if not jobs.keep(_id(job), jobs.held_by(instance.pk, claim))]}, b""


@_door
def begin(instance: AgentInstance, said: Meta, _: bytes) -> Answer:
    """It is about to send a request that must not be sent twice."""
    return (200, {}, b"") if jobs.begin(*_work(instance, said)) else GONE


@_door
def part(instance: AgentInstance, said: Meta, data: bytes) -> Answer:
    """A part of an answer, or why there is none; the answer says for how many more there is room."""
    number = said.get("number")
    if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 0):
        raise protocol.Malformed
    kept: Meta = {name: said[name] for name in ("head", "error", "end") if name in said}
    left = jobs.add(
        *_work(instance, said),
        -1 if number is None else number,
        protocol.pack(kept, data),
        ended=said.get("end") is True,
    )
    return (200, {"room": left}, b"") if left >= 0 else GONE


@_door
def room(instance: AgentInstance, said: Meta, _: bytes) -> Answer:
    """Whether the reader of an answer has taken something meanwhile."""
    left = jobs.room(*_work(instance, said))
    return (200, {"room": left}, b"") if left >= 0 else GONE


def _work(instance: AgentInstance, said: Meta) -> tuple[str, str]:
    """Which request a machine speaks of, and its claim to it. Raises `Malformed`."""
    return _id(said.get("job")), jobs.held_by(instance.pk, said.get("claim"))


def _id(job: Any) -> str:
    """A request's id, which becomes part of a key. Raises `Malformed`."""
    try:
        return UUID(hex=job).hex
    except (ValueError, AttributeError, TypeError):
        raise protocol.Malformed from None
