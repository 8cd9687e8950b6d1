"""How shares, owners and teams look in /api/schema/."""

from __future__ import annotations

from rest_framework import serializers

from integrations.models import Level

_LEVELS = ", ".join(f"{level.value} {level.label.lower()}" for level in Level)


class PrincipalDocument(serializers.Serializer):
    id = serializers.CharField(help_text="A user name, team:slug or organization:slug")
    name = serializers.CharField()
    type = serializers.ChoiceField(["user", "team", "organization"])


class ShareRequest(serializers.Serializer):
    accessLevel = serializers.IntegerField(required=False, default=1, min_value=1, max_value=3, help_text=_LEVELS)


class ShareDocument(serializers.Serializer):
    _links = serializers.DictField()
    integrationId = serializers.UUIDField()
    principalId = serializers.CharField()
    accessLevel = serializers.IntegerField(help_text=_LEVELS)
    principal = PrincipalDocument()
    createdAt = serializers.DateTimeField()
    updatedAt = serializers.DateTimeField()


class ShareEmbedded(serializers.Serializer):
    def get_fields(self) -> dict[str, serializers.Field]:
        return {"inf:integration-share": ShareDocument(many=True)}


class ShareCollection(serializers.Serializer):
    _links = serializers.DictField()
    _embedded = ShareEmbedded()
    start = serializers.IntegerField()
    count = serializers.IntegerField()
    total = serializers.IntegerField()


class OwnerRequest(serializers.Serializer):
    ownerId = serializers.CharField(help_text="Of an organization in which you are a builder: organization:slug, slug or id")


class OwnerDocument(PrincipalDocument):
    _links = serializers.DictField()


class TeamRequest(serializers.Serializer):
    name = serializers.CharField(required=False)
    members = serializers.ListField(child=serializers.CharField(), required=False, help_text="User names; the whole list")


class TeamDocument(serializers.Serializer):
    _links = serializers.DictField()
    principalId = serializers.CharField(help_text="What shares call it")
    name = serializers.CharField()
    slug = serializers.CharField()
    members = serializers.ListField(child=serializers.CharField())
    createdAt = serializers.DateTimeField()
