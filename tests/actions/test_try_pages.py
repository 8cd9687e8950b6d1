"""Try it in the browser's pages and over the API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from actions import services
from integrations import services as integrations
from integrations.definition import LinkPagination, PagePagination
from integrations.models import Integration, User
from tests.cast import Cast, MakeConnection, MakeIntegration
from tests.pages import HTMX, signed_in, text
from tests.vendor.server import VendorServer

GUARDED = {"type": "apikey", "apiKeyName": "X-API-Key"}
LINK = {"type": "link", "resultsKey": "items", "nextPageKey": "next", "defaultPageSize": 10}


@pytest.fixture
def browser(cast: Cast) -> Client:
    return signed_in(cast.bob, cast.msp)


@pytest.fixture
def draft(vendor: VendorServer, make_integration: MakeIntegration) -> Integration:
    return make_integration(base_uri=vendor.url, status="draft", auth=GUARDED, pagination=LINK)


def url(integration: Integration, name: str = "pagination-try") -> str:
    return reverse(name, args=[integration.slug])


def sent(path: str = "/faults/quirks/guarded", **changed: Any) -> dict[str, Any]:
    return {"try-path": path, "try-credentials.apiKey": "k-123", **changed}


def test_panel_is_part_of_the_pagination_step(browser: Client, draft: Integration) -> None:
    page = browser.get(reverse("wizard-step", args=[draft.slug, "pagination"])).content.decode()
    assert f'hx-get="{url(draft)}"' in page
    panel = browser.get(url(draft), headers=HTMX)
    assert "<html" not in panel.content.decode()
    assert [field.name for field in panel.context["form"].credential_fields] == ["credentials.apiKey"]


def test_draft_is_tried_with_credentials_that_are_not_saved(browser: Client, draft: Integration, vendor: VendorServer) -> None:
    response = browser.post(url(draft), sent())
    assert response.context["trial"].attempts[0].works
    assert "page 3 has 5 new ids, none repeated" in text(response).lower()
    assert "k-123" not in response.content.decode()
    assert [request.header("X-API-Key") for request in vendor.requests] == ["k-123"] * 3
    assert not draft.connections.exists()


def test_settings_that_stand_in_the_form_are_tried_unsaved(browser: Client, draft: Integration) -> None:
    typed = {"typed-step": "1", "next_link_location": "body", "results_key": "items", "next_page_key": "nothing.there"}
    response = browser.post(url(draft), sent(**typed), headers=HTMX)
    assert response.context["trial"].attempts[0].pagination.next_page_key == "nothing.there"
    assert draft.working.definition.pagination.next_page_key == "next"  # type: ignore[union-attr]


def test_suggestion_is_taken_over(browser: Client, draft: Integration) -> None:
    integrations.change_definition(integration=draft, pagination={"type": "none"})
    response = browser.post(url(draft), sent())
    data = {"pagination": response.context["suggested"]}
    assert browser.post(url(draft, "pagination-use"), data).headers["Location"] == reverse("wizard-step", args=[draft.slug, "pagination"])
    draft.refresh_from_db()
    assert draft.working.definition.pagination == LinkPagination(results_key="items", next_page_key="next")


def test_suggestion_for_an_action_becomes_its_own_pagination(browser: Client, draft: Integration) -> None:
    values = {"name": "Pages", "path": "/faults/pages?total=300", "parameters": [{"name": "page"}, {"name": "page_size"}]}
    action = services.add(integration=draft, values={**values, "paginated": True})
    address = f"{url(draft)}?action={action.uid}"
    assert "try-path" not in browser.get(address, headers=HTMX).content.decode()
    response = browser.post(address, {"try-credentials.apiKey": "k-123"}, headers=HTMX)
    assert response.context["trial"].suggested.type == "page", response.context["trial"]
    data = {"pagination": response.context["suggested"], "action": str(action.uid)}
    browser.post(url(draft, "pagination-use"), data)
    changed = draft.working.actions.get(uid=action.uid).operation
    assert changed.pagination == PagePagination(results_key="items", page_param="page", page_size_param="page_size", default_page_size=10)


def test_action_is_tried_as_its_form_has_it(browser: Client, draft: Integration) -> None:
    action = services.add(integration=draft, values={"name": "List", "path": "/faults/nowhere", "paginated": True})
    typed = {
        "typed-action": "1", "name": "List", "method": "GET", "path": "/faults/quirks/guarded", "paginated": "on",
        "parameters-TOTAL_FORMS": 0, "parameters-INITIAL_FORMS": 0, "try-credentials.apiKey": "k-123",
    }  # fmt: skip
    response = browser.post(f"{url(draft)}?action={action.uid}", typed, headers=HTMX)
    assert response.context["trial"].attempts[0].works
    assert draft.working.actions.get(uid=action.uid).path == "/faults/nowhere"


def test_saved_connection_is_used_where_the_draft_calls_the_same_api(
    browser: Client, cast: Cast, vendor: VendorServer, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    integration = make_integration(base_uri=vendor.url, auth=GUARDED, pagination=LINK)
    mine = make_connection(integration, credentials={"apiKey": "k-123"})
    data = {"try-path": "/faults/quirks/guarded", "try-connection": str(mine.pk)}
    assert browser.post(url(integration), data).context["trial"].attempts[0].works
    integrations.change_definition(integration=integration, api_base_uri="https://collector.example.org")
    refused = browser.post(url(integration), data)
    assert refused.context["sentences"][0].startswith("The draft changes the host or the authentication")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"try-path": ""}, "Enter the path of a list, for example /users."),
        ({"try-path": "https://elsewhere.example.org/x"}, "The path is relative to the base URI, for example /users. Leave out scheme and host."),
        ({"try-path": "/x", "try-inputs": "[1]"}, 'Inputs are an object in braces, for example {"id": 42}.'),
        ({"try-path": "/x"}, "API key is missing."),
    ],
)  # fmt: skip
def test_what_cannot_be_tried_says_why(browser: Client, draft: Integration, data: dict[str, str], sentence: str) -> None:
    assert browser.post(url(draft), data).context["sentences"] == [sentence]


def test_what_a_connection_is_asked_for_is_asked_for_here(browser: Client, vendor: VendorServer, make_integration: MakeIntegration) -> None:
    tenant = {"name": "tenant", "label": "Tenant", "required": True}
    draft = make_integration(
        base_uri=vendor.url, status="draft", connectionFields=[tenant], query={"tenant": "{{ settings.tenant }}"}, pagination=LINK
    )
    form = browser.get(url(draft)).context["form"]
    assert [field.name for field in form.credential_fields] == ["settings.tenant"]
    data = {"try-path": "/faults/quirks/tenant"}
    assert browser.post(url(draft), data).context["sentences"] == ["Tenant is missing."]
    assert browser.post(url(draft), {**data, "try-settings.tenant": "t 1"}).context["trial"].attempts[0].works


@pytest.mark.parametrize(("who", "status"), [("carol", 404), ("eve", 404)])
def test_others_cannot_try_a_draft(cast: Cast, draft: Integration, who: str, status: int) -> None:
    client = signed_in(getattr(cast, who))
    for name in ("pagination-try", "pagination-use"):
        assert client.post(url(draft, name), sent()).status_code == status
    assert client.post(f"/api/integrations/{draft.slug}/try", "{}", content_type="application/json").status_code == status


def test_operator_cannot_try_what_is_published(cast: Cast, carol: User, vendor: VendorServer, make_integration: MakeIntegration) -> None:
    integration = make_integration(base_uri=vendor.url)
    assert signed_in(carol).post(url(integration), sent()).status_code == 403
    assert vendor.requests == []


# --- over the API -------------------------------------------------------------------------------------------------------


def test_api_tries_and_suggests(browser: Client, draft: Integration) -> None:
    body = {"path": "/faults/quirks/guarded", "pagination": {"type": "none"}, "credentials": {"apiKey": "k-123"}}
    answer = browser.post(f"/api/integrations/{draft.slug}/try", json.dumps(body), content_type="application/json")
    found = answer.json()
    assert (answer.status_code, found["works"], found["suggestion"]["type"], found["suggestion"]["nextPageKey"]) == (
        200,
        False,
        "link",
        "next",
    )
    assert [attempt["works"] for attempt in found["attempts"]] == [False, True]
    assert [request["records"] for request in found["attempts"][1]["requests"]] == [10, 10, 5]
    assert "k-123" not in answer.content.decode()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "action"),
        ({"path": "/x", "action": "7d6a2e0a-4f0a-4d4c-8a5e-000000000000"}, "action"),
        ({"path": "/x", "pages": 3}, "pages"),
        ({"path": "/x", "pageSize": 0}, "pageSize"),
        ({"path": "/x", "connection": "nonsense"}, "connection"),
        ({"path": "/x", "credentials": {"apiKey": "k", "password": "x"}}, "credentials.password"),
        ({"path": "/x", "credentials": {"apiKey": "k"}, "pagination": {"type": "page", "startPage": -1}}, "pagination.startPage"),
        ({"path": "/x", "credentials": {"apiKey": "k"}, "pagination": {"type": "pages"}}, "pagination"),
    ],
)
def test_api_says_which_field_does_not_fit(browser: Client, draft: Integration, body: dict[str, Any], field: str) -> None:
    answer = browser.post(f"/api/integrations/{draft.slug}/try", json.dumps(body), content_type="application/json")
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, [field]), answer.content
