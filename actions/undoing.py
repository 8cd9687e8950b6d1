"""Undo a repair of the import: the draft gets back what the document says. An undone repair can be made again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from actions import services
from actions.models import Import
from integrations import services as integrations
from integrations.models import Integration, Revision
from integrations.openapi.findings import MAX_CHANGES
from integrations.refusals import Conflict

_FINALIZED = "The integration was finalized since the import, so its repairs stay. Change the actions in a new draft."
_UNREADABLE = "Without it the document could not be read. Correct the document and import it again."
_UNSENDABLE = "An action cannot hold what the document says. Change the action instead."
_AUTHENTICATION = "The authentication cannot hold what the document says. Change it in the wizard instead."
_ONE_BODY = "A request has one body. Change the body of the action instead."
_TOO_MANY = f"It concerns more than {MAX_CHANGES} actions, or no action can hold what the document says. Change the actions instead."
# Why a repair without changes stays, by rule or by the beginning of rules, the longer ones first.
_REASONS = {
    "document-": _UNREADABLE,
    "operation-operationId-unique": "Two actions cannot have the same key. Give this action another key instead.",
    "operation-operationId-valid-in-url": "The operationId is too long for a key, or is no text. Give the action another key instead.",
    "operation-operationId": "An action needs a key, and the document has none for it. Give this action another key instead.",
    "path-no-fragment": "A request has no fragment, so nothing was lost. Change the action instead.",
    "path-not-include-query": "The same request is sent. Change the parameters of the action instead.",
    "path-keys": "A request cannot be sent to the path as the document spells it. Change the action instead.",
    "parameter-credential": "The connection sends the key. Choose another authentication, and add the parameter to the actions that need it.",
    "parameter-reserved-header": _TOO_MANY,
    "path-params": _TOO_MANY,
    "schema-pattern": _TOO_MANY,
    "schema-required": _TOO_MANY,
    "security-scheme-undefined": "The authentication is the same either way. Change it in the wizard instead.",
    "security-scheme": _AUTHENTICATION,
    "resolving-references": "An action cannot hold a part that is not there. Add it to the action, or correct the document and import it again.",
    "circular-references": _TOO_MANY,
    "ref-percent-encoded": "An action holds what the reference leads to, which is the same either way. Change the action instead.",
    "no-$ref-siblings": "It made no difference to a body or an answer, or concerns more than 500 actions. Change the actions instead.",
    "operation-description": _TOO_MANY,
    "operation-parameters": "A request cannot hold the parameter as the document has it. Change the parameters of the action instead.",
    "oas2-one-body": _ONE_BODY,
    "oas2-body-and-form": _ONE_BODY,
    "request-body": "A body needs a media type. Choose another one in the action.",
    "schema-null": "A schema cannot be null. Change the body of the action instead.",
    "collection-format": "OpenAPI 3 cannot express it. Change the parameter of the action instead.",
    "server-https": "http addresses are for networks that the operator of this installation allowed. Change the base URI in the wizard instead.",
    "oas2-api-schemes": "A base URI starts with a scheme, and the document has none. Change it in the wizard instead.",
    "server-scheme": "A base URI starts with a scheme, and the document has none. Change it in the wizard instead.",
    "server-url": "A base URI has no query and no fragment. Change the base URI in the wizard instead.",
    "oas2-api-host": "The base URI is the same either way. Change it in the wizard instead.",
}
_DESCRIPTION = "/integration/description"
_NO_ACTION = "No action that it concerns is in the draft under its key, so there is nothing to undo."
_CHANGED = "{} was changed since the import, so nothing was done. Edit it in the wizard instead."


@dataclass(frozen=True)
class Row:
    """A repair as pages and the API show it. `number` counts from 1; `reason` says why it can be neither undone nor redone, else ""."""

    number: int
    rule: str
    pointer: str
    before: Any
    after: Any
    message: str
    undone: bool
    reason: str


def imported_revision(integration: Integration) -> Revision | None:
    """The revision that an import made, if one did."""
    return integration.revisions.filter(number=1).exclude(source="", linter={}).first()


def rows(revision: Revision, shown: int | None = None) -> list[Row]:
    """The repairs of an imported revision, or the first ones."""
    keys = set(revision.actions.values_list("key", flat=True))
    return [_row(revision, number, repair, keys) for number, repair in enumerate(revision.repairs[:shown], 1)]


def undo(*, integration: Integration, number: int, redo: bool = False) -> Row:
    """Put back what the document says for the repair with this number, or with `redo` make an undone repair again.

    All of its changes or none. Raises `Conflict` if that is impossible, and `Invalid` if an action cannot hold the value.
    """
    with transaction.atomic():
        integrations.locked(integration)
        revision = imported_revision(integration)
        if revision is None or not 1 <= number <= len(revision.repairs):
            raise Conflict("There is no such repair. Load the report of the import again.")
        keys = set(revision.actions.values_list("key", flat=True))
        repair = revision.repairs[number - 1]
        row = _row(revision, number, repair, keys)
        if row.reason:
            raise Conflict(row.reason)
        if integration.imports.filter(state=Import.State.WRITING).exists():
            raise Conflict("The import is still writing actions into this draft. Wait until it has finished.")
        if row.undone is not redo:
            raise Conflict("This repair is undone already." if row.undone else "This repair is in force already.")
        for change in repair["changes"]:
            before, after = (change["before"], change["after"]) if redo else (change["after"], change["before"])
            if not change["action"]:
                _define(integration, change["part"], before, after)
            elif change["action"] in keys:
                _act(revision, change["action"], change["part"], before, after)
                if change["part"] == "/key":
                    _follow(revision.repairs, before, after)
        repair["undone"] = not redo
        revision.save(update_fields=["repairs"])
        return _row(revision, number, repair, set(revision.actions.values_list("key", flat=True)))


def _row(revision: Revision, number: int, repair: dict[str, Any], keys: Collection[str]) -> Row:
    shown = {name: repair[name] for name in ("rule", "pointer", "before", "after", "message")}
    return Row(number=number, **shown, undone=repair.get("undone", False), reason=_reason(revision, repair, keys))


def _reason(revision: Revision, repair: dict[str, Any], keys: Collection[str]) -> str:
    changes = repair.get("changes", [])
    if not changes:
        return next((reason for rule, reason in _REASONS.items() if repair["rule"].startswith(rule)), _UNSENDABLE)
    if revision.finalized_at:
        return _FINALIZED
    return "" if any(not change["action"] or change["action"] in keys for change in changes) else _NO_ACTION


def _follow(repairs: list[dict[str, Any]], before: str, after: str) -> None:
    """Let the other repairs of an action know its new key."""
    for repair in repairs:
        for change in repair.get("changes", []):
            if change["action"] == before:
                change["action"] = after


def _define(integration: Integration, part: str, before: Any, after: Any) -> None:
    """Change one value of the definition, or of the integration itself, from `before` to `after`."""
    if part == _DESCRIPTION:
        integration.refresh_from_db(fields=["description"])
        if integration.description != before:
            raise Conflict(_CHANGED.format("The description of the integration"))
        integrations.update(integration=integration, description=after)
        return
    values = integration.working.definition.dump()
    _put(values, part, before, after, "The definition")
    name = part.split("/")[1]
    draft = integrations.change_definition(integration=integration, **{name: values[name]})
    if part == "/auth":
        # What is left when the only scheme is as unreadable as before: somebody has to say it.
        draft.auth_undecided = draft.definition.auth.type == "none"
        draft.save(update_fields=["auth_undecided"])


def _act(revision: Revision, key: str, part: str, before: Any, after: Any) -> None:
    """Change one value of an action from `before` to `after`."""
    action = revision.actions.select_related("revision__integration").get(key=key)
    values = action.operation.dump()
    if part == "/parameters":
        values["parameters"] = _exchanged(values["parameters"], before, after, action.name)
    else:
        _put(values, part, before, after, action.name)
    services.change(action=action, values=values)


def _exchanged(parameters: list[dict[str, Any]], before: Any, after: Any, where: str) -> list[dict[str, Any]]:
    """The parameters with `after` for `before`. What both have in common stays as it was edited meanwhile."""
    places = [_identity(parameter) for parameter in parameters]
    if (before and _identity(before) not in places) or (after and _identity(after) in places):
        raise Conflict(_CHANGED.format(f"The parameter {(after or before)['name']} of {where}"))
    if not before:
        return [*parameters, after]
    n = places.index(_identity(before))
    return [*parameters[:n], *([{**parameters[n], "name": after["name"]}] if after else []), *parameters[n + 1 :]]


def _identity(parameter: dict[str, Any]) -> tuple[str, str]:
    return parameter["in"], parameter["name"].lower() if parameter["in"] == "header" else parameter["name"]


def _put(values: dict[str, Any], part: str, before: Any, after: Any, where: str) -> None:
    """Set what a JSON pointer names to `after`, if it is `before`; None is absent."""
    *parents, last = [token.replace("~1", "/").replace("~0", "~") for token in part.split("/")[1:]]
    node: Any = values
    for token in parents:
        if isinstance(node, list):
            node = node[int(token)] if int(token) < len(node) else None
        else:
            node = node.get(token) if isinstance(node, dict) else None
    if isinstance(node, list) and last.isdigit() and int(last) < len(node) and node[int(last)] == before and after is not None:
        node[int(last)] = after
        return
    if not isinstance(node, dict) or node.get(last) != before:
        raise Conflict(_CHANGED.format(where))
    if after is None:
        del node[last]
    else:
        node[last] = after
