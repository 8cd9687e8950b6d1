"""What can be done to an integration's actions. All of it happens in the open draft, which is opened if need be.

Locked once finalized: an action's key, method and path, and its existence. Everything else stays editable.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Q
from django.utils.text import slugify
from pydantic import ValidationError

from actions import naming
from actions.models import Action, ActionQuerySet
from integrations import audit
from integrations import services as integrations
from integrations.models import Integration, Revision
from integrations.operation import Operation
from integrations.refusals import Conflict, Invalid

LOCKED = ("key", "method", "path")
RENAMED_FIELDS = ("name", "description")
NAME_LENGTH = 200


def add(*, integration: Integration, values: dict[str, Any]) -> Action:
    """A new action in the draft; the key is made of its name unless one is given."""
    with transaction.atomic():
        draft = integrations.open_draft(integration=integration)
        operation = _validated(values)
        taken = set(draft.actions.values_list("key", flat=True))
        if operation.key and operation.key in taken:
            raise Conflict(f"The key {operation.key} is taken by another action of this integration. Choose another one, or leave it out.")
        operation.key = operation.key or free_key(operation.name, taken)
        last = draft.actions.aggregate(last=Max("position"))["last"]
        action = Action(revision=draft, position=0 if last is None else last + 1)
        action.operation = operation
        action.save()
        _record(integration, "action added", after=operation.dump(), name=action.name)
    return action


def add_all(*, revision: Revision, operations: Iterable[Operation], start: int = 0) -> int:
    """Put an import's operations, whose keys are unique already, into a draft from position `start` on; the number of actions made."""
    actions = []
    for position, operation in enumerate(operations, start):
        action = Action(revision=revision, position=position)
        action.operation = operation
        actions.append(action)
    Action.objects.bulk_create(actions, batch_size=500)
    return len(actions)


def change(*, action: Action, values: dict[str, Any]) -> Action:
    """Replace some of an action's values in the draft, and give back the draft's action."""
    with transaction.atomic():
        operation = _validated({**action.operation.dump(), **values})
        mine = _in_draft(action)
        finalized = _finalized(mine)
        if finalized:
            before = finalized.operation
            locked = [name for name in LOCKED if getattr(before, name) != getattr(operation, name)]
            if locked:
                raise Conflict(
                    f"Locked since the integration was finalized: {', '.join(locked)}. Runs and other systems rely on it. "
                    "Add a new action instead, and mark this one as deprecated."
                )
        elif mine.revision.actions.filter(key=operation.key).exclude(pk=mine.pk).exists():
            raise Conflict(f"The key {operation.key} is taken by another action of this integration. Choose another one.")
        was = mine.operation.dump()
        mine.operation = operation
        mine.save()
        _record(mine.revision.integration, "action changed", before=was, after=operation.dump(), name=operation.name)
    return mine


def remove(*, action: Action) -> None:
    """Delete an action from the draft; one that has been finalized can only be marked as deprecated."""
    with transaction.atomic():
        mine = _in_draft(action)
        if _finalized(mine):
            raise Conflict("This action is locked since the integration was finalized. Mark it as deprecated instead of deleting it.")
        _record(mine.revision.integration, "action deleted", before=mine.operation.dump(), name=mine.name)
        mine.delete()


def rename(
    *, integration: Integration, field: str, pattern: str, replacement: str, uids: Iterable[UUID] | None = None, dry_run: bool = False
) -> list[dict[str, Any]]:
    """Replace a pattern in the name or description of several actions at once; the changes as {id, before, after}.

    With `dry_run` nothing is saved. `uids` None means all actions.
    """
    if field not in RENAMED_FIELDS:
        raise Invalid({"field": [f"{field} cannot be renamed in bulk. Use one of: {', '.join(RENAMED_FIELDS)}."]})
    # A preview writes nothing, so it must not hold SQLite's write lock while a pattern runs.
    with nullcontext() if dry_run else transaction.atomic():
        revision = integration.working if dry_run else integrations.open_draft(integration=integration)
        rows = revision.actions.all() if uids is None else revision.actions.filter(uid__in=list(uids))
        actions = list(rows.defer("content"))  # of a large API, schemas are megabytes
        try:
            texts = naming.rename([getattr(action, field) for action in actions], pattern, replacement)
        except naming.PatternError as error:
            raise Invalid({error.field: [str(error)]}) from None
        changed = [(action, before, after) for action, (before, after) in zip(actions, texts, strict=True) if before != after]
        if field == "name":
            _check_names(after for _, _, after in changed)
        if not dry_run:
            for action, _, after in changed:
                setattr(action, field, after)
            Action.objects.bulk_update([action for action, _, _ in changed], [field], batch_size=500)
            if changed:
                note = f"{len(changed)} actions: {field} {pattern} to {replacement}"
                _record(integration, "actions renamed", name=integration.name, note=note)
    return [{"id": str(action.uid), "before": before, "after": after} for action, before, after in changed]


def search(rows: ActionQuerySet, text: str) -> ActionQuerySet:
    """The actions with this text in name, key, path or method."""
    return rows.filter(Q(name__icontains=text) | Q(key__icontains=text) | Q(path__icontains=text) | Q(method__iexact=text))


def copy_actions(*, source: Revision, draft: Revision) -> None:
    """Give a new draft the actions of the revision it starts from, under the same ids."""
    copies = [copy_of(action, revision=draft, position=action.position) for action in source.actions.all()]
    Action.objects.bulk_create(copies, batch_size=500)


def copy_of(action: Action, *, revision: Revision, position: int) -> Action:
    """The same action, under the same id, as a row of another revision; it is not saved yet."""
    values = {name: getattr(action, name) for name in Action.COLUMNS}
    return Action(revision=revision, uid=action.uid, position=position, content=action.content, **values)


def free_key(name: str, taken: set[str]) -> str:
    """A key of a name that is not taken: `Get user by id` gives get_user_by_id."""
    base = slugify(name).replace("-", "_")[:150] or "action"
    key, number = base, 2
    while key in taken:
        key, number = f"{base}_{number}", number + 1
    return key


def is_locked(action: Action) -> bool:
    """Whether a finalized revision has this action, so that its key, method and path stay and it cannot be deleted."""
    return _finalized(action) is not None


def _record(integration: Integration, verb: str, *, name: str, **values: Any) -> None:
    """In the log an action is a part of its integration."""
    audit.record(
        kind=audit.Kind.INTEGRATION,
        verb=verb,
        subject=integration,
        organization=integration.organization,
        name=integration.name if name == integration.name else f"{integration.name}: {name}",
        **values,
    )


def _validated(values: dict[str, Any]) -> Operation:
    try:
        return Operation.model_validate(values)
    except ValidationError as error:
        raise Invalid.of(error) from None


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        if not name.strip():
            raise Invalid(
                {"replacement": ["The replacement leaves an action without a name. Keep a part of the name, for example with \\1."]}
            )
        if len(name) > NAME_LENGTH:
            raise Invalid({"replacement": [f"The replacement makes a name of {len(name)} characters; the limit is {NAME_LENGTH}."]})


def _in_draft(action: Action) -> Action:
    draft = integrations.open_draft(integration=action.revision.integration)
    mine = draft.actions.select_for_update().filter(uid=action.uid).first()
    if mine is None:
        raise Conflict("This action was deleted from the draft in the meantime. Load the list of actions again.")
    return mine


def _finalized(action: Action) -> Action | None:
    return Action.objects.filter(uid=action.uid, revision__finalized_at__isnull=False).order_by("-revision__number").first()
