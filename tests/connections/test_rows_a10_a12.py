"""Rows of the checklist on tests of connections (a.10), transport (a.11) and headers, limits and errors (a.12), each as a user meets it:
an integration and a connection made over the API, a vendor on a socket, and a run or a test.

Where other rows have their tests: 94 to 100 and 105 to 107 in test_connection_options.py and test_ping.py, 102 in agents/, 108 in
test_request_log.py, 110 in test_callers.py, 111 in test_proxy.py, 112 in webhooks.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qs

import pytest

from actions import results, runs
from actions.models import Run
from config.networks import parse_networks
from connections import services, trials
from connections.models import Connection
from connections.rates import Level
from integrations.models import Integration, User
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of, action_values
from tests.connections.server import Handler, Served, serving
from tests.integrations.test_api import Api

KEY = "sample-key-4711"
APIKEY = {"type": "apikey", "apiKeyName": "X-API-Key"}


@pytest.fixture(autouse=True)
def loopback(settings: Any) -> None:
    settings.EGRESS_ALLOW = parse_networks("loopback")


def says(body: Any = None, *, status: int = 200, kind: str = "application/json", **headers: str) -> Callable[[Handler], None]:
    content = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
    return lambda to: to.reply(status, content, Content_Type=kind, **headers)


class Ran:
    """Runs an action of a fresh integration, in this process."""

    def __init__(self, make_integration: MakeIntegration, make_connection: MakeConnection, user: User) -> None:
        self.make_integration, self.make_connection, self.user = make_integration, make_connection, user

    def __call__(
        self, server: Served, *, action: dict[str, Any] | None = None, inputs: Any = None, limits: Any = None, **parts: Any
    ) -> Run:
        values = action_values(path="/x", **(action or {}))
        self.integration = self.make_integration(
            name=f"Vendor {server.port} {time.time_ns()}", base_uri=server.url, actions=[values], **parts
        )
        connection = self.make_connection(
            self.integration, limits=limits, credentials={"apiKey": KEY} if parts.get("auth") == APIKEY else {}
        )
        run = runs.start(action=action_of(self.integration), connection=connection, user=self.user, inputs=inputs or {}, max_pages=None)
        runs.execute(run.pk)
        run.refresh_from_db()
        return run


@pytest.fixture
def ran(make_integration: MakeIntegration, make_connection: MakeConnection, carol: User) -> Ran:
    return Ran(make_integration, make_connection, carol)


# --- a.10 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ping", "path", "status", "ok"),
    [
        (None, "/v1", 200, True),
        ({}, "/v1", 200, True),
        ({"uri": "/me"}, "/v1/me", 200, True),
        ({"uri": "/me"}, "/v1/me", 404, False),
        (None, "/v1", 500, False),
    ],
)
def test_a10_101_test_needs_no_path_is_a_get_and_expects_200(
    ping: Any, path: str, status: int, ok: bool, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    with serving(says(status=status)) as server:
        integration = make_integration(base_uri=f"{server.url}/v1", auth=APIKEY, ping=ping)
        result = trials.test(connection=make_connection(integration, credentials={"apiKey": KEY}))
    assert ([(seen.method, seen.path) for seen in server.seen], result.ok, result.status) == ([("GET", path)], ok, status)


# --- a.11 --------------------------------------------------------------------------------------------------------------


def test_a11_102_mode_is_cloud_or_on_premise_and_on_premise_needs_an_agent(make_integration: MakeIntegration, cast: Cast) -> None:
    integration = make_integration(base_uri="https://api.example.com")
    api = Api(cast.carol)
    values = {"integration": str(integration.pk), "name": "Main"}
    assert api("POST", "connections", {**values, "mode": "on-premise"}, expect=422)["errors"][0]["field"] == "agent"
    assert api("POST", "connections", {**values, "mode": "hybrid"}, expect=422)["errors"][0]["field"] == "mode"
    assert api("POST", "connections", {**values, "mode": "cloud"}, expect=201)["mode"] == "cloud"


def test_a11_103_base_uri_is_required_and_every_call_begins_with_it(ran: Ran, cast: Cast) -> None:
    made = Api(cast.bob)("POST", "integrations", {"name": "Without", "type": "custom", "authType": "none"}, expect=201)
    Api(cast.bob)("POST", f"integrations/{made['id']}/actions", {"name": "List", "path": "/x"}, expect=201)
    refused = Api(cast.bob)("POST", f"integrations/{made['id']}/finalize", expect=422)
    assert "apiBaseUri" in [error["field"] for error in refused["errors"]]
    with serving(says([])) as server:
        server.url += "/api/v2"
        run = ran(server)
    assert (run.verdict, [seen.path for seen in server.seen]) == ("complete", ["/api/v2/x"])


BODY = {"contentType": "application/json", "required": True, "schema": {"type": "object"}}


def fields_of(seen: Any) -> dict[str, str]:
    """The fields of a multipart form, as another program reads them."""
    whole = BytesParser().parsebytes(f"Content-Type: {seen.headers['content-type']}\r\n\r\n".encode() + seen.body)
    return {str(part.get_param("name", header="content-disposition")): str(part.get_payload()) for part in whole.get_payload()}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("kind", "body", "content_type", "read"),
    [
        ("", {"a": "1"}, "application/json", lambda seen: json.loads(seen.body)),
        ("json", {"a": "1"}, "application/json", lambda seen: json.loads(seen.body)),
        ("xml", {"a": "1"}, "application/xml", lambda seen: {"a": seen.body.partition(b"<a>")[2].partition(b"</a>")[0].decode()}),
        (
            "urlencoded",
            {"a": "1"},
            "application/x-www-form-urlencoded",
            lambda seen: {n: v[0] for n, v in parse_qs(seen.body.decode()).items()},
        ),
        ("multipart", {"a": "1"}, "multipart/form-data", fields_of),
        ("ndjson", {"a": "1"}, "application/x-ndjson", lambda seen: json.loads(seen.body)),
        ("csv", [{"a": "1"}], "text/csv", lambda seen: dict([seen.body.decode().split()])),
        ("plaintext", "a 1", "text/plain", lambda seen: dict([seen.body.decode().split()])),
    ],
)
def test_a11_104_requests_are_sent_in_the_media_type_of_the_integration(
    ran: Ran, kind: str, body: Any, content_type: str, read: Callable[[Any], Any]
) -> None:
    with serving(says([])) as server:
        run = ran(server, action={"method": "POST", "body": BODY}, inputs={"body": body}, mediaTypes={"request": kind})
    seen = server.seen[0]
    assert (run.verdict, seen.headers["content-type"].partition(";")[0], read(seen)) == ("complete", content_type, {"a": "1"}), run.message


@pytest.mark.parametrize(
    ("kind", "content", "results_key"),
    [
        ("json", b'[{"a": "1"}]', "$"),
        ("xml", b"<list><row><a>1</a></row></list>", "list.row"),
        ("csv", b"a\n1\n", "$"),
        ("ndjson", b'{"a": "1"}\n', "$"),
        ("urlencoded", b"a=1", ""),
        ("multipart", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n', ""),
    ],
)
@pytest.mark.parametrize("by", ["content type", "setting"])
def test_a11_104_answers_are_read_by_their_content_type_or_as_the_integration_says(
    ran: Ran, kind: str, content: bytes, results_key: str, by: str
) -> None:
    types = {"json": "application/json", "xml": "application/xml", "csv": "text/csv", "ndjson": "application/x-ndjson",
             "urlencoded": "application/x-www-form-urlencoded", "multipart": "multipart/form-data; boundary=x"}  # fmt: skip
    wrong = "multipart/mixed; boundary=x" if kind == "multipart" else "application/octet-stream"
    with serving(says(content, kind=types[kind] if by == "content type" else wrong)) as server:
        action = {"resultsKey": results_key} if results_key else {}
        run = ran(server, action=action, mediaTypes={} if by == "content type" else {"success": kind})
    assert (run.verdict, list(results.records(run))) == ("complete", [{"a": "1"}]), run.message


@pytest.mark.parametrize(
    ("kind", "content"),
    [("json", b'{"e": {"m": "No stock"}}'), ("xml", b"<e><m>No stock</m></e>"), ("plaintext", b"No stock")],
)
def test_a11_104_errors_have_a_media_type_apart_from_that_of_successes(ran: Ran, kind: str, content: bytes) -> None:
    rule = {"statuses": ["409"], **({"messagePath": "e.m"} if kind != "plaintext" else {"message": "{{response}}"})}
    with serving(says(content, status=409, kind="application/octet-stream")) as server:
        run = ran(server, mediaTypes={"success": "csv", "error": kind}, errors=[rule])
    assert (run.verdict, run.message) == ("failed", "No stock")


def test_a11_107_level_halves_when_there_were_too_many_and_recovers_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr("connections.rates.time.time", lambda: now)
    name = str(time.time_ns())
    one, other = Level(name, 20), Level(name, 20)
    assert one.now() == 20
    assert [one.lower(), other.lower()] == [10, 10]  # what two answers say in the same second counts once
    now += 2
    assert one.lower() == 5
    monkeypatch.setattr("connections.rates.LOOK_SECONDS", -1)
    found = []
    for seconds in (9, 2, 30, 1000):
        now += seconds
        found.append(other.now())
    assert found == [5, 6, 9, 20]
    for _ in range(10):
        now += 2
        one.lower()
    assert one.now() == 1


def test_a11_107_run_slows_down_when_the_vendor_says_too_many_and_the_next_one_begins_at_that_level(
    make_integration: MakeIntegration, cast: Cast
) -> None:
    limited: list[int] = []

    def answer(to: Handler) -> None:
        page = int(to.path.partition("page=")[2].partition("&")[0] or 1)
        if page == 3 and not limited:
            limited.append(page)
            to.reply(429, b"{}", Retry_After="0")
        else:
            content = json.dumps({"items": [{"id": page}] if page < 9 else []}).encode()
            to.reply(200, content, Content_Type="application/json")

    pagination = {"type": "page", "resultsKey": "items", "pageParam": "page", "pageSizeParam": "size", "defaultPageSize": 1}
    with serving(answer) as server:
        integration = make_integration(base_uri=server.url, pagination=pagination, actions=[action_values(path="/x", paginated=True)])
        connection = services.create(
            organization=cast.client_a, user=cast.carol, integration=integration, name="Main", credentials={}, limits={"concurrency": 8},
            options={"pace": {"autoRecover": True, "targetConcurrency": "6"}},
        )  # fmt: skip
        run = runs.start(action=action_of(integration), connection=connection, user=cast.carol, inputs={}, max_pages=None)
        runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.verdict, run.record_count, limited) == ("complete", 8, [3]), run.message
    assert 3 <= Level(str(connection.pk), 6).now() < 6


@pytest.mark.parametrize(("value", "code"), [("25", 200), (1, 200), (50, 200), ("", 200), (0, 422), (51, 422), ("many", 422)])
def test_a11_107_target_is_from_1_to_50(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast, value: Any, code: int
) -> None:
    connection = make_connection(make_integration())
    Api(cast.carol)(
        "PATCH", f"connections/{connection.pk}", {"options": {"pace": {"autoRecover": True, "targetConcurrency": value}}}, expect=code
    )


# --- row 109: a client that connections share, and the domains that it is for -----------------------------------------

SHARED = {
    "type": "oauth2",
    "grantType": "client_credentials",
    "tokenUri": "https://{{settings.host}}/token",
    "clientId": "shared-client",
    "validDomainNames": ["*.Example.com", "example.org"],
}
FIELDS = [{"name": "host", "label": "Host", "required": True}]


def test_a11_109_urls_lie_in_the_valid_domain_names(cast: Cast) -> None:
    api = Api(cast.bob)

    def made(**auth: Any) -> Any:
        values = {
            "name": "Shared",
            "type": "custom",
            "apiBaseUri": "https://api.example.net",
            "authType": "oauth2",
            "auth": {**SHARED, **auth},
        }
        return api.client.post("/api/integrations", json.dumps(values), content_type="application/json")

    fine = made(tokenUri="https://login.example.com/token", revocationUri="https://example.org/revoke")
    assert (fine.status_code, fine.json()["auth"]["validDomainNames"]) == (201, ["example.com", "example.org"])
    for name, words, url in (
        ("tokenUri", "access token URL", "https://login.example.net/token"),
        ("tokenUri", "access token URL", "https://notexample.com/token"),
        ("tokenUri", "access token URL", "https://{{settings.host}}.example.com.evil.net/token"),
        ("revocationUri", "revocation URL", "https://example.com@evil.net/revoke"),
    ):
        answer = made(**{name: url})
        assert answer.status_code == 422, url
        assert (
            words in str(answer.json()["errors"])
            or "not a URL" in str(answer.json()["errors"])
            or "user name" in str(answer.json()["errors"])
        )
    assert made(validDomainNames=["https://example.com/x"]).status_code == 422


def test_a11_109_connections_share_the_owners_client_and_choose_servers_of_these_domains_only(
    make_integration: MakeIntegration, cast: Cast, settings: Any
) -> None:
    def token(to: Handler) -> None:
        to.reply(200, json.dumps({"access_token": "t-1", "expires_in": 600}).encode(), Content_Type="application/json")

    with serving(token) as server:
        auth = {**SHARED, "tokenUri": "http://{{settings.host}}/token", "validDomainNames": ["localhost"]}
        integration = make_integration(base_uri="http://{{settings.host}}/api", auth=auth, connectionFields=FIELDS, ping={"uri": "/me"})
        services.set_default_credentials(integration=integration, secrets={"clientSecret": "of-the-owner"})
        api = Api(cast.carol)
        values = {"integration": str(integration.pk), "name": "Main"}
        for host in ("evil.example", f"127.0.0.1:{server.port}", "localhost.evil.example", "localhost@evil.example"):
            refused = api("POST", "connections", {**values, "settings": {"host": host}}, expect=422)
            assert [error["field"] for error in refused["errors"]] == ["settings.host"], host
        made = api("POST", "connections", {**values, "settings": {"host": f"localhost:{server.port}"}}, expect=201)
        assert api("POST", f"connections/{made['id']}/test")["ok"] is True
    assert [
        (seen.path, "of-the-owner" in seen.body.decode() or seen.headers["authorization"].startswith("Basic")) for seen in server.seen[:1]
    ] == [("/token", True)]
    # Whoever gets round the form, by what is stored, gets no further.
    connection = Connection.objects.get(pk=made["id"])
    Connection.objects.filter(pk=connection.pk).update(settings={"host": "evil.example"}, destinations=[])
    result = trials.test(connection=Connection.objects.get(pk=connection.pk))
    assert (result.ok, result.message) == (
        False, "evil.example is not in localhost: the integration sends its credentials nowhere else. Correct the address.",
    )  # fmt: skip


def test_a11_109_without_domains_the_owners_client_is_not_lent_to_servers_that_connections_choose(
    make_integration: MakeIntegration, cast: Cast
) -> None:
    auth = {**SHARED, "validDomainNames": []}
    integration = make_integration(base_uri="https://{{settings.host}}/api", auth=auth, connectionFields=FIELDS)
    services.set_default_credentials(integration=integration, secrets={"clientSecret": "of-the-owner"})
    values = {"integration": str(integration.pk), "name": "Main", "settings": {"host": "anything.example"}}
    refused = Api(cast.carol)("POST", "connections", values, expect=422)
    assert [error["field"] for error in refused["errors"]] == ["credentials.clientSecret"]


# --- a.12 --------------------------------------------------------------------------------------------------------------


class Limited:
    """Says once that there were too many calls, in its own way."""

    def __init__(self, status: int, body: Any = None, **headers: str) -> None:
        self.first, self.told = says(body, status=status, **headers), False

    def __call__(self, to: Handler) -> None:
        if self.told:
            says([])(to)
        else:
            self.told = True
            self.first(to)


@pytest.mark.parametrize(
    ("limit", "vendor"),
    [
        ({}, Limited(429, Retry_After="1")),
        ({"retryAfterHeaders": ["X-Wait"]}, Limited(429, X_Wait="1")),  # the name of a header
        ({"waitExpression": "$number(headers.`x-wait`)"}, Limited(429, X_Wait="1")),  # an expression
        ({"waitExpression": "body.error.retry_in"}, Limited(429, {"error": {"retry_in": 1}})),
        (
            {"waitExpression": "body.error.retry_in"},
            Limited(429, {"error": {"retry_in": 1}}, Retry_After="0"),
        ),  # the larger wins
        ({"remainingHeader": "X-Left"}, Limited(403, X_Left="0", Retry_After="1")),
        ({"retryAfterHeaders": ["X-Wait"], "statuses": ["499"]}, Limited(499, X_Wait="1")),
    ],
)
def test_a12_113_limit_is_told_by_the_name_of_a_header_or_by_an_expression(ran: Ran, limit: dict[str, Any], vendor: Limited) -> None:
    with serving(vendor) as server:
        began = time.monotonic()
        run = ran(server, rateLimit=limit)
    assert (run.verdict, len(server.seen), time.monotonic() - began >= 1) == ("complete", 2, True), run.message


@pytest.mark.parametrize(
    ("rule", "vendor"),
    [
        ({}, Limited(429, Retry_After="1")),  # 429 and Retry-After are the defaults
        (
            {"errors": [{"statuses": ["503"], "outcome": "rate_limited"}], "rateLimit": {"retryAfterHeaders": ["X-Retry"]}},
            Limited(503, X_Retry="1"),
        ),
        (
            {
                "errors": [{"path": "error.code", "values": ["TOO_FAST"], "outcome": "rate_limited"}],
                "rateLimit": {"waitExpression": "body.error.wait"},
            },
            Limited(200, {"error": {"code": "TOO_FAST", "wait": 1}}),
        ),
    ],
)
def test_a12_114_limit_has_a_status_a_fail_path_with_values_and_a_retry_header_of_its_own(
    ran: Ran, rule: dict[str, Any], vendor: Limited
) -> None:
    with serving(vendor) as server:
        began = time.monotonic()
        run = ran(server, action={"method": "POST"}, **rule)
    assert (run.verdict, len(server.seen), time.monotonic() - began >= 1) == ("complete", 2, True), run.message


def test_a12_114_fail_values_are_compared_exactly(ran: Ran) -> None:
    errors = [{"path": "error.code", "values": ["TOO_FAST"], "outcome": "rate_limited"}]
    with serving(Limited(200, {"error": {"code": "too_fast"}})) as server:
        assert (ran(server, errors=errors).verdict, len(server.seen)) == ("complete", 1)


def test_a12_114_limit_of_requests_a_minute_holds_for_the_connection(ran: Ran) -> None:
    with serving(says([])) as server:
        ran(server, limits={"requestsPerMinute": "60", "concurrency": "1"})
        connection = Connection.objects.get(integration=ran.integration)
        began = time.monotonic()
        for _ in range(2):
            run = runs.start(action=action_of(ran.integration), connection=connection, user=ran.user, inputs={}, max_pages=None)
            runs.execute(run.pk)
    assert (len(server.seen), time.monotonic() - began > 0.9) == (3, True)


@pytest.mark.parametrize(
    ("parts", "action", "body", "verdict"),
    [
        ({"errorExpression": "{{response.error}}"}, {}, {"error": "No such customer"}, "failed"),
        ({"errorExpression": "{{response.error}}"}, {}, {"error": None, "items": []}, "complete"),
        ({"errorExpression": "{{response.error}}"}, {"errorExpression": "{{response.failure}}"}, {"error": "harmless"}, "complete"),
        ({}, {"errorExpression": "{{response.failure}}"}, {"failure": "No such customer"}, "failed"),
    ],
)
def test_a12_115_error_expression_makes_a_failure_of_a_2xx_also_for_one_action(
    ran: Ran, parts: dict[str, Any], action: dict[str, Any], body: Any, verdict: str
) -> None:
    with serving(says(body)) as server:
        run = ran(server, action=action, **parts)
    assert (run.verdict, "No such customer" in run.message, run.blame) == (
        verdict,
        verdict == "failed",
        "vendor" if verdict == "failed" else "",
    )


@pytest.mark.parametrize(
    ("rejected", "errors", "refusal"),
    [
        ({"statuses": [401]}, [], says(status=401)),
        ({"statuses": [401, 498]}, [], says(status=498)),
        ({"statuses": [], "path": "error.code", "values": ["TOKEN_ENDED"]}, [], says({"error": {"code": "TOKEN_ENDED"}})),
        ({"statuses": [401]}, [{"path": "error", "values": ["expired"], "outcome": "refresh_token"}], says({"error": "expired"})),
    ],
)
def test_a12_116_rejected_credentials_are_renewed_once_and_the_call_is_made_again(
    ran: Ran, rejected: dict[str, Any], errors: list[Any], refusal: Callable[[Handler], None]
) -> None:
    issued: list[str] = []

    def answer(to: Handler) -> None:
        if to.path == "/token":
            issued.append(f"token-{len(issued) + 1}")
            says({"access_token": issued[-1], "expires_in": 3600})(to)
        elif to.headers["Authorization"] == "Bearer token-2":
            says([])(to)
        else:
            refusal(to)

    with serving(answer) as server:
        auth = {"type": "oauth2", "grantType": "none", "tokenUri": f"{server.url}/token", "rejected": rejected}
        run = ran(server, auth=auth, errors=errors)
    assert (run.verdict, issued, [seen.path for seen in server.seen]) == (
        "complete",
        ["token-1", "token-2"],
        ["/token", "/x", "/token", "/x"],
    ), run.message


@pytest.mark.parametrize(("skip", "followed"), [(False, KEY), (True, None)])
def test_a12_116_credentials_follow_a_redirect_within_the_server_unless_the_integration_says_no(
    ran: Ran, skip: bool, followed: Any
) -> None:
    def answer(to: Handler) -> None:
        if to.path == "/x":
            to.reply(302, Location="/signed?signature=abc")
        else:
            says([])(to)

    with serving(answer) as server:
        run = ran(server, auth=APIKEY, skipFollowAuthorizationHeader=skip)
    assert (run.verdict, [seen.headers.get("x-api-key") for seen in server.seen]) == ("complete", [KEY, followed])


def test_a12_116_setting_of_redirects_is_part_of_the_api(cast: Cast, make_integration: MakeIntegration) -> None:
    draft: Integration = make_integration(status="draft")
    api = Api(cast.bob)
    assert api("GET", f"integrations/{draft.pk}")["skipFollowAuthorizationHeader"] is False
    assert api("PATCH", f"integrations/{draft.pk}", {"skipFollowAuthorizationHeader": True})["skipFollowAuthorizationHeader"] is True
    api("PATCH", f"integrations/{draft.pk}", {"skipFollowAuthorizationHeader": "perhaps"}, expect=422)
