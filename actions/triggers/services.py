"""Save triggers, and start their actions when an event arrives."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from actions import runs
from actions.inputs import is_given
from actions.models import Action, Run, Trigger
from actions.requests import BODY, labelled
from connections.models import WebhookEndpoint, WebhookEvent
from connections.webhooks.endpoints import checked_types
from connections.webhooks.work import Done, fits, values_of
from integrations import audit, expressions, mapping_texts
from integrations.formulas import FormulaError
from integrations.models import User
from integrations.permissions import may_run
from integrations.refusals import Conflict, Invalid, Refusal

logger = logging.getLogger(__name__)

MOST: Final = 50  # triggers of one address
GONE: Final = "Switched off: the action is no longer part of the integration."
_MAPPED: Final = ("id", "label")
NOT_ALLOWED: Final = "Switched off: its owner may no longer run with this connection. Whoever may can save it again and becomes its owner."


def save(
    *,
    trigger: Trigger | None,
    endpoint: WebhookEndpoint,
    action: Action,
    user: User,
    inputs: dict[str, Any],
    event_types: Sequence[str] = (),
    is_enabled: bool = True,
) -> Trigger:
    """Make a trigger, or replace what an existing one does. The user becomes its owner, in whose name it runs.

    Raises `Invalid` for inputs that the action does not have, lacks, or that read what no event has.
    """
    if action.revision.integration_id != endpoint.connection.integration_id:
        raise Conflict("This is an action of another integration. Choose one of the connection's own.")
    check_inputs(action, inputs)
    with transaction.atomic():
        found = trigger or Trigger(endpoint=endpoint)
        if trigger is None and endpoint.triggers.count() >= MOST:
            raise Conflict(f"One address starts at most {MOST} actions.")
        before = facts(found) if trigger else {}
        found.action_uid, found.inputs, found.event_types = action.uid, inputs, checked_types(event_types, "eventTypes")
        found.is_enabled, found.owner, found.message = is_enabled, user, ""
        found.save()
        _record(found, "trigger changed" if trigger else "trigger added", before=before, after=facts(found), user=user)
    return found


def set_enabled(*, trigger: Trigger, is_enabled: bool, user: User) -> Trigger:
    """Switch a trigger on or off. Whoever switches it on becomes its owner."""
    before = facts(trigger)
    with transaction.atomic():
        trigger.is_enabled = is_enabled
        if is_enabled:
            trigger.owner, trigger.message = user, ""
        trigger.save(update_fields=["is_enabled", "owner", "message", "updated_at"])
        _record(trigger, "trigger changed", before=before, after=facts(trigger), user=user)
    return trigger


def delete(*, trigger: Trigger) -> None:
    """Remove a trigger; the runs that it started stay."""
    with transaction.atomic():
        _record(trigger, "trigger deleted", before=facts(trigger))
        trigger.delete()


def fire(event: WebhookEvent) -> list[Done]:
    """Start what the event starts, in the transaction of the work on it; what came of each trigger."""
    found = Trigger.objects.filter(endpoint=event.endpoint_id, is_enabled=True).select_related("owner")
    return [_fired(trigger, event) for trigger in found if fits(event.event_type, trigger.event_types)]


def _fired(trigger: Trigger, event: WebhookEvent) -> Done:
    run, message, stays = _started(trigger, event)
    trigger.last_fired_at, trigger.message, trigger.last_run = timezone.now(), message, run or trigger.last_run
    if not stays:
        before = facts(trigger)
        trigger.is_enabled = False
        _record(trigger, "trigger changed", before=before, after=facts(trigger), note=message)
    trigger.save(update_fields=["last_fired_at", "message", "last_run", "is_enabled"])
    return Done("run", str(run.pk) if run else "", message)


def _started(trigger: Trigger, event: WebhookEvent) -> tuple[Run | None, str, bool]:
    """The run, why there is none, and whether the trigger stays switched on."""
    connection, owner = event.endpoint.connection, trigger.owner
    if owner is None or not owner.is_active or not may_run(owner, connection.organization, connection.integration):
        return None, NOT_ALLOWED, False
    if connection.owner_id and connection.owner_id != owner.pk:
        return None, NOT_ALLOWED, False
    action = action_of(trigger)
    if action is None:
        return None, GONE, False
    try:
        inputs = filled(trigger.inputs, values_of(event))
        with transaction.atomic():
            run = runs.start(action=action, connection=connection, user=owner, inputs=inputs)
    except Refusal as refusal:
        return None, f"It could not be started. {refusal.message}", True
    except (ValueError, FormulaError) as error:
        return None, f"It could not be started. {error}", True
    return run, "", True


def filled(inputs: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    """Inputs with the values of an event. `{{mapping.…}}` of the trigger stays for the run, which fills it in; what an event writes of that
    kind is no placeholder: whoever sends it must not read whose customer somebody is. Raises `ValueError`.
    """
    mark = uuid4().hex  # which no event knows
    found = expressions.filled(inputs, {"event": event, "mapping": {name: f"{mark}{name}" for name in _MAPPED}})
    return dict(_settled(found, mark))


def _settled(value: Any, mark: str) -> Any:
    match value:
        case str():
            text = value.replace("{{", "{ {").replace("${", "$ {") if mapping_texts.reads(value) else value
            for name in _MAPPED:
                text = text.replace(f"{mark}{name}", f"{{{{mapping.{name}}}}}")
            return text
        case dict():
            return {key: _settled(inner, mark) for key, inner in value.items()}
        case list():
            return [_settled(inner, mark) for inner in value]
    return value


def action_of(trigger: Trigger) -> Action | None:
    """The action as the newest finalized revision has it."""
    current = trigger.endpoint.connection.integration.current
    return current.actions.filter(uid=trigger.action_uid).first() if current else None


def check_inputs(action: Action, inputs: dict[str, Any]) -> None:
    """Raise `Invalid` for inputs that the action does not have, for required ones that are missing, and for unreadable placeholders."""
    operation = runs.plan_of(action).operation
    parameters = labelled(operation)
    errors: dict[str, list[str]] = {}
    for name, value in inputs.items():
        if name not in parameters and not (name == BODY and operation.body):
            errors[f"inputs.{name}"] = ["The action has no such input."]
            continue
        if sentence := _unreadable(value):
            errors[f"inputs.{name}"] = [sentence]
    missing = [label for label, one in parameters.items() if one.required and not is_given(one.default) and not is_given(inputs.get(label))]
    missing += [BODY] if operation.body and operation.body.required and not is_given(inputs.get(BODY)) else []
    errors |= {
        f"inputs.{label}": ["The action needs it. Enter a value, or where the event has it, for example {{event.body.id}}."]
        for label in missing
    }
    if errors:
        raise Invalid(errors)


def _unreadable(value: Any) -> str:
    try:
        nodes = [node for text in expressions.texts(value) for nodes in expressions.parse(text).alternatives for node in nodes]
    except ValueError as error:
        return str(error)
    # A JSONata expression has names of its own, which are no roots.
    plain = [expressions.Template("", ((node,),)) for node in nodes if not isinstance(node, expressions.Formula)]
    roots = {path.partition(".")[0] for one in plain for path in one.paths}
    strange = sorted(root for root in roots if root not in ("event", "mapping"))
    return f"There is no {strange[0]} here. An input reads the event, for example {{{{event.body.id}}}}." if strange else ""


def facts(trigger: Trigger) -> dict[str, Any]:
    """What the log keeps of a trigger. Its inputs may be private, so that only their names are kept."""
    return {
        "action": str(trigger.action_uid),
        "eventTypes": list(trigger.event_types),
        "enabled": trigger.is_enabled,
        "inputs": list(trigger.inputs),
    }


def _record(trigger: Trigger, verb: str, **values: Any) -> None:
    connection = trigger.endpoint.connection
    audit.record(kind=audit.Kind.CONNECTION, verb=verb, subject=connection, organization=connection.organization, **values)
