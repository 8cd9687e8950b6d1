"""Try it in the browser: settings that do not work are replaced by those that do."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from integrations.definition import LinkPagination
from tests.browser.browser import SignIn
from tests.cast import Cast, MakeIntegration
from tests.vendor.server import VendorServer

pytestmark = pytest.mark.django_db(transaction=True)


def test_settings_are_tried_before_they_are_saved_and_taken_over(
    page: Page, sign_in: SignIn, cast: Cast, vendor: VendorServer, make_integration: MakeIntegration
) -> None:
    auth = {"type": "apikey", "apiKeyName": "X-API-Key"}
    draft = make_integration(base_uri=vendor.url, status="draft", auth=auth, pagination={"type": "link", "nextPageKey": "next"})
    sign_in(cast.bob)
    page.goto(f"/integrations/{draft.slug}/edit/pagination/")
    page.get_by_label("Results key").fill("rows")
    page.get_by_label("Path of a list").fill("/faults/quirks/guarded")
    page.get_by_label("API key").fill("k-123")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("Other settings work")).to_be_visible()
    expect(page.get_by_text("The results key rows matches nothing in the answer.")).to_be_visible()
    expect(page.get_by_text("Page 3 has 5 new ids, none repeated.")).to_be_visible()
    expect(page.get_by_label("API key")).to_have_value("k-123")
    page.get_by_role("button", name="Use these settings").click()
    expect(page.get_by_text("Link pagination is saved.").first).to_be_visible()
    expect(page.get_by_label("Results key")).to_have_value("items")
    draft.refresh_from_db()
    assert draft.working.definition.pagination == LinkPagination(results_key="items", next_page_key="next")
