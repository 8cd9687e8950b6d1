"""Workers that are killed with -9 in the middle of a run: another one goes on, no page is lost, none is stored twice."""

from __future__ import annotations

import os
import random
import time

import pytest
from pytest_django.fixtures import Settings

from actions import results, runs
from actions.models import Run
from integrations.models import User
from tests.actions.runner import PAGES
from tests.backends import Worker, eventually
from tests.cast import MakeConnection, MakeIntegration, action_of, action_values
from tests.vendor.server import VendorServer

TOTAL = 50_000  # records, 500 pages of 100
# Each kill costs the second until the lease has run out. CI takes them all, on both databases; a developer's run some of them.
KILLS = 30 if os.environ.get("CI") else 6
EACH_WHOLE_WORKER = 6  # of so many kills one takes the worker and not only the process that holds the run


@pytest.fixture
def short_lease(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead worker's run is free after a second, here and in the workers' processes."""
    settings.RUN_LEASE_SECONDS = 1
    monkeypatch.setenv("RUN_LEASE_SECONDS", "1")


@pytest.mark.django_db(transaction=True)
def test_run_survives_workers_that_are_killed(
    short_lease: None,
    worker: Worker,
    vendor: VendorServer,
    make_integration: MakeIntegration,
    make_connection: MakeConnection,
    carol: User,
) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    vendor.latency = 0.05
    integration = make_integration(
        base_uri=vendor.url, pagination=PAGES, actions=[action_values(path=f"/faults/pages?total={TOTAL}", paginated=True)]
    )
    connection = make_connection(integration, limits={"concurrency": 2})
    run = runs.start(action=action_of(integration), connection=connection, user=carol, inputs={}, page_size=100, max_pages=None)

    def now() -> Run:
        return Run.objects.get(pk=run.pk)

    reached = []
    for kill in range(KILLS):
        holder = now().lease_holder
        eventually(lambda: runs.recover() or (now().state == "running" and now().lease_holder != holder))  # noqa: B023 - called at once
        eventually(lambda: now().state == "running" and now().lease_holder != holder)  # noqa: B023
        if kill % 4:
            before = now().page_count
            eventually(lambda: now().page_count > before)  # noqa: B023
        # Every fourth one is killed wherever it is; with more of them in a row the run would be given up, as it should.
        time.sleep(chance.uniform(0, 0.3))
        reached.append(now().page_count)
        if kill % EACH_WHOLE_WORKER == EACH_WHOLE_WORKER - 1:
            worker.kill()
            worker.start()
        else:
            worker.kill_children()
    eventually(lambda: now().is_finished or (runs.recover() and False))
    run.refresh_from_db()
    note = f"seed {seed}, kills at pages {reached}: {run.message}"
    assert (run.verdict, run.page_count, run.record_count) == ("complete", TOTAL // 100, TOTAL), note
    assert list(run.pages.order_by("number").values_list("number", flat=True)) == list(range(1, TOTAL // 100 + 1))
    ids = [record["id"] for record in results.records(run)]
    assert (len(ids), len(set(ids)), ids == list(range(1, TOTAL + 1))) == (TOTAL, TOTAL, True), note
    assert 0 < reached[-1] < TOTAL // 100, note  # the last kill was in the middle
