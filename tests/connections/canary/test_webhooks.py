"""Webhooks: the secrets by which messages are believed, those that vendors send along, and those that sign what goes on."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import jwt
import pytest
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from actions import runs
from actions.triggers import services as triggers
from connections.deliveries import sending
from connections.models import Connection, Delivery, DeliveryAttempt, WebhookEndpoint, WebhookEvent
from connections.redaction import MASK
from connections.webhooks import work
from integrations.models import User
from tests.api.calls import Caller
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of, action_values
from tests.connections.canary.conftest import HARMLESS, Canary
from tests.connections.canary.search import cached, found, said, stored
from tests.connections.canary.vendor import answer
from tests.connections.server import Handler, Served, serving
from tests.connections.webhooks.senders import path_of, sent
from tests.pages import signed_in

pytestmark = pytest.mark.django_db(transaction=True)

# Each way to believe a message.
RULES: Final[dict[str, dict[str, Any]]] = {
    "hmac": {"type": "hmac", "header": "X-Signature"},
    "token": {"type": "token", "source": "header:X-Sent-By"},
    "token in the body": {"type": "token", "source": "body:state.client"},
    "token in the query": {"type": "token", "source": "query:from"},
    "token in a form": {"type": "token", "source": "form:from"},
    "basic": {"type": "basic"},
    "jwt": {"type": "jwt", "header": "X-Proof", "prefix": ""},
}
ACTION: Final = action_values(path="/x", parameters=[{"name": "q", "in": "query"}])
HANDSHAKE: Final = {"value": "query:challenge", "when": "query:mode", "equals": "subscribe", "token": "query:word"}


class Receiver:
    """Refuses what it gets, and says back all of it and the secret that it knows, at the end of what is kept of an answer too."""

    def __init__(self) -> None:
        self.told: dict[str, str] = {}

    def __call__(self, to: Handler) -> None:
        seen, own = to.server.seen[-1], self.told.get(to.path, "")
        words = json.dumps({"told": own, **seen.headers, "path": to.path, "body": seen.body.decode("utf-8", "replace")})
        if len(to.server.seen) % 2:
            answer(to, 500, {"note": HARMLESS, "edge": f"{own:.>2030}", "all": words}, words)
        else:
            to.reply(302, words.encode(), Location=f"http://localhost:1/?{quote(words)}", X_Sent=words)


@pytest.fixture
def receiver() -> Iterator[tuple[Receiver, Served]]:
    playing = Receiver()
    with serving(playing) as served:
        yield playing, served


def message(kind: str, secret: str, body: dict[str, Any]) -> tuple[str, bytes, dict[str, str]]:
    """Query, body and headers of a message that proves itself with this secret."""
    headers, query = {"Content-Type": "application/json"}, ""
    if kind == "token in the body":
        body = {**body, "state": {"client": secret}}
    content = json.dumps(body).encode()
    match kind:
        case "hmac":
            headers["X-Signature"] = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
        case "token":
            headers["X-Sent-By"] = secret
        case "token in the query":
            query = f"?from={quote(secret, safe='')}&page=1"
        case "token in a form":
            fields = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in body.items())
            headers["Content-Type"], content = "application/x-www-form-urlencoded", f"from={quote(secret, safe='')}&{fields}".encode()
        case "basic":
            headers["Authorization"] = "Basic " + base64.b64encode(f"user:{secret}".encode()).decode()
        case "jwt":
            headers["X-Proof"] = jwt.encode({"iat": int(time.time()), "n": len(content)}, secret, algorithm="HS256")
    return query, content, headers


def test_secrets_of_webhooks_are_found_nowhere(
    canary: Canary,
    cast: Cast,
    live_server: LiveServer,
    receiver: tuple[Receiver, Served],
    settings: Any,
    make_integration: MakeIntegration,
    make_connection: MakeConnection,
) -> None:
    carol, told = Caller(cast.carol), receiver[0].told
    rows: list[Connection] = []
    addresses: dict[str, str] = {}
    for kind, verification in RULES.items():
        webhook = {
            "verification": verification,
            "handshakes": [HANDSHAKE],
            "handle": "$number(body.note)",
            "transform": "$number(body.note)",
        }
        rows.append(make_connection(make_integration(name=f"Sample {kind}", base_uri=receiver[1].url, webhook=webhook, actions=[ACTION])))
        first, second = (canary.plant(f"{kind} {which}")[f"{kind} {which}"] for which in ("first", "second"))
        word = canary.plant(f"{kind} word")[f"{kind} word"]
        given = {
            "secret": first,
            "verifyToken": word,
            "forwardUrl": f"{receiver[1].url}/in/{len(rows)}",
            **({"username": "user"} if kind == "basic" else {}),
        }
        made = carol("POST", f"connections/{rows[-1].pk}/webhook", given, expect=201, Idempotency_Key=f"open-{len(rows)}")
        canary.hear(carol.ask("PATCH", f"connections/{rows[-1].pk}/webhook", {"secret": second}, Idempotency_Key=f"more-{len(rows)}"))
        canary.secrets[f"{kind} signs"] = made["forwardSecret"]
        endpoint = WebhookEndpoint.objects.get(connection=rows[-1])
        addresses[kind] = path_of(endpoint).rpartition("/")[2]
        told[f"/in/{len(rows)}"] = made["forwardSecret"]
        triggers.save(
            trigger=None, endpoint=endpoint, action=action_of(rows[-1].integration), user=cast.carol, inputs={"q": "{{event.body}}"}
        )
        statuses = list(messages(canary, kind, endpoint, live_server.url, (first, second, word)))
        assert statuses == [200, 200, 401, 200, 401], kind
        assert status_without_keys(settings, live_server.url, path_of(endpoint)) == 503
    deliver(canary, rows, carol)
    shown(canary, rows, cast)
    assert canary.leaks() == {}
    # The address itself is shown to those who enter it at the vendor, and to nobody else.
    others = signed_in(cast.dave, cast.client_a)
    looked = [others.get(f"/connections/{row.pk}/{page}").content for row in rows for page in ("", "webhooks/")]
    kept = [*looked, *stored(), *cached(), canary.caplog.text.encode(), *said(canary.caplog)]
    assert found(kept, addresses) == {}
    passed = [f"{seen.headers}".encode() + seen.body for seen in receiver[1].seen]
    assert found(passed, canary.secrets) == {}, "nor does the receiver get to know what it does not need"
    assert DeliveryAttempt.objects.filter(answer__contains=MASK).exists(), "what the receiver repeated was masked"


def messages(canary: Canary, kind: str, endpoint: WebhookEndpoint, server: str, secrets: tuple[str, str, str]) -> Iterator[int]:
    """What a vendor sends, and strangers: the statuses that they get. Vendors repeat secrets wherever they can."""
    along = canary.plant(*(f"{kind} {name}" for name in ("authorization", "cookie", "key", "query", "mistyped", "asked")))
    headers = {
        "Cookie": f"sid={along[f'{kind} cookie']}",
        "X-Api-Key": along[f"{kind} key"],
        "X-Note": f"signed with {secrets[0]}, {secrets[1]}",
    }
    if kind != "basic":
        headers["Authorization"] = f"Bearer {along[f'{kind} authorization']}"
    body = {"note": f"{HARMLESS} {secrets[0]}", "again": secrets[1], "coded": base64.b64encode(f"u:{secrets[1]}".encode()).decode()}
    for secret in (secrets[0], secrets[1], along[f"{kind} mistyped"]):
        query, content, own = message(kind, secret, body)
        target = f"{path_of(endpoint)}{query}{'&' if query else '?'}access_token={quote(along[f'{kind} query'])}"
        if "X-Proof" in own:
            canary.secrets[f"{kind} proof {len(canary.secrets)}"] = own["X-Proof"]
        yield sent(server, target, content, {**headers, **own})[0]
    for word in (secrets[2], along[f"{kind} asked"]):
        yield sent(server, f"{path_of(endpoint)}?mode=subscribe&challenge=1&word={quote(word, safe='')}", method="GET")[0]


def status_without_keys(settings: Any, server: str, path: str) -> int:
    """The keys of the installation are lost for a moment: what comes then is to be sent again."""
    before = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = (("lost", os.urandom(32)),)
    try:
        return sent(server, path, b"{}")[0]
    finally:
        settings.ENCRYPTION_KEYS = before


def deliver(canary: Canary, rows: list[Connection], carol: Caller) -> None:
    """Events are worked on, sent on, refused by the receiver, and delivered once more; runs that end are told likewise."""
    for _ in range(2):
        for event in WebhookEvent.objects.filter(state="waiting"):
            work.work(event.pk)
        for delivery in Delivery.objects.filter(state="waiting"):
            for _ in range(2):
                Delivery.objects.filter(pk=delivery.pk).update(next_at=timezone.now())
                sending.attempt(delivery.pk)
            Delivery.objects.filter(pk=delivery.pk).update(state="failed")
        for row in rows:
            event = WebhookEvent.objects.filter(endpoint__connection=row, verdict="verified").exclude(state="waiting")[0]
            canary.hear(carol.ask("POST", f"webhooks/{event.pk}/redeliver"))


def shown(canary: Canary, rows: list[Connection], cast: Cast) -> None:
    """Pages and answers about all of it."""
    paths = [f"/connections/{row.pk}/webhooks/" for row in rows]
    paths += [f"/api/connections/{row.pk}/webhook{more}" for row in rows for more in ("", "/events")]
    paths += [
        path
        for row in WebhookEvent.objects.all()
        for path in (f"/webhooks/{row.pk}/", f"/webhooks/{row.pk}/body", f"/api/webhooks/{row.pk}")
    ]
    see(canary, cast.carol, cast, paths)
    see(canary, cast.alice, cast, ["/audit/", "/audit/export.csv", "/audit/export.json", "/api/audit"])


def see(canary: Canary, user: User, cast: Cast, paths: list[str]) -> None:
    browser = signed_in(user, cast.client_a)
    for path in paths:
        canary.hear(browser.get(path))


def test_secrets_of_runs_that_are_told_are_found_nowhere(
    canary: Canary, cast: Cast, receiver: tuple[Receiver, Served], make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    """The vendor of the run and the receiver that hears of its end are one server here, which repeats what it is sent."""
    carol, key = Caller(cast.carol), canary.plant("key")["key"]
    given = {"name": "Warehouse", "url": f"{receiver[1].url}/in/runs", "organization": cast.client_a.slug}
    made = carol("POST", "run-webhooks", given, expect=201, Idempotency_Key="hook")
    canary.hear(carol.ask("POST", "run-webhooks", given, Idempotency_Key="hook"))  # its answer was not kept
    renewed = carol("POST", f"run-webhooks/{made['id']}/secret")
    canary.secrets |= {"signs": made["secret"], "signs now": renewed["secret"]}
    receiver[0].told["/in/runs"] = renewed["secret"]
    auth = {"type": "apikey", "apiKeyName": "key", "apiKeyLocation": "query"}
    connection = make_connection(make_integration(base_uri=receiver[1].url, auth=auth, actions=[ACTION]), credentials={"apiKey": key})
    run = runs.start(action=action_of(connection.integration), connection=connection, user=cast.carol, inputs={}, hand_over=False)
    runs.execute(run.pk)
    canary.hear(carol.ask("POST", f"run-webhooks/{made['id']}/test"))
    for delivery in Delivery.objects.all():
        for _ in range(2):
            Delivery.objects.filter(pk=delivery.pk).update(next_at=timezone.now())
            sending.attempt(delivery.pk)
    assert sorted(Delivery.objects.values_list("kind", flat=True)) == ["run.finished", "run.test"]
    page = f"/runs/webhooks/{made['id']}/"
    see(canary, cast.carol, cast, [page, "/runs/webhooks/", f"/api/run-webhooks/{made['id']}", f"/api/run-webhooks/{made['id']}/deliveries",
                                   f"/runs/{run.pk}/", f"/api/runs/{run.pk}", f"/runs/{run.pk}/ledger.json", "/requests/"])  # fmt: skip
    see(canary, cast.alice, cast, ["/audit/", "/audit/export.csv", "/audit/export.json", "/api/audit"])
    assert canary.leaks() == {}
    assert DeliveryAttempt.objects.filter(answer__contains=MASK).exists(), "what the receiver repeated was masked"
