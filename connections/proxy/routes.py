"""Requests that pass through: a caller names a path, the connection brings address and credentials, the vendor's answer comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from django.core.exceptions import PermissionDenied

from connections.callers import Caller
from connections.checking import definition_of
from connections.choosing.walk import choose
from connections.client import Client
from connections.exchange import Pairs
from connections.models import Connection
from connections.opening import client_for
from connections.proxy.records import Record
from connections.proxy.requests import build
from connections.redaction import MASK
from connections.retries import CallError
from connections.transport import Streamed, Transport, TransportError, beginning
from integrations.models import Integration, Organization, Role, User
from integrations.models.environment import PRODUCTION
from integrations.refusals import Conflict, Refusal

_LOOKED_THROUGH: Final = 1024 * 1024  # bytes of a body that has come at once
KEPT_PER_SERVER: Final = 64  # connections that stay open; more than a web process has threads


class Unreachable(Refusal):
    """No answer of the vendor came, and why."""


@dataclass(frozen=True)
class Route:
    """Where the requests of one caller to one integration go, as whom, and for which organization. Belongs to one thread."""

    client: Client
    connection: Connection
    organization: Organization
    username: str

    def send(self, payload: Mapping[str, Any], *, accept_encoding: str = "") -> tuple[Streamed, Record]:
        """The vendor's answer, and what the request log is to keep of it. Raises `Invalid`, `Conflict` and `Unreachable`."""
        record = None
        try:
            base = self.client.base
            outgoing = build(
                payload,
                base=base,
                own_headers=self.client.headers,
                own_query=self.client.definition.query.keys(),
                accept_encoding=accept_encoding,
            )
            record = Record(self.client, self.connection, self.username, outgoing)
            answer = self.client.open(outgoing, base=base)
            record.sent = answer.sent
            record.answered(answer.status, answer.headers)
            return answer, record
        except TransportError as error:
            if record:
                record.failed(error)
            raise Unreachable(self.client.redact(error.message)) from None
        except CallError as error:
            self.client.write_log()  # how no token could be had
            raise Unreachable(error.message) from None

    def returned(self, pairs: Pairs) -> Pairs:
        """Headers of an answer without this connection's secrets: some vendors repeat a key in the address of a redirect."""
        if not self.client.placeholders.holds_secret("\n".join(value for _, value in pairs)):
            return pairs
        return [(name, self.cleaned(value)) for name, value in pairs]

    def is_secret(self, body: bytes, encoding: str) -> bool:
        """Whether an answer's body holds one of this connection's secrets, or may hold one because it cannot be looked through."""
        plain = beginning(body, encoding, _LOOKED_THROUGH)
        unread = len(plain) >= _LOOKED_THROUGH or (not plain and bool(body))
        return unread or self.client.placeholders.holds_secret(plain.decode("utf-8", "replace"))

    def cleaned(self, text: str) -> str:
        """A text of an answer's head without this connection's secrets, in characters that a head may hold."""
        return self.client.redact(text).replace(MASK, "***")


def route(user: User, integration: Integration, organization: Organization | None = None) -> Route:
    """The way of a caller to the vendor. Raises `PermissionDenied`, `Conflict` where there is no connection, and `Unreachable`."""
    caller, connection = connection_of(user, integration, organization)
    if connection.needs_authorization:
        raise Conflict(connection.message or "The connection has to be authorized again.")
    try:
        client = client_for(connection, definition_of(connection), caller=caller, transport=_transport())
        return Route(client, connection, caller.organization, user.get_username())
    except CallError as error:
        raise Unreachable(error.message) from None


def connection_of(user: User, integration: Integration, organization: Organization | None = None) -> tuple[Caller, Connection]:
    """For whom the user calls an integration, and with which connection: that of the named organization, else of the topmost one
    that has one. In the mode per-user it is always the user's own. It looks in production.

    Raises `Conflict` where there is none, and `PermissionDenied`.
    """
    mine = Organization.objects.visible_to(user, Role.OPERATOR)
    first = organization or mine.order_by("path").first()
    if first is None:
        raise PermissionDenied
    rows = Connection.objects.usable_by(user).filter(integration=integration, environment=PRODUCTION)
    rows = rows.select_related("organization", "integration", "credential", "revision", "owner")
    rows = rows.order_by("-is_default", "organization__path", "created_at", "pk")
    if integration.is_per_user:
        rows = rows.filter(owner=user, **({"organization": organization} if organization else {}))
        own = rows.first()
        if own is None:
            advice = f"Connect first, with POST /api/integrations/{integration.slug}/connect."
            raise Conflict(f"You have no connection to {integration} yet. {advice}")
        return Caller(own.organization, user), own
    choice = choose(organization=first, integration=integration, user=user)
    if choice.connection is None and organization is None and (known := rows.first()):
        choice = choose(organization=known.organization, integration=integration, user=user)
    return Caller(choice.seeker.organization, user), choice.found()


@lru_cache(maxsize=1)
def _transport() -> Transport:
    """One for all threads of this process, so that connections to vendors stay open from call to call."""
    return Transport(kept=KEPT_PER_SERVER)
