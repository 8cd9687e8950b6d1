"""A connection's own test in the browser: it is tested before it is saved, and says what to do."""

from __future__ import annotations

import json
from typing import Any

from django.urls import reverse
from playwright.sync_api import Page, expect

from connections.models import Connection
from tests.browser.browser import SignIn
from tests.cast import Cast, MakeIntegration
from tests.connections.server import Handler, serving


def answer(to: Handler) -> None:
    ok = to.headers["X-API-Key"] == "the-right-key"
    found: Any = {"ok": ok, "error": None if ok else "invalid_auth"}
    to.reply(200, json.dumps(found).encode(), Content_Type="application/json")


def test_connection_is_tested_with_its_own_success_path_before_it_is_saved(
    page: Page, sign_in: SignIn, cast: Cast, make_integration: MakeIntegration
) -> None:
    with serving(answer) as server:
        integration = make_integration(base_uri=server.url, auth={"type": "apikey", "apiKeyName": "X-API-Key"}, ping={"uri": "/me"})
        sign_in(cast.carol)
        page.goto(reverse("connection-new", args=[integration.slug]))
        page.locator("[name=name]").fill("Slack")
        page.get_by_label("API key").fill("a-wrong-key")
        page.get_by_text("Connection test", exact=True).click()
        page.get_by_role("textbox", name="Success path").fill("ok")
        page.get_by_role("button", name="Test connection").click()
        failed = page.get_by_role("alert")
        expect(failed).to_contain_text("The test failed")
        expect(failed).to_contain_text("decided by ok = false")
        failed.get_by_text("Request and answer").click()
        expect(failed).to_contain_text("X-API-Key: •••")
        page.get_by_label("API key").fill("the-right-key")
        page.get_by_role("button", name="Test connection").click()
        expect(page.get_by_text("The connection works")).to_be_visible()
        page.get_by_role("button", name="Save connection").click()
        page.wait_for_url("**/connections/*/?test=1")
        expect(page.get_by_text("The connection works")).to_be_visible()  # the page tests by itself
    connection = Connection.objects.get()
    assert (connection.options["ping"]["successPath"], connection.state) == ("ok", "working")


def test_network_is_folded_and_takes_a_certificate_authority(
    page: Page, sign_in: SignIn, cast: Cast, make_integration: MakeIntegration
) -> None:
    integration = make_integration(auth={"type": "bearer"})
    sign_in(cast.carol)
    page.goto(reverse("connection-new", args=[integration.slug]))
    page.locator("[name=name]").fill("Own server")
    page.get_by_label("Token").first.fill("t0ken-value")
    page.get_by_text("Network", exact=True).click()
    page.get_by_label("Certificate authorities to trust").fill("not a certificate")
    page.get_by_role("button", name="Save connection").click()
    expect(page.get_by_text("Enter the certificate in PEM form").first).to_be_visible()
    page.get_by_label("Certificate authorities to trust").fill("")
    page.get_by_label("Verify the server's certificate").select_option("no")
    page.get_by_role("button", name="Save connection").click()
    expect(page.get_by_text("The server's certificate is not verified").first).to_be_visible()
