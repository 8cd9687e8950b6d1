"""Workers that are killed with -9 in the middle of a run: another one goes on, no page is lost, none is stored twice."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from actions import results, runs
from actions.models import Run
from integrations.models import User
from tests.actions.test_runs import PAGES
from tests.backends import Worker, eventually
from tests.cast import MakeConnection, MakeIntegration, action_of, action_values
from tests.vendor.pages import records as vendor_records
from tests.vendor.server import VendorServer

TOTAL = 3000  # records, 60 pages of 50
KILLS = 3


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
    vendor.latency = 0.02
    integration = make_integration(
        base_uri=vendor.url, pagination=PAGES, actions=[action_values(path=f"/faults/pages?total={TOTAL}", paginated=True)]
    )
    run = runs.start(
        action=action_of(integration), connection=make_connection(integration), user=carol, inputs={}, page_size=50, max_pages=None
    )

    def pages() -> int:
        return Run.objects.get(pk=run.pk).page_count

    reached = 0
    for _ in range(KILLS):
        eventually(lambda: pages() > reached + 3)  # noqa: B023 - called at once
        worker.kill()
        reached = pages()
        worker.start()
        eventually(lambda: Run.objects.get(pk=run.pk).is_finished or runs.recover() > 0)
    eventually(lambda: Run.objects.get(pk=run.pk).is_finished, seconds=40)
    run.refresh_from_db()
    assert (run.verdict, run.page_count, run.record_count) == ("complete", TOTAL // 50, TOTAL), run.message
    assert list(run.pages.order_by("number").values_list("number", flat=True)) == list(range(1, TOTAL // 50 + 1))
    assert list(results.records(run)) == vendor_records(TOTAL)
    assert reached < TOTAL // 50  # the last kill was in the middle
