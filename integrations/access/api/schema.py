"""How tokens and applications look in /api/schema/."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from integrations.access.applications import KINDS
from integrations.access.scopes import SCOPES
from integrations.api.schema import OrganizationReference
from integrations.models import Role


def _scopes(**options: Any) -> serializers.ListField:
    return serializers.ListField(child=serializers.ChoiceField(list(SCOPES)), **options)


class RoleDocument(serializers.Serializer):
    organization = OrganizationReference()
    role = serializers.ChoiceField(Role.choices, help_text="There and in all organizations below")


class MeDocument(serializers.Serializer):
    username = serializers.CharField()
    displayName = serializers.CharField()
    email = serializers.CharField()
    isSuperuser = serializers.BooleanField(help_text="Administers the installation, and sees every organization")
    roles = RoleDocument(many=True)
    scopes = _scopes(help_text="Of the token that asked; a browser session has api")


class MeRequest(serializers.Serializer):
    displayName = serializers.CharField(required=False, allow_blank=True, max_length=200)
    email = serializers.CharField(required=False, allow_blank=True)


class TokenRequest(serializers.Serializer):
    name = serializers.CharField(max_length=100)
    scopes = _scopes()
    expiresAt = serializers.DateTimeField(required=False, allow_null=True, help_text="Null: it works until it is revoked")


class PersonalTokenDocument(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    hint = serializers.CharField(help_text="The beginning of the token")
    scopes = _scopes()
    state = serializers.ChoiceField(["active", "expired"])
    createdAt = serializers.DateTimeField()
    expiresAt = serializers.DateTimeField(allow_null=True)
    lastUsedAt = serializers.DateTimeField(allow_null=True, help_text="To the minute; null: never")


class MadeTokenDocument(PersonalTokenDocument):
    token = serializers.CharField(help_text="Only in this answer")


class ApplicationRequest(serializers.Serializer):
    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(
        list(KINDS), help_text="Only when creating. " + " ".join(f"{kind}: {text[2]}." for kind, text in KINDS.items())
    )
    redirectUris = serializers.ListField(child=serializers.CharField(), required=False, help_text="Not for scripts")
    scopes = _scopes(help_text="What its tokens may do at most")


class ApplicationChange(serializers.Serializer):
    name = serializers.CharField(max_length=100, required=False)
    redirectUris = serializers.ListField(child=serializers.CharField(), required=False)
    scopes = _scopes(required=False)


class ApplicationDocument(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    kind = serializers.CharField(help_text="script, web, native, or the grant of one that was made by a command")
    clientId = serializers.CharField()
    redirectUris = serializers.ListField(child=serializers.CharField())
    scopes = _scopes()
    createdAt = serializers.DateTimeField()
    lastUsedAt = serializers.DateTimeField(allow_null=True, help_text="To the minute; null: never")


class MadeApplicationDocument(ApplicationDocument):
    clientSecret = serializers.CharField(allow_null=True, help_text="Only in this answer; null for an application without one")


class ConsentDocument(serializers.Serializer):
    application = serializers.IntegerField(help_text="Id")
    name = serializers.CharField()
    scopes = _scopes()
    since = serializers.DateTimeField()
