"""A definition and its operations become a document's `config` again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from integrations.definition import Definition, RateLimit
from integrations.operation import Operation
from integrations.truto.access import CLIENT_FIELDS
from integrations.truto.paging import EXPRESSIONS
from integrations.truto.reading import read
from integrations.truto.secrets import masked
from integrations.truto.webhooks import webhook_written

_OUR_FIELDS: Final = {ours: theirs for theirs, ours in CLIENT_FIELDS.items()}


def written(definition: Definition, operations: list[Operation], *, kept: dict[str, Any] | None = None, label: str = "") -> dict[str, Any]:
    """The `config` of an integration. What `kept`, the document that it was made of, says stays as it was written wherever it
    still says the same; the rest is written anew. Secrets are masked.
    """
    if kept is None:
        return _anew(definition, operations, label)
    before = read(kept)
    was = Definition.model_validate({name: value for name, value in before.definition.items() if value})
    found = masked(kept)
    new = _anew(definition, operations, label)
    for name, same in _SAME.items():
        if not same(definition, was):
            found.pop(name, None)
            if name in new:
                found[name] = new[name]
    if definition.query:
        found["query"] = {**(found.get("query") or {}), **definition.query}
    if definition.auth != was.auth:
        for name in ("credentials", "authorization"):
            found.pop(name, None)
            if name in new:
                found[name] = new[name]
    _write_operations(found, operations, [Operation.model_validate(one) for one in before.operations])
    return found


_SAME: Final[dict[str, Callable[[Definition, Definition], bool]]] = {
    "base_url": lambda now, was: now.api_base_uri == was.api_base_uri,
    "headers": lambda now, was: now.headers == was.headers,
    "pagination": lambda now, was: now.pagination == was.pagination,
    "rate_limit": lambda now, was: now.rate_limit == was.rate_limit,
    "error_expression": lambda now, was: now.error_expression == was.error_expression,
    "webhook": lambda now, was: now.webhook == was.webhook,
}


def _write_operations(found: dict[str, Any], operations: list[Operation], before: list[Operation]) -> None:
    was = {operation.key: operation for operation in before}
    now = {operation.key: operation for operation in operations}
    places = _places(found)
    for key, (holder, name) in places.items():
        if key not in now:
            del holder[name]
        elif now[key].dump() != was[key].dump():
            inner = holder[name].get("config") if "config" in holder[name] and "path" not in holder[name] else None
            fresh = _method(now[key])
            if inner is not None:
                holder[name] = {**holder[name], "config": {**inner, **fresh}}
            else:
                holder[name] = {**holder[name], **fresh}
    for operation in operations:
        if operation.key not in places:
            resource, method = _resource_of(operation)
            found.setdefault("resources", {}).setdefault(resource, {})[method] = _method(operation)


def _places(config: dict[str, Any]) -> dict[str, tuple[dict[str, Any], str]]:
    """Where each operation of a document stands, by the key that it got."""
    found = {}
    for resource, methods in (config.get("resources") or {}).items():
        for name in methods:
            found[re.sub(r"[^A-Za-z0-9_]+", "_", f"{resource}_{name}")] = (methods, name)
    for name, action in (config.get("actions") or {}).items():
        if action.get("type", "request") == "request" and isinstance(action.get("config"), dict):
            found[re.sub(r"[^A-Za-z0-9_]+", "_", f"action_{name}")] = (config["actions"], name)
    return found


def _anew(definition: Definition, operations: list[Operation], label: str) -> dict[str, Any]:
    found: dict[str, Any] = {"base_url": definition.api_base_uri}
    if label:
        found["label"] = label
    if definition.headers:
        found["headers"] = dict(definition.headers)
    if definition.query:
        found["query"] = dict(definition.query)
    found |= _access(definition)
    if pagination := _pagination(definition.pagination):
        found["pagination"] = pagination
    if limit := _rate_limit(definition.rate_limit):
        found["rate_limit"] = limit
    if definition.error_expression:
        found["error_expression"] = definition.error_expression
    if webhook := webhook_written(definition.webhook):
        found["webhook"] = webhook
    resources: dict[str, Any] = {}
    for operation in operations:
        resource, method = _resource_of(operation)
        resources.setdefault(resource, {})[method] = _method(operation)
    if resources:
        found["resources"] = resources
    return found


def _access(definition: Definition) -> dict[str, Any]:
    auth: Any = definition.auth
    fields = [_field(field.dump()) for field in getattr(auth, "credential_fields", [])]
    match auth.type:
        case "oauth2":
            parts = urlsplit(auth.token_uri)
            host = f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
            urls = {"tokenHost": host, "tokenPath": auth.token_uri.removeprefix(host)}
            for name, uri in (("refreshPath", auth.refresh_uri), ("revokePath", auth.revocation_uri), ("authorizePath", auth.auth_uri)):
                if uri:
                    urls[name] = uri.removeprefix(host) if host and uri.startswith(host) else uri
            grant = {} if auth.grant_type == "none" else {"grant_type": auth.grant_type}
            config = {
                "client": {"id": auth.client_id},
                "auth": urls,
                "options": {
                    "scopeSeparator": auth.scope_separator,
                    "authorizationMethod": "header" if auth.client_authentication == "basic" else "body",
                    "bodyFormat": "json" if auth.token_request_content_type == "application/json" else "form",
                },
                "tokenParams": {**grant, **auth.token_params},
                "refreshParams": {"grant_type": "refresh_token", **auth.refresh_params},
                "tokenExpiryDuration": str(auth.default_token_lifetime),
                "fields": fields,
                **({"scope": auth.scope} if auth.scope else {}),
            }
            return {
                "credentials": {"oauth2": {"format": "oauth2", "config": config}},
                "authorization": {"format": "bearer", "config": {"token": "{{oauth.token.access_token}}"}},
            }
        case "apikey":
            placed = {one.name: one.value for one in auth.placements if one.location == "header"}
            if not placed and auth.api_key_location == "header":
                placed = {auth.api_key_name: f"{auth.api_key_preamble} {{{{credentials.apiKey}}}}".strip()}
            fields = fields or [{"name": "apiKey", "label": "API key", "type": "password", "required": True}]
            return _by_headers("api_key", fields, placed)
        case "bearer":
            token = [{"name": "token", "label": "Token", "type": "password", "required": True}]
            return _by_headers("api_key", token, {"Authorization": "Bearer {{credentials.token}}"})
        case "basic":
            fields = [{"name": "username", "label": "User name", "type": "text", "required": True},
                      {"name": "password", "label": "Password", "type": "password", "required": True}]  # fmt: skip
            config = {"username": "{{credentials.username}}", "password": "{{credentials.password}}"}
            return {"credentials": {"api_key": {"format": "api_key", "config": {"fields": fields}}},
                    "authorization": {"format": "basic", "config": config}}  # fmt: skip
    return {}


def _by_headers(kind: str, fields: list[dict[str, Any]], headers: dict[str, str]) -> dict[str, Any]:
    return {"credentials": {kind: {"format": kind, "config": {"fields": fields}}}, "authorization": {"format": "header", "config": headers}}


def _field(field: dict[str, Any]) -> dict[str, Any]:
    kinds = {"password": "password", "select": "single_select", "number": "number"}
    found = {
        "name": _OUR_FIELDS.get(field["name"], field["name"]),
        "label": field["label"],
        "type": kinds.get(field["type"], "text"),
        "required": field["required"],
    }
    return found | {name: field[ours] for name, ours in (("default", "default"), ("placeholder", "placeholder"), ("help_text", "help"), ("pattern", "pattern"), ("options", "options"), ("transform", "transform")) if field[ours]}  # fmt: skip


def _pagination(pagination: Any) -> dict[str, Any] | None:
    size = {"limit_key": pagination.page_size_param} if getattr(pagination, "page_size_param", "") else {}
    if getattr(pagination, "max_page_size", None):
        size["max_limit"] = pagination.max_page_size
    match pagination.type:
        case "page":
            start = {} if pagination.start_page == 1 else {"start_page": pagination.start_page}
            return {"format": "page", "config": {"page_key": pagination.page_param, **size, **start}}
        case "index":
            return {"format": "offset", "config": {"offset_key": pagination.index_param, **size}}
        case "pointer":
            found = {"cursor_key": pagination.after_param, "cursor_path": pagination.pointer_path or pagination.pointer_header}
            found |= {"cursor_path_object": "header"} if pagination.pointer_location == "header" else {}
            return {"format": "cursor", "config": {**found, **size}}
        case "link" if pagination.next_link_location == "header":
            return {"format": "link_header", "config": {"header_name": pagination.response_header_name, **size}}
        case "link":
            return {"format": "cursor", "config": {"cursor_path": pagination.next_page_key, "is_link": True, **size}}
        case "range":
            return {"format": "range", "config": {"range_unit": pagination.range_unit}}
        case "expression":
            written = {f"{theirs}_expression": getattr(pagination, ours) for ours, theirs in EXPRESSIONS.items()}
            return {"format": "dynamic", "config": {**{name: text for name, text in written.items() if text}, **size}}
    return None


def _rate_limit(limit: RateLimit) -> dict[str, Any]:
    reset = limit.remaining_header or next(iter(limit.reset_headers), "") or limit.reset_expression
    told = {
        "retry_after_header_expression": next(iter(limit.retry_after_headers), "") or limit.wait_expression,
        "rate_limit_header_expression": reset,
    }
    if not (limit.limited_expression or any(told.values())):
        return {}
    told["retry_after_header_expression"] = told["retry_after_header_expression"] or "Retry-After"
    return {"is_rate_limited": limit.limited_expression or True, **{name: text for name, text in told.items() if text}}


def _resource_of(operation: Operation) -> tuple[str, str]:
    resource = re.sub(r"[^A-Za-z0-9_]+", "_", operation.tags[0]) if operation.tags else "all"
    return resource, operation.key.removeprefix(f"{resource}_") or operation.method.lower()


def _method(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "method": operation.method.lower(),
        "path": re.sub(r"\{([^{}]+)\}", r"{{\1}}", operation.path),
    }
    if operation.results_key:
        found["response_path"] = operation.results_key
    templates = operation.templates
    query = {one.name: f"{{{{query.{one.name}}}}}" for one in operation.parameters if one.place == "query"}
    headers = {one.name: f"{{{{query.{one.name}}}}}" for one in operation.parameters if one.place == "header"}
    found |= {"query": query | (templates.query if templates else {})} if query or (templates and templates.query) else {}
    found |= {"headers": headers | (templates.headers if templates else {})} if headers or (templates and templates.headers) else {}
    if templates and templates.body is not None:
        found["body"] = templates.body
    elif operation.body:
        found["body"] = "{{body}}"
    if operation.description:
        found["description"] = operation.description
    if not operation.paginated:
        found["pagination"] = None
    elif operation.pagination:
        found["pagination"] = _pagination(operation.pagination)
    if operation.rate_limit and (limit := _rate_limit(operation.rate_limit)):
        found["rate_limit"] = limit
    return found
