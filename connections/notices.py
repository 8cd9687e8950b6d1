"""Telling people that a connection has to be authorized again: a webhook of the operator's, a mail to whoever made it."""

from __future__ import annotations

import json
import logging
from smtplib import SMTPException
from uuid import UUID, uuid4

from django.conf import settings
from django.core.mail import send_mail
from django.urls import reverse
from django.utils import timezone

from connections.deliveries import signing
from connections.exchange import Outgoing, TransportError
from connections.models import Connection
from connections.transport import Transport
from integrations.definition import JSON_TYPE

logger = logging.getLogger(__name__)


def tell_authorization_needed(connection_id: UUID, message: str) -> list[str]:
    """Tell whoever is to be told; the ways that worked. One that fails is logged and holds up no other."""
    connection = Connection.objects.select_related("integration", "organization", "created_by").filter(pk=connection_id).first()
    if connection is None:
        return []
    ways = {"webhook": _by_webhook, "mail": _by_mail}
    done = []
    for name, way in ways.items():
        try:
            if way(connection, message):
                done.append(name)
        except (TransportError, SMTPException, OSError) as error:
            logger.warning("Nobody could be told by %s that connection %s needs to be authorized: %s", name, connection_id, error)
    return done


def _by_webhook(connection: Connection, message: str) -> bool:
    if not settings.AUTHORIZATION_WEBHOOK_URL:
        return False
    content = {
        "event": "connection.authorization_needed",
        "connection": {"id": str(connection.pk), "name": connection.name},
        "integration": {"id": str(connection.integration_id), "name": connection.integration.name},
        "organization": {"id": str(connection.organization_id), "name": connection.organization.name},
        "message": message,
        "url": _address(connection),
    }
    body, headers = json.dumps(content).encode(), [("Content-Type", JSON_TYPE)]
    if secrets := settings.AUTHORIZATION_WEBHOOK_SECRETS:
        headers += signing.headers(f"msg_{uuid4().hex}", timezone.now(), body, secrets)
    with Transport() as transport:
        answer = transport.send(Outgoing("POST", settings.AUTHORIZATION_WEBHOOK_URL, headers, body))
    if answer.status >= 400:
        logger.warning("The webhook for connections that need to be authorized answered %s.", answer.status)
    return answer.status < 400


def _by_mail(connection: Connection, message: str) -> bool:
    if not settings.MAIL_IS_SET or connection.created_by is None or not connection.created_by.email:
        return False
    subject = f"{connection.name} ({connection.integration}) needs re-authorization"
    text = f"{message}\n\nOpen the connection and press Reconnect:\n{_address(connection)}\n"
    return bool(send_mail(" ".join(subject.split()), text, None, [connection.created_by.email]))


def _address(connection: Connection) -> str:
    return f"{settings.PUBLIC_URL}{reverse('connection-detail', args=[connection.pk])}"
