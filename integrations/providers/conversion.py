"""One entry of a catalogue as a definition, with all that it could not say."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from integrations import expressions
from integrations.definition import Definition
from integrations.definition.whole import missing, problems
from integrations.providers import fields, lists
from integrations.providers.entry import Entry, Note
from integrations.providers.logins import credential_names, login, signed_token
from integrations.providers.oauth import oauth2
from integrations.providers.requests import Carried, carried
from integrations.providers.texts import Scope, setting_name, settings_read

MODES = ("API_KEY", "BASIC", "OAUTH2", "OAUTH2_CC", "NONE", "TWO_STEP", "JWT")
_OTHER_MODES = {
    "OAUTH1": "OAuth 1.0 signs each request with two secrets, which Junction does not do.",
    "TBA": "Token-based authentication of this kind is OAuth 1.0, which Junction does not sign.",
    "AWS_SIGV4": "Temporary credentials of a security token service are exchanged first, which Junction does not do.",
    "APP": "The vendor's app is installed there and signs in by its installation, which Junction does not follow.",
    "CUSTOM": "The method is written as a program of the catalogue, which is not in the file.",
    "BILL": "The method is written as a program of the catalogue, which is not in the file.",
    "SIGNATURE": "WSSE signs each request with a digest of its own, which Junction does not make.",
    "INSTALL_PLUGIN": "The vendor's plugin is installed there and announces itself, which Junction does not follow.",
    "MCP_OAUTH2": "The client is registered by a program at the moment of connecting, as the Model Context Protocol has it.",
    "MCP_OAUTH2_GENERIC": "The server and its client are found out at the moment of connecting, as the Model Context Protocol has it.",
}
# Keys that say nothing about running calls, with what they are.
_BESIDE = {
    "docs": "documentation",
    "docs_connect": "documentation",
    "setup_guide_url": "documentation",
    "webhook_routing_script": "a program of the catalogue that sorts webhooks",
    "webhook_user_defined_secret": "about webhooks",
    "webhook_allowed_query_params": "about webhooks",
    "post_connection_script": "a program that looks things up after connecting",
    "pre_connection_deletion_script": "a program that tidies up before a connection is deleted",
    "credentials_verification_script": "a program that tests credentials",
    "connection_configuration": "values that a program of the catalogue finds out",
    "available_scopes": "documentation",
    "installation": "where the catalogue's service starts an installation",
}
# Keys of a method that the entry does not use: inherited from the entry that it is an alias of.
_BROWSER_KEYS = frozenset(
    "authorization_url authorization_params authorization_url_replacements authorization_url_skip_empty authorization_url_skip_encode "
    "authorization_url_fragment authorization_code_param_in_callback redirect_uri_metadata disable_pkce".split()
)
_TOKEN_KEYS = frozenset(
    "token_url token_params token_headers token_response token_response_metadata refresh_params refresh_url refresh_token_params "
    "scope_separator default_scopes token_request_auth_method authorization_method body_format token_request_method "
    "token_expiration_buffer token_expires_in_ms expires_in_unit alternate_access_token_response_path".split()
)
_UNUSED = {
    "OAUTH2_CC": _BROWSER_KEYS,
    "TWO_STEP": _BROWSER_KEYS | {"default_scopes", "scope_separator", "refresh_params"},
    **dict.fromkeys(("API_KEY", "BASIC", "NONE", "JWT"), _BROWSER_KEYS | _TOKEN_KEYS),
}
_PROGRAMS = ("post_connection_script", "credentials_verification_script")
_CLIENT_NAMES = {"client_id": "clientId", "client_secret": "clientSecret", "client_certificate": "clientCertificate"}


@dataclass
class Converted:
    """`definition` is None where nothing usable came of it. `losses` are what the entry says and the definition does not."""

    key: str
    name: str
    mode: str
    categories: list[str] = field(default_factory=list)
    definition: Definition | None = None
    losses: list[Note] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def lose(self, reason: str) -> None:
        """Write down that the entry as a whole could not be used."""
        self.losses.append(Note("", reason))


def convert(key: str, values: dict[str, Any]) -> Converted:
    """The entry `key`, aliases followed already. Never raises for what stands in an entry."""
    entry = Entry(copy.deepcopy(values))
    converted = Converted(key, entry.text("display_name", key).strip()[:200] or key, entry.text("auth_mode"))
    converted.categories = entry.items("categories")
    converted.losses, converted.notes = entry.losses, entry.notes
    if converted.mode not in MODES:
        known = _OTHER_MODES.get(converted.mode, f"{converted.mode[:40] or 'No method'} is no method of authentication that is known here.")
        entry.lose("auth_mode", known)
        return converted
    _beside(entry, converted.mode)
    document = _document(entry, converted.mode)
    for path, _ in entry.left():
        entry.losses.append(Note(path, "This key is not known here."))
    converted.definition = _validated(document, entry)
    return converted


def _beside(entry: Entry, mode: str) -> None:
    for key in sorted(_UNUSED.get(mode, frozenset()) & set(entry.values)):
        entry.take(key)
        entry.note(key, f"It belongs to another method of authentication than {mode}, which the entry uses.")
    section = entry.section("auth")
    if section.values.get("response_type") == "code":
        section.take("response_type")  # as it is sent anyway
    for key, what in _BESIDE.items():
        if key in entry and (value := entry.take(key)) and key in _PROGRAMS:
            entry.note(
                key, f"The catalogue's own service runs {str(value)[:80]}, {what}. The file has only its name, so Junction does not."
            )


def _document(entry: Entry, mode: str) -> dict[str, Any]:
    names = _names(entry, mode)
    scope = _scope(entry, mode, names)
    used = settings_read({key: value for key, value in entry.values.items() if key != "connection_config"})
    proxy = entry.section("proxy")
    found = carried(proxy, scope, may_place=mode != "NONE")
    auth = _auth(entry, scope, mode, found)
    document: dict[str, Any] = {
        "apiBaseUri": found.base_uri,
        "headers": found.headers,
        "query": found.query,
        "auth": auth,
        "pagination": lists.pagination(proxy),
        "rateLimit": lists.rate_limit(proxy),
        "ping": lists.ping(proxy, scope),
    }
    if auth["type"] != "none":
        described = [*_owner_fields(entry, mode, names), *fields.credential_fields(entry, names)]
        described += fields.credential_fields(entry, names, key="assertion_option")
        # The owner's and the connection's field of one name are one field; the one that says more stands.
        auth["credentialFields"] = [one.dump() for one in {one.name: one for one in described}.values()]
    if auth["type"] == "login":
        auth["credentialNames"] = [one["name"] for one in auth["credentialFields"]] or ["username", "password"]
    came = {*auth.get("tokenSettings", {}), *auth.get("callbackSettings", {})}
    asked = fields.connection_fields(
        entry,
        found={name for name in used | set(_section(entry, "connection_config")) if setting_name(name) in came},
        used=used,
        needed=_needed(document),
    )
    document["connectionFields"] = [one.dump() for one in asked]
    if not document["apiBaseUri"]:
        entry.note("proxy.base_url", "The entry names no base URL. Enter it in the step Host.")
    return document


def _section(entry: Entry, key: str) -> dict[str, Any]:
    value = entry.values.get(key)
    return value if isinstance(value, dict) else {}


def _needed(document: dict[str, Any]) -> set[str]:
    """Settings without which no request can be made: those of URLs without an alternative."""
    urls = [document["apiBaseUri"], *(document["auth"].get(name, "") for name in ("authUri", "tokenUri"))]
    return {name for url in urls if " || " not in url for name in _named_in(url)}


def _named_in(url: str) -> set[str]:
    return {part.partition("}}")[0] for part in url.split("{{settings.")[1:]}


def _names(entry: Entry, mode: str) -> dict[str, str]:
    """The names of credentials in placeholders, and ours."""
    match mode:
        case "API_KEY":
            return {"apiKey": "apiKey"}
        case "BASIC":
            return {"username": "username", "password": "password"}
        case "OAUTH2":
            return {"clientId": "clientId", "clientSecret": "clientSecret"}
        case "OAUTH2_CC":
            signs = entry.values.get("token_request_auth_method") == "private_key_jwt"
            own = {"client_private_key": "privateKey" if signs else "clientKey"}
            return {**_CLIENT_NAMES, **own, "clientId": "clientId", "clientSecret": "clientSecret"}
        case "TWO_STEP" | "JWT":
            return credential_names(entry)
    return {}


def _scope(entry: Entry, mode: str, names: dict[str, str]) -> Scope:
    config, credentials = _section(entry, "connection_config"), _section(entry, "credentials")
    optional = {
        f"settings.{setting_name(name)}"
        for name, given in config.items()
        if isinstance(given, dict)
        and (given.get("optional") or given.get("hidden") or given.get("automated"))
        and not given.get("default_value")
    }
    for key in ("credentials", "integration_config"):
        optional |= {
            f"credentials.{names.get(name, name)}"
            for name, given in _section(entry, key).items()
            if isinstance(given, dict) and given.get("optional")
        }
    signed = {name for name, given in credentials.items() if isinstance(given, dict) and given.get("automated")}
    signed |= {"token"} if mode == "TWO_STEP" and ("signature" in entry or "token" in entry) else set()
    has_token = mode in ("OAUTH2", "OAUTH2_CC", "TWO_STEP", "JWT")
    return Scope(credentials=names, optional=optional, signed=signed, fields=set(config), has_token=has_token)


def _owner_fields(entry: Entry, mode: str, names: dict[str, str]) -> list[Any]:
    """`integration_config`: what the owner enters once. Here these are credentials, for which the owner can give defaults."""
    if "integration_config" not in entry:
        return []
    if mode in ("TWO_STEP", "JWT"):
        return fields.credential_fields(entry, names, key="integration_config")
    section = _section(entry, "integration_config")
    entry.take("integration_config")
    entry.note(
        "integration_config",
        f"What an admin chooses there ({', '.join(list(section)[:10])}) is chosen here in the steps Host and Authentication.",
    )
    return []


def _auth(entry: Entry, scope: Scope, mode: str, found: Carried) -> dict[str, Any]:
    match mode:
        case "API_KEY":
            auth = {"type": "apikey", **_api_key(entry, found)}
        case "BASIC":
            auth = {"type": "basic"}
            if found.placements and not found.sets_authorization:
                basic = '{{base64(credentials.username || "", ":", credentials.password || "")}}'
                found.placements.append({"location": "header", "name": "Authorization", "value": f"Basic {basic}"})
            auth["placements"] = found.placements
        case "OAUTH2" | "OAUTH2_CC":
            auth = oauth2(entry, scope, mode)
            auth["placements"] = _with_token(found)
        case "TWO_STEP":
            auth = login(entry, scope)
            if found.sends_cookies:
                auth["keepCookies"] = True
                auth["tokenLocation"] = "none"
                auth["placements"] = found.placements
            else:
                auth["placements"] = _with_token(found)
        case "JWT":
            auth = {"type": "jwt", "assertion": signed_token(entry, scope), "placements": _with_token(found)}
        case _:
            auth = {"type": "none"}
    return auth


def _api_key(entry: Entry, found: Carried) -> dict[str, Any]:
    sent = any("credentials.apiKey" in one["value"] for one in found.placements)
    if sent:
        return found.as_api_key()
    if "credentials.apiKey" in found.reads:
        return {"apiKeyLocation": "url", "placements": []} if not found.placements else {"placements": found.placements}
    entry.note("proxy.headers", "The entry does not say where the key is sent. Say it in the step Authentication.")
    return {}


def _with_token(found: Carried) -> list[dict[str, str]]:
    """The placements, the token among them; none where it stands in Authorization: Bearer, as it does by itself."""
    placements = found.placements
    if len(placements) == 1 and placements[0]["name"].lower() == "authorization" and placements[0]["value"] == "Bearer {{token}}":
        return []
    if placements and not any("token" in _paths(one["value"]) for one in placements) and not found.sets_authorization:
        placements.append({"location": "header", "name": "Authorization", "value": "Bearer {{token}}"})
    return placements


def _paths(text: str) -> frozenset[str]:
    return expressions.parse(text).paths


def _validated(document: dict[str, Any], entry: Entry) -> Definition | None:
    """The definition; parts that cannot be are written down as lost and left out, as long as something remains."""
    for _ in range(10):
        try:
            definition = Definition.model_validate(document)
        except ValidationError as error:
            found = problems(error)
            for path, sentences in found.items():
                entry.losses.append(Note(path, " ".join(sentences)))
            if not all(_dropped(document, path) for path in found):
                return None
            continue
        for gap in missing(definition):
            if gap.field != "apiBaseUri":
                entry.notes.append(Note(gap.field, gap.message))
        return definition
    return None


def _dropped(document: dict[str, Any], path: str) -> bool:
    """Take out the part of a document that a path points into; whether that was possible."""
    first, *rest = path.split(".")
    if first not in document:
        return False
    if first == "auth":
        inner = document["auth"]
        if not rest or rest[0] not in inner or rest[0] == "type":
            return False
        del inner[rest[0]]
        return True
    del document[first]
    return True
