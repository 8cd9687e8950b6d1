"""What an import leaves to a person: which of several ways to authenticate, how lists are paged, where records lie."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.urls import reverse

from actions import finalize, importing, services
from integrations import services as integrations
from integrations.models import Integration
from integrations.refusals import Conflict, Incomplete
from tests.cast import Cast
from tests.integrations.openapi.documents import answer, get, openapi
from tests.pages import errors, signed_in, text, value

JSON: Any = {"content_type": "application/json"}
SCHEMES = {
    "key": {"type": "apiKey", "in": "query", "name": "token"},
    "session": {"type": "apiKey", "in": "cookie", "name": "sid"},
    "user": {"type": "http", "scheme": "basic"},
    "login": {
        "type": "oauth2",
        "flows": {
            "clientCredentials": {"tokenUrl": "https://auth.example.com/token", "scopes": {"read": "", "write": ""}},
            "authorizationCode": {
                "authorizationUrl": "https://auth.example.com/agree",
                "tokenUrl": "https://auth.example.com/token",
                "scopes": {"read": ""},
            },
        },
    },
}


def drafted(cast: Cast, paths: dict[str, Any] | None = None, **parts: Any) -> Integration:
    document = json.dumps(openapi(paths or {"/a": get()}, **parts)).encode()
    return importing.import_document(data=document, organization=cast.msp, user=cast.bob, source="api.json").integration


def with_schemes(cast: Cast, schemes: dict[str, Any]) -> Integration:
    return drafted(cast, components={"securitySchemes": schemes}, security=[])


def step(integration: Integration, name: str) -> str:
    return reverse("wizard-step", args=[integration.slug, name])


def auth(integration: Integration) -> dict[str, Any]:
    return dict(integration.working.definition.auth.dump())


# --- authentication ------------------------------------------------------------------------------------------------------


def test_wizard_offers_what_the_document_describes_and_fills_in_what_is_chosen(cast: Cast) -> None:
    integration, browser = with_schemes(cast, SCHEMES), signed_in(cast.bob)
    page = browser.get(step(integration, "auth"))
    assert [(choice["scheme"], choice["chosen"]) for choice in page.context["auth_choices"]] == [
        ("key", True),
        ("session", False),
        ("user", False),
        ("login", False),
        ("login", False),
    ]
    assert "login OAuth 2.0, authorization code, https://auth.example.com/token Use this" in text(page)
    page = browser.post(step(integration, "auth"), {"choice": "4"}, follow=True)
    assert [value(page, name) for name in ("grant_type", "auth_uri", "token_uri", "scope")] == [
        "authorization_code",
        "https://auth.example.com/agree",
        "https://auth.example.com/token",
        "read",
    ]
    assert [choice["chosen"] for choice in page.context["auth_choices"]] == [False, False, False, False, True]
    browser.post(step(integration, "auth"), {"choice": "1"})
    assert (auth(integration)["apiKeyName"], auth(integration)["apiKeyLocation"]) == ("sid", "cookie")


@pytest.mark.parametrize("number", ["9", "-1", "x", "9" * 50])
def test_choice_that_is_not_there_changes_nothing(cast: Cast, number: str) -> None:
    integration = with_schemes(cast, SCHEMES)
    page = signed_in(cast.bob).post(step(integration, "auth"), {"choice": number}, follow=True)
    assert "The document has no such way to authenticate." in text(page)
    assert auth(integration)["apiKeyName"] == "token"


def test_method_that_is_chosen_with_the_host_is_filled_in_from_the_document(cast: Cast) -> None:
    integration = with_schemes(cast, SCHEMES)
    signed_in(cast.bob).post(step(integration, "host"), {"scheme": "https", "host": "api.example.com", "method": "oauth2"})
    assert (auth(integration)["type"], auth(integration)["tokenUri"], auth(integration)["scope"]) == (
        "oauth2",
        "https://auth.example.com/token",
        "read write",
    )


def test_one_way_is_no_choice_and_a_locked_method_neither(cast: Cast) -> None:
    assert "auth_choices" not in signed_in(cast.bob).get(step(with_schemes(cast, {"user": SCHEMES["user"]}), "auth")).context
    several = with_schemes(cast, SCHEMES)
    finalize.finalize(integration=several, user=cast.bob)
    assert "auth_choices" not in signed_in(cast.bob).get(step(several, "auth")).context
    with pytest.raises(Conflict, match="locked since the integration was finalized"):
        integrations.choose_auth(integration=several, number=2)


def test_api_lists_the_choices_and_takes_one_back(cast: Cast) -> None:
    client = signed_in(cast.bob)
    made = client.post(
        "/api/integrations/import", {"document": openapi({"/a": get()}, components={"securitySchemes": SCHEMES}, security=[])}, **JSON
    ).json()
    assert [(choice["scheme"], choice["auth"]["type"]) for choice in made["authChoices"]] == [
        ("key", "apikey"),
        ("session", "apikey"),
        ("user", "basic"),
        ("login", "oauth2"),
        ("login", "oauth2"),
    ]
    assert made["authUndecided"] is False
    chosen = made["authChoices"][3]["auth"]
    answered = client.put(f"/api/integrations/{made['id']}", {"authType": chosen["type"], "auth": chosen}, **JSON).json()
    assert (answered["authType"], answered["tokenUri"], answered["scope"]) == ("oauth2", "https://auth.example.com/token", "read write")


def test_nothing_is_assumed_where_the_document_is_silent(cast: Cast) -> None:
    integration, browser = with_schemes(cast, {}), signed_in(cast.bob)
    page = browser.get(step(integration, "host"))
    assert value(page, "method") == ""
    assert "It does not say how to authenticate." in text(page)
    page = browser.post(step(integration, "host"), {"scheme": "https", "host": "api.example.com"})
    assert errors(page) == {"method": ["Choose how the API is authenticated against; the vendor's documentation says it."]}
    with pytest.raises(Incomplete) as caught:
        finalize.finalize(integration=integration, user=cast.bob)
    assert [(gap.step, gap.field) for gap in finalize.gaps(integration.working)] == [("host", "auth.type")]
    assert caught.value.message == "Something is still missing before this can be finalized."
    browser.post(step(integration, "host"), {"scheme": "https", "host": "api.example.com", "method": "none"})
    assert (auth(integration), integration.working.auth_undecided) == ({"type": "none"}, False)
    assert finalize.finalize(integration=integration, user=cast.bob).finalized_at


def test_api_is_told_that_nothing_is_decided_and_decides(cast: Cast) -> None:
    integration, client = with_schemes(cast, {}), signed_in(cast.bob)
    url = f"/api/integrations/{integration.pk}"
    assert client.get(url).json()["authUndecided"] is True
    refused = client.post(f"{url}/finalize", **JSON)
    assert (refused.status_code, [row["field"] for row in refused.json()["errors"]]) == (422, ["auth.type"])
    assert client.put(url, {"authType": "none"}, **JSON).json()["authUndecided"] is False
    assert client.post(f"{url}/finalize", **JSON).status_code == 200


def test_integration_that_is_built_by_hand_starts_decided(cast: Cast) -> None:
    integration = integrations.create(organization=cast.msp, user=cast.bob, name="By hand")
    assert (integration.working.auth_undecided, integration.working.auth_choices) == (False, [])


def test_host_that_the_document_does_not_name_is_asked_for(cast: Cast) -> None:
    integration = drafted(cast, servers=[])
    assert "It names no host." in text(signed_in(cast.bob).get(step(integration, "host")))


# --- pagination ----------------------------------------------------------------------------------------------------------

LIST = {"type": "object", "properties": {"data": {"type": "array", "items": {"type": "object"}}, "next_cursor": {"type": "string"}}}
CURSOR = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in ("cursor", "limit")]
PAGE = [{"name": name, "in": "query", "schema": {"type": "integer"}} for name in ("page", "per_page")]


def paged(cast: Cast) -> Integration:
    paths = {
        "/users": get("users", parameters=CURSOR, responses=answer(LIST)),
        "/groups": get("groups", parameters=CURSOR, responses=answer(LIST)),
        "/posts": get("posts", parameters=PAGE, responses=answer({"type": "array", "items": {"type": "object"}})),
        "/me": get("me"),
    }
    return drafted(cast, paths)


def test_each_action_has_its_suggestion_and_the_commonest_is_the_integrations(cast: Cast) -> None:
    integration = paged(cast)
    suggestions = {action.key: action.operation.suggestion for action in integration.working.actions.all()}
    assert {key: (found.pagination.type, found.score, found.evidence) for key, found in suggestions.items() if found} == {
        "users": ("pointer", 100, "cursor takes next_cursor of the answer"),
        "groups": ("pointer", 100, "cursor takes next_cursor of the answer"),
        "posts": ("page", 80, "query parameter page"),
    }
    assert integration.working.definition.pagination.type == "pointer"


def test_edit_actions_shows_score_evidence_and_the_lists_of_the_answer(cast: Cast) -> None:
    integration = paged(cast)
    action = integration.working.actions.get(key="users")
    page = signed_in(cast.bob).get(step(integration, "actions"), {"action": str(action.uid)})
    assert "Suggested from the document: Pointer Cursor takes next_cursor of the answer; records in data . Score 100 of 100." in text(page)
    assert "Lists in its answer, by the document: data ." in text(page)


def test_api_shows_suggestions_and_keeps_them_when_an_action_changes(cast: Cast) -> None:
    integration, client = paged(cast), signed_in(cast.bob)
    action = integration.working.actions.get(key="users")
    shown = client.get(f"/api/actions/{action.uid}").json()
    assert (shown["suggestion"]["score"], shown["suggestion"]["pagination"]["pointerPath"], shown["suggestedResultsKeys"]) == (
        100,
        "next_cursor",
        ["data"],
    )
    sent = {**shown, "paginated": False, "suggestion": None, "suggestedResultsKeys": []}
    answered = client.patch(f"/api/actions/{action.uid}", sent, **JSON).json()
    assert (answered["paginated"], answered["suggestion"]) == (False, shown["suggestion"])


def test_finalize_warns_of_runs_that_would_not_find_their_records(cast: Cast) -> None:
    integration, client = paged(cast), signed_in(cast.bob)
    pagination = {**integration.working.definition.pagination.dump(), "resultsKey": ""}
    integrations.change_definition(integration=integration, pagination=pagination)
    for action in integration.working.actions.all():
        services.change(action=action, values={"resultsKey": None, "paginated": True})
    said = [gap.message for gap in finalize.warnings(integration.working)]
    known = "is paginated, but no results key says where its records are. By the document its answer has a list in data: set that as the results key of the action."
    assert said == [
        f"Users {known}",
        f"Groups {known}",
        "Me is paginated, but no results key says where its records are. If its answer is an object, set the results key: "
        "the path to the list in it, for example data.",
    ]
    page = text(client.get(step(integration, "finalize")))
    assert "Nothing is missing." in page
    assert f"Users {known}" in page
    services.change(action=integration.working.actions.get(key="me"), values={"resultsKey": "data"})
    answered = client.post(f"/api/integrations/{integration.pk}/finalize", **JSON).json()
    assert [row["message"] for row in answered["warnings"]] == said[:2]


def test_finalize_is_silent_where_records_are_found(cast: Cast) -> None:
    assert finalize.warnings(paged(cast).working) == []
