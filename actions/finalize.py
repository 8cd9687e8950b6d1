"""Finalizing: what is missing, what will be locked, and the deed."""

from __future__ import annotations

from django.db import transaction

from actions.models import Action, Import
from integrations import services as integrations
from integrations.definition import Gap, missing, pagination_gaps
from integrations.models import Integration, Revision, User
from integrations.openapi import answers
from integrations.operation import undeclared
from integrations.refusals import Conflict, Incomplete

LOCKED = (
    "the authentication method",
    "every action's key, method and path",
    "the list of these actions: new ones can be added, old ones only marked as deprecated",
)


AUTH_UNDECIDED = "The document does not say how to authenticate. Choose the method; if the API really needs none, choose that."


def gaps(revision: Revision) -> list[Gap]:
    """What this revision lacks, with the wizard step and the field, in the order of the wizard."""
    found = missing(revision.definition)
    if revision.auth_undecided:
        found.insert(0, Gap("host", "auth.type", AUTH_UNDECIDED))
    if not revision.integration.name:
        found.insert(0, Gap("details", "name", "The name is missing."))
    count = 0
    for action in revision.actions.all():
        count += 1
        found += _action_gaps(action)
    if not count:
        found.append(Gap("actions", "actions", "There is no action yet. Add at least one."))
    return found


def warnings(revision: Revision) -> list[Gap]:
    """What does not stand in the way of finalizing, but will end runs: paginated actions whose records cannot be found."""
    pagination = revision.definition.pagination
    found = []
    for action in revision.actions.filter(paginated=True):
        operation = action.operation
        own = operation.pagination if operation.pagination is not None else pagination
        key = operation.results_key if operation.results_key is not None else own.results_key
        schema = operation.response_schema or {}
        keys = answers.results_keys(schema, operation.path)
        if own.type == "none" or key or (keys and keys[0] == "$"):
            continue
        field = f"actions.{action.uid}.resultsKey"
        if keys:
            advice = f"By the document its answer has a list in {keys[0]}: set that as the results key of the action."
        else:
            advice = "If its answer is an object, set the results key: the path to the list in it, for example data."
        found.append(Gap("actions", field, f"{action.name} is paginated, but no results key says where its records are. {advice}"))
    return found


def _action_gaps(action: Action) -> list[Gap]:
    operation = action.operation
    found = [
        Gap(
            "actions",
            f"actions.{action.uid}.parameters",
            f"{action.name}: the path holds {{{name}}}, but no path parameter of this name is declared.",
        )
        for name in undeclared(operation)
    ]
    if operation.pagination is not None:
        found += [
            Gap("actions", f"actions.{action.uid}.pagination.{field}", f"{action.name}: {message}")
            for field, message in pagination_gaps(operation.pagination)
        ]
    return found


def finalize(*, integration: Integration, user: User) -> Revision:
    """Close the open draft. From then on connections use it; nothing of it changes any more.

    Raises `Incomplete` with the gaps, `Conflict` when no draft is open or an import
    is still writing.
    """
    with transaction.atomic():
        integration = integrations.locked(integration)
        draft = integration.draft
        if draft is None:
            raise Conflict("This integration is finalized already and has no open changes.")
        if integration.imports.filter(state=Import.State.WRITING).exists():
            raise Conflict("An import is still writing actions into this draft. Wait until it has finished.")
        found = gaps(draft)
        if found:
            raise Incomplete(list(found))
        draft.integration = integration
        integrations.finalize(revision=draft, user=user)
    return draft
