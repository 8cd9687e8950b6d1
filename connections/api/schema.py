"""How connections look in /api/schema/."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "The fields of the integration's method: apiKey | username, password | token | clientId, clientSecret, "
        "accessToken, refreshToken, privateKey, clientCertificate, clientKey; and every other name that its placeholders read as "
        "{{credentials.name}}. Write-only: the mask that stands for a stored one means unchanged, an empty text removes it.",
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
        "additionalProperties": {"type": "string"},
        "description": "Values of the integration's connectionFields by name. Those of the type password are write-only.",
    }
)
class SettingsField(serializers.JSONField):
    pass


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
            "ping": {"allOf": [{"$ref": "#/components/schemas/Ping"}], "nullable": True},
            "mediaTypes": {"$ref": "#/components/schemas/MediaTypes"},
            "network": {
                "type": "object",
                "properties": {
                    "authorities": {"type": "string", "description": "PEM; trusted besides the usual ones"},
                    "clientCertificate": {"type": "string", "description": "PEM"},
                    "minimumTls": {"type": "string", "enum": ["", "1.2", "1.3"]},
                    "verifyTls": {"type": "boolean"},
                    "proxy": {"type": "string", "description": "http://user@host:port"},
                },
            },
        },
        "description": "What the connection sets for itself, over what the integration says.",
    }
)
class OptionsField(serializers.JSONField):
    pass


@extend_schema_field(
    {
        "type": "object",
        "properties": {name: {"type": "string"} for name in ("clientKey", "passphrase", "proxyPassword", "pfx")},
        "description": "Write-only. pfx is a PKCS #12 file in Base64, instead of certificate and key.",
    }
)
class NetworkSecretsField(serializers.JSONField):
    pass


class ConnectionRequest(serializers.Serializer):
    integration = serializers.CharField(help_text="Id or slug; only when creating")
    organization = serializers.CharField(
        required=False, help_text="Id or slug; only when creating; by default the caller's topmost organization"
    )
    environment = serializers.CharField(required=False, help_text="Slug; only when creating; by default production")
    revision = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, help_text="Pins the connection to this finalized revision; null: the newest one"
    )
    name = serializers.CharField()
    credentials = CredentialsField(required=False, write_only=True)
    settings = SettingsField(required=False)
    options = OptionsField(required=False)
    networkSecrets = NetworkSecretsField(required=False, write_only=True)
    isDefault = serializers.BooleanField(required=False)
    sharesLimitOf = serializers.UUIDField(
        required=False, allow_null=True, help_text="A connection of the same organization whose requests at once are borrowed"
    )
    debugUntil = serializers.DateTimeField(
        required=False, allow_null=True, help_text="Only when changing: until then the request log keeps whole bodies"
    )
    below = serializers.ChoiceField(
        ["nobody", "mapped", "everybody"],
        required=False,
        help_text="Which organizations below may run with it: none, those that are mapped to a customer of the vendor, or all",
    )
    mode = serializers.ChoiceField(["cloud", "on-premise"], required=False, help_text="By default as `agent` says")
    agent = serializers.UUIDField(
        required=False, allow_null=True, help_text="The agent that makes the calls; null: Junction itself (cloud)"
    )
    agentCredential = serializers.CharField(
        required=False, allow_blank=True, help_text="A credential of the agent's own file; then the connection needs none"
    )
    concurrency = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=50, help_text="Requests at once, over all runs; null: 4"
    )
    requestsPerMinute = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, help_text="Null: as many as the vendor takes"
    )


class TokenDocument(serializers.Serializer):
    """What is known of a connection's token; never the token."""

    held = serializers.BooleanField(help_text="Whether there is one")
    expiresAt = serializers.DateTimeField(allow_null=True, help_text="null: not known")
    nextDueAt = serializers.DateTimeField(allow_null=True, help_text="When it is renewed next; null: when a call needs it")
    failures = serializers.IntegerField(help_text="Renewals in a row that failed")
    retryAt = serializers.DateTimeField(allow_null=True)


class AuthorizationDocument(serializers.Serializer):
    url = serializers.CharField(help_text="The vendor's page")
    expiresAt = serializers.DateTimeField()
    redirectUri = serializers.CharField(help_text="What is registered at the vendor")


class ConnectDocument(serializers.Serializer):
    """A code, tokens, or neither: then the credentials alone connect. Without a name the default connection is meant."""

    organization = serializers.CharField(required=False, help_text="Id or slug")
    name = serializers.CharField(required=False)
    credentials = CredentialsField(required=False, write_only=True)
    settings = SettingsField(required=False)
    code = serializers.CharField(required=False, write_only=True, help_text="An authorization code of your own redirect")
    codeVerifier = serializers.CharField(required=False, write_only=True, help_text="Of PKCE, for that code")
    redirectUri = serializers.CharField(required=False, help_text="The one that the code was asked for with; by default Junction's")
    callback = serializers.DictField(required=False, help_text="Other parameters of that redirect")
    accessToken = serializers.CharField(required=False, write_only=True)
    refreshToken = serializers.CharField(required=False, write_only=True)
    expiresIn = serializers.FloatField(required=False, help_text="Seconds that the access token still lives")
    token = serializers.DictField(required=False, write_only=True, help_text="An answer of the token endpoint as it came")


class DisconnectDocument(serializers.Serializer):
    revoked = serializers.BooleanField(help_text="Whether the vendor knows, or need not")
    message = serializers.CharField()


class UninstallDocument(serializers.Serializer):
    messages = serializers.ListField(child=serializers.CharField(), help_text="Vendors that could not be told that tokens are given up")


class TokenEventDocument(serializers.Serializer):
    at = serializers.DateTimeField()
    reason = serializers.CharField(help_text="needed, rejected, due, manual, authorized or pasted")
    outcome = serializers.ChoiceField(["started", "renewed", "failed", "refused", "lost"])
    message = serializers.CharField()
    elapsedMs = serializers.IntegerField()
    nextDueAt = serializers.DateTimeField(allow_null=True)


class _TokenEvents(serializers.Serializer):
    tokenEvents = TokenEventDocument(many=True)


class TokenEventCollection(serializers.Serializer):
    _links = serializers.DictField()
    _embedded = _TokenEvents()
    start = serializers.IntegerField()
    count = serializers.IntegerField()
    total = serializers.IntegerField()


class ConnectionDocument(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    integration = serializers.UUIDField()
    organization = serializers.UUIDField()
    environment = serializers.CharField()
    owner = serializers.CharField(
        allow_null=True, help_text="User name of the member to whom it belongs; null: it is shared by all members"
    )
    revision = serializers.IntegerField(allow_null=True, help_text="To which it is pinned; null: it goes along with the newest one")
    revisionInUse = serializers.IntegerField(allow_null=True)
    authType = serializers.CharField()
    credentialFields = serializers.ListField(child=serializers.CharField(), help_text="Which credentials are stored; never their values")
    settings = SettingsField()
    options = OptionsField()
    networkSecretFields = serializers.ListField(child=serializers.CharField(), help_text="Which secrets of the network are stored")
    isDefault = serializers.BooleanField()
    sharesLimitOf = serializers.UUIDField(allow_null=True)
    debugUntil = serializers.DateTimeField(allow_null=True)
    below = serializers.ChoiceField(["nobody", "mapped", "everybody"])
    mode = serializers.ChoiceField(["cloud", "on-premise"])
    agent = serializers.UUIDField(allow_null=True)
    agentCredential = serializers.CharField()
    concurrency = serializers.IntegerField(allow_null=True)
    requestsPerMinute = serializers.IntegerField(allow_null=True)
    state = serializers.ChoiceField(["untested", "working", "failing", "reauthorize"])
    message = serializers.CharField()
    needsAuthorization = serializers.BooleanField(help_text="Whether somebody has to agree on the vendor's page; see message")
    token = TokenDocument(allow_null=True, help_text="null for methods without tokens")
    newDestinations = serializers.ListField(
        child=serializers.CharField(), help_text="Servers of a changed integration to which nobody has agreed yet"
    )
    testedAt = serializers.DateTimeField(allow_null=True)
    createdAt = serializers.DateTimeField()
    updatedAt = serializers.DateTimeField()


class ExchangePart(serializers.Serializer):
    """One side of an exchange. Of a long body the beginning."""

    method = serializers.CharField(required=False)
    url = serializers.CharField(required=False)
    status = serializers.IntegerField(required=False)
    headers = serializers.ListField(child=serializers.ListField(child=serializers.CharField(), min_length=2, max_length=2))
    body = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes of the whole body")


class ExchangeDocument(serializers.Serializer):
    """A request as it went out and what came back; secrets are masked."""

    request = ExchangePart()
    answer = ExchangePart(allow_null=True)
    error = serializers.CharField(help_text="Why no answer came")


class ProxyRequest(serializers.Serializer):
    url = serializers.CharField(help_text="A path relative to the base URI, with or without a query; or an absolute URL below it")
    method = serializers.ChoiceField(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"], required=False, default="GET")
    params = serializers.DictField(required=False, help_text="Query parameters; a list sends its name several times, null nothing")
    data = serializers.JSONField(  # type: ignore[assignment]  # a member of the document
        required=False, help_text="The body: text goes as it is, everything else as JSON, or as the form that Content-Type asks for"
    )
    headers = serializers.DictField(child=serializers.CharField(), required=False, help_text="Those of the integration come before them")


class OwnConnectionDocument(ConnectionDocument):
    integrationId = serializers.UUIDField()
    ownerId = serializers.CharField(help_text="A username in the mode per-user, else the organization's slug")
    isShared = serializers.BooleanField()


class AccountDocument(serializers.Serializer):
    email = serializers.CharField(allow_null=True)
    displayName = serializers.CharField(allow_null=True)
    accountId = serializers.CharField(allow_null=True)


class TestDocument(serializers.Serializer):
    ok = serializers.BooleanField()
    status = serializers.IntegerField(allow_null=True, help_text="The vendor's HTTP status; null where no answer came")
    message = serializers.CharField()
    elapsedMs = serializers.IntegerField()
    decidedBy = serializers.CharField(help_text="The part of the answer that decided")
    cause = serializers.CharField(help_text="dns, refused, tls_expired, 401, html, clock …; empty where it worked")
    blame = serializers.ChoiceField(["you", "us", "vendor"], allow_null=True, help_text="Who can mend it")
    advice = serializers.CharField(help_text="What to do about it")
    exchange = ExchangeDocument(allow_null=True)


class ConnectionEventDocument(serializers.Serializer):
    at = serializers.DateTimeField()
    before = serializers.CharField()
    after = serializers.CharField()
    reason = serializers.CharField(help_text="test, schedule, call, token or person")
    message = serializers.CharField()
