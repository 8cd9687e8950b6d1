"""What could cost a connection its grant, or a vendor its patience: changes while a token is renewed, slow vendors, rejections without end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connections as databases
from django.utils import timezone

from connections import services
from connections.checking import definition_of
from connections.exchange import Outgoing
from connections.models import Connection, Credential, TokenEvent
from connections.opening import client_for
from connections.retries import CallError
from connections.secrets import MASK
from connections.tokens import renewals, stores, upkeep
from connections.tokens import rows as token_rows
from connections.tokens.answers import TokenError
from connections.tokens.grants import Held
from integrations.definition import LoginAuth, OAuth2Auth
from tests.backends import eventually
from tests.cast import MakeConnection, MakeIntegration
from tests.connections.issuer import Issuer, issuing

pytestmark = pytest.mark.django_db(transaction=True)
CLIENT = {"clientId": "id", "clientSecret": "s3cr3t"}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing(lifetime=3600.0) as found:
        yield found


@pytest.fixture
def connect(make_integration: MakeIntegration, make_connection: MakeConnection, issuer: Issuer) -> Any:
    """Connections that begin with a refresh token, all of one integration."""
    auth = {"type": "oauth2", "grantType": "refresh_token", "tokenUri": f"{issuer.url}/token", "clientAuthentication": "body"}

    def made(number: int = 1, *, auth_more: dict[str, Any] | None = None, **more: Any) -> list[Connection]:
        integration = make_integration(base_uri=issuer.url, auth={**auth, **(auth_more or {})}, **more)
        names = [f"c{n}" for n in range(number)]
        return [make_connection(integration, name=name, credentials={**CLIENT, "refreshToken": issuer.new_grant(name)}) for name in names]

    return made


def fresh(connection: Connection) -> Connection:
    return Connection.objects.select_related("credential", "integration", "organization").get(pk=connection.pk)


@contextmanager
def being_renewed(row: Connection, issuer: Issuer) -> Iterator[None]:
    """While a worker renews the connection's second token, for which the vendor takes a second."""
    make_due(row)
    issuer.delay = (1.0, 1.0)
    renewing = in_thread(renewals.renew_batch, [row.pk])
    eventually(lambda: asked(issuer) == 2)
    yield
    assert renewing.result() == {"renewed": 1}
    issuer.delay = (0.0, 0.0)


def call(connection: Connection) -> int:
    row = fresh(connection)
    with client_for(row, definition_of(row.integration)) as client:
        return client.send(Outgoing("GET", f"{client.base}/me")).status


def make_due(*rows: Connection) -> None:
    Credential.objects.filter(pk__in=[row.pk for row in rows]).update(refresh_due_at=timezone.now() - timedelta(seconds=1), retry_at=None)


def outcomes(connection: Connection) -> list[str]:
    return list(TokenEvent.objects.filter(connection=connection).order_by("pk").values_list("outcome", flat=True))


def in_thread(act: Any, *args: Any) -> Any:
    """Begin something in a thread with a connection to the database of its own; `.result()` waits for its end."""

    def run() -> Any:
        try:
            return act(*args)
        finally:
            databases.close_all()

    pool = ThreadPoolExecutor(1)
    found = pool.submit(run)
    pool.shutdown(wait=False)
    return found


def asked(issuer: Issuer) -> int:
    return sum(issuer.requests.values())


@pytest.mark.parametrize(
    "what",
    [
        {"name": "Renamed", "credentials": {"clientId": MASK, "clientSecret": MASK, "refreshToken": MASK}},
        {"credentials": {"clientId": MASK, "clientSecret": MASK, "refreshToken": MASK}, "settings": {}},
        {"options": {"headers": {"X-Tenant": "acme"}}},
    ],
    ids=["saved again with another name", "saved again as it was", "another option"],
)
def test_saving_a_connection_while_its_token_is_renewed_keeps_the_grant(issuer: Issuer, connect: Any, what: dict[str, Any]) -> None:
    [row] = connect()
    assert call(row) == 200
    with being_renewed(row, issuer):
        services.change(connection=fresh(row), **what)
    make_due(row)
    assert (call(row), issuer.reused, outcomes(row)) == (200, 0, ["renewed", "renewed", "renewed"])


def test_new_client_secret_while_a_token_is_renewed_keeps_what_somebody_agreed_to(
    issuer: Issuer, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    auth = {"type": "oauth2", "grantType": "authorization_code", "authUri": f"{issuer.url}/a", "tokenUri": f"{issuer.url}/token"}
    row = make_connection(
        make_integration(base_uri=issuer.url, auth=auth), credentials={**CLIENT, "refreshToken": issuer.new_grant("agreed")}
    )
    assert call(row) == 200
    with being_renewed(row, issuer):
        services.change(connection=fresh(row), credentials={"clientSecret": "a new one"})
    make_due(row)
    assert (call(row), issuer.reused) == (200, 0)


def test_clearing_the_cached_token_while_it_is_renewed_keeps_the_grant(issuer: Issuer, connect: Any) -> None:
    [row] = connect()
    assert call(row) == 200
    with being_renewed(row, issuer):
        upkeep.clear(connection=fresh(row))
    assert (call(row), issuer.reused, asked(issuer)) == (200, 0, 2), "the new token is what was fetched meanwhile"
    upkeep.clear(connection=fresh(row))
    assert token_rows.held_in(Credential.objects.get(pk=row.pk)).value == ""
    assert (call(row), issuer.reused, asked(issuer)) == (200, 0, 3)


def test_disconnecting_gives_up_the_token_that_just_comes(
    issuer: Issuer, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    auth = {"type": "oauth2", "grantType": "authorization_code", "authUri": f"{issuer.url}/a", "tokenUri": f"{issuer.url}/token",
            "revocationUri": f"{issuer.url}/revoke", "clientAuthentication": "body"}  # fmt: skip
    row = make_connection(
        make_integration(base_uri=issuer.url, auth=auth), credentials={**CLIENT, "refreshToken": issuer.new_grant("agreed")}
    )
    assert call(row) == 200
    with being_renewed(row, issuer):
        assert upkeep.disconnect(connection=fresh(row)) == ""
    assert issuer.revoked[0] == issuer.grants["agreed"].refresh, "the newest refresh token, not the one that was used up"
    assert token_rows.held_in(Credential.objects.get(pk=row.pk)) == Held()


def test_batch_that_waits_for_a_slow_vendor_keeps_its_leases(issuer: Issuer, connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve tokens, one at a time, 0.4 seconds each: far longer than a lease, while calls ask for the last of them."""
    rows = connect(12)
    assert [call(row) for row in rows] == [200] * 12
    monkeypatch.setattr(django_settings, "EGRESS_TOTAL_TIMEOUT", 1.0)
    monkeypatch.setattr(token_rows, "LEASE", timedelta(seconds=3))
    monkeypatch.setattr(renewals, "THREADS", 1)
    issuer.delay = (0.4, 0.4)
    make_due(*rows)
    Credential.objects.update(token_expires_at=timezone.now())  # so that a call cannot do without a new one
    renewing = in_thread(renewals.renew_batch, [row.pk for row in rows])
    eventually(lambda: asked(issuer) > 12)
    assert [call(row) for row in reversed(rows)] == [200] * 12
    assert renewing.result() == {"renewed": 12}
    assert (issuer.reused, set(issuer.requests.values())) == (0, {1})


def test_batch_asks_nobody_once_its_leases_may_end(issuer: Issuer, connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = connect(3)
    assert [call(row) for row in rows] == [200] * 3
    monkeypatch.setattr(token_rows, "LEASE", timedelta(seconds=django_settings.EGRESS_TOTAL_TIMEOUT - 1))
    make_due(*rows)
    assert renewals.renew_batch([row.pk for row in rows]) == {"late": 3}
    assert (asked(issuer), [outcomes(row) for row in rows]) == (3, [["renewed"]] * 3)
    monkeypatch.undo()
    assert renewals.renew_batch([row.pk for row in rows]) == {"renewed": 3}, "the next look takes them"


def test_second_look_sees_that_the_one_before_failed(issuer: Issuer, connect: Any) -> None:
    [row] = connect()
    issuer.broken = True
    store = stores.StoredTokens(row.pk, definition_of(row.integration).auth, by_refresh=True)
    before = Credential.objects.select_related("connection").get(pk=row.pk)
    with pytest.raises(CallError):
        call(row)
    # A worker that read the row before the failure takes the lease that has just become free.
    assert token_rows.take(before, "second") is True
    with pytest.raises(TokenError) as caught:
        store._renew_as("second", lambda _: pytest.fail("nobody may be asked in the pause"), rejected="", reason="needed")
    assert caught.value.message.startswith("The token endpoint refused with status 503 Service Unavailable. Try again later. It is tried")
    assert (asked(issuer), Credential.objects.get(pk=row.pk).lease_holder) == (1, "")


def test_batch_leaves_alone_what_has_to_pause_or_to_be_agreed_to(issuer: Issuer, connect: Any) -> None:
    paused, refused, due = connect(3)
    assert [call(row) for row in (paused, refused, due)] == [200] * 3
    make_due(paused, refused, due)
    [batch] = renewals.due_batches()
    # Between the look and the batch a call fails, and another one is told that the grant is gone.
    Credential.objects.filter(pk=paused.pk).update(retry_at=timezone.now() + timedelta(seconds=60))
    stores.StoredTokens(refused.pk, None, by_refresh=True).refuse("The vendor says no.")
    assert renewals.renew_batch(batch) == {"renewed": 1}
    assert (asked(issuer), outcomes(due)) == (4, ["renewed", "renewed"])


def test_grant_that_an_answer_refuses_is_told_once_and_not_with_every_token(issuer: Issuer, connect: Any) -> None:
    [row] = connect(errors=[{"statuses": ["200"], "path": "ok", "outcome": "reauthorize"}])
    found = fresh(row)
    with client_for(found, definition_of(found.integration)) as client:
        client.judge(client.send(Outgoing("GET", f"{client.base}/me")))
    for _ in range(3):
        make_due(row)
        renewals.renew_batch([row.pk])
        with pytest.raises(CallError, match="no longer accepts the authorization"):
            call(row)
    assert (fresh(row).state, [event.after for event in row.events.all()]) == ("reauthorize", ["reauthorize"])
    assert asked(issuer) == 1


def test_row_that_cannot_be_read_holds_up_no_other(issuer: Issuer, connect: Any) -> None:
    rows = connect(3)
    assert [call(row) for row in rows] == [200] * 3
    Connection.objects.filter(pk=rows[1].pk).update(options={"network": {"minimumTls": "0.9"}})  # as of another version of Junction
    make_due(*rows)
    assert renewals.renew_batch([row.pk for row in rows]) == {"renewed": 2, "failed": 1}
    assert (fresh(rows[1]).state, fresh(rows[1]).message) == ("failing", "Junction has a fault here; its log says more.")
    assert Credential.objects.filter(pk=rows[1].pk, retry_at__gt=timezone.now()).exists()


def test_rejection_of_every_token_does_not_cost_a_token_each(issuer: Issuer, connect: Any) -> None:
    """An API that answers 401 where the account may not call."""
    [row] = connect()
    assert call(row) == 200
    issuer.forbids = True
    assert [call(row) for _ in range(5)] == [401] * 5
    assert (asked(issuer), issuer.rejected) == (2, 6), "one renewal, one repetition; then each call goes out once"
    issuer.forbids = False
    assert call(row) == 200
    TokenEvent.objects.update(at=timezone.now() - timedelta(seconds=10))
    issuer.grants["c0"].access.clear()  # and a token that was accepted for a while is renewed as ever
    assert (call(row), asked(issuer)) == (200, 3)


def test_lease_lasts_for_all_requests_of_a_login() -> None:
    steps = [{"url": "https://api.example.com/1"}, {"url": "https://api.example.com/2"}]
    found = [
        token_rows.lease_for(auth) for auth in (OAuth2Auth(), OAuth2Auth(grant_type="password"), LoginAuth.model_validate({"steps": steps}))
    ]
    assert found == [token_rows.LEASE, token_rows.LEASE * 2, token_rows.LEASE * 2]


def test_lost_answers_and_a_vendor_that_is_away_are_no_reason_to_ask_a_person(issuer: Issuer, connect: Any) -> None:
    [row] = connect()
    for _ in range(token_rows.MOST_LOST):  # workers that ended in the middle of a batch, whose requests never went out
        token_rows.journal(Credential.objects.select_related("connection").get(pk=row.pk), "due")
    issuer.broken = True
    with pytest.raises(CallError):
        call(row)
    assert fresh(row).state == "failing"
    issuer.broken = False
    Credential.objects.update(retry_at=None)
    assert call(row) == 200


def test_two_who_press_refresh_at_once_both_get_a_token_and_the_grant_lives(issuer: Issuer, connect: Any) -> None:
    [row] = connect()
    assert call(row) == 200
    issuer.delay = (0.3, 0.3)
    both = threading.Barrier(2)

    def press() -> None:
        both.wait(10)
        upkeep.renew(connection=fresh(row))

    pressed = [in_thread(press), in_thread(press)]
    assert [one.result() for one in pressed] == [None, None]
    assert (call(row), issuer.reused, set(issuer.requests.values())) == (200, 0, {1})
