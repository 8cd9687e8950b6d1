"""Integrations over HTTP: the fields of the API and how they become a definition, HAL, icons, who may what."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from actions import services as actions
from connections.destinations import default_credentials
from connections.models import DefaultCredential
from connections.opening import opened
from integrations.models import Integration, User
from tests.cast import Cast, MakeConnection, MakeIntegration

GOOGLE_LIKE = {
    "name": "Drive - Engineering",
    "type": "google-drive",
    "category": "storage",
    "description": "Sync engineering documents",
    "mode": "per-user",
    "authType": "oauth2",
    "scope": "https://www.example.com/auth/drive.readonly",
    "authUri": "https://accounts.example.com/o/oauth2/v2/auth",
    "tokenUri": "https://oauth2.example.com/token",
    "apiBaseUri": "https://www.example.com/drive/v3",
    "clientId": "123.apps.example.com",
    "clientSecret": "secret-of-the-client",
}
BY_KEY = {
    "name": "Custom API Integration",
    "type": "custom",
    "authType": "apiKey",
    "apiKey": "sk-abc123xyz789",
    "apiKeyLocation": "header",
    "apiKeyName": "X-API-Key",
    "apiBaseUri": "https://api.example.com/v1",
}


class Api:
    """Calls as a signed-in user."""

    def __init__(self, user: User) -> None:
        self.client = Client()
        self.client.force_login(user)

    def __call__(self, method: str, path: str, body: Any = None, *, expect: int = 200) -> Any:
        answer = self.client.generic(method, f"/api/{path}", json.dumps(body) if body is not None else "", content_type="application/json")
        assert answer.status_code == expect, answer.content
        return answer.json() if answer.content else None


@pytest.fixture
def api(cast: Cast) -> Api:
    return Api(cast.bob)


def test_flat_oauth_fields_mean_the_same_as_auth(api: Api) -> None:
    made = api("POST", "integrations", GOOGLE_LIKE, expect=201)
    assert {name: made[name] for name in GOOGLE_LIKE if name != "clientSecret"} == {
        name: value for name, value in GOOGLE_LIKE.items() if name != "clientSecret"
    }
    assert made["auth"]["tokenUri"] == "https://oauth2.example.com/token"
    assert (made["slug"], made["embedded"], made["status"]) == ("drive-engineering", False, "draft")
    assert "secret-of-the-client" not in json.dumps(made)


def test_secrets_sent_with_an_integration_are_sealed_defaults_of_its_connections(api: Api, make_connection: MakeConnection) -> None:
    made = api("POST", "integrations", BY_KEY, expect=201)
    assert (made["authType"], made["apiKeyName"], made["apiKeyLocation"]) == ("apikey", "X-API-Key", "header")
    assert "sk-abc123xyz789" not in json.dumps(made)
    integration = Integration.objects.get(pk=made["id"])
    assert "sk-abc123xyz789" not in DefaultCredential.objects.get(pk=integration.pk).sealed
    definition = integration.working.definition
    assert default_credentials(integration.pk, definition) == {"apiKey": "sk-abc123xyz789"}
    actions.add(integration=integration, values={"name": "List", "path": "/x"})
    api("POST", f"integrations/{made['id']}/finalize")
    api("PUT", f"integrations/{made['id']}", {"status": "published"})
    connection = make_connection(Integration.objects.get(pk=made["id"]), credentials={})
    assert opened(connection, definition) == {"apiKey": "sk-abc123xyz789"}


def test_put_changes_only_what_it_names(api: Api) -> None:
    made = api("POST", "integrations", GOOGLE_LIKE, expect=201)
    changed = api("PUT", f"integrations/{made['slug']}", {"name": "New name", "scope": "a b", "auth": {"tokenKey": "data.token"}})
    assert (changed["name"], changed["scope"], changed["tokenUri"]) == ("New name", "a b", "https://oauth2.example.com/token")
    assert (changed["auth"]["tokenKey"], changed["description"]) == ("data.token", "Sync engineering documents")
    paged = {"type": "page", "pageParam": "p", "resultsKey": "items"}
    assert api("PATCH", f"integrations/{made['id']}", {"pagination": paged})["pagination"]["pageParam"] == "p"
    assert api("PATCH", f"integrations/{made['id']}", {"pagination": {"type": "page", "startPage": 0}})["pagination"]["pageParam"] == "p"
    assert api("PATCH", f"integrations/{made['id']}", {"pagination": {"type": "none"}})["pagination"] == {"type": "none", "resultsKey": ""}


def test_answer_can_be_put_back_as_it_is(api: Api) -> None:
    made = api("POST", "integrations", GOOGLE_LIKE, expect=201)
    again = api("PUT", f"integrations/{made['id']}", made)
    assert {name: value for name, value in again.items() if name != "updatedAt"} == {
        name: value for name, value in made.items() if name != "updatedAt"
    }


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"name": "Enter a name; it heads the list of the integration's actions.",
              "type": "Say what it is an integration of, for example google-drive; or custom."}),
        ({"name": "X", "type": "custom", "authTyp": "basic"}, {"authTyp": "This field is not known."}),
        ({"name": "X", "type": "custom", "authType": "ntlm"}, {"authType": "ntlm is not known here. Use one of: apikey, basic, bearer, oauth2, login, digest, jwt, none."}),
        (
            {"name": "X", "type": "custom", "authType": "basic", "apiKeyName": "K"},
            {"apiKeyName": "apiKeyName does not belong to the authentication method basic. Leave it out, or set authType."},
        ),
        ({"name": "X", "type": "custom", "id": "7"}, {"id": "Send a UUID, or leave the id out."}),
        ({"name": "X", "type": "custom", "status": "published"}, {"status": "A new integration is a draft. Finalize it, then set the status with PUT."}),
        ({"name": "X", "type": "custom", "pagination": {"type": "page", "defaultPageSize": 1001}}, {"pagination.defaultPageSize": "The largest value is 1000."}),
        ({"name": "X", "type": "custom", "pagination": {"type": "page", "defaultPageLimit": 21}}, {"pagination.defaultPageLimit": "The largest value is 20."}),
        ({"name": "X", "type": "custom", "apiBaseUri": "api.example.com"}, {"apiBaseUri": "A base URI starts with https://, for example https://api.example.com/v1."}),
        ({"name": "X", "type": "custom", "headers": {"A": "b\r\nc: d"}}, {"headers": "A header value is one line: remove line breaks and control characters."}),
        ({"name": "X", "type": "custom", "ping": {"uri": "https://elsewhere.example.com/"}},
         {"ping.uri": "The ping URI is relative to the base URI, for example /me. Leave out scheme and host."}),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_are_named(api: Api, body: dict[str, Any], errors: dict[str, str]) -> None:
    problem = api("POST", "integrations", body, expect=422)
    assert (problem["type"], problem["status"]) == ("urn:junction:problem:invalid", 422)
    assert {item["field"]: item["message"] for item in problem["errors"]} == errors
    assert Integration.objects.count() == 0


def test_client_may_bring_the_id_once(api: Api) -> None:
    key = str(uuid4())
    assert api("POST", "integrations", {"type": "custom", "name": "Mine", "id": key}, expect=201)["id"] == key
    assert (
        api("POST", "integrations", {"type": "custom", "name": "Again", "id": key}, expect=409)["type"] == "urn:junction:problem:conflict"
    )


def test_finalized_integration_is_never_a_draft_again_and_keeps_its_method(api: Api, make_integration: MakeIntegration) -> None:
    integration = make_integration(auth={"type": "basic"}, status="hidden")
    draft = api("PUT", f"integrations/{integration.slug}", {"status": "draft"}, expect=409)
    assert (
        draft["detail"] == "Once finalized, an integration cannot become a draft again. Set it to hidden to keep it from being installed."
    )
    assert api("PATCH", f"integrations/{integration.slug}", {"authType": "bearer"}, expect=409)["status"] == 409
    changed = api("PATCH", f"integrations/{integration.slug}", {"headers": {"X-Version": "2"}})
    assert (changed["hasDraft"], changed["revision"]["number"], changed["revision"]["state"]) == (True, 2, "draft")
    current = integration.current
    assert current is not None
    assert (current.number, current.definition.headers) == (1, {})


def test_list_is_hal_with_search_and_pages(api: Api) -> None:
    for n in range(3):
        api("POST", "integrations", {"type": "custom", "name": f"Number {n}", "description": "even" if n % 2 == 0 else "odd"}, expect=201)
    page = api("GET", "integrations?q=even&limit=1")
    assert (page["start"], page["count"], page["total"]) == (0, 1, 2)
    assert [item["name"] for item in page["_embedded"]["inf:integration"]] == ["Number 0"]
    assert page["_links"] == {
        "self": {"href": "/api/integrations?q=even&start=0&limit=1"},
        "next": {"href": "/api/integrations?q=even&start=1&limit=1"},
    }


def test_icon_is_checked_and_served_as_an_image(api: Api) -> None:
    made = api("POST", "integrations", {"type": "custom", "name": "Drawn"}, expect=201)
    url = f"/api/integrations/{made['id']}/icon"

    def put(data: bytes) -> Any:
        body = encode_multipart(BOUNDARY, {"file": SimpleUploadedFile("i.svg", data, "image/svg+xml")})
        return api.client.generic("PUT", url, body, content_type=MULTIPART_CONTENT)

    refused = put(b'<svg xmlns="http://www.w3.org/2000/svg" onload="x()"/>')
    assert (refused.status_code, refused.json()["errors"][0]["message"]) == (
        422,
        "The icon holds the event attribute onload. Icons are images only: remove it and upload the file again.",
    )
    assert put(b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h8"/></svg>').status_code == 200
    shown = api.client.get(url)
    assert (shown["Content-Type"], b"M0 0h8" in shown.content) == ("image/svg+xml", True)
    assert shown["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert api.client.delete(url).status_code == 204


def test_delete_is_refused_while_somebody_is_connected(
    api: Api, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    integration = make_integration()
    connection = make_connection(integration)
    assert api("DELETE", f"integrations/{integration.pk}", expect=409)["detail"] == (
        "1 connection uses this integration. Delete it first, or set the status to hidden."
    )
    connection.delete()
    api("DELETE", f"integrations/{integration.pk}", expect=204)
    assert Integration.objects.count() == 0


def test_roles_decide_over_reading_and_writing(cast: Cast, make_integration: MakeIntegration) -> None:
    draft, published = make_integration(name="Draft", status="draft"), make_integration(name="Published")
    carol, eve = Api(cast.carol), Api(cast.eve)
    assert [item["name"] for item in carol("GET", "integrations")["_embedded"]["inf:integration"]] == ["Published"]
    carol("GET", f"integrations/{draft.pk}", expect=404)
    carol("PUT", f"integrations/{published.pk}", {"name": "Mine"}, expect=403)
    carol("POST", "integrations", {"type": "custom", "name": "Mine"}, expect=403)
    eve("GET", f"integrations/{published.pk}", expect=404)
    eve("PUT", f"integrations/{published.pk}", {"name": "Mine"}, expect=404)
    assert eve("GET", "integrations")["total"] == 0
