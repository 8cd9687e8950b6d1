"""Addresses for webhooks: opened, changed, given other secrets, closed. Says no with a `Refusal`."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from connections.checking import definition_of
from connections.deliveries import signing, targets
from connections.models import Connection, DefaultCredential, WebhookEndpoint
from connections.secrets import open_sealed, seal
from connections.webhooks.verification import Secrets, check_secret
from integrations import audit
from integrations.definition import PRESETS, Webhook, webhook_gaps
from integrations.definition.webhook import BasicVerification, HmacVerification, JwtVerification
from integrations.models import User
from integrations.refusals import Conflict, Invalid
from integrations.storable import flaw

PATH: Final = "hooks"
TOKEN_BYTES: Final = 32
DEFAULT_SECRET: Final = "webhookSecret"
OVERLAP: Final = timedelta(hours=24)  # for which a secret that was replaced still counts
LONGEST_SECRET: Final = 20_000  # characters; a PEM key is shorter
MOST_TYPES: Final = 100


@dataclass(frozen=True)
class Change:
    """What somebody sets of an address; None leaves it as it is. A secret that is "" is removed."""

    preset: str | None = None
    secret: str | None = None
    username: str | None = None
    verify_token: str | None = None
    is_enabled: bool | None = None
    forward_url: str | None = None
    forward_types: Sequence[str] | None = None


def open_endpoint(*, connection: Connection, user: User, change: Change) -> tuple[WebhookEndpoint, str]:
    """Give a connection an address, and the secret with which it signs what it forwards, "" where it forwards nothing.

    Raises `Conflict` where it has one already, and `Invalid`.
    """
    endpoint = WebhookEndpoint(connection=connection, created_by=user)
    _new_token(endpoint)
    endpoint.secrets_sealed = seal({}, context=endpoint.context)
    _apply(endpoint, change)
    try:
        with transaction.atomic():
            endpoint.save(force_insert=True)
            shown = _forward(endpoint, change, user)
            _record(endpoint, "webhook address opened", after=facts(endpoint))
    except IntegrityError:
        raise Conflict("This connection has an address for webhooks already.") from None
    return endpoint, shown


def change_endpoint(*, endpoint: WebhookEndpoint, user: User, change: Change) -> str:
    """Change an address. The secret by which forwarded messages are signed comes back where one was made, else "". Raises `Invalid`."""
    before = facts(endpoint)
    _apply(endpoint, change)
    with transaction.atomic():
        shown = _forward(endpoint, change, user)
        endpoint.save(update_fields=["secrets_sealed", "previous_until", "preset", "is_enabled", "forward_types", "forward_to"])
        note = "Another secret; the one before counts for a day." if change.secret else ""
        _record(endpoint, "webhook address changed", before={**before, "secret": ""}, after={**facts(endpoint), "secret": note})
    return shown


def new_address(*, endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """Another address; the present one leads nowhere from now on."""
    _new_token(endpoint)
    with transaction.atomic():
        endpoint.confirmed_at = None
        endpoint.save(update_fields=["token_hash", "token_sealed", "confirmed_at"])
        _record(endpoint, "webhook address replaced")
    return endpoint


def new_secret(*, endpoint: WebhookEndpoint, user: User) -> str:
    """A secret made here, for vendors who take one; it is shown once, and the one before counts for a day."""
    rules = rules_of(endpoint)
    made = signing.new_secret() if _is_standard(rules) else token_urlsafe(32)
    verification = rules.verification
    if isinstance(verification, HmacVerification) and not _is_standard(rules) and verification.secret_encoding != "text":
        raw = os.urandom(32)
        made = verification.secret_prefix + (raw.hex() if verification.secret_encoding == "hex" else base64.b64encode(raw).decode())
    if isinstance(verification, JwtVerification) and check_secret(verification, made):
        raise Conflict("These tokens are signed with the vendor's private key. Enter the vendor's public key instead.")
    change_endpoint(endpoint=endpoint, user=user, change=Change(secret=made))
    return made


def close(*, endpoint: WebhookEndpoint) -> None:
    """Remove an address with everything that arrived there."""
    with transaction.atomic():
        _record(endpoint, "webhook address closed", before=facts(endpoint))
        endpoint.delete()


def find(token: str) -> WebhookEndpoint | None:
    """The address with this token, if it is open."""
    rows = WebhookEndpoint.objects.select_related("connection__integration", "connection__organization", "connection__revision")
    return rows.filter(token_hash=_hash(token), is_enabled=True).first() if len(token) <= 200 else None


def endpoint_of(connection: Connection) -> WebhookEndpoint | None:
    """The address of a connection, if it has one."""
    return WebhookEndpoint.objects.select_related("forward_to").filter(connection=connection).first()


def address_of(endpoint: WebhookEndpoint) -> str:
    """The whole URL. Whoever knows it can send messages. Raises `SecretError`."""
    return f"{settings.PUBLIC_URL}/{PATH}/{open_sealed(endpoint.token_sealed, context=endpoint.context)}"


def rules_of(endpoint: WebhookEndpoint) -> Webhook:
    """How messages are checked: as the preset says, or the integration, or not at all."""
    if endpoint.preset in PRESETS:
        return PRESETS[endpoint.preset].webhook
    return definition_of(endpoint.connection).webhook or Webhook()


def secrets_of(endpoint: WebhookEndpoint) -> Secrets:
    """The secrets in force. The one that the integration's owner gave along counts where the connection has none. Raises `SecretError`."""
    held = _held(endpoint)
    values = [held["secret"]] if held.get("secret") else []
    if held.get("previous") and endpoint.previous_until and endpoint.previous_until > timezone.now():
        values.append(held["previous"])
    if not values and not endpoint.preset:
        values = _of_integration(endpoint)
    return Secrets(values, held.get("username", ""), held.get("verifyToken", ""))


def _of_integration(endpoint: WebhookEndpoint) -> list[str]:
    kept = DefaultCredential.objects.filter(pk=endpoint.connection.integration_id).first()
    found = open_sealed(kept.sealed, context=kept.context).get(DEFAULT_SECRET) if kept else ""
    return [found] if found else []


def stored(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """What is set, without the secrets themselves."""
    held = _held(endpoint)
    rotating = bool(held.get("previous") and endpoint.previous_until and endpoint.previous_until > timezone.now())
    return {
        "hasSecret": bool(held.get("secret")),
        "hasSecretOfIntegration": not held.get("secret") and bool(secrets_of(endpoint).values),
        "previousUntil": endpoint.previous_until if rotating else None,
        "username": held.get("username", ""),
        "hasVerifyToken": bool(held.get("verifyToken")),
    }


def lacks(endpoint: WebhookEndpoint) -> list[str]:
    """Why messages cannot be believed yet, as sentences."""
    rules = rules_of(endpoint)
    found = webhook_gaps(rules)
    verification = rules.verification
    by_keys = isinstance(verification, JwtVerification) and verification.jwks_uri
    secrets = secrets_of(endpoint)
    if verification.type != "none" and not by_keys and not secrets.values:
        found.append(
            "No secret is set, so that everything is rejected. Enter the one that the vendor shows, or make one and enter it there."
        )
    if isinstance(verification, BasicVerification) and not secrets.username:
        found.append("The user name is missing.")
    if any(one.token for one in rules.handshakes) and not secrets.verify_token:
        found.append("The verify token is missing, so that the vendor cannot confirm the address. Choose one and enter it on both sides.")
    return found


def facts(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """What the log keeps of an address: nothing that opens it."""
    return {
        "preset": endpoint.preset,
        "enabled": endpoint.is_enabled,
        "forwards": targets.facts(endpoint.forward_to)["url"] if endpoint.forward_to else "",
        "forwardTypes": list(endpoint.forward_types),
    }


def _apply(endpoint: WebhookEndpoint, change: Change) -> None:
    if change.preset is not None:
        if change.preset and change.preset not in PRESETS:
            raise Invalid({"preset": [f"{change.preset[:50]} is not known. Use one of: {', '.join(PRESETS)}."]})
        endpoint.preset = change.preset
    rules = rules_of(endpoint)
    if gaps := webhook_gaps(rules):
        raise Invalid({"preset": [f"{gaps[0]} Choose a vendor here, or have the integration completed."]})
    if change.is_enabled is not None:
        endpoint.is_enabled = change.is_enabled
    if change.forward_types is not None:
        endpoint.forward_types = checked_types(change.forward_types, "forwardTypes")
    _apply_secrets(endpoint, change, rules)


def _apply_secrets(endpoint: WebhookEndpoint, change: Change, rules: Webhook) -> None:
    given = {"secret": change.secret, "username": change.username, "verifyToken": change.verify_token}
    entered = {name: value.strip() for name, value in given.items() if value is not None}
    for name, value in entered.items():
        if len(value) > LONGEST_SECRET or flaw(value):
            raise Invalid({name: [f"Enter text of at most {LONGEST_SECRET:,} characters."]})
    if entered.get("secret") and (sentence := check_secret(rules.verification, entered["secret"])):
        raise Invalid({"secret": [sentence]})
    if not entered:
        return
    held = _held(endpoint)
    if "secret" in entered and held.get("secret") and entered["secret"] != held["secret"]:
        # A vendor goes on signing with the old one for a while; one that was removed counts no more.
        held["previous"] = held["secret"] if entered["secret"] else ""
        endpoint.previous_until = timezone.now() + OVERLAP if entered["secret"] else None
    endpoint.secrets_sealed = seal({**held, **entered}, context=endpoint.context)


def _forward(endpoint: WebhookEndpoint, change: Change, user: User) -> str:
    """Forward to another URL, or no more; the secret of a new target."""
    if change.forward_url is None:
        return ""
    url, present = change.forward_url.strip(), endpoint.forward_to
    try:
        if not url:
            endpoint.forward_to = None
            endpoint.save(update_fields=["forward_to"])
            if present:
                targets.delete(target=present)
            return ""
        if present:
            targets.change(target=present, url=url, is_enabled=True)
            return ""
        connection = endpoint.connection
        name = f"Webhooks of {connection.integration}: {connection.name}"[: targets.NAME_LENGTH]
        endpoint.forward_to, secret = targets.create(organization=connection.organization, url=url, name=name, user=user)
    except Invalid as refusal:
        raise Invalid({"forwardUrl" if name == "url" else name: said for name, said in refusal.errors.items()}) from None
    endpoint.save(update_fields=["forward_to"])
    return secret


def checked_types(types: Sequence[Any], field: str) -> list[str]:
    """Kinds of events, such as `invoice.paid` or `invoice.*`. Raises `Invalid`."""
    found = list(dict.fromkeys(" ".join(str(one).split()) for one in types if str(one).strip()))
    if len(found) > MOST_TYPES or any(len(one) > 200 or flaw(one) for one in found):
        raise Invalid({field: [f"At most {MOST_TYPES} kinds of events, each with at most 200 characters."]})
    return found


def _is_standard(rules: Webhook) -> bool:
    return isinstance(rules.verification, HmacVerification) and rules.verification.secret_prefix == signing.PREFIX


def _held(endpoint: WebhookEndpoint) -> dict[str, str]:
    return dict(open_sealed(endpoint.secrets_sealed, context=endpoint.context))


def _new_token(endpoint: WebhookEndpoint) -> None:
    token = token_urlsafe(TOKEN_BYTES)
    endpoint.token_hash, endpoint.token_sealed = _hash(token), seal(token, context=endpoint.context)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _record(endpoint: WebhookEndpoint, verb: str, **values: Any) -> None:
    connection = endpoint.connection
    audit.record(kind=audit.Kind.CONNECTION, verb=verb, subject=connection, organization=connection.organization, **values)
