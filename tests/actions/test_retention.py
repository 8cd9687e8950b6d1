"""Which records go, and what is said about them afterwards."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import storages
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.fixtures import Settings

from actions import pieces, results, retention, runs
from actions.models import Run
from config.storage import results_storage
from connections.tokens import upkeep
from integrations.models import AuditEntry
from integrations.refusals import Conflict
from tests.actions.runner import PAGES, Runner
from tests.backends import Worker, eventually
from tests.vendor.pages import records as vendor_records


def runs_of_ages(runner: Runner, *days: int) -> list[Run]:
    """Runs of 257 records that ended so many days ago."""
    found = []
    for number, age in enumerate(days):
        run = runner.run("/faults/pages?total=257", PAGES, integration={"name": f"Sample {number}"})
        Run.objects.filter(pk=run.pk).update(finished_at=timezone.now() - timedelta(days=age))
        found.append(run)
    return found


def kept(found: list[Run]) -> list[bool]:
    """Of each run whether its records are there; those whose records are not have no piece."""
    for run in found:
        run.refresh_from_db()
        assert bool(pieces.listed(run.pk)) == (run.records_removed_at is None)
    return [run.records_removed_at is None for run in found]


def test_everything_is_kept_unless_somebody_says_otherwise(runner: Runner) -> None:
    found = runs_of_ages(runner, 3000)
    assert (retention.apply(), kept(found)) == (0, [True])


def test_records_that_are_older_go_and_the_ledger_stays(runner: Runner, settings: Settings, browser: Browser) -> None:
    found = runs_of_ages(runner, 31, 29)
    settings.RESULTS_KEEP_DAYS = 30
    assert (retention.apply(), retention.apply(), kept(found)) == (1, 0, [False, True])
    run = found[0]
    sentence = (
        f"The records of this run were removed on {timezone.now():%d %B %Y}: older than RESULTS_KEEP_DAYS. "
        "Its ledger stays. Run the action again to get them anew."
    )
    assert (run.verdict, run.record_count, run.is_resumable) == ("complete", 257, False)
    page = browser.get(f"/runs/{run.pk}/").content.decode()
    assert sentence in page
    assert f"/runs/{run.pk}/records.csv" not in page
    assert browser.get(f"/runs/{run.pk}/?view=pages").content.decode().count('<rect class="chart-bar"') == 3
    for url in (f"/api/runs/{run.pk}/records", f"/api/runs/{run.pk}/records?cursor=", f"/api/runs/{run.pk}/records?format=csv"):
        answer = browser.get(url)
        assert (answer.status_code, answer.json()["detail"]) == (410, sentence)
    assert sentence in browser.get(f"/runs/{run.pk}/records.json", follow=True).content.decode()
    assert browser.get(f"/api/runs/{run.pk}").json()["recordsRemovedAt"] is not None
    assert len(browser.get(f"/api/runs/{run.pk}/ledger").json()["pages"]) == 3
    assert list(results.records(found[1])) == vendor_records(257)


def test_oldest_records_go_until_the_others_fit(runner: Runner, settings: Settings) -> None:
    found = runs_of_ages(runner, 1, 4, 2, 3)
    settings.RESULTS_MAX_BYTES = 2 * found[0].stored_bytes
    assert (retention.apply(), kept(found)) == (2, [True, False, True, False])
    assert {run.records_removed_by for run in found} == {"", "size"}


def test_run_on_its_way_keeps_its_records(runner: Runner, settings: Settings) -> None:
    run = runner.run("/faults/pages?total=257&fail_page=2&fail_status=429&retry_after=120", PAGES)
    settings.RESULTS_MAX_BYTES, settings.RESULTS_KEEP_DAYS = 1, 1
    assert (run.state, retention.apply(), kept([run])) == ("waiting", 0, [True])


def test_run_whose_records_were_removed_is_not_resumed(runner: Runner, settings: Settings) -> None:
    run = runner.run("/faults/pages?total=257", PAGES, max_pages=1)
    settings.RESULTS_MAX_BYTES = 1
    retention.apply()
    with pytest.raises(Conflict) as refused:
        runs.resume(run=run, hand_over=False)
    assert refused.value.message == ("The records of this run have been removed, so that it has nothing to go on with. Start a new one.")


# --- deleting runs ---


@pytest.mark.django_db(transaction=True)
def test_deleted_run_takes_its_records_along(runner: Runner, worker: Worker, browser: Browser) -> None:
    first, second, third = runs_of_ages(runner, 0, 0, 0)
    assert browser.delete(f"/api/runs/{first.pk}").status_code == 204
    assert browser.get(f"/runs/{second.pk}/delete/").status_code == 200
    assert browser.post(f"/runs/{second.pk}/delete/").status_code == 302
    assert browser.get(f"/api/runs/{first.pk}").status_code == 404
    upkeep.delete(connection=third.connection)  # the run goes with its connection
    eventually(lambda: not any(pieces.listed(run.pk) for run in (first, second, third)))
    assert not Path(storages["results"].path(str(first.pk))).exists()
    assert sorted(AuditEntry.objects.filter(verb="run deleted").values_list("note", flat=True)) == sorted(
        f"run {run.pk} of List users, 257 records" for run in (first, second)
    )


def test_run_that_has_not_ended_is_not_deleted(runner: Runner, browser: Browser) -> None:
    run = runner.start("/faults/pages?total=257", PAGES)
    answer = browser.delete(f"/api/runs/{run.pk}")
    assert (answer.status_code, answer.json()["detail"]) == (409, "This run has not ended. Cancel it first, then delete it.")
    assert "has not ended" in browser.post(f"/runs/{run.pk}/delete/", follow=True).content.decode()
    assert Run.objects.filter(pk=run.pk).exists()


# --- pieces that no row names ---


def test_sweep_removes_what_no_row_names(
    runner: Runner,
    settings: Settings,
    tmp_path: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.STORAGES = {**settings.STORAGES, "results": results_storage(tmp_path.as_uri())}
    settled, fresh, deleted = runs_of_ages(runner, 2, 0, 2)
    for run in (settled, fresh):
        pieces.Writer().write(pieces.name_of(run.pk, 9, "0" * 32), b"{}\n").result()
    keys = [settled.pk, fresh.pk, deleted.pk]
    with django_capture_on_commit_callbacks():
        deleted.delete()  # nobody takes the task
    assert retention.sweep() == 1  # of the run that has settled; the deleted one's are still young
    assert [len(pieces.listed(key)) for key in keys] == [3, 4, 3]
    monkeypatch.setattr(retention, "SETTLED", timedelta(0))
    assert retention.sweep() == 1 + 3
    assert [len(pieces.listed(key)) for key in keys] == [3, 3, 0]
    assert [list(results.records(run)) for run in (settled, fresh)] == [vendor_records(257)] * 2
