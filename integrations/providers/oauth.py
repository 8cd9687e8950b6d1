"""OAuth 2.0 as entries describe it: authorization code and client credentials."""

from __future__ import annotations

from typing import Any

from integrations.definition import FORM_TYPE, JSON_TYPE, QUERY_TYPE
from integrations.definition.tokens import LARGEST_BUFFER, SMALLEST_BUFFER
from integrations.providers.entry import Entry
from integrations.providers.texts import Scope, setting_name

_CONTENT_TYPES = {"form": FORM_TYPE, "json": JSON_TYPE, "query": QUERY_TYPE}
_MODES_OF_URLS = {"OAUTH2": ("OAUTH2",), "OAUTH2_CC": ("OAUTH2CC", "OAUTH2_CC")}


def oauth2(entry: Entry, scope: Scope, mode: str) -> dict[str, Any]:
    """The settings of OAuth 2.0, as JSON of a definition; placements and fields come from elsewhere."""
    browser = mode == "OAUTH2"
    auth: dict[str, Any] = {"type": "oauth2"}
    auth["tokenUri"] = url(entry, scope, "token_url", _token_url(entry, mode))
    if browser:
        _page(entry, scope, auth)
    grant = "authorization_code" if browser else "client_credentials"
    token = _params(entry, scope, "token_params")
    if not browser and "oauth_scopes" in scope.fields and "scope" not in token:
        # Scopes that each connection chooses: catalogues send them without saying so.
        token["scope"] = '{{settings.oauth_scopes || ""}}'
    if browser and token.get("grant_type") == "client_credentials" and not auth.get("authUri"):
        grant = "client_credentials"
    auth["grantType"] = grant
    _client(entry, auth, token)
    auth["tokenParams"] = {name: value for name, value in token.items() if (name, value) != ("grant_type", grant)}
    _refresh(entry, scope, auth, token)
    auth["tokenHeaders"] = _params(entry, scope, "token_headers")
    auth["refreshHeaders"] = _params(entry, scope, "refresh_token_headers") or auth["tokenHeaders"]
    auth["tokenRequestMethod"] = entry.text("token_request_method", "POST")
    _encoding(entry, auth)
    separator = entry.text("scope_separator", " ")
    auth["scopeSeparator"] = separator
    auth["scope"] = " ".join(entry.items("default_scopes"))
    _life(entry, auth)
    auth["tokenSettings"] = kept_of_token(entry, scope)
    entry_alternate = entry.text("alternate_access_token_response_path")
    if entry_alternate:
        auth["alternateTokenPath"] = entry_alternate
    if not auth["tokenUri"]:
        entry.lose("token_url", "The entry has no token URL, without which there is no token.")
    return auth


def _page(entry: Entry, scope: Scope, auth: dict[str, Any]) -> None:
    uri = url(entry, scope, "authorization_url", entry.text("authorization_url"))
    if fragment := entry.text("authorization_url_fragment"):
        uri = f"{uri}#{fragment}"
    auth["authUri"] = uri
    params = _params(entry, scope, "authorization_params")
    if params.get("response_type") == "code":
        del params["response_type"]
    names: dict[str, str] = {}
    replacements = entry.section("authorization_url_replacements")
    for name in list(replacements.values):
        key, value = name.rstrip("="), replacements.text(name).rstrip("=")
        if value:
            names[key] = value
        else:
            params[key] = ""
    auth |= {"authorizationParams": params, "authorizationParamNames": names}
    auth["pkce"] = "off" if entry.flag("disable_pkce") else "S256"
    auth["codeParam"] = entry.text("authorization_code_param_in_callback", "code")
    entry.flag("authorization_url_skip_empty")  # what is empty is never sent
    for part in entry.items("authorization_url_skip_encode"):
        if part == "scopes":
            auth["unencodedParams"] = ["scope"]
        elif part != "base_url":  # placeholders of URLs keep what a URL can hold
            entry.lose("authorization_url_skip_encode", f"{part[:40]} is not known here.")
    auth["callbackSettings"] = {setting_name(name): name for name in entry.items("redirect_uri_metadata")}
    for key in ("authorization_code_param_in_webhook", "webhook_response_metadata"):
        if key in entry:
            entry.take(key)
            entry.lose(key, "The vendor hands over the authorization by a webhook instead of a redirect of the browser.")
    if not uri and "token_url" not in entry:
        entry.lose("authorization_url", "The entry has no authorization URL, where people agree.")


def _client(entry: Entry, auth: dict[str, Any], token: dict[str, str]) -> None:
    """How the client says who it is."""
    way = entry.text("token_request_auth_method")
    if entry.text("authorization_method") == "header":
        way = way or "basic"
    match way:
        case "" | "body":
            auth["clientAuthentication"] = "body"
        case "basic" | "private_key_jwt":
            auth["clientAuthentication"] = way
        case "custom":
            # The same two values under the names of a sign-in form.
            auth["clientAuthentication"] = "none"
            token |= {"client_id": "", "username": "{{credentials.clientId}}", "password": "{{credentials.clientSecret}}"}
        case _:
            entry.lose("token_request_auth_method", f"{way[:40]} is no client authentication that is known here.")
    if entry.flag("require_client_certificate"):
        auth["clientCertificate"] = True


def _refresh(entry: Entry, scope: Scope, auth: dict[str, Any], token: dict[str, str]) -> None:
    given = "refresh_params" in entry or "refresh_token_params" in entry
    params = {**_params(entry, scope, "refresh_params"), **_params(entry, scope, "refresh_token_params")}
    if not given and auth["grantType"] == "authorization_code":  # then the token's parameters go along here too
        params = {name: value for name, value in token.items() if name != "grant_type"}
    auth["refreshParams"] = {name: value for name, value in params.items() if (name, value) != ("grant_type", "refresh_token")}
    auth["refreshUri"] = url(entry, scope, "refresh_url", entry.text("refresh_url"))


def _encoding(entry: Entry, auth: dict[str, Any]) -> None:
    form = entry.text("body_format", "form")
    if form in _CONTENT_TYPES:
        auth["tokenRequestContentType"] = _CONTENT_TYPES[form]
    else:
        entry.lose("body_format", f"Token requests are sent as form, JSON or query, not as {form[:40]}.")


def _life(entry: Entry, auth: dict[str, Any]) -> None:
    unit = entry.text("expires_in_unit")
    if unit == "milliseconds":
        auth["tokenExpirationFormat"] = "milliseconds"
    elif unit not in ("", "seconds"):
        entry.lose("expires_in_unit", f"{unit[:40]} is not known here.")
    life(entry, auth)


def life(entry: Entry, auth: dict[str, Any]) -> None:
    """How long a token lives where its answer does not say, and how early it is renewed."""
    if isinstance(milliseconds := entry.take("token_expires_in_ms"), int | float) and milliseconds > 0:
        auth["defaultTokenLifetime"] = max(10, int(milliseconds / 1000))
    buffer = entry.take("token_expiration_buffer")
    if buffer is None:
        return
    try:
        seconds = int(buffer)
    except (TypeError, ValueError):
        seconds = 0
    if SMALLEST_BUFFER <= seconds <= LARGEST_BUFFER:
        auth["refreshBuffer"] = seconds
    else:
        entry.lose("token_expiration_buffer", f"Tokens are renewed {SMALLEST_BUFFER} to {LARGEST_BUFFER} seconds before their end.")


def kept_of_token(entry: Entry, scope: Scope) -> dict[str, str]:
    """The values of token answers that are kept, by the names of settings."""
    names = [*entry.items("token_response_metadata"), *entry.items("refresh_token_response_metadata")]
    return {**{setting_name(name): name for name in names}, **scope.from_token}


def url(entry: Entry, scope: Scope, key: str, text: str) -> str:
    return scope.said(entry, key, text, whole=False).text


def _token_url(entry: Entry, mode: str) -> str:
    given = entry.values.get("token_url")
    if not isinstance(given, dict):
        return entry.text("token_url")
    section = entry.section("token_url")
    found = ""
    for name in list(section.values):
        text = section.text(name)
        if name in _MODES_OF_URLS[mode]:
            found = text
        else:
            section.note(name, f"The URL for another method than {mode}.")
    entry.take("token_url")
    return found


def _params(entry: Entry, scope: Scope, key: str) -> dict[str, str]:
    section = entry.section(key)
    found: dict[str, str] = {}
    for name in list(section.values):
        found[name] = scope.said(section, name, section.text(name)).text
    return found
