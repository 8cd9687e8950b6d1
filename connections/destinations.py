"""Where a connection's calls go, and its credentials with them: the base URI, every server, what the owner's defaults may reach."""

from __future__ import annotations

from collections.abc import Mapping
from types import EllipsisType
from typing import Any

from connections.auth import Credentials, scheme_of
from connections.callers import ROOTS, said_of
from connections.models import Agent, DefaultCredential
from connections.options import NetworkOptions
from connections.retries import CallError
from connections.secrets import open_sealed
from connections.values import SECRET_FIELD, destinations, strays, values_of
from integrations import expressions
from integrations.addresses import parse_base_uri
from integrations.definition import Definition, OAuth2Auth, lies_in
from integrations.models import Integration


def destinations_of(definition: Definition, credentials: Credentials, settings: Mapping[str, Any]) -> list[str]:
    """The servers to which a connection's credentials go."""
    return destinations(definition, values_of(definition, credentials, settings), base_known(definition, credentials, settings))


def base_known(definition: Definition, credentials: Credentials, settings: Mapping[str, Any]) -> str:
    """The base URI, or where it comes with a token what the definition says of it."""
    try:
        return base_of(definition, values_of(definition, credentials, settings))
    except (expressions.MissingValue, CallError):
        return definition.api_base_uri


def default_credentials(
    integration_id: Any, definition: Definition, *, is_exposed: bool = False, row: DefaultCredential | EllipsisType | None = ...
) -> dict[str, str]:
    """What a connection of this integration need not enter: the owner's defaults. Raises `SecretError`.

    Where the connection names the server, or its way there `is_exposed`, there are no secrets among them: whoever connects
    could have them sent to a server of their own and read them there. `row` is what is kept of them, where a list has
    looked it up already.
    """
    scheme = scheme_of(definition.auth)
    found: dict[str, str] = {field.name: field.default for field in scheme.described if field.default}
    known = {field.name for field in scheme.credential_fields()}
    if isinstance(definition.auth, OAuth2Auth) and definition.auth.client_id and "clientId" in known:
        found["clientId"] = definition.auth.client_id
    if definition.host_is_open or is_exposed:
        return found
    kept = DefaultCredential.objects.filter(pk=integration_id).first() if row is ... else row
    if kept:
        found |= {name: value for name, value in open_sealed(kept.sealed, context=kept.context).items() if name in known}
    return found


def is_exposed(definition: Definition, network: NetworkOptions, *, agent: Agent | None, integration: Integration) -> bool:
    """Whether the owner's secrets could be read by somebody else on a connection's way to the server.

    That is whoever says whose certificates are taken, runs a proxy without TLS behind it, or an agent: it makes the requests
    itself, on a machine of the organization that set it up.
    """
    if network.opens_trust or network.is_read_by_proxy([definition.api_base_uri, *definition.credential_urls]):
        return True
    if agent is None:
        return False
    owner = integration.organization
    return agent.organization_id not in (owner.pk, *owner.ancestor_ids)


def base_of(definition: Definition, values: Mapping[str, Any]) -> str:
    """The base URI that a connection calls: the definition's, or the connection's own server with the definition's path.

    Raises `MissingValue` for one that lacks a setting, `CallError` for a connection that was made before the definition
    left the host open, or whose settings lead nowhere.
    """
    if definition.has_placeholders:
        try:
            found = str(parse_base_uri(_with_scheme(expressions.render_url(definition.api_base_uri, values))))
        except ValueError as error:
            raise CallError(f"The settings of the connection make no address to call. {error}") from None
        return _within(definition, found)
    if not definition.host_at_connect:
        return definition.api_base_uri
    address = values.get("settings", {}).get("baseUri")
    if not address:
        raise CallError(
            "The integration now asks each connection for the address of its own server, and this one has none. Add it to the connection."
        )
    own = parse_base_uri(str(address))
    return _within(definition, f"{own.origin}{own.path or definition.base.path}")


def _within(definition: Definition, base: str) -> str:
    """The base URI, if the connection may choose it. Raises `CallError`."""
    if definition.valid_domain_names and not lies_in(base, definition.valid_domain_names):
        raise CallError(strays(base, definition.valid_domain_names))
    return base


def called_at(definition: Definition, settings: Mapping[str, Any]) -> str:
    """The base URI as people read it; one that is known only with a token's answer, or needs a secret, stands as it is written."""
    try:
        return base_of(definition, values_of(definition, {}, settings))
    except (expressions.MissingValue, CallError):
        return definition.api_base_uri


def _with_scheme(url: str) -> str:
    return url if "://" in url else f"https://{url}"


def lacks(missing: expressions.MissingValue) -> str:
    """What to do about a placeholder without a value."""
    name = missing.name
    if name.partition(".")[0] in ROOTS:
        return said_of(name)
    known = name.removeprefix(SECRET_FIELD).removeprefix("credentials.")
    return f"The integration needs {known}, and this connection has no value for it. Add it to the connection, or authorize it again."
