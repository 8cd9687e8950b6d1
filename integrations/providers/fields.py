"""What an entry asks for at connect time, as connection fields and as descriptions of credentials."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from integrations.definition import ConnectionField
from integrations.definition.whole import problems
from integrations.providers.entry import Entry
from integrations.providers.texts import setting_name

LONGEST_HELP = 1000
# Keys of a field that say nothing about running: where the vendor's documentation explains it.
_DOCUMENTATION = ("doc_section", "type", "warnings")


def connection_fields(entry: Entry, *, found: set[str], used: set[str], needed: set[str]) -> list[ConnectionField]:
    """The fields of `connection_config`. `found` are those that come with a token or a redirect; `used` those that placeholders
    name, `needed` those of them without which nothing can be called."""
    section = entry.section("connection_config")
    fields: list[tuple[int, ConnectionField]] = []
    for name in list(section.values):
        given = section.section(name)
        section.take(name)
        order = given.take("order")
        automated = given.flag("automated")
        if name in found:
            continue  # nobody enters it
        if automated and name not in used:
            entry.note(f"connection_config.{name}", "A program of the catalogue finds it out, and nothing that is imported uses it.")
            continue
        field = _field(given, setting_name(name), secret=_is_secret(name, given))
        must = setting_name(name) in needed and not (field and field.default)
        if automated or (must and field and not field.required):
            entry.note(f"connection_config.{name}", "A program of the catalogue finds it out; here each connection is asked for it.")
        if field and (automated or must):
            field = field.model_copy(update={"required": must, "hidden": False})
        if field:
            fields.append((order if isinstance(order, int) else 1000, field))
    return [field for _, field in sorted(fields, key=lambda pair: pair[0])]


def credential_fields(entry: Entry, names: dict[str, str], *, key: str = "credentials") -> list[ConnectionField]:
    """The descriptions of credentials, under our names."""
    section = entry.section(key)
    fields: list[tuple[int, ConnectionField]] = []
    for name in list(section.values):
        given = section.section(name)
        section.take(name)
        order = given.take("order")
        if given.flag("automated"):
            continue  # signed by Junction
        default = given.values.get("default_value")
        secret = bool(given.values.get("secret")) or name not in _PUBLIC_NAMES
        if default not in (None, ""):
            secret = False  # what everybody who reads the catalogue knows is no secret
        field = _field(given, names.get(name, name), secret=secret)
        if field and default == "":
            field = field.model_copy(update={"required": False})
        if field:
            fields.append((order if isinstance(order, int) else 1000, field))
    return [field for _, field in sorted(fields, key=lambda pair: pair[0])]


_PUBLIC_NAMES = frozenset(
    "client_id clientId username userName user email login appId accountIdentifier userId companyId org tenantId keyId issuerId "
    "privateKeyId scopes scope serviceAccountEmailAddress delegatedAccessEmailAddress teamName contentUrl isu userIdentifier".split()
)


def _is_secret(name: str, given: Entry) -> bool:
    if given.values.get("secret") in (True, "true"):
        return True
    # Catalogues write keys among the settings without calling them secret.
    low = name.lower()
    public = given.values.get("default_value") is not None or given.values.get("enum") or given.values.get("hidden")
    words = ("password", "secret", "apikey", "api_key", "accesskey", "access_key", "privatekey")
    return not public and (low.endswith("token") or any(word in low for word in words))


def _field(given: Entry, name: str, *, secret: bool) -> ConnectionField | None:
    for key in _DOCUMENTATION:
        given.take(key)
    given.take("secret")
    options = given.items("enum")
    hidden = given.flag("hidden")
    optional = given.flag("optional")
    default = given.text("default_value")
    values: dict[str, Any] = {
        "name": name,
        "label": given.text("title").strip()[:200],
        "help": given.text("description").strip()[:LONGEST_HELP],
        "placeholder": given.text("example").strip()[:500] if not secret else "",
        "type": "select" if options else "password" if secret else "text",
        "options": options,
        "required": not (optional or hidden),
        "default": default,
        "pattern": given.text("pattern"),
        "format": given.text("format"),
        "prefix": given.text("prefix"),
        "suffix": given.text("suffix"),
        "multiline": "private" in name.lower() or "certificate" in name.lower() or name.lower().endswith("_key_pem"),
        "hidden": hidden,
    }
    given.take("example")
    if secret:
        values["default"] = ""
    for path, _ in given.left():
        given.lose("", f"{path.rpartition('.')[2]} is a key of a field that is not known here.")
    try:
        return ConnectionField.model_validate(values)
    except ValidationError as error:
        for key, sentences in problems(error).items():
            given.lose(key, " ".join(sentences))
            if key in ("pattern", "format"):
                values[key] = ""
    try:
        return ConnectionField.model_validate(values)
    except ValidationError:
        return None
