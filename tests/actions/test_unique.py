"""Records that come a second time: told by a key, dropped, counted, and not taken for others that are missing."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.test import Client as Browser

from actions import results, runs
from actions.models import Run
from actions.runs.unique import Unique
from tests.actions.runner import INDEX, PAGES, Runner
from tests.cast import action_of
from tests.connections.server import Handler, serving
from tests.vendor.pages import records as vendor_records

CURSOR = {"type": "pointer", "resultsKey": "items", "afterParam": "after", "pointerPath": "next", "uniqueBy": "id"}


def overlapping(handler: Handler) -> None:
    """30 records, 10 a page; each page begins with the last record of the one before."""
    after = int(parse_qs(handler.path.partition("?")[2]).get("after", ["0"])[0])
    ids = list(range(max(after, 1), min(after + 10, 30) + 1))
    handler.reply(200, json.dumps({"items": [{"id": n} for n in ids], "next": after + 10 if after < 20 else None}).encode())


def ids(run: Run) -> list[int]:
    return [record["id"] for record in results.records(run)]


def counted(run: Run) -> list[tuple[int, int]]:
    return list(run.pages.order_by("number").values_list("record_count", "dropped_count"))


def test_records_at_the_boundaries_of_pages_are_kept_once(runner: Runner) -> None:
    with serving(overlapping) as runner.vendor:  # type: ignore[assignment]
        run = runner.run("/list", CURSOR)
    assert (run.verdict, run.record_count, run.dropped_count, ids(run)) == ("complete", 30, 2, list(range(1, 31)))
    assert counted(run) == [(10, 0), (10, 1), (10, 1)]
    assert run.message.endswith(" 2 records came a second time and were dropped.")


def test_resumed_run_knows_the_records_of_the_worker_before(runner: Runner) -> None:
    with serving(overlapping) as runner.vendor:  # type: ignore[assignment]
        run = runner.run("/list", CURSOR, max_pages=2)
        runs.resume(run=run, hand_over=False)
        runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.verdict, run.dropped_count, ids(run)) == ("complete", 2, list(range(1, 31)))


def test_list_that_moves_while_it_is_read_is_read_to_its_end(runner: Runner) -> None:
    """A new record at the head after the first page moves record 10 to the second page again, and the last one to a fourth page."""
    items = [{"id": n} for n in range(1, 31)]

    def reply(handler: Handler) -> None:
        start = int(parse_qs(handler.path.partition("?")[2])["offset"][0])
        body = {"results": items[start : start + 10], "total": 30}
        handler.reply(200, json.dumps(body).encode())
        if start == 0:
            items.insert(0, {"id": 0})

    with serving(reply) as runner.vendor:  # type: ignore[assignment]
        run = runner.run("/list", {**INDEX, "uniqueBy": "id"}, page_size=10, limits={"concurrency": 1})
    assert (run.verdict, run.dropped_count, ids(run)) == ("complete", 1, list(range(1, 31)))


def test_total_counts_distinct_records_only(runner: Runner) -> None:
    items = [{"id": n} for n in [*range(1, 11), 10, *range(11, 20)]]

    def reply(handler: Handler) -> None:
        start = int(parse_qs(handler.path.partition("?")[2])["offset"][0])
        handler.reply(200, json.dumps({"results": items[start : start + 10], "total": 20}).encode())

    with serving(reply) as runner.vendor:  # type: ignore[assignment]
        run = runner.run("/list", {**INDEX, "uniqueBy": "id"}, page_size=10, limits={"concurrency": 1})
    assert (run.verdict, run.record_count, run.dropped_count) == ("ambiguous", 19, 1), run.message
    assert run.message.endswith(" One record came a second time and was dropped.")


def test_pages_of_known_records_are_a_loop(runner: Runner) -> None:
    def reply(handler: Handler) -> None:
        page = int(parse_qs(handler.path.partition("?")[2])["page"][0])
        first = [1, 2, 3, 4, 5] if page == 1 else [6, 7, 8, 9, 10] if page == 2 else [(page + n) % 10 + 1 for n in (0, 3, 5, 7, 8)]
        handler.reply(200, json.dumps({"items": [{"id": n, "page": page} for n in first]}).encode())

    with serving(reply) as runner.vendor:  # type: ignore[assignment]
        run = runner.run("/list", {**PAGES, "uniqueBy": "id"}, page_size=5)
    assert (run.verdict, ids(run)) == ("loop", list(range(1, 11)))
    assert run.message.startswith("Page 4 brings no new record: all of its records came on earlier pages.")
    assert counted(run) == [(5, 0), (5, 0), (0, 5)]


def test_run_may_say_otherwise_than_its_pagination(runner: Runner, browser: Browser) -> None:
    with serving(overlapping) as runner.vendor:  # type: ignore[assignment]
        declared = runner.run("/list", CURSOR)
        action, connection = action_of(declared.connection.integration), declared.connection
        values = {"action": str(action.uid), "connection": str(connection.pk), "maxPages": None}
        started = browser.post("/api/runs", {**values, "uniqueBy": ""}, content_type="application/json").json()
        runs.execute(started["id"])
        found = browser.get(f"/api/runs/{started['id']}").json()
        assert (found["records"], found["dropped"], found["uniqueBy"]) == (32, 0, "")
        again = runner.start("/list", {**CURSOR, "uniqueBy": ""}, integration={"name": "Plain"}, unique_by=" id ,  name ")
        assert again.unique_by == "id, name"
        refused = browser.post("/api/runs", {**values, "uniqueBy": "$.["}, content_type="application/json")
        assert (refused.status_code, [error["field"] for error in refused.json()["errors"]]) == (422, ["uniqueBy"])


def test_page_and_ledger_say_what_was_dropped(runner: Runner, browser: Browser) -> None:
    with serving(overlapping) as runner.vendor:  # type: ignore[assignment]
        run = runner.run("/list", CURSOR)
    page = browser.get(f"/runs/{run.pk}/?view=pages").content.decode()
    assert "2 dropped" in page
    assert '<dt>De-duplicated by</dt><dd class="mono">id</dd>' in page
    assert [line["dropped"] for line in browser.get(f"/api/runs/{run.pk}/ledger").json()["pages"]] == [0, 1, 1]
    form = browser.get(f"/integrations/{run.connection.integration.slug}/actions/{run.action.uid}/run/").content.decode()
    assert 'name="uniqueBy" value="id"' in form


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        ("id", [{"id": 1, "at": "a"}, {"id": "1", "at": "a"}, {"at": "b"}, {"at": "b"}, {"id": None}]),
        ("id, at", [{"id": 1, "at": "a"}, {"id": 1, "at": "b"}, {"id": "1", "at": "a"}, {"at": "b"}, {"id": None}]),
    ],
)
def test_key_tells_records_apart_by_value_and_type(key: str, kept: list[Any]) -> None:
    rows = [
        {"id": 1, "at": "a"},
        {"id": 1, "at": "b"},
        {"id": "1", "at": "a"},
        {"id": 1, "at": "a"},
        {"at": "b"},
        {"at": "b"},
        {"id": None},
    ]
    assert Unique(key).new(rows) == kept


def test_record_that_is_a_plain_value_has_no_key() -> None:
    assert Unique("id").new([1, 1, "x"]) == [1, 1, "x"]
    assert Unique("name").new(vendor_records(3) * 2) == vendor_records(3)
