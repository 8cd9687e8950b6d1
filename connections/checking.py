"""What is entered for a connection, looked at before it is kept or tried. Says no with `Invalid`, `Conflict` or `Refusal`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from connections import limit_sharing
from connections.agents.ways import Way, check_holdable, check_network
from connections.auth import scheme_of
from connections.destinations import default_credentials, is_exposed
from connections.models import Connection
from connections.options import ConnectionOptions
from connections.rates import MAX_CONCURRENCY, MAX_REQUESTS_PER_MINUTE
from connections.secrets import SecretError
from connections.values import SECRET_FIELD
from integrations.definition import Definition
from integrations.installing import why_not
from integrations.models import Integration, Organization, User
from integrations.refusals import Conflict, Invalid, Refusal

NAME_LENGTH = 100
LONGEST_DEBUG = timedelta(days=7)
# How often a connection may call its vendor: JSON name, column, largest value.
LIMITS = {"concurrency": ("concurrency", MAX_CONCURRENCY), "requestsPerMinute": ("requests_per_minute", MAX_REQUESTS_PER_MINUTE)}
# The same with the connection whose limit is borrowed.
LIMIT_FIELDS = (*LIMITS, limit_sharing.FIELD)


def definition_of(source: Integration | Connection) -> Definition:
    """The definition by which a connection calls: that of the revision to which it is pinned, else the newest finalized one, which is
    also what a new connection of an integration gets.
    """
    current = source.in_use if isinstance(source, Connection) else source.current
    if current is None:
        raise Conflict("This integration is a draft. It can be connected once it is finalized and published.")
    return current.definition


def check_installable(integration: Integration, organization: Organization, user: User | None = None) -> None:
    """Refuse drafts, hidden and deprecated integrations, those of organizations that are not above, and those not shared."""
    if reason := why_not(integration, organization, user):
        raise Conflict(f"{integration} cannot be connected. {reason}")


def defaults_for(integration: Integration, definition: Definition, options: ConnectionOptions, way: Way) -> dict[str, str]:
    """What a connection need not enter: the owner's defaults, where nobody else could read them on their way."""
    exposed = is_exposed(definition, options.network, agent=way.agent, integration=integration)
    try:
        return default_credentials(integration.pk, definition, is_exposed=exposed)
    except SecretError as error:
        raise Refusal(str(error)) from None


def check_credentials(
    integration: Integration, definition: Definition, credentials: dict[str, str], way: Way, options: ConnectionOptions
) -> None:
    check_network(way, options)
    if way.credential:
        check_holdable(definition)
        return
    own = {name: value for name, value in credentials.items() if not name.startswith(SECRET_FIELD)}
    errors = scheme_of(definition.auth).check({**defaults_for(integration, definition, options, way), **own})
    if errors:
        raise Invalid({f"credentials.{field}".rstrip("."): sentences for field, sentences in errors.items()})


def as_stored(definition: Definition, credentials: dict[str, str]) -> dict[str, str]:
    """Credentials that were checked, as the integration wants them: in small letters, say, or their digest."""
    fields = {field.name: field for field in getattr(definition.auth, "credential_fields", []) if field.transform}
    return {name: fields[name].transformed(value) if name in fields and value else value for name, value in credentials.items()}


def checked_name(name: str) -> str:
    value = " ".join(str(name).split())
    if not value:
        raise Invalid({"name": ["Enter a name by which you will know this connection, for example Production."]})
    if len(value) > NAME_LENGTH:
        raise Invalid({"name": [f"At most {NAME_LENGTH} characters; this name has {len(value)}."]})
    return value


def checked_limits(given: dict[str, Any]) -> dict[str, Any]:
    """The columns for limits by their JSON names."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name == limit_sharing.FIELD:
            found["shares_limit_of"] = limit_sharing.found(value)
            continue
        column, largest = LIMITS[name]
        text = "" if value is None else str(value).strip()
        if isinstance(value, bool) or (text and not (text.isascii() and text.isdecimal() and len(text) < 9 and 1 <= int(text) <= largest)):
            raise Invalid({name: [f"Enter a whole number from 1 to {largest:,}, or leave it empty."]})
        found[column] = int(text) if text else None
    return found


def checked_debug(until: datetime | None) -> datetime | None:
    """The end of capturing whole bodies: nobody needs it for longer than a week, and it fills the disk."""
    now = timezone.now()
    if until is not None and not now < until <= now + LONGEST_DEBUG:
        raise Invalid({"debugUntil": [f"Choose a time to come, at most {LONGEST_DEBUG.days} days from now."]})
    return until


def checked_below(value: Any) -> str:
    if value not in Connection.Below.values:
        raise Invalid({"below": [f"Use one of: {', '.join(Connection.Below.values)}."]})
    return str(value)
