"""The settings of a connection: its own server, and the fields that the integration asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connections.secrets import MASK
from connections.values import SECRET_FIELD, chosen_servers
from integrations.addresses import parse_base_uri
from integrations.definition import ConnectionField, Definition
from integrations.refusals import Invalid
from integrations.services import plain_http_problem


def checked(
    definition: Definition, given: Mapping[str, Any], *, whole: bool, stored: Mapping[str, str] | None = None, by_agent: bool = False
) -> tuple[dict[str, Any], dict[str, str]]:
    """The public settings, and the secret ones as credentials named `settings.<name>`. Raises `Invalid`.

    `whole` demands every required field; `stored` are the credentials that are there already, which need not be given.
    Where an agent calls (`by_agent`), its own file says which addresses it takes, unencrypted ones too.
    """
    errors: dict[str, list[str]] = {}
    public: dict[str, Any] = {}
    hidden: dict[str, str] = {}
    fields = {field.name: field for field in definition.connection_fields}
    for name in sorted(set(given) - set(fields) - {"baseUri"}):
        errors[f"settings.{name}"] = ["This integration does not ask for this setting. Leave it out."]
    _base_uri(definition, given, public, errors, by_agent=by_agent)
    for name, field in fields.items():
        where = f"settings.{name}"
        value = given.get(name)
        if field.is_secret and (value == MASK or (value in (None, "") and stored and SECRET_FIELD + name in stored)):
            continue
        try:
            text = _cleaned(field, value)
        except ValueError as error:
            errors[where] = [str(error)]
            continue
        if not text:
            if whole and field.required and not field.default:
                errors[where] = [f"{field.title} is missing."]
            continue
        if field.is_secret:
            hidden[SECRET_FIELD + name] = text
        else:
            public[name] = text
    if not errors and definition.valid_domain_names:
        errors = {name: [sentence] for name, sentence in chosen_servers(definition, public).items()}
    if errors:
        raise Invalid(errors)
    return public, hidden


def _cleaned(field: ConnectionField, value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{field.title} is text.")
    return field.clean(str(value))


def _base_uri(
    definition: Definition, given: Mapping[str, Any], public: dict[str, Any], errors: dict[str, list[str]], *, by_agent: bool
) -> None:
    address = str(given.get("baseUri") or "").strip()
    if not definition.host_at_connect:
        if address:
            errors["settings.baseUri"] = ["The integration sets the host. Leave it out."]
        return
    if not address:
        errors["settings.baseUri"] = ["Enter the address of your own server, for example https://git.example.com."]
        return
    try:
        base = parse_base_uri(address)
        if not base.host:
            raise ValueError("Enter the address with its host, for example https://git.example.com.")
        if not by_agent and (problem := plain_http_problem(str(base))):
            raise ValueError(problem)
    except ValueError as error:
        errors["settings.baseUri"] = [str(error)]
    else:
        public["baseUri"] = str(base)
