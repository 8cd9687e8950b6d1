"""A person makes a token, and agrees that an application acts for them, in a real browser."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Page

from integrations.access import applications
from tests.api.calls import Caller
from tests.api.test_access import CHALLENGE
from tests.browser.browser import SignIn
from tests.cast import Cast
from tests.vendor.server import VendorServer

SHOTS = os.environ.get("SHOTS", "")  # a folder for pictures of the pages, for whoever changes them


def picture(page: Page, name: str) -> None:
    if SHOTS:
        for width in (1280, 390):
            for theme in ("light", "dark"):
                page.set_viewport_size({"width": width, "height": 900})
                page.emulate_media(color_scheme=theme)
                page.screenshot(path=str(Path(SHOTS) / f"{name}-{width}-{theme}.png"), full_page=True)
        page.set_viewport_size({"width": 1280, "height": 900})


@pytest.mark.django_db(transaction=True)
def test_person_makes_a_token_sees_its_use_and_revokes_it(page: Page, cast: Cast, sign_in: SignIn) -> None:
    sign_in(cast.bob)
    page.goto("/account/")
    page.get_by_role("link", name="API access").first.click()
    picture(page, "empty")
    page.get_by_role("link", name="New token").click()
    page.get_by_label("Name").fill("Nightly export")
    page.get_by_label("Everything that you may do").uncheck()
    page.get_by_label("See runs and read their records").check()
    picture(page, "token-new")
    page.get_by_role("button", name="Make token").click()
    token = page.locator("#made-token").inner_text()
    picture(page, "token-made")
    assert Caller(bearer=token)("GET", "runs") == []
    applications.create(user=cast.bob, name="Export of invoices", kind="script", redirect_uris=[], scopes=["runs:read", "runs:write"])
    page.get_by_role("link", name="I have copied it").click()
    assert page.get_by_role("row", name="Nightly export").inner_text().split("\n")[0] == "Nightly export"
    assert "just now" in page.get_by_role("row", name="Nightly export").inner_text()
    picture(page, "index")
    page.get_by_role("button", name="Revoke", exact=True).click()
    page.get_by_role("button", name="Revoke token").click()
    page.get_by_text("Nightly export is revoked.").first.wait_for()
    Caller(bearer=token)("GET", "runs", expect=401)
    page.goto("/account/access/applications/new/")
    picture(page, "application-new")
    page.get_by_label("Name").fill("Dashboard")
    page.get_by_role("button", name="Make application").click()
    picture(page, "application-made")


@pytest.mark.django_db(transaction=True)
def test_person_agrees_and_the_browser_goes_back_to_the_application(
    page: Page, cast: Cast, sign_in: SignIn, vendor: VendorServer, complaints: list[str]
) -> None:
    back = f"{vendor.url}/back"
    made, _ = applications.create(
        user=cast.alice, name="Dashboard", kind="native", redirect_uris=[back], scopes=["integrations:read", "runs:read"]
    )
    sign_in(cast.carol)
    query = {"response_type": "code", "client_id": made.client_id, "redirect_uri": back, "state": "xyz", "code_challenge": CHALLENGE,
             "code_challenge_method": "S256"}  # fmt: skip
    page.goto(f"/o/authorize/?{urlencode(query)}")
    picture(page, "authorize")
    page.get_by_role("button", name="Allow", exact=True).click()
    page.wait_for_url(f"{back}?**")
    arrived = parse_qs(urlsplit(page.url).query)
    assert (arrived["state"], len(arrived["code"])) == (["xyz"], 1)
    complaints.clear()  # the vendor has no such page
    page.goto("/o/authorize/?client_id=nobody&response_type=code")
    picture(page, "authorize-error")
    assert "is not known, or was deleted" in page.get_by_role("alert").inner_text()
    complaints.clear()  # the status is 400
