"""Examples for /api/schema/, made of the schema itself and of values that fields of these names have in real life (leaf)."""

from __future__ import annotations

from typing import Any

ID = "7d444840-9dc0-11d1-b245-5ffdce74fad2"
MOMENT = "2026-01-31T12:00:00Z"
# By the name of the field; where the schema allows something else there, what the schema says.
VALUES: dict[str, Any] = {
    "id": ID, "name": "Ticketing", "slug": "ticketing", "description": "Tickets and their customers", "category": "service desk",
    "type": "custom", "apiBaseUri": "https://api.example.com/v1", "authType": "apikey", "auth": {"apiKeyName": "X-Api-Key"},
    "headers": {"X-Client": "junction"}, "query": {}, "tags": ["support"], "status": "published", "organization": "acme", "parent": "acme",
    "integration": "ticketing", "credentials": {"apiKey": "key-of-the-vendor"}, "settings": {}, "method": "GET", "path": "/tickets",
    "key": "list_tickets", "url": "https://api.example.com/openapi.json", "inputs": {}, "pageSize": 100, "maxPages": None, "pages": 3,
    "records": 257, "verdict": "complete", "state": "finished", "message": "", "scopes": ["integrations:read"], "username": "alice",
    "user": "alice", "email": "alice@example.com", "role": "operator", "pattern": "Get (.*)", "replacement": "Read \\1", "field": "name",
    "clientId": "k9Xb2", "redirectUris": ["https://app.example.com/callback"], "kind": "web", "detail": "A sentence.", "title": "A title",
    "apiKeyName": "X-Api-Key", "apiKeyLocation": "header", "authUri": "https://api.example.com/authorize",
    "tokenUri": "https://api.example.com/token", "revocationUri": "https://api.example.com/revoke", "scope": "read",
    "ping": {"method": "GET", "uri": "/me"}, "pagination": {"type": "none"}, "rateLimit": {}, "connectionFields": [], "parameters": [],
    "note": "Smaller pages", "reason": "For the service desk", "answer": "", "approve": True, "dryRun": True, "location": "header",
    "in": "query", "default": None, "_links": {"self": {"href": "/api/…"}}, "body": None, "responseSchema": None, "suggestion": None,
}  # fmt: skip
# Not in an example of what is sent: they exclude each other, or mean something only in other cases.
LEFT_OUT = {
    "apiKey", "clientSecret", "apiKeyName", "apiKeyLocation", "authUri", "tokenUri", "revocationUri", "scope", "clientId", "basicTokenAuth",
    "id", "auth", "status", "sharingPolicy", "pagination", "rateLimit", "connectionFields", "document", "responseSchema", "suggestion",
    "customIntegrations", "code", "codeVerifier", "redirectUri", "callback", "accessToken", "refreshToken", "expiresIn", "token", "key",
    "organization", "body", "resultsKey", "action", "expiresAt", "requestsPerMinute", "actions",
}  # fmt: skip
DEEPEST = 12


def example_of(schema: dict[str, Any], components: dict[str, Any], *, name: str = "", writing: bool = False, depth: int = 0) -> Any:
    """A value that fits the schema. With `writing` an object has only what is required, and what one would usually send."""
    if "example" in schema:
        return schema["example"]
    if "$ref" in schema:
        return example_of(components.get(schema["$ref"].rpartition("/")[2], {}), components, name=name, writing=writing, depth=depth)
    if name in VALUES and _fits(VALUES[name], schema):
        return VALUES[name]
    for joint in ("oneOf", "anyOf", "allOf"):
        if schema.get(joint):
            return example_of(schema[joint][0], components, name=name, writing=writing, depth=depth + 1)
    if "default" in schema:
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    return _by_type(schema, components, name=name, writing=writing, depth=depth)


def _by_type(schema: dict[str, Any], components: dict[str, Any], *, name: str, writing: bool, depth: int) -> Any:
    match schema.get("type"):
        case "object":
            required = set(schema.get("required", []))
            return {
                field: example_of(inner, components, name=field, writing=writing, depth=depth + 1)
                for field, inner in schema.get("properties", {}).items()
                if depth < DEEPEST
                and (field in required or not writing or field not in LEFT_OUT)
                and not (writing and inner.get("readOnly"))
                and not (not writing and inner.get("writeOnly"))
            }
        case "array":
            items = schema.get("items", {})
            return (
                [example_of(items, components, name=name.rstrip("s"), writing=writing, depth=depth + 1)] * schema.get("minItems", 1)
                if items and depth < DEEPEST
                else []
            )
        case "integer" | "number":
            return max(schema.get("minimum", 1), 1)
        case "boolean":
            return True
        case "string":
            texts = {"uuid": ID, "date-time": MOMENT, "date": MOMENT[:10], "uri": "https://example.com/", "email": "alice@example.com"}
            return texts.get(schema.get("format", ""), f"A {name}" if name else "Text")
    return None if schema.get("nullable") else {}


def _fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a field of this schema can have the value, as far as its type tells."""
    if "enum" in schema:
        return value in schema["enum"]
    if schema.get("format") == "uuid":
        return bool(value == ID)
    if value is None:
        return bool(schema.get("nullable"))
    kinds: dict[str, Any] = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict}
    kind = kinds.get(schema.get("type", ""))
    if kind is None:
        return "allOf" not in schema and "oneOf" not in schema and "anyOf" not in schema
    return isinstance(value, kind) and not (schema.get("type") == "array" and value and not isinstance(value[0], str))
