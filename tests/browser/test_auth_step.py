"""The step Authentication in the browser: fields follow the grant, rows are added, what is hidden stays."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Page, expect

from integrations.models import Integration
from tests.browser.browser import SignIn
from tests.cast import Cast, MakeIntegration


def auth_of(integration: Integration) -> Any:
    return Integration.objects.get(pk=integration.pk).working.definition.auth


def test_fields_follow_the_grant_and_what_is_hidden_stays(
    page: Page, sign_in: SignIn, cast: Cast, make_integration: MakeIntegration
) -> None:
    auth = {
        "type": "oauth2",
        "grantType": "authorization_code",
        "authUri": "https://a.example.com/authorize",
        "tokenUri": "https://a.example.com/t",
    }
    integration = make_integration(status="draft", auth=auth)
    sign_in(cast.bob)
    page.goto(reverse("wizard-step", args=[integration.slug, "auth"]))
    expect(page.get_by_label("Authorization URL")).to_be_visible()
    expect(page.get_by_label("Redirect URI", exact=True)).to_have_value(f"{settings.PUBLIC_URL}/oauth2/callback")
    expect(page.get_by_text("Authorization request", exact=True)).to_be_visible()
    page.get_by_label("Client credentials").check()
    for hidden in (
        page.get_by_label("Authorization URL"),
        page.get_by_label("Redirect URI", exact=True),
        page.get_by_text("Authorization request", exact=True),
    ):
        expect(hidden).to_be_hidden()
    page.get_by_role("button", name="Save and continue").click()
    expect(page.get_by_role("heading", name="Pagination type")).to_be_visible()
    assert (auth_of(integration).grant_type, auth_of(integration).auth_uri) == ("client_credentials", "https://a.example.com/authorize")


def test_rows_of_steps_are_added_and_removed(page: Page, sign_in: SignIn, cast: Cast, make_integration: MakeIntegration) -> None:
    step = {"url": "https://api.example.com/old"}
    integration = make_integration(status="draft", auth={"type": "login", "steps": [step]})
    sign_in(cast.bob)
    page.goto(reverse("wizard-step", args=[integration.slug, "auth"]))
    steps = page.get_by_role("group", name="Steps")
    steps.get_by_role("button", name="Add a step").click()
    urls = steps.get_by_label("URL")
    expect(urls).to_have_count(3)
    urls.nth(1).fill("https://api.example.com/login")
    urls.nth(2).fill("https://api.example.com/token")
    steps.get_by_text("What it sends and what it yields").nth(2).click()
    steps.get_by_label("Parameters").nth(2).fill('{"session": "{{steps.1.id}}"}')
    steps.get_by_role("button", name="Remove this row").first.click()
    page.get_by_role("button", name="Save and leave").click()
    expect(page.get_by_role("heading", name="Sample")).to_be_visible()
    assert [(one.url, one.params) for one in auth_of(integration).steps] == [
        ("https://api.example.com/login", {}),
        ("https://api.example.com/token", {"session": "{{steps.1.id}}"}),
    ]
