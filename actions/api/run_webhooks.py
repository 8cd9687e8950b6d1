"""Webhooks of runs over HTTP: list, add, change, test, renew the secret, see what was delivered, delete."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from actions.models import RunWebhook, Schedule
from actions.permissions import delivery_of, run_webhook_for
from actions.run_webhooks import events, services
from config.hal import array
from connections.api import deliveries
from connections.deliveries import sending, targets
from connections.models import Delivery
from integrations.api.listing import PAGING, Choice, Filters, Order
from integrations.api.payloads import ANYTHING, FLAG, TEXT, checked
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.models import Integration, Role
from integrations.permissions import by_id, organization_for, signed_in
from integrations.refusals import Invalid

_FIELDS = {
    "name": TEXT,
    "url": TEXT,
    "organization": ANYTHING,
    "includeBelow": FLAG,
    "integration": ANYTHING,
    "schedule": ANYTHING,
    "heard": ANYTHING,
    "enabled": FLAG,
}


class RunWebhookRequest(serializers.Serializer):
    """Left out or null, `integration` and `schedule` mean all."""

    name = serializers.CharField(max_length=200, help_text="Who gets these calls")
    url = serializers.CharField(max_length=2000, help_text="Gets a POST for each run that ends, signed by Standard Webhooks")
    organization = serializers.CharField(
        required=False, help_text="Id or slug; by default the topmost in which you may run. Cannot be changed"
    )
    includeBelow = serializers.BooleanField(required=False, help_text="Also runs of organizations below; true if left out")
    integration = serializers.UUIDField(required=False, allow_null=True)
    schedule = serializers.UUIDField(required=False, allow_null=True)
    heard = serializers.ChoiceField(required=False, choices=RunWebhook.Heard.choices, help_text="all if left out")
    enabled = serializers.BooleanField(required=False, help_text="True if left out")


class RunWebhookDocument(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    url = serializers.CharField(help_text="Without its query for those who may not change it")
    organization = serializers.UUIDField()
    includeBelow = serializers.BooleanField()
    integration = serializers.UUIDField(allow_null=True)
    schedule = serializers.UUIDField(allow_null=True)
    heard = serializers.ChoiceField(choices=RunWebhook.Heard.choices)
    enabled = serializers.BooleanField()
    message = serializers.CharField(help_text="Why it was switched off")
    createdAt = serializers.DateTimeField()


class MadeRunWebhookDocument(RunWebhookDocument):
    secret = serializers.CharField(help_text="whsec_…; in this answer and nowhere else")


class RunWebhookDeliveryDocument(deliveries.DeliveryDocument):
    type = serializers.CharField(help_text="run.finished or run.test")
    run = serializers.UUIDField(allow_null=True)


def represent(webhook: RunWebhook, *, whole: bool = True) -> dict[str, Any]:
    """`whole` with the query of its URL, in which a key may stand: for those who may change it."""
    target = webhook.target
    return {
        "id": str(webhook.pk),
        "name": target.name,
        "url": target.url if whole else targets.facts(target)["url"],
        "organization": str(webhook.organization_id),
        "includeBelow": webhook.below,
        "integration": str(webhook.integration_id) if webhook.integration_id else None,
        "schedule": str(webhook.schedule_id) if webhook.schedule_id else None,
        "heard": webhook.heard,
        "enabled": target.is_enabled,
        "message": target.message,
        "createdAt": webhook.created_at,
    }


def represent_delivery(delivery: Delivery) -> dict[str, Any]:
    return {**deliveries.represent(delivery), "type": delivery.kind, "run": delivery.subject or None}


class RunWebhookFilters(Filters):
    organization = django_filters.UUIDFilter(field_name="organization_id")
    integration = django_filters.UUIDFilter(field_name="integration_id")
    schedule = django_filters.UUIDFilter(field_name="schedule_id")
    heard = Choice("heard", RunWebhook.Heard.choices)
    ordering = Order({"target__name": "name", "created_at": "createdAt"})


class RunWebhooksView(APIView):
    gives_secrets = True

    @extend_schema(
        operation_id="listRunWebhooks",
        summary="List the webhooks that hear of ended runs",
        parameters=RunWebhookFilters.parameters(),
        responses={200: RunWebhookDocument(many=True), **problems(401, 422)},
        tags=["runs"],
    )
    def get(self, request: Request) -> Response:
        rows = RunWebhook.objects.visible_to(request.user).select_related("target")
        usable = set(RunWebhook.objects.usable_by(request.user).values_list("pk", flat=True))
        return array(request, RunWebhookFilters.narrow(request, rows), lambda row: represent(row, whole=row.pk in usable))

    @extend_schema(
        operation_id="addRunWebhook",
        summary="Have a URL hear of ended runs; the secret of its signature is in this answer and nowhere else",
        request=RunWebhookRequest,
        responses={201: MadeRunWebhookDocument, **problems(400, 401, 403, 404, 422)},
        tags=["runs"],
    )
    def post(self, request: Request) -> Response:
        payload = checked(json_object(request), _FIELDS)
        organization = organization_for(request.user, Role.OPERATOR, str(payload["organization"]) if payload.get("organization") else None)
        values = {"includeBelow": True, "heard": RunWebhook.Heard.ALL, **payload}
        made, secret = services.add(
            organization=organization,
            user=signed_in(request),
            url=values.get("url"),
            name=values.get("name"),
            below=values["includeBelow"],
            integration=_integration(request.user, values.get("integration")),
            schedule=_schedule(request.user, values.get("schedule")),
            heard=values["heard"],
        )
        if payload.get("enabled") is False:
            targets.change(target=made.target, is_enabled=False)
        return _with_secret(made, secret, status=201)


class RunWebhookView(APIView):
    @extend_schema(
        operation_id="getRunWebhook", summary="A webhook of runs", responses={200: RunWebhookDocument, **problems(401, 404)}, tags=["runs"]
    )
    def get(self, request: Request, key: str) -> Response:
        webhook = run_webhook_for(request.user, key)
        return Response(represent(webhook, whole=RunWebhook.objects.usable_by(request.user).filter(pk=webhook.pk).exists()))

    @extend_schema(
        operation_id="changeRunWebhook",
        summary="Change a webhook of runs; what is left out stays",
        request=RunWebhookRequest(partial=True),
        responses={200: RunWebhookDocument, **problems(400, 401, 403, 404, 422)},
        tags=["runs"],
    )
    def patch(self, request: Request, key: str) -> Response:
        webhook = run_webhook_for(request.user, key, use=True)
        payload = checked(json_object(request), _FIELDS)
        if "organization" in payload and payload["organization"] not in (str(webhook.organization_id), webhook.organization.slug):
            raise Invalid({"organization": ["The organization of a webhook stays. Add another webhook."]})
        values = {**represent(webhook), **payload}
        services.change(
            webhook=webhook,
            user=signed_in(request),
            url=values["url"],
            name=values["name"],
            below=values["includeBelow"],
            integration=_integration(request.user, values["integration"]),
            schedule=_schedule(request.user, values["schedule"]),
            heard=values["heard"],
            is_enabled=values["enabled"],
        )
        return Response(represent(webhook))

    @extend_schema(
        operation_id="deleteRunWebhook",
        summary="Delete a webhook of runs and its deliveries",
        responses={204: None, **problems(401, 403, 404)},
        tags=["runs"],
    )
    def delete(self, request: Request, key: str) -> Response:
        services.delete(webhook=run_webhook_for(request.user, key, use=True))
        return Response(status=204)


class RunWebhookSecretView(APIView):
    gives_secrets = True

    @extend_schema(
        operation_id="renewRunWebhookSecret",
        summary="Make another secret; the one before signs along for a day",
        request=None,
        responses={200: MadeRunWebhookDocument, **problems(401, 403, 404)},
        tags=["runs"],
    )
    def post(self, request: Request, key: str) -> Response:
        webhook = run_webhook_for(request.user, key, use=True)
        return _with_secret(webhook, targets.renew(target=webhook.target), status=200)


class RunWebhookTestView(APIView):
    @extend_schema(
        operation_id="testRunWebhook",
        summary="Send a test event (run.test)",
        request=None,
        responses={202: RunWebhookDeliveryDocument, **problems(401, 403, 404)},
        tags=["runs"],
    )
    def post(self, request: Request, key: str) -> Response:
        return Response(represent_delivery(events.test(run_webhook_for(request.user, key, use=True))), status=202)


class RunWebhookDeliveriesView(APIView):
    @extend_schema(
        operation_id="listRunWebhookDeliveries",
        summary="List what was delivered, newest first, with every attempt",
        parameters=PAGING,
        responses={200: RunWebhookDeliveryDocument(many=True), **problems(401, 403, 404, 422)},
        tags=["runs"],
    )
    def get(self, request: Request, key: str) -> Response:
        webhook = run_webhook_for(request.user, key, use=True)
        return array(request, webhook.target.deliveries.select_related("target").prefetch_related("attempts"), represent_delivery)


class RunWebhookRedeliverView(APIView):
    @extend_schema(
        operation_id="redeliverRunWebhook",
        summary="Send a delivery that has ended once more, with the same message id",
        request=None,
        responses={202: RunWebhookDeliveryDocument, **problems(401, 403, 404, 409)},
        tags=["runs"],
    )
    def post(self, request: Request, key: str, delivery: str) -> Response:
        found = delivery_of(run_webhook_for(request.user, key, use=True), delivery)
        return Response(represent_delivery(sending.redeliver(delivery=found)), status=202)


def _with_secret(webhook: RunWebhook, secret: str, *, status: int) -> Response:
    headers = {"Location": f"/api/run-webhooks/{webhook.pk}", "Cache-Control": "no-store"}
    return Response({**represent(webhook), "secret": secret}, status=status, headers=headers)


def _integration(user: Any, key: Any) -> Integration | None:
    return _row(Integration, user, key, "integration")


def _schedule(user: Any, key: Any) -> Schedule | None:
    return _row(Schedule, user, key, "schedule")


def _row(model: Any, user: Any, key: Any, field: str) -> Any:
    """The row of an id. What the user may not see is answered as what does not exist."""
    if key is None:
        return None
    found = by_id(model.objects.visible_to(user), key)
    if found is None:
        raise Invalid({field: [f"There is no such {field} that you may see."]})
    return found
