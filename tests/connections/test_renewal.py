"""Tokens are renewed once per generation, by whichever of many workers comes first, and no grant is lost."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from connections import checking
from connections.exchange import Outgoing
from connections.models import Connection, Credential, TokenEvent
from connections.opening import client_for
from connections.retries import CallError
from connections.tokens import renewals
from connections.tokens import rows as token_rows
from connections.tokens.answers import Token
from integrations.definition import OAuth2Auth
from tests.backends import ROOT, environment_of_processes, eventually
from tests.cast import MakeConnection, MakeIntegration
from tests.connections.issuer import Issuer, issuing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as found:
        yield found


@pytest.fixture
def connect(make_integration: MakeIntegration, make_connection: MakeConnection, issuer: Issuer) -> Any:
    """Connections that begin with a refresh token, all of one integration."""
    auth = {"type": "oauth2", "grantType": "refresh_token", "tokenUri": f"{issuer.url}/token", "clientAuthentication": "body"}

    def made(number: int = 1, **more: Any) -> list[Connection]:
        integration = make_integration(base_uri=issuer.url, auth={**auth, **more})
        names = [f"c{n}" for n in range(number)]
        return [
            make_connection(
                integration, name=name, credentials={"clientId": "id", "clientSecret": "s3cr3t", "refreshToken": issuer.new_grant(name)}
            )
            for name in names
        ]

    return made


def call(connection: Connection) -> int:
    with client_for(
        Connection.objects.select_related("credential", "integration").get(pk=connection.pk), checking.definition_of(connection.integration)
    ) as client:
        return client.send(Outgoing("GET", f"{client.base}/me")).status


def outcomes(connection: Connection) -> list[str]:
    return list(TokenEvent.objects.filter(connection=connection).order_by("pk").values_list("outcome", flat=True))


@pytest.fixture
def running() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that do not outlive the test."""
    found: list[subprocess.Popen[bytes]] = []
    yield found
    for process in found:
        process.kill()
        process.wait()


def processes(number: int, *, seconds: float, threads: int, rows: list[Connection]) -> list[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.connections.renewing_process", str(seconds), str(threads), *(str(row.pk) for row in rows)]
    return [subprocess.Popen(command, cwd=ROOT, env=environment_of_processes(), stdout=subprocess.PIPE) for _ in range(number)]


def result(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    output, _ = process.communicate(timeout=120)
    return json.loads(output)


def test_e6_7_8_notion_and_others_fifty_workers_make_one_request_a_generation(issuer: Issuer, connect: Any) -> None:
    issuer.lifetime, issuer.delay = 6.0, (0.1, 1.0)  # long enough for fifty threads on a busy machine
    [connection] = connect()
    results = [result(process) for process in processes(5, seconds=18, threads=10, rows=[connection])]
    assert [found["sentences"] for found in results] == [{}] * 5
    assert {status for found in results for status in found["answered"]} == {"200"}
    assert (issuer.reused, set(issuer.requests.values())) == (0, {1})
    assert len(issuer.requests) >= 3, "the token was renewed several times while everybody used it"
    assert call(connection) == 200


def test_slow_token_endpoint_is_asked_once(issuer: Issuer, connect: Any) -> None:
    issuer.lifetime, issuer.delay = 60.0, (15.0, 15.0)
    [connection] = connect()
    results = [result(process) for process in processes(2, seconds=17, threads=25, rows=[connection])]
    assert [found["sentences"] for found in results] == [{}, {}]
    assert (issuer.reused, list(issuer.requests.values())) == (0, [1])


def test_workers_that_are_killed_leave_every_connection_alive_or_asking(
    issuer: Issuer, connect: Any, monkeypatch: pytest.MonkeyPatch, running: list[subprocess.Popen[bytes]]
) -> None:
    monkeypatch.setenv("EGRESS_TOTAL_TIMEOUT", "1")  # so that the lease of the dead is short
    monkeypatch.setenv("EGRESS_READ_TIMEOUT", "1")
    issuer.lifetime, issuer.delay = 0.4, (0.0, 0.3)
    rows = connect(24)  # so many that some still live after the last kill
    running += processes(3, seconds=100, threads=4, rows=rows)
    for _ in range(12):
        seen = sum(issuer.requests.values())
        eventually(lambda: sum(issuer.requests.values()) > seen + 3)  # noqa: B023 - called at once
        time.sleep(random.uniform(0, 0.3))
        victim = running.pop(0)
        victim.kill()
        victim.wait()
        running += processes(1, seconds=100, threads=4, rows=rows)
    while running:
        running[0].kill()
        running.pop(0).wait()
    Credential.objects.update(lease_until=None, lease_holder="", retry_at=None)  # as after the time of the last lease
    # A vendor whose tokens die within a second is answered with a new one at each rejection.
    monkeypatch.setattr(token_rows, "REJECTED_AGAIN", timedelta(0))
    issuer.lifetime = 60
    ends = {row.name: end_of(row) for row in rows}
    assert set(ends.values()) <= {"alive", "asks again"}
    # A dead grant is one whose answer was lost with a worker, and the events say so.
    dead = [row for row in rows if ends[row.name] == "asks again"]
    assert [row.name for row in dead if "lost" not in outcomes(row)] == []
    assert issuer.reused <= len(dead)
    assert sum(issuer.requests.values()) > 40


def end_of(connection: Connection) -> str:
    """Whether a connection can be called, or says why it has to be authorized again."""
    try:
        return "alive" if call(connection) == 200 else "rejected"
    except CallError as error:
        connection.refresh_from_db()
        says_why = (connection.state, connection.message) == (Connection.State.REAUTHORIZE, error.message)
        return "asks again" if says_why and "invalid_grant" in error.message else f"{connection.state}: {error.message}"


def test_answer_lost_with_a_worker_asks_for_a_new_authorization(issuer: Issuer, connect: Any) -> None:
    [connection] = connect()
    row = Credential.objects.select_related("connection").get(pk=connection.pk)
    # What a worker leaves behind that was killed after the vendor had exchanged the refresh token.
    token_rows.journal(row, "due")
    issuer.grants["c0"].refresh = "c0:1:somewhere"
    with pytest.raises(CallError) as caught:
        call(connection)
    connection.refresh_from_db()
    assert connection.state == Connection.State.REAUTHORIZE
    assert connection.message == caught.value.message
    assert connection.message.startswith("An answer of the token endpoint was lost with a worker, and the token it replaced is used up.")
    assert outcomes(connection) == ["lost", "refused"]
    before = sum(issuer.requests.values())
    with pytest.raises(CallError):
        call(connection)
    assert sum(issuer.requests.values()) == before, "nobody asks again on behalf of a dead grant"


def test_answer_lost_before_the_vendor_acted_recovers(issuer: Issuer, connect: Any) -> None:
    [connection] = connect()
    token_rows.journal(Credential.objects.select_related("connection").get(pk=connection.pk), "due")
    assert call(connection) == 200
    assert outcomes(connection) == ["lost", "renewed"]


def test_transient_failure_pauses_and_keeps_the_grant(issuer: Issuer, connect: Any) -> None:
    [connection] = connect()
    issuer.broken = True
    for _ in range(3):
        with pytest.raises(CallError):
            call(connection)
    assert sum(issuer.requests.values()) == 1, "the pause holds the others back"
    row = Credential.objects.get(pk=connection.pk)
    assert (row.failures, row.retry_at is not None) == (1, True)
    connection.refresh_from_db()
    assert (connection.state, connection.message) == (
        Connection.State.FAILING,
        "The token endpoint refused with status 503 Service Unavailable. Try again later.",
    )
    issuer.broken = False
    Credential.objects.update(retry_at=timezone.now())
    assert call(connection) == 200
    assert Credential.objects.get(pk=connection.pk).failures == 0
    assert outcomes(connection) == ["failed", "renewed"]


def test_token_that_still_lives_is_used_while_the_endpoint_is_away(issuer: Issuer, connect: Any) -> None:
    issuer.lifetime = 3600
    [connection] = connect()
    assert call(connection) == 200
    Credential.objects.update(refresh_due_at=timezone.now())
    issuer.broken = True
    assert [call(connection), call(connection)] == [200, 200]
    assert outcomes(connection) == ["renewed", "failed"]


def test_old_refresh_token_stays_when_the_answer_brings_none() -> None:
    held = token_rows.as_held(OAuth2Auth(grant_type="authorization_code"), Token("a", 60, refresh="r"))
    assert (held.value, held.refresh) == ("a", "r")


@pytest.mark.parametrize(
    ("settings", "token", "due", "ends"),
    [
        ({}, Token("t", 3600, refresh="r"), 3540, 3600),
        ({"refreshBuffer": 3600}, Token("t", 600, refresh="r"), 300, 600),
        ({"refreshBuffer": 30}, Token("t", 10, refresh="r"), 5, 10),
        ({"defaultTokenLifetime": 1200}, Token("t", None, refresh="r"), 1140, None),
        ({"grantType": "authorization_code"}, Token("t", None), None, None),
        ({"tokenRefreshStrategy": "custom_interval", "customRefreshInterval": 900}, Token("t", 86400, refresh="r"), 900, 86400),
        ({"tokenRefreshStrategy": "Custom Interval", "customRefreshInterval": 300}, Token("t", None, refresh="r"), 300, None),
    ],
)
def test_a5_43_instant_of_renewal(settings: dict[str, Any], token: Token, due: float | None, ends: float | None) -> None:
    now = timezone.now()
    held = token_rows.as_held(OAuth2Auth.model_validate(settings), token, now=now)
    assert held.due_at == (now + timedelta(seconds=due) if due is not None else None)
    assert held.expires_at == (now + timedelta(seconds=ends) if ends is not None else None)


def test_a5_48_due_tokens_are_renewed_in_one_batch(issuer: Issuer, connect: Any) -> None:
    issuer.lifetime = 3600
    rows = connect(30)
    assert [call(row) for row in rows] == [200] * 30
    Credential.objects.update(refresh_due_at=timezone.now())
    [batch] = renewals.due_batches()
    assert renewals.due_batches() == [], "nobody gets them again while they wait in the queue"
    assert renewals.renew_batch(batch) == {"renewed": 30}
    assert (issuer.reused, set(issuer.requests.values())) == (0, {1})
    assert [grant.generation for grant in issuer.grants.values()] == [2] * 30
    assert [call(row) for row in rows] == [200] * 30
    assert [outcomes(row) for row in rows] == [["renewed", "renewed"]] * 30
    assert renewals.renew_batch(batch) == {}, "the second look finds them fresh"


def test_batch_keeps_apart_what_ends_badly(issuer: Issuer, connect: Any) -> None:
    issuer.lifetime = 3600
    rows = connect(3)
    assert [call(row) for row in rows] == [200] * 3
    issuer.grants["c1"].dead = True
    Credential.objects.update(refresh_due_at=timezone.now())
    assert renewals.renew_batch([row.pk for row in rows]) == {"renewed": 2, "failed": 1}
    states = {row.name: Connection.objects.get(pk=row.pk).state for row in rows}
    assert states == {"c0": "untested", "c1": "reauthorize", "c2": "untested"}
    assert Credential.objects.get(pk=rows[1].pk).refresh_due_at is None


def test_late_answer_never_overwrites_newer_credentials(issuer: Issuer, connect: Any) -> None:
    [connection] = connect()
    row = Credential.objects.select_related("connection").get(pk=connection.pk)
    assert token_rows.take(row, "me")
    event, _ = token_rows.journal(row, "due")
    Credential.objects.filter(pk=row.pk).update(generation=F("generation") + 1, token_sealed="")
    held = token_rows.as_held(OAuth2Auth(), Token("late", 60))
    assert token_rows.store(row, "me", event, held, elapsed_ms=1) is None
    assert Credential.objects.get(pk=row.pk).token_sealed == ""
