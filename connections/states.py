"""The state of a connection: one way to change it, and what is written down and told when it changes."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from connections.models import Connection, ConnectionEvent
from connections.signals import authorization_needed, state_changed

KEPT: Final = timedelta(days=90)  # of events


def become(
    connection_id: UUID,
    state: str,
    message: str,
    *,
    reason: str,
    tested_at: datetime | None = None,
    unless: Collection[str] = (),
    tells: bool | None = None,
) -> bool:
    """Put a connection into a state, unless it is in one of `unless`; False then. `reason` is one of ConnectionEvent.REASONS.

    A change is an event and a signal. `tells` says whether people hear that somebody has to authorize the connection, by
    default when it gets into that state; a person who brought it there knows.
    """
    with transaction.atomic():
        row = Connection.objects.select_for_update(no_key=True).filter(pk=connection_id).only("state", "message").first()
        if row is None or row.state in unless:
            if row is not None and tested_at:
                Connection.objects.filter(pk=connection_id).update(tested_at=tested_at)
            return False
        changes: dict[str, Any] = {"state": state, "message": message} | ({"tested_at": tested_at} if tested_at else {})
        Connection.objects.filter(pk=connection_id).update(**changes)
        if row.state != state:
            ConnectionEvent.objects.create(connection_id=connection_id, before=row.state, after=state, reason=reason, message=message)
            before = row.state
            transaction.on_commit(
                lambda: state_changed.send_robust(
                    Connection, connection_id=connection_id, before=before, after=state, reason=reason, message=message
                )
            )
        needed = state == Connection.State.REAUTHORIZE
        if needed and (tells if tells is not None else row.state != state):
            transaction.on_commit(lambda: authorization_needed.send(Connection, connection_id=connection_id, message=message))
    return True


def trim_events() -> int:
    """Forget events of long ago; how many went."""
    return ConnectionEvent.objects.filter(at__lt=timezone.now() - KEPT).delete()[0]
