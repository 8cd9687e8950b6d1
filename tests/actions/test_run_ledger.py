"""The ledger of a run, its guards and caps, and how it goes on after its end: over HTTP and in the browser's pages."""

from __future__ import annotations

import csv
import io
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone
from pytest_django.fixtures import Settings

from actions import ledger, results, runs
from actions.models import Page, Run
from actions.pages.results import figures
from integrations.models import User
from integrations.refusals import Conflict
from tests.actions.runner import CURSOR, INDEX, NONE, PAGES, Runner
from tests.connections.server import Handler, serving
from tests.vendor.pages import records as vendor_records

# --- ledger ---


def test_ledger_says_what_was_asked_and_what_came(runner: Runner, browser: Browser) -> None:
    run = runner.run("/faults/cursor?total=150&fail_page=2", CURSOR)
    answer = browser.get(f"/api/runs/{run.pk}/ledger").json()
    shown = [{name: line[name] for name in ("page", "method", "url", "status", "attempts", "records")} for line in answer["pages"]]
    base = f"{runner.vendor.url}/faults/cursor?total=150&fail_page=2"
    assert shown == [
        {"page": 1, "method": "GET", "url": f"{base}&limit=100", "status": 200, "attempts": 1, "records": 100},
        {"page": 2, "method": "GET", "url": f"{base}&limit=100&cursor=c1%3D%3D", "status": 200, "attempts": 2, "records": 50},
    ]
    assert [(line["tokenIn"]["cursor"], line["tokenOut"] and line["tokenOut"]["cursor"]) for line in answer["pages"]] == [
        (None, "c1=="),
        ("c1==", None),
    ]
    assert answer["next"] is None
    stored = Page.objects.get(run=run, number=1)
    assert (answer["pages"][0]["hash"], answer["pages"][0]["bytes"]) == (stored.digest, stored.byte_count)
    assert len(stored.digest) == 32


def test_ledger_holds_no_secret(runner: Runner) -> None:
    run = runner.run(
        "/faults/pages?total=150",
        PAGES,
        credentials={"apiKey": "k-very-secret"},
        integration={"auth": {"type": "apikey", "apiKeyName": "key", "apiKeyLocation": "query"}},
    )
    assert run.verdict == "complete"
    assert "k-very-secret" in runner.vendor.requests[0].query
    assert b"k-very-secret" not in b"".join(ledger.as_json(run))


def test_ledger_is_exported(runner: Runner, browser: Browser) -> None:
    run = runner.run("/faults/pages?total=250", PAGES)
    from_api = json.loads(b"".join(browser.get(f"/api/runs/{run.pk}/ledger?format=json").streaming_content))  # type: ignore[attr-defined]
    response = browser.get(f"/runs/{run.pk}/ledger.csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))  # type: ignore[attr-defined]
    assert [line["records"] for line in from_api] == [100, 100, 50]
    assert [(row["page"], row["records"], json.loads(row["tokenIn"])["page"]) for row in rows] == [
        ("1", "100", 1),
        ("2", "100", 2),
        ("3", "50", 3),
    ]
    assert response["Content-Disposition"].endswith('-ledger.csv"')
    assert browser.get(f"/api/runs/{run.pk}/ledger?format=xml").status_code == 422


def test_ledger_is_read_in_parts(runner: Runner, browser: Browser) -> None:
    run = runner.run("/faults/pages?total=250&cap=2", PAGES)
    first = browser.get(f"/api/runs/{run.pk}/ledger").json()
    second = browser.get(f"/api/runs/{run.pk}/ledger?after={first['next']}").json()
    assert [line["page"] for line in first["pages"] + second["pages"]] == list(range(1, 126))
    assert (first["next"], second["next"]) == (100, None)


def test_ledger_of_somebody_else_is_not_found(runner: Runner, eve: User) -> None:
    run = runner.run("/faults/pages?total=100", PAGES)
    stranger = Browser()
    stranger.force_login(eve)
    urls = [f"/api/runs/{run.pk}/ledger", f"/runs/{run.pk}/ledger.csv", f"/api/runs/{run.pk}/records?cursor="]
    assert [stranger.get(url).status_code for url in urls] == [404, 404, 404]
    assert [
        stranger.post(f"/api/runs/{run.pk}/resume", {}, content_type="application/json").status_code,
        stranger.post(f"/runs/{run.pk}/resume/").status_code,
    ] == [404, 404]


def test_chart_has_a_bar_a_page_and_no_more_than_fit(runner: Runner) -> None:
    few, many = (
        runner.run("/faults/pages?total=250", PAGES),
        runner.run("/faults/pages?total=250&cap=2", PAGES, integration={"name": "Many"}),
    )
    chart = ledger.chart(few)
    assert chart is not None
    assert [(bar.height, bar.title.partition(" in ")[0]) for bar in chart.bars] == [
        (76, "Page 1: 100 records"), (76, "Page 2: 100 records"), (38, "Page 3: 50 records"),
    ]  # fmt: skip
    crowded = ledger.chart(many)
    assert crowded is not None
    assert (len(crowded.bars), crowded.bars[0].title.partition(":")[0]) == (42, "Pages 1 to 3, on average")
    assert ledger.chart(runner.run("/faults/pages?total=50", PAGES, integration={"name": "One"})) is None


def test_page_of_a_run_shows_ledger_and_chart(runner: Runner, browser: Browser) -> None:
    run = runner.run("/faults/pages?total=250", PAGES)
    page = browser.get(f"/runs/{run.pk}/?view=pages").content.decode()
    assert page.count('<rect class="chart-bar"') == 3
    assert "GET /faults/pages?total=250&amp;page=2&amp;page_size=100" in page
    assert f"/runs/{run.pk}/ledger.csv" in page
    assert "style=" not in page.partition("<main")[2]


# --- records by cursor ---


def test_records_are_read_in_parts_while_the_run_goes_on(runner: Runner, browser: Browser) -> None:
    run = runner.run("/faults/pages?total=257&cap=50", PAGES, max_pages=3)
    url = f"/api/runs/{run.pk}/records"
    found, cursor = [], ""
    for _ in range(3):
        part = browser.get(f"{url}?cursor={cursor}&limit=60").json()
        found += part["records"]
        cursor = part["next"] or cursor
    assert (found, part["next"], part["more"]) == (vendor_records(150), None, False)
    runs.resume(run=run, hand_over=False)
    runs.execute(run.pk)
    rest = browser.get(f"{url}?cursor=3.50&limit=1000").json()
    assert (rest["records"], rest["next"]) == (vendor_records(257)[150:], None)
    assert browser.get(f"{url}?cursor=x").status_code == 422
    assert browser.get(f"{url}?cursor=&limit=0").status_code == 422


# --- guards and caps ---


@pytest.mark.parametrize(
    ("name", "value", "pages", "message"),
    [
        ("RUN_MAX_PAGES", 2, 2, "Stopped at 2 pages, the limit of this installation (RUN_MAX_PAGES)."),
        ("RUN_MAX_RECORDS", 150, 2, "Stopped at 200 records; the limit of this installation is 150 (RUN_MAX_RECORDS)."),
        ("RUN_MAX_BYTES", 2048, 1, "Stopped at 1.91e-06 GiB of records, the limit of this installation (RUN_MAX_BYTES)."),
        ("RUN_MAX_SECONDS", 0, 1, "Stopped after 0 seconds, the limit of this installation (RUN_MAX_SECONDS)."),
    ],
)
def test_truncated_run_says_which_cap_it_met(runner: Runner, settings: Settings, name: str, value: int, pages: int, message: str) -> None:
    setattr(settings, name, value)
    run = runner.run("/faults/pages?total=500", PAGES)
    assert (run.verdict, run.page_count, run.message) == ("truncated", pages, message)
    assert list(results.records(run)) == vendor_records(run.record_count)


def test_run_at_a_cap_is_resumed_once_the_cap_is_higher(runner: Runner, settings: Settings) -> None:
    settings.RUN_MAX_RECORDS = 150
    run = runner.run("/faults/pages?total=500", PAGES)
    with pytest.raises(Conflict) as refused:
        runs.resume(run=run, hand_over=False)
    assert refused.value.message.endswith("(RUN_MAX_RECORDS). An administrator can raise it.")
    settings.RUN_MAX_RECORDS = 10_000
    runs.resume(run=run, hand_over=False)
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.verdict, list(results.records(run))) == ("complete", vendor_records(500))


def test_cursor_that_comes_back_is_a_loop(runner: Runner) -> None:
    run = runner.run("/faults/cursor?total=257&end=same", CURSOR)
    assert run.verdict == "loop"
    assert run.message.startswith("Page 4 would repeat page 3: the server named the same next page twice.")
    assert list(results.records(run)) == vendor_records(257)


@pytest.mark.parametrize(("allowed", "pages"), [(1, 1), (3, 3)])
def test_repeated_content_ends_the_run_after_as_many_pages_as_are_allowed(
    runner: Runner, settings: Settings, allowed: int, pages: int
) -> None:
    settings.RUN_REPEATED_PAGES, settings.RUN_REPEATED_IDS = allowed, 100
    run = runner.run("/faults/index?total=2000&ignore=offset", INDEX)
    assert (run.verdict, run.page_count) == ("loop", pages)
    assert run.message.startswith(f"Page {pages + 1} repeats page 1: the server sent the same records again")


def test_pages_without_a_new_id_are_a_loop_although_their_content_differs(runner: Runner) -> None:
    calls = iter(range(1000))

    def reply(handler: Handler) -> None:
        items = [{"id": n, "seen": next(calls)} for n in range(10)]
        handler.reply(200, json.dumps({"items": items}).encode())

    with serving(reply) as runner.vendor:  # type: ignore[assignment]
        run = runner.run("/list", PAGES, page_size=10)
    assert (run.verdict, run.page_count) == ("loop", 2)
    assert run.message == (
        "Page 3 brings no new record: its records have the ids of page 1, with other content. "
        "Check the pagination settings; the records up to here are kept."
    )


# --- resume ---


def test_failed_run_goes_on_from_its_last_page(runner: Runner, browser: Browser) -> None:
    run = runner.run("/faults/pages?total=500&fail_page=4&fail_status=403", PAGES, limits={"concurrency": 1})
    assert (run.verdict, run.page_count) == ("failed", 3)
    assert "Resume after page 3" in browser.get(f"/runs/{run.pk}/").content.decode()
    assert browser.post(f"/runs/{run.pk}/resume/").status_code == 302
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.verdict, list(results.records(run))) == ("complete", vendor_records(500))


def test_truncated_run_is_resumed_over_http_for_some_more_pages(runner: Runner, browser: Browser) -> None:
    run = runner.run("/faults/pages?total=500", PAGES, max_pages=1)
    answer = browser.post(f"/api/runs/{run.pk}/resume", {"morePages": 2}, content_type="application/json")
    assert (answer.status_code, answer.json()["state"], answer.json()["verdict"], answer.json()["maxPages"]) == (202, "queued", None, 3)
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.verdict, run.page_count, list(results.records(run))) == ("truncated", 3, vendor_records(300))
    refused = browser.post(f"/api/runs/{run.pk}/resume", {"morePages": 0}, content_type="application/json")
    assert (refused.status_code, [error["field"] for error in refused.json()["errors"]]) == (422, ["morePages"])


def test_complete_run_has_nothing_to_resume(runner: Runner, browser: Browser) -> None:
    run = runner.run("/faults/pages?total=100", PAGES)
    answer = browser.post(f"/api/runs/{run.pk}/resume", {}, content_type="application/json")
    assert (answer.status_code, answer.json()["detail"]) == (
        409, "A run that ended as complete has nothing to go on with. Start a new one.",
    )  # fmt: skip
    assert "Resume" not in browser.get(f"/runs/{run.pk}/").content.decode()


def test_cancelled_run_goes_on_where_it_was(runner: Runner) -> None:
    run = runner.run("/faults/pages?total=500", PAGES, max_pages=2)
    runs.resume(run=run, hand_over=False)
    runs.cancel(run=run)
    assert (run.verdict, run.message) == ("cancelled", "Cancelled after 2 pages; what was stored stays.")
    runs.resume(run=run, hand_over=False)
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.verdict, list(results.records(run))) == ("complete", vendor_records(500))


@pytest.mark.django_db(transaction=True)
def test_cancel_ends_a_run_while_a_page_is_on_its_way(runner: Runner, settings: Settings) -> None:
    from threading import Thread

    from django.db import connections

    runner.vendor.latency = 4
    run = runner.start("/faults/pages?total=500", PAGES)

    def execute() -> None:
        runs.execute(run.pk)
        connections.close_all()

    thread = Thread(target=execute)
    thread.start()
    while not runner.vendor.requests:
        time.sleep(0.02)
    began = time.monotonic()
    runs.cancel(run=run)
    thread.join()
    run.refresh_from_db()
    assert (run.verdict, run.page_count) == ("cancelled", 0)
    assert time.monotonic() - began < 3  # the answer would have come after four


def test_time_that_is_left_is_told_by_the_speed_since_the_resumption(runner: Runner) -> None:
    run = runner.run("/faults/pages?total=1000", PAGES, max_pages=4)
    now = timezone.now()
    run.pages.filter(number__lte=2).update(fetched_at=now - timedelta(days=2))
    Run.objects.filter(pk=run.pk).update(
        state="running", max_pages=None, finished_at=None, started_at=now - timedelta(days=2), resumed_at=now - timedelta(seconds=10)
    )
    run.refresh_from_db()
    told = figures(run)
    assert (told.value, told.limit) == (400, 1000)
    assert told.left is not None
    assert 29 < told.left.total_seconds() < 33  # 600 records to go, 200 in ten seconds


# --- limits of the vendor ---


def test_long_wait_parks_the_run_and_frees_the_worker(runner: Runner, browser: Browser) -> None:
    began = time.monotonic()
    run = runner.run("/faults/pages?total=257&fail_page=2&fail_status=429&retry_after=120", PAGES)
    assert time.monotonic() - began < 10
    assert (run.state, run.verdict, run.lease_holder, run.page_count) == ("waiting", "", "", 1)
    assert run.message == "The vendor limits how often it may be called (429) and asks to wait 120 seconds."
    assert run.resume_at is not None
    assert 100 < (run.resume_at - timezone.now()).total_seconds() <= 120
    page = browser.get(f"/runs/{run.pk}/").content.decode()
    assert f"It goes on at {run.resume_at:%H:%M:%S} UTC by itself." in page
    assert runs.recover() == 0
    runs.execute(run.pk)
    assert Run.objects.get(pk=run.pk).state == "waiting"  # nobody takes it up before its time


def test_parked_run_goes_on_when_its_time_has_come(runner: Runner) -> None:
    from tests.backends import forget_limits

    run = runner.run("/faults/pages?total=257&fail_page=2&fail_status=429&retry_after=120", PAGES)
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    forget_limits()
    assert runs.recover() == 1
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.verdict, list(results.records(run))) == ("complete", vendor_records(257))


def test_wait_that_one_run_was_told_holds_for_the_others(runner: Runner) -> None:
    first = runner.run("/faults/status?code=429&retry_after=120", PAGES)
    before = len(runner.vendor.requests)
    again = runs.start(action=first.action, connection=first.connection, user=runner.user, inputs={})
    runs.execute(again.pk)
    again.refresh_from_db()
    assert (again.state, len(runner.vendor.requests)) == ("waiting", before)


def test_parked_run_is_cancelled_at_once(runner: Runner) -> None:
    run = runs.cancel(run=runner.run("/faults/status?code=429&retry_after=120", PAGES))
    assert (run.state, run.verdict) == ("finished", "cancelled")


def test_requests_a_minute_are_kept_to(runner: Runner) -> None:
    began = time.monotonic()
    run = runner.run("/faults/pages?total=600", PAGES, limits={"concurrency": 6, "requestsPerMinute": 120})
    assert (run.verdict, run.page_count) == ("complete", 6)
    assert time.monotonic() - began >= 1.5  # two at once, then one every half second


# --- requests that must not be sent twice ---


def test_post_that_got_no_answer_before_the_worker_died_is_not_sent_again(runner: Runner) -> None:
    run = runner.start("/echo", NONE, action={"method": "POST"})
    held = runs.claim(run.pk, "dead")
    assert held is not None
    Run.objects.filter(pk=run.pk).update(sent_at=timezone.now(), lease_until=timezone.now() - timedelta(seconds=1))
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.verdict, runner.vendor.requests) == ("failed", [])
    assert run.message.startswith("Outcome unknown: the worker ended after it had sent the POST of page 1 and before an answer came.")
    runs.resume(run=run, hand_over=False)  # somebody has looked there
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.verdict, len(runner.vendor.requests)) == ("complete", 1)


def test_post_with_an_idempotency_key_is_sent_again(runner: Runner) -> None:
    run = runner.run(
        "/faults/status?code=503&times=2", NONE, action={"method": "POST"}, integration={"idempotencyHeader": "Idempotency-Key"}
    )
    keys = {request.header("Idempotency-Key") for request in runner.vendor.requests}
    assert (len(runner.vendor.requests) > 1, len(keys), None in keys) == (True, 1, False), run.message


# --- what is stored ---


@pytest.mark.django_db(transaction=True)
def test_full_disk_of_the_database_costs_no_page(runner: Runner) -> None:
    """Where not even the verdict can be written, the run is taken up again like that of a dead worker."""
    from django.db import connection

    if connection.vendor != "sqlite":
        pytest.skip("needs SQLite's limit of pages")
    run = runner.start("/faults/pages?total=20000", PAGES)  # a ledger of more than the pages that are left
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")  # what other tests have left free would be written to first
        used: Any = cursor.execute("PRAGMA page_count").fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {used + 2}")
    try:
        runs.execute(run.pk)
    finally:
        connection.close()  # the limit is this connection's
    run.refresh_from_db()
    assert 0 <= run.page_count < 200
    if run.is_finished:
        assert (run.verdict, run.is_resumable) == ("failed", True)
        assert run.message.startswith("A page could not be stored: the disk of the database is full, or it does not answer.")
        runs.resume(run=run, hand_over=False)
    else:
        Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.verdict, list(results.records(run))) == ("complete", vendor_records(20000))
