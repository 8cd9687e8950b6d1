"""What only a browser shows of a run's ledger: its chart under the security policy, and a resumed run that is watched live."""

from __future__ import annotations

from django.urls import reverse
from playwright.sync_api import Page, expect

from actions import runs
from integrations.models import User
from tests.backends import Worker
from tests.browser.browser import SignIn
from tests.browser.test_connect_and_run import ACTION, PAGES, WORKER_MS
from tests.cast import MakeConnection, MakeIntegration, action_of
from tests.vendor.server import VendorServer


def test_truncated_run_is_resumed_and_watched_without_a_reload(
    page: Page,
    sign_in: SignIn,
    worker: Worker,
    vendor: VendorServer,
    make_integration: MakeIntegration,
    make_connection: MakeConnection,
    carol: User,
) -> None:
    integration = make_integration(base_uri=vendor.url, pagination=PAGES, actions=[ACTION])
    connection = make_connection(integration, limits={"concurrency": 1})
    run = runs.start(
        action=action_of(integration), connection=connection, user=carol, inputs={}, max_pages=2, page_size=20, hand_over=False
    )
    runs.execute(run.pk)
    sign_in(carol)
    page.goto(reverse("run-detail", args=[run.pk]) + "?view=pages")
    expect(page.locator(".chart-bar")).to_have_count(2)
    vendor.latency = 0.4
    page.get_by_role("button", name="Resume after page 2").click()
    expect(page.locator("#run-status")).to_contain_text("Fetching page", timeout=WORKER_MS)
    page.evaluate("window.untouched = true")
    expect(page.locator("#run-status")).to_contain_text("left")
    expect(page.locator("#run-status")).to_contain_text("Complete", timeout=WORKER_MS)
    assert page.evaluate("window.untouched") is True
    page.get_by_role("link", name="Ledger").click()
    expect(page.locator(".chart-bar")).to_have_count(13)
    expect(page.get_by_role("region", name="Ledger").locator("tbody tr")).to_have_count(13)
