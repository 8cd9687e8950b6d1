"""Triggers over HTTP: what events start; list, add, change, delete."""

from __future__ import annotations

from typing import Any

import django_filters
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from actions.api.schema import ObjectField
from actions.models import Action, Trigger
from actions.permissions import trigger_for
from actions.triggers import services
from config.hal import array
from connections.models import WebhookEndpoint
from connections.permissions import connection_for, webhook_endpoint_for
from integrations.api.listing import Filters, Flag, Order
from integrations.api.payloads import ANYTHING, FLAG, INPUTS, TEXTS, checked
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.permissions import is_uuid, signed_in
from integrations.refusals import Conflict, Invalid

_FIELDS = {"connection": ANYTHING, "action": ANYTHING, "inputs": INPUTS.or_null(), "eventTypes": TEXTS.or_null(), "enabled": FLAG}


class TriggerRequest(serializers.Serializer):
    """Whoever saves it becomes its owner, in whose name the action runs."""

    connection = serializers.UUIDField(help_text="One that has an address for webhooks. Cannot be changed later")
    action = serializers.UUIDField(help_text="Of the connection's integration. Cannot be changed later")
    inputs = ObjectField(required=False, help_text="By parameter name, the body under body; texts may read the event: {{event.body.id}}")
    eventTypes = serializers.ListField(child=serializers.CharField(), required=False, help_text="invoice.paid, invoice.*; empty: all")
    enabled = serializers.BooleanField(required=False, help_text="True if left out")


class TriggerDocument(serializers.Serializer):
    id = serializers.UUIDField()
    connection = serializers.UUIDField()
    action = serializers.UUIDField()
    inputs = ObjectField()
    eventTypes = serializers.ListField(child=serializers.CharField())
    enabled = serializers.BooleanField()
    owner = serializers.CharField(allow_null=True)
    message = serializers.CharField(help_text="Why the last event started nothing, or why it was switched off")
    lastRun = serializers.UUIDField(allow_null=True)
    lastFiredAt = serializers.DateTimeField(allow_null=True)


def represent(trigger: Trigger) -> dict[str, Any]:
    return {
        "id": str(trigger.pk),
        "connection": str(trigger.endpoint.connection_id),
        "action": str(trigger.action_uid),
        "inputs": trigger.inputs,
        "eventTypes": list(trigger.event_types),
        "enabled": trigger.is_enabled,
        "owner": trigger.owner.username if trigger.owner else None,
        "message": trigger.message,
        "lastRun": str(trigger.last_run_id) if trigger.last_run_id else None,
        "lastFiredAt": trigger.last_fired_at,
    }


class TriggerFilters(Filters):
    connection = django_filters.UUIDFilter(field_name="endpoint__connection_id")
    action = django_filters.UUIDFilter(field_name="action_uid")
    enabled = Flag("is_enabled")
    ordering = Order({"created_at": "createdAt"})


class TriggersView(APIView):
    @extend_schema(
        operation_id="listTriggers",
        summary="What events start, for connections that the caller uses",
        parameters=TriggerFilters.parameters(),
        responses={200: TriggerDocument(many=True), **problems(401, 422)},
        tags=["webhooks"],
    )
    def get(self, request: Request) -> Response:
        rows = Trigger.objects.visible_to(request.user).select_related("owner", "endpoint")
        return array(request, TriggerFilters.narrow(request, rows), represent)

    @extend_schema(
        operation_id="addTrigger",
        summary="Let events start an action",
        request=TriggerRequest,
        responses={201: TriggerDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["webhooks"],
    )
    def post(self, request: Request) -> Response:
        payload = checked(json_object(request), _FIELDS)
        endpoint = _endpoint(request, payload.get("connection"))
        made = services.save(
            trigger=None,
            endpoint=endpoint,
            action=_action(endpoint, payload.get("action")),
            user=signed_in(request),
            inputs=payload.get("inputs") or {},
            event_types=payload.get("eventTypes") or [],
            is_enabled=payload.get("enabled", True),
        )
        return Response(represent(made), status=201, headers={"Location": f"/api/triggers/{made.pk}"})


class TriggerView(APIView):
    @extend_schema(
        operation_id="getTrigger", summary="A trigger", responses={200: TriggerDocument, **problems(401, 403, 404)}, tags=["webhooks"]
    )
    def get(self, request: Request, key: str) -> Response:
        return Response(represent(trigger_for(request.user, key)))

    @extend_schema(
        operation_id="changeTrigger",
        summary="Change a trigger; what is left out stays",
        request=TriggerRequest(partial=True),
        responses={200: TriggerDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["webhooks"],
    )
    def patch(self, request: Request, key: str) -> Response:
        trigger = trigger_for(request.user, key)
        payload = checked(json_object(request), _FIELDS)
        for name, present in (("connection", trigger.endpoint.connection_id), ("action", trigger.action_uid)):
            if name in payload and str(payload[name]) != str(present):
                raise Invalid({name: [f"The {name} of a trigger stays. Add another trigger."]})
        if set(payload) == {"enabled"}:
            return Response(represent(services.set_enabled(trigger=trigger, is_enabled=payload["enabled"], user=signed_in(request))))
        action = services.action_of(trigger)
        if action is None:
            raise Conflict("The action of this trigger is no longer part of the integration. Delete the trigger.")
        saved = services.save(
            trigger=trigger,
            endpoint=trigger.endpoint,
            action=action,
            user=signed_in(request),
            inputs=payload["inputs"] if payload.get("inputs") is not None else trigger.inputs,
            event_types=payload["eventTypes"] if payload.get("eventTypes") is not None else trigger.event_types,
            is_enabled=payload.get("enabled", trigger.is_enabled),
        )
        return Response(represent(saved))

    @extend_schema(
        operation_id="deleteTrigger",
        summary="Delete a trigger; its runs stay",
        responses={204: None, **problems(401, 403, 404)},
        tags=["webhooks"],
    )
    def delete(self, request: Request, key: str) -> Response:
        services.delete(trigger=trigger_for(request.user, key))
        return Response(status=204)


def _endpoint(request: Request, key: Any) -> WebhookEndpoint:
    if not is_uuid(key):
        raise Invalid({"connection": ["Send the id of a connection."]})
    connection = connection_for(request.user, str(key), use=True)
    try:
        return webhook_endpoint_for(request.user, connection.pk)
    except Http404:
        raise Conflict("This connection has no address for webhooks. Open one first.") from None


def _action(endpoint: WebhookEndpoint, uid: Any) -> Action:
    current = endpoint.connection.integration.current
    found = current.actions.filter(uid=uid).first() if current and is_uuid(uid) else None
    if found is None:
        raise Invalid({"action": ["There is no such action in the finalized integration of this connection. Send its id."]})
    return found
