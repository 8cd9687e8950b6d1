"""How the API's documents of organizations look, for /api/schema/."""

from __future__ import annotations

from rest_framework import serializers

from integrations.api.schema import HeadersField, OrganizationReference
from integrations.models import AuditEntry, Role


class WithFields(serializers.Serializer):
    """Documents have a member `fields`, which a serializer class cannot declare by that name."""

    fields_ = HeadersField(required=False, help_text="Custom fields: texts by name")

    def get_fields(self) -> dict[str, serializers.Field]:
        return {name.rstrip("_"): field for name, field in super().get_fields().items()}


class OrganizationRequest(WithFields):
    name = serializers.CharField(required=False)
    slug = serializers.CharField(required=False, help_text="Small letters, digits, hyphens; made of the name when left out")
    parent = serializers.CharField(required=False, help_text="Only when creating: id or slug")  # type: ignore[assignment]  # a member of the document
    customIntegrations = serializers.BooleanField(required=False, allow_null=True, help_text="The feature preview; null: as above")


class OrganizationDocument(WithFields):
    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    parent = OrganizationReference(allow_null=True)
    customIntegrations = serializers.BooleanField(allow_null=True)
    createdAt = serializers.DateTimeField()
    updatedAt = serializers.DateTimeField()


class OrganizationEmbedded(serializers.Serializer):
    def get_fields(self) -> dict[str, serializers.Field]:
        return {"organization": OrganizationDocument(many=True)}


class OrganizationCollection(serializers.Serializer):
    _links = serializers.DictField()
    _embedded = OrganizationEmbedded()
    start = serializers.IntegerField()
    count = serializers.IntegerField()
    total = serializers.IntegerField()


class MoveRequest(serializers.Serializer):
    parent = serializers.CharField(allow_null=True, help_text="Id or slug; null: the top, for superusers")  # type: ignore[assignment]  # the same
    dryRun = serializers.BooleanField(required=False, default=False, help_text="Say what would change, and change nothing")


class PersonDocument(serializers.Serializer):
    user = serializers.CharField()
    name = serializers.CharField()
    role = serializers.ChoiceField(Role.choices)
    organization = serializers.CharField()


class SightDocument(serializers.Serializer):
    people = PersonDocument(many=True)
    integrations = serializers.ListField(child=serializers.CharField())


class MoveDocument(serializers.Serializer):
    dryRun = serializers.BooleanField()
    organizations = serializers.IntegerField()
    integrations = serializers.IntegerField()
    connections = serializers.IntegerField()
    gains = SightDocument()
    loses = SightDocument()
    inUse = serializers.ListField(child=serializers.CharField())
    lent = serializers.IntegerField(help_text="Connections of organizations left behind that those below may use")
    mapped = serializers.IntegerField(help_text="Organizations that move and that one left behind has mapped")
    environments = serializers.ListField(
        child=serializers.CharField(),
        help_text="Those of organizations left behind that come along, because something is connected in them",
    )


class MemberDocument(WithFields):
    user = serializers.CharField(help_text="User name")
    name = serializers.CharField()
    email = serializers.CharField()
    role = serializers.ChoiceField(Role.choices)


class MemberRequest(WithFields):
    """A role, fields, or both. Fields replace the whole set."""

    role = serializers.ChoiceField(Role.choices, required=False)


class InvitationRequest(serializers.Serializer):
    role = serializers.ChoiceField(Role.choices)
    email = serializers.EmailField(required=False)


class InvitationDocument(serializers.Serializer):
    id = serializers.UUIDField()
    role = serializers.ChoiceField(Role.choices)
    email = serializers.CharField()
    url = serializers.CharField(help_text="The link; it works once")
    createdAt = serializers.DateTimeField()
    expiresAt = serializers.DateTimeField()
    isValid = serializers.BooleanField(
        help_text="Whether whoever made it is still an admin there; the link works only as long as that is so"
    )


class AuditDocument(serializers.Serializer):
    at = serializers.DateTimeField()
    actor = serializers.CharField(help_text="Empty: Junction itself")
    organization = serializers.CharField()
    kind = serializers.ChoiceField(AuditEntry.Kind.choices)
    object = serializers.CharField()
    objectId = serializers.CharField()
    action = serializers.CharField()
    before = serializers.DictField()
    after = serializers.DictField()
    note = serializers.CharField()


class AuditEmbedded(serializers.Serializer):
    def get_fields(self) -> dict[str, serializers.Field]:
        return {"entry": AuditDocument(many=True)}


class AuditCollection(serializers.Serializer):
    _links = serializers.DictField()
    _embedded = AuditEmbedded()
    start = serializers.IntegerField()
    count = serializers.IntegerField()
    total = serializers.IntegerField()


class EnvironmentRequest(serializers.Serializer):
    name = serializers.CharField()


class EnvironmentDocument(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    organization = serializers.CharField(allow_null=True, help_text="Slug of the organization that has added it; null: every one has it")
