"""A document's `config` becomes a definition and operations."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from integrations import expressions
from integrations.truto.access import auth_of, override_of
from integrations.truto.found import Read
from integrations.truto.paging import pagination_of, rate_limit_of
from integrations.truto.webhooks import webhook_of

METHODS: Final = {"get", "post", "put", "patch", "delete", "head", "options"}
KNOWN: Final = frozenset(
    "base_url label logo icon headers query query_array_format actions credentials authorization pagination rate_limit resources webhook "
    "error_expression".split()
)
_METHOD_KEYS: Final = frozenset(
    "method path response_path headers query body pagination authorization rate_limit examples query_array_format documentation_link "
    "description label body_format no_auth".split()
)
_IN_PATH: Final = re.compile(r"\{\{\s*([A-Za-z_][\w.]*)\s*\}\}")
ROOTS: Final = frozenset(
    {"credentials", "settings", "token", "oauth", "tokenScheme", "user", "tenant", "request", "pagination", "response"}
)


def read(config: dict[str, Any]) -> Read:
    """Read a `config`. Raises `ValueError` with the place and a sentence for what cannot be read at all."""
    found = Read()
    for name in config:
        if name not in KNOWN:
            found.leave(name, "This member is not known here.")
    found.definition["apiBaseUri"] = _base(config.get("base_url", ""))
    found.definition["headers"] = _texts(config.get("headers"), "headers", found)
    auth_of(config, found)
    found.definition["pagination"] = pagination_of(config.get("pagination"), "pagination", found) or {"type": "none"}
    found.definition["rateLimit"] = rate_limit_of(config.get("rate_limit"), "rate_limit", found)
    found.definition["errorExpression"] = _checked(config.get("error_expression") or "", "error_expression")
    for resource, methods in _object(config.get("resources"), "resources").items():
        for method, details in _object(methods, f"resources.{resource}").items():
            found.operations.append(_method(resource, method, _object(details, f"resources.{resource}.{method}"), config, found))
    for name, action in _object(config.get("actions"), "actions").items():
        if operation := _action(name, action, config, found):
            found.operations.append(operation)
    found.definition["webhook"] = webhook_of(config.get("webhook"), found)
    if config.get("icon"):
        found.leave("icon", _WHY["icon"])
    return found


_WHY: Final = {
    "icon": "Icons are not fetched from elsewhere; upload one, or use logo, which is kept as imageUrl.",
    "examples": "Examples are kept for people.",
}


def _base(url: Any) -> str:
    if not isinstance(url, str):
        raise ValueError("base_url: Enter the base URL as text.")
    return url.strip().rstrip("/")


def _method(resource: str, method: str, details: dict[str, Any], config: dict[str, Any], found: Read) -> dict[str, Any]:
    place = f"resources.{resource}.{method}"
    operation = _operation(details, config, found, place, key=f"{resource}_{method}", name=f"{_words(resource)} {method}", tags=[resource])
    for name in details:
        if name not in _METHOD_KEYS:
            found.leave(f"{place}.{name}", "This member is not known here.")
    if details.get("examples"):
        found.leave(f"{place}.examples", _WHY["examples"])
    own = details["pagination"] if "pagination" in details else config.get("pagination")
    operation["resultsKey"] = str(details.get("response_path") or "")
    if own and method == "list":
        operation["paginated"] = True
        if "pagination" in details and details["pagination"] != config.get("pagination"):
            operation["pagination"] = pagination_of(own, f"{place}.pagination", found)
    if details.get("rate_limit") and details["rate_limit"] != config.get("rate_limit"):
        operation["rateLimit"] = rate_limit_of(details["rate_limit"], f"{place}.rate_limit", found)
    return operation


def _action(name: str, action: Any, config: dict[str, Any], found: Read) -> dict[str, Any] | None:
    details = _object(action, f"actions.{name}")
    if details.get("type", "request") != "request" or not isinstance(details.get("config"), dict):
        found.leave(f"actions.{name}", f"Steps of the type {details.get('type')} are not run; only request is.")
        return None
    place = f"actions.{name}.config"
    return _operation(details["config"], config, found, place, key=f"action_{name}", name=_words(name), tags=["actions"])


def _operation(
    details: dict[str, Any], config: dict[str, Any], found: Read, place: str, *, key: str, name: str, tags: list[str]
) -> dict[str, Any]:
    method = str(details.get("method") or "get").lower()
    if method not in METHODS:
        raise ValueError(f"{place}.method: {method} is no method. Use one of: {', '.join(sorted(METHODS))}.")
    path, in_path = _path(details.get("path"), place)
    templates: dict[str, Any] = {
        "headers": _without_nulls(_object(details.get("headers"), f"{place}.headers")),
        # Null takes a parameter out that the whole integration has.
        "query": _without_nulls({**_object(config.get("query"), "query"), **_object(details.get("query"), f"{place}.query")}),
        "body": details.get("body"),
        "queryArrayFormat": _array_format(details.get("query_array_format") or config.get("query_array_format"), found),
    }
    if details.get("no_auth"):
        templates["authorization"] = {}
    elif details.get("authorization") and details["authorization"] != config.get("authorization"):
        templates["authorization"] = override_of(details["authorization"], f"{place}.authorization", found)
    _checked({part: templates[part] for part in ("headers", "query", "body")}, place)
    names = [name for name in _inputs(templates) if name not in in_path]
    return {
        "key": re.sub(r"[^A-Za-z0-9_]+", "_", key),
        "name": name,
        "description": str(details.get("description") or ""),
        "method": method.upper(),
        "path": path,
        "tags": tags,
        "parameters": [
            *({"name": one, "in": "path", "required": True} for one in in_path),
            *({"name": one, "in": "input", "required": False} for one in names),
        ],
        "templates": templates,
    }


def _path(path: Any, place: str) -> tuple[str, list[str]]:
    if not isinstance(path, str) or not path.strip():
        raise ValueError(f"{place}.path: The path is missing.")
    names: list[str] = []

    def named(match: re.Match[str]) -> str:
        name = match[1].rpartition(".")[2]
        names.append(name)
        return "{" + name + "}"

    text = _IN_PATH.sub(named, path.strip())
    if "{{" in text:
        raise ValueError(f"{place}.path: Write a plain name in the path, for example /users/{{{{id}}}}.")
    return text if text.startswith("/") else f"/{text}", list(dict.fromkeys(names))


def _inputs(templates: dict[str, Any]) -> list[str]:
    """The names that a caller may give: what placeholders read and neither the connection nor the page brings."""
    names = []
    for path in sorted(expressions.paths_of(templates)):
        root, _, rest = path.partition(".")
        if root in ("context", "query", "body"):
            root = rest.partition(".")[0]
        if root and root not in ROOTS:
            names.append(root)
    return list(dict.fromkeys(names))


def _array_format(value: Any, found: Read) -> str:
    text = str(value or "repeat").lower()
    if text not in ("comma", "repeat", "brackets", "indices"):
        found.leave("query_array_format", f"{text} is not known here; lists send their name several times.")
        return "repeat"
    return text


def _texts(value: Any, place: str, found: Read) -> dict[str, str]:
    texts = {}
    for name, text in _object(value, place).items():
        if isinstance(text, str | int | float) and not isinstance(text, bool):
            texts[name] = _checked(str(text), f"{place}.{name}")
        elif text is not None:
            found.leave(f"{place}.{name}", "This value is no text.")
    return texts


def _checked(value: Any, place: str) -> Any:
    for text in expressions.texts(value):
        try:
            expressions.parse(text)
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None
    return value


def _object(value: Any, place: str) -> dict[str, Any]:
    if value in (None, ""):
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError(f"{place}: Enter an object.") from None
    if not isinstance(value, dict):
        raise ValueError(f"{place}: Enter an object.")
    return value


def _without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in value.items() if item is not None}


def _words(name: str) -> str:
    words = re.sub(r"[_-]+", " ", name).strip()
    return words[:1].upper() + words[1:] if words else name
