"""Webhooks in the browser: an address is opened, a vendor sends to it, an event starts an action and is sent on."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from actions.models import Run, Trigger
from connections.models import WebhookEndpoint, WebhookEvent
from connections.webhooks import work
from tests.browser.browser import SignIn
from tests.cast import Cast, MakeConnection, MakeIntegration
from tests.connections.webhooks.senders import SECRET, github, sent

ACTION = {
    "name": "Close ticket",
    "method": "POST",
    "path": "/tickets/{number}/close",
    "parameters": [{"name": "number", "in": "path", "required": True}],
}


def test_address_is_opened_and_an_event_starts_an_action_and_is_delivered_again(
    page: Page, sign_in: SignIn, cast: Cast, live_server: LiveServer, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    connection = make_connection(make_integration(actions=[ACTION]))
    sign_in(cast.carol)
    page.goto(reverse("connection-detail", args=[connection.pk]))
    page.get_by_role("navigation", name="Connection").get_by_role("link", name="Webhooks").click()
    page.get_by_label("How messages prove where they come from").select_option("GitHub")
    page.get_by_label("Secret").fill(SECRET)
    page.get_by_role("button", name="Open an address").click()
    expect(page.get_by_text("Nothing has arrived yet")).to_be_visible()
    address = page.locator("#webhook-address").inner_text()
    assert SECRET not in page.content()

    page.get_by_label("Action", exact=True).select_option("Close ticket")
    page.get_by_role("button", name="Start this action").click()
    page.get_by_label("Kinds of events").fill("issues")
    page.get_by_label("number").fill("{{event.body.number}}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="Close ticket")).to_be_visible()

    target = urlsplit(address).path
    assert sent(live_server.url, target, *github({"number": 7}))[0] == 200
    assert sent(live_server.url, target, *github({"number": 8}, secret="forged"))[0] == 401
    work.work(WebhookEvent.objects.get(verdict="verified").pk)
    page.reload()
    table = page.get_by_role("region", name="What arrived")
    expect(table.get_by_text("Verified")).to_have_count(1)
    expect(table.get_by_text("Rejected")).to_have_count(1)
    page.get_by_label("Check").select_option("Verified")
    page.get_by_role("button", name="Filter").click()
    expect(table.get_by_text("Rejected")).to_have_count(0)
    table.get_by_role("link").click()
    expect(page.get_by_role("link", name="A run was started")).to_be_visible()
    expect(page.get_by_text('"number": 7')).to_be_visible()
    page.get_by_role("button", name="Redeliver").click()
    expect(page.get_by_text("is done once more")).to_be_visible()
    work.work(WebhookEvent.objects.get(verdict="verified").pk)
    assert [run.inputs for run in Run.objects.all()] == [{"number": 7}] * 2
    assert Trigger.objects.get().owner == cast.carol


def test_secret_for_what_is_sent_on_is_shown_once_and_the_address_is_closed(
    page: Page, sign_in: SignIn, cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    connection = make_connection(make_integration())
    sign_in(cast.carol)
    page.goto(reverse("connection-webhooks", args=[connection.pk]))
    page.get_by_role("button", name="Open an address").click()
    page.get_by_label("Forward to").fill("https://hooks.example/in")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="It is shown only now")).to_be_visible()
    secret = page.locator("#webhook-secret").inner_text()
    assert secret.startswith("whsec_")
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_label("Forward to")).to_have_value("https://hooks.example/in")
    assert secret not in page.content()
    page.get_by_role("button", name="Close", exact=True).click()
    page.get_by_role("button", name="Close the address").click()
    expect(page.get_by_role("button", name="Open an address")).to_be_visible()
    assert WebhookEndpoint.objects.count() == 0
