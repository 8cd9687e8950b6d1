"""The wizard's own steps, and the pages about integrations: what is saved, what is shown, who may."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from actions import finalize
from actions.services import add
from integrations import services
from integrations.definition import AUTH_CLASSES, PAGINATION_CLASSES, IndexPagination, LinkPagination
from integrations.models import Integration, User
from integrations.wizard.auth_forms import AUTH_FORMS
from integrations.wizard.pagination_forms import PAGINATION_FORMS
from tests.cast import Cast, MakeConnection, MakeIntegration

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 2"><path d="M0 0h2"/></svg>'


@pytest.fixture
def browser(client: Client, bob: User) -> Client:
    """Bob's browser; he builds in the MSP."""
    client.force_login(bob)
    return client


@pytest.fixture
def draft(cast: Cast) -> Integration:
    return services.create(organization=cast.msp, user=cast.bob, name="Sample")


def url(integration: Integration, step: str) -> str:
    return reverse("wizard-step", args=[integration.slug, step])


def errors(response: Any) -> dict[str, list[str]]:
    return {name: [str(error) for error in found] for name, found in response.context["form"].errors.items()}


def definition(integration: Integration) -> Any:
    return integration.working.definition


# --- details --------------------------------------------------------------------------------------------------------


def test_new_makes_a_draft_and_goes_to_the_host(browser: Client, cast: Cast) -> None:
    response = browser.post("/integrations/new/", {"name": " My  API ", "description": "People.", "icon": SimpleUploadedFile("i.svg", SVG)})
    made = Integration.objects.get()
    assert response.headers["Location"] == url(made, "host")
    assert (made.name, made.description, made.organization, made.status) == ("My API", "People.", cast.msp, "draft")
    assert browser.get(reverse("integration-icon", args=[made.slug])).content.decode() == made.icon
    assert "<path" in made.icon


def test_new_keeps_what_was_entered_when_the_icon_holds_a_script(browser: Client) -> None:
    hostile = SVG.replace(b"<path", b"<script>alert(1)</script><path")
    response = browser.post(
        "/integrations/new/", {"name": "My API", "description": "People.", "icon": SimpleUploadedFile("i.svg", hostile)}
    )
    assert response.status_code == 422
    assert errors(response) == {"icon": ["The icon holds a script. Icons are images only: remove the script element and upload it again."]}
    assert response.context["form"]["name"].value() == "My API"
    assert response.context["form"]["description"].value() == "People."
    assert not Integration.objects.exists()


def test_new_refuses_special_characters_with_the_services_sentence(browser: Client) -> None:
    response = browser.post("/integrations/new/", {"name": "My <API>"})
    assert [*errors(response)] == ["name"]
    assert "Leave out special characters (< >)" in errors(response)["name"][0]


def test_details_shows_and_changes_the_draft(browser: Client, draft: Integration) -> None:
    services.update(integration=draft, icon=SVG.decode(), description="Before")
    assert browser.get(url(draft, "details")).context["form"]["description"].value() == "Before"
    browser.post(url(draft, "details"), {"name": "Other", "description": "After", "remove_icon": "on"})
    draft.refresh_from_db()
    assert (draft.name, draft.description, draft.icon) == ("Other", "After", "")


@pytest.mark.parametrize("name", ["New", "Import"])
def test_a_slug_never_hides_behind_a_page(browser: Client, name: str) -> None:
    browser.post("/integrations/new/", {"name": name})
    made = Integration.objects.get()
    assert browser.get(reverse("integration-detail", args=[made.slug])).context["integration"] == made


# --- host -----------------------------------------------------------------------------------------------------------


def test_host_saves_base_uri_and_method(browser: Client, draft: Integration) -> None:
    response = browser.post(url(draft, "host"), {"host": "api.example.com:8443", "base_path": "v1/", "method": "oauth2", "scheme": "https"})
    assert response.headers["Location"] == url(draft, "auth")
    assert (definition(draft).api_base_uri, definition(draft).auth.type) == ("https://api.example.com:8443/v1", "oauth2")
    form = browser.get(url(draft, "host")).context["form"]
    assert [form[name].value() for name in ("host", "base_path", "method")] == ["api.example.com:8443", "/v1", "oauth2"]


def test_host_with_a_scheme_and_path_says_what_to_enter_and_keeps_the_text(browser: Client, draft: Integration) -> None:
    response = browser.post(url(draft, "host"), {"host": "https://api.example.com/v1", "method": "apikey", "scheme": "https"})
    assert response.status_code == 422
    assert errors(response) == {
        "host": ["Leave out https://: this field takes the host name only. Enter api.example.com here and put /v1 into the base path."]
    }
    assert 'value="https://api.example.com/v1"' in response.content.decode()
    assert definition(draft).api_base_uri == ""


def test_nobody_is_taken_to_have_chosen_no_authentication(browser: Client, draft: Integration) -> None:
    assert browser.get(url(draft, "host")).context["form"]["method"].value() == ""
    response = browser.post(url(draft, "host"), {"host": "api.example.com", "scheme": "https"})
    assert errors(response) == {"method": ["Choose how the API is authenticated against; the vendor's documentation says it."]}
    browser.post(url(draft, "host"), {"host": "api.example.com", "scheme": "https", "method": "none"})
    assert browser.get(url(draft, "host")).context["form"]["method"].value() == "none"


def test_host_that_connections_bring_leaves_only_the_path(browser: Client, draft: Integration) -> None:
    browser.post(url(draft, "host"), {"own_host": "on", "base_path": "/api", "method": "none", "scheme": "https"})
    assert definition(draft).api_base_uri == "/api"
    assert browser.get(url(draft, "host")).context["form"]["own_host"].value() is True


def test_plain_http_is_offered_only_where_the_operator_allows_a_network(browser: Client, draft: Integration, settings: Any) -> None:
    settings.EGRESS_ALLOW = ()
    assert "scheme" not in browser.get(url(draft, "host")).context["form"].fields
    settings.EGRESS_ALLOW = ("127.0.0.0/8",)
    assert "scheme" in browser.get(url(draft, "host")).context["form"].fields


def test_method_is_locked_after_finalizing(browser: Client, make_integration: MakeIntegration) -> None:
    integration = make_integration(auth={"type": "basic"})
    response = browser.get(url(integration, "host"))
    assert response.context["form"].fields["method"].disabled
    assert "Locked since the integration was finalized" in response.content.decode()
    browser.post(url(integration, "host"), {"host": "other.example.com", "method": "none", "scheme": "https"})
    assert (definition(integration).auth.type, definition(integration).api_base_uri) == ("basic", "https://other.example.com")


# --- authentication ---------------------------------------------------------------------------------------------------


def with_method(integration: Integration, method: str) -> Integration:
    services.change_definition(integration=integration, auth={"type": method}, api_base_uri="https://api.example.com")
    return integration


def test_every_method_and_every_pagination_type_has_a_form() -> None:
    assert {kind: form.part for kind, form in AUTH_FORMS.items()} == AUTH_CLASSES
    assert {kind: form.part for kind, form in PAGINATION_FORMS.items()} == PAGINATION_CLASSES
    assert all(len(form.card.reasons) >= 3 for form in (*AUTH_FORMS.values(), *PAGINATION_FORMS.values()))


def test_api_key_defaults_headers_and_ping_are_saved(browser: Client, draft: Integration) -> None:
    with_method(draft, "apikey")
    data = {
        "api_key_name": "X-API-Key",
        "api_key_location": "query",
        "api_key_preamble": "Token",
        "headers-name": ["Accept", "", "X-Version"],
        "headers-value": ["application/json", "", "2"],
        "ping_method": "GET",
        "ping_uri": "/me",
    }
    assert browser.post(url(draft, "auth"), data).headers["Location"] == url(draft, "pagination-type")
    saved = definition(draft)
    assert saved.auth.dump() == {
        "type": "apikey",
        "apiKeyName": "X-API-Key",
        "apiKeyLocation": "query",
        "apiKeyPreamble": "Token",
        "placements": [],
        "credentialFields": [],
    }
    assert saved.headers == {"Accept": "application/json", "X-Version": "2"}
    assert (saved.ping.method, saved.ping.uri) == ("GET", "/me")
    page = browser.get(url(draft, "auth")).content.decode()
    assert 'value="X-Version"' in page
    assert 'value="Token"' in page


def test_oauth_defaults_are_saved_and_what_the_form_does_not_show_stays(browser: Client, draft: Integration) -> None:
    with_method(draft, "oauth2")
    services.change_definition(integration=draft, auth={"type": "oauth2", "revocationUri": "https://auth.example.com/revoke"})
    data = {
        "grant_type": "client_credentials",
        "token_uri": "https://auth.example.com/token",
        "scope": "read",
        "client_authentication": "body",
        "token_request_method": "POST",
        "token_request_content_type": "application/json",
        "token_params-name": ["audience"],
        "token_params-value": ["https://api.example.com"],
        "token_key": "",
        "ping_method": "GET",
    }
    browser.post(url(draft, "auth"), data)
    auth = definition(draft).auth
    assert (auth.token_uri, auth.scope, auth.basic_token_auth) == ("https://auth.example.com/token", "read", False)
    assert (auth.token_request_content_type, auth.token_params) == ("application/json", {"audience": "https://api.example.com"})
    assert auth.revocation_uri == "https://auth.example.com/revoke"


def test_auth_shows_the_definitions_sentences_on_their_fields(browser: Client, draft: Integration) -> None:
    with_method(draft, "oauth2")
    data = {
        "grant_type": "client_credentials",
        "client_authentication": "basic",
        "token_uri": "auth.example.com/token",
        "token_request_method": "POST",
        "token_request_content_type": "application/json",
        "headers-name": ["Bad Name"],
        "headers-value": ["x"],
        "ping_method": "GET",
        "ping_uri": "https://api.example.com/me",
    }
    response = browser.post(url(draft, "auth"), data)
    assert response.status_code == 422
    assert {name: found[0].split(".")[0] for name, found in errors(response).items()} == {
        "token_uri": "auth",
        "headers": "'Bad Name' is not a header name",
        "ping_uri": "The ping URI is relative to the base URI, for example /me",
    }
    assert 'value="Bad Name"' in response.content.decode()
    assert definition(draft).auth.token_uri == ""


def test_a_header_that_stands_twice_is_refused(browser: Client, draft: Integration) -> None:
    with_method(draft, "none")
    data = {"headers-name": ["Accept", "accept"], "headers-value": ["a", "b"], "ping_method": "GET"}
    assert errors(browser.post(url(draft, "auth"), data)) == {
        "headers": ["Accept, accept stands in the list twice. Keep one row of each name."]
    }


# --- pagination -------------------------------------------------------------------------------------------------------


def test_pagination_type_keeps_what_the_types_share(browser: Client, draft: Integration) -> None:
    services.change_definition(
        integration=draft, pagination={"type": "page", "resultsKey": "items", "pageParam": "p", "defaultPageSize": 50}
    )
    assert browser.post(url(draft, "pagination-type"), {"type": "index"}).headers["Location"] == url(draft, "pagination")
    assert definition(draft).pagination == IndexPagination(results_key="items", default_page_size=50)


def test_pagination_type_takes_no_default_along(browser: Client, draft: Integration) -> None:
    """An empty page ends a list that is counted through, but not one that is followed."""
    services.change_definition(integration=draft, pagination={"type": "page", "pageParam": "p"})
    browser.post(url(draft, "pagination-type"), {"type": "link"})
    assert definition(draft).pagination == LinkPagination()


def test_rare_settings_of_pagination_are_saved_and_shown(browser: Client, draft: Integration) -> None:
    services.change_definition(integration=draft, pagination={"type": "link", "nextPageKey": "next"})
    data = {
        "next_link_location": "body", "next_page_key": "next", "end_statuses": "404, 410", "restore_params": "on",
        "credential_origins": "https://Files.example.com/\nexports.example.com:8443", "total_counts": "nothing", "max_page_size": "50",
    }  # fmt: skip
    assert browser.post(url(draft, "pagination"), data).status_code == 302
    assert definition(draft).pagination == LinkPagination(
        next_page_key="next", end_statuses=[404, 410], restore_params=True, total_counts="nothing", max_page_size=50,
    )  # fmt: skip
    assert definition(draft).credential_origins == ["https://files.example.com", "https://exports.example.com:8443"]
    form = browser.get(url(draft, "pagination")).context["form"]
    assert (form.advanced_open, form["end_statuses"].value()) == (True, "404, 410")
    assert form["credential_origins"].value() == "https://files.example.com\nhttps://exports.example.com:8443"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("end_statuses", "404, x", "x is not a number. Write numbers with commas between them, for example 404, 416."),
        ("end_statuses", "500", "The largest value is 499."),
        ("credential_origins", "https://a.example.com/path", "https://a.example.com/path is not an origin. Write scheme and host only, for example https://files.example.com."),
        ("max_page_size", "0", "The smallest value is 1."),
    ],
)  # fmt: skip
def test_rare_settings_that_do_not_fit_say_why(browser: Client, draft: Integration, field: str, value: str, sentence: str) -> None:
    services.change_definition(integration=draft, pagination={"type": "link", "nextPageKey": "next"})
    response = browser.post(url(draft, "pagination"), {"next_link_location": "body", "next_page_key": "next", field: value})
    assert (response.status_code, response.context["form"].errors) == (422, {field: [sentence]})
    assert response.context["form"].advanced_open


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("none", {"results_key": "data"}),
        ("index", {"results_key": "r", "page_size_param": "limit", "index_param": "offset", "start_index": 1}),
        ("page", {"results_key": "r", "default_page_size": 1000, "page_param": "page", "start_page": 0}),
        ("link", {"next_link_location": "header", "response_header_name": "Link", "response_header_rel": "next"}),
        ("link", {"next_link_location": "body", "next_page_key": "links.next", "default_page_limit": 1}),
        ("pointer", {"after_param": "cursor", "pointer_path": "$.next"}),
    ],
)
def test_pagination_saves_and_shows_every_field(browser: Client, draft: Integration, kind: str, fields: dict[str, Any]) -> None:
    services.change_definition(integration=draft, pagination={"type": kind})
    assert browser.post(url(draft, "pagination"), fields).headers["Location"] == url(draft, "limits")
    saved = definition(draft).pagination
    assert {name: getattr(saved, name) for name in fields} == fields
    form = browser.get(url(draft, "pagination")).context["form"]
    assert {name: form[name].value() for name in fields} == fields


def test_pagination_says_the_limits_of_the_defaults(browser: Client, draft: Integration) -> None:
    services.change_definition(integration=draft, pagination={"type": "page"})
    response = browser.post(url(draft, "pagination"), {"default_page_size": "1001", "default_page_limit": "21", "page_param": "kept"})
    assert errors(response) == {"default_page_size": ["The largest value is 1000."], "default_page_limit": ["The largest value is 20."]}
    assert response.context["form"]["page_param"].value() == "kept"


def test_an_import_that_suggested_the_pagination_asks_to_confirm_it(browser: Client, draft: Integration) -> None:
    services.change_definition(integration=draft, pagination={"type": "page"})
    draft.revisions.update(findings=[{"rule": "pagination-suggestion", "severity": "info", "message": "8 operations look paginated."}])
    assert "8 operations look paginated." in browser.get(url(draft, "pagination-type")).content.decode()


# --- the frame --------------------------------------------------------------------------------------------------------


def test_save_and_leave_goes_to_the_integration(browser: Client, draft: Integration) -> None:
    response = browser.post(url(draft, "details"), {"name": "Sample", "leave": "1"})
    assert response.headers["Location"] == reverse("integration-detail", args=[draft.slug])


def test_stepper_says_what_is_done_and_what_is_open(browser: Client, draft: Integration) -> None:
    def states() -> list[str]:
        return [step["state"] for step in browser.get(url(draft, "auth")).context["steps"]]

    assert states() == ["done", "todo", "current", *["todo"] * 7]
    with_method(draft, "none")
    assert states()[1] == "done"


def test_editing_a_finalized_integration_opens_a_draft_that_can_be_discarded(browser: Client, make_integration: MakeIntegration) -> None:
    integration = make_integration()
    data = {"headers-name": ["Accept"], "headers-value": ["text/plain"], "ping_method": "GET"}
    browser.post(url(integration, "auth"), data)
    assert integration.draft is not None
    assert "Connections keep using revision 1 until you finalize it." in browser.get(url(integration, "host")).content.decode()
    assert integration.current.definition.headers == {}  # type: ignore[union-attr]
    browser.post(reverse("integration-discard", args=[integration.slug]))
    assert integration.draft is None


def test_unknown_steps_are_not_found(browser: Client, draft: Integration) -> None:
    assert browser.get(url(draft, "somewhere")).status_code == 404


# --- permission -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "code"), [("alice", 200), ("bob", 200), ("carol", 403), ("dave", 403), ("eve", 404)])
def test_steps_are_open_to_builders_only(client: Client, cast: Cast, make_integration: MakeIntegration, who: str, code: int) -> None:
    integration = make_integration()
    client.force_login(getattr(cast, who))
    for step in ("details", "host", "auth", "pagination-type", "pagination", "answers", "webhooks", "actions", "finalize"):
        assert client.get(url(integration, step)).status_code == code


@pytest.mark.parametrize("page", ["integration-new", "integration-import"])
def test_who_does_not_build_cannot_begin(client: Client, carol: User, page: str) -> None:
    client.force_login(carol)
    assert client.get(reverse(page)).status_code == 403


@pytest.mark.parametrize("name", ["integration-status", "integration-discard", "integration-delete"])
def test_changes_are_open_to_builders_only(client: Client, cast: Cast, make_integration: MakeIntegration, name: str) -> None:
    integration = make_integration()
    for user, code in ((cast.carol, 403), (cast.eve, 404)):
        client.force_login(user)
        assert client.post(reverse(name, args=[integration.slug]), {"status": "hidden"}).status_code == code
    integration.refresh_from_db()
    assert integration.status == "published"


# --- list, status, delete ---------------------------------------------------------------------------------------------


def test_list_shows_own_drafts_to_builders_and_published_ones_to_everybody_below(
    client: Client, cast: Cast, make_integration: MakeIntegration
) -> None:
    make_integration(name="Open")
    make_integration(name="Drafted", status="draft")
    seen = {}
    for user in (cast.bob, cast.carol, cast.eve):
        client.force_login(user)
        context = client.get("/integrations/").context
        seen[user.username] = ([row.name for row in context["built"]], [row.name for row in context["installable"]])
    assert seen == {"bob": (["Drafted", "Open"], ["Open"]), "carol": ([], ["Open"]), "eve": ([], [])}


def test_list_searches_and_counts_connections(
    client: Client, cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    make_connection(make_integration(name="Tickets"))
    make_integration(name="Invoices")
    client.force_login(cast.carol)
    context = client.get("/integrations/?q=tick").context
    assert [(row.name, row.connection_count) for row in context["installable"]] == [("Tickets", 1)]


def test_list_needs_few_queries(browser: Client, make_integration: MakeIntegration, django_assert_max_num_queries: Any) -> None:
    for number in range(5):
        make_integration(name=f"Sample {number}")
    with django_assert_max_num_queries(14):
        browser.get("/integrations/")


def test_status_follows_the_rules(browser: Client, draft: Integration, bob: User) -> None:
    def set_to(status: str) -> tuple[str, str]:
        response = browser.post(reverse("integration-status", args=[draft.slug]), {"status": status}, follow=True)
        draft.refresh_from_db()
        return draft.status, next(str(message) for message in response.context["messages"])

    assert set_to("published") == ("draft", "A draft cannot be published, hidden or deprecated. Finalize it first.")
    services.change_definition(integration=draft, api_base_uri="https://api.example.com")
    add(integration=draft, values={"name": "List", "path": "/"})
    finalize.finalize(integration=draft, user=bob)
    assert set_to("published")[0] == "published"
    assert set_to("hidden")[0] == "hidden"
    assert set_to("draft")[0] == "hidden"


def test_delete_is_refused_while_somebody_is_connected(
    browser: Client, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    integration = make_integration()
    connection = make_connection(integration)
    address = reverse("integration-delete", args=[integration.slug])
    response = browser.post(address, follow=True)
    assert [str(message) for message in response.context["messages"]] == [
        "1 connection uses this integration. Delete it first, or set the status to hidden."
    ]
    connection.delete()
    assert browser.post(address).headers["Location"] == "/integrations/"
    assert not Integration.objects.exists()
