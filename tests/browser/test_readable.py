"""Pages stay readable when names are long and screens small: nothing reaches beside the page, and no column becomes a strip of letters."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse
from playwright.sync_api import Page, ViewportSize, expect

from actions import importing
from integrations.models import AuditEntry, Integration, User
from tests.browser.browser import SignIn
from tests.cast import Cast
from tests.integrations.openapi.documents import get, openapi

pytestmark = pytest.mark.django_db(transaction=True)

LONG = "/repositories/{username}/{repo_slug}/pullrequests/{pull_request_id}/comments/{comment_id}"
PHONE: ViewportSize = {"width": 390, "height": 844}


def imported(cast: Cast) -> Integration:
    """An operation without a summary: its action is named by method and path, one word that is wider than a phone."""
    parameters = [{"name": name, "in": "path", "required": True} for name in ("username", "repo_slug", "pull_request_id", "comment_id")]
    document = json.dumps(openapi({LONG: get(summary=f"GET {LONG}", parameters=parameters)})).encode()
    return importing.import_document(data=document, organization=cast.msp, user=cast.bob, source="api.json").integration


def width(page: Page) -> int:
    """How far the page reaches to the right, in pixels."""
    return int(page.evaluate("document.documentElement.scrollWidth"))


def test_a_long_name_of_an_action_keeps_within_a_phone(page: Page, sign_in: SignIn, cast: Cast) -> None:
    integration = imported(cast)
    action = integration.working.actions.get()
    sign_in(cast.bob)
    page.set_viewport_size(PHONE)
    addresses = [
        reverse("integration-detail", args=[integration.slug]),
        reverse("integration-report", args=[integration.slug]),
        reverse("action-delete", args=[integration.slug, action.uid]),
        reverse("wizard-step", args=[integration.slug, "actions"]) + f"?action={action.uid}",
    ]
    found = {}
    for address in addresses:
        page.goto(address)
        expect(page.get_by_text(LONG).filter(visible=True).first).to_be_visible()
        page.evaluate("document.querySelectorAll('main details').forEach(one => { one.open = true })")
        found[address] = width(page)
    assert found == dict.fromkeys(addresses, 390)


def test_a_path_has_room_beside_a_long_name(page: Page, sign_in: SignIn, cast: Cast) -> None:
    integration = imported(cast)
    sign_in(cast.bob)
    page.goto(reverse("integration-detail", args=[integration.slug]))
    name, path = (page.get_by_role("row").nth(1).locator("td, th").nth(at).bounding_box() for at in (0, 1))
    assert name is not None
    assert path is not None
    assert 0.5 < path["width"] / name["width"] < 2


def test_what_an_entry_of_the_audit_log_holds_keeps_within_a_phone(page: Page, sign_in: SignIn, alice: User, cast: Cast) -> None:
    AuditEntry.objects.create(
        organization=cast.msp,
        organization_name="Managed Services",
        actor_name="Alice",
        kind="organization",
        verb="changed",
        object_id=str(cast.msp.pk),
        object_name="Managed Services",
        after={"description": "long " * 80},
    )
    sign_in(alice)
    page.set_viewport_size(PHONE)
    page.goto(reverse("audit-log"))
    page.locator("main summary").first.click()
    expect(page.locator("main details pre").first).to_be_visible()
    assert width(page) == 390


def test_navigation_is_a_landmark_and_its_switcher_says_what_it_does(page: Page, sign_in: SignIn, alice: User, cast: Cast) -> None:
    sign_in(alice)
    page.goto(reverse("organization-list"))
    expect(page.locator(".organization summary")).to_have_accessible_name("Switch organization: Managed Services")
    expect(page.get_by_role("complementary", name="Navigation").get_by_role("link", name="Junction")).to_be_visible()
