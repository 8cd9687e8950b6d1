"""POST /api/integrations/{id}/request: what reaches the vendor, what comes back, and what never does either."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from oauth2_provider.models import AccessToken, Application

from connections import services
from connections.models import Connection
from connections.proxy.requests import below
from integrations.models import Integration, User
from integrations.refusals import Invalid
from tests.backends import forget_limits
from tests.cast import Cast, MakeConnection, MakeIntegration
from tests.connections.server import Handler, Served, serving

# Headers that Django adds to pages and programs alike.
OURS = {
    "Referrer-Policy",
    "Cross-Origin-Opener-Policy",
    "X-Frame-Options",
    "Vary",
    "Allow",
    "Content-Length",
    "RateLimit",
    "RateLimit-Policy",
}
PIXEL = bytes(range(256)) * 40


def answer(handler: Handler) -> None:
    path = handler.path.partition("?")[0]
    if path == "/v1/teapot":
        handler.reply(418, b'{"short": "stout"}', Content_Type="application/problem+json", X_Vendor="yes", Set_Cookie="a=b", Keep_Alive="x")
    elif path == "/v1/picture":
        handler.reply(200, PIXEL, Content_Type="image/x-test", ETag='"1"')
    elif path == "/v1/packed":
        handler.reply(200, gzip.compress(b"plain text"), Content_Type="text/plain", Content_Encoding="gzip")
    elif path == "/v1/away":
        handler.reply(302, b"", Location=f"https://elsewhere.example.com/?key={handler.headers['X-Key']}")
    elif path == "/v1/chunks":
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for _ in range(40):
            handler.wfile.write(b"%x\r\n%s\r\n" % (65536, b"z" * 65536))
        handler.wfile.write(b"0\r\n\r\n")
    elif path == "/v1/half":
        handler.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")
    elif path == "/v1/nothing":
        handler.reply(204)
    else:
        handler.reply(200, b"{}", Content_Type="application/json")


@pytest.fixture
def upstream() -> Iterator[Served]:
    with serving(answer) as served:
        yield served


Ask = Callable[..., Any]


class Caller:
    """Calls with a token, as a program does."""

    def __init__(self, user: User) -> None:
        application = Application.objects.create(
            name=user.username, user=user, client_type="confidential", authorization_grant_type="client-credentials"
        )
        self.token = AccessToken.objects.create(
            user=user, application=application, token=f"token-of-{user.username}", expires=timezone.now() + timedelta(hours=1), scope="api"
        )
        self.client = Client(headers={"Authorization": f"Bearer {self.token.token}"})

    def __call__(self, integration: Integration, payload: Any, query: str = "", **headers: str) -> Any:
        path = f"/api/integrations/{integration.slug}/request{query}"
        return self.client.post(path, json.dumps(payload), content_type="application/json", headers=headers)


@pytest.fixture
def integration(upstream: Served, make_integration: MakeIntegration) -> Integration:
    return make_integration(
        base_uri=f"{upstream.url}/v1",
        auth={"type": "apikey", "apiKeyName": "X-Key"},
        headers={"X-Who": "${user.username} ${user.displayName} ${user.email}", "X-Tenant": "${tenant.id}", "X-Region": "${tenant.region}"},
        query={"version": "7"},
    )


@pytest.fixture
def connection(integration: Integration, make_connection: MakeConnection, cast: Cast) -> Connection:
    cast.client_a.fields = {"region": "north"}
    cast.client_a.save()
    cast.carol.email = "carol@example.com"
    cast.carol.save()
    return make_connection(integration, credentials={"apiKey": "key-of-a"})


@pytest.fixture
def carol(cast: Cast) -> Caller:
    return Caller(cast.carol)


def failure(response: Any) -> tuple[int, str]:
    return response.status_code, response.get("Junction-Failure", "")


def test_a12_111_request_reaches_the_vendor_with_credentials_and_the_caller_s_own_values(
    integration: Integration, connection: Connection, carol: Caller, cast: Cast, upstream: Served
) -> None:
    payload = {
        "url": "/items?a=1",
        "method": "POST",
        "params": {"tag": ["x", "y"], "deep": True, "none": None},
        "data": {"ä": [1]},
        "headers": {"X-Mine": "1"},
    }
    assert carol(integration, payload).status_code == 200
    seen = upstream.seen[0]
    assert (seen.method, seen.path) == ("POST", "/v1/items?a=1&tag=x&tag=y&deep=true&version=7")
    assert json.loads(seen.body) == {"ä": [1]}
    wanted = {"x-key": "key-of-a", "x-who": "carol Carol carol@example.com", "x-tenant": str(cast.client_a.pk), "x-region": "north",
              "x-mine": "1", "content-type": "application/json"}  # fmt: skip
    assert {name: seen.headers.get(name) for name in wanted} == wanted


def test_status_headers_and_body_come_back_as_they_are(integration: Integration, connection: Connection, carol: Caller) -> None:
    response = carol(integration, {"url": "teapot"})
    assert (response.status_code, response.content) == (418, b'{"short": "stout"}')
    assert (response["Content-Type"], response["X-Vendor"]) == ("application/problem+json", "yes")
    assert [name for name in ("Set-Cookie", "Keep-Alive", "Junction-Failure") if name in response] == []
    assert response.cookies.output() == ""
    assert response["Content-Security-Policy"].startswith("default-src 'none'; sandbox")


def test_binary_packed_empty_and_redirecting_answers_pass(integration: Integration, connection: Connection, carol: Caller) -> None:
    picture = carol(integration, {"url": "/picture"})
    assert (picture.content, picture["Content-Type"], picture["ETag"]) == (PIXEL, "image/x-test", '"1"')
    packed = carol(integration, {"url": "/packed"}, **{"Accept-Encoding": "gzip"})
    assert (packed["Content-Encoding"], gzip.decompress(packed.content)) == ("gzip", b"plain text")
    nothing = carol(integration, {"url": "/nothing", "method": "DELETE"})
    assert (nothing.status_code, nothing.content) == (204, b"")
    away = carol(integration, {"url": "/away"})
    assert away.status_code == 302
    assert away["Location"] == "https://elsewhere.example.com/?key=***"


def test_large_answers_are_streamed_and_half_ones_break_off(integration: Integration, connection: Connection, carol: Caller) -> None:
    large = carol(integration, {"url": "/chunks"})
    assert large.streaming
    assert hashlib.sha256(b"".join(large.streaming_content)).digest() == hashlib.sha256(b"z" * 65536 * 40).digest()
    half = carol(integration, {"url": "/half"})
    assert failure(half) == (502, "vendor-unreachable")


def test_connections_to_the_vendor_stay_open_from_call_to_call(
    integration: Integration, connection: Connection, carol: Caller, upstream: Served
) -> None:
    for _ in range(5):
        carol(integration, {"url": "/picture"})
    assert len(upstream.peers) == 1


def test_what_says_who_calls_does_not_pass(integration: Integration, connection: Connection, carol: Caller, upstream: Served) -> None:
    own = {"Authorization": "Bearer mine", "Cookie": "a=b", "Host": "evil.example.com", "Connection": "X-Hop", "X-Hop": "1", "Transfer-Encoding": "chunked",
           "X-Who": "somebody else", "X-Key": "another"}  # fmt: skip
    carol(integration, {"url": "/items", "headers": own})
    seen = upstream.seen[0].headers
    assert [name for name in ("authorization", "cookie", "x-hop", "transfer-encoding") if name in seen] == []
    assert (seen["host"], seen["x-who"], seen["x-key"]) == (
        upstream.url.removeprefix("http://"),
        "carol Carol carol@example.com",
        "key-of-a",
    )


def test_placeholders_of_the_caller_are_not_filled_in(
    integration: Integration, connection: Connection, carol: Caller, upstream: Served
) -> None:
    carol(integration, {"url": "/${credentials.apiKey}", "headers": {"X-Mine": "{{credentials.apiKey}}"}, "data": "${credentials.apiKey}"})
    seen = upstream.seen[0]
    assert (seen.path, seen.headers["x-mine"], seen.body) == (
        "/v1/$%7Bcredentials.apiKey%7D?version=7",
        "{{credentials.apiKey}}",
        b"${credentials.apiKey}",
    )


@pytest.mark.parametrize(
    "url",
    ["../secret", "/a/../../b", "/%2e%2e/b", "/a/..%2fb", "/%252e%252e/b", "/..;/b", "/.%2e;x/b", "\\\\evil.example.com/", "/a\\..\\b", "//evil.example.com/x",
     "https://evil.example.com/", "http://user@localhost/", "javascript:alert(1)", "/a b", "/a\r\nX: y", "/%c0%ae%c0%ae/", "/a/%00", "/./b", 7],
)  # fmt: skip
def test_url_stays_below_the_base_uri(url: Any, integration: Integration, connection: Connection, carol: Caller, upstream: Served) -> None:
    response = carol(integration, {"url": url})
    assert failure(response) == (400, "invalid")
    assert [item["field"] for item in response.json()["errors"]] == ["url"]
    assert upstream.seen == []


@pytest.mark.parametrize(
    ("url", "whole"),
    [("/a", "https://h.example.com/v1/a"), ("a/b?c=..", "https://h.example.com/v1/a/b?c=.."), ("", "https://h.example.com/v1"),
     ("/", "https://h.example.com/v1/"), ("/@evil.example.com", "https://h.example.com/v1/@evil.example.com"), ("/ä", "https://h.example.com/v1/%C3%A4"),
     ("https://H.example.com/v1/a?b", "https://h.example.com/v1/a?b"), ("/a#part", "https://h.example.com/v1/a"), ("/a..b/c...", "https://h.example.com/v1/a..b/c...")],
)  # fmt: skip
def test_url_is_relative_to_the_base_uri(url: str, whole: str) -> None:
    assert below("https://h.example.com/v1", url) == whole


@pytest.mark.parametrize(
    "url",
    [
        "https://h.example.com/v2/a",
        "https://h.example.com/v1x",
        "https://h.example.com:8443/v1/a",
        "http://h.example.com/v1/a",
        "https://h.example.com/v1/../a",
    ],
)
def test_absolute_url_has_to_lie_below_the_base_uri(url: str) -> None:
    with pytest.raises(Invalid):
        below("https://h.example.com/v1", url)


def test_own_failures_are_told_apart_by_a_header(
    integration: Integration, connection: Connection, carol: Caller, cast: Cast, make_integration: MakeIntegration, upstream: Served
) -> None:
    assert failure(carol.client.post(f"/api/integrations/{integration.slug}/request", "[", content_type="application/json")) == (
        400,
        "malformed",
    )
    assert failure(carol(integration, {"url": "/", "method": "TRACE"})) == (400, "invalid")
    assert failure(Client().post(f"/api/integrations/{integration.slug}/request", "{}", content_type="application/json")) == (
        401,
        "unauthenticated",
    )
    assert failure(Caller(cast.dave)(integration, {"url": "/"})) == (403, "forbidden")
    assert failure(Caller(cast.eve)(integration, {"url": "/"})) == (404, "not-found")
    assert failure(carol(make_integration(name="Unconnected"), {"url": "/"})) == (409, "conflict")
    response = carol(integration, {"url": "/", "method": "TRACE"})
    assert {name: response.json()[name] for name in ("statusCode", "error", "message")} == {
        "statusCode": 400, "error": "Some values do not fit", "message": "Use one of: GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS."
    }  # fmt: skip
    assert upstream.seen == []


def test_vendor_that_cannot_be_reached_is_502(make_integration: MakeIntegration, make_connection: MakeConnection, carol: Caller) -> None:
    with serving(answer) as served:
        url = served.url
    integration = make_integration(base_uri=url)
    make_connection(integration)
    response = carol(integration, {"url": "/items"})
    assert failure(response) == (502, "vendor-unreachable")
    assert response.json()["detail"].startswith("localhost refused the connection on port ")


def test_rejected_token_is_renewed_once_before_the_answer_passes(
    make_integration: MakeIntegration, make_connection: MakeConnection, carol: Caller
) -> None:
    given: list[str] = []

    def issue(handler: Handler) -> None:
        if handler.path == "/token":
            given.append(f"t{len(given)}")
            handler.reply(200, json.dumps({"access_token": given[-1], "expires_in": 3600}).encode(), Content_Type="application/json")
        else:
            handler.reply(401 if handler.headers["Authorization"] == "Bearer t0" else 200, handler.headers["Authorization"].encode())

    with serving(issue) as served:
        auth = {"type": "oauth2", "grantType": "client_credentials", "tokenUri": f"{served.url}/token"}
        integration = make_integration(base_uri=served.url, auth=auth)
        make_connection(integration, credentials={"clientId": "c", "clientSecret": "s"})
        assert [carol(integration, {"url": "/x"}).content for _ in range(2)] == [b"Bearer t1", b"Bearer t1"]
    assert given == ["t0", "t1"]


def test_revoked_rights_hold_from_the_next_request_on(integration: Integration, connection: Connection, carol: Caller, cast: Cast) -> None:
    for _ in range(3):  # the third time nothing is decided anew
        assert carol(integration, {"url": "/items"}).status_code == 200
    membership = cast.carol.memberships.get()
    membership.role = "viewer"
    membership.save()
    assert failure(carol(integration, {"url": "/items"})) == (403, "forbidden")
    membership.delete()
    assert failure(carol(integration, {"url": "/items"})) == (404, "not-found")
    carol.token.delete()
    assert failure(carol(integration, {"url": "/items"})) == (401, "unauthenticated")


def test_decided_requests_are_answered_as_the_first_one_was(
    integration: Integration, connection: Connection, carol: Caller, upstream: Served
) -> None:
    payload = {"url": "/items", "method": "POST", "data": {"a": 1}}
    answers = [carol(integration, payload) for _ in range(4)]
    said = [(one.status_code, one.content, {name: value for name, value in one.items() if name not in OURS}) for one in answers]
    assert said == said[:1] * 4
    assert len({json.dumps([seen.method, seen.path, seen.headers, seen.body.decode()]) for seen in upstream.seen}) == 1
    with CaptureQueriesContext(database) as queries:
        assert carol(integration, payload).status_code == 200
        assert failure(carol(integration, {"url": "/../x"})) == (400, "invalid")
    assert next(query["sql"].split()[0:2] for query in queries) == ["SELECT", "t.expires,"]
    assert ["SELECT t.expires" in query["sql"] for query in queries].count(True) == 2


def test_decided_requests_count_like_all_others(integration: Integration, connection: Connection, carol: Caller, settings: Any) -> None:
    forget_limits()  # of the tests before
    settings.API_REQUESTS_PER_MINUTE = 30
    statuses = [carol(integration, {"url": "/items"}).status_code for _ in range(100)]
    assert set(statuses) == {200, 429}  # in windows of a minute, of which the test may see two


def test_changed_credentials_hold_from_the_next_request_on(
    integration: Integration, connection: Connection, carol: Caller, upstream: Served
) -> None:
    for _ in range(3):
        carol(integration, {"url": "/items"})
    services.change(connection=connection, credentials={"apiKey": "newer"})
    carol(integration, {"url": "/items"})
    assert [seen.headers["x-key"] for seen in upstream.seen] == ["key-of-a", "key-of-a", "key-of-a", "newer"]


def test_own_connection_is_used_in_the_mode_per_user(
    upstream: Served, make_integration: MakeIntegration, make_connection: MakeConnection, carol: Caller, cast: Cast
) -> None:
    integration = make_integration(base_uri=upstream.url, auth={"type": "bearer"})
    Integration.objects.filter(pk=integration.pk).update(extra={"mode": "per-user"})
    integration.refresh_from_db()
    make_connection(integration, name="Alice's", user=cast.alice, credentials={"token": "of-alice"})
    assert failure(carol(integration, {"url": "/"})) == (409, "conflict")
    make_connection(integration, name="Carol's", credentials={"token": "of-carol"})
    carol(integration, {"url": "/"})
    Caller(cast.alice)(integration, {"url": "/"})
    assert [seen.headers["authorization"] for seen in upstream.seen] == ["Bearer of-carol", "Bearer of-alice"]
