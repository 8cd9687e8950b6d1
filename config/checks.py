"""System checks of an installation, with ids. Registered by `integrations.apps`; `manage.py check --deploy` shows the last kind too."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's own name

from config.networks import parse_networks


@register(Tags.security)
def keys(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """junction.E001: a SECRET_KEY that can be guessed."""
    key = settings.SECRET_KEY
    if len(key) < 32 or len(set(key)) < 8:
        hint = "Give at least 32 random characters, or leave SECRET_KEY unset: one is made and kept in DATA_DIR."
        return [Error("SECRET_KEY is short or repetitive, so sessions could be forged.", hint=hint, id="junction.E001")]
    return []


@register(Tags.security, deploy=True)
def egress(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """junction.W001: connections may reach this machine itself."""
    loopback = parse_networks("loopback")
    if any(mine.version == own.version and mine.overlaps(own) for mine in settings.EGRESS_ALLOW for own in loopback):
        hint = "Leave loopback out of EGRESS_ALLOW unless the APIs that you integrate really run on this machine."
        return [Warning("EGRESS_ALLOW opens this machine's own addresses to every integration.", hint=hint, id="junction.W001")]
    return []


@register(Tags.security, deploy=True)
def public_url(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """junction.W002: the address that users and vendors call is not known."""
    if not settings.PUBLIC_URL_IS_SET:
        return [
            Warning(
                "PUBLIC_URL is not set.",
                hint="Give the address that users see, for example https://junction.example.com",
                id="junction.W002",
            )
        ]
    return []


@register(Tags.security)
def authorization_webhook(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """junction.W003: whoever knows the address could tell its receiver anything."""
    if settings.AUTHORIZATION_WEBHOOK_URL and not settings.AUTHORIZATION_WEBHOOK_SECRETS:
        return [
            Warning(
                "What is sent to AUTHORIZATION_WEBHOOK_URL is not signed.",
                hint='Set AUTHORIZATION_WEBHOOK_SECRET, made with: echo "whsec_$(openssl rand -base64 32)"',
                id="junction.W003",
            )
        ]
    return []
