"""The search itself: in every place at which it looks it finds a secret, in every form, whole and by half."""

from __future__ import annotations

import base64
import html
import json
import logging
import sys
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, quote_plus

import pytest
import redis
from celery import current_app as celery
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpResponse, StreamingHttpResponse
from django.utils import timezone

from connections.models import LoggedRequest, WebhookEvent
from integrations.models import AuditEntry, KeptAnswer
from tests.backends import empty_broker
from tests.cast import Cast, MakeConnection, MakeIntegration
from tests.connections.canary.conftest import HARMLESS, Canary
from tests.connections.canary.search import cached, files, found, planted
from tests.connections.webhooks.senders import opened

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SECRET: Final = planted("control")
KEY: Final = "canary-control"  # begins the names of what is planted in the broker and beside files


def wrapped(before: bytes) -> Callable[[str], str]:
    """Base64 of a longer text in which the secret stands behind `before`, as user:password does."""
    return lambda secret: base64.b64encode(before + secret.encode() + b"; and more").decode()


FORMS: Final[dict[str, Callable[[str], str]]] = {
    "clear": lambda secret: secret,
    "first half": lambda secret: secret[: len(secret) // 2],
    "second half": lambda secret: secret[len(secret) // 2 :],
    "json": lambda secret: json.dumps({"a": secret}),
    "html": html.escape,
    "percent": lambda secret: quote(secret, safe=""),
    "percent but for slashes": quote,
    "percent in lower case": lambda secret: quote(secret, safe="").replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d"),
    "percent twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "form": quote_plus,
    "base64": wrapped(b""),
    "base64 one byte on": wrapped(b"u"),
    "base64 two bytes on": wrapped(b"u:"),
    "base64 of half": lambda secret: base64.b64encode(b"user:" + secret[: len(secret) // 2].encode()).decode(),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(b"x" + secret.encode()).decode(),
    "base64 in percent": lambda secret: quote(wrapped(b"u:")(secret), safe=""),
}


@pytest.mark.parametrize("form", FORMS)
def test_secret_is_found_in_every_form(form: str) -> None:
    kept = [b"before", f"text {FORMS[form](SECRET)} text".encode(), b"after"]
    assert list(found(kept, {"control": SECRET, "other": planted("other")})) == ["control"]


def test_what_is_masked_and_what_is_alike_is_not_found() -> None:
    kept = [b"Bearer \xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2", SECRET[:8].encode(), planted("another").encode(), base64.b64encode(b"control")]
    assert found(kept, {"control": SECRET}) == {}


Place = Callable[[str, Canary, Any], Any]


def a_column(text: str, canary: Canary, row: Any) -> None:
    KeptAnswer.objects.create(caller="x", key=text[:255], fingerprint="", created_at=timezone.now(), expires_at=timezone.now())


def a_json_column(text: str, canary: Canary, row: Any) -> None:
    LoggedRequest.objects.create(connection=row.connection, at=timezone.now(), method="GET", url="", elapsed_ms=1, content={"a": [text]})


def a_binary_column(text: str, canary: Canary, row: Any) -> None:
    WebhookEvent.objects.create(endpoint=row, method="POST", body=text.encode(), size=1, verdict="verified")


def an_audit_entry(text: str, canary: Canary, row: Any) -> None:
    AuditEntry.objects.create(organization=row.connection.organization, kind="connection", verb="changed", after={"note": text})


def a_session(text: str, canary: Canary, row: Any) -> None:
    """Django signs what it keeps of a session, and packs it."""
    session = SessionStore()
    session["note"] = text
    session.save()


def a_file(text: str, canary: Canary, row: Any) -> None:
    with (settings.DATA_DIR / f"{KEY}.log").open("a") as file:
        file.write(f"{text}\n")


def a_packed_file(text: str, canary: Canary, row: Any) -> None:
    (settings.DATA_DIR / f"{KEY}-{hash(text)}.zst").write_bytes(zstd.compress(text.encode()))


def a_log_line(text: str, canary: Canary, row: Any) -> None:
    logging.getLogger("connections").debug("said %s", text)


def a_traceback(text: str, canary: Canary, row: Any) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("connections").exception("failed")


def a_body(text: str, canary: Canary, row: Any) -> None:
    canary.hear(HttpResponse(text))


def a_streamed_body(text: str, canary: Canary, row: Any) -> None:
    canary.hear(StreamingHttpResponse(iter([text[:9].encode(), text[9:].encode()])))


def a_header(text: str, canary: Canary, row: Any) -> None:
    canary.hear(HttpResponse(headers={"X-Sent": text}))


def a_reason(text: str, canary: Canary, row: Any) -> None:
    canary.hear(HttpResponse(reason=text))


PLACES: Final[list[Place]] = [
    a_column, a_json_column, a_binary_column, an_audit_entry, a_session, a_file, a_packed_file, a_log_line, a_traceback, a_body, a_streamed_body,
    a_header, a_reason,
]  # fmt: skip


def in_broker(kind: str) -> Place:
    write: dict[str, Callable[[Any, str], Any]] = {
        "string": lambda client, text: client.append(f"{KEY} string", f"{text} "),
        "list": lambda client, text: client.rpush(f"{KEY} list", "a", text),
        "hash": lambda client, text: client.hset(f"{KEY} hash", str(hash(text)), text),
        "name in a hash": lambda client, text: client.hset(f"{KEY} names", text, "a"),
        "set": lambda client, text: client.sadd(f"{KEY} set", text),
        "sorted set": lambda client, text: client.zadd(f"{KEY} sorted", {text: 1}),
        "name": lambda client, text: client.set(f"{KEY} {text}", ""),
    }

    def plant(text: str, canary: Canary, row: Any) -> None:
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            write[kind](client, text)

    return plant


EVERYWHERE: Final[dict[str, Place]] = {place.__name__: place for place in PLACES} | {
    f"broker, {kind}": in_broker(kind) for kind in ("string", "list", "hash", "name in a hash", "set", "sorted set", "name")
}


@pytest.mark.django_db(transaction=True)
def test_secret_is_found_in_every_place(
    canary: Canary, cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    row = opened(make_connection(make_integration(name=HARMLESS)), cast.carol)
    forms = ("clear", "base64", "base64 one byte on", "base64 two bytes on", "percent")
    secrets = {(place, form): planted(f"{place}, {form}") for place in EVERYWHERE for form in forms}
    named = {", ".join(key): secret for key, secret in secrets.items()}
    assert canary.leaks(**named) == {}
    try:
        for (place, form), secret in secrets.items():
            EVERYWHERE[place](FORMS[form](secret), canary, row)
        assert sorted(canary.leaks(**named)) == sorted(named)
    finally:
        empty_broker()
        for path in settings.DATA_DIR.glob(f"{KEY}*"):
            path.unlink()


def test_secret_is_found_in_the_arguments_of_a_task_that_waits() -> None:
    for shift in ("", "a", "aa"):
        empty_broker()
        celery.send_task("connections.tasks.none", [shift, SECRET])
        assert list(found(cached(), {"control": SECRET, "other": planted("other")})) == ["control"]
    empty_broker()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    not settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"), reason="the database is no file, and its rows are read"
)
def test_database_file_is_searched(cast: Cast) -> None:
    AuditEntry.objects.create(organization=cast.msp, kind="connection", verb="changed", after={"note": SECRET})
    where = found(files(), {"control": SECRET})["control"]
    assert [place for place in where if b".sqlite3" not in place.partition(b" ")[0]] == []
