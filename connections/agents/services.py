"""What can be done with agents: name, share, enrol machines, revoke them. Says no with a `Refusal`."""

from __future__ import annotations

import base64
import hmac
import os
from datetime import timedelta
from secrets import token_hex
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from connections.agents.route import Route
from connections.models import Agent, AgentCode, AgentInstance, Connection
from connections.retries import CallError
from connections.secrets import open_sealed, seal
from integrations import audit
from integrations.models import Organization, User
from integrations.permissions import by_id
from integrations.refusals import Conflict, Invalid, Refusal
from integrations.storable import mended
from junction_agent import protocol

NAME_LENGTH = 100
CODE_LIFE = timedelta(minutes=30)
MOST_FAILURES = 5  # wrong proofs, after which a code is worth nothing any more
NOTE_EVERY = timedelta(seconds=20)  # between two notes that a machine was seen
NO_CODE = "This enrolment code is not known, was used already, or has ended. Make a new one on the page Agents."


def create(*, organization: Organization, user: User, name: str, is_shared: bool = False) -> Agent:
    """A new agent, without any machine yet."""
    agent = Agent(organization=organization, name=_checked_name(name), is_shared=is_shared, created_by=user)
    with transaction.atomic():
        _save(agent)
        _record(agent, "created", after=facts(agent))
    return agent


def change(*, agent: Agent, name: str | None = None, is_shared: bool | None = None) -> Agent:
    """Rename it, or share it with the organizations below. Refuses to take it away from those that use it."""
    before = facts(agent)
    if is_shared is False and agent.is_shared and (users := _users(agent).exclude(organization=agent.organization_id).count()):
        raise Conflict(
            f"{users} connection{'' if users == 1 else 's'} of organizations below use{'s' if users == 1 else ''} this agent. "
            "Give them another one, or delete them, before you stop sharing it."
        )
    agent.name = agent.name if name is None else _checked_name(name)
    agent.is_shared = agent.is_shared if is_shared is None else is_shared
    with transaction.atomic():
        _save(agent)
        _record(agent, "changed", before=before, after=facts(agent))
    return agent


def delete(*, agent: Agent) -> None:
    """Forget an agent and its machines. Refused while connections use it: they must not call from elsewhere unawares."""
    if users := _users(agent).count():
        raise Conflict(
            f"{users} connection{'' if users == 1 else 's'} use{'s' if users == 1 else ''} this agent. Give them another way first, or delete them."
        )
    with transaction.atomic():
        _record(agent, "deleted", before=facts(agent))
        agent.delete()


def facts(agent: Agent) -> dict[str, Any]:
    """What the log keeps of an agent."""
    return {"name": agent.name, "isShared": agent.is_shared}


# --- machines ---------------------------------------------------------------------------------------------------------


def new_code(*, agent: Agent, user: User) -> tuple[AgentCode, str]:
    """A code for one machine, and the text that is shown once."""
    name, secret = token_hex(5), base64.b32encode(os.urandom(20)).decode()
    row = AgentCode(name=name, agent=agent, created_by=user, expires_at=timezone.now() + CODE_LIFE)
    row.secret_sealed = seal(secret, context=row.context)
    with transaction.atomic():
        AgentCode.objects.filter(Q(used_at__isnull=False) | Q(expires_at__lt=timezone.now()), agent=agent).delete()
        row.save()
        _record(agent, "enrolment code made", note=f"Ends {row.expires_at:%Y-%m-%d %H:%M} UTC.")
    return row, f"{name}-{secret}"


def enrol(*, code: str, public_key: str, proof: str, host: str, version: str) -> tuple[AgentInstance, str, str]:
    """A machine brings its key under a code: the instance, Junction's public key for it, and Junction's proof."""
    row = (
        AgentCode.objects.select_related("agent__organization", "created_by")
        .filter(name=code, used_at=None, expires_at__gt=timezone.now())
        .first()
    )
    if row is None or row.failures >= MOST_FAILURES or not Agent.objects.manageable_by(row.created_by).filter(pk=row.agent_id).exists():
        raise Refusal(NO_CODE)
    secret = open_sealed(row.secret_sealed, context=row.context)
    if not hmac.compare_digest(protocol.asked(secret, name=code, public_key=public_key).encode(), proof.encode()):
        AgentCode.objects.filter(pk=row.pk).update(failures=F("failures") + 1)
        raise Refusal(NO_CODE)
    if not protocol.is_key(public_key):
        raise Refusal("The agent sent no key that can be used. Update it.")
    private = protocol.new_key()
    instance = AgentInstance(
        agent=row.agent, host=_short(host, 200), version=_short(version, 40), public_key=public_key, enrolled_by=row.created_by
    )
    instance.server_key_sealed = seal(private, context=instance.context)
    with transaction.atomic():
        if not AgentCode.objects.filter(pk=row.pk, used_at=None).update(used_at=timezone.now()):
            raise Refusal(NO_CODE)
        instance.save(force_insert=True)
        _record(row.agent, "machine enrolled", after={"machine": str(instance), "version": instance.version}, user=row.created_by)
    server_key = protocol.public_of(private)
    granted = protocol.granted(secret, name=code, public_key=public_key, instance=str(instance.pk), server_key=server_key)
    return instance, server_key, granted


def revoke(*, instance: AgentInstance) -> None:
    """The machine gets no more requests, and what it still answers is not taken."""
    with transaction.atomic():
        if AgentInstance.objects.filter(pk=instance.pk, revoked_at=None).update(revoked_at=timezone.now()):
            _record(instance.agent, "machine revoked", before={"machine": str(instance)})


def note_seen(*, instance: AgentInstance, said: dict[str, Any]) -> None:
    """Remember that a machine was heard, and what it says of itself; not each time."""
    now = timezone.now()
    changes: dict[str, Any] = {}
    for name, column, length in (("version", "version", 40), ("host", "host", 200)):
        if isinstance(said.get(name), str) and (text := _short(said[name], length)) != getattr(instance, column):
            changes[column] = text
    latency = said.get("latency")
    fresh = instance.last_seen_at is not None and now - instance.last_seen_at < NOTE_EVERY
    if isinstance(latency, int) and not isinstance(latency, bool) and 0 < latency < 10**6 and (not fresh or instance.latency_ms is None):
        changes["latency_ms"] = latency
    if changes or not fresh:
        AgentInstance.objects.filter(pk=instance.pk).update(**changes, last_seen_at=now)


# --- connections ------------------------------------------------------------------------------------------------------


def usable(organization: Organization, key: Any) -> Agent:
    """The agent with this id that connections of the organization may use. Raises `Invalid`."""
    found = by_id(Agent.objects.usable_in(organization), key)
    if found is None:
        raise Invalid({"agent": ["There is no such agent that this organization may use. Choose one of the list."]})
    return found


def route_of(connection: Connection) -> Route | None:
    """The way that calls of a connection take; None for Junction itself. Raises `CallError` where the agent may not be used any more."""
    if connection.agent_id is None:
        return None
    agent = Agent.objects.usable_in(connection.organization).filter(pk=connection.agent_id).first()
    if agent is None:
        raise CallError("The agent of this connection is no longer shared with its organization. Choose another one on the connection.")
    return Route(agent.pk, agent.name, connection.agent_credential)


def _users(agent: Agent) -> Any:
    return Connection.objects.filter(agent=agent)


def _short(text: str, length: int) -> str:
    return mended(" ".join(text.split()))[:length]


def _checked_name(name: str) -> str:
    value = " ".join(str(name).split())
    if not value:
        raise Invalid({"name": ["Enter a name for the place where the agent runs, for example Head office."]})
    if len(value) > NAME_LENGTH:
        raise Invalid({"name": [f"At most {NAME_LENGTH} characters; this name has {len(value)}."]})
    return value


def _save(agent: Agent) -> None:
    try:
        with transaction.atomic():
            agent.save()
    except IntegrityError:
        raise Invalid({"name": [f"There is an agent named {agent.name} already. Choose another name."]}) from None


def _record(agent: Agent, verb: str, **values: Any) -> None:
    audit.record(kind=audit.Kind.AGENT, verb=verb, subject=agent, organization=agent.organization, **values)
