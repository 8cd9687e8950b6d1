"""What the placeholders of a definition read for one connection, and the servers to which its secrets go (leaf)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from connections.exchange import Outgoing, origin_of
from integrations import expressions
from integrations.definition import Definition, lies_in

SECRET_FIELD = "settings."  # in front of the name of a connection field that is a secret and lies among the credentials


def values_of(definition: Definition, credentials: Mapping[str, str], settings: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The values by root: `settings` holds defaults, what the connection entered, its secret fields, and `kept` (of the token)."""
    own = {field.name: field.default for field in definition.connection_fields if field.default}
    hidden = {name.removeprefix(SECRET_FIELD): value for name, value in credentials.items() if name.startswith(SECRET_FIELD)}
    kept = more.pop("kept", None) or {}
    return {
        "credentials": {name: value.strip() for name, value in credentials.items() if not name.startswith(SECRET_FIELD)},
        "settings": {**own, **{name: value for name, value in settings.items() if value != ""}, **hidden, **kept},
        **more,
    }


def strays(url: str, domains: list[str]) -> str:
    """What is wrong with a server that a connection chose."""
    where = urlsplit(url).hostname or url.partition("?")[0]
    return f"{where} is not in {' or '.join(domains)}: the integration sends its credentials nowhere else. Correct the address."


def chosen_servers(definition: Definition, settings: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the servers that settings choose, by the setting; where the integration names valid domains."""
    found: dict[str, str] = {}
    for url in (definition.api_base_uri, *definition.auth_urls):
        names = sorted(path for path in expressions.paths_of([url]) if path.startswith("settings."))
        at_connect = url == definition.api_base_uri and definition.host_at_connect
        if not (at_connect or names):
            continue
        where = "settings.baseUri" if at_connect else names[0]
        try:
            chosen = str(settings.get("baseUri", "")) if at_connect else expressions.render_url(url, values_of(definition, {}, settings))
        except expressions.MissingValue:
            continue  # a secret, or what comes with a token: looked at when it is known
        except ValueError as error:
            found[where] = str(error)
            continue
        whole = chosen if "://" in chosen else f"https://{chosen}"
        if chosen and not lies_in(whole, definition.valid_domain_names):
            found[where] = strays(whole, definition.valid_domain_names)
    return found


def stamp() -> dict[str, Any]:
    """What is the same everywhere in one request and new in the next: `request.id`, a UUID, and the moment that `now` gives."""
    return {"id": str(uuid.uuid4()), "moment": datetime.now(UTC)}


def of_request(outgoing: Outgoing) -> dict[str, Any]:
    """What signatures read of a request: its method, host, path, query and body.

    `target` is the path with its query; `params` are the parameters, of the query or of a form, sorted and percent-encoded.
    """
    parts = urlsplit(outgoing.url)
    body = (outgoing.body or b"").decode("utf-8", "replace")
    pairs = sorted(parse_qsl(body if outgoing.method in ("POST", "PUT", "PATCH") else parts.query, keep_blank_values=True))
    return {
        **stamp(),
        "target": (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        "params": "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs),
        "method": outgoing.method,
        "host": parts.netloc,
        "path": parts.path or "/",
        "query": parts.query,
        "body": body,
        "url": outgoing.url,
    }


def destinations(definition: Definition, values: Mapping[str, Any], base: str) -> list[str]:
    """Every origin to which credentials go. One that is known only with a token's answer stands as it is written."""
    found = [origin_of(base) or base]
    for url in definition.credential_urls:
        try:
            rendered = expressions.render_url(url, values)
        except (expressions.MissingValue, ValueError):
            rendered = ""
        found.append(origin_of(rendered) or url.split("?")[0])
    return sorted(set(filter(None, found)))
