"""How the API's documents look, for /api/schema/. Validation is the definition's, not these serializers'."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema_field
from rest_framework import serializers

from integrations.api.definition_schema import reference

_METHODS = ("ApiKeyAuth", "BasicAuth", "DigestAuth", "BearerAuth", "OAuth2Auth", "LoginAuth", "JwtAuth", "NoAuth")


@extend_schema_field({"anyOf": [reference(name) for name in _METHODS], "description": "The settings of the method that authType names."})
class AuthField(serializers.JSONField):
    pass


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": True,
        "description": "type is none, index, page, link, pointer, range or expression; the other fields belong to it.",
    }
)
class PaginationField(serializers.JSONField):
    pass


@extend_schema_field(
    {"type": "object", "additionalProperties": {"type": "string"}, "description": "By name; a value may hold placeholders."}
)
class HeadersField(serializers.JSONField):
    pass


@extend_schema_field({"type": "array", "items": reference("ConnectionField")})
class ConnectionFieldsField(serializers.JSONField):
    pass


@extend_schema_field({"nullable": True, "allOf": [reference("Ping")]})
class PingField(serializers.JSONField):
    pass


@extend_schema_field(reference("MediaTypes"))
class MediaTypesField(serializers.JSONField):
    pass


@extend_schema_field({"nullable": True, "allOf": [reference("AccountRequest")]})
class AccountField(serializers.JSONField):
    pass


@extend_schema_field({"nullable": True, "allOf": [reference("RateLimit")]})
class RateLimitField(serializers.JSONField):
    pass


@extend_schema_field({"nullable": True, "allOf": [reference("Webhook")]})
class WebhookField(serializers.JSONField):
    pass


@extend_schema_field({"type": "array", "items": reference("ErrorRule")})
class ErrorRulesField(serializers.JSONField):
    pass


class ProblemError(serializers.Serializer):
    field = serializers.CharField()
    message = serializers.CharField()


class Problem(serializers.Serializer):
    """RFC 9457 problem details."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = ProblemError(many=True, required=False)  # type: ignore[assignment]  # a member of the document


REASONS = {
    400: "The request cannot be read",
    401: "No valid token or session",
    403: "The role does not allow it",
    404: "Not there, or not visible to the caller",
    406: "No media type that the caller accepts",
    409: "Not possible as things stand",
    410: "It was there and has been removed",
    412: "Somebody changed it since the caller has read it",
    413: "The body is too large",
    415: "The media type of the body is not read here",
    422: "Some values do not fit",
    428: "This installation wants If-Match with every change",
    429: "Too many requests; Retry-After says when to come again",
    502: "The vendor could not be reached",
    503: "Something that is needed does not answer now",
}


def problems(*codes: int) -> dict[Any, OpenApiResponse]:
    """The error answers of an operation."""
    return {(code, "application/problem+json"): OpenApiResponse(Problem, description=REASONS[code]) for code in codes}


class IntegrationRequest(serializers.Serializer):
    """What a client sends. Every field may be left out of a PUT or PATCH."""

    id = serializers.UUIDField(required=False, help_text="Only when creating: a UUID of your own")
    name = serializers.CharField(required=False)
    type = serializers.CharField(required=False, help_text="The driver, for example google-drive; custom where there is none")
    category = serializers.CharField(required=False)
    description = serializers.CharField(required=False)
    mode = serializers.ChoiceField(
        ["per-user", "shared"],
        required=False,
        help_text="Whether each user has a connection of their own, or all of an organization share theirs",
    )
    imageUrl = serializers.CharField(required=False)
    data = serializers.DictField(required=False, help_text="Yours; kept as it is")  # type: ignore[assignment]  # a member of the document
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    isBeta = serializers.BooleanField(required=False)
    sharingPolicy = serializers.ChoiceField(["allow", "ask", "deny"], required=False)
    status = serializers.ChoiceField(["published", "hidden", "deprecated"], required=False)
    apiBaseUri = serializers.CharField(
        required=False,
        help_text="https://host[:port][/path], with placeholders such as https://{{settings.subdomain}}.example.com; or only /path where every connection brings its host",
    )
    authType = serializers.CharField(required=False, help_text="apikey, basic, bearer, oauth2, login, digest, jwt or none; any case")
    auth = AuthField(required=False)
    connectionFields = ConnectionFieldsField(required=False)
    headers = HeadersField(required=False)
    query = HeadersField(required=False)
    ping = PingField(required=False)
    account = AccountField(required=False, help_text="The request that tells whose account a connection uses")
    pagination = PaginationField(required=False)
    rateLimit = RateLimitField(required=False, help_text="What the vendor says about too many calls, besides Retry-After")
    mediaTypes = MediaTypesField(required=False)
    errors = ErrorRulesField(required=False)  # type: ignore[assignment]  # a member of the document
    errorExpression = serializers.CharField(required=False, help_text="{{response.error}}: a value makes a successful answer a failure")
    idempotencyHeader = serializers.CharField(
        required=False, help_text="The header by which the vendor knows a repeated POST, PUT, PATCH or DELETE again; empty: it has none"
    )
    skipFollowAuthorizationHeader = serializers.BooleanField(
        required=False, help_text="Credentials follow no redirect, not even one within the same server"
    )
    webhook = WebhookField(
        required=False,
        allow_null=True,
        help_text='How the vendor\'s webhooks are checked; {"preset": "github"} alone stands for all that it says',
    )
    credentialOrigins = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Further origins that get the credentials where next links lead there"
    )
    organization = serializers.CharField(required=False, help_text="Only when creating: id or slug of the owner")
    apiKeyName = serializers.CharField(required=False)
    apiKeyLocation = serializers.CharField(required=False)
    apiKey = serializers.CharField(required=False, write_only=True, help_text="Default for connections; encrypted, never returned")
    authUri = serializers.CharField(required=False)
    tokenUri = serializers.CharField(required=False)
    revocationUri = serializers.CharField(required=False)
    scope = serializers.CharField(required=False)
    clientId = serializers.CharField(required=False)
    clientSecret = serializers.CharField(required=False, write_only=True, help_text="Default for connections; encrypted, never returned")
    basicTokenAuth = serializers.BooleanField(required=False)


class NewIntegrationRequest(IntegrationRequest):
    """What a client sends for a new integration. Without `mode` it is per-user, and without `authType` it is oauth2."""

    name = serializers.CharField()
    type = serializers.CharField(help_text="The driver, for example google-drive; custom where there is none")


class OrganizationReference(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()


class RevisionReference(serializers.Serializer):
    number = serializers.IntegerField()
    state = serializers.ChoiceField(["draft", "finalized"])
    finalizedAt = serializers.DateTimeField(allow_null=True)


class AuthChoice(serializers.Serializer):
    """A way to authenticate that the imported document describes; `auth` can be sent back as it is."""

    scheme = serializers.CharField(help_text="The name of the security scheme in the document")
    auth = AuthField()


class IntegrationDocument(serializers.Serializer):
    """An integration as HAL."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    type = serializers.CharField()
    category = serializers.CharField()
    description = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    isBeta = serializers.BooleanField()
    sharingPolicy = serializers.ChoiceField(["allow", "ask", "deny"])
    status = serializers.ChoiceField(["draft", "published", "hidden", "deprecated"])
    embedded = serializers.BooleanField()
    organization = OrganizationReference()
    apiBaseUri = serializers.CharField()
    authType = serializers.CharField()
    auth = AuthField()
    connectionFields = ConnectionFieldsField()
    headers = HeadersField()
    query = HeadersField()
    ping = PingField(allow_null=True)
    account = AccountField(allow_null=True)
    pagination = PaginationField()
    rateLimit = RateLimitField()
    mediaTypes = MediaTypesField()
    errors = ErrorRulesField()  # type: ignore[assignment]  # a member of the document
    errorExpression = serializers.CharField()
    idempotencyHeader = serializers.CharField()
    skipFollowAuthorizationHeader = serializers.BooleanField()
    webhook = WebhookField(allow_null=True)
    credentialOrigins = serializers.ListField(child=serializers.CharField())
    revision = RevisionReference()
    authChoices = AuthChoice(many=True)
    authUndecided = serializers.BooleanField(
        help_text="The imported document does not say how to authenticate, and nobody has said it since; finalizing asks for it"
    )
    hasDraft = serializers.BooleanField()
    createdAt = serializers.DateTimeField()
    updatedAt = serializers.DateTimeField()
    _links = serializers.DictField()


class ShareReference(serializers.Serializer):
    principalId = serializers.CharField(help_text="A username, team:slug or organization:slug")
    accessLevel = serializers.IntegerField(help_text="1: see and call through it, 2: edit, 3: share and hand over")


class GalleryItem(serializers.Serializer):
    """An integration in the flat list."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    type = serializers.CharField()
    category = serializers.CharField()
    description = serializers.CharField()
    mode = serializers.CharField()
    authType = serializers.CharField()
    ownerId = serializers.CharField(help_text="organization:slug")
    embedded = serializers.BooleanField()
    shared = serializers.BooleanField(help_text="Whether anybody but the owner can see it: it is published, or shared")
    tags = serializers.ListField(child=serializers.CharField())
    sharing = ShareReference(many=True)


class IntegrationEmbedded(serializers.Serializer):
    def get_fields(self) -> dict[str, serializers.Field]:
        return {"inf:integration": IntegrationDocument(many=True)}


class IntegrationCollection(serializers.Serializer):
    """A page of integrations as HAL."""

    _links = serializers.DictField()
    _embedded = IntegrationEmbedded()
    start = serializers.IntegerField()
    count = serializers.IntegerField()
    total = serializers.IntegerField()


class InstallRequestRequest(serializers.Serializer):
    organization = serializers.CharField(required=False, help_text="Id or slug of the one that asks")
    reason = serializers.CharField(required=False)


class DecisionRequest(serializers.Serializer):
    approve = serializers.BooleanField()
    answer = serializers.CharField(required=False, help_text="A note to the one that asks")


class InstallRequestDocument(serializers.Serializer):
    id = serializers.UUIDField()
    integration = serializers.CharField(help_text="Slug")
    organization = OrganizationReference()
    state = serializers.ChoiceField(["open", "approved", "declined"])
    reason = serializers.CharField()
    answer = serializers.CharField()
    createdAt = serializers.DateTimeField()
    decidedAt = serializers.DateTimeField(allow_null=True)


class InstallRequestEmbedded(serializers.Serializer):
    def get_fields(self) -> dict[str, serializers.Field]:
        return {"install-request": InstallRequestDocument(many=True)}


class InstallRequestCollection(serializers.Serializer):
    """A page of install requests as HAL."""

    _links = serializers.DictField()
    _embedded = InstallRequestEmbedded()
    start = serializers.IntegerField()
    count = serializers.IntegerField()
    total = serializers.IntegerField()


class TemplateNote(serializers.Serializer):
    path = serializers.CharField(help_text="The key of the entry that it is about")
    reason = serializers.CharField()


class TemplateDocument(serializers.Serializer):
    """A template as HAL. In lists the definition is left out."""

    id = serializers.UUIDField()
    _links = serializers.DictField()
    key = serializers.CharField(help_text="The key of the entry in its catalogue")
    name = serializers.CharField()
    categories = serializers.ListField(child=serializers.CharField())
    authType = serializers.CharField()
    losses = TemplateNote(many=True, help_text="What the entry says and the definition does not")
    notes = TemplateNote(many=True)
    source = serializers.CharField(help_text="Name of the file that it came from")  # type: ignore[assignment]  # a member of the document
    importedAt = serializers.DateTimeField()
    definition = serializers.DictField(required=False)


class TemplateEmbedded(serializers.Serializer):
    def get_fields(self) -> dict[str, serializers.Field]:
        return {"inf:integration-template": TemplateDocument(many=True)}


class TemplateCollection(serializers.Serializer):
    """A page of templates as HAL."""

    _links = serializers.DictField()
    _embedded = TemplateEmbedded()
    start = serializers.IntegerField()
    count = serializers.IntegerField()
    total = serializers.IntegerField()


class TemplateStart(serializers.Serializer):
    name = serializers.CharField(required=False, help_text="By default the template's")
    organization = serializers.CharField(required=False, help_text="Id or slug of the owner; by default the topmost in which you build")
