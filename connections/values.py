"""What the placeholders of a definition read for one connection, and the servers to which its secrets go (leaf)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from connections.exchange import Outgoing, origin_of
from integrations import expressions
from integrations.definition import Definition

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


def of_request(outgoing: Outgoing) -> dict[str, str]:
    """What signatures read of a request: its method, host, path, query and body."""
    parts = urlsplit(outgoing.url)
    body = (outgoing.body or b"").decode("utf-8", "replace")
    return {
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
