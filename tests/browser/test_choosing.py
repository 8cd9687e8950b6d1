"""Choosing operations in the browser: a large document goes in, its progress survives a reload, what is ticked comes out."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from actions import imports
from actions.models import Action, Import
from tests.actions.test_imports import large_document
from tests.backends import Worker
from tests.browser.browser import SignIn
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_large_document_is_chosen_from_and_imported(page: Page, sign_in: SignIn, cast: Cast, worker: Worker) -> None:
    sign_in(cast.bob)
    page.goto("/integrations/import/")
    page.set_input_files("input[type=file]", {"name": "large.json", "mimeType": "application/json", "buffer": large_document(900)})
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("progressbar").or_(page.get_by_role("button", name="Import 900 actions")).first).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Import 900 actions")).to_be_visible()

    # A tick, a group, a search with all and none: the server keeps each of them.
    page.get_by_role("checkbox", name="Get thing 1 /things1/{id}").uncheck()
    expect(page.get_by_role("button", name="Import 899 actions")).to_be_visible()
    page.get_by_role("checkbox", name="Select tag 2").click()
    expect(page.get_by_role("button", name="Import 809 actions")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Select tag 1")).to_have_attribute("aria-checked", "mixed")
    page.get_by_role("searchbox", name="Search operations").fill("/things11/")
    page.get_by_role("button", name="Leave these out").click()
    expect(page.get_by_role("button", name="Import 808 actions")).to_be_visible()
    page.reload()
    expect(page.get_by_role("searchbox", name="Search operations")).to_have_value("/things11/")
    expect(page.get_by_role("checkbox", name="Get thing 11 ")).not_to_be_checked()
    page.get_by_role("button", name="Import 808 actions").click()
    expect(page.get_by_text("808 operations imported from large.json").first).to_be_visible()
    left_out = {1, 11, *range(2, 900, 10)}
    assert {action.key for action in Action.objects.all()} == {f"thing{n}" for n in range(900) if n not in left_out}


def test_an_import_is_cancelled_while_it_waits(page: Page, sign_in: SignIn, cast: Cast) -> None:
    sign_in(cast.bob)
    job = imports.start(organization=cast.msp, user=cast.bob, kind="file", source="x.json", document=large_document(900))
    page.goto(f"/integrations/import/{job.pk}/")
    page.get_by_role("button", name="Cancel import").click()
    expect(page.get_by_text("The import of x.json is cancelled.").first).to_be_visible()
    assert Import.objects.get().state == Import.State.CANCELLED
