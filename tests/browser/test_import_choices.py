"""What a document leaves open, in the browser: a way to authenticate is chosen, a repaired reference is undone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.actions.test_import_choices import SCHEMES, drafted
from tests.browser.browser import SignIn
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_way_to_authenticate_is_chosen_and_fills_the_form(page: Page, sign_in: SignIn, cast: Cast) -> None:
    integration = drafted(cast, components={"securitySchemes": SCHEMES}, security=[])
    sign_in(cast.bob)
    page.goto(f"/integrations/{integration.slug}/edit/auth/")
    page.get_by_role("button", name="Use this: login, OAuth 2.0").last.click()
    expect(page.get_by_label("Authorization URL")).to_have_value("https://auth.example.com/agree")
    expect(page.get_by_label("Access token URL")).to_have_value("https://auth.example.com/token")
    expect(page.locator("#document-choices").get_by_text("Chosen")).to_have_count(1)
