"""The pages of one import: the bar, the choice among many operations, what it leads to, who may see it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from actions import imports, services
from actions.catalogue import Catalogue, Selection
from actions.models import Action, Import, ImportContent
from integrations import services as integrations
from integrations.models import Integration
from integrations.operation import Operation
from tests.actions.test_imports import large_document, small_document
from tests.cast import Cast
from tests.pages import HTMX, signed_in, text

MANY = 22_000


@pytest.fixture
def browser(cast: Cast) -> Client:
    return signed_in(cast.bob)


def choosing(cast: Cast, count: int = 120) -> Import:
    job = imports.start(organization=cast.msp, user=cast.bob, kind="file", source="api.json", document=large_document(count), asks=True)
    imports.execute(job.pk)
    job.refresh_from_db()
    return job


def url(name: str, job: Import, query: str = "") -> str:
    return reverse(f"import-{name}", args=[job.pk]) + query


def chosen(job: Import) -> list[int]:
    job.refresh_from_db()
    return [number for number, mark in enumerate(bytes(job.selected)) if mark]


def boxes(response: Any) -> dict[str, str]:
    """The groups of the tree that an answer holds, with their state."""
    found = re.findall(r'aria-checked="(\w+)" aria-label="Select ([^"]+)"', response.content.decode())
    return {name: state for state, name in found}


def test_a_large_file_lands_on_its_progress_and_then_on_the_choice(browser: Client) -> None:
    response = browser.post(reverse("integration-import"), {"file": SimpleUploadedFile("large.json", large_document(800))}, follow=True)
    job = Import.objects.get()
    assert response.redirect_chain == [(url("detail", job), 302)]
    assert response.context["text"] == "Waiting for a worker"
    Import.objects.filter(pk=job.pk).update(phase="linting", lease_holder="x")
    response = browser.get(url("status", job), headers=HTMX)
    assert (response.context["text"], response.context["value"]) == ("Linting: looking for faults", 35)
    Import.objects.filter(pk=job.pk).update(lease_holder="")
    imports.execute(job.pk)
    assert browser.get(url("status", job), headers=HTMX)["HX-Redirect"] == url("detail", job)
    page = browser.get(url("detail", job))
    assert (page.context["chosen"], page.context["total"], len(page.context["rows"])) == (800, 800, 50)
    assert "Import 800 actions" in text(page)
    # Whoever comes back later finds it beside the form.
    assert list(browser.get(reverse("integration-import")).context["unfinished"]) == [job]
    response = browser.post(url("accept", job), follow=True)
    assert (response.context["text"], response.context["note"]) == ("Waiting for a worker", "")
    imports.execute(job.pk)
    response = browser.get(url("detail", job), follow=True)
    assert response.redirect_chain == [(reverse("integration-report", args=["large-api"]), 302)]
    assert response.context["action_count"] == 800


def test_choice_is_searched_and_filtered_on_the_server(browser: Client, cast: Cast) -> None:
    job = choosing(cast)
    page = browser.get(url("detail", job, "?q=thing 11&tag=tag 4"))
    assert [entry.name for entry, _ in page.context["rows"]] == ["Get thing 114"]
    assert [branch.name for branch in page.context["tree"]] == [f"tag {n}" for n in range(10)]
    assert browser.get(url("detail", job, "?method=DELETE")).context["rows"] == []
    part = browser.get(url("detail", job, "?page=3"), headers={**HTMX, "HX-Target": "choice-list"})
    assert part.templates[0].name == "imports/choice_list.html"
    assert [entry.number for entry, _ in part.context["rows"]] == list(range(100, 120))


def test_ticks_of_a_page_change_only_what_the_page_shows(browser: Client, cast: Cast) -> None:
    job = choosing(cast)
    response = browser.post(url("select", job), {"shown": [0, 1, 2], "number": [1, 700]}, headers=HTMX)
    assert chosen(job) == [1, *range(3, 120)]
    assert boxes(response) == {"tag 0": "mixed", "tag 2": "mixed"}  # the others have not changed
    assert "Import 118 actions" in text(response)


def test_all_and_none_are_of_what_the_search_shows(browser: Client, cast: Cast) -> None:
    job = choosing(cast)
    browser.post(url("select", job), {"set": "none"})
    assert chosen(job) == []
    response = browser.post(url("select", job), {"set": "all", "q": "thing 11"}, headers=HTMX)
    assert chosen(job) == [11, *range(110, 120)]
    assert boxes(response)["tag 1"] == "mixed"
    browser.post(url("select", job), {"group": "tag 1", "q": "thing 11"}, headers=HTMX)
    assert chosen(job) == sorted({11, *range(110, 120), *range(1, 120, 10)})
    browser.post(url("select", job), {"group": "tag 1"}, headers=HTMX)
    assert chosen(job) == [110, *range(112, 120)]
    assert browser.post(url("select", job), {"group": "tag 2", "tag": "tag 2"})["Location"] == url("detail", job, "?tag=tag+2")


def test_nothing_selected_cannot_be_imported(browser: Client, cast: Cast) -> None:
    job = choosing(cast)
    browser.post(url("select", job), {"set": "none"})
    response = browser.post(url("accept", job), follow=True)
    assert [str(message) for message in response.context["messages"]] == [
        "No operation is selected. Select at least one, or cancel the import."
    ]


def test_a_small_document_is_chosen_from_when_asked(browser: Client) -> None:
    response = browser.post(reverse("integration-import"), {"text": small_document().decode(), "choose": "1"}, follow=True)
    job = Import.objects.get()
    assert (job.state, response.context["total"]) == (Import.State.CHOOSING, 3)
    browser.post(url("select", job), {"shown": [0, 1, 2], "number": [2]})
    browser.post(url("accept", job))
    assert [action.name for action in Action.objects.all()] == ["Get thing 2"]


def test_a_failed_import_shows_the_form_with_what_was_given(browser: Client, cast: Cast, settings: Any) -> None:
    settings.IMPORT_INLINE_BYTES = 0
    browser.post(reverse("integration-import"), {"text": "plain words"})
    job = Import.objects.get()
    imports.execute(job.pk)
    page = browser.get(url("detail", job))
    assert (page.status_code, [*page.context["form"].errors], page.context["form"]["text"].value()) == (200, ["text"], "plain words")


def test_cancelling_leads_back_to_the_form(browser: Client, cast: Cast) -> None:
    job = choosing(cast)
    response = browser.post(url("cancel", job), follow=True)
    assert [address for address, _ in response.redirect_chain] == [url("detail", job), reverse("integration-import")]
    assert "The import of Large API is cancelled." in text(response)
    job = imports.start(organization=cast.msp, user=cast.bob, kind="file", source="x.json", document=large_document(600))
    Import.objects.filter(pk=job.pk).update(lease_holder="a worker")
    response = browser.post(url("cancel", job), headers=HTMX)
    assert (response.context["text"], "Cancel import" in text(response)) == ("Cancelling", False)


@pytest.mark.parametrize(("user", "status"), [("carol", 404), ("eve", 404), ("alice", 200)])
def test_an_import_is_the_builders_of_its_organization(cast: Cast, user: str, status: int) -> None:
    job = choosing(cast)
    client = signed_in(getattr(cast, user))
    assert client.get(url("detail", job)).status_code == status
    assert client.get(url("status", job)).status_code == (302 if status == 200 else 404)
    if status == 404:
        for name in ("select", "accept", "cancel"):
            assert client.post(url(name, job), {"set": "none"}).status_code == 404
        assert len(chosen(job)) == 120


# --- 22,000 of them -------------------------------------------------------------------------------------------------------


@pytest.fixture
def many(cast: Cast) -> Integration:
    made = integrations.create(organization=cast.msp, user=cast.bob, name="Many")
    operations = (
        Operation(key=f"op{n}", name=f"Operation {n}", path=f"/things{n % 700}/{n}", tags=[f"tag {n % 700}"]) for n in range(MANY)
    )
    services.add_all(revision=made.working, operations=operations)
    return made


def size_and_queries(client: Client, address: str, django_assert_max_num_queries: Any, limit: int) -> tuple[int, Any]:
    with django_assert_max_num_queries(limit) as captured:
        response = client.get(address)
    assert isinstance(captured, CaptureQueriesContext)
    return len(response.content), response


def test_edit_actions_of_many_actions_takes_few_queries_and_small_pages(
    browser: Client, many: Integration, django_assert_max_num_queries: Any
) -> None:
    step = reverse("wizard-step", args=[many.slug, "actions"])
    for query in ("", "?page=400", "?q=things699/"):
        size, response = size_and_queries(browser, step + query, django_assert_max_num_queries, 20)
        assert (len(response.context["listed"]), size < 100_000) == (50 if "q" not in query else 31, True)
    data = {"field": "name", "pattern": "Operation", "replacement": "Op", "scope": "filtered", "q": "things1"}
    with django_assert_max_num_queries(25):  # roles are looked up each time where a request may change them
        preview = browser.post(reverse("action-rename", args=[many.slug]), data, headers=HTMX)
    assert len(preview.context["changes"]) == Action.objects.filter(path__startswith="/things1").count()
    assert len(preview.context["shown"]) == 200


def test_choice_among_many_operations_takes_few_queries_and_a_small_page(
    browser: Client, cast: Cast, django_assert_max_num_queries: Any
) -> None:
    job = imports.start(organization=cast.msp, user=cast.bob, kind="file", source="x.json", document=small_document(), asks=True)
    rows = Catalogue.of(Operation(name=f"Operation {n}", path="/x", tags=[f"tag {n % 300}"]) for n in range(MANY))
    ImportContent.objects.update(catalogue=imports._packed(rows.dump()))
    Import.objects.update(selected=Selection.everything(MANY).marks)
    size, page = size_and_queries(browser, url("detail", job), django_assert_max_num_queries, 15)
    assert (page.context["chosen"], page.context["page"].paginator.num_pages, size < 400_000) == (MANY, MANY // 50, True)
    with django_assert_max_num_queries(15):
        browser.post(url("select", job), {"set": "none", "q": "Operation 1"}, headers=HTMX)
    assert chosen(job) == [n for n in range(MANY) if "1" not in f"{n} {n % 300}"]
