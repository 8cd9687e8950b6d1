"""Who changed what: one function that every service calls, of this stage and of those above.

The person is known to the request, not to the services: `acting` holds whoever the present request or command is for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from integrations import json_text
from integrations.masking import masked
from integrations.models import AuditEntry, Integration, Organization, User

_actor: ContextVar[Callable[[], Any] | None] = ContextVar("actor", default=None)

Kind = AuditEntry.Kind


@contextmanager
def acting(user: Callable[[], Any]) -> Iterator[None]:
    """Everything recorded inside is by the user that `user` gives when asked: the API knows its caller only later on."""
    token = _actor.set(user)
    try:
        yield
    finally:
        _actor.reset(token)


def record(
    *,
    kind: AuditEntry.Kind,
    verb: str,
    subject: Any,
    organization: Organization,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    name: str = "",
    note: str = "",
    user: User | None = None,
) -> AuditEntry | None:
    """Add an entry to the log, in the transaction of the change. With both `before` and `after`, only what differs is kept;
    where nothing differs there is no entry, and None comes back. `user` is for changes without a request.
    """
    old, new = before or {}, after or {}
    if before is not None and after is not None:
        names = [field for field in {**old, **new} if not json_text.same(old.get(field), new.get(field))]
        if not names:
            return None
        old, new = ({field: values[field] for field in names if field in values} for values in (old, new))
    who = user or _present()
    return AuditEntry.objects.create(
        actor=who,
        actor_name=str(who or "")[:200],
        organization=organization,
        organization_name=organization.name,
        path=organization.path,
        kind=kind,
        verb=verb,
        object_id=str(subject.pk),
        object_name=(name or str(subject))[:300],
        before=masked(old),
        after=masked(new),
        note=note,
    )


def latest(integration: Integration) -> AuditEntry | None:
    """The last thing that was done to an integration."""
    return AuditEntry.objects.filter(kind=Kind.INTEGRATION, object_id=str(integration.pk)).order_by("-id").first()


def _present() -> User | None:
    ask = _actor.get()
    user = ask() if ask else None
    return user if isinstance(user, User) else None
