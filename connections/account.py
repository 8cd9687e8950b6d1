"""Whose account a connection uses at the vendor: asked with one request, read from where vendors write it."""

from __future__ import annotations

import re
from typing import Any, Final

from connections.client import Client
from connections.exchange import Outgoing
from connections.retries import CallError
from connections.transport import TransportError
from integrations import paths
from integrations.definition import AccountRequest, Ping

# Where users' own endpoints have them, in the order of trust; compared without case and underscores.
_NAMES: Final = {
    "email": ("email", "emailaddress", "mail", "useremail", "primaryemail", "userprincipalname", "login"),
    "displayName": ("displayname", "fullname", "name", "realname", "username", "login", "title"),
    "accountId": ("accountid", "id", "userid", "sub", "uuid", "gid", "uid", "key", "username", "login"),
}
_WRAPPERS: Final = ("user", "data", "account", "me", "profile", "result", "viewer", "self", "response")
_DEPTH: Final = 3


def account_of(client: Client) -> dict[str, str | None]:
    """`email`, `displayName` and `accountId`, None for what the vendor does not say. Raises `CallError`.

    Asked is the integration's account request, else its ping if that reads something.
    """
    asked = client.definition.account or AccountRequest()
    uri = asked.uri or _of_ping(client.definition.ping)
    try:
        base = client.base
        url = f"{base.rstrip('/')}/{client.placeholders.in_url(uri).lstrip('/')}" if uri else base
        answer = client.send(Outgoing("GET", url, client.headers), base=base)
    except TransportError as error:
        raise CallError(client.redact(error.message)) from None
    reading = client.judge(answer)
    if not reading.is_fine:
        raise CallError(reading.message, status=answer.status)
    try:
        document = answer.json()
    except ValueError as error:
        raise CallError(str(error)) from None
    given = {"email": asked.email_path, "displayName": asked.display_name_path, "accountId": asked.account_id_path}
    return {field: _text(paths.extract(document, path)) if path else _guess(document, field) for field, path in given.items()}


def _of_ping(ping: Ping | None) -> str:
    return ping.uri if ping and ping.method == "GET" and not ping.base_uri else ""


def _guess(document: Any, field: str, depth: int = 0) -> str | None:
    if isinstance(document, list):
        return _guess(document[0], field, depth + 1) if len(document) == 1 and depth < _DEPTH else None
    if not isinstance(document, dict):
        return None
    plain = {re.sub(r"[^a-z]", "", str(key).lower()): value for key, value in reversed(document.items())}
    for name in _NAMES[field]:
        found = _text(plain.get(name))
        if found and (field != "email" or "@" in found):
            return found
    first, last = _text(plain.get("firstname")), _text(plain.get("lastname"))
    if field == "displayName" and (first or last):
        return " ".join(filter(None, [first, last]))
    if depth < _DEPTH:
        for name in _WRAPPERS:
            if isinstance(plain.get(name), dict | list) and (found := _guess(plain[name], field, depth + 1)):
                return found
    return None


def _text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip() or None
