"""What can be done with connections: create, change, test, delete. Says no with a `Refusal`."""

from __future__ import annotations

from datetime import datetime
from types import EllipsisType
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from connections import connection_settings, entering, limit_sharing, network_settings
from connections.agents.ways import CLOUD, Way, way_of
from connections.checking import (
    as_stored,
    check_credentials,
    check_installable,
    checked_below,
    checked_debug,
    checked_limits,
    checked_name,
    defaults_for,
    definition_of,
)
from connections.destinations import default_credentials, destinations_of
from connections.models import Connection, Credential, DefaultCredential
from connections.network_settings import options_of
from connections.opening import opened
from connections.options import ConnectionOptions
from connections.retries import CallError
from connections.secrets import MASK, SecretError, seal
from connections.tokens import rows
from integrations import audit
from integrations.models import Integration, Organization, User
from integrations.models.environment import PRODUCTION
from integrations.organizations import environments
from integrations.refusals import Invalid, Refusal


def create(
    *,
    organization: Organization,
    user: User,
    integration: Integration,
    name: str,
    credentials: dict[str, str],
    settings: dict[str, Any] | None = None,
    is_default: bool | None = None,
    limits: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    network_secrets: dict[str, str] | None = None,
    environment: Any = PRODUCTION,
    below: str | None = None,
    way: Way = CLOUD,
) -> Connection:
    """Connect an organization to an integration that is published by it or above it. The first connection is the default.

    Where the integration's mode is per user, the connection belongs to `user` alone.
    """
    check_installable(integration, organization, user)
    definition = definition_of(integration)
    name = checked_name(name)
    environment = environments.checked(organization, environment)
    settings, hidden = connection_settings.checked(definition, settings or {}, whole=True, by_agent=way.agent is not None)
    own, network = network_settings.checked(options or {}, network_secrets or {}, present={}, stored={})
    credentials = {**credentials, **hidden}
    check_credentials(integration, definition, credentials, way, own)
    credentials = as_stored(definition, credentials)
    goes_to = destinations_of(definition, {**defaults_for(integration, definition, own, way), **credentials}, settings)
    credentials, held = rows.pasted(definition.auth, credentials)
    with transaction.atomic():
        _one_at_a_time(organization.pk)
        others = Connection.objects.belonging_to(user, integration).filter(organization=organization, environment=environment)
        if is_default is None:
            is_default = not others.filter(is_default=True).exists()
        elif is_default:
            others.filter(is_default=True).update(is_default=False)
        connection = Connection(
            organization=organization,
            integration=integration,
            owner=user if integration.is_per_user else None,
            environment=environment,
            name=name,
            settings=settings,
            options=_kept(own),
            destinations=goes_to,
            is_default=is_default,
            below=checked_below(below or Connection.Below.NOBODY),
            created_by=user,
            agent=way.agent,
            agent_credential=way.credential,
            **entering.first_state(definition, held),
            **checked_limits(limits or {}),
        )
        limit_sharing.check(connection)
        _save(connection)
        row = Credential(connection=connection, sealed=seal(credentials, context=f"credential:{connection.pk}"))
        row.network_sealed = seal(network, context=row.context) if network else ""
        if held:
            row.token_sealed = rows.sealed(connection.pk, held)
        row.save(force_insert=True)
        _record(connection, "created", after={**facts(connection), "credentials": sorted(credentials)}, user=user)
    return connection


def facts(connection: Connection) -> dict[str, Any]:
    """What the log keeps of a connection; of its secrets only their names."""
    return {
        "name": connection.name,
        "integration": connection.integration.name,
        "settings": connection.settings,
        "options": connection.options,
        "isDefault": connection.is_default,
        "environment": connection.environment,
        "revision": connection.revision.number if connection.revision else None,
        **({"owner": connection.owner.username} if connection.owner else {}),
        "below": connection.below,
        "agent": connection.agent.name if connection.agent else "",
        "agentCredential": connection.agent_credential,
    }


def _record(connection: Connection, verb: str, **values: Any) -> None:
    audit.record(kind=audit.Kind.CONNECTION, verb=verb, subject=connection, organization=connection.organization, **values)


def change(
    *,
    connection: Connection,
    name: str | None = None,
    credentials: dict[str, str] | None = None,
    settings: dict[str, Any] | None = None,
    is_default: bool | None = None,
    limits: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    network_secrets: dict[str, str] | None = None,
    debug_until: datetime | EllipsisType | None = ...,
    below: str | None = None,
    way: Way | None = None,
) -> Connection:
    """Change what is given. `limits` holds some of LIMITS, None for the default; `below` is one of `Connection.Below`. A credential that is left out, or is the mask, stays as it was; "" removes it.
    Of `options` each that is given takes the place of the one before; `network_secrets` go by the rule of credentials.

    Another server gets no credential that was entered for the one before, and neither does another agent.
    """
    definition = definition_of(connection)
    with transaction.atomic():
        before = facts(Connection.objects.select_related("integration", "owner", "revision").get(pk=connection.pk))
        if name is not None:
            connection.name = checked_name(name)
        own_before = options_of(connection)
        own = _change_options(connection, options, network_secrets)
        if own is None:
            own = options_of(connection)
        elif credentials is None and settings is None:
            credentials = {}  # whether the owner's defaults may still be used is looked at again
        moved = way is not None and way != way_of(connection)
        way = way or way_of(connection)
        if credentials is not None or settings is not None or moved:
            entering.enter(entering.Change(connection, definition, way, own, own_before), credentials or {}, settings or {})
        if is_default is not None:
            _one_at_a_time(connection.organization_id)
            if is_default:
                Connection.objects.filter(
                    organization=connection.organization_id,
                    integration=connection.integration_id,
                    environment=connection.environment,
                    owner=connection.owner_id,
                    is_default=True,
                ).exclude(pk=connection.pk).update(is_default=False)
            connection.is_default = is_default
        for field, value in checked_limits(limits or {}).items():
            setattr(connection, field, value)
        if not isinstance(debug_until, EllipsisType):
            connection.debug_until = checked_debug(debug_until)
        limit_sharing.check(connection)
        if below is not None:
            connection.below = checked_below(below)
        _save(connection)
        _record(connection, "changed", before=before, after=facts(connection))
        if entered := sorted(field for field, value in (credentials or {}).items() if value != MASK):
            _record(connection, "credentials entered", after={"credentials": entered})
    return connection


def _change_options(
    connection: Connection, options: dict[str, Any] | None, network_secrets: dict[str, str] | None
) -> ConnectionOptions | None:
    """Take over what a connection sets for itself; None where that changes nothing."""
    if options is None and network_secrets is None:
        return None
    own, secrets = merged_options(connection, options or {}, network_secrets or {})
    if _kept(own) == connection.options and secrets == _network_secrets(connection):
        return None
    connection.options, connection.state, connection.message = _kept(own), *_untested(connection)
    sealed = seal(secrets, context=connection.credential.context) if secrets else ""
    Credential.objects.filter(pk=connection.pk).update(network_sealed=sealed)
    connection.credential.network_sealed = sealed
    return own


def pin(*, connection: Connection, number: int | None) -> Connection:
    """Keep a connection at one finalized revision; None: it goes along with the newest one again.

    What a test said of the other revision is not known of this one. Servers that it names and nobody has agreed to get nothing.
    """
    with transaction.atomic():
        found = Connection.objects.select_for_update(of=("self",)).select_related("integration", "revision", "owner").get(pk=connection.pk)
        revision = None
        if number is not None:
            revision = found.integration.revisions.filter(number=number, finalized_at__isnull=False).first()
            if revision is None:
                raise Invalid({"revision": [f"{found.integration} has no finalized revision {number}. Look at its history."]})
        if (revision.pk if revision else None) == found.revision_id:
            return found
        before, was = facts(found), found.in_use
        found.revision = revision
        if found.in_use != was and found.state != Connection.State.REAUTHORIZE:
            found.state, found.message = Connection.State.UNTESTED, ""
        found.save(update_fields=["revision", "state", "message", "updated_at"])
        _record(found, "pinned" if revision else "unpinned", before=before, after=facts(found))
    return found


def delete(*, connection: Connection) -> None:
    """Forget a connection, its secrets and its runs."""
    with transaction.atomic():
        _record(connection, "deleted", before=facts(connection))
        connection.delete()


def agree_to_destinations(*, connection: Connection) -> Connection:
    """The owner agrees to where a changed integration sends the credentials."""
    definition = definition_of(connection)
    try:
        credentials = opened(connection, definition)
    except CallError as error:
        raise Refusal(error.message) from None
    connection.destinations = destinations_of(definition, credentials, connection.settings)
    connection.save(update_fields=["destinations", "updated_at"])
    return connection


def new_destinations(connection: Connection, *, kept: DefaultCredential | EllipsisType | None = ...) -> list[str]:
    """The servers that a changed integration names and to which nobody has agreed yet. `kept`: see `default_credentials`."""
    if not connection.destinations:
        return []
    try:
        definition = definition_of(connection)
        defaults = default_credentials(connection.integration_id, definition, row=kept)
        found = destinations_of(definition, opened(connection, definition, defaults=defaults), connection.settings)
    except (Refusal, CallError, SecretError):
        return []
    return sorted(set(found) - set(connection.destinations))


def merged_options(
    connection: Connection, options: dict[str, Any], network_secrets: dict[str, Any]
) -> tuple[ConnectionOptions, dict[str, str]]:
    """Stored options and secrets of the network with the given ones over them. Raises `Invalid`."""
    return network_settings.checked(options, network_secrets, present=connection.options, stored=_network_secrets(connection))


def checked_options(options: dict[str, Any], network_secrets: dict[str, Any]) -> tuple[ConnectionOptions, dict[str, str]]:
    """The same for a connection that is not saved. Raises `Invalid`."""
    return network_settings.checked(options, network_secrets, present={}, stored={})


def stored_network_secrets(connection: Connection) -> list[str]:
    """The names of the network's secrets that a connection holds."""
    return sorted(_network_secrets(connection))


def _network_secrets(connection: Connection) -> dict[str, str]:
    try:
        return network_settings.secrets_of(connection)
    except SecretError:
        return {}  # what cannot be opened any more can be entered again


def _kept(options: ConnectionOptions) -> dict[str, Any]:
    """Options as they are stored: nothing where nothing is set."""
    return options.dump() if options != ConnectionOptions() else {}


def _untested(connection: Connection) -> tuple[str, str]:
    """State and message after a change of the way there; who has to agree first still has to."""
    if connection.needs_authorization:
        return connection.state, connection.message
    return Connection.State.UNTESTED, ""


def set_default_credentials(*, integration: Integration, secrets: dict[str, str]) -> None:
    """Keep secrets that came with an integration, for connections that enter none."""
    context = DefaultCredential(integration=integration).context
    DefaultCredential.objects.update_or_create(integration=integration, defaults={"sealed": seal(secrets, context=context)})


def _one_at_a_time(organization_id: UUID) -> None:
    """Hold the organization until the transaction ends: of two connections that become the default at once, the later one is it."""
    Organization.objects.select_for_update(no_key=True).get(pk=organization_id)


def _save(connection: Connection) -> None:
    try:
        with transaction.atomic():
            connection.save()
    except IntegrityError:
        raise Invalid({"name": [f"There is a connection named {connection.name} already. Choose another name."]}) from None
