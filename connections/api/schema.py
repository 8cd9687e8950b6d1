"""How connections look in /api/schema/."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "The fields of the integration's method: apiKey | username, password | token | clientId, clientSecret | accessToken",
    }
)
class CredentialsField(serializers.JSONField):
    pass


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            "baseUri": {"type": "string", "description": "The organization's own server, where the integration leaves the host open"}
        },
    }
)
class SettingsField(serializers.JSONField):
    pass


class ConnectionRequest(serializers.Serializer):
    integration = serializers.CharField(help_text="Id or slug; only when creating")
    organization = serializers.CharField(
        required=False, help_text="Id or slug; only when creating; by default the caller's topmost organization"
    )
    name = serializers.CharField()
    credentials = CredentialsField(required=False, write_only=True)
    settings = SettingsField(required=False)
    isDefault = serializers.BooleanField(required=False)
    concurrency = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=50, help_text="Requests at once, over all runs; null: 4"
    )
    requestsPerMinute = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, help_text="Null: as many as the vendor takes"
    )


class ConnectionDocument(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    integration = serializers.UUIDField()
    organization = serializers.UUIDField()
    authType = serializers.CharField()
    credentialFields = serializers.ListField(child=serializers.CharField(), help_text="Which credentials are stored; never their values")
    settings = SettingsField()
    isDefault = serializers.BooleanField()
    concurrency = serializers.IntegerField(allow_null=True)
    requestsPerMinute = serializers.IntegerField(allow_null=True)
    state = serializers.ChoiceField(["untested", "working", "failing"])
    message = serializers.CharField()
    testedAt = serializers.DateTimeField(allow_null=True)
    createdAt = serializers.DateTimeField()
    updatedAt = serializers.DateTimeField()


class TestDocument(serializers.Serializer):
    ok = serializers.BooleanField()
    status = serializers.IntegerField(allow_null=True, help_text="The vendor's HTTP status; null where no answer came")
    message = serializers.CharField()
    elapsedMs = serializers.IntegerField()
