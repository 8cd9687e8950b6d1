"""Starting from a template in a real browser: search while typing, filter, choose, get a draft."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from integrations import templates
from integrations.models import Integration, User
from tests.browser.browser import SignIn
from tests.integrations.test_templates import CATALOGUE


def test_template_is_found_and_becomes_a_draft(page: Page, sign_in: SignIn, bob: User) -> None:
    templates.import_catalogue(CATALOGUE.encode(), source="catalogue.yaml")
    sign_in(bob)
    page.goto("/integrations/new/")
    page.get_by_role("link", name="start from a template").click()
    tiles = page.get_by_role("list").filter(has=page.get_by_role("heading", level=2)).get_by_role("listitem")
    expect(tiles).to_have_count(2)

    page.get_by_label("Category").select_option("crm")
    expect(tiles).to_have_count(1)
    page.get_by_label("Search templates").press_sequentially("har")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    page.get_by_label("Category").select_option("")
    expect(tiles).to_have_count(1)
    expect(page).to_have_url(re.compile(r"\?q=har&category=$"))

    page.get_by_role("link", name="Harbor").click()
    expect(page.get_by_text("https://{{settings.region}}.harbor.example/v2")).to_be_visible()
    page.get_by_label("Name of the integration").fill("Our ships")
    page.get_by_role("button", name="Create draft integration").click()
    expect(page.get_by_text("The draft Our ships is there")).to_be_visible()
    assert Integration.objects.get().name == "Our ships"
