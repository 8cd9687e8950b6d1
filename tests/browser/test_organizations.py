"""What only a browser shows of organizations: the switcher that searches while one types, and a dialog that finalizes with a note."""

from __future__ import annotations

from django.urls import reverse
from playwright.sync_api import Page, expect

from integrations import services as integrations
from integrations.models import Organization, User
from tests.browser.browser import SignIn
from tests.cast import MakeIntegration


def test_switcher_finds_an_organization_among_many_and_works_as_it(page: Page, sign_in: SignIn, alice: User, msp: Organization) -> None:
    for number in range(30):
        Organization.objects.create(name=f"Clinic {number}", parent=msp)
    sign_in(alice)
    page.goto(reverse("connection-list"))
    page.locator(".organization summary").click()
    choices = page.locator(".organization button.menu-item")
    expect(choices).to_have_count(20)
    page.get_by_label("Search organizations to work as").press_sequentially("clinic 29")
    expect(choices).to_have_count(1)
    choices.click()
    expect(page.locator(".organization summary")).to_contain_text("Clinic 29")
    expect(page).to_have_url(f"{page.url.split('/connections')[0]}{reverse('connection-list')}")


def test_finalizing_in_the_dialog_keeps_the_note(page: Page, sign_in: SignIn, make_integration: MakeIntegration, bob: User) -> None:
    integration = make_integration()
    integrations.change_definition(integration=integration, api_base_uri="https://new.example.com")
    sign_in(bob)
    page.goto(reverse("wizard-step", args=[integration.slug, "finalize"]))
    expect(page.locator("#difference")).to_contain_text("https://new.example.com")
    page.get_by_role("link", name="Finalize", exact=True).click()
    page.get_by_role("dialog").get_by_label("Note").fill("New host")
    page.get_by_role("button", name="Finalize again").click()
    expect(page.get_by_text("Revision 2 is finalized.", exact=True)).to_be_visible()
    page.goto(reverse("integration-history", args=[integration.slug]))
    expect(page.get_by_role("row").nth(1)).to_contain_text("New host")
