"""The main job in a real browser: build by the wizard, publish, connect, test, run, watch, download; and the same by import.

Web server, Celery worker and vendor are real processes and sockets; the browser is Chromium.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from integrations.models import Integration
from tests.backends import Worker
from tests.browser.browser import SignIn
from tests.cast import PASSWORD, Cast
from tests.vendor.pages import records as vendor_records
from tests.vendor.server import VendorServer

pytestmark = pytest.mark.django_db(transaction=True)
ICON = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="3"/></svg>'


def go_on(page: Page) -> None:
    page.get_by_role("button", name="Save and continue").click()


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", name=text, exact=True).first).to_be_visible()


def enter(page: Page, user: str) -> None:
    """Sign in through the form."""
    page.goto("/")
    page.get_by_label("User name").fill(user)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    heading(page, "Integrations")


def describe(page: Page, vendor: VendorServer) -> None:
    """Steps 1 to 5, with the mistakes that people make."""
    page.get_by_role("link", name="New Integration").first.click()

    # 1. Details: a script in the icon is refused, and what was typed is still there.
    page.get_by_label("Name").fill("Vendor")
    page.get_by_label("Description").fill("Records by page")
    page.set_input_files(
        "input[type=file]", {"name": "bad.svg", "mimeType": "image/svg+xml", "buffer": ICON.replace(b"<circle", b"<script/><circle")}
    )
    go_on(page)
    expect(
        page.get_by_text("The icon holds a script. Icons are images only: remove the script element and upload it again.")
    ).to_be_visible()
    assert page.get_by_label("Name").input_value() == "Vendor"
    page.set_input_files("input[type=file]", {"name": "good.svg", "mimeType": "image/svg+xml", "buffer": ICON})
    go_on(page)

    # 2. Host and method: a host with a scheme and a path is refused in words.
    heading(page, "Host and method")
    host = page.get_by_label("Host", exact=True)
    host.fill("https://api.example.com/v1")
    page.get_by_text("API key", exact=True).first.click()
    go_on(page)
    expect(page.get_by_text("Leave out https://: this field takes the host name only.").first).to_be_visible()
    assert host.input_value() == "https://api.example.com/v1"
    page.get_by_label("Protocol").select_option("http")
    host.fill(vendor.url.removeprefix("http://"))
    go_on(page)

    # 3. Defaults of the method.
    heading(page, "Authentication")
    page.get_by_label("Name of the header, parameter or cookie").fill("Authorization")
    page.get_by_label("Preamble").fill("Token")
    page.get_by_label("Path", exact=True).fill("/v1/me")
    go_on(page)

    # 4 and 5. Pagination.
    heading(page, "Pagination type")
    page.get_by_text("Page", exact=True).first.click()
    go_on(page)
    heading(page, "Pagination details")
    page.get_by_label("Results key").fill("items")
    page.get_by_label("Page size parameter").fill("page_size")
    page.get_by_label("Page parameter").fill("page")
    page.get_by_label("Default page size").fill("5000")
    go_on(page)
    expect(page.get_by_text("The largest value is 1000.").first).to_be_visible()
    page.get_by_label("Default page size").fill("100")
    go_on(page)

    # 6. Limits: this vendor does what most do.
    heading(page, "Limits")
    go_on(page)

    # 7. Answers: nothing to say.
    heading(page, "Answers")
    go_on(page)

    # 8. Webhooks: the vendor sends none.
    heading(page, "Webhooks")
    go_on(page)


def add_and_rename_actions(page: Page, path: str = "/faults/pages?total=257") -> None:
    """Step 7: add two actions, rename both by a pattern with a live preview."""
    heading(page, "Edit actions")
    for name in ("Photo Records Get", "Device Records Get"):
        page.get_by_role("link", name="Add action").first.click()
        heading(page, "New action")
        page.locator("[name=name]").fill(name)
        page.locator("[name=path]").fill(path)
        page.locator("[name=paginated]").check()
        page.get_by_role("button", name="Add action").click()
        heading(page, name)
    page.get_by_role("link", name="Regex Replace").or_(page.get_by_role("button", name="Regex Replace")).first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Pattern").fill("(.*?) Get(")
    expect(dialog.get_by_text("The pattern is not a valid regular expression").first).to_be_visible()
    dialog.get_by_label("Pattern").fill("(.*?) Get")
    dialog.get_by_label("Replace").last.fill("Get $1")
    expect(dialog.get_by_text("Get Photo Records", exact=True)).to_be_visible()
    dialog.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("link", name=re.compile("Get Device Records"))).to_be_visible()


def finalize_and_publish(page: Page) -> None:
    """Step 8: Finalize, Finalize again, then the status."""
    page.get_by_role("link", name="Continue to Finalize").click()
    expect(page.get_by_text("Nothing is missing.")).to_be_visible()
    page.get_by_role("link", name="Finalize", exact=True).last.click()
    page.get_by_role("dialog").get_by_role("button", name="Finalize again").click()
    page.get_by_role("radio", name="Published").check()
    page.get_by_role("button", name="Save status").click()
    expect(page.get_by_text("Published", exact=True).first).to_be_visible()
    assert Integration.objects.get(slug="vendor").status == "published"


def connect(page: Page) -> None:
    """An operator of a client organization tests credentials before she saves them."""
    page.get_by_role("link", name="Connect", exact=True).first.click()
    page.locator("[name=name]").fill("Production")
    page.get_by_label("API key").fill("wrong")
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("The vendor refused the credentials (401).").first).to_be_visible()
    assert page.get_by_label("API key").input_value() == "wrong"
    page.get_by_label("API key").fill("sample-key")
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("The vendor accepted the credentials (200).").first).to_be_visible()
    page.get_by_role("button", name="Save connection").click()
    expect(page.get_by_text(re.compile("is connected to .* as Production"))).to_be_visible()


def run_and_watch(page: Page, vendor: VendorServer) -> None:
    """She runs an action and sees it come to its end without a reload."""
    vendor.latency = 0.3
    page.goto("/integrations/vendor/")
    page.get_by_role("row", name=re.compile("Get Photo Records")).get_by_role("link", name="Run").click()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("Running").or_(page.get_by_text("Queued")).first).to_be_visible()
    expect(page.get_by_text("Complete", exact=True).first).to_be_visible()
    expect(page.get_by_text("257", exact=True).first).to_be_visible()
    expect(page.get_by_role("cell", name="record-1", exact=True)).to_be_visible()


def downloaded(page: Page, name: str, folder: Path) -> str:
    with page.expect_download() as download:
        page.get_by_role("link", name=name, exact=True).last.click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path.read_text()


def test_wizard_to_downloaded_csv(page: Page, cast: Cast, worker: Worker, vendor: VendorServer, tmp_path: Path) -> None:
    enter(page, "bob")
    describe(page, vendor)
    add_and_rename_actions(page)
    finalize_and_publish(page)
    page.context.clear_cookies()
    enter(page, "carol")
    assert page.get_by_role("link", name="New Integration").count() == 0
    connect(page)
    run_and_watch(page, vendor)
    found = {name: downloaded(page, name, tmp_path) for name in ("CSV", "JSON", "NDJSON")}
    assert list(csv.DictReader(found["CSV"].splitlines())) == [
        {"id": str(item["id"]), "name": item["name"]} for item in vendor_records(257)
    ]
    assert json.loads(found["JSON"]) == vendor_records(257)
    assert [json.loads(line) for line in found["NDJSON"].splitlines()] == vendor_records(257)


def test_import_to_published(page: Page, sign_in: SignIn, cast: Cast, worker: Worker, vendor: VendorServer) -> None:
    sign_in(cast.alice)
    page.goto("/integrations/")
    page.get_by_role("link", name="Add OpenAPI Integration").first.click()
    page.get_by_label("Text").fill("this is no document")
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("The file holds plain text, not an OpenAPI document.").first).to_be_visible()
    assert page.get_by_label("Text").input_value() == "this is no document"
    page.get_by_label("Text").fill("")
    page.get_by_label("URL").fill(f"{vendor.url}/openapi.json")
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("heading", name="Import report")).to_be_visible()
    expect(page.get_by_text("14 operations").or_(page.get_by_text("14 actions")).first).to_be_visible()
    page.get_by_role("link", name="Continue").first.click()
    for _ in range(8):
        go_on(page)
    heading(page, "Edit actions")
    page.get_by_role("link", name="Continue to Finalize").click()
    page.get_by_role("link", name="Finalize", exact=True).last.click()
    page.get_by_role("dialog").get_by_role("button", name="Finalize again").click()
    expect(page.get_by_role("radio", name="Draft")).to_be_disabled()
    integration = Integration.objects.get()
    assert (integration.name, integration.status, integration.current is not None) == ("Sample Vendor", "hidden", True)
