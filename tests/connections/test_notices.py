"""Who hears that a connection has to be authorized again."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from django.core import mail
from django.urls import reverse
from pytest_django import Settings
from standardwebhooks import Webhook, WebhookVerificationError

from connections import notices
from connections.deliveries import signing
from connections.models import Connection, Credential
from connections.tokens.grants import Held
from connections.tokens.rows import kept_columns
from connections.trials import test as run_test
from tests.backends import Worker, eventually
from tests.cast import Cast, MakeConnection, MakeIntegration
from tests.connections.test_authorization import CLIENT, agree_auth
from tests.vendor.server import VendorServer

SIGNATURE = ("webhook-id", "webhook-timestamp", "webhook-signature")

run_test.__test__ = False  # type: ignore[attr-defined]  # the service of that name, no test


@pytest.fixture
def connection(vendor: VendorServer, make_integration: MakeIntegration, make_connection: MakeConnection) -> Connection:
    return make_connection(make_integration(base_uri=f"{vendor.url}/agree", auth=agree_auth(vendor)), credentials=CLIENT)


def test_webhook_gets_the_reason_and_the_way_back(connection: Connection, vendor: VendorServer, settings: Settings) -> None:
    settings.AUTHORIZATION_WEBHOOK_URL = f"{vendor.url}/echo"
    assert notices.tell_authorization_needed(connection.pk, "The grant is gone.") == ["webhook"]
    (request,) = vendor.requests
    assert (request.method, request.header("Content-Type")) == ("POST", "application/json")
    assert [request.header(name) for name in SIGNATURE] == [None, None, None]
    assert json.loads(request.body) == {
        "event": "connection.authorization_needed",
        "connection": {"id": str(connection.pk), "name": "Main"},
        "integration": {"id": str(connection.integration_id), "name": "Sample"},
        "organization": {"id": str(connection.organization_id), "name": "Client A"},
        "message": "The grant is gone.",
        "url": settings.PUBLIC_URL + reverse("connection-detail", args=[connection.pk]),
    }


def test_webhook_is_signed_by_each_secret_that_is_set(connection: Connection, vendor: VendorServer, settings: Settings) -> None:
    new, old, other = signing.new_secret(), signing.new_secret(), signing.new_secret()
    settings.AUTHORIZATION_WEBHOOK_URL, settings.AUTHORIZATION_WEBHOOK_SECRETS = f"{vendor.url}/echo", (new, old)
    assert [notices.tell_authorization_needed(connection.pk, "The grant is gone: ü.") for _ in range(2)] == [["webhook"], ["webhook"]]
    first, second = vendor.requests
    headers = {name: first.header(name) or "" for name in SIGNATURE}
    for secret in (new, old):
        assert Webhook(secret).verify(first.body, headers)["message"] == "The grant is gone: ü."
    for secret, body in ((other, first.body), (new, first.body.replace(b"gone", b"here"))):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, headers)
    assert first.header("webhook-id") != second.header("webhook-id")


def test_whoever_connected_gets_a_mail(connection: Connection, settings: Settings, cast: Cast) -> None:
    settings.MAIL_IS_SET = True
    cast.carol.email = "carol@example.com"
    cast.carol.save()
    assert notices.tell_authorization_needed(connection.pk, "The grant is gone.") == ["mail"]
    (sent,) = mail.outbox
    assert (sent.to, sent.subject) == (["carol@example.com"], "Main (Sample) needs re-authorization")
    assert sent.body == (
        "The grant is gone.\n\nOpen the connection and press Reconnect:\n"
        f"{settings.PUBLIC_URL}{reverse('connection-detail', args=[connection.pk])}\n"
    )


def test_nobody_is_told_where_nothing_is_set_and_nothing_breaks(connection: Connection, settings: Settings) -> None:
    assert notices.tell_authorization_needed(connection.pk, "x") == []
    assert notices.tell_authorization_needed(uuid4(), "x") == []
    settings.AUTHORIZATION_WEBHOOK_URL = "http://127.0.0.1:1/"
    assert notices.tell_authorization_needed(connection.pk, "x") == []


@pytest.mark.django_db(transaction=True)
def test_grant_that_the_vendor_refuses_is_told_by_a_worker(
    connection: Connection, vendor: VendorServer, settings: Settings, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    settings.AUTHORIZATION_WEBHOOK_URL = f"{vendor.url}/echo"
    monkeypatch.setenv("AUTHORIZATION_WEBHOOK_URL", settings.AUTHORIZATION_WEBHOOK_URL)
    worker: Worker = request.getfixturevalue("worker")
    assert worker.process is not None
    Credential.objects.filter(pk=connection.pk).update(**kept_columns(connection.pk, Held(refresh="unknown")))
    Connection.objects.filter(pk=connection.pk).update(state="untested", message="")
    connection.refresh_from_db()
    assert run_test(connection=connection).ok is False
    (told,) = eventually(lambda: [one for one in vendor.requests if one.path == "/echo"])
    connection.refresh_from_db()
    assert (connection.state, json.loads(told.body)["message"]) == ("reauthorize", connection.message)
