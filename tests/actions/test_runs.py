"""Runs against a vendor on a socket: which records arrive, and what the verdict says about them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from actions import results, runs
from actions.models import Page, Run
from integrations.refusals import Conflict, Invalid
from tests.actions.runner import CURSOR, HEADER, INDEX, LINKS, NONE, PAGES, Runner
from tests.cast import MakeConnection, MakeIntegration, action_of
from tests.vendor.pages import records as vendor_records
from tests.vendor.server import VendorServer


@pytest.mark.parametrize(
    ("path", "pagination", "pages"),
    [
        ("/faults/pages?total=257", PAGES, 3),
        ("/faults/pages?total=200", PAGES, 2),
        ("/faults/pages?total=0", PAGES, 1),
        ("/faults/pages?total=257&first=0", {**PAGES, "startPage": 0}, 3),
        ("/faults/pages?total=257&cap=40", PAGES, 7),
        ("/faults/pages?total=200&past_end=404", PAGES, 2),
        ("/faults/index?total=257", INDEX, 3),
        ("/faults/index?total=257&cap=30", INDEX, 9),
        ("/faults/index?total=257&ignore=limit&cap=70", INDEX, 4),
        ("/faults/cursor?total=257", CURSOR, 3),
        ("/faults/cursor?total=257&empty=2", CURSOR, 4),
        ("/faults/cursor?total=200&null_last=1", CURSOR, 2),
        ("/faults/cursor?total=257&end=empty", CURSOR, 3),
        ("/faults/links?total=257", LINKS, 3),
        ("/faults/links?total=257&style=relative", LINKS, 3),
        ("/faults/links?total=257&style=query", LINKS, 3),
        ("/faults/link-header?total=257", HEADER, 3),
        ("/faults/link-header?total=257&style=several", HEADER, 3),
        ("/faults/link-header?total=257&style=case", HEADER, 3),
    ],
)
def test_run_reaches_the_last_page_of_every_kind_of_list(runner: Runner, path: str, pagination: dict[str, Any], pages: int) -> None:
    run = runner.run(path, pagination)
    total = int(path.partition("total=")[2].partition("&")[0])
    assert (run.state, run.verdict, run.record_count, run.page_count) == ("finished", "complete", total, pages), run.message
    assert list(results.records(run)) == vendor_records(total)
    assert list(run.pages.order_by("number").values_list("number", flat=True)) == list(range(1, pages + 1))


@pytest.mark.parametrize(
    ("path", "pagination", "verdict", "records", "message"),
    [
        (
            "/faults/index?total=257&ignore=offset", INDEX, "loop", 100,
            "Page 2 repeats page 1: the server sent the same records again, as one that ignores the page parameter does. "
            "Check the pagination settings; the records of the first time are kept.",
        ),
        (
            "/faults/cursor?total=500&period=2", CURSOR, "loop", 200,
            "Page 3 repeats page 1: the server sent the same records again, as one that ignores the page parameter does. "
            "Check the pagination settings; the records of the first time are kept.",
        ),
        (
            "/faults/html", PAGES, "failed", 0,
            "Page 1 cannot be read. The server answered with an HTML page where JSON was expected. "
            "Check the host, the base path and the path of the request.",
        ),
        (
            "/faults/pages?total=257", {**PAGES, "resultsKey": "data"}, "failed", 0,
            "The results key data matches nothing in the answer. Its keys are: items, total. The array at items is likely the right one.",
        ),
        (
            "/faults/status?code=401", PAGES, "failed", 0,
            "The vendor refused the credentials (401). Check them, and whether the integration sends them in the right place. "
            "It said: This endpoint answers 401.",
        ),
        (
            "/faults/status?code=403", PAGES, "failed", 0,
            "The vendor knows the credentials but does not allow this (403). Give their account the permission, or use another account. "
            "It said: This endpoint answers 403.",
        ),
        ("/faults/invalid-json?kind=cut", PAGES, "failed", 0, "Page 1 cannot be read. The body of the answer (application/json) is not valid JSON."),
    ],
)  # fmt: skip
def test_run_says_why_it_is_not_complete(
    runner: Runner, path: str, pagination: dict[str, Any], verdict: str, records: int, message: str
) -> None:
    run = runner.run(path, pagination)
    assert (run.state, run.verdict, run.record_count, run.message) == ("finished", verdict, records, message)
    assert list(results.records(run)) == vendor_records(records)


def test_run_with_a_page_limit_is_truncated(runner: Runner) -> None:
    run = runner.run("/faults/pages?total=257", PAGES, max_pages=2, page_size=50)
    assert (run.verdict, run.page_count, run.total) == ("truncated", 2, 257)
    assert run.message == "Stopped at the limit of 2 pages; the vendor may have more. Resume it, or run it with all pages, to get the rest."
    assert list(results.records(run)) == vendor_records(100)


def test_run_whose_limit_is_the_last_page_is_complete(runner: Runner) -> None:
    assert runner.run("/faults/pages?total=100", PAGES, max_pages=2, page_size=50).verdict == "complete"


def test_run_without_a_limit_of_its_own_takes_the_default_page_limit(runner: Runner) -> None:
    run = runner.run("/faults/pages?total=257", {**PAGES, "defaultPageLimit": 3, "defaultPageSize": 20}, max_pages=runs.DEFAULT_LIMIT)
    assert (run.max_pages, run.page_count, run.record_count, run.verdict) == (3, 3, 60, "truncated")


def test_run_may_ask_for_larger_pages_than_a_default_may_be(runner: Runner) -> None:
    run = runner.run("/faults/pages?total=3000&cap=5000", PAGES, page_size=2500)
    assert (run.verdict, run.page_count, run.record_count) == ("complete", 2, 3000)


def test_run_waits_as_long_as_the_vendor_asks_and_goes_on(runner: Runner) -> None:
    run = runner.run("/faults/pages?total=257&fail_page=2&fail_status=429&retry_after=0.1", PAGES)
    assert (run.verdict, run.record_count) == ("complete", 257)


def test_run_repeats_a_get_after_a_fault_of_the_vendor(runner: Runner) -> None:
    run = runner.run("/faults/pages?total=257&fail_page=3&fail_times=2", PAGES)
    assert (run.verdict, run.record_count) == ("complete", 257)


def test_run_does_not_repeat_a_post_whose_outcome_is_unknown(runner: Runner) -> None:
    run = runner.run("/faults/hangup", NONE, action={"method": "POST"})
    assert run.verdict == "failed"
    assert run.message.endswith("Outcome unknown: whether the vendor acted on the POST has to be looked up there before you run it again.")
    assert [request.method for request in runner.vendor.requests] == ["POST"]


def test_run_sends_credentials_and_headers_and_inputs(runner: Runner) -> None:
    run = runner.run(
        "/echo?of={id}",
        NONE,
        inputs={"id": "a/b", "tag": ["x", "y"]},
        credentials={"apiKey": "k-123"},
        action={"parameters": [{"name": "id", "in": "path"}, {"name": "tag", "in": "query", "type": "array"}]},
        integration={"auth": {"type": "apikey", "apiKeyPreamble": "Token"}, "headers": {"X-Version": "2"}},
    )
    assert run.verdict == "complete", run.message
    (request,) = runner.vendor.requests
    assert (request.method, request.target) == ("GET", "/echo?of=a%2Fb&tag=x&tag=y")
    assert (request.header("Authorization"), request.header("X-Version")) == ("Token k-123", "2")


def test_next_link_to_another_origin_gets_no_credentials(runner: Runner, vendor: VendorServer) -> None:
    with VendorServer() as elsewhere:
        run = runner.run(
            f"/faults/links?total=150&to={elsewhere.url}",
            LINKS,
            credentials={"apiKey": "k-123"},
            integration={"auth": {"type": "apikey", "apiKeyName": "X-API-Key"}, "headers": {"X-Tenant": "t-1"}},
        )
        assert (run.verdict, run.record_count) == ("complete", 150)
        assert [request.header("X-API-Key") for request in vendor.requests] == ["k-123"]
        assert [(request.header("X-API-Key"), request.header("X-Tenant")) for request in elsewhere.requests] == [(None, None)]


def test_client_credentials_token_is_fetched_once_and_renewed_when_it_is_rejected(runner: Runner, vendor: VendorServer) -> None:
    auth = {"type": "oauth2", "tokenUri": f"{vendor.url}/oauth/token"}
    credentials = {"clientId": "sample-client", "clientSecret": "sample-secret"}
    run = runner.run("/v1/devices", PAGES, credentials=credentials, integration={"auth": auth, "name": "First"}, page_size=200)
    assert run.verdict == "complete", run.message
    assert [request.path for request in vendor.requests].count("/oauth/token") == 1
    vendor.clear()
    vendor.advance(3600)
    again = runs.start(action=run.action, connection=run.connection, user=runner.user, inputs={}, max_pages=1)
    runs.execute(again.pk)
    again.refresh_from_db()
    assert again.verdict == "truncated", again.message
    assert [request.path for request in vendor.requests] == ["/v1/devices", "/oauth/token", "/v1/devices"]


def test_start_refuses_inputs_that_make_no_request(runner: Runner) -> None:
    with pytest.raises(Invalid) as refused:
        runner.start("/users/{id}", NONE, inputs={"ide": 1}, action={"parameters": [{"name": "id", "in": "path"}]})
    assert refused.value.errors == {
        "inputs.ide": ["ide is not an input of this action. Its inputs are: id."],
        "inputs.id": ["id is missing."],
    }


def test_start_refuses_a_connection_of_another_integration(
    runner: Runner, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    first, second = make_integration(name="First"), make_integration(name="Second")
    with pytest.raises(Conflict):
        runs.start(action=action_of(first), connection=make_connection(second), user=runner.user, inputs={})
    assert Run.objects.count() == 0


def test_second_delivery_of_a_held_run_changes_nothing(runner: Runner) -> None:
    run = runner.start("/faults/pages?total=257", PAGES)
    assert runs.claim(run.pk, "first") is not None
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.state, run.lease_holder, run.page_count, runner.vendor.requests) == ("running", "first", 0, [])


def test_worker_that_lost_its_lease_stores_nothing(runner: Runner) -> None:
    run = runner.start("/faults/pages?total=257", PAGES)
    slow = runs.claim(run.pk, "slow")
    assert slow is not None
    walk = runs.Walk(slow, runs.Lease(slow.pk, "slow"))
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    runs.execute(run.pk)
    with pytest.raises(runs.LeaseLost):
        walk.to_the_end()
    run.refresh_from_db()
    assert (run.verdict, run.page_count, Page.objects.count()) == ("complete", 3, 3)
    assert list(results.records(run)) == vendor_records(257)


def test_run_goes_on_from_its_checkpoint(runner: Runner) -> None:
    run = runner.run("/faults/pages?total=257&fail_page=3&fail_times=4", PAGES, limits={"concurrency": 1})
    assert (run.verdict, run.page_count) == ("failed", 2)
    runs.resume(run=run, hand_over=False)
    before = len(runner.vendor.requests)
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.verdict, run.page_count) == ("complete", 3)
    assert [request.query for request in runner.vendor.requests[before:]] == ["total=257&fail_page=3&fail_times=4&page=3&page_size=100"]
    assert list(results.records(run)) == vendor_records(257)


def test_waiting_run_is_cancelled_at_once(runner: Runner) -> None:
    run = runs.cancel(run=runner.start("/faults/pages", PAGES))
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.state, run.verdict, runner.vendor.requests) == ("finished", "cancelled", [])


def test_running_run_is_cancelled_before_its_next_page(runner: Runner) -> None:
    run = runner.start("/faults/pages?total=257", PAGES)
    held = runs.claim(run.pk, "me")
    assert held is not None
    runs.cancel(run=run)
    runs.Walk(held, runs.Lease(held.pk, "me")).to_the_end()
    run.refresh_from_db()
    assert (run.verdict, run.message) == ("cancelled", "Cancelled after 0 pages; what was stored stays.")


def test_run_that_takes_its_workers_down_ends_failed(runner: Runner) -> None:
    run = runner.start("/faults/pages?total=257", PAGES)
    Run.objects.filter(pk=run.pk).update(attempts=runs.ATTEMPTS_WITHOUT_A_PAGE)
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.verdict, run.page_count, runner.vendor.requests) == ("failed", 0, [])
