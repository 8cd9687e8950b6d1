"""Between the fields of the API and a definition: `authType` and `auth`, seed-style flat fields, partial updates."""

from __future__ import annotations

from typing import Any

from integrations.definition import AUTH_CLASSES, PRESETS, Definition, OAuth2Auth
from integrations.models import Integration, Revision
from integrations.refusals import Invalid, check_known

# Flat fields that an integration may carry beside or instead of `auth`, by the method of authentication they belong to.
FLAT_FIELDS = {
    "apikey": ("apiKeyName", "apiKeyLocation", "apiKeyPreamble"),
    "oauth2": ("grantType", "authUri", "tokenUri", "revocationUri", "scope", "basicTokenAuth", "clientId"),
}
# Secrets that a client may send with the integration: defaults for its connections, kept encrypted, never sent back.
SECRET_FIELDS = {"apikey": ("apiKey",), "oauth2": ("clientSecret",)}
DETAIL_FIELDS = ("name", "description", "type", "category")
KEPT_FIELDS = ("mode", "imageUrl", "data")
SHARING_FIELDS = {"tags": "tags", "isBeta": "is_beta", "sharingPolicy": "sharing"}  # of the API: of the row
OTHER_FIELDS = (
    "id",
    "status",
    "apiBaseUri",
    "connectionFields",
    "headers",
    "query",
    "authType",
    "auth",
    "ping",
    "account",
    "pagination",
    "rateLimit",
    "credentialOrigins",
    "mediaTypes",
    "errors",
    "errorExpression",
    "idempotencyHeader",
    "skipFollowAuthorizationHeader",
    "webhook",
)
KNOWN_FIELDS = frozenset(
    (
        *DETAIL_FIELDS,
        *KEPT_FIELDS,
        *SHARING_FIELDS,
        *OTHER_FIELDS,
        *(field for fields in (*FLAT_FIELDS.values(), *SECRET_FIELDS.values()) for field in fields),
    )
)


def check_fields(payload: dict[str, Any]) -> None:
    """Refuse fields that nobody would read, so that a misspelt one is not lost silently."""
    check_known(payload, {*KNOWN_FIELDS, "_links", "_embedded", *READ_ONLY_FIELDS})


READ_ONLY_FIELDS = (
    "authChoices",
    "authUndecided",
    "slug",
    "embedded",
    "organization",
    "revision",
    "hasDraft",
    "actionCount",
    "createdAt",
    "updatedAt",
    "findings",
    "repairs",
    "version",
    "actions",
)


# Fields that a request replaces whole, null by nothing: of the API, of the definition, and what nothing is.
_REPLACED: dict[str, tuple[str, Any]] = {
    "apiBaseUri": ("api_base_uri", ""),
    "headers": ("headers", {}),
    "query": ("query", {}),
    "connectionFields": ("connection_fields", []),
    "rateLimit": ("rate_limit", {}),
    "credentialOrigins": ("credential_origins", []),
    "idempotencyHeader": ("idempotency_header", ""),
    "skipFollowAuthorizationHeader": ("skip_follow_authorization_header", False),
    "mediaTypes": ("media_types", {}),
    "errors": ("errors", []),
    "errorExpression": ("error_expression", ""),
    "ping": ("ping", None),
    "account": ("account", None),
}


def parts_of(payload: dict[str, Any], current: Definition) -> dict[str, Any]:
    """The parts of the definition that a request changes, ready for `Definition.changed`; what it leaves out stays."""
    parts: dict[str, Any] = {part: payload[name] or empty for name, (part, empty) in _REPLACED.items() if name in payload}
    if "pagination" in payload:
        parts["pagination"] = _merged(payload["pagination"] or {"type": "none"}, current.pagination.dump(), "pagination")
    if "webhook" in payload:
        parts["webhook"] = _webhook_of(payload["webhook"])
    auth = _auth_of(payload, current)
    if auth is not None:
        parts["auth"] = auth
    return parts


def kept_of(payload: dict[str, Any]) -> dict[str, Any]:
    """What is kept as it is sent, for `extra` of the row."""
    if payload.get("data") is not None and not isinstance(payload["data"], dict):
        raise Invalid({"data": ["Enter an object."]})
    for name in ("mode", "imageUrl"):
        if payload.get(name) is not None and not isinstance(payload[name], str):
            raise Invalid({name: ["Enter text."]})
    nothing = {"imageUrl": "", "data": {}}  # a mode that is nothing stays as it is
    kept = {name: nothing.get(name) if payload[name] is None else payload[name] for name in KEPT_FIELDS if name in payload}
    return {name: value for name, value in kept.items() if name != "mode" or value}


def _webhook_of(given: Any) -> dict[str, Any] | None:
    """What webhooks are like; the name of a preset alone stands for all that it says."""
    if given in (None, {}):
        return None
    if not isinstance(given, dict):
        raise Invalid({"webhook": ["Enter an object, or null."]})
    name = given.get("preset")
    if set(given) == {"preset"} and name:
        if name not in PRESETS:
            raise Invalid({"webhook.preset": [f"{str(name)[:50]} is not known. Use one of: {', '.join(PRESETS)}."]})
        return PRESETS[name].webhook.dump()
    return given


def sharing_of(payload: dict[str, Any]) -> dict[str, Any]:
    """What the row keeps of how it is found and shared, for `services.create` and `services.update`."""
    if "isBeta" in payload and not isinstance(payload["isBeta"], bool):
        raise Invalid({"isBeta": ["Enter true or false."]})
    return {column: payload[name] for name, column in SHARING_FIELDS.items() if name in payload}


def secrets_of(payload: dict[str, Any]) -> dict[str, str]:
    """The secrets among the flat fields."""
    names = [name for fields in SECRET_FIELDS.values() for name in fields]
    return {name: payload[name] for name in names if payload.get(name)}


def represent(integration: Integration, revision: Revision) -> dict[str, Any]:
    """The fields of the API that come from the definition; no secret is among them."""
    definition = revision.definition
    auth = definition.auth.dump()
    kind = auth.pop("type")
    flat = {name: auth[name] for name in FLAT_FIELDS.get(kind, ()) if name in auth}
    if isinstance(definition.auth, OAuth2Auth):
        flat["basicTokenAuth"] = definition.auth.basic_token_auth
    return {
        "apiBaseUri": definition.api_base_uri,
        "authType": kind,
        "auth": auth,
        **flat,
        "connectionFields": [field.dump() for field in definition.connection_fields],
        "headers": definition.headers,
        "query": definition.query,
        "ping": definition.ping.dump() if definition.ping else None,
        "account": definition.account.dump() if definition.account else None,
        "pagination": definition.pagination.dump(),
        "rateLimit": definition.rate_limit.dump(),
        "credentialOrigins": definition.credential_origins,
        "mediaTypes": definition.media_types.dump(),
        "errors": [rule.dump() for rule in definition.errors],
        "errorExpression": definition.error_expression,
        "idempotencyHeader": definition.idempotency_header,
        "skipFollowAuthorizationHeader": definition.skip_follow_authorization_header,
        "webhook": definition.webhook.dump() if definition.webhook else None,
        "revision": {
            "number": revision.number,
            "state": "finalized" if revision.finalized_at else "draft",
            "finalizedAt": revision.finalized_at,
        },
        "authChoices": revision.auth_choices,
        "authUndecided": revision.auth_undecided,
        "hasDraft": revision.finalized_at is None and integration.status != Integration.Status.DRAFT,
    }


def _auth_of(payload: dict[str, Any], current: Definition) -> dict[str, Any] | None:
    given = payload.get("auth") or {}
    if not isinstance(given, dict):
        raise Invalid({"auth": ["Enter an object."]})
    flat = {name: payload[name] for fields in FLAT_FIELDS.values() for name in fields if payload.get(name) is not None}
    # Clients send the fields of all methods, those of the other ones empty.
    filled = {name for name, value in flat.items() if value not in ("", False)}
    if "authType" not in payload and not given and not flat:
        return None
    kind = str(payload.get("authType") or given.get("type") or _kind_of(filled) or current.auth.type).strip().lower()
    if kind not in AUTH_CLASSES:
        raise Invalid({"authType": [f"{payload.get('authType') or kind} is not known here. Use one of: {', '.join(AUTH_CLASSES)}."]})
    own = FLAT_FIELDS.get(kind, ())
    strangers = [name for name in flat if name in filled and name not in own]
    if strangers:
        raise Invalid(
            {name: [f"{name} does not belong to the authentication method {kind}. Leave it out, or set authType."] for name in strangers}
        )
    mine = {name: value for name, value in flat.items() if name in own}
    if kind == "oauth2" and current.auth.type != kind and mine.get("authUri") and "grantType" not in {**mine, **given}:
        mine["grantType"] = "authorization_code"  # somebody is to agree on that page
    return _merged({**mine, **given, "type": kind}, current.auth.dump(), "auth")


def with_default_method(payload: dict[str, Any]) -> dict[str, Any]:
    """What a new integration gets: the method that its fields belong to, OAuth 2.0 where they say nothing."""
    if payload.get("authType") or payload.get("auth"):
        return payload
    filled = {name for name, value in payload.items() if value not in (None, "", False)}
    return {**payload, "authType": _kind_of(filled) or "oauth2"}


def _kind_of(filled: set[str]) -> str:
    fields = {kind: {*FLAT_FIELDS[kind], *SECRET_FIELDS[kind]} for kind in FLAT_FIELDS}
    return next((kind for kind, names in fields.items() if names & filled), "")


def _merged(given: Any, current: dict[str, Any], field: str) -> dict[str, Any]:
    """What was given, over what is there if the type stays the same."""
    if not isinstance(given, dict):
        raise Invalid({field: ["Enter an object."]})
    kind = str(given.get("type", current["type"])).strip().lower()
    given = {**given, "type": kind}
    return {**current, **given} if kind == current["type"] else given
