"""Who calls: personal tokens, applications, consent, scopes, limits, repeated requests."""

from __future__ import annotations

import base64
import threading
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import AccessToken, Application, RefreshToken
from pytest_django.live_server_helper import LiveServer

from integrations.access import applications, scopes, tokens
from integrations.models import ApplicationDetails, Integration, KeptAnswer, PersonalToken
from tests.api.calls import Caller
from tests.cast import Cast, MakeConnection, MakeIntegration
from tests.pages import signed_in, text
from tests.vendor.server import VendorServer

CALLBACK = "https://app.example.com/back"
VERIFIER = "a-verifier-of-forty-three-characters-or-more-0123456789"
CHALLENGE = base64.urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


def personal(user: Any, *names: str) -> Caller:
    return Caller(bearer=tokens.create(user=user, name="Test", scopes=names or ["api"], expires_at=None)[1])


def test_personal_token_is_shown_once_kept_as_a_digest_and_revoked(cast: Cast) -> None:
    browser = signed_in(cast.bob)
    made = browser.post("/account/access/tokens/new/", {"name": "Nightly export", "days": "30", "scopes": ["integrations:read"]})
    assert (made.status_code, "no-store" in made["Cache-Control"]) == (201, True)
    row = PersonalToken.objects.get()
    secret = made.context["text"]
    assert secret in made.content.decode()
    assert (row.digest, row.hint, row.scopes) == (sha256(secret.encode()).hexdigest(), secret[:9], ["integrations:read"])
    assert secret not in str([list(vars(item).values()) for item in PersonalToken.objects.all()])
    page = text(browser.get("/account/access/"))
    assert ("Nightly export" in page, "Never" in page, secret in page) == (True, True, False)
    caller = Caller(bearer=secret)
    assert caller("GET", "integrations")["total"] == 0
    row.refresh_from_db()
    assert row.last_used_at is not None
    assert "just now" in text(browser.get("/account/access/"))
    assert browser.post(f"/account/access/tokens/{row.pk}/revoke/").status_code == 302
    refused = caller("GET", "integrations", expect=401)
    assert refused["detail"] == "The personal token is unknown, revoked, or has expired. Make a new one under Account > API access."


def test_token_ends_with_its_time_and_with_its_person(cast: Cast) -> None:
    token, secret = tokens.create(user=cast.bob, name="Short", scopes=["api"], expires_at=timezone.now() + timedelta(hours=1))
    caller = Caller(bearer=secret)
    caller("GET", "me")
    PersonalToken.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    caller("GET", "me", expect=401)
    PersonalToken.objects.filter(pk=token.pk).update(expires_at=None)
    caller("GET", "me")
    cast.bob.is_active = False
    cast.bob.save()
    caller("GET", "me", expect=401)


@pytest.mark.parametrize(
    ("scope", "method", "path", "status"),
    [
        ("integrations:read", "GET", "integrations", 200),
        ("integrations:read", "GET", "connections", 403),
        ("integrations:read", "POST", "integrations", 403),
        ("integrations:write", "POST", "integrations", 422),
        ("integrations:write", "GET", "integrations", 403),
        ("connections:write", "DELETE", "connections/{connection}", 403),
        ("connections:delete", "DELETE", "connections/{connection}", 204),
        ("runs:read", "GET", "runs", 200),
        ("audit:read", "GET", "audit", 200),
        ("account:read", "GET", "me", 200),
        ("account:read", "POST", "tokens", 403),
        ("api", "GET", "audit", 200),
    ],
)
def test_scopes_name_what_a_token_is_good_for(
    cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection, scope: str, method: str, path: str, status: int
) -> None:
    connection = make_connection(make_integration())
    answer = personal(cast.alice, scope).ask(method, path.format(connection=connection.pk), {} if method == "POST" else None)
    assert answer.status_code == status, answer.content
    if status == 403:
        needed = scopes.needed(method, f"/api/{path}")
        assert (answer.json()["type"], answer.json()["scope"]) == ("urn:junction:problem:insufficient-scope", needed)
        assert answer["WWW-Authenticate"] == (
            f'Bearer realm="api", error="insufficient_scope", scope="{needed}", '
            f'resource_metadata="{settings.PUBLIC_URL}/.well-known/oauth-protected-resource"'
        )


@pytest.mark.parametrize(
    ("headers", "error"), [({}, ""), ({"Authorization": "Bearer jct_wrong"}, "invalid_token"), ({"Authorization": "Bearer x"}, "invalid_token")]
)  # fmt: skip
def test_401_says_where_a_program_finds_out_how_to_get_a_token(db: None, headers: dict[str, str], error: str) -> None:
    answer = Client().get("/api/me", headers=headers)
    where = f"{settings.PUBLIC_URL}/.well-known/oauth-protected-resource"
    told = f'error="{error}", ' if error else ""
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, f'Bearer realm="api", {told}resource_metadata="{where}"')
    resource = Client().get(where.removeprefix(settings.PUBLIC_URL)).json()
    assert {name: resource[name] for name in ("resource", "authorization_servers", "bearer_methods_supported")} == {
        "resource": settings.PUBLIC_URL, "authorization_servers": [settings.PUBLIC_URL], "bearer_methods_supported": ["header"]
    }  # fmt: skip
    assert resource["scopes_supported"] == sorted(scopes.SCOPES)


def test_metadata_of_the_authorization_server_lead_a_program_to_its_token(cast: Cast) -> None:
    found = Client().get("/.well-known/oauth-authorization-server", headers={"Host": "localhost"})
    document = found.json()
    at = settings.PUBLIC_URL
    assert {name: value for name, value in document.items() if name != "scopes_supported"} == {
        "issuer": at,
        "authorization_endpoint": f"{at}/o/authorize/",
        "token_endpoint": f"{at}/o/token/",
        "revocation_endpoint": f"{at}/o/revoke_token/",
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "client_id_metadata_document_supported": False,
    }
    assert document["scopes_supported"] == sorted(scopes.SCOPES)
    made = Caller(cast.bob)("POST", "applications", {"name": "Export", "kind": "script", "scopes": ["api"]}, expect=201)
    sent = {"grant_type": "client_credentials", "client_id": made["clientId"], "client_secret": made["clientSecret"]}
    token = Client().post(document["token_endpoint"].removeprefix(at), sent).json()["access_token"]
    assert Caller(bearer=token)("GET", "me")["username"] == "bob"


def test_token_gives_on_no_more_than_it_has(cast: Cast) -> None:
    caller = personal(cast.bob, "account:write", "integrations:read")
    made = caller("POST", "tokens", {"name": "Less", "scopes": ["integrations:read"]}, expect=201)
    assert Caller(bearer=made["token"])("GET", "integrations")["total"] == 0
    for path, more in (("tokens", {}), ("applications", {"kind": "script"})):
        problem = caller("POST", path, {"name": "More", "scopes": ["api"], **more}, expect=422)
        assert problem["errors"] == [{"field": "scopes", "message": "Your own token lacks api, so it cannot give that on."}]


def test_script_signs_in_with_client_credentials_within_its_scopes(cast: Cast) -> None:
    made = Caller(cast.bob)("POST", "applications", {"name": "Export", "kind": "script", "scopes": ["runs:read"]}, expect=201)
    client = Client()
    basic = base64.b64encode(f"{made['clientId']}:{made['clientSecret']}".encode()).decode()
    answer = client.post("/o/token/", {"grant_type": "client_credentials"}, headers={"Authorization": f"Basic {basic}"})
    assert (answer.status_code, answer.json()["scope"]) == (200, "runs:read")
    caller = Caller(bearer=answer.json()["access_token"])
    assert caller("GET", "runs") == []
    caller("GET", "integrations", expect=403)
    assert AccessToken.objects.get().token == ""
    assert ApplicationDetails.objects.get().last_used_at is not None
    beyond = client.post("/o/token/", {"grant_type": "client_credentials", "scope": "api"}, headers={"Authorization": f"Basic {basic}"})
    assert (beyond.status_code, beyond.json()["error"]) == (400, "invalid_scope")
    fresh = Caller(cast.bob)("POST", f"applications/{made['id']}/secret", {})
    assert client.post("/o/token/", {"grant_type": "client_credentials"}, headers={"Authorization": f"Basic {basic}"}).status_code == 401
    basic = base64.b64encode(f"{made['clientId']}:{fresh['clientSecret']}".encode()).decode()
    assert client.post("/o/token/", {"grant_type": "client_credentials"}, headers={"Authorization": f"Basic {basic}"}).status_code == 200


def test_script_that_may_do_everything_may_ask_for_less(cast: Cast) -> None:
    made = Caller(cast.bob)("POST", "applications", {"name": "Export", "kind": "script", "scopes": ["api"]}, expect=201)
    basic = base64.b64encode(f"{made['clientId']}:{made['clientSecret']}".encode()).decode()
    asked = {"grant_type": "client_credentials", "scope": "runs:read"}
    answer = Client().post("/o/token/", asked, headers={"Authorization": f"Basic {basic}"}).json()
    caller = Caller(bearer=answer["access_token"])
    assert (answer["scope"], caller.ask("GET", "runs").status_code, caller.ask("GET", "integrations").status_code) == (
        "runs:read",
        200,
        403,
    )


@pytest.fixture
def native(cast: Cast) -> Any:
    """An application of alice's without a secret."""
    made, _ = applications.create(
        user=cast.alice, name="Dashboard", kind="native", redirect_uris=[CALLBACK], scopes=["integrations:read", "runs:read"]
    )
    return made


def _query(application: Any, **changed: str) -> dict[str, str]:
    asked = {"response_type": "code", "client_id": application.client_id, "redirect_uri": CALLBACK, "scope": "integrations:read",
             "state": "xyz", "code_challenge": CHALLENGE, "code_challenge_method": "S256", **changed}  # fmt: skip
    return {name: value for name, value in asked.items() if value}


def _hidden(page: Any) -> dict[str, str]:
    """What the page's form sends back by itself."""
    return {name: value for name, value in page.context["form"].initial.items() if value is not None}


def test_plain_challenge_gives_no_code(cast: Cast, native: Any) -> None:
    browser = signed_in(cast.carol)
    page = browser.get("/o/authorize/", _query(native, code_challenge_method="plain"))
    answer = browser.post("/o/authorize/", {**_hidden(page), "allow": "Authorize"})
    assert parse_qs(urlsplit(answer["Location"]).query)["error"] == ["invalid_request"]


def test_person_agrees_and_the_application_acts_for_them_until_they_withdraw(cast: Cast, native: Any) -> None:
    browser = signed_in(cast.carol)
    page = browser.get("/o/authorize/", _query(native))
    said = text(page)
    assert "Allow Dashboard to act for you?" in said
    assert "See integrations, their actions, drafts and revisions, and templates" in said
    assert "app.example.com" in said
    assert "form-action 'self' https://app.example.com" in page["Content-Security-Policy"]
    agreed = browser.post("/o/authorize/", {**_hidden(page), "allow": "Authorize"})
    back = urlsplit(agreed["Location"])
    assert (f"{back.scheme}://{back.netloc}{back.path}", parse_qs(back.query)["state"]) == (CALLBACK, ["xyz"])
    client = Client()
    exchange = {"grant_type": "authorization_code", "code": parse_qs(back.query)["code"][0], "redirect_uri": CALLBACK,
                "client_id": native.client_id, "code_verifier": VERIFIER}  # fmt: skip
    given = client.post("/o/token/", exchange).json()
    caller = Caller(bearer=given["access_token"])
    assert caller("GET", "integrations")["total"] == 0
    caller("GET", "runs", expect=403)
    assert client.post("/o/token/", exchange).status_code == 400
    renewed = client.post(
        "/o/token/", {"grant_type": "refresh_token", "refresh_token": given["refresh_token"], "client_id": native.client_id}
    ).json()
    caller = Caller(bearer=renewed["access_token"])
    caller("GET", "integrations")
    assert "Dashboard" in text(browser.get("/account/access/"))
    assert browser.post(f"/account/access/consents/{native.pk}/withdraw/").status_code == 302
    caller("GET", "integrations", expect=401)
    assert RefreshToken.objects.count() == 0


def test_person_may_refuse_and_the_application_hears_it(cast: Cast, native: Any) -> None:
    browser = signed_in(cast.carol)
    page = browser.get("/o/authorize/", _query(native))
    refused = browser.post("/o/authorize/", _hidden(page))
    assert refused["Location"].startswith(f"{CALLBACK}?")
    assert parse_qs(urlsplit(refused["Location"]).query)["error"] == ["access_denied"]


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_challenge": "", "code_challenge_method": ""}, "invalid_request"),
        ({"scope": "connections:write"}, "invalid_scope"),
        ({"response_type": "token"}, "unauthorized_client"),
    ],
)
def test_authorization_without_pkce_or_beyond_the_scopes_is_refused(cast: Cast, native: Any, changed: dict[str, str], error: str) -> None:
    answer = signed_in(cast.carol).get("/o/authorize/", _query(native, **changed))
    assert answer.status_code == 302
    assert parse_qs(urlsplit(answer["Location"]).query)["error"] == [error]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"client_id": "nobody"}, "The application that sent you here is not known, or was deleted. Tell whoever runs it."),
        (
            {"redirect_uri": "https://evil.example.com/"},
            "The application wants you back at an address that is not registered for it. Tell whoever runs it.",
        ),
    ],
)
def test_what_cannot_be_sent_back_to_the_application_is_said_here(cast: Cast, native: Any, changed: dict[str, str], sentence: str) -> None:
    answer = signed_in(cast.carol).get("/o/authorize/", _query(native, **changed))
    assert (answer.status_code, sentence in text(answer)) == (400, True)


@pytest.mark.parametrize(
    ("uri", "fits"),
    [
        (CALLBACK, True), ("http://localhost:3000/cb", True), ("http://127.0.0.1/cb", True), ("http://app.example.com/", False),
        ("https://app.example.com/#x", False), ("javascript:alert(1)", False), ("https:///x", False), ("https://[", False),
    ],
)  # fmt: skip
def test_redirect_addresses_are_https_or_of_this_machine(cast: Cast, uri: str, fits: bool) -> None:
    body = {"name": "App", "kind": "web", "redirectUris": [uri], "scopes": ["api"]}
    answer = Caller(cast.bob).ask("POST", "applications", body)
    assert (answer.status_code, Application.objects.count()) == ((201, 1) if fits else (422, 0))


def test_others_applications_and_tokens_do_not_exist(cast: Cast, native: Any) -> None:
    token, _ = tokens.create(user=cast.alice, name="Hers", scopes=["api"], expires_at=None)
    bob = Caller(cast.bob)
    assert (bob("GET", "tokens"), bob("GET", "applications")) == ([], [])
    for method, path in (("GET", f"tokens/{token.pk}"), ("DELETE", f"tokens/{token.pk}"), ("PATCH", f"applications/{native.pk}"),
                         ("DELETE", f"applications/{native.pk}"), ("POST", f"applications/{native.pk}/secret")):  # fmt: skip
        bob(method, path, {}, expect=404)


def test_caller_is_told_what_is_left_and_when_to_come_again(cast: Cast, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    cache.clear()
    caller, other = personal(cast.bob), personal(cast.bob)
    left = []
    for _ in range(3):
        answer = caller.ask("GET", "me")
        assert (answer.status_code, answer["RateLimit-Policy"]) == (200, '"minute";q=3;w=60')
        left.append(answer["RateLimit"].partition(";t=")[0])
    refused = caller.ask("GET", "me")
    if left == ['"minute";r=2', '"minute";r=1', '"minute";r=0']:  # else a minute began in between
        assert (refused.status_code, refused.json()["type"]) == (429, "urn:junction:problem:throttled")
        assert refused["RateLimit"] == f'"minute";r=0;t={refused["Retry-After"]}'
        assert 1 <= int(refused["Retry-After"]) <= 60
    assert other.ask("GET", "me").status_code == 200
    settings.API_REQUESTS_PER_MINUTE = 0
    assert "RateLimit" not in caller.ask("GET", "me")


def test_repeated_post_is_answered_and_not_carried_out_again(cast: Cast) -> None:
    bob = Caller(cast.bob)
    first = bob.ask("POST", "integrations", {"type": "custom", "name": "Once"}, Idempotency_Key='"8e03978e"')
    again = bob.ask("POST", "integrations", {"type": "custom", "name": "Once"}, Idempotency_Key="8e03978e")
    assert (first.status_code, again.status_code, again.content, again["Location"]) == (201, 201, first.content, first["Location"])
    assert (again["Idempotency-Replayed"], again["ETag"], "Idempotency-Replayed" in first) == ("true", first["ETag"], False)
    assert Integration.objects.count() == 1
    other = bob("POST", "integrations", {"type": "custom", "name": "Twice"}, expect=422, Idempotency_Key="8e03978e")
    assert other["type"] == "urn:junction:problem:key-reused"
    # Another person's key is another key.
    assert (
        Caller(cast.alice)("POST", "integrations", {"type": "custom", "name": "Once"}, expect=201, Idempotency_Key="8e03978e")["slug"]
        == "once-2"
    )
    KeptAnswer.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert bob("POST", "integrations", {"type": "custom", "name": "Once"}, expect=201, Idempotency_Key="8e03978e")["slug"] == "once-3"


def test_refused_post_frees_its_key(cast: Cast) -> None:
    bob = Caller(cast.bob)
    bob("POST", "integrations", {"type": "custom", "name": ""}, expect=422, Idempotency_Key="k")
    bob("POST", "integrations", {"type": "custom", "name": "Mended"}, expect=201, Idempotency_Key="k")
    for key in ("", '""', "x" * 256, "é"):
        assert (
            bob("POST", "integrations", {"type": "custom", "name": "X"}, expect=400, Idempotency_Key=key)["type"]
            == "urn:junction:problem:malformed"
        )


def test_answer_with_a_secret_is_not_kept(cast: Cast) -> None:
    bob = Caller(cast.bob)
    body = {"name": "Script", "scopes": ["api"]}
    made = bob("POST", "tokens", body, expect=201, Idempotency_Key="t")
    assert KeptAnswer.objects.get().body is None
    again = bob("POST", "tokens", body, expect=409, Idempotency_Key="t")
    assert (again["type"], PersonalToken.objects.count()) == ("urn:junction:problem:answer-not-kept", 1)
    assert again["detail"] == (
        f"This request was carried out (201); it is not carried out again, and its answer is not kept. See /api/tokens/{made['id']}."
    )


@pytest.mark.django_db(transaction=True)
def test_post_that_is_still_carried_out_is_not_begun_again(
    live_server: LiveServer, cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection, vendor: VendorServer
) -> None:
    import requests

    connection = make_connection(make_integration(base_uri=vendor.url, ping={"method": "GET", "uri": "/faults/pages"}))
    secret = tokens.create(user=cast.carol, name="Test", scopes=["api"], expires_at=None)[1]
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "slow"}
    url = f"{live_server.url}/api/connections/{connection.pk}/test"
    vendor.latency = 3
    found: list[requests.Response] = []
    first = threading.Thread(target=lambda: found.append(requests.post(url, headers=headers, timeout=60)))
    first.start()
    while not vendor.requests:
        first.join(0.05)
    second = requests.post(url, headers=headers, timeout=60)
    first.join()
    assert (second.status_code, second.json()["type"], second.headers["Retry-After"]) == (409, "urn:junction:problem:in-flight", "1")
    assert found[0].status_code == 200
    third = requests.post(url, headers=headers, timeout=60)
    assert (third.json(), third.headers["Idempotency-Replayed"]) == (found[0].json(), "true")
    assert len(vendor.requests) == 1


def test_name_and_email_are_changed_and_checked(cast: Cast) -> None:
    bob = Caller(cast.bob)
    assert bob("PATCH", "me", {"displayName": "Robert"})["displayName"] == "Robert"
    problem = bob("PATCH", "me", {"email": "no address"}, expect=422)
    assert [item["field"] for item in problem["errors"]] == ["email"]
    assert (bob("GET", "me")["displayName"], bob("GET", "me")["email"]) == ("Robert", "")
