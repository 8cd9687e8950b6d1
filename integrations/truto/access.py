"""Credentials and authorization: which of them become a method of authentication, and what each asks a connection for."""

from __future__ import annotations

import re
from typing import Any, Final

from integrations.truto.found import Choice, Read

# Truto's names for what a client of OAuth 2.0 has; ours are the scheme's.
CLIENT_FIELDS: Final = {"client_id": "clientId", "client_secret": "clientSecret"}
TRANSFORMS: Final = ("lowercase", "uppercase", "sha256")
_FIELD_KEYS: Final = frozenset("name label type required default format placeholder help_text pattern options transform".split())
_FORMATS: Final = {"email": "email", "uuid": "uuid", "url": "uri"}
_OAUTH: Final = ("oauth2", "oauth2_client_credentials")
_NAME: Final = re.compile(r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")


def auth_of(config: dict[str, Any], found: Read) -> None:
    """Set the method of authentication, and list every one that the document offers."""
    credentials = config.get("credentials") or {}
    if not isinstance(credentials, dict):
        raise ValueError("credentials: Enter an object with a member for each way to authenticate.")
    for name, given in credentials.items():
        place = f"credentials.{name}"
        if not isinstance(given, dict):
            raise ValueError(f"{place}: Enter an object with format and config.")
        kind, details = str(given.get("format") or name), given.get("config") or {}
        if kind in _OAUTH:
            auth = _oauth(details, f"{place}.config", found, kind=kind)
        elif kind == "api_key":
            auth = _key(details, config.get("authorization"), f"{place}.config", found)
        else:
            found.leave(place, f"The format {kind} is not offered here.")
            continue
        found.choices.append(Choice(name, auth))
        if len(found.choices) == 1:
            client = details.get("client") or {}
            found.client_secret = str(client.get("secret") or "") if isinstance(client, dict) else ""
    if not found.choices:
        found.definition["auth"] = {"type": "none"}
        return
    found.definition["auth"] = found.choices[0].auth
    if len(found.choices) > 1:
        others = ", ".join(choice.scheme for choice in found.choices[1:])
        found.leave(
            "credentials",
            f"Connections use {found.choices[0].scheme}; {others} can be chosen instead in the wizard's step Authentication before finalizing.",
        )


def override_of(authorization: Any, place: str, found: Read) -> dict[str, Any] | None:
    """Headers of one method's own authorization; None where they cannot be told."""
    kind, config = _authorization(authorization)
    if kind == "bearer":
        return {"Authorization": f"Bearer {config.get('token', '')}"}
    if kind == "basic":
        return {"Authorization": f"Basic {{{{base64({_inner(config.get('username'))}, ':', {_inner(config.get('password'))})}}}}"}
    if kind == "header" and isinstance(config.get("headers", config), dict):
        return {str(name): value for name, value in config.get("headers", config).items() if isinstance(value, str)}
    found.leave(place, f"An authorization of the format {kind or 'none'} is not told apart here: the integration's is used.")
    return None


def _oauth(config: dict[str, Any], place: str, found: Read, *, kind: str) -> dict[str, Any]:
    client, urls, options = (config.get(name) or {} for name in ("client", "auth", "options"))
    token_params = {name: str(value) for name, value in (config.get("tokenParams") or {}).items()}
    refresh_params = {name: str(value) for name, value in (config.get("refreshParams") or {}).items()}
    grant = token_params.pop("grant_type", "")
    if refresh_params.get("grant_type") == "refresh_token":
        del refresh_params["grant_type"]
    needs_page = bool(urls.get("authorizeHost") or urls.get("authorizePath"))
    if not grant:
        grant = "client_credentials" if kind == "oauth2_client_credentials" or not needs_page else "authorization_code"
    auth: dict[str, Any] = {
        "type": "oauth2",
        "grantType": grant if grant in ("client_credentials", "authorization_code", "password", "refresh_token") else "none",
        "clientId": str(client.get("id") or ""),
        "tokenUri": _joined(urls.get("tokenHost"), urls.get("tokenPath")),
        "refreshUri": _joined(urls.get("refreshHost") or urls.get("tokenHost"), urls.get("refreshPath")),
        "revocationUri": _joined(urls.get("revokeHost") or urls.get("tokenHost"), urls.get("revokePath")),
        "authUri": _joined(urls.get("authorizeHost") or urls.get("tokenHost"), urls.get("authorizePath")),
        "tokenParams": token_params,
        "refreshParams": refresh_params,
        "clientAuthentication": "body" if options.get("authorizationMethod") == "body" else "basic",
        "tokenRequestContentType": "application/json" if options.get("bodyFormat") == "json" else "application/x-www-form-urlencoded",
    }
    if auth["grantType"] == "none":
        auth["tokenParams"] = {"grant_type": grant, **token_params}
    separator = options.get("scopeSeparator")
    if isinstance(separator, str) and separator:
        auth["scopeSeparator"] = separator
    scope = config.get("scope")
    if scope:
        auth["scope"] = (separator or " ").join(map(str, scope)) if isinstance(scope, list) else str(scope)
    lifetime = config.get("tokenExpiryDuration")
    if str(lifetime or "").isdigit() and int(str(lifetime)) >= 10:
        auth["defaultTokenLifetime"] = int(str(lifetime))
    elif lifetime:
        found.leave(f"{place}.tokenExpiryDuration", "A number of seconds is used here, no expression.")
    auth["credentialFields"] = _fields(config.get("fields"), f"{place}.fields", found)
    _leave_rest(
        urls, "tokenHost tokenPath refreshHost refreshPath revokeHost revokePath authorizeHost authorizePath", f"{place}.auth", found
    )
    _leave_rest(options, "scopeSeparator authorizationMethod bodyFormat", f"{place}.options", found)
    _leave_rest(config, "client auth options fields tokenParams refreshParams tokenExpiryDuration scope", place, found)
    return {name: value for name, value in auth.items() if value not in ("", {}, [])}


def _key(config: dict[str, Any], authorization: Any, place: str, found: Read) -> dict[str, Any]:
    fields = _fields(config.get("fields"), f"{place}.fields", found)
    names = [field["name"] for field in fields]
    key = next((field["name"] for field in fields if field.get("type") == "password"), names[0] if names else "apiKey")
    kind, details = _authorization(authorization)
    token = details.get("token")
    if kind == "bearer" and isinstance(token, str) and not token.startswith("{{oauth."):
        value = f"Bearer {_as_credentials(token, names)}"
        placements = [{"location": "header", "name": "Authorization", "value": value}]
    elif kind == "header" and isinstance(details.get("headers", details), dict):
        placements = [
            {"location": "header", "name": str(name), "value": _as_credentials(str(text), names)}
            for name, text in details.get("headers", details).items()
            if isinstance(text, str)
        ]
    elif kind == "basic":
        user, password = (_as_credentials(str(details.get(name) or ""), names) for name in ("username", "password"))
        value = f"Basic {{{{base64({_inner(user)}, ':', {_inner(password)})}}}}"
        placements = [{"location": "header", "name": "Authorization", "value": value}]
    else:
        # The document leaves open where a key goes; most APIs take it as a bearer token.
        placements = [{"location": "header", "name": "Authorization", "value": f"Bearer {{{{credentials.{key}}}}}"}]
    _leave_rest(config, "fields", place, found)
    return {"type": "apikey", "placements": placements, "credentialFields": fields}


def _authorization(value: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(value, dict):
        return "", {}
    config = value.get("config")
    return str(value.get("format") or ""), config if isinstance(config, dict) else {}


def _fields(value: Any, place: str, found: Read) -> list[dict[str, Any]]:
    fields = []
    for number, given in enumerate(value if isinstance(value, list) else []):
        here = f"{place}.{number}"
        if not isinstance(given, dict) or not _NAME.match(str(given.get("name") or "")):
            raise ValueError(f"{here}.name: A field needs a name of letters, digits and _, for example api_key.")
        options = given.get("options")
        made: dict[str, Any] = {
            "name": CLIENT_FIELDS.get(given["name"], given["name"]),
            "label": str(given.get("label") or ""),
            "type": {"password": "password", "single_select": "select", "number": "number"}.get(str(given.get("type")), "text"),
            "required": given.get("required", True) is not False,
            "default": str(given.get("default") or ""),
            "placeholder": str(given.get("placeholder") or ""),
            "help": str(given.get("help_text") or ""),
            "pattern": str(given.get("pattern") or ""),
            "format": _FORMATS.get(str(given.get("format") or ""), ""),
        }
        if made["type"] == "select" and isinstance(options, list):
            made["options"] = [str(one.get("value", "")) if isinstance(one, dict) else str(one) for one in options]
        if (transform := str(given.get("transform") or "")) in TRANSFORMS:
            made["transform"] = transform
        elif transform:
            found.leave(f"{here}.transform", f"There are {', '.join(TRANSFORMS)}; values are sent as they are entered.")
        for name in sorted(set(given) - _FIELD_KEYS):
            found.leave(f"{here}.{name}", "This setting is not used here.")
        fields.append({name: value for name, value in made.items() if value != ""})
    return fields


def _as_credentials(text: str, names: list[str]) -> str:
    """Placeholders that name a field of the credentials, in whichever of Truto's ways, read it from ours."""
    for name in names:
        text = re.sub(rf"(?<![\w.])(?:context\.|credentials\.)?{re.escape(name)}(?![\w.])(?=[^{{]*\}}\}})", f"credentials.{name}", text)
    return text


def _inner(text: Any) -> str:
    """What stands inside a placeholder; a plain text as a quoted one."""
    match = re.fullmatch(r"\{\{\s*(.*?)\s*\}\}", str(text or ""))
    return match[1] if match else '"' + str(text or "").replace("\\", "\\\\").replace('"', '\\"') + '"'


def _joined(host: Any, path: Any) -> str:
    if not path:
        return ""
    text = str(path)
    return text if "://" in text else f"{str(host or '').rstrip('/')}/{text.lstrip('/')}"


def _leave_rest(given: dict[str, Any], used: str, place: str, found: Read) -> None:
    for name in sorted(set(given) - set(used.split())):
        found.leave(f"{place}.{name}", "This setting is not used here.")
