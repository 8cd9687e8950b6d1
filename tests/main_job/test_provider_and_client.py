"""A provider and a client in a real browser: the one builds, publishes, lets the other in and maps its clients with one CSV file; the
other finds, connects and runs, as the customer of the vendor that the provider says it is.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Page, expect

from integrations.models import InstallRequest, Organization, User
from tests.backends import Worker
from tests.browser.browser import SignIn
from tests.cast import Cast
from tests.main_job.test_in_the_browser import add_and_rename_actions, connect, describe, finalize_and_publish, run_and_watch
from tests.vendor.server import VendorServer

pytestmark = pytest.mark.django_db(transaction=True)

ACTION = "/faults/pages?total=257&customer={{mapping.id}}"


@pytest.fixture
def clients(cast: Cast) -> list[Organization]:
    """Twenty-five of them, Client A among them; Client B stays without a customer."""
    practices = [
        Organization.objects.create(name=f"Practice {number:02}", slug=f"practice-{number:02}", parent=cast.msp) for number in range(24)
    ]
    return [cast.client_a, *practices]


def ask_first(page: Page) -> None:
    """In the wizard's first step: clients have to ask."""
    page.goto("/integrations/vendor/edit/details/")
    page.get_by_label("Sharing").select_option("ask")
    page.get_by_role("button", name="Save and continue").click()
    expect(page.get_by_role("heading", name="Host and method")).to_be_visible()


def map_by_csv(page: Page, clients: list[Organization], folder: Path) -> None:
    """Export, fill in the customers as one would in a spreadsheet, import: one file for all of them."""
    page.goto("/integrations/vendor/")
    page.get_by_role("navigation", name="Integration").get_by_role("link", name="Mapping").click()
    expect(page.locator("#mapping")).to_contain_text("0 of 26 mapped")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    with download.value.path().open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 26
    wanted = {client.slug for client in clients}
    for row in rows:
        if row["organization"] in wanted:
            row["value"], row["label"] = customer_of(row["organization"]), row["name"].upper()
    filled = folder / "filled.csv"
    with filled.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    page.get_by_role("link", name="Import CSV").click()
    page.get_by_role("dialog").get_by_label("CSV file").set_input_files(filled)
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("Imported: 25 mapped, 1 as before.")).to_be_visible()
    expect(page.locator("#mapping")).to_contain_text("25 of 26 mapped")


def customer_of(slug: str) -> str:
    return f"C-{slug.upper()}"


def work_as(page: Page, sign_in: SignIn, user: User) -> None:
    """Another person sits down at another browser."""
    page.context.clear_cookies()
    sign_in(user)
    page.goto("/integrations/")


def test_provider_builds_publishes_approves_and_maps_25_clients_and_client_finds_connects_and_runs(
    page: Page, sign_in: SignIn, cast: Cast, clients: list[Organization], worker: Worker, vendor: VendorServer, tmp_path: Path
) -> None:
    sign_in(cast.alice)
    page.goto("/integrations/")
    describe(page, vendor)
    add_and_rename_actions(page, ACTION)
    finalize_and_publish(page)
    ask_first(page)

    # The client finds it by a word, and asks.
    work_as(page, sign_in, cast.carol)
    page.get_by_label("Search integrations").fill("records by page")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Ask").click()
    page.get_by_label("What you need it for").fill("Month end")
    page.get_by_role("button", name="Ask to connect").click()
    expect(page.get_by_text("Managed Services has been asked. The answer will stand here.")).to_be_visible()
    expect(page.get_by_role("link", name="Connect", exact=True)).to_have_count(0)

    # The provider sees that somebody waits, approves with a note, and says which customer of the vendor each client is.
    work_as(page, sign_in, cast.alice)
    page.get_by_role("link", name="Decide").click()
    row = page.get_by_role("row", name=re.compile("Client A"))
    expect(row).to_contain_text("Month end")
    row.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Client A can connect to Vendor.")).to_be_visible()
    assert InstallRequest.objects.get().state == "approved"
    map_by_csv(page, clients, tmp_path)

    # The client finds it again, connects with credentials of its own, and runs as that customer.
    work_as(page, sign_in, cast.carol)
    page.get_by_label("Search integrations").fill("records by page")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Vendor").first.click()
    connect(page)
    vendor.clear()
    run_and_watch(page, vendor)
    asked = [parse_qs(request.query)["customer"] for request in vendor.requests if request.path == "/faults/pages"]
    assert asked == [["C-CLIENT-A"]] * 3  # 257 records, 100 a page
