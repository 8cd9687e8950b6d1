"""How often a vendor is called: slots, buckets and waits in Redis, shared by whoever asks with the same name; and what answers say."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as Browser

from connections.answers import outcomes
from connections.answers.outcomes import Outcome
from connections.answers.rules import Rules, rules_of
from connections.checking import definition_of
from connections.exchange import Answer, Headers, Outgoing, TransportError
from connections.models import Connection
from connections.opening import client_for
from connections.rates import CIRCUIT_FAILURES, Gate, Slots, gate_of
from integrations.definition import Definition, RateLimit
from integrations.models import User
from integrations.operation import Operation
from tests.cast import MakeConnection, MakeIntegration
from tests.connections.server import Handler, serving

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def name() -> str:
    return uuid4().hex


def answer(status: int, *headers: tuple[str, str], body: bytes = b"") -> Answer:
    return Answer(status, "", Headers(headers), body, "https://api.example.com/x")


# --- slots, buckets, circuit ---


def test_slots_are_never_more_than_the_limit() -> None:
    connection = name()
    one, two, three = (Slots(connection, 4, holder=str(number)) for number in range(3))
    assert [one.take(3), two.take(3), three.take(1)] == [3, 1, 0]
    one.take(3)
    assert one.others_wait
    assert one.take(1) == 1
    assert three.take(2) == 2
    assert not three.others_wait
    two.release()
    assert three.take(4) == 3


def test_slots_of_a_run_are_those_of_the_worker_that_takes_it_over() -> None:
    connection = name()
    assert Slots(connection, 2, holder="run").take(2) == 2  # and this worker is killed
    assert Slots(connection, 2, holder="run").take(2) == 2
    assert Slots(connection, 2, holder="other").take(1) == 0


def test_bucket_is_shared_and_lets_a_second_of_calls_through() -> None:
    shared, origin = name(), f"https://{name()}.example"
    first, second = Gate(shared, origin, per_minute=120), Gate(shared, origin, per_minute=120)
    started = time.monotonic()
    waits = [gate.wait() for gate in (first, second, first, second)]
    # Each wait ends at a moment of its own, of which the time that this machine took is gone already.
    assert waits == pytest.approx([0, 0, 0.5, 1.0], abs=time.monotonic() - started + 0.01)


def test_wait_of_one_holds_for_others_with_the_same_credentials_only() -> None:
    base = f"https://{name()}.example"
    told = gate_of(base, {"apiKey": "a"}, per_minute=None)
    told.block(50)
    told.block(10)  # a shorter one changes nothing
    same, other = gate_of(f"{base}/v2", {"apiKey": "a"}, per_minute=None), gate_of(base, {"apiKey": "b"}, per_minute=None)
    assert (48 < same.wait() <= 50, other.wait()) == (True, 0)


def test_host_that_keeps_failing_is_left_alone_by_everybody() -> None:
    base = f"https://{name()}.example"
    one, other = gate_of(base, {"apiKey": "a"}, per_minute=None), gate_of(base, {"apiKey": "b"}, per_minute=None)
    for _ in range(CIRCUIT_FAILURES - 1):
        one.failed()
    assert other.wait() == 0
    one.failed()
    assert gate_of(base, {"apiKey": "c"}, per_minute=None).wait() > 20


def test_success_closes_the_count_of_failures() -> None:
    gate = gate_of(f"https://{name()}.example", {}, per_minute=None)
    for _ in range(3):
        for _ in range(CIRCUIT_FAILURES - 1):
            gate.failed()
        gate.succeeded()
    assert gate.wait() == 0


def test_gate_of_credentials_that_are_only_tried_is_nobody_elses() -> None:
    Gate().block(50)
    assert Gate().wait() == 0


# --- what answers say ---


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ([("Retry-After", "7")], 7),
        ([("Retry-After", "0.25")], 0.25),
        ([("Retry-After", "Sun, 01 Mar 2026 12:00:30 GMT")], 30),
        ([("Retry-After", "2026-03-01T12:00:40Z")], 40),
        ([("Retry-After-Ms", "1500")], 1.5),
        ([("X-RateLimit-Reset", str(int(NOW.timestamp()) + 90))], 90),
        ([("X-RateLimit-Reset", str((int(NOW.timestamp()) + 90) * 1000))], 90),
        ([("X-Rate-Limit-Reset", "12")], 12),
        ([("RateLimit-Reset", "12")], 12),
        ([("x-ratelimit-reset-requests", "1m6.5s")], 66.5),
        ([("x-ratelimit-reset-tokens", "120ms")], 0.12),
        ([("X-RateLimit-Reset", "2026-03-01T12:02:00+00:00")], 120),
        ([("RateLimit", "limit=100, remaining=0, reset=50")], 50),
        ([("RateLimit", '"default";r=0;t=45')], 45),
        ([("Retry-After", "5"), ("X-RateLimit-Reset", "60")], 60),
        # Exact: the day's window is not exhausted, so that only the minute's counts.
        ([("X-RateLimit-Minutely-Remaining", "0"), ("X-RateLimit-Minutely-Reset", "20"), ("X-RateLimit-Remaining", "4000"), ("X-RateLimit-Reset", "9000")], 20),
        # Affinity: both windows are exhausted; the longer one wins.
        ([("X-Ratelimit-Limit-User-Remaining", "0"), ("X-Ratelimit-Limit-User-Reset", "20"), ("X-Ratelimit-Limit-Org-Remaining", "0"), ("X-Ratelimit-Limit-Org-Reset", "900")], 900),
        ([("Retry-After", "soon")], None),
        ([("Retry-After", "-5")], 0),
        ([], None),
    ],
)  # fmt: skip
def test_longest_wait_that_an_answer_names(headers: list[tuple[str, str]], wait: float | None) -> None:
    reading = outcomes.read(answer(429, *headers), now=NOW)
    assert (reading.outcome, reading.wait) == (Outcome.RATE_LIMITED, wait)


@pytest.mark.parametrize(
    ("given", "outcome", "wait"),
    [
        (answer(420), Outcome.RATE_LIMITED, None),
        (answer(509), Outcome.RATE_LIMITED, None),
        (answer(503), Outcome.RETRY, None),
        (answer(503, ("Retry-After", "3")), Outcome.RATE_LIMITED, 3),
        (answer(403), Outcome.FAIL, None),
        (answer(403, ("X-RateLimit-Remaining", "12")), Outcome.FAIL, None),
        (answer(403, ("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "33")), Outcome.RATE_LIMITED, 33),
        (answer(403, body=b'{"error": "User-rate limit exceeded.  Retry after 2026-03-01T12:15:00.000Z"}'), Outcome.RATE_LIMITED, 900),
        (answer(403, body=b'{"reason": "quotaExceeded"}'), Outcome.RATE_LIMITED, None),
        (answer(429, body=b"Too many requests, try again in 9 seconds"), Outcome.RATE_LIMITED, 9),
        (answer(500), Outcome.RETRY, None),
        (answer(200, ("X-RateLimit-Remaining", "0")), Outcome.SUCCESS, None),
    ],
)
def test_limits_that_do_not_call_themselves_429(given: Answer, outcome: Outcome, wait: float | None) -> None:
    reading = outcomes.read(given, now=NOW)
    assert (reading.outcome, reading.wait) == (outcome, wait)


JSON_ANSWER = ("Content-Type", "application/json")


@pytest.mark.parametrize(
    ("limit", "given", "outcome", "wait"),
    [
        # Row 114: statuses, a path and values of the vendor's own
        ({"limited": {"statuses": [498]}}, answer(498), Outcome.RATE_LIMITED, None),
        ({"limited": {"path": "error.code", "values": ["quota"]}}, answer(200, JSON_ANSWER, body=b'{"error": {"code": "quota"}}'), Outcome.RATE_LIMITED, None),
        ({"limited": {"path": "error.code", "values": ["quota"]}}, answer(200, JSON_ANSWER, body=b'{"error": {"code": "Quota"}}'), Outcome.SUCCESS, None),
        ({"limited": {"path": "ok", "values": ["false"]}}, answer(200, JSON_ANSWER, body=b'{"ok": false}'), Outcome.RATE_LIMITED, None),
        ({"limited": {"path": "throttled"}}, answer(200, JSON_ANSWER, body=b'{"throttled": true}'), Outcome.RATE_LIMITED, None),
        ({"limited": {"path": "throttled"}}, answer(200, JSON_ANSWER, body=b'{"throttled": false}'), Outcome.SUCCESS, None),
        ({"limited": {"statuses": [400], "path": "code", "values": ["7"]}}, answer(400, JSON_ANSWER, body=b'{"code": 7}'), Outcome.RATE_LIMITED, None),
        ({"limited": {"statuses": [400], "path": "code", "values": ["7"]}}, answer(400, JSON_ANSWER, body=b'{"code": 8}'), Outcome.FAIL, None),
        ({"limited": {"statuses": [400], "path": "code", "values": ["7"]}}, answer(200, JSON_ANSWER, body=b'{"code": 7}'), Outcome.SUCCESS, None),
    ],
)  # fmt: skip
def test_limits_by_what_the_integration_says(limit: dict[str, Any], given: Answer, outcome: Outcome, wait: float | None) -> None:
    reading = outcomes.read(given, Rules(limit=RateLimit.model_validate(limit)), now=NOW)
    assert (reading.outcome, reading.wait) == (outcome, wait)


def test_limits_of_an_action_go_before_those_of_the_integration() -> None:
    definition = Definition.model_validate({"rateLimit": {"limited": {"statuses": [498]}}})
    own, other = (
        Operation.model_validate({"name": "List", "path": "/x", "rateLimit": limit}) for limit in ({"limited": {"statuses": [403]}}, None)
    )
    found = [[outcomes.read(answer(status), rules_of(definition, one)).outcome for status in (498, 403)] for one in (own, other)]
    assert found == [[Outcome.FAIL, Outcome.RATE_LIMITED], [Outcome.RATE_LIMITED, Outcome.FAIL]]


def test_call_that_a_vendor_turned_away_in_a_200_is_made_again(make_integration: MakeIntegration, make_connection: MakeConnection) -> None:
    bodies = [b'{"error": "slow down", "wait": 0.1}', b'{"ok": true}']

    def vendor(handler: Handler) -> None:
        handler.reply(200, bodies.pop(0), Content_Type="application/json")

    with serving(vendor) as served:
        limit = {"limited": {"path": "error", "values": ["slow down"]}, "waitExpression": "body.wait"}
        connection = make_connection(make_integration(base_uri=served.url, rateLimit=limit))
        pauses: list[float] = []
        with client_for(connection, definition_of(connection.integration)) as client:
            got = client.call(Outgoing("POST", f"{client.base}/orders"), pause=pauses.append)
    # The client that waits, and the gate that holds the others back as long.
    assert (got.json(), pauses[0], max(pauses), len(served.seen)) == ({"ok": True}, 0.1, 0.1, 2)


@pytest.mark.parametrize(
    ("method", "headers", "failure", "again"),
    [
        ("GET", [], TransportError("", kind="closed", sent=True, permanent=False), True),
        ("POST", [], TransportError("", kind="closed", sent=True, permanent=False), False),
        ("POST", [], TransportError("", kind="refused", sent=False, permanent=False), True),
        ("POST", [("Idempotency-Key", "1")], TransportError("", kind="closed", sent=True, permanent=False), True),
        ("PATCH", [], answer(503), False),
        ("PATCH", [], answer(429), True),
        ("PUT", [("idempotency-key", "1")], answer(500), True),
        ("GET", [], TransportError("", kind="tls", sent=False, permanent=True), False),
    ],
)
def test_only_what_is_safe_is_sent_again(
    method: str, headers: list[tuple[str, str]], failure: TransportError | Answer, again: bool
) -> None:
    assert outcomes.may_repeat(Outgoing(method, "https://a.example", headers), failure, key_header="Idempotency-Key") is again


# --- the limits of a connection ---


def test_limits_are_set_over_http_and_in_the_form(make_integration: MakeIntegration, make_connection: MakeConnection, carol: User) -> None:
    connection = make_connection(make_integration())
    browser = Browser()
    browser.force_login(carol)
    url = f"/api/connections/{connection.pk}"
    changed = browser.patch(url, {"concurrency": 8, "requestsPerMinute": 90}, content_type="application/json").json()
    assert (changed["concurrency"], changed["requestsPerMinute"]) == (8, 90)
    refused = browser.patch(url, {"concurrency": 51}, content_type="application/json")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "concurrency")
    form = {"name": "Main", "concurrency": "", "requestsPerMinute": "30"}
    assert browser.post(f"/connections/{connection.pk}/", form).status_code == 302
    stored = Connection.objects.get(pk=connection.pk)
    assert (stored.concurrency, stored.requests_per_minute) == (None, 30)
    page = browser.post(f"/connections/{connection.pk}/", {**form, "concurrency": "many"}).content.decode()
    assert "Enter a whole number from 1 to 50, or leave it empty." in page


def test_first_request_of_a_full_bucket_waits_for_nobody() -> None:
    began = time.monotonic()
    assert Gate(name(), "https://a.example", per_minute=60).wait() == 0
    assert time.monotonic() - began < 1
