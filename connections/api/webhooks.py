"""Addresses for webhooks and what arrives there, over HTTP (plain JSON)."""

from __future__ import annotations

import base64
from typing import Any, Final

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.hal import array
from connections.api import deliveries
from connections.deliveries import targets
from connections.models import WebhookEndpoint, WebhookEvent
from connections.permissions import connection_for, webhook_endpoint_for, webhook_event_for
from connections.webhooks import endpoints, work
from connections.webhooks.endpoints import Change
from connections.webhooks.showing import body_text, deliveries_of
from integrations.api.listing import Choice, Filters, Order
from integrations.api.payloads import FLAG, TEXT, TEXTS, checked
from integrations.api.schema import WebhookField, problems
from integrations.api.views import json_object
from integrations.permissions import signed_in
from integrations.refusals import Conflict

_TEXTS: Final = {"preset": "preset", "secret": "secret", "username": "username", "verifyToken": "verify_token", "forwardUrl": "forward_url"}
_FIELDS: Final = {**dict.fromkeys(_TEXTS, TEXT.or_null()), "enabled": FLAG.or_null(), "forwardTypes": TEXTS.or_null()}


class EndpointRequest(serializers.Serializer):
    """What is left out stays. Secrets are write-only; "" removes one."""

    preset = serializers.CharField(required=False, help_text="A vendor such as github; empty: as the integration says")
    secret = serializers.CharField(
        required=False, write_only=True, help_text="Secret, token, password or public key, as the verification needs it"
    )
    username = serializers.CharField(required=False, help_text="For Basic")
    verifyToken = serializers.CharField(required=False, write_only=True, help_text="What a vendor sends who confirms the address with it")
    enabled = serializers.BooleanField(required=False)
    forwardUrl = serializers.CharField(required=False, help_text="Genuine messages are sent on there, signed; empty: nowhere")
    forwardTypes = serializers.ListField(child=serializers.CharField(), required=False, help_text="invoice.paid, invoice.*; empty: all")


class ForwardDocument(serializers.Serializer):
    url = serializers.CharField()
    types = serializers.ListField(child=serializers.CharField())
    enabled = serializers.BooleanField()
    message = serializers.CharField(help_text="Why nothing is sent on any more")


class EndpointDocument(serializers.Serializer):
    id = serializers.UUIDField()
    connection = serializers.UUIDField()
    url = serializers.CharField(help_text="The address. Whoever knows it can send messages")
    enabled = serializers.BooleanField()
    preset = serializers.CharField()
    rules = WebhookField(help_text="How messages are checked, by the preset or the integration")
    hasSecret = serializers.BooleanField()
    hasSecretOfIntegration = serializers.BooleanField(help_text="Whether the one counts that the integration's owner gave along")
    previousUntil = serializers.DateTimeField(allow_null=True, help_text="Until then the secret counts that was replaced")
    username = serializers.CharField()
    hasVerifyToken = serializers.BooleanField()
    lacks = serializers.ListField(child=serializers.CharField(), help_text="Why messages cannot be believed yet")
    confirmedAt = serializers.DateTimeField(allow_null=True)
    forward = ForwardDocument(allow_null=True)
    createdAt = serializers.DateTimeField()


class EndpointSaved(EndpointDocument):
    forwardSecret = serializers.CharField(help_text="whsec_…, when a target was made just now, else empty; it is not shown again")


class SecretDocument(serializers.Serializer):
    secret = serializers.CharField(help_text="It is not shown again")


class DoneDocument(serializers.Serializer):
    kind = serializers.CharField(help_text="run, forward or none")
    id = serializers.CharField(help_text="Of the run or the delivery; empty where there is none")
    message = serializers.CharField()
    at = serializers.DateTimeField()


class EventDocument(serializers.Serializer):
    id = serializers.UUIDField()
    connection = serializers.UUIDField()
    at = serializers.DateTimeField()
    eventId = serializers.CharField()
    eventType = serializers.CharField()
    verdict = serializers.ChoiceField(WebhookEvent.Verdict.values)
    reason = serializers.CharField(help_text="Why it was rejected")
    state = serializers.ChoiceField(WebhookEvent.State.values, help_text="ignored: there is nothing to do")
    size = serializers.IntegerField(help_text="Bytes")
    duplicates = serializers.IntegerField(help_text="How often it came again")
    results = DoneDocument(many=True)


class EventDetail(EventDocument):
    method = serializers.CharField()
    query = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    headers = serializers.ListField(child=serializers.ListField(child=serializers.CharField()), help_text="Without secrets")
    body = serializers.CharField(help_text="The beginning, for people; secrets are masked")
    bodyBase64 = serializers.CharField(help_text="As it arrived; of a rejected one the beginning")
    deliveries = deliveries.DeliveryDocument(many=True)


def represent(endpoint: WebhookEndpoint) -> dict[str, Any]:
    target = endpoint.forward_to
    forward = (
        {"url": target.url, "types": list(endpoint.forward_types), "enabled": target.is_enabled, "message": target.message}
        if target
        else None
    )
    return {
        "id": str(endpoint.pk),
        "connection": str(endpoint.connection_id),
        "url": endpoints.address_of(endpoint),
        "enabled": endpoint.is_enabled,
        "preset": endpoint.preset,
        "rules": endpoints.rules_of(endpoint).dump(),
        **endpoints.stored(endpoint),
        "lacks": endpoints.lacks(endpoint),
        "confirmedAt": endpoint.confirmed_at,
        "forward": forward,
        "createdAt": endpoint.created_at,
    }


def event_document(event: WebhookEvent) -> dict[str, Any]:
    return {
        "id": str(event.pk),
        "connection": str(event.endpoint.connection_id),
        "at": event.at,
        "eventId": event.event_id,
        "eventType": event.event_type,
        "verdict": event.verdict,
        "reason": event.reason,
        "state": event.state,
        "size": event.size,
        "duplicates": event.duplicates,
        "results": event.results,
    }


def detail(event: WebhookEvent) -> dict[str, Any]:
    return {
        **event_document(event),
        "method": event.method,
        "query": event.query,
        "headers": event.headers,
        "body": body_text(event),
        "bodyBase64": base64.b64encode(event.content).decode(),
        "deliveries": [deliveries.represent(one) for one in deliveries_of(event)],
    }


class EventFilters(Filters):
    eventType = django_filters.CharFilter("event_type", "icontains", max_length=200, help_text="A part of the kind of event")
    verdict = Choice("verdict", WebhookEvent.Verdict.choices)
    state = Choice("state", WebhookEvent.State.choices)
    since = django_filters.IsoDateTimeFilter("at", "gte", help_text="From this time on")
    until = django_filters.IsoDateTimeFilter("at", "lt", help_text="Before this time")
    ordering = Order({"at": "at"})


class EndpointView(APIView):
    gives_secrets = True  # the address, the secret of a new target

    @extend_schema(
        operation_id="getWebhook",
        summary="The address for webhooks of a connection",
        description="404 where the connection has none.",
        responses={200: EndpointDocument, **problems(401, 403, 404)},
        tags=["webhooks"],
    )
    def get(self, request: Request, key: str) -> Response:
        return _private(represent(webhook_endpoint_for(request.user, key)))

    @extend_schema(
        operation_id="openWebhook",
        summary="Give a connection an address for webhooks",
        request=EndpointRequest,
        responses={201: EndpointSaved, **problems(400, 401, 403, 404, 409, 422)},
        tags=["webhooks"],
    )
    def post(self, request: Request, key: str) -> Response:
        connection = connection_for(request.user, key, use=True)
        endpoint, secret = endpoints.open_endpoint(connection=connection, user=signed_in(request), change=_change(request))
        return _private({**represent(endpoint), "forwardSecret": secret}, status=201, Location=f"/api/connections/{connection.pk}/webhook")

    @extend_schema(
        operation_id="changeWebhook",
        summary="Change an address for webhooks; what is left out stays",
        request=EndpointRequest,
        responses={200: EndpointSaved, **problems(400, 401, 403, 404, 422)},
        tags=["webhooks"],
    )
    def patch(self, request: Request, key: str) -> Response:
        endpoint = webhook_endpoint_for(request.user, key)
        secret = endpoints.change_endpoint(endpoint=endpoint, user=signed_in(request), change=_change(request))
        return _private({**represent(webhook_endpoint_for(request.user, key)), "forwardSecret": secret})

    @extend_schema(
        operation_id="closeWebhook",
        summary="Close an address, and delete what arrived there",
        responses={204: None, **problems(401, 403, 404)},
        tags=["webhooks"],
    )
    def delete(self, request: Request, key: str) -> Response:
        endpoints.close(endpoint=webhook_endpoint_for(request.user, key))
        return Response(status=204)


class NewSecretView(APIView):
    gives_secrets = True

    @extend_schema(
        operation_id="makeWebhookSecret",
        summary="Make a secret for vendors at whom you enter one",
        description="The one before counts for another day.",
        request=None,
        responses={201: SecretDocument, **problems(401, 403, 404, 409)},
        tags=["webhooks"],
    )
    def post(self, request: Request, key: str) -> Response:
        made = endpoints.new_secret(endpoint=webhook_endpoint_for(request.user, key), user=signed_in(request))
        return _private({"secret": made}, status=201)


class NewAddressView(APIView):
    gives_secrets = True

    @extend_schema(
        operation_id="replaceWebhookAddress",
        summary="Another address; the present one leads nowhere from then on",
        request=None,
        responses={200: EndpointDocument, **problems(401, 403, 404)},
        tags=["webhooks"],
    )
    def post(self, request: Request, key: str) -> Response:
        return _private(represent(endpoints.new_address(endpoint=webhook_endpoint_for(request.user, key))))


class NewForwardSecretView(APIView):
    gives_secrets = True

    @extend_schema(
        operation_id="renewForwardSecret",
        summary="Another secret by which messages are signed that are sent on",
        description="The one before signs along for another day.",
        request=None,
        responses={201: SecretDocument, **problems(401, 403, 404, 409)},
        tags=["webhooks"],
    )
    def post(self, request: Request, key: str) -> Response:
        target = webhook_endpoint_for(request.user, key).forward_to
        if target is None:
            raise Conflict("Nothing is sent on from this address. Set forwardUrl first.")
        return _private({"secret": targets.renew(target=target)}, status=201)


class EventsView(APIView):
    @extend_schema(
        operation_id="listWebhookEvents",
        summary="What arrived at the address of a connection, newest first",
        parameters=EventFilters.parameters(),
        responses={200: EventDocument(many=True), **problems(401, 403, 404, 422)},
        tags=["webhooks"],
    )
    def get(self, request: Request, key: str) -> Response:
        connection = connection_for(request.user, key, use=True)
        rows = WebhookEvent.objects.filter(endpoint__connection=connection).select_related("endpoint").defer("body", "headers")
        return array(request, EventFilters.narrow(request, rows), event_document)


class EventView(APIView):
    @extend_schema(
        operation_id="getWebhookEvent",
        summary="One message: what arrived, whether it was believed, what was done",
        responses={200: EventDetail, **problems(401, 403, 404)},
        tags=["webhooks"],
    )
    def get(self, request: Request, key: str) -> Response:
        return Response(detail(webhook_event_for(request.user, key)))


class RedeliverView(APIView):
    @extend_schema(
        operation_id="redeliverWebhookEvent",
        summary="Do everything about an event once more",
        request=None,
        responses={202: EventDetail, **problems(401, 403, 404, 409)},
        tags=["webhooks"],
    )
    def post(self, request: Request, key: str) -> Response:
        event = webhook_event_for(request.user, key)
        return Response(detail(work.redeliver(event=event)), status=202)


def _private(document: dict[str, Any], *, status: int = 200, **headers: str) -> Response:
    return Response(document, status=status, headers={"Cache-Control": "no-store", **headers})


def _change(request: Request) -> Change:
    payload = checked(json_object(request), _FIELDS)
    given = {ours: payload.get(name) for name, ours in _TEXTS.items()}
    return Change(**given, is_enabled=payload.get("enabled"), forward_types=payload.get("forwardTypes"))
