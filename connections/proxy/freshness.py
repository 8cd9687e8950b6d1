"""What a decision about a caller was made of, read with one query: as long as it is the same, so is the decision.

Whether somebody may call through an integration, with which connection, and as whom, takes a dozen queries to find out. They look
at the rows named here; a request that finds these rows as they were does not have to ask again. `lane.KEPT_SECONDS` later the
decision is made anew in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from django.db import connection as database
from oauth2_provider.models import get_access_token_model, get_application_model

from connections.choosing.models import Override
from connections.models import Connection, Credential, DefaultCredential, MappedOrganization, Mapping
from integrations.models import InstallRequest, Integration, Membership, Organization, Revision, Share, Team, User

Facts = tuple[Any, ...]

_MODELS: Final[tuple[Any, ...]] = (
    Revision, DefaultCredential, Connection, InstallRequest, Membership, Organization, Override, Share, Team, User, Integration, Credential,
    MappedOrganization, Mapping,
)  # fmt: skip

_SQL = """
SELECT t.expires, t.scope, t.user_id, a.user_id, u.is_active, u.is_superuser, u.username, u.email, u.display_name,
  i.organization_id, i.slug, i.status, i.sharing, i.extra, io.path, c.organization_id, co.path, co.name, co.slug, co.fields, c.is_default,
  c.settings, c.state, c.destinations, c.requests_per_minute, c.created_by_id, c.updated_at, k.generation, k.updated_at,
  (SELECT MAX(number) FROM {Revision} WHERE integration_id = i.id AND finalized_at IS NOT NULL),
  (SELECT updated_at FROM {DefaultCredential} WHERE integration_id = i.id),
  (SELECT COUNT(*) FROM {Connection} WHERE integration_id = i.id), (SELECT MAX(updated_at) FROM {Connection} WHERE integration_id = i.id),
  (SELECT COUNT(*) FROM {InstallRequest} WHERE integration_id = i.id AND state = 'approved'),
  (SELECT COUNT(*) FROM {Override} WHERE integration_id = i.id), (SELECT MAX(updated_at) FROM {Override} WHERE integration_id = i.id),
  (SELECT COUNT(*) FROM {Share} WHERE integration_id = i.id), (SELECT MAX(updated_at) FROM {Share} WHERE integration_id = i.id),
  (SELECT {roles} FROM {Membership} m JOIN {Organization} mo ON mo.id = m.organization_id WHERE m.user_id = u.id),
  (SELECT {teams} FROM {TeamMember} tm JOIN {Team} te ON te.id = tm.team_id JOIN {Organization} teo ON teo.id = te.organization_id
    WHERE tm.user_id = u.id),
  (SELECT {mapped} FROM {MappedOrganization} r JOIN {Mapping} ma ON ma.id = r.mapping_id
    WHERE ma.integration_id = i.id AND r.organization_id = %s),
  (SELECT {above} FROM {Organization} o WHERE o.id IN ({ids}))
FROM {AccessToken} t JOIN {Application} a ON a.id = t.application_id JOIN {User} u ON u.id = COALESCE(t.user_id, a.user_id)
  JOIN {Integration} i ON i.id = %s JOIN {Organization} io ON io.id = i.organization_id
  JOIN {Connection} c ON c.id = %s JOIN {Organization} co ON co.id = c.organization_id JOIN {Credential} k ON k.connection_id = c.id
WHERE t.id = %s
"""


def facts(*, token_id: int, integration_id: UUID, connection_id: UUID, organization_ids: Sequence[UUID]) -> Facts | None:
    """The values of the rows that decide, None where one of them is gone. `organization_ids` are those of the organization that is
    called for, it the last, and of all above it, whose fields it has.
    """
    given = [organization_ids[-1], *organization_ids, integration_id, connection_id]
    keys = given if database.features.has_native_uuid_field else [key.hex for key in given]
    with database.cursor() as cursor:
        cursor.execute(_statement(database.vendor, len(organization_ids)), [*keys, token_id])
        found: Facts | None = cursor.fetchone()
    # Documents come from PostgreSQL as new objects each time; they compare by value all the same.
    return found


def stamp() -> Any:
    """What is equal as long as nothing at all has changed in the database, so that `facts` need not be read; None where that
    cannot be asked. SQLite knows how often others have changed its file, and what this very connection has.
    """
    if database.vendor != "sqlite":
        return None
    database.ensure_connection()
    own = database.connection  # below Django's wrapper: this is asked with every request
    return own, own.execute("PRAGMA data_version").fetchone(), own.total_changes


@lru_cache(maxsize=64)
def _statement(vendor: str, depth: int) -> str:
    pieces = {
        "roles": ("mo.path || ' ' || m.role || CAST(m.fields AS TEXT)", "m.id"),
        "teams": ("teo.path || ' ' || CAST(te.id AS TEXT)", "te.id"),
        "mapped": (
            "CAST(r.id AS TEXT) || ' ' || CAST(r.updated_at AS TEXT) || ' ' || COALESCE(CAST(ma.connection_id AS TEXT), '')",
            "r.id",
        ),
        "above": ("o.path || ' ' || o.slug || ' ' || o.name || ' ' || CAST(o.fields AS TEXT)", "o.path"),
    }
    joined = {
        name: f"STRING_AGG({text}, ',' ORDER BY {order})" if vendor == "postgresql" else f"GROUP_CONCAT({text})"
        for name, (text, order) in pieces.items()
    }
    tables = {model.__name__: model for model in _MODELS}
    tables |= {"AccessToken": get_access_token_model(), "Application": get_application_model(), "TeamMember": Team.members.through}
    names = {name: model._meta.db_table for name, model in tables.items()}  # noqa: SLF001 - public by its documentation
    return _SQL.format(**joined, **names, ids=", ".join(["%s"] * depth))
