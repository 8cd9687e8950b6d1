"""Targets of deliveries: where signed bodies go, and the secrets that sign them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from connections.deliveries import signing
from connections.exchange import origin_of
from connections.models import DeliveryTarget
from connections.secrets import open_sealed, seal
from integrations import audit
from integrations.models import Organization, User
from integrations.refusals import Invalid
from integrations.storable import flaw

NAME_LENGTH: Final = 200
URL_LENGTH: Final = 2000
OVERLAP: Final = timedelta(hours=24)  # for which a replaced secret signs along, so that a receiver can be changed in peace


def create(*, organization: Organization, url: str, name: str, user: User) -> tuple[DeliveryTarget, str]:
    """A new target, and its secret, which is shown once. Raises `Invalid` for a URL that is none."""
    target = DeliveryTarget(organization=organization, name=_checked_name(name), url=checked_url(url), created_by=user)
    secret = signing.new_secret()
    target.secret_sealed = seal(secret, context=target.context)
    with transaction.atomic():
        target.save(force_insert=True)
        _record(target, "delivery target added", after=facts(target))
    return target, secret


def change(*, target: DeliveryTarget, url: str | None = None, name: str | None = None, is_enabled: bool | None = None) -> DeliveryTarget:
    """Change where it leads, what it is called, and whether it gets anything. Raises `Invalid`."""
    before = facts(target)
    target.url = target.url if url is None else checked_url(url)
    target.name = target.name if name is None else _checked_name(name)
    if is_enabled is not None:
        target.is_enabled, target.message = is_enabled, ""
    with transaction.atomic():
        target.save(update_fields=["url", "name", "is_enabled", "message"])
        _record(target, "delivery target changed", before=before, after=facts(target))
    return target


def renew(*, target: DeliveryTarget) -> str:
    """Another secret, which is shown once; the one before signs along for `OVERLAP`."""
    secret = signing.new_secret()
    target.previous_sealed, target.previous_until = target.secret_sealed, timezone.now() + OVERLAP
    target.secret_sealed = seal(secret, context=target.context)
    with transaction.atomic():
        target.save(update_fields=["secret_sealed", "previous_sealed", "previous_until"])
        _record(target, "delivery secret renewed")
    return secret


def delete(*, target: DeliveryTarget) -> None:
    """Remove it with its deliveries; what waits is not sent any more."""
    with transaction.atomic():
        _record(target, "delivery target deleted", before=facts(target))
        target.delete()


def secrets_of(target: DeliveryTarget) -> list[str]:
    """The secrets that sign now, the newest first. Raises `SecretError`."""
    found = [open_sealed(target.secret_sealed, context=target.context)]
    if target.previous_sealed and target.previous_until and target.previous_until > timezone.now():
        found.append(open_sealed(target.previous_sealed, context=target.context))
    return found


def facts(target: DeliveryTarget) -> dict[str, Any]:
    """What the log keeps of a target. A key may stand in the query of a URL, so that only its beginning is kept."""
    parts = urlsplit(target.url)
    return {"name": target.name, "url": f"{origin_of(target.url)}{parts.path}", "enabled": target.is_enabled}


def checked_url(url: Any) -> str:
    """The URL without blanks round it. Raises `Invalid`; whether Junction may call there is decided at each attempt."""
    value = url.strip() if isinstance(url, str) else ""
    try:
        parts = urlsplit(value)
        fits = bool(origin_of(value)) and not parts.username and not parts.password and value.isprintable() and " " not in value
    except ValueError:
        fits = False
    if not fits or flaw(value):
        raise Invalid({"url": ["Enter the whole address, from https:// on, without user name and password."]})
    if len(value) > URL_LENGTH:
        raise Invalid({"url": [f"At most {URL_LENGTH:,} characters."]})
    return value


def _checked_name(name: Any) -> str:
    value = " ".join(name.split()) if isinstance(name, str) else ""
    if not value or flaw(value):
        raise Invalid({"name": ["Enter a name that says who gets these calls."]})
    if len(value) > NAME_LENGTH:
        raise Invalid({"name": [f"At most {NAME_LENGTH} characters; this name has {len(value)}."]})
    return value


def _record(target: DeliveryTarget, verb: str, **values: Any) -> None:
    audit.record(
        kind=audit.Kind.ORGANIZATION, verb=verb, subject=target.organization, organization=target.organization, name=target.name, **values
    )
