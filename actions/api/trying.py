"""Try it over HTTP: pages of an action or a path with settings that are not saved, and what they suggest."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from pydantic import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from actions import trying
from actions.api.schema import TrialDocument, TrialRequest
from actions.models import Action
from actions.trying import Attempt, Look, Trial
from connections import trials
from connections.callers import Caller
from connections.client import Client
from connections.models import Connection
from connections.retries import CallError
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.definition import LARGEST_PAGE_SIZE, PAGINATION, Definition, Pagination
from integrations.definition import problems as sentences_of
from integrations.models import Integration
from integrations.operation import Operation
from integrations.permissions import by_id, integration_for, is_uuid, signed_in
from integrations.refusals import Invalid, Refusal

_FIELDS = {"action", "path", "inputs", "pagination", "pageSize", "connection", "credentials", "settings"}


class TryView(APIView):
    @extend_schema(
        operation_id="tryPagination",
        summary="Fetch up to three pages with settings that are not saved, and see what they suggest",
        request=TrialRequest,
        responses={200: TrialDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["integrations"],
    )
    def post(self, request: Request, key: str) -> Response:
        integration = integration_for(request.user, key, edit=True)
        payload = _checked(json_object(request))
        definition = integration.working.definition
        operation = _operation(integration, payload)
        try:
            with _client(request, integration, definition, payload) as client:
                trial = trying.try_it(
                    client=client,
                    definition=definition,
                    operation=operation,
                    pagination=_pagination(payload, operation, definition),
                    inputs=payload.get("inputs") or {},
                    page_size=payload.get("pageSize"),
                )
        except CallError as error:
            raise Refusal(error.message) from None
        return Response(represent(trial))


def represent(trial: Trial) -> dict[str, Any]:
    return {
        "works": trial.attempts[0].works,
        "attempts": [_attempt(attempt) for attempt in trial.attempts],
        "suggestion": trial.suggested.dump() if trial.suggested else None,
        "changes": [
            {"setting": change.setting, "before": change.before, "after": change.after, "evidence": change.evidence}
            for change in trial.changes
        ],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "pagination": attempt.pagination.dump(),
        "works": attempt.works,
        "message": attempt.message,
        "evidence": attempt.evidence,
        "requests": [_look(look) for look in attempt.looks],
    }


def _look(look: Look) -> dict[str, Any]:
    return {
        "method": look.method,
        "url": look.url,
        "headers": dict(look.headers),
        "body": look.body,
        "status": look.status,
        "elapsedMs": look.elapsed_ms,
        "bytes": look.byte_count,
        "contentType": look.content_type,
        "records": look.record_count,
        "total": look.total,
        "next": look.next_position,
        "firstRecord": look.first_record,
    }


def _checked(payload: dict[str, Any]) -> dict[str, Any]:
    errors: dict[str, list[str]] = {name: ["This field is not known."] for name in sorted(set(payload) - _FIELDS)}
    for name in ("inputs", "pagination", "credentials", "settings"):
        if payload.get(name) is not None and not isinstance(payload[name], dict):
            errors[name] = ["Enter an object."]
    size = payload.get("pageSize")
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= LARGEST_PAGE_SIZE):
        errors["pageSize"] = [f"Enter a whole number from 1 to {LARGEST_PAGE_SIZE}, or null."]
    if bool(payload.get("action")) == bool(payload.get("path")):
        errors["action"] = ["Send the id of an action, or a path; one of the two."]
    if errors:
        raise Invalid(errors)
    return payload


def _operation(integration: Integration, payload: dict[str, Any]) -> Operation:
    if payload.get("action"):
        rows: Any = integration.working.actions if is_uuid(payload["action"]) else Action.objects.none()
        found = rows.filter(uid=payload["action"]).first()
        if found is None:
            raise Invalid({"action": ["The integration has no such action. Send its id."]})
        operation: Operation = found.operation
        return operation
    try:
        return Operation.model_validate({"name": "Try it", "path": payload["path"], "paginated": True})
    except ValidationError as error:
        raise Invalid(sentences_of(error)) from None


def _pagination(payload: dict[str, Any], operation: Operation, definition: Definition) -> Pagination:
    """The settings to begin with: those that were sent, else the action's own, else the integration's."""
    if payload.get("pagination") is None:
        return operation.pagination or definition.pagination
    try:
        return PAGINATION.validate_python(payload["pagination"])
    except ValidationError as error:
        # Errors of a part alone lack the part's name, and begin with the tag of its type.
        kind = str(payload["pagination"].get("type"))
        found = {where.removeprefix(kind).lstrip("."): sentences for where, sentences in sentences_of(error).items()}
        raise Invalid({f"pagination.{where}".rstrip("."): sentences for where, sentences in found.items()}) from None


def _client(request: Request, integration: Integration, definition: Definition, payload: dict[str, Any]) -> Client:
    key = payload.get("connection")
    if not key:
        credentials = payload.get("credentials") or {}
        return trials.unsaved_client(
            integration=integration,
            definition=definition,
            credentials=credentials,
            settings=payload.get("settings") or {},
            caller=Caller(integration.organization, signed_in(request)),
        )
    rows = Connection.objects.usable_by(request.user).filter(integration=integration).select_related("credential", "integration")
    found = by_id(rows, key)
    if found is None:
        raise Invalid({"connection": ["There is no such connection of this integration that you may use. Send its id, or credentials."]})
    return trials.draft_client(connection=found, definition=definition, user=signed_in(request))
