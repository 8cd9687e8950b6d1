"""Secrets of every kind are planted, everything is driven, failures included; then they are looked for where they must not be."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import redis
from django.apps import apps
from django.conf import settings
from django.db import connection as database
from django.db.models import BinaryField

from actions import runs
from actions.models import Run
from connections import services, trials
from connections.models import Connection, Credential, LoggedRequest
from connections.rotation import sealed_models
from connections.secrets import MASK
from connections.tokens import renewals
from integrations.models import Integration, User
from tests.backends import Worker, eventually
from tests.cast import MakeConnection, MakeIntegration, action_of, action_values
from tests.connections.server import Handler, serving
from tests.pages import signed_in

pytestmark = pytest.mark.django_db(transaction=True)

SECRETS = {
    name: f"canary/{name}+{'x' * 9}=&"
    for name in ("apiKey", "appKey", "username", "password", "clientSecret", "refreshToken", "accessToken", "session", "field", "default", "rotated")
}  # fmt: skip


class Vendor:
    """Answers whatever is asked, and when it refuses, repeats everything that it was sent, as careless vendors do."""

    refuses = False

    def __call__(self, handler: Handler) -> None:
        sent = {**handler.headers, "path": handler.path, "body": handler.server.seen[-1].body.decode("utf-8", "replace")}
        if handler.path.startswith("/token"):
            if self.refuses:
                answer(handler, 400, {"error": "invalid_request", "error_description": json.dumps(sent)})
            else:
                answer(handler, 200, {"access_token": SECRETS["accessToken"], "refresh_token": SECRETS["rotated"], "expires_in": 3600})
        elif handler.path.startswith("/login"):
            answer(
                handler,
                401 if self.refuses else 200,
                {"token": SECRETS["session"], "message": json.dumps(sent)} if not self.refuses else {"message": json.dumps(sent)},
            )
        elif self.refuses:
            answer(handler, 403, {"message": json.dumps(sent)})
        else:
            answer(handler, 200, [{"id": 1, "name": "harmless"}])


def answer(handler: Handler, status: int, document: Any) -> None:
    handler.reply(status, json.dumps(document).encode(), Content_Type="application/json")


DEFINITIONS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "key": ({"auth": {"type": "apikey", "apiKeyName": "key", "apiKeyLocation": "query"}}, {"apiKey": SECRETS["apiKey"]}),
    "keys": (
        {"auth": {"type": "apikey", "placements": [
            {"name": "X-Key", "value": "{{credentials.apiKey}}"},
            {"name": "X-Both", "value": 'B {{base64(credentials.appKey, ":", settings.field)}}'},
            {"location": "query", "name": "f", "value": "{{settings.field}}"}]}},
        {"apiKey": SECRETS["apiKey"], "appKey": SECRETS["appKey"]},
    ),
    "basic": ({"auth": {"type": "basic"}}, {"username": "user", "password": SECRETS["password"]}),
    "bearer": ({"auth": {"type": "bearer"}}, {"token": SECRETS["accessToken"]}),
    "client": ({"auth": {"type": "oauth2", "tokenUri": "{host}/token"}}, {"clientId": "id", "clientSecret": SECRETS["clientSecret"]}),
    "refresh": (
        {"auth": {"type": "oauth2", "grantType": "refresh_token", "tokenUri": "{host}/token", "clientAuthentication": "body"}},
        {"clientId": "id", "clientSecret": SECRETS["clientSecret"], "refreshToken": SECRETS["refreshToken"]},
    ),
    "password": (
        {"auth": {"type": "oauth2", "grantType": "password", "tokenUri": "{host}/token"}},
        {"clientId": "id", "clientSecret": SECRETS["clientSecret"], "username": "user", "password": SECRETS["password"]},
    ),
    "login": (
        {"auth": {"type": "login", "tokenKey": "token", "steps": [
            {"url": "{host}/login", "params": {"u": "{{credentials.username}}", "p": "{{credentials.password}}"}}]}},
        {"username": "user", "password": SECRETS["password"]},
    ),
    "digest": ({"auth": {"type": "digest"}}, {"username": "user", "password": SECRETS["password"]}),
}  # fmt: skip
HIDDEN_FIELD = {"connectionFields": [{"name": "field", "type": "password", "required": False}]}


@pytest.fixture
def vendor() -> Iterator[tuple[Vendor, str]]:
    playing = Vendor()
    with serving(playing) as served:
        yield playing, served.url


def test_no_secret_is_found_anywhere(
    vendor: tuple[Vendor, str],
    worker: Worker,
    make_integration: MakeIntegration,
    make_connection: MakeConnection,
    carol: User,
    alice: User,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    playing, url = vendor
    seen: list[bytes] = []
    rows = []
    for name, (definition, credentials) in DEFINITIONS.items():
        whole = json.loads(json.dumps({**definition, **HIDDEN_FIELD}).replace("{host}", url))
        integration = make_integration(name=name, base_uri=url, actions=[action_values(path="/things")], **whole)
        services.set_default_credentials(integration=integration, secrets={"apiKey": SECRETS["default"]})
        rows.append(make_connection(integration, name=name, credentials=credentials, settings={"field": SECRETS["field"]}))
    for refuses in (False, True):
        playing.refuses = refuses
        Credential.objects.update(retry_at=None)
        started = [runs.start(action=action_of(row.integration), connection=row, user=carol, inputs={}) for row in rows]
        seen += [trials.test(connection=row).message.encode() for row in rows]
        eventually(lambda: all(Run.objects.get(pk=run.pk).is_finished for run in started))  # noqa: B023 - called at once
        Credential.objects.filter(refresh_due_at__isnull=False).update(
            refresh_due_at="2020-01-01T00:00:00Z", retry_at=None, queued_until=None
        )
        renewals.renew_batch([row.pk for row in rows])
        for user in (carol, alice):
            seen += list(answers_to(user, rows))
    kept = [*seen, *stored(), *cached(), caplog.text.encode(), worker.log.read_bytes()]
    assert len(seen) > 150
    assert {name: [found[:200] for found in kept if holds(found, secret)] for name, secret in SECRETS.items()} == {
        name: [] for name in SECRETS
    }
    assert any(holds(found, "harmless") for found in kept), "the search finds what is there"
    assert sum(MASK.encode() in found for found in seen) > 10, "what vendors repeated was masked"
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        files = b"".join(path.read_bytes() for path in Path(database.settings_dict["NAME"]).parent.glob("test.sqlite3*"))
        assert [name for name, secret in SECRETS.items() if holds(files, secret)] == []


def holds(content: bytes, secret: str) -> bool:
    """Whether a secret stands there in clear, escaped, URL-encoded, or in Base64 at any offset."""
    forms = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], secret.replace("&", "&amp;")}
    encoded = []
    for offset in range(3):
        core = base64.b64encode(b"\0" * offset + secret.encode())[(0, 2, 3)[offset] : (offset + len(secret)) * 8 // 6]
        encoded += [core, core.translate(bytes.maketrans(b"+/", b"-_"))]
    return any(form.encode() in content for form in forms) or any(form in content for form in encoded)


def answers_to(user: User, rows: list[Connection]) -> Iterator[bytes]:
    """Everything that somebody sees of these connections: pages, API, downloads."""
    client = signed_in(user)
    paths = ["/connections/", "/runs/", "/integrations/", "/api/connections", "/api/runs", "/api/integrations", "/api/integrations-list"]
    paths += ["/requests/", "/api/requests", *(f"{start}/requests/{pk}{end}" for pk in LoggedRequest.objects.values_list("pk", flat=True)[:40]
                                               for start, end in (("", "/"), ("/api", "")))]  # fmt: skip
    for row in rows:
        integration = Integration.objects.get(pk=row.integration_id)
        paths += [
            f"/connections/{row.pk}/",
            f"/api/connections/{row.pk}",
            f"/integrations/{integration.slug}/",
            f"/api/integrations/{integration.slug}",
        ]
        paths += [f"/integrations/{integration.slug}/edit/auth/", f"/integrations/{integration.slug}/connect/"]
        for run in Run.objects.filter(connection=row):
            paths += [f"/runs/{run.pk}/", f"/api/runs/{run.pk}"]
            paths += [f"/api/runs/{run.pk}/records?format={kind}" for kind in ("json", "csv", "ndjson")]
            paths += [f"/runs/{run.pk}/records", *(f"/runs/{run.pk}/records.{kind}" for kind in ("json", "csv", "ndjson"))]
    for path in paths:
        found = client.get(path, follow=True)
        assert found.status_code < 500, path
        yield b"".join(found.streaming_content) if found.streaming else found.content  # type: ignore[attr-defined]
        yield str(found.headers).encode()


def stored() -> Iterator[bytes]:
    """Every value of every row, what is compressed unpacked."""
    import zlib

    for model in apps.get_models():
        sealed = getattr(model, "SEALED", ())
        for row in model._default_manager.all():
            for field in model._meta.concrete_fields:
                value = getattr(row, field.attname)
                if isinstance(field, BinaryField) and value:
                    try:
                        yield zlib.decompress(bytes(value))
                    except zlib.error:
                        yield bytes(value)
                elif field.name in sealed:
                    yield str(value).encode()
                else:
                    yield json.dumps(value, default=str, ensure_ascii=False).encode()
                    yield str(value).encode()
    assert sealed_models()


def cached() -> Iterator[bytes]:
    """What lies in the broker."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        for key in client.keys("*"):
            yield bytes(key)
            kind = client.type(key)
            if kind == b"list":
                yield from client.lrange(key, 0, -1)
            elif kind == b"hash":
                yield from (part for pair in client.hgetall(key).items() for part in pair)
            elif kind == b"string":
                yield client.get(key) or b""
