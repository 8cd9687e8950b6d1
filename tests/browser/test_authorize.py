"""Authorizing in the browser, where cookies, content policy and windows are real: whole page, popup, a vendor that posts its answer."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from connections.models import Connection
from tests.browser.browser import SignIn
from tests.cast import Cast, MakeConnection, MakeIntegration
from tests.connections.test_authorization import CLIENT, agree_auth
from tests.vendor.server import VendorServer


@pytest.fixture
def connection(
    live_server: LiveServer,
    settings: Settings,
    sign_in: SignIn,
    vendor: VendorServer,
    make_integration: MakeIntegration,
    make_connection: MakeConnection,
    cast: Cast,
    request: pytest.FixtureRequest,
) -> Connection:
    """A connection that nobody has agreed to yet; carol is signed in. The vendor is another site (127.0.0.1, not localhost)."""
    settings.PUBLIC_URL = live_server.url
    auth = agree_auth(vendor, **getattr(request, "param", {}))
    integration = make_integration(base_uri=f"{vendor.url}/agree", auth=auth, ping={"method": "GET", "uri": "/me"})
    sign_in(cast.carol)
    return make_connection(integration, credentials=CLIENT)


def test_whole_page_goes_to_the_vendor_and_comes_back_working(page: Page, connection: Connection) -> None:
    page.goto(reverse("connection-detail", args=[connection.pk]))
    expect(page.get_by_role("alert")).to_contain_text("Needs authorization")
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_role("heading", name="Sample identity")).to_be_visible()
    page.get_by_role("button", name="Agree").click()
    expect(page.locator("#test-fact")).to_contain_text("Working")
    expect(page.get_by_role("region", name="Token events")).to_contain_text("Somebody agreed on the vendor's page")


def test_popup_tells_the_page_that_opened_it(page: Page, connection: Connection) -> None:
    page.goto(reverse("connection-detail", args=[connection.pk]))
    with page.expect_popup() as opened:
        page.get_by_role("button", name="In a new window").click()
    popup = opened.value
    expect(popup.get_by_role("heading", name="Sample identity")).to_be_visible()
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Agree").click()
    expect(page.locator("#test-fact")).to_contain_text("Working")


def test_declining_in_the_popup_stays_to_be_read(page: Page, connection: Connection) -> None:
    page.goto(reverse("connection-detail", args=[connection.pk]))
    with page.expect_popup() as opened:
        page.get_by_role("button", name="In a new window").click()
    popup = opened.value
    popup.get_by_role("button", name="Decline").click()
    expect(popup.get_by_role("alert")).to_contain_text("Access was not granted")
    expect(page.get_by_role("alert")).to_contain_text("Needs authorization")


@pytest.mark.parametrize("connection", [{"authorizationParams": {"response_mode": "form_post"}}], indirect=True)
def test_vendor_that_posts_its_answer_is_understood(page: Page, connection: Connection) -> None:
    page.goto(reverse("connection-detail", args=[connection.pk]))
    page.get_by_role("button", name="Authorize").click()
    page.get_by_role("button", name="Agree").click()
    page.get_by_role("button", name="Back to the app").click()
    expect(page.locator("#test-fact")).to_contain_text("Working")
    # The forms of the page still work: the vendor's form has not cost the browser its tokens.
    page.get_by_role("button", name="Refresh now").click()
    expect(page.locator("#messages")).to_contain_text("A new token was fetched.")
