"""The builder's pages of this stage: import, report, overview, Edit actions, Regex Replace, Finalize."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from actions import finalize as finalizing
from actions import imports, services
from actions.models import Action, Import
from integrations import services as integrations
from integrations.models import Integration, User
from tests.cast import Cast, MakeConnection, MakeIntegration

DOCUMENT = {
    "openapi": "3.0.3",
    "info": {"title": "Sample API", "version": "1", "description": "People and pets."},
    "servers": [{"url": "https://api.example.com/v1"}],
    "paths": {
        "/users": {"get": {"operationId": "listUsers", "summary": "List users", "responses": {"200": {"description": "OK"}}}},
        "/users/{id}": {"get": {"operationId": "getUser", "summary": "Get user", "responses": {"200": {"description": "OK"}}}},
    },
}
IMPORT = "/integrations/import/"


@pytest.fixture
def browser(client: Client, bob: User) -> Client:
    client.force_login(bob)
    return client


@pytest.fixture
def draft(cast: Cast) -> Integration:
    made = integrations.create(organization=cast.msp, user=cast.bob, name="Sample")
    integrations.change_definition(integration=made, api_base_uri="https://api.example.com")
    return made


def step(integration: Integration, name: str = "actions") -> str:
    return reverse("wizard-step", args=[integration.slug, name])


def fill(**changed: Any) -> dict[str, Any]:
    """What the browser sends for an action without parameters."""
    rows = changed.pop("rows", [])
    data = {"name": "List users", "method": "GET", "path": "/users", "parameters-TOTAL_FORMS": len(rows), "parameters-INITIAL_FORMS": 0}
    for number, row in enumerate(rows):
        data |= {f"parameters-{number}-{name}": value for name, value in row.items()}
    return {**data, **changed}


def names(integration: Integration) -> list[str]:
    return [action.name for action in integration.working.actions.all()]


def said(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


# --- import -----------------------------------------------------------------------------------------------------------


def test_import_of_a_file_makes_a_draft_and_shows_the_report(browser: Client, cast: Cast) -> None:
    file = SimpleUploadedFile("sample.json", json.dumps(DOCUMENT).encode())
    response = browser.post(IMPORT, {"file": file}, follow=True)
    made = Integration.objects.get()
    assert (made.name, made.description, made.organization) == ("Sample API", "People and pets.", cast.msp)
    assert made.working.definition.api_base_uri == "https://api.example.com/v1"
    assert names(made) == ["List users", "Get user"]
    job = Import.objects.get()
    assert [url for url, _ in response.redirect_chain] == [
        reverse("import-detail", args=[job.pk]),
        reverse("integration-report", args=[made.slug]),
    ]
    assert said(response)[0].startswith("2 operations imported from sample.json")
    assert response.context["action_count"] == 2


def test_import_of_text_keeps_it_when_it_is_no_document(browser: Client) -> None:
    response = browser.post(IMPORT, {"text": "swagger: nonsense: ["})
    assert response.status_code == 422
    assert [*response.context["form"].errors] == ["text"]
    assert "swagger: nonsense: [" in response.content.decode()
    assert not Integration.objects.exists()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "Choose a file, enter a URL, or paste the text of the document."),
        ({"url": "https://api.example.com/x.json", "text": "openapi: 3.0.3"}, "Give the document in one way only: empty the others."),
    ],
)
def test_import_wants_the_document_once(browser: Client, data: dict[str, str], sentence: str) -> None:
    assert browser.post(IMPORT, data).context["form"].non_field_errors() == [sentence]


@pytest.mark.parametrize(
    ("url", "start"),
    [
        ("api.example.com/openapi.json", "api.example.com/openapi.json is not a URL."),
        ("https://127.0.0.1:1/openapi.json", "127.0.0.1 leads to 127.0.0.1, which is not a public address"),
    ],
)
def test_import_from_a_url_says_why_it_cannot_be_fetched(browser: Client, settings: Any, url: str, start: str) -> None:
    settings.EGRESS_ALLOW = ()
    response = browser.post(IMPORT, {"url": url}, follow=True)
    for job in Import.objects.all():  # a worker fetches it
        imports.execute(job.pk)
        response = browser.get(reverse("import-detail", args=[job.pk]))
    assert response.context["form"].errors["url"][0].startswith(start)
    assert response.context["form"]["url"].value() == url


# --- Edit actions -------------------------------------------------------------------------------------------------------


def test_an_action_is_added_with_its_parameters(browser: Client, draft: Integration) -> None:
    rows = [
        {"name": "limit", "place": "query", "type": "integer", "default": "10", "description": "How many"},
        {"name": "", "place": "query"},
    ]
    response = browser.post(f"{step(draft)}?new=1", fill(path="/users/{id}", paginated="on", rows=rows))
    action = draft.working.actions.get()
    assert response.headers["Location"] == f"{step(draft)}?action={action.uid}"
    assert (action.name, action.key, action.path, action.paginated) == ("List users", "list_users", "/users/{id}", True)
    assert [(p.name, p.place, p.type, p.default, p.required) for p in action.operation.parameters] == [
        ("limit", "query", "integer", 10, False),
        ("id", "path", "string", None, True),  # the path holds it
    ]


def test_an_action_that_does_not_fit_shows_sentences_and_keeps_the_input(browser: Client, draft: Integration) -> None:
    rows = [{"name": "limit", "place": "query", "type": "integer", "default": "many"}]
    data = fill(name="Mine", path="https://api.example.com/users", body_schema="{", rows=rows)
    response = browser.post(f"{step(draft)}?new=1", data)
    editor = response.context["editor"]
    assert response.status_code == 422
    assert editor.form.errors["body_schema"] == ["This is not valid JSON in line 1, column 2. Write it as an object in braces."]
    assert editor.parameters.forms[0].errors["default"] == ["This is no integer. Write it as JSON, for example 10."]
    assert editor.form["name"].value() == "Mine"
    response = browser.post(f"{step(draft)}?new=1", fill(path="https://api.example.com/users"))
    assert response.context["editor"].form.errors["path"] == [
        "The path is relative to the base URI, for example /users/{id}. Leave out scheme and host."
    ]
    assert names(draft) == []


def test_an_action_may_have_its_own_pagination_and_body(browser: Client, draft: Integration) -> None:
    own = {"pagination_type": "page", "pagination-page-page_param": "p", "pagination-page-default_page_size": "10"}
    body = {"body_content_type": "", "body_required": "on", "body_schema": '{"type": "object"}'}
    browser.post(f"{step(draft)}?new=1", fill(**own, **body, results_key="items"))
    operation = draft.working.actions.get().operation
    assert operation.pagination is not None
    assert (operation.pagination.type, operation.pagination.dump()["pageParam"], operation.results_key) == ("page", "p", "items")
    assert operation.body is not None
    assert (operation.body.content_type, operation.body.required, operation.body.schema_) == ("application/json", True, {"type": "object"})
    response = browser.post(f"{step(draft)}?new=1", fill(pagination_type="page", **{"pagination-page-default_page_size": "5000"}))
    assert response.context["editor"].paginations["page"].errors == {"default_page_size": ["The largest value is 1000."]}


def test_editing_keeps_what_the_form_does_not_show(browser: Client, draft: Integration) -> None:
    parameter = {"name": "tags", "in": "query", "type": "array", "items": "string", "enum": ["a", "b"], "style": "form", "explode": False}
    values = {
        "name": "List",
        "path": "/x",
        "parameters": [parameter, {"name": "old"}],
        "tags": ["pets"],
        "responseSchema": {"type": "array"},
    }
    action = services.add(integration=draft, values=values)
    page = browser.get(f"{step(draft)}?action={action.uid}")
    rows = [
        {"was": "query:tags", "name": "tags", "place": "query", "type": "array", "description": "New"},
        {"was": "query:old", "name": "old", "DELETE": "on"},
    ]
    assert page.context["editor"].parameters.forms[0]["was"].value() == "query:tags"
    browser.post(f"{step(draft)}?action={action.uid}", fill(name="List all", path="/x", rows=rows))
    operation = draft.working.actions.get().operation
    assert [p.dump() for p in operation.parameters] == [
        {**action.operation.parameters[0].dump(), "description": "New", "default": None},
    ]
    assert (operation.name, operation.tags, operation.response_schema, operation.key) == ("List all", ["pets"], {"type": "array"}, "list")


def test_locked_fields_stay_and_deleting_is_refused(browser: Client, make_integration: MakeIntegration) -> None:
    integration = make_integration()
    action = integration.working.actions.get()
    page = browser.get(f"{step(integration)}?action={action.uid}")
    assert [name for name, field in page.context["editor"].form.fields.items() if field.disabled] == ["method", "path", "key"]
    browser.post(f"{step(integration)}?action={action.uid}", fill(name="Renamed", method="DELETE", path="/other", deprecated="on"))
    changed = integration.working.actions.get()
    assert (changed.name, changed.method, changed.path, changed.deprecated) == ("Renamed", "GET", "/users", True)
    response = browser.post(reverse("action-delete", args=[integration.slug, action.uid]), follow=True)
    assert said(response)[-1:] == [
        "This action is locked since the integration was finalized. Mark it as deprecated instead of deleting it."
    ]
    assert names(integration) == ["Renamed"]


def test_delete_asks_and_deletes(browser: Client, draft: Integration) -> None:
    action = services.add(integration=draft, values={"name": "Gone", "path": "/"})
    address = reverse("action-delete", args=[draft.slug, action.uid])
    assert "Delete Gone?" in browser.get(address).content.decode()
    assert names(draft) == ["Gone"]
    browser.post(address)
    assert names(draft) == []


def many(integration: Integration, count: int) -> None:
    Action.objects.bulk_create(
        Action(revision=integration.working, position=n, key=f"a{n}", name=f"Users {n} Get", path=f"/users/{n}") for n in range(count)
    )


def test_the_list_is_searched_and_paged_by_the_server(browser: Client, draft: Integration, django_assert_max_num_queries: Any) -> None:
    many(draft, 402)
    with django_assert_max_num_queries(30):
        page = browser.get(step(draft))
    assert (len(page.context["listed"]), page.context["listed"].paginator.count) == (50, 402)
    found = browser.get(step(draft), {"q": "users 401"}, headers={"HX-Request": "true", "HX-Target": "action-list"})
    assert [action.name for action in found.context["listed"]] == ["Users 401 Get"]
    assert "<html" not in found.content.decode()


@pytest.mark.parametrize("uid", ["nonsense", "7d6a2e0a-4f0a-4d4c-8a5e-000000000000"])
def test_an_action_that_is_not_there_is_not_found(browser: Client, draft: Integration, uid: str) -> None:
    assert browser.get(f"{step(draft)}?action={uid}").status_code == 404


# --- Regex Replace ------------------------------------------------------------------------------------------------------


def rename_url(integration: Integration) -> str:
    return reverse("action-rename", args=[integration.slug])


@pytest.mark.parametrize("replacement", ["Get \\1", "Get $1"])
def test_applying_does_what_the_preview_showed(browser: Client, draft: Integration, replacement: str) -> None:
    many(draft, 12)
    data = {"field": "name", "pattern": "^(.*?) Get$", "replacement": replacement, "scope": "filtered", "q": "users/1"}
    preview = browser.post(rename_url(draft), data, headers={"HX-Request": "true"}).context["changes"]
    assert [(change["before"], change["after"]) for change in preview] == [
        ("Users 1 Get", "Get Users 1"),
        ("Users 10 Get", "Get Users 10"),
        ("Users 11 Get", "Get Users 11"),
    ]
    before = names(draft)
    response = browser.post(rename_url(draft), {**data, "apply": "1"}, follow=True)
    after = {change["before"]: change["after"] for change in preview}
    assert names(draft) == [after.get(name, name) for name in before]
    assert said(response) == ["3 actions changed."]


def test_only_the_actions_with_a_tick_are_renamed(browser: Client, draft: Integration) -> None:
    many(draft, 3)
    uid = draft.working.actions.all()[1].uid
    data = {"field": "name", "pattern": "Users", "replacement": "People", "scope": "checked", "uid": [str(uid), "nonsense"], "apply": "1"}
    browser.post(rename_url(draft), data)
    assert names(draft) == ["Users 0 Get", "People 1 Get", "Users 2 Get"]
    refused = browser.post(rename_url(draft), {**data, "uid": []})
    assert refused.context["rename"].errors["scope"] == ["No action has a tick. Tick some in the list first, or choose other actions here."]


@pytest.mark.parametrize(
    ("pattern", "replacement", "field", "start"),
    [
        ("(", "x", "pattern", "The pattern is not a valid regular expression:"),
        (r"(.*)(.*)(.*)(.*)(.*)(.*)(.*)(?=\1\2x!)", "z", "pattern", "The pattern takes too long on these texts."),
        ("Users", "\\3", "replacement", "The replacement uses group 3, which the pattern does not have."),
        (".*", "", "replacement", "The replacement leaves an action without a name."),
    ],
)
def test_patterns_that_cannot_be_used_say_why(
    browser: Client, draft: Integration, pattern: str, replacement: str, field: str, start: str
) -> None:
    services.add(integration=draft, values={"name": "Users " + "x" * 60, "path": "/"})
    data = {"field": "name", "pattern": pattern, "replacement": replacement, "scope": "all", "apply": "1"}
    response = browser.post(rename_url(draft), data)
    assert response.status_code == 422
    assert response.context["rename"].errors[field][0].startswith(start)
    assert response.context["rename"]["pattern"].value() == pattern
    assert names(draft) == ["Users " + "x" * 60]


# --- Finalize -----------------------------------------------------------------------------------------------------------


def test_finalize_links_to_what_is_missing(browser: Client, draft: Integration) -> None:
    integrations.change_definition(integration=draft, pagination={"type": "page"})
    page = browser.get(step(draft, "finalize"))
    assert [url for _, url in page.context["gaps"]] == [step(draft, "pagination"), step(draft)]
    response = browser.post(step(draft, "finalize"), follow=True)
    assert said(response) == ["Something is still missing before this can be finalized."]
    assert draft.current is None


def test_finalize_asks_again_and_then_offers_the_status(browser: Client, draft: Integration) -> None:
    services.add(integration=draft, values={"name": "List", "path": "/"})
    assert "Finalize again?" in browser.get(step(draft, "finalize"), {"confirm": "1"}).content.decode()
    response = browser.post(step(draft, "finalize"), follow=True)
    draft.refresh_from_db()
    assert draft.status == "hidden"
    assert said(response) == ["Revision 1 is finalized."]
    options = {option.data["value"]: option.data["attrs"].get("disabled", False) for option in response.context["status_form"]["status"]}
    assert options == {"draft": True, "published": False, "hidden": False}


# --- overview -----------------------------------------------------------------------------------------------------------


def test_overview_shows_operators_the_finalized_actions_and_their_own_connections(
    client: Client, cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    integration = make_integration()
    mine = make_connection(integration)
    make_connection(integration, name="Other", organization=cast.client_b, user=cast.alice)
    services.add(integration=integration, values={"name": "Not yet", "path": "/new"})
    client.force_login(cast.carol)
    context = client.get(reverse("integration-detail", args=[integration.slug])).context
    assert [action.name for action in context["listed"]] == ["List users"]
    assert list(context["connections"]) == [mine]
    assert (context["editor"], context["installable"]) == (False, True)


def test_overview_of_a_stranger_is_not_found(client: Client, cast: Cast, make_integration: MakeIntegration) -> None:
    integration = make_integration()
    client.force_login(cast.eve)
    for name in ("integration-detail", "integration-report", "action-rename", "integration-icon"):
        assert client.get(reverse(name, args=[integration.slug])).status_code == 404


def test_hidden_integrations_are_not_seen_below(client: Client, cast: Cast, make_integration: MakeIntegration) -> None:
    integration = make_integration(status="hidden")
    client.force_login(cast.carol)
    assert client.get(reverse("integration-detail", args=[integration.slug])).status_code == 404


def test_report_stays_with_the_import_when_a_new_draft_is_open(browser: Client, bob: User) -> None:
    browser.post(IMPORT, {"text": json.dumps(DOCUMENT)})
    made = Integration.objects.get()
    findings = made.working.findings
    integrations.change_definition(integration=made, auth={"type": "none"})
    finalizing.finalize(integration=made, user=bob)
    integrations.change_definition(integration=made, headers={"Accept": "text/plain"})
    page = browser.get(reverse("integration-report", args=[made.slug]))
    assert (page.context["revision"].number, page.context["revision"].findings) == (1, findings)
    assert sum(group["count"] for group in page.context["found"]) == len(findings)
