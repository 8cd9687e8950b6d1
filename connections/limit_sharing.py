"""Requests at once that a connection borrows from another one, where the vendor counts both together."""

from __future__ import annotations

from typing import Any, Final

from connections.models import Connection
from connections.network_settings import options_of
from connections.rates import DEFAULT_CONCURRENCY, Level, Slots
from integrations.permissions import by_id
from integrations.refusals import Invalid

FIELD: Final = "sharesLimitOf"  # its name in JSON and in forms


def found(value: Any) -> Connection | None:
    """The connection of this id, None for nothing. Raises `Invalid`. Whether it may be borrowed from is said by `check`."""
    if value in (None, ""):
        return None
    row = by_id(Connection.objects.all(), value)
    if row is None:
        raise Invalid({FIELD: ["There is no such connection. Choose one of your organization."]})
    return row


def check(connection: Connection) -> None:
    """Refuse to borrow from oneself, from another organization, and from one that borrows itself. Raises `Invalid`."""
    lender = connection.shares_limit_of
    if lender is None:
        return
    sentence = ""
    if lender.pk == connection.pk:
        sentence = "A connection cannot borrow from itself. Leave it empty."
    elif lender.organization_id != connection.organization_id:
        sentence = "There is no such connection. Choose one of your organization."
    elif lender.shares_limit_of_id:
        sentence = f"{lender.name} borrows its requests itself. Choose the connection that it borrows from."
    elif not connection._state.adding and connection.shared_by.exists():  # noqa: SLF001 - Django's own way to tell a new row
        sentence = "Other connections borrow from this one, so that it needs requests of its own. Change those first."
    if sentence:
        raise Invalid({FIELD: [sentence]})


def slots_of(connection: Connection, *, holder: str) -> Slots:
    """The slots that a run of this connection uses: its own, or those of the connection that it borrows from."""
    lender = connection.shares_limit_of or connection
    return Slots(str(lender.pk), lender.concurrency or DEFAULT_CONCURRENCY, holder=holder)


def level_of(connection: Connection) -> Level | None:
    """How many requests at once the vendor takes at the moment, where the connection whose limit holds recovers by itself."""
    lender = connection.shares_limit_of or connection
    pace = options_of(lender).pace
    if not pace.auto_recover:
        return None
    limit = lender.concurrency or DEFAULT_CONCURRENCY
    return Level(str(lender.pk), min(limit, pace.target_concurrency or limit))


def lenders(connection: Connection | None, organization: Any) -> list[Connection]:
    """The connections of an organization that another one may borrow from."""
    rows = Connection.objects.filter(organization=organization, shares_limit_of=None).select_related("integration")
    return list(rows.exclude(pk=connection.pk) if connection else rows)
