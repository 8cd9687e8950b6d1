"""What stands on the other side in tests of webhooks: a vendor that sends over a socket, and addresses to send to."""

from __future__ import annotations

import hashlib
import hmac
import json
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from connections.models import Connection, WebhookEndpoint
from connections.webhooks import endpoints
from connections.webhooks.endpoints import Change
from integrations.models import User

SECRET = "It's a Secret to Everybody"


def opened(connection: Connection, user: User, **change: Any) -> WebhookEndpoint:
    """The connection's address; like GitHub's unless something else is said."""
    return endpoints.open_endpoint(connection=connection, user=user, change=Change(**{"preset": "github", "secret": SECRET, **change}))[0]


def path_of(endpoint: WebhookEndpoint) -> str:
    return urlsplit(endpoints.address_of(endpoint)).path


def sent(
    server: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None, *, method: str = "POST"
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to one request over a socket."""
    connection = HTTPConnection(urlsplit(server).netloc, timeout=60)
    try:
        connection.request(method, target, body, headers or {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def github(body: Any = None, *, secret: str = SECRET, event: str = "issues", delivery: str = "") -> tuple[bytes, dict[str, str]]:
    """A message as GitHub sends it."""
    content = body if isinstance(body, bytes) else json.dumps({"action": "opened"} if body is None else body).encode()
    return content, {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery or str(uuid4()),
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), content, hashlib.sha256).hexdigest(),
    }
