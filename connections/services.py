"""What can be done with connections: create, change, test, delete. Says no with a `Refusal`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from connections.auth import scheme_of
from connections.client import CallError, Client, base_of, client_for, default_credentials
from connections.exchange import may_carry_credentials, origin_of
from connections.models import Connection, Credential, DefaultCredential
from connections.ping import TestResult, ping
from connections.secrets import MASK, SecretError, open_sealed, seal
from connections.tokens import MemoryTokens
from integrations import audit
from integrations.addresses import parse_base_uri
from integrations.definition import Definition
from integrations.installing import why_not
from integrations.models import Integration, Organization, User
from integrations.refusals import Conflict, Invalid, Refusal
from integrations.services import plain_http_problem

NAME_LENGTH = 100


def definition_of(integration: Integration) -> Definition:
    """The definition that connections use: the newest finalized one."""
    current = integration.current
    if current is None:
        raise Conflict("This integration is a draft. It can be connected once it is finalized and published.")
    return current.definition


def create(
    *,
    organization: Organization,
    user: User,
    integration: Integration,
    name: str,
    credentials: dict[str, str],
    settings: dict[str, Any] | None = None,
    is_default: bool | None = None,
) -> Connection:
    """Connect an organization to an integration that is published by it or above it. The first connection is the default."""
    check_installable(integration, organization)
    definition = definition_of(integration)
    name = _checked_name(name)
    settings = _checked_settings(definition, settings or {})
    _check_credentials(integration, definition, credentials)
    with transaction.atomic():
        _one_at_a_time(organization.pk)
        others = Connection.objects.filter(organization=organization, integration=integration)
        if is_default is None:
            is_default = not others.filter(is_default=True).exists()
        elif is_default:
            others.filter(is_default=True).update(is_default=False)
        connection = Connection(
            organization=organization, integration=integration, name=name, settings=settings, is_default=is_default, created_by=user
        )
        _save(connection)
        Credential.objects.create(connection=connection, sealed=seal(credentials, context=f"credential:{connection.pk}"))
        _record(connection, "created", after={**facts(connection), "credentials": sorted(credentials)}, user=user)
    return connection


def facts(connection: Connection) -> dict[str, Any]:
    """What the log keeps of a connection; of its secrets only their names."""
    return {
        "name": connection.name,
        "integration": connection.integration.name,
        "settings": connection.settings,
        "isDefault": connection.is_default,
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
) -> Connection:
    """Change what is given. A credential that is left out, or is the mask, stays as it was; "" removes it.

    Another server gets no credential that was entered for the one before.
    """
    definition = definition_of(connection.integration)
    with transaction.atomic():
        before = facts(Connection.objects.select_related("integration").get(pk=connection.pk))
        if name is not None:
            connection.name = _checked_name(name)
        if credentials is not None or settings is not None:
            settings = connection.settings if settings is None else _checked_settings(definition, settings)
            merged = merged_credentials(connection, credentials or {}, settings)
            # What was said of the old values is not true of the new ones.
            connection.settings, connection.state, connection.message = settings, Connection.State.UNTESTED, ""
            _check_credentials(connection.integration, definition, merged)
            Credential.objects.filter(pk=connection.pk).update(
                sealed=seal(merged, context=f"credential:{connection.pk}"),
                token_sealed="",
                token_expires_at=None,
                generation=F("generation") + 1,
            )
        if is_default is not None:
            _one_at_a_time(connection.organization_id)
            if is_default:
                Connection.objects.filter(
                    organization=connection.organization_id, integration=connection.integration_id, is_default=True
                ).exclude(pk=connection.pk).update(is_default=False)
            connection.is_default = is_default
        _save(connection)
        _record(connection, "changed", before=before, after=facts(connection))
        if entered := sorted(field for field, value in (credentials or {}).items() if value != MASK):
            _record(connection, "credentials entered", after={"credentials": entered})
    return connection


def merged_credentials(connection: Connection, given: dict[str, str], settings: dict[str, Any]) -> dict[str, str]:
    """The stored credentials with the given ones over them; the mask means unchanged.

    Raises `Invalid` if `settings` lead to another server and a stored credential is not entered anew: whoever may change
    the address must not learn the secrets by it.
    """
    try:
        stored = open_sealed(connection.credential.sealed, context=connection.credential.context)
    except SecretError:
        stored = {}  # what cannot be opened any more can be entered again
    address, before = str(settings.get("baseUri", "")), str(connection.settings.get("baseUri", ""))
    if origin_of(address) and not may_carry_credentials(address, before):
        again = sorted(name for name in stored if given.get(name, MASK) == MASK)
        if again:
            sentence = "Enter it again: the address leads to another server, which does not get what is stored."
            raise Invalid({f"credentials.{name}": [sentence] for name in again})
    merged = {**stored, **{field: value for field, value in given.items() if value != MASK}}
    return {field: value for field, value in merged.items() if value != ""}


def stored_fields(connection: Connection) -> list[str]:
    """The names of the credentials that a connection holds; none where they cannot be opened any more."""
    try:
        return sorted(open_sealed(connection.credential.sealed, context=connection.credential.context))
    except SecretError:
        return []


def delete(*, connection: Connection) -> None:
    """Forget a connection, its secrets and its runs."""
    with transaction.atomic():
        _record(connection, "deleted", before=facts(connection))
        connection.delete()


def test(*, connection: Connection) -> TestResult:
    """Test a stored connection and remember the outcome."""
    try:
        with client_for(connection, definition_of(connection.integration)) as client:
            result = ping(client)
    except CallError as error:
        result = TestResult(False, None, error.message)
    Connection.objects.filter(pk=connection.pk).update(
        state=Connection.State.WORKING if result.ok else Connection.State.FAILING, message=result.message, tested_at=timezone.now()
    )
    return result


def try_out(*, integration: Integration, organization: Organization, credentials: dict[str, str], settings: dict[str, Any]) -> TestResult:
    """Test credentials that are not saved. Raises `Invalid` where they cannot even be sent."""
    check_installable(integration, organization)
    definition = definition_of(integration)
    settings = _checked_settings(definition, settings)
    _check_credentials(integration, definition, credentials)
    together = {**default_credentials(integration.pk, definition), **credentials}
    with Client(definition=definition, credentials=together, base=base_of(definition, settings), store=MemoryTokens()) as client:
        return ping(client)


def set_default_credentials(*, integration: Integration, secrets: dict[str, str]) -> None:
    """Keep secrets that came with an integration, for connections that enter none."""
    context = DefaultCredential(integration=integration).context
    DefaultCredential.objects.update_or_create(integration=integration, defaults={"sealed": seal(secrets, context=context)})


def check_installable(integration: Integration, organization: Organization) -> None:
    """Refuse drafts, hidden and deprecated integrations, those of organizations that are not above, and those not shared."""
    if reason := why_not(integration, organization):
        raise Conflict(f"{integration} cannot be connected. {reason}")


def _check_credentials(integration: Integration, definition: Definition, credentials: dict[str, str]) -> None:
    try:
        defaults = default_credentials(integration.pk, definition)
    except SecretError as error:
        raise Refusal(str(error)) from None
    errors = scheme_of(definition.auth).check({**defaults, **credentials})
    if errors:
        raise Invalid({f"credentials.{field}".rstrip("."): sentences for field, sentences in errors.items()})


def _checked_name(name: str) -> str:
    value = " ".join(str(name).split())
    if not value:
        raise Invalid({"name": ["Enter a name by which you will know this connection, for example Production."]})
    if len(value) > NAME_LENGTH:
        raise Invalid({"name": [f"At most {NAME_LENGTH} characters; this name has {len(value)}."]})
    return value


def _checked_settings(definition: Definition, settings: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(settings) - {"baseUri"})
    if unknown:
        raise Invalid({f"settings.{name}": ["This integration does not ask for this setting. Leave it out."] for name in unknown})
    given = str(settings.get("baseUri") or "").strip()
    if not definition.host_at_connect:
        if given:
            raise Invalid({"settings.baseUri": ["The integration sets the host. Leave it out."]})
        return {}
    if not given:
        raise Invalid({"settings.baseUri": ["Enter the address of your own server, for example https://git.example.com."]})
    try:
        base = parse_base_uri(given)
        if not base.host:
            raise ValueError("Enter the address with its host, for example https://git.example.com.")
        if problem := plain_http_problem(str(base)):
            raise ValueError(problem)
    except ValueError as error:
        raise Invalid({"settings.baseUri": [str(error)]}) from None
    return {"baseUri": str(base)}


def _one_at_a_time(organization_id: UUID) -> None:
    """Hold the organization until the transaction ends: of two connections that become the default at once, the later one is it."""
    Organization.objects.select_for_update(no_key=True).get(pk=organization_id)


def _save(connection: Connection) -> None:
    try:
        with transaction.atomic():
            connection.save()
    except IntegrityError:
        raise Invalid({"name": [f"There is a connection named {connection.name} already. Choose another name."]}) from None
