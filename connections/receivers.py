"""What this stage does when a lower one has news."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from connections import services
from integrations.models import Integration
from integrations.signals import integration_goes, secrets_given


@receiver(secrets_given, dispatch_uid="connections.keep_secrets")
def keep_secrets(sender: type[Integration], *, integration: Integration, secrets: dict[str, str], **kwargs: Any) -> None:  # noqa: ARG001 - a receiver's signature
    """Secrets that a program sent with an integration become its connections' defaults."""
    services.set_default_credentials(integration=integration, secrets=secrets)


@receiver(integration_goes, dispatch_uid="connections.go_along")
def go_along(sender: type[Integration], *, integration: Integration, **kwargs: Any) -> None:  # noqa: ARG001 - a receiver's signature
    """The connections of an integration that is deleted with all that uses it."""
    for connection in integration.connections.select_related("integration", "organization"):
        services.delete(connection=connection)
