"""Authorizing and looking after tokens over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings

from connections.models import Authorization, Connection, Credential
from integrations.models import Integration
from tests.cast import Cast, MakeConnection, MakeIntegration
from tests.connections.test_authorization import CALLBACK, CLIENT, agree_auth, called, decide, held
from tests.integrations.test_api import Api
from tests.pages import signed_in
from tests.vendor.server import VendorServer


@pytest.fixture
def integration(vendor: VendorServer, make_integration: MakeIntegration) -> Integration:
    return make_integration(base_uri=f"{vendor.url}/agree", auth=agree_auth(vendor), ping={"method": "GET", "uri": "/me"})


@pytest.fixture
def connection(integration: Integration, make_connection: MakeConnection) -> Connection:
    return make_connection(integration, credentials=CLIENT)


@pytest.fixture
def api(cast: Cast) -> Api:
    return Api(cast.carol)


def authorize(api: Api, connection: Connection) -> dict[str, str]:
    """Agree as a person would; what the vendor's redirect brings."""
    return decide(api("POST", f"connections/{connection.pk}/authorize")["url"])


def agreed(api: Api, connection: Connection) -> Connection:
    assert api.client.get(CALLBACK, authorize(api, connection)).status_code == 302
    connection.refresh_from_db()
    return connection


def test_authorize_gives_the_address_that_a_browser_opens(api: Api, connection: Connection, vendor: VendorServer) -> None:
    begun = api("POST", f"connections/{connection.pk}/authorize")
    row = Authorization.objects.get()
    assert begun["url"].startswith(f"{vendor.url}/agree/authorize?response_type=code&client_id=agree-client&")
    assert (begun["redirectUri"], begun["expiresAt"]) == (
        f"{settings.PUBLIC_URL}/oauth2/callback",
        row.expires_at.isoformat().replace("+00:00", "Z"),
    )
    assert called(agreed(api, connection)) == 200


def test_state_of_the_token_is_shown_and_the_token_is_not(api: Api, connection: Connection, vendor: VendorServer) -> None:
    before = api("GET", f"connections/{connection.pk}")
    assert (before["state"], before["needsAuthorization"], before["token"]["held"]) == ("reauthorize", True, False)
    agreed(api, connection)
    after = api("GET", f"connections/{connection.pk}")
    row = Credential.objects.get()
    assert row.refresh_due_at is not None
    assert (after["state"], after["needsAuthorization"], after["newDestinations"]) == ("untested", False, [])
    assert after["token"] == {
        "held": True,
        "expiresAt": row.token_expires_at.isoformat().replace("+00:00", "Z") if row.token_expires_at else None,
        "nextDueAt": row.refresh_due_at.isoformat().replace("+00:00", "Z"),
        "failures": 0,
        "retryAt": None,
    }
    assert vendor.agree.grants[0].access not in str(after)


def test_a5_48_token_is_renewed_cleared_and_its_events_are_listed(api: Api, connection: Connection, vendor: VendorServer) -> None:
    first = held(agreed(api, connection))
    api("POST", f"connections/{connection.pk}/renew")
    second = held(connection)
    cleared = api("POST", f"connections/{connection.pk}/clear")
    third = held(connection)
    assert (second.value != first.value, third.value, third.refresh, cleared["needsAuthorization"]) == (True, "", second.refresh, False)
    assert (called(connection), vendor.agree.reused) == (200, 0)
    events = api("GET", f"connections/{connection.pk}/token-events?limit=2")
    assert [(one["reason"], one["outcome"]) for one in events["_embedded"]["tokenEvents"]] == [("needed", "renewed"), ("manual", "renewed")]
    assert (events["total"], events["_links"]["next"]["href"]) == (3, f"/api/connections/{connection.pk}/token-events?start=2&limit=2")


def test_token_without_refresh_token_is_used_to_its_end_and_asks_for_a_person_then(
    api: Api, connection: Connection, vendor: VendorServer
) -> None:
    vendor.agree.give_refresh = False
    agreed(api, connection)
    row = Credential.objects.get()
    assert (row.refresh_due_at, called(connection)) == (row.token_expires_at, 200)
    cleared = api("POST", f"connections/{connection.pk}/clear")
    assert (cleared["needsAuthorization"], cleared["message"]) == (
        True,
        "The token was cleared, and there is no refresh token to get another one. Authorize the connection.",
    )


def test_disconnecting_revokes_at_the_vendor(api: Api, connection: Connection, vendor: VendorServer) -> None:
    agreed(api, connection)
    assert api("POST", f"connections/{connection.pk}/disconnect") == {"revoked": True, "message": ""}
    (grant,) = vendor.agree.grants
    assert (grant.alive, held(connection).refresh, api("GET", f"connections/{connection.pk}")["state"]) == (False, "", "reauthorize")


def test_deleting_revokes_and_a_vendor_that_refuses_does_not_block_it(api: Api, connection: Connection, vendor: VendorServer) -> None:
    agreed(api, connection)
    vendor.agree.refuse_revocation = 503
    assert api("DELETE", f"connections/{connection.pk}") == {
        "revoked": False,
        "message": "The vendor could not be told that the tokens are no longer used. It answered 503 Service Unavailable.",
    }
    assert Connection.objects.count() == 0


def test_connect_leads_to_the_vendor_and_makes_the_connection(
    api: Api, integration: Integration, vendor: VendorServer, make_connection: MakeConnection
) -> None:
    answer = api.client.get(f"/api/integrations/{integration.slug}/connect")
    assert (answer.status_code, Connection.objects.count()) == (422, 0)  # nobody has entered a client ID yet
    make_connection(integration, credentials=CLIENT)
    answer = api.client.get(f"/api/integrations/{integration.slug}/connect")
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, f"{vendor.url}/agree/authorize")
    assert api.client.get(CALLBACK, decide(answer["Location"])).status_code == 302
    assert called(Connection.objects.get()) == 200


def test_e2_11_e3_4_sentry_installs_from_its_own_side_and_a_program_hands_the_code_in(
    api: Api, integration: Integration, vendor: VendorServer
) -> None:
    vendor.agree.demand_pkce = False
    own = "https://app.example.com/back"
    code = decide(f"{vendor.url}/agree/authorize?client_id=agree-client&redirect_uri={own}&state=s")["code"]
    body = {"name": "By program", "credentials": CLIENT, "code": code, "redirectUri": own}
    made = api("POST", f"integrations/{integration.pk}/connect", body, expect=201)
    connection = Connection.objects.get()
    assert (made["id"], made["name"], made["needsAuthorization"], called(connection)) == (str(connection.pk), "By program", False, 200)


@pytest.mark.parametrize("shape", ["fields", "token"])
def test_connect_takes_tokens(api: Api, integration: Integration, connection: Connection, vendor: VendorServer, shape: str) -> None:
    agreed(api, connection)
    (grant,) = vendor.agree.grants
    given: dict[str, Any] = {"accessToken": "ended", "refreshToken": grant.refresh}
    body = given if shape == "fields" else {"token": {"access_token": "ended", "refresh_token": grant.refresh, "token_type": "bearer"}}
    api("POST", f"integrations/{integration.pk}/connect", {"name": "Main", **body}, expect=201)
    assert (Connection.objects.count(), called(connection), vendor.agree.reused) == (1, 200, 0)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"code": "a", "accessToken": "b"}, "code"),
        ({"accessToken": "two words"}, "accessToken"),
        ({"accessToken": "a", "expiresIn": -1}, "expiresIn"),
        ({"token": []}, "token"),
        ({"surprise": 1}, "surprise"),
        ({"token": {"expires_in": 3}}, "accessToken"),
    ],
)
def test_connect_says_what_does_not_fit(
    api: Api, integration: Integration, connection: Connection, body: dict[str, Any], field: str
) -> None:
    refused = api("POST", f"integrations/{integration.pk}/connect", body, expect=422)
    assert [error["field"] for error in refused["errors"]] == [field]


def test_new_server_is_agreed_to(api: Api, connection: Connection, integration: Integration, cast: Cast) -> None:
    agreed(api, connection)
    Connection.objects.filter(pk=connection.pk).update(destinations=["https://old.example.com"])
    shown = api("GET", f"connections/{connection.pk}")["newDestinations"]
    assert (len(shown), "credentials would now go to" in api("POST", f"connections/{connection.pk}/test")["message"]) == (1, True)
    page = signed_in(cast.carol).get(f"/connections/{connection.pk}/").content.decode()
    assert (shown[0] in page, "Agree" in page) == (True, True)
    assert api("POST", f"connections/{connection.pk}/agree")["newDestinations"] == []
    assert api("POST", f"connections/{connection.pk}/test")["ok"] is True


@pytest.mark.parametrize("what", ["authorize", "renew", "clear", "disconnect", "agree"])
def test_viewers_may_not_and_strangers_see_nothing(connection: Connection, cast: Cast, what: str) -> None:
    path = f"connections/{connection.pk}/{what}"
    Api(cast.dave)("POST", path, expect=403)
    Api(cast.eve)("POST", path, expect=404)


def test_methods_without_a_vendors_page_say_so(api: Api, make_integration: MakeIntegration, make_connection: MakeConnection) -> None:
    connection = make_connection(make_integration(auth={"type": "bearer"}), credentials={"token": "x"})
    sentence = "This integration is not authorized on a page of the vendor: its connections hold credentials of their own."
    assert api("POST", f"connections/{connection.pk}/authorize", expect=409)["detail"] == sentence
    assert api("POST", f"connections/{connection.pk}/renew", expect=409)["detail"] == "This method of authentication has no token to renew."
    assert api("GET", f"connections/{connection.pk}")["token"] is None


def test_new_secret_of_the_client_keeps_what_somebody_agreed_to(api: Api, connection: Connection, integration: Integration) -> None:
    first = held(agreed(api, connection))
    api("PATCH", f"connections/{connection.pk}", {"credentials": {"clientSecret": "another"}})
    assert held(connection) == first
    api("PATCH", f"connections/{connection.pk}", {"credentials": {"clientId": "another"}})
    connection.refresh_from_db()
    assert (held(connection).refresh, connection.state) == ("", "reauthorize")


def test_renewal_that_somebody_asks_for_tells_its_failure_although_the_token_still_lives(
    api: Api, connection: Connection, vendor: VendorServer
) -> None:
    first = held(agreed(api, connection))
    vendor.agree.secret_in = "body"
    refused = api("POST", f"connections/{connection.pk}/renew", expect=409)["detail"]
    assert refused.startswith("The token endpoint refused with status 401 Unauthorized and said invalid_client")
    assert (held(connection), called(connection)) == (first, 200)
