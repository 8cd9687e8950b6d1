"""The browser of the tests notices what a person would see in the console."""

from __future__ import annotations

from playwright.sync_api import Page

from integrations.models import User
from tests.browser.browser import SignIn


def test_page_notices_errors_and_what_the_content_policy_forbids(page: Page, complaints: list[str]) -> None:
    page.goto("/api/docs/")
    page.get_by_role("heading", name="Junction").wait_for()
    assert complaints == []

    page.evaluate("console.error('It broke.')")
    page.evaluate("document.head.append(Object.assign(document.createElement('style'), {textContent: 'body {color: red}'}))")
    page.wait_for_function("true")
    first, second = complaints
    assert first.startswith("It broke.")
    assert "violates the following Content Security Policy directive" in second
    complaints.clear()


def test_sign_in_gives_the_browser_the_session_of_a_user(page: Page, sign_in: SignIn, alice: User) -> None:
    sign_in(alice)
    answer = page.request.get("/api/integrations")
    assert (answer.status, answer.json()["_embedded"]) == (200, {"inf:integration": []})
