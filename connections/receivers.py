"""What this stage does when a lower one has news, or itself."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models.signals import post_delete
from django.dispatch import receiver
from kombu.exceptions import OperationalError

from connections import services, tasks
from connections.models import Connection, DeliveryTarget, WebhookEndpoint
from connections.signals import authorization_needed
from integrations.models import Integration
from integrations.signals import integration_goes, secrets_given

logger = logging.getLogger(__name__)


@receiver(secrets_given, dispatch_uid="connections.keep_secrets")
def keep_secrets(sender: type[Integration], *, integration: Integration, secrets: dict[str, str], **kwargs: Any) -> None:  # noqa: ARG001 - a receiver's signature
    """Secrets that a program sent with an integration become its connections' defaults."""
    services.set_default_credentials(integration=integration, secrets=secrets)


@receiver(integration_goes, dispatch_uid="connections.go_along")
def go_along(sender: type[Integration], *, integration: Integration, **kwargs: Any) -> None:  # noqa: ARG001 - a receiver's signature
    """The connections of an integration that is deleted with all that uses it."""
    for connection in integration.connections.select_related("integration", "organization"):
        services.delete(connection=connection)


@receiver(authorization_needed, dispatch_uid="connections.tell_authorization_needed")
def tell(sender: type[Connection], *, connection_id: UUID, message: str, **kwargs: Any) -> None:  # noqa: ARG001 - a receiver's signature
    """A worker tells people: what renews tokens does not wait for a mail server, and does not end with the broker."""
    if not settings.AUTHORIZATION_WEBHOOK_URL and not settings.MAIL_IS_SET:
        return
    try:
        tasks.tell_authorization_needed.delay(str(connection_id), message)
    except OperationalError:
        logger.warning("The broker is away, so nobody is told that connection %s needs to be authorized.", connection_id)


@receiver(post_delete, sender=WebhookEndpoint, dispatch_uid="connections.webhooks.forward_no_more")
def forward_no_more(sender: type[WebhookEndpoint], *, instance: WebhookEndpoint, **kwargs: Any) -> None:  # noqa: ARG001 - a receiver's signature
    """Where messages were forwarded to goes with their address, also where that goes with its connection."""
    if instance.forward_to_id:
        DeliveryTarget.objects.filter(pk=instance.forward_to_id).delete()
