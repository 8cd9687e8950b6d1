"""Integrations as Truto's documents: made, changed and shown."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.text import slugify
from pydantic import ValidationError

from actions import services
from actions.models import Action
from connections.models import Connection
from integrations import services as integrations
from integrations import truto
from integrations.definition import Definition
from integrations.models import Integration, Organization, User
from integrations.operation import Operation
from integrations.refusals import Conflict, Invalid
from integrations.signals import secrets_given

KEPT = "truto"  # in `Integration.extra`: the document as it came, its secrets masked
PARTS = ("apiBaseUri", "headers", "auth", "pagination", "rateLimit", "errorExpression", "webhook")
FIELDS = frozenset({"name", "category", "config", "is_beta"})
READ_ONLY = frozenset(
    {"id", "team_id", "team", "sharing", "environment_ids", "created_at", "updated_at", "slug", "status", "unused", "organization"}
)


def create(*, organization: Organization, user: User, values: dict[str, Any]) -> Integration:
    """A draft of a document. Raises `Invalid` with the place in it."""
    _check(values)
    config = values.get("config")
    if not isinstance(config, dict):
        raise Invalid({"config": ["Send the configuration as an object; it needs at least base_url."]})
    found = _read(config)
    with transaction.atomic():
        integration = integrations.create(
            organization=organization,
            user=user,
            name=str(values.get("name") or ""),
            category=str(values.get("category") or ""),
            is_beta=bool(values.get("is_beta")),
            definition=_definition(found),
            extra=_extra({}, config),
        )
        draft = integration.working
        draft.source, draft.auth_choices = "A document of Truto's form", [{"scheme": one.scheme, "auth": one.auth} for one in found.choices]
        draft.save(update_fields=["source", "auth_choices"])
        services.add_all(revision=draft, operations=_operations(found))
        _give_secrets(integration, config, found)
    integration.refresh_from_db()
    return integration


def change(*, integration: Integration, values: dict[str, Any]) -> Integration:
    """Change what is given; a `config` replaces the one before, and a mask in it stands for the secret that is stored."""
    _check(values)
    details: dict[str, Any] = {column: values[name] for name, column in (("name", "name"), ("category", "category")) if name in values}
    if "is_beta" in values:
        details["is_beta"] = values["is_beta"]
    with transaction.atomic():
        if "config" in values:
            config = values["config"]
            if not isinstance(config, dict):
                raise Invalid({"config": ["Send the configuration as an object."]})
            found = _read(config)
            definition = _definition(found)
            parts = ("api_base_uri", "headers", "auth", "pagination", "rate_limit", "error_expression", "webhook")
            integrations.change_definition(integration=integration, **{part: getattr(definition, part) for part in parts})
            _replace_actions(integration, _operations(found))
            _give_secrets(integration, config, found)
            details["extra"] = _extra(integration.extra, config)
        if details:
            integrations.update(integration=integration, **details)
    integration.refresh_from_db()
    return integration


def represent(integration: Integration, user: User, *, editor: bool) -> dict[str, Any]:
    """The document that answers."""
    revision = integration.working if editor else (integration.current or integration.working)
    kept = integration.extra.get(KEPT)
    operations = [action.operation for action in Action.objects.filter(revision=revision)]
    config = truto.written(revision.definition, operations, kept=kept, label="" if kept else integration.name)
    connected = Connection.objects.visible_to(user).filter(integration=integration).order_by("organization__path")
    return {
        "id": str(integration.pk),
        "name": integration.name,
        "slug": integration.slug,
        "category": integration.category,
        "is_beta": integration.is_beta,
        "status": integration.status,
        "config": config,
        "unused": [{"path": note.path, "reason": note.reason} for note in truto.read(config).unused],
        "team_id": str(integration.organization_id),
        "sharing": integration.sharing,
        "environment_ids": list(dict.fromkeys(str(key) for key in connected.values_list("organization_id", flat=True))),
        "team": team(integration.organization),
        "created_at": integration.created_at,
        "updated_at": integration.updated_at,
    }


def team(organization: Organization) -> dict[str, Any]:
    """The owner; what Truto knows of a team besides stands in the organization's custom fields."""
    fields = organization.fields
    return {
        "id": str(organization.pk),
        "name": organization.name,
        "domain": fields.get("domain"),
        "logo": fields.get("logo"),
        "is_verified": _flag(fields.get("is_verified")),
        "is_white_labeled": _flag(fields.get("is_white_labeled")),
        "terms_link": fields.get("terms_link"),
        "allow_impersonation": _flag(fields.get("allow_impersonation")),
        "created_at": organization.created_at,
        "updated_at": organization.updated_at,
    }


def _flag(value: str | None) -> bool:
    return str(value or "").strip().lower() in ("true", "yes", "1")


def _check(values: dict[str, Any]) -> None:
    errors = {name: ["This field is not known."] for name in sorted(set(values) - FIELDS - READ_ONLY)}
    for name in ("name", "category"):
        if name in values and not isinstance(values[name], str):
            errors[name] = ["Enter text."]
    if "is_beta" in values and not isinstance(values["is_beta"], bool):
        errors["is_beta"] = ["Enter true or false."]
    if errors:
        raise Invalid(errors)


def _read(config: dict[str, Any]) -> truto.Read:
    try:
        return truto.read(config)
    except ValueError as error:
        place, _, sentence = str(error).partition(": ")
        raise Invalid({f"config.{place}" if sentence else "config": [sentence or str(error)]}) from None
    except (TypeError, AttributeError, KeyError):
        raise Invalid(
            {"config": ["A member has not the form that it should have. Compare it with the example in the documentation."]}
        ) from None


def _definition(found: truto.Read) -> Definition:
    try:
        return Definition.model_validate({name: value for name, value in found.definition.items() if value not in ("", {})})
    except ValidationError as error:
        raise Invalid.of(error, prefix="config") from None


def _operations(found: truto.Read) -> list[Operation]:
    try:
        operations = [Operation.model_validate(one) for one in found.operations]
    except ValidationError as error:
        raise Invalid.of(error, prefix="config.resources") from None
    taken: set[str] = set()
    for operation in operations:
        if operation.key in taken:
            operation.key = services.free_key(slugify(operation.key), taken)
        taken.add(operation.key)
    return operations


def _extra(before: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    logo = config.get("logo")
    return {**before, KEPT: truto.masked(config), **({"imageUrl": logo} if isinstance(logo, str) else {})}


def _give_secrets(integration: Integration, config: dict[str, Any], found: truto.Read) -> None:
    secrets = {f"{KEPT}:{'.'.join(path)}": value for path, value in truto.secrets_in(config).items()}
    if found.client_secret and found.client_secret != truto.MASK:
        secrets["clientSecret"] = found.client_secret
    if webhook := secrets.get(f"{KEPT}:webhook.signature_verification.config.secret"):
        secrets["webhookSecret"] = webhook
    if secrets:
        secrets_given.send(Integration, integration=integration, secrets=secrets)


def _replace_actions(integration: Integration, operations: list[Operation]) -> None:
    """The draft's actions become those of the document; what is finalized and not in it any more is marked as deprecated."""
    draft = integrations.open_draft(integration=integration)
    there = {action.key: action for action in draft.actions.all()}
    for operation in operations:
        action = there.pop(operation.key, None)
        if action is None:
            services.add(integration=integration, values=operation.dump())
        elif action.operation != operation:
            services.change(action=action, values=operation.dump())
    for action in there.values():
        try:
            with transaction.atomic():
                services.remove(action=action)
        except Conflict:
            services.change(action=action, values={"deprecated": True})
