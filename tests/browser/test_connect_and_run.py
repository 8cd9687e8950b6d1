"""What only a browser shows of connecting and running: secrets that stay typed, tests in place, a run that is watched."""

from __future__ import annotations

import json
from pathlib import Path

from django.urls import reverse
from playwright.sync_api import Dialog, Page, expect

from connections.models import Connection
from integrations.models import User
from tests.backends import Worker
from tests.browser.browser import SignIn
from tests.cast import MakeConnection, MakeIntegration, action_of
from tests.vendor.pages import records as vendor_records
from tests.vendor.server import VendorServer

APIKEY = {"type": "apikey", "apiKeyName": "X-API-Key", "apiKeyLocation": "header"}
PAGES = {"type": "page", "resultsKey": "items", "pageParam": "page", "pageSizeParam": "page_size"}
WORKER_MS = 30_000  # a worker starts in this time, also on a busy machine
ACTION = {"name": "List records", "method": "GET", "path": "/faults/pages", "paginated": True}


def test_connecting_loses_nothing_that_was_typed(
    page: Page,
    sign_in: SignIn,
    complaints: list[str],
    vendor: VendorServer,
    make_integration: MakeIntegration,
    make_connection: MakeConnection,
    carol: User,
) -> None:
    integration = make_integration(base_uri=vendor.url, auth=APIKEY, ping={"method": "GET", "uri": "/v1/me"})
    make_connection(integration, credentials={"apiKey": "sample-key"}, name="Taken")
    sign_in(carol)
    page.goto(reverse("connection-new", args=[integration.slug]))
    page.locator("#id_name").fill("Taken")
    key = page.get_by_label("API key")
    key.fill("wrong")
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#test-result")).to_contain_text("The vendor refused the credentials (401).")
    expect(key).to_have_value("wrong")
    key.fill("sample-key")
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#test-result")).to_contain_text("The connection works")
    page.get_by_role("button", name="Save connection").click()
    expect(page.get_by_text("There is a connection named Taken already.")).to_be_visible()
    expect(key).to_have_value("sample-key")  # carried over in the browser: no answer holds it
    complaints.clear()  # the browser reports the 422
    page.locator("#id_name").fill("Production")
    page.get_by_role("button", name="Save connection").click()
    expect(page.get_by_role("heading", name="Production")).to_be_visible()
    expect(page.locator("#test-fact")).to_contain_text("Working")  # the page has tested it by itself
    assert Connection.objects.get(name="Production").state == "working"


def test_run_is_watched_to_its_end_and_downloaded(
    page: Page,
    sign_in: SignIn,
    worker: Worker,
    vendor: VendorServer,
    make_integration: MakeIntegration,
    make_connection: MakeConnection,
    carol: User,
) -> None:
    integration = make_integration(base_uri=vendor.url, auth=APIKEY, pagination=PAGES, actions=[ACTION])
    make_connection(integration, credentials={"apiKey": "sample-key"})
    vendor.latency = 0.1
    sign_in(carol)
    page.goto(reverse("action-run", args=[integration.slug, action_of(integration).uid]))
    expect(page.get_by_label("Number of pages")).to_be_hidden()
    page.get_by_label("All pages").check()
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#run-status .badge")).to_have_text("Complete", timeout=WORKER_MS)
    records = page.locator("#records")
    expect(records.locator("tbody tr")).to_have_count(50)
    expect(records).to_contain_text("50 of 257")
    records.get_by_role("link", name="Next").click()
    expect(records).to_contain_text("100 of 257")
    records.get_by_role("link", name="Ledger", exact=True).click()
    expect(records.locator("tbody tr")).to_have_count(3)
    records.get_by_role("link", name="JSON", exact=True).first.click()
    expect(records.locator("#records-json")).to_be_visible()
    with page.expect_download() as download:
        records.get_by_role("link", name="NDJSON").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert [json.loads(line) for line in lines] == vendor_records(257)


def test_leaving_an_action_half_typed_asks_first(page: Page, sign_in: SignIn, make_integration: MakeIntegration, bob: User) -> None:
    integration = make_integration(actions=[ACTION])
    questions: list[str] = []

    def stay(dialog: Dialog) -> None:
        questions.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    sign_in(bob)
    page.goto(reverse("wizard-step", args=[integration.slug, "actions"]) + "?new=1")
    page.locator("#id_name").press_sequentially("Half")
    page.get_by_role("link", name="Continue to Finalize").click(no_wait_after=True)
    expect(page.get_by_role("heading", name="New action")).to_be_visible()
    assert questions == ["beforeunload"]
