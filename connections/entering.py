"""What somebody enters for a stored connection: merged with what is there, and what of the old is given up for it.

Secrets that are stored stay with the servers for which they were entered. Raises `Invalid` and `Refusal`.
"""

from __future__ import annotations

from typing import Any

from django.db.models import F

from connections import connection_settings, network_settings
from connections.agents.ways import Way, way_of
from connections.checking import check_credentials, defaults_for
from connections.destinations import destinations_of
from connections.exchange import may_carry_credentials
from connections.models import Connection, Credential
from connections.options import ConnectionOptions
from connections.secrets import MASK, SecretError, open_sealed, seal
from connections.tokens import rows
from connections.tokens.grants import NOBODY_AGREED
from integrations.definition import Definition, OAuth2Auth
from integrations.refusals import Invalid

_ELSEWHERE = "Enter it again: the address leads to another server, which does not get what is stored."
_READ_ALONG = "Enter it again: whoever runs the proxy could read it there, so that the proxy does not get what is stored."


def first_state(definition: Definition, held: Any) -> dict[str, Any]:
    """What is known of a connection before it is tested: where people have to agree, that nobody has."""
    if isinstance(definition.auth, OAuth2Auth) and definition.auth.needs_browser and not held:
        return {"state": Connection.State.REAUTHORIZE, "message": NOBODY_AGREED}
    return {"state": Connection.State.UNTESTED, "message": ""}


def stored_fields(connection: Connection) -> list[str]:
    """The names of the credentials that a connection holds; none where they cannot be opened any more."""
    return sorted(_stored(connection))


def enter(
    connection: Connection,
    definition: Definition,
    credentials: dict[str, str],
    settings: dict[str, Any],
    *,
    way: Way,
    options: ConnectionOptions,
    options_before: ConnectionOptions,
) -> None:
    """Take over credentials, settings and the way there; the caller saves the connection.

    A token outlives what has nothing to do with it, whoever may be renewing it at the moment.
    """
    stored = _stored(connection)
    public, merged = merged_values(connection, definition, credentials, settings, way, options=options, options_before=options_before)
    check_credentials(connection.integration, definition, merged, way, options)
    defaults = defaults_for(connection.integration, definition, options, way)
    after = destinations_of(definition, {**defaults, **merged}, public)
    known = set(destinations_of(definition, {**defaults, **stored}, connection.settings))
    merged, held = rows.pasted(definition.auth, merged)
    changed = _changed(stored, merged)
    stays = not held and keeps_token(connection, definition, merged, public, way, options=options, options_before=options_before)
    row = Credential.objects.filter(pk=connection.pk)
    if changed:
        row.update(sealed=seal(merged, context=f"credential:{connection.pk}"))
    kept = not stored.keys() <= changed or (stays and row.exclude(token_sealed="").exists())
    waiting = known - set(connection.destinations) if kept and connection.destinations else set()
    # Servers that a changed integration names, and to which nobody has agreed, do not get what is stored by this either.
    connection.destinations = sorted({*after, *connection.destinations} - waiting) if waiting else after
    if stays:
        return
    # What was said of the old values is not true of the new ones.
    state = first_state(definition, held)
    connection.settings, connection.state, connection.message = public, state["state"], state["message"]
    connection.agent, connection.agent_credential = way.agent, way.credential
    if getattr(definition.auth, "grant_type", "") == "refresh_token" and "refreshToken" not in changed:
        rows.drop_access_token(connection.pk)  # the grant is the same, and its newest refresh token the only one that works
    else:
        token = rows.kept_columns(connection.pk, held) if held else rows.FORGOTTEN
        row.update(**token, generation=F("generation") + 1)


def keeps_token(
    connection: Connection,
    definition: Definition,
    merged: dict[str, str],
    public: dict[str, Any],
    way: Way,
    *,
    options: ConnectionOptions,
    options_before: ConnectionOptions | None = None,
) -> bool:
    """Whether a connection's token belongs to these values as it did to those before, and nobody new gets to see it."""
    if public != connection.settings or way != way_of(connection):
        return False
    goes_to = destinations_of(definition, merged, public)
    if _is_read_anew(options, options_before or network_settings.options_of(connection), goes_to):
        return False
    return _outlives(definition, _changed(_stored(connection), merged))


def _is_read_anew(options: ConnectionOptions, before: ConnectionOptions, urls: list[str]) -> bool:
    return options.network != before.network and options.network.is_read_by_proxy(urls)


def _changed(stored: dict[str, str], merged: dict[str, str]) -> set[str]:
    return {name for name in {*stored, *merged} if stored.get(name) != merged.get(name)}


def merged_values(
    connection: Connection,
    definition: Definition,
    credentials: dict[str, str],
    settings: dict[str, Any],
    way: Way,
    *,
    options: ConnectionOptions,
    options_before: ConnectionOptions | None = None,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Stored settings and credentials with the given ones over them; the mask means unchanged.

    Raises `Invalid` if the settings lead to another server, or to one of that name in another place, or through a proxy that
    could read along, and a stored credential is not entered anew: whoever may change the address must not learn the secrets by it.
    """
    stored = _stored(connection)
    public, hidden = connection_settings.checked(
        definition, {**connection.settings, **settings}, whole=True, stored=stored, by_agent=way.agent is not None
    )
    given = {**credentials, **hidden}
    merged = {**stored, **{field: value for field, value in given.items() if value != MASK}}
    merged = {field: value for field, value in merged.items() if value != ""}
    before, after = destinations_of(definition, stored, connection.settings), destinations_of(definition, merged, public)
    sentence = ""
    if way.agent != connection.agent or not all(
        any(may_carry_credentials(url, known) or url == known for known in before) for url in after
    ):
        sentence = _ELSEWHERE
    elif _is_read_anew(options, options_before or network_settings.options_of(connection), after):
        sentence = _READ_ALONG
    again = sorted(name for name in stored if given.get(name, MASK) == MASK) if sentence else []
    if again:
        raise Invalid({(name if "." in name else f"credentials.{name}"): [sentence] for name in again})
    return public, merged


def _stored(connection: Connection) -> dict[str, str]:
    try:
        found: dict[str, str] = open_sealed(connection.credential.sealed, context=connection.credential.context)
    except SecretError:
        return {}  # what cannot be opened any more can be entered again
    return found


def _outlives(definition: Definition, changed: set[str]) -> bool:
    """Whether a connection's token outlives a change of these credentials. What somebody agreed to on the vendor's page does
    where a client only got a new secret."""
    auth = definition.auth
    ours = {"clientSecret", "privateKey", "clientCertificate", "clientKey"}
    return not changed or (isinstance(auth, OAuth2Auth) and auth.needs_browser and changed <= ours)
