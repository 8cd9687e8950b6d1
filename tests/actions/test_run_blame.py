"""Who can mend a run that failed: you, us or the vendor; kept with the run, shown on its page, in the API and in the ledger."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.test import Client as Browser

from actions import ledger, runs
from integrations.models import User
from tests.actions.runner import NONE, PAGES, Runner
from tests.cast import MakeConnection, MakeIntegration
from tests.pages import text
from tests.vendor.server import VendorServer

RULE = [{"statuses": ["404"], "outcome": "fail", "message": "The plan ended.", "blame": "vendor"}]


@pytest.mark.parametrize(
    ("path", "pagination", "integration", "blame", "cause", "status"),
    [
        ("/faults/status?code=401", PAGES, {}, "you", "401", 401),
        ("/faults/status?code=403", PAGES, {}, "you", "403", 403),
        ("/faults/status?code=422", PAGES, {}, "you", "400", 422),
        ("/faults/status?code=405", PAGES, {}, "us", "405", 405),
        ("/faults/status?code=415", PAGES, {}, "us", "415", 415),
        ("/faults/status?code=501", PAGES, {}, "vendor", "5xx", 501),
        ("/faults/status?code=404", PAGES, {"errors": RULE}, "vendor", "404", 404),
        ("/faults/pages?total=1", NONE, {"errorExpression": "{{response.total}}"}, "vendor", "rule", 200),
        ("/faults/html", PAGES, {}, "us", "", None),
        ("/faults/pages?total=257", {**PAGES, "resultsKey": "data"}, {}, "us", "", None),
    ],
)
def test_run_that_failed_keeps_who_can_mend_it(
    runner: Runner, path: str, pagination: dict[str, Any], integration: dict[str, Any], blame: str, cause: str, status: int | None
) -> None:
    run = runner.run(path, pagination, integration=integration)
    assert (run.verdict, run.blame, run.cause, run.failed_status) == ("failed", blame, cause, status), run.message


def test_run_without_an_answer_blames_by_the_kind_of_failure(
    make_integration: MakeIntegration, make_connection: MakeConnection, carol: User, settings: Any, vendor: VendorServer
) -> None:
    runner = Runner(vendor, make_integration, make_connection, carol)
    run = runner.start("/faults/pages?total=1", PAGES)
    settings.EGRESS_ALLOW = ()
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.verdict, run.blame, run.cause, run.failed_status) == ("failed", "us", "address", None), run.message


def test_run_that_ended_well_blames_nobody(runner: Runner) -> None:
    run = runner.run("/faults/pages?total=1", PAGES)
    assert (run.verdict, run.blame, run.cause, run.failed_status, ledger.failure(run)) == ("complete", "", "", None, None)


def test_page_api_and_ledger_show_the_blame_and_a_resumed_run_forgets_it(runner: Runner, browser: Browser) -> None:
    run = runner.run("/faults/status?code=403", PAGES)
    fine = runner.run("/faults/pages?total=1", PAGES)

    shown = text(browser.get(f"/runs/{run.pk}/"))
    assert "Who can mend it: You, who run the action or own its connection. The vendor answered with the status 403." in shown
    assert "Who can mend it" not in text(browser.get(f"/runs/{fine.pk}/"))
    assert browser.get(f"/requests/?run={run.pk}").context["page"].paginator.count == 1

    document = browser.get(f"/api/runs/{run.pk}").json()
    assert (document["blame"], document["cause"], document["failedStatus"]) == ("you", "403", 403)
    found = [row["id"] for row in browser.get("/api/runs?blame=you").json()]
    assert found == [str(run.pk)]
    assert browser.get("/api/runs?blame=vendor").json() == []

    line = browser.get(f"/api/runs/{run.pk}/ledger").json()["pages"][-1]
    assert {name: line[name] for name in ("page", "method", "status", "outcome", "blame", "message")} == {
        "page": 1, "method": "GET", "status": 403, "outcome": "failed", "blame": "you", "message": run.message,
    }  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(b"".join(ledger.as_csv(run)).decode())))
    assert [(row["page"], row["outcome"], row["blame"], row["status"]) for row in rows] == [("1", "failed", "you", "403")]
    assert [line["outcome"] for line in ledger.rows(fine)] == ["stored"]

    resumed = runs.resume(run=run, hand_over=False)
    assert (resumed.blame, resumed.cause, resumed.failed_status) == ("", "", None)


def test_failure_after_stored_pages_is_the_last_line_of_the_ledger(
    runner: Runner, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runner.run("/faults/pages?total=250&fail_page=2&fail_times=9&fail_status=403", PAGES)
    assert (run.page_count, run.verdict, run.blame) == (1, "failed", "you"), run.message
    lines = list(ledger.rows(run))
    assert [(line["page"], line["outcome"], line["status"], line["blame"]) for line in lines] == [
        (1, "stored", 200, ""),
        (2, "failed", 403, "you"),
    ]
    assert lines[1]["tokenIn"]["page"] == 2
    monkeypatch.setattr("actions.api.runs.LEDGER_PART", 1)
    first = browser.get(f"/api/runs/{run.pk}/ledger").json()
    second = browser.get(f"/api/runs/{run.pk}/ledger?after=1").json()
    assert (first["next"], [line["page"] for line in second["pages"]], second["next"]) == (1, [2], None)
    shown = text(browser.get(f"/runs/{run.pk}/?view=pages"))
    assert "403 Failed whoever uses the connection can mend it" in shown
