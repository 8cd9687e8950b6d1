"""Pages that are fetched ahead: in their order when stored, never more at once than allowed, and one by one where the list is not sure."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from pytest_django.fixtures import Settings

from actions import results, runs
from actions.models import Run
from actions.pagination import strategy_of
from actions.runs.ahead import foreseen
from integrations.definition import IndexPagination, LinkPagination, PagePagination, PointerPagination
from tests.actions.runner import CURSOR, HEADER, INDEX, LINKS, PAGES, Runner
from tests.connections.server import Handler, serving
from tests.vendor.pages import records as vendor_records
from tests.vendor.server import VendorServer

COUNTED = {"number": 2, "size": 10, "received": 10, "largest": 10, "total": 35}


@pytest.fixture
def crowd(vendor: VendorServer, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many requests the vendor had at once, one entry for each request."""
    now, lock, seen = 0, threading.Lock(), []
    application = vendor._server.application

    def counted(environ: Any, start_response: Any) -> Any:
        nonlocal now
        with lock:
            now += 1
            seen.append(now)
        try:
            return application(environ, start_response)
        finally:
            with lock:
                now -= 1

    monkeypatch.setattr(vendor._server, "application", counted)
    return seen


@pytest.mark.parametrize(
    ("pagination", "token", "last", "expected"),
    [
        (PagePagination(page_param="p"), {**COUNTED, "page": 2}, "", [{"page": 3}, {"page": 4}]),
        (IndexPagination(index_param="o"), {**COUNTED, "index": 10}, "", [{"index": 20}, {"index": 30}]),
        (IndexPagination(index_param="o"), {**COUNTED, "index": 10, "total": None}, "", []),
        (PointerPagination(after_param="c", pointer_path="n"), {**COUNTED, "cursor": "x"}, "", []),
        (LinkPagination(next_link_location="header"), {**COUNTED, "url": "https://a.example/l?q=1&page=2"}, "https://a.example/l?page=4&q=1",
         [{"url": "https://a.example/l?q=1&page=3"}, {"url": "https://a.example/l?q=1&page=4"}]),
        (LinkPagination(next_link_location="header"), {**COUNTED, "url": "https://a.example/l?page=2"}, "", []),
        (LinkPagination(next_link_location="header"), {**COUNTED, "url": "https://a.example/l?offset=10"}, "https://a.example/l?offset=30", []),
        (LinkPagination(next_link_location="header"), {**COUNTED, "url": "https://a.example/l?page=2&c=x"}, "https://a.example/l?page=4&c=y", []),
        (LinkPagination(next_link_location="header"), {**COUNTED, "url": "https://a.example/l?page=2"}, "https://b.example/l?page=4", []),
    ],
)  # fmt: skip
def test_only_a_list_that_names_its_size_is_foreseen(pagination: Any, token: dict[str, Any], last: str, expected: list[Any]) -> None:
    strategy = strategy_of(pagination)
    assert [strategy.position(later) for later in foreseen(strategy, token, last_link=last)] == expected


@pytest.mark.parametrize(
    ("path", "pagination"),
    [("/faults/pages?total=2000&cap=100", PAGES), ("/faults/index?total=2000&cap=100", INDEX), ("/faults/index?total=1990&cap=90", INDEX)],
)
def test_pages_are_fetched_at_once_and_stored_in_order(runner: Runner, crowd: list[int], path: str, pagination: dict[str, Any]) -> None:
    runner.vendor.latency = 0.03
    run = runner.run(path, pagination, limits={"concurrency": 6})
    total = int(path.partition("total=")[2].partition("&")[0])
    assert (run.verdict, run.record_count) == ("complete", total), run.message
    assert list(results.records(run)) == vendor_records(total)
    assert 4 <= max(crowd) <= 6
    assert len(crowd) == run.page_count  # nothing was asked for twice, and nothing beyond the end


@pytest.mark.parametrize(("path", "pagination"), [("/faults/cursor?total=900", CURSOR), ("/faults/links?total=900", LINKS)])
def test_list_that_names_only_its_next_page_is_walked_one_by_one(
    runner: Runner, crowd: list[int], path: str, pagination: dict[str, Any]
) -> None:
    run = runner.run(path, pagination, limits={"concurrency": 6})
    assert (run.verdict, run.record_count, max(crowd), len(crowd)) == ("complete", 900, 1, 9)


@dataclass
class Site:
    """A list of numbers, a hundred a page, as a vendor of the runner."""

    url: str


@contextmanager
def numbers(total: Callable[[int], int], crowd: list[int], *, link: bool = False) -> Iterator[Site]:
    """`total` is what the server says of its size on each page; with `link` pages name the next and the last one in a header."""
    now, lock = 0, threading.Lock()

    def reply(handler: Handler) -> None:
        nonlocal now
        with lock:
            now += 1
            crowd.append(now)
        time.sleep(0.03)
        parts = urlsplit(handler.path)
        page = int(dict(parse_qsl(parts.query)).get("page", "1"))
        size = total(page)
        items = [{"id": number} for number in range(page * 100 - 99, min(page * 100, size) + 1)]
        base = f"http://{handler.headers['Host']}{parts.path}"
        links = f'<{base}?page={page + 1}>; rel="next", <{base}?page={size // 100}>; rel="last"' if link and page * 100 < size else ""
        with lock:
            now -= 1
        handler.reply(200, json.dumps(items if link else {"items": items, "total": size}).encode(), **({"Link": links} if links else {}))

    with serving(reply) as served:
        yield Site(served.url)


def test_links_are_fetched_at_once_where_the_last_one_is_known(runner: Runner) -> None:
    crowd: list[int] = []
    with numbers(lambda _: 1500, crowd, link=True) as runner.vendor:  # type: ignore[assignment]
        run = runner.run("/list", HEADER, limits={"concurrency": 5})
    assert (run.verdict, run.record_count, len(crowd)) == ("complete", 1500, 15), run.message
    assert [record["id"] for record in results.records(run)] == list(range(1, 1501))
    assert 3 <= max(crowd) <= 5


def test_one_request_at_once_is_kept_to(runner: Runner, crowd: list[int]) -> None:
    run = runner.run("/faults/pages?total=900", PAGES, limits={"concurrency": 1})
    assert (run.verdict, max(crowd), len(crowd)) == ("complete", 1, 9)


@pytest.mark.django_db(transaction=True)
def test_runs_of_one_connection_share_its_limit(runner: Runner, crowd: list[int]) -> None:
    runner.vendor.latency = 0.03
    first = runner.start("/faults/pages?total=2000", PAGES, limits={"concurrency": 3})
    second = runs.start(action=first.action, connection=first.connection, user=runner.user, inputs={}, max_pages=None)

    def execute(pk: Any) -> None:
        from django.db import connections

        runs.execute(pk)
        connections.close_all()

    threads = [threading.Thread(target=execute, args=[run.pk]) for run in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for run in (first, second):
        run.refresh_from_db()
        while not run.is_finished:  # the one that found no slot was parked
            Run.objects.filter(pk=run.pk, state="waiting").update(state="queued")
            runs.execute(run.pk)
            run.refresh_from_db()
        assert (run.verdict, run.record_count) == ("complete", 2000), run.message
    assert max(crowd) <= 3


def test_page_that_fails_in_the_middle_is_asked_for_again(runner: Runner) -> None:
    run = runner.run("/faults/pages?total=1500&fail_page=5&fail_times=2", PAGES, limits={"concurrency": 6})
    assert (run.verdict, run.record_count) == ("complete", 1500), run.message
    assert list(results.records(run)) == vendor_records(1500)
    assert run.pages.get(number=5).attempts == 3


def test_page_that_never_comes_ends_the_run_after_the_pages_before_it(runner: Runner) -> None:
    run = runner.run("/faults/pages?total=1500&fail_page=5&fail_times=99&fail_status=403", PAGES, limits={"concurrency": 6})
    assert (run.verdict, run.page_count, run.is_resumable) == ("failed", 4, True)
    assert list(results.records(run)) == vendor_records(400)


def test_total_that_moves_makes_the_run_go_one_by_one(runner: Runner) -> None:
    crowd: list[int] = []
    with numbers(lambda page: 1000 if page < 4 else 1100, crowd) as runner.vendor:  # type: ignore[assignment]
        run = runner.run("/list", PAGES, limits={"concurrency": 3})
    assert (run.verdict, run.record_count) == ("complete", 1100), run.message
    assert [record["id"] for record in results.records(run)] == list(range(1, 1101))
    assert max(crowd) == 3
    assert crowd[-5:] == [1] * 5


def test_no_page_is_fetched_beyond_the_limit(runner: Runner, crowd: list[int]) -> None:
    run = runner.run("/faults/pages?total=2000", PAGES, max_pages=5, limits={"concurrency": 6})
    assert (run.verdict, run.page_count, len(crowd)) == ("truncated", 5, 5)


def test_large_pages_are_not_all_held_in_memory(runner: Runner, crowd: list[int], settings: Settings) -> None:
    settings.RUN_PREFETCH_BYTES = 1
    runner.vendor.latency = 0.02
    run = runner.run("/faults/pages?total=1000", PAGES, limits={"concurrency": 6})
    assert (run.verdict, max(crowd)) == ("complete", 1)
