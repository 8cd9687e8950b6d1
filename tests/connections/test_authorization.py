"""The authorization code flow against an authorization server over a socket: there, back, and everything that goes wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from connections import services
from connections.checking import definition_of
from connections.exchange import Outgoing
from connections.models import Authorization, Connection, Credential, TokenEvent
from connections.opening import client_for
from connections.tokens import rows
from connections.tokens.grants import Held
from integrations.models import Integration
from tests.cast import Cast, MakeConnection, MakeIntegration
from tests.connections.proxy import proxying
from tests.pages import signed_in, text
from tests.vendor.authorization import CLIENT_ID, CLIENT_SECRET
from tests.vendor.client import call
from tests.vendor.server import VendorServer

CALLBACK = "/oauth2/callback"
CLIENT = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}


def agree_auth(vendor: VendorServer, **changed: Any) -> dict[str, Any]:
    return {
        "type": "oauth2",
        "grantType": "authorization_code",
        "authUri": f"{vendor.url}/agree/authorize",
        "tokenUri": f"{vendor.url}/agree/token",
        "revocationUri": f"{vendor.url}/agree/revoke",
        "scope": "read",
        **changed,
    }


@pytest.fixture
def integration(vendor: VendorServer, make_integration: MakeIntegration) -> Integration:
    return make_integration(base_uri=f"{vendor.url}/agree", auth=agree_auth(vendor), ping={"method": "GET", "uri": "/me"})


@pytest.fixture
def connection(integration: Integration, make_connection: MakeConnection) -> Connection:
    return make_connection(integration, credentials=CLIENT)


def begin(browser: Client, connection: Connection, **data: str) -> str:
    """Press Authorize; the vendor's address that the page leads to."""
    answer = browser.post(reverse("connection-authorize", args=[connection.pk]), data)
    assert answer.status_code == 200, text(answer)
    return str(answer.context["begun"].url)


def decide(url: str, decision: str = "agree") -> dict[str, str]:
    """What a person's decision on the vendor's page brings back."""
    answer = call(url.replace("/authorize?", "/decide?") + f"&decision={decision}")
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def held(connection: Connection) -> Any:
    return rows.held_in(Credential.objects.get(pk=connection.pk))


def called(connection: Connection) -> int:
    """The status of a call with the connection's token."""
    connection.refresh_from_db()
    with client_for(connection, definition_of(connection.integration)) as client:
        return client.send(Outgoing("GET", f"{client.base}/me")).status


def test_connection_without_agreement_says_so(connection: Connection) -> None:
    assert (connection.state, connection.message, connection.state_label) == (
        "reauthorize",
        "Nobody has agreed on the vendor's page yet. Authorize the connection.",
        "Needs authorization",
    )


def test_authorization_request_is_what_the_settings_say(connection: Connection, vendor: VendorServer, cast: Cast) -> None:
    url = begin(signed_in(cast.carol), connection)
    query = dict(parse_qsl(urlsplit(url).query))
    challenge, state = query.pop("code_challenge"), query.pop("state")
    assert (url.partition("?")[0], len(challenge), len(state)) == (f"{vendor.url}/agree/authorize", 43, 43)
    assert query == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": f"{settings.PUBLIC_URL}/oauth2/callback",
        "scope": "read",
        "code_challenge_method": "S256",
    }
    row = Authorization.objects.get()
    assert state not in f"{row.state_hash}{row.verifier_sealed}{row.session_hash}"


def test_agreeing_gives_the_connection_a_token_that_works(connection: Connection, vendor: VendorServer, cast: Cast) -> None:
    browser = signed_in(cast.carol)
    answer = browser.get(CALLBACK, decide(begin(browser, connection)))
    assert (answer.status_code, answer["Location"]) == (302, reverse("connection-detail", args=[connection.pk]) + "?test=1")
    connection.refresh_from_db()
    assert (connection.state, connection.message, called(connection)) == ("untested", "", 200)
    (event,) = connection.token_events.all()
    assert (event.reason, event.outcome) == ("authorized", "renewed")
    assert event.next_due_at == connection.credential.refresh_due_at
    page = browser.get(answer["Location"])
    assert "Main is authorized." in text(page)
    assert [grant.access in page.content.decode() for grant in vendor.agree.grants] == [False]


def test_code_is_exchanged_on_the_way_that_the_connection_sets(connection: Connection, vendor: VendorServer, cast: Cast) -> None:
    with proxying() as proxy:
        services.change(connection=connection, credentials=CLIENT, options={"network": {"proxy": proxy.url}})
        browser = signed_in(cast.carol)
        browser.get(CALLBACK, decide(begin(browser, connection)))
        exchanged = list(proxy.asked)
        assert called(connection) == 200
    assert exchanged == [f"127.0.0.1:{urlsplit(vendor.url).port}"]


def test_token_is_renewed_by_the_rotating_refresh_token_without_a_rejected_call(
    connection: Connection, vendor: VendorServer, cast: Cast
) -> None:
    vendor.agree.lifetime = 2
    browser = signed_in(cast.carol)
    browser.get(CALLBACK, decide(begin(browser, connection)))
    first = held(connection)
    for _ in range(4):
        assert called(connection) == 200
        Credential.objects.update(refresh_due_at=timezone.now(), token_expires_at=timezone.now())
    (grant,) = vendor.agree.grants
    assert (grant.alive, vendor.agree.reused, grant.access != first.value) == (True, 0, True)
    assert [request.path for request in vendor.requests if request.path == "/agree/me"] == ["/agree/me"] * 4


@pytest.mark.parametrize("answers", [1, 2])
def test_answer_is_used_once(connection: Connection, vendor: VendorServer, cast: Cast, answers: int) -> None:
    browser = signed_in(cast.carol)
    answer = decide(begin(browser, connection))
    for _ in range(answers):
        browser.get(CALLBACK, answer)
    assert (len(vendor.agree.grants), called(connection)) == (1, 200)


def test_second_use_is_told(connection: Connection, cast: Cast) -> None:
    browser = signed_in(cast.carol)
    answer = decide(begin(browser, connection))
    browser.get(CALLBACK, answer)
    again = browser.get(CALLBACK, answer, follow=True)
    assert "This answer was used already. If the connection does not work, authorize it again." in text(again)


def test_declining_is_told_in_words_and_changes_nothing(connection: Connection, cast: Cast) -> None:
    browser = signed_in(cast.carol)
    page = browser.get(CALLBACK, decide(begin(browser, connection), "decline"), follow=True)
    assert (
        "Access was not granted: somebody declined on the vendor's page, or the account may not grant it. "
        "It said access_denied: The person said no." in text(page)
    )
    connection.refresh_from_db()
    assert (connection.state, held(connection).value) == ("reauthorize", "")


def test_other_people_and_other_browsers_cannot_finish_a_visit(connection: Connection, vendor: VendorServer, cast: Cast) -> None:
    answer = decide(begin(signed_in(cast.carol), connection))
    sentence = "This authorization was begun in another browser, or by somebody else. Begin again on the connection's page."
    for browser in (signed_in(cast.alice), signed_in(cast.eve), signed_in(cast.carol)):
        page = browser.get(CALLBACK, answer)
        assert (page.status_code, sentence in text(page)) == (400, True)
    out = Client().get(CALLBACK, answer)
    assert (out.status_code, "You are not signed in to Junction at" in text(out)) == (400, True)
    assert vendor.agree.grants == []


def test_late_answer_is_refused(connection: Connection, vendor: VendorServer, cast: Cast) -> None:
    browser = signed_in(cast.carol)
    answer = decide(begin(browser, connection))
    Authorization.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    page = browser.get(CALLBACK, answer, follow=True)
    assert "The visit to the vendor's page took longer than 10 minutes. Authorize again." in text(page)
    assert vendor.agree.grants == []


@pytest.mark.parametrize("answer", [{}, {"state": "made-up", "code": "x"}, {"error": "access_denied"}, {"state": "x\0", "code": "y"}])
def test_answer_that_nobody_asked_for_is_refused(cast: Cast, answer: dict[str, str]) -> None:
    page = signed_in(cast.carol).post(CALLBACK, answer)
    assert (page.status_code, "This answer belongs to no authorization that was begun here" in text(page)) == (400, True)


def test_closing_the_window_leaves_a_working_connection_alone(connection: Connection, vendor: VendorServer, cast: Cast) -> None:
    browser = signed_in(cast.carol)
    browser.get(CALLBACK, decide(begin(browser, connection)))
    begin(browser, connection)
    assert called(connection) == 200
    browser.get(CALLBACK, decide(begin(browser, connection)))
    assert (called(connection), len(vendor.agree.grants)) == (200, 2)


def test_e3_3_apple_form_post_of_another_site_is_sent_on_by_a_page_that_sets_no_cookie(connection: Connection, cast: Cast) -> None:
    browser = signed_in(cast.carol)
    answer = decide(begin(browser, connection))
    # The browser sends no cookie along with a form of another site.
    strict = Client(enforce_csrf_checks=True)
    page = strict.post(CALLBACK, answer)
    fields = dict(page.context["answer"])
    assert (page.status_code, fields, page.cookies.output()) == (200, answer, "")
    done = browser.post(CALLBACK, {**fields, "junction_continued": "1"})
    assert (done.status_code, called(connection)) == (302, 200)


def test_values_of_the_redirect_are_kept_as_settings(
    vendor: VendorServer, make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast
) -> None:
    auth = agree_auth(vendor, callbackSettings={"realm": "realmId"})
    integration = make_integration(base_uri=f"{vendor.url}/echo/{{{{settings.realm}}}}", auth=auth)
    connection = make_connection(integration, credentials=CLIENT)
    vendor.agree.extra = {"realmId": "4620816365"}
    browser = signed_in(cast.carol)
    browser.get(CALLBACK, decide(begin(browser, connection)))
    connection.refresh_from_db()
    with client_for(connection, definition_of(integration)) as client:
        assert client.base == f"{vendor.url}/echo/4620816365"


@pytest.mark.parametrize(("way", "secret_in"), [("basic", "basic"), ("body", "body")])
def test_client_authenticates_where_the_vendor_wants_it(
    vendor: VendorServer, make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast, way: str, secret_in: str
) -> None:
    vendor.agree.secret_in = secret_in
    integration = make_integration(base_uri=f"{vendor.url}/agree", auth=agree_auth(vendor, clientAuthentication=way))
    connection = make_connection(integration, credentials=CLIENT)
    browser = signed_in(cast.carol)
    browser.get(CALLBACK, decide(begin(browser, connection)))
    assert called(connection) == 200


def test_refused_code_leaves_the_reason_and_no_secret(vendor: VendorServer, connection: Connection, cast: Cast) -> None:
    vendor.agree.secret_in = "body"
    browser = signed_in(cast.carol)
    page = browser.get(CALLBACK, decide(begin(browser, connection)), follow=True)
    connection.refresh_from_db()
    sentence = (
        "The token endpoint refused with status 401 Unauthorized and said invalid_client: The client's secret is expected in the body. "
        "Check client ID and client secret, and whether the server takes them in a Basic header or in the body."
    )
    assert (connection.state, connection.message) == ("reauthorize", sentence)
    assert [(event.outcome, event.message) for event in connection.token_events.all()] == [("refused", sentence)]
    assert (sentence in text(page), CLIENT_SECRET in page.content.decode()) == (True, False)


def test_connection_that_was_changed_meanwhile_keeps_its_change(connection: Connection, cast: Cast) -> None:
    before = rows.snapshot(connection.pk)
    browser = signed_in(cast.carol)
    browser.post(
        reverse("connection-detail", args=[connection.pk]),
        {"name": "Main", "credentials.clientId": "another", "credentials.clientSecret": ""},
    )
    assert rows.adopt(before, Held("late"), reason="authorized") is False
    assert (held(connection).value, TokenEvent.objects.count()) == ("", 0)


def test_new_token_wins_over_a_renewal_that_is_under_way(connection: Connection, cast: Cast) -> None:
    row = Credential.objects.select_related("connection").get(pk=connection.pk)
    assert rows.take(row, "worker") is True
    event, _ = rows.journal(row, "due")
    browser = signed_in(cast.carol)
    browser.get(CALLBACK, decide(begin(browser, connection)))
    agreed = held(connection)
    row.refresh_from_db()
    row.generation -= 1
    assert rows.store(row, "worker", event, Held("late"), elapsed_ms=1) is None
    assert held(connection) == agreed


def test_viewers_and_strangers_cannot_begin(connection: Connection, cast: Cast) -> None:
    url = reverse("connection-authorize", args=[connection.pk])
    assert (signed_in(cast.dave).post(url).status_code, signed_in(cast.eve).post(url).status_code) == (403, 404)
    assert Authorization.objects.count() == 0


def test_client_id_that_is_missing_is_asked_for(integration: Integration, make_connection: MakeConnection, cast: Cast) -> None:
    connection = make_connection(integration)
    page = signed_in(cast.carol).post(reverse("connection-authorize", args=[connection.pk]), follow=True)
    assert "Client ID is missing. Register an app at the vendor and enter its client ID first." in text(page)
