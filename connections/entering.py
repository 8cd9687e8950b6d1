"""What somebody enters for a stored connection: merged with what is there, and what of the old is given up for it.

Secrets that are stored stay with the servers for which they were entered. Raises `Invalid` and `Refusal`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import F

from connections import connection_settings
from connections.agents.ways import Way, way_of
from connections.checking import as_stored, check_credentials, defaults_for
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


@dataclass(frozen=True)
class Change:
    """What a stored connection gets: the way there and the options, beside the options that it had. Credentials and settings are
    entered over those that it holds."""

    connection: Connection
    definition: Definition
    way: Way
    options: ConnectionOptions
    options_before: ConnectionOptions

    @cached_property
    def stored(self) -> dict[str, str]:
        """The credentials that the connection holds."""
        return _stored(self.connection)

    def merged(self, credentials: dict[str, str], settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Stored settings and credentials with the given ones over them; the mask means unchanged.

        Raises `Invalid` if the settings lead to another server, or to one of that name in another place, or through a proxy that
        could read along, and a stored credential is not entered anew: whoever may change the address must not learn the secrets by it.
        """
        connection, definition, stored = self.connection, self.definition, self.stored
        public, hidden = connection_settings.checked(
            definition, {**connection.settings, **settings}, whole=True, stored=stored, by_agent=self.way.agent is not None
        )
        given = {**credentials, **hidden}
        merged = {**stored, **{field: value for field, value in given.items() if value != MASK}}
        merged = {field: value for field, value in merged.items() if value != ""}
        before, after = destinations_of(definition, stored, connection.settings), destinations_of(definition, merged, public)
        sentence = ""
        if self.way.agent != connection.agent or not all(
            any(may_carry_credentials(url, known) or url == known for known in before) for url in after
        ):
            sentence = _ELSEWHERE
        elif self._is_read_anew(after):
            sentence = _READ_ALONG
        again = sorted(name for name in stored if given.get(name, MASK) == MASK) if sentence else []
        if again:
            raise Invalid({(name if "." in name else f"credentials.{name}"): [sentence] for name in again})
        return public, merged

    def keeps_token(self, public: dict[str, Any], merged: dict[str, str]) -> bool:
        """Whether the connection's token belongs to these values as it did to those before, and nobody new gets to see it."""
        if public != self.connection.settings or self.way != way_of(self.connection):
            return False
        if self._is_read_anew(destinations_of(self.definition, merged, public)):
            return False
        return _outlives(self.definition, _changed(self.stored, merged))

    def _is_read_anew(self, urls: list[str]) -> bool:
        return self.options.network != self.options_before.network and self.options.network.is_read_by_proxy(urls)


def enter(change: Change, credentials: dict[str, str], settings: dict[str, Any]) -> None:
    """Take over credentials, settings and the way there; the caller saves the connection.

    A token outlives what has nothing to do with it, whoever may be renewing it at the moment.
    """
    connection, definition, stored, way = change.connection, change.definition, change.stored, change.way
    public, merged = change.merged(credentials, settings)
    check_credentials(connection.integration, definition, merged, way, change.options)
    merged = as_stored(definition, merged)
    defaults = defaults_for(connection.integration, definition, change.options, way)
    after = destinations_of(definition, {**defaults, **merged}, public)
    known = set(destinations_of(definition, {**defaults, **stored}, connection.settings))
    merged, held = rows.pasted(definition.auth, merged)
    changed = _changed(stored, merged)
    stays = not held and change.keeps_token(public, merged)
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


def _changed(stored: dict[str, str], merged: dict[str, str]) -> set[str]:
    return {name for name in {*stored, *merged} if stored.get(name) != merged.get(name)}


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
