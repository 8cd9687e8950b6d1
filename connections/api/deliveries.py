"""Deliveries as the API shows them, whatever they are about."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from connections.models import Delivery


class DeliveryAttemptDocument(serializers.Serializer):
    at = serializers.DateTimeField()
    status = serializers.IntegerField(allow_null=True, help_text="Null: no answer came")
    outcome = serializers.CharField()
    elapsedMs = serializers.IntegerField()


class DeliveryDocument(serializers.Serializer):
    id = serializers.UUIDField()
    messageId = serializers.CharField(help_text="The header webhook-id, the same at each attempt")
    url = serializers.CharField()
    state = serializers.ChoiceField(Delivery.State.choices)
    message = serializers.CharField()
    createdAt = serializers.DateTimeField()
    nextAt = serializers.DateTimeField(allow_null=True)
    attempts = DeliveryAttemptDocument(many=True)


def represent(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": str(delivery.pk),
        "messageId": delivery.message_id,
        "url": delivery.target.url,
        "state": delivery.state,
        "message": delivery.message,
        "createdAt": delivery.created_at,
        "nextAt": delivery.next_at if delivery.state == Delivery.State.WAITING else None,
        "attempts": [
            {"at": one.at, "status": one.status, "outcome": one.outcome, "elapsedMs": one.elapsed_ms} for one in delivery.attempts.all()
        ],
    }
