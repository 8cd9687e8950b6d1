"""What a decision about a caller was made of, read with one query: as long as it is the same, so is the decision.

Whether somebody may call through an integration, and with which connection, takes a dozen queries to find out. They look at
the rows named here; a request that finds these rows as they were does not have to ask again. What is further away (members
of teams, mappings, fields of organizations above) is looked at when the decision is made anew, `lane.KEPT_SECONDS` later at most.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connection as database
from oauth2_provider.models import get_access_token_model, get_application_model

from connections.choosing.models import Override
from connections.models import Connection, Credential, DefaultCredential
from integrations.models import InstallRequest, Integration, Membership, Organization, Revision, Share, User

Facts = tuple[Any, ...]

_SQL = """
SELECT t.expires, t.scope, t.user_id, a.user_id, u.is_active, u.is_superuser, u.username, u.email, u.display_name,
  i.organization_id, i.slug, i.status, i.sharing, i.extra, io.path, c.organization_id, co.path, co.name, co.slug, co.fields, c.is_default,
  c.settings, c.state, c.destinations, c.requests_per_minute, c.created_by_id, k.generation, k.updated_at,
  (SELECT MAX(number) FROM {Revision} WHERE integration_id = i.id AND finalized_at IS NOT NULL),
  (SELECT updated_at FROM {DefaultCredential} WHERE integration_id = i.id),
  (SELECT COUNT(*) FROM {Connection} WHERE integration_id = i.id), (SELECT MAX(updated_at) FROM {Connection} WHERE integration_id = i.id),
  (SELECT COUNT(*) FROM {InstallRequest} WHERE integration_id = i.id AND state = 'approved'),
  (SELECT COUNT(*) FROM {Override} WHERE integration_id = i.id), (SELECT MAX(updated_at) FROM {Override} WHERE integration_id = i.id),
  (SELECT COUNT(*) FROM {Share} WHERE integration_id = i.id), (SELECT MAX(updated_at) FROM {Share} WHERE integration_id = i.id),
  (SELECT {joined} FROM {Membership} m JOIN {Organization} mo ON mo.id = m.organization_id WHERE m.user_id = u.id)
FROM {AccessToken} t JOIN {Application} a ON a.id = t.application_id JOIN {User} u ON u.id = COALESCE(t.user_id, a.user_id)
  JOIN {Integration} i ON i.id = %s JOIN {Organization} io ON io.id = i.organization_id
  JOIN {Connection} c ON c.id = %s JOIN {Organization} co ON co.id = c.organization_id JOIN {Credential} k ON k.connection_id = c.id
WHERE t.id = %s
"""


def facts(*, token_id: int, integration_id: UUID, connection_id: UUID) -> Facts | None:
    """The values of the rows that decide, None where one of them is gone."""
    given = [integration_id, connection_id]
    keys = given if database.features.has_native_uuid_field else [key.hex for key in given]
    with database.cursor() as cursor:
        cursor.execute(_statement(database.vendor), [*keys, token_id])
        found: Facts | None = cursor.fetchone()
    # Documents come from PostgreSQL as new objects each time; they compare by value all the same.
    return found


@lru_cache(maxsize=2)
def _statement(vendor: str) -> str:
    pieces = "mo.path || ' ' || m.role || CAST(m.fields AS TEXT)"
    joined = f"STRING_AGG({pieces}, ',' ORDER BY m.id)" if vendor == "postgresql" else f"GROUP_CONCAT({pieces})"
    models = [
        Revision,
        DefaultCredential,
        Connection,
        InstallRequest,
        Membership,
        Organization,
        Override,
        Share,
        User,
        Integration,
        Credential,
    ]
    tables = {model.__name__: model for model in models} | {"AccessToken": get_access_token_model(), "Application": get_application_model()}
    return _SQL.format(joined=joined, **{name: model._meta.db_table for name, model in tables.items()})  # noqa: SLF001 - public by its documentation
