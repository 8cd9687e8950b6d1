"""The revisions of an integration: what changed from one to another, whom that concerns, and going back to an earlier one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q

from actions import services
from actions.models import Action, Import
from connections.models import Connection
from integrations import audit, json_text
from integrations import services as integrations
from integrations.masking import masked
from integrations.models import Integration, Revision, User
from integrations.refusals import Conflict

_COLUMNS = ("uid", "position", *Action.COLUMNS, "content")


@dataclass(frozen=True)
class FieldChange:
    """A field of the definition or of an action, dotted: `auth.apiKeyName`. Absent values are None; secrets are masked."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class ActionChange:
    uid: UUID
    name: str
    method: str
    path: str
    fields: list[FieldChange] = field(default_factory=list)


@dataclass
class Difference:
    """What one revision has that another one has not. `before` None: everything is new."""

    before: Revision | None
    after: Revision
    definition: list[FieldChange]
    added: list[ActionChange]
    removed: list[ActionChange]
    changed: list[ActionChange]

    @property
    def is_empty(self) -> bool:
        return not (self.definition or self.added or self.removed or self.changed)


def difference(before: Revision | None, after: Revision) -> Difference:
    """Compare two revisions: the definition field by field, the actions by their id."""
    old = _actions(before) if before else {}
    new = _actions(after)
    changed = []
    for uid, row in new.items():
        was = old.get(uid)
        if was is not None and (fields := field_changes(_content(was), _content(row))):
            changed.append(_change(row, fields))
    return Difference(
        before=before,
        after=after,
        definition=field_changes(before.content if before else {}, after.content),
        added=[_change(row) for uid, row in new.items() if uid not in old],
        removed=[_change(row) for uid, row in old.items() if uid not in new],
        changed=changed,
    )


def field_changes(before: dict[str, Any], after: dict[str, Any], prefix: str = "") -> list[FieldChange]:
    """The fields in which two objects differ; objects are followed, lists are compared whole."""
    found = []
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if json_text.same(old, new):
            continue
        if isinstance(old, dict) and isinstance(new, dict) and old != new:
            found += field_changes(old, new, f"{prefix}{name}.")
        else:
            hidden_old, hidden_new = masked({name: old})[name], masked({name: new})[name]
            found.append(FieldChange(f"{prefix}{name}", hidden_old, hidden_new))
    return found


def _actions(revision: Revision) -> dict[UUID, dict[str, Any]]:
    return {row["uid"]: row for row in revision.actions.values(*_COLUMNS)}


def _content(row: dict[str, Any]) -> dict[str, Any]:
    return {**{name: row[name] for name in Action.COLUMNS}, **row["content"]}


def _change(row: dict[str, Any], fields: list[FieldChange] | None = None) -> ActionChange:
    return ActionChange(row["uid"], row["name"], row["method"], row["path"], fields or [])


@dataclass(frozen=True)
class Reach:
    """Whom a new revision concerns: it is in force at once for all of them but those that are `pinned` to another revision."""

    connections: int
    organizations: int
    pinned: int = 0


def reach(integration: Integration) -> Reach:
    follows = Q(revision=None)
    counts = Connection.objects.filter(integration=integration).aggregate(
        connections=Count("pk", filter=follows),
        organizations=Count("organization", filter=follows, distinct=True),
        pinned=Count("pk", filter=~follows),
    )
    return Reach(**counts)


def history(integration: Integration) -> list[Revision]:
    """All revisions, newest first."""
    return list(
        integration.revisions.select_related("finalized_by").defer("content", "findings", "repairs", "auth_choices").order_by("-number")
    )


def roll_back(*, integration: Integration, number: int, user: User, note: str = "") -> Revision:
    """Put an earlier revision in force again, as a new one, so that the history stays a line and nothing of it is lost.

    Actions that came later stay, marked as deprecated: runs and other systems rely on them.
    """
    with transaction.atomic():
        integration = integrations.locked(integration)
        if integration.draft is not None:
            raise Conflict("There is an open draft. Finalize it or discard it before you go back to an earlier revision.")
        if integration.imports.filter(state=Import.State.WRITING).exists():
            raise Conflict("An import is still writing actions. Wait until it has finished.")
        current = integration.current
        earlier = integration.revisions.filter(number=number, finalized_at__isnull=False).first()
        if current is None or earlier is None:
            raise Conflict(f"There is no finalized revision {number}.")
        if earlier == current:
            raise Conflict(f"Revision {number} is in force already.")
        made = Revision.objects.create(
            integration=integration,
            number=current.number + 1,
            content=earlier.content,
            source=earlier.source,
            findings=earlier.findings,
            auth_choices=earlier.auth_choices,
        )
        rows = list(earlier.actions.all())
        kept = {action.uid for action in rows}
        later = [action for action in current.actions.all() if action.uid not in kept]
        copies = [services.copy_of(action, revision=made, position=position) for position, action in enumerate([*rows, *later])]
        for copy in copies[len(rows) :]:
            copy.deprecated = True
        Action.objects.bulk_create(copies, batch_size=500)
        integrations.finalize(revision=made, user=user, note=note or f"As revision {number}")
        audit.record(
            kind=audit.Kind.INTEGRATION,
            verb="rolled back",
            subject=integration,
            organization=integration.organization,
            before={"revision": current.number},
            after={"revision": made.number, "asRevision": number},
            user=user,
        )
    return made
