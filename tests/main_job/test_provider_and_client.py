"""A provider and a client in a real browser: the one builds, publishes and lets the other in; the other finds, connects and runs."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from integrations.models import InstallRequest
from tests.backends import Worker
from tests.browser.browser import SignIn
from tests.cast import Cast
from tests.main_job.test_in_the_browser import add_and_rename_actions, connect, describe, finalize_and_publish, run_and_watch
from tests.vendor.server import VendorServer

pytestmark = pytest.mark.django_db(transaction=True)


def ask_first(page: Page) -> None:
    """In the wizard's first step: clients have to ask."""
    page.goto("/integrations/vendor/edit/details/")
    page.get_by_label("Sharing").select_option("ask")
    page.get_by_role("button", name="Save and continue").click()
    expect(page.get_by_role("heading", name="Host and method")).to_be_visible()


def test_provider_builds_publishes_and_approves_and_client_finds_connects_and_runs(
    page: Page, sign_in: SignIn, cast: Cast, worker: Worker, vendor: VendorServer
) -> None:
    sign_in(cast.alice)
    page.goto("/integrations/")
    describe(page, vendor)
    add_and_rename_actions(page)
    finalize_and_publish(page)
    ask_first(page)

    # The client finds it by a word, and asks.
    page.context.clear_cookies()
    sign_in(cast.carol)
    page.goto("/integrations/")
    page.get_by_label("Search integrations").fill("records by page")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Ask").click()
    page.get_by_label("What you need it for").fill("Month end")
    page.get_by_role("button", name="Ask to connect").click()
    expect(page.get_by_text("Managed Services has been asked. The answer will stand here.")).to_be_visible()
    expect(page.get_by_role("link", name="Connect", exact=True)).to_have_count(0)

    # The provider sees that somebody waits, and approves.
    page.context.clear_cookies()
    sign_in(cast.alice)
    page.goto("/integrations/")
    page.get_by_role("link", name="Decide").click()
    row = page.get_by_role("row", name=re.compile("Client A"))
    expect(row).to_contain_text("Month end")
    row.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Client A can connect to Vendor.")).to_be_visible()
    assert InstallRequest.objects.get().state == "approved"

    # The client connects with credentials of its own, and runs.
    page.context.clear_cookies()
    sign_in(cast.carol)
    page.goto("/integrations/vendor/")
    connect(page)
    run_and_watch(page, vendor)
