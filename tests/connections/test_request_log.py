"""The request log: every call out without its secrets, searched, kept for some days, whole for a while, and as curl. Row 108."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from actions import runs
from connections import checking, health, request_log, trials
from connections.exchange import Outgoing
from connections.journal import DEBUG_BYTES, KEPT_BYTES, Entry
from connections.models import Connection, LoggedRequest
from connections.opening import client_for
from connections.request_log import as_curl
from integrations.models import Integration, User
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of, action_values
from tests.connections.server import Handler, Served, serving
from tests.integrations.test_api import Api
from tests.pages import signed_in, text

KEY = "sample-key-4711"
LONG = "x" * (DEBUG_BYTES * 2)


def vendor(to: Handler) -> None:
    status = int(to.path.rpartition("/")[2]) if to.path.rpartition("/")[2].isdecimal() else 200
    found: Any = {"id": 1, "password": "hunter22", "echo": to.headers.get("X-API-Key", "")}
    if to.path.startswith("/long"):
        found = {"id": 1, "text": LONG}
    to.reply(status, json.dumps(found).encode(), Content_Type="application/json", Set_Cookie="sid=secret-cookie")


@pytest.fixture
def server() -> Iterator[Served]:
    with serving(vendor) as served:
        yield served


@pytest.fixture
def integration(server: Served, make_integration: MakeIntegration) -> Integration:
    actions = [action_values(name="List things", path="/things"), action_values(name="Broken", path="/status/404")]
    auth = {"type": "apikey", "apiKeyName": "X-API-Key"}
    return make_integration(base_uri=server.url, auth=auth, ping={"uri": "/me"}, actions=actions)


@pytest.fixture
def connection(integration: Integration, make_connection: MakeConnection) -> Connection:
    return make_connection(integration, credentials={"apiKey": KEY})


def run(connection: Connection, user: User, key: str | None = None) -> Any:
    found = runs.start(action=action_of(connection.integration, key), connection=connection, user=user, inputs={})
    runs.execute(found.pk)
    return found


def send(connection: Connection, outgoing: Outgoing) -> None:
    row = Connection.objects.select_related("integration", "organization", "credential").get(pk=connection.pk)
    with client_for(row, checking.definition_of(row.integration)) as client:
        client.send(outgoing)


def test_every_call_out_is_written_down_with_what_it_belongs_to(connection: Connection, carol: User, server: Served) -> None:
    first = run(connection, carol)
    trials.test(connection=connection)
    Connection.objects.update(state="working")
    health.check_batch([connection.pk])
    rows = list(LoggedRequest.objects.order_by("pk"))
    assert [(row.source, row.subject, row.run_id, row.method, row.url, row.status) for row in rows] == [
        ("run", "List things", str(first.pk), "GET", f"{server.url}/things", 200),
        ("test", "", "", "GET", f"{server.url}/me", 200),
        ("check", "", "", "GET", f"{server.url}/me", 200),
    ]
    assert rows[0].subject_id == str(first.action.uid)


def test_secrets_are_in_none_of_it(connection: Connection, server: Served) -> None:
    headers = [
        ("Authorization", "Basic dXNlcjpwYXNz"),
        ("Cookie", "sid=other-cookie"),
        ("X-Plain", "shown"),
        ("Content-Type", "application/json"),
    ]
    body = json.dumps({"apiKey": "another-secret", "name": "shown too", "note": f"my key is {KEY}"}).encode()
    send(connection, Outgoing("POST", f"{server.url}/things?access_token=in-the-url&q=1", headers, body))
    row = LoggedRequest.objects.get()
    kept = json.dumps([row.url, row.content])
    assert [
        secret
        for secret in (KEY, "dXNlcjpwYXNz", "other-cookie", "another-secret", "in-the-url", "hunter22", "secret-cookie")
        if secret in kept
    ] == []
    assert row.url == f"{server.url}/things?access_token=•••&q=1"
    assert dict(row.content["requestHeaders"])["Authorization"] == "Basic •••"
    assert dict(row.content["requestHeaders"])["X-Plain"] == "shown"
    assert row.content["requestBody"] == '{"apiKey": "•••", "name": "shown too", "note": "my key is •••"}'
    assert row.content["answerBody"] == '{"id": 1, "password": "•••", "echo": "•••"}'


def test_secret_at_the_edge_of_what_is_kept_is_found(connection: Connection, server: Served) -> None:
    for shift in range(0, 40, 3):
        send(
            connection,
            Outgoing(
                "POST", f"{server.url}/things", [("Content-Type", "text/plain")], b"a" * (KEPT_BYTES - shift) + KEY.encode() + b"b" * 9000
            ),
        )
    assert [row.pk for row in LoggedRequest.objects.all() if any(KEY[:n] in row.content["requestBody"] for n in (6, 9, 12))] == []


def test_form_fields_that_are_named_like_secrets_are_masked(connection: Connection, server: Served) -> None:
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    send(connection, Outgoing("POST", f"{server.url}/things", form, b"client_secret=abc123&name=x&password=p%40ss"))
    assert LoggedRequest.objects.get().content["requestBody"] == "client_secret=•••&name=x&password=•••"


def test_bodies_of_token_requests_are_not_kept(make_integration: MakeIntegration, make_connection: MakeConnection) -> None:
    def answer(to: Handler) -> None:
        to.reply(200, b'{"access_token": "fresh-token-1", "expires_in": 3600}', Content_Type="application/json")

    with serving(answer) as server:
        auth = {"type": "oauth2", "tokenUri": f"{server.url}/token", "clientAuthentication": "body"}
        own = make_integration(base_uri=server.url, auth=auth, ping={"uri": "/me"})
        trials.test(connection=make_connection(own, credentials={"clientId": "id", "clientSecret": "s3cr3t-value"}))
    rows = list(LoggedRequest.objects.order_by("pk"))
    assert [(row.source, row.content["requestBody"], row.content["answerBody"]) for row in rows[:1]] == [
        ("token", "Not kept: it holds tokens.", "Not kept: it holds tokens.")
    ]
    assert [secret for secret in ("fresh-token-1", "s3cr3t-value") if secret in json.dumps([row.content for row in rows])] == []


def test_call_without_an_answer_says_why(make_integration: MakeIntegration, make_connection: MakeConnection) -> None:
    own = make_integration(base_uri="https://no-such-host.invalid", auth={"type": "none"}, ping={"uri": "/me"})
    trials.test(connection=make_connection(own))
    row = LoggedRequest.objects.get()
    assert (row.status, row.cause, row.error.startswith("The host name no-such-host.invalid cannot be resolved.")) == (None, "dns", True)


def test_a11_108_bodies_are_kept_to_the_first_kilobytes_and_whole_until_the_time_that_is_set(
    connection: Connection, server: Served, cast: Cast
) -> None:
    api, now = Api(cast.carol), timezone.now()
    send(connection, Outgoing("GET", f"{server.url}/long"))
    api("PATCH", f"connections/{connection.pk}", {"debugUntil": (now + timedelta(hours=1)).isoformat()})
    send(connection, Outgoing("GET", f"{server.url}/long"))
    Connection.objects.update(debug_until=now - timedelta(seconds=1))
    send(connection, Outgoing("GET", f"{server.url}/long"))
    sizes = [(len(row.content["answerBody"]), row.answer_size) for row in LoggedRequest.objects.order_by("pk")]
    whole = len(json.dumps({"id": 1, "text": LONG}))
    assert sizes == [(KEPT_BYTES, whole), (DEBUG_BYTES, whole), (KEPT_BYTES, whole)]
    for until in (now - timedelta(minutes=1), now + timedelta(days=8), "soon"):
        sent = until if isinstance(until, str) else until.isoformat()
        refused = api("PATCH", f"connections/{connection.pk}", {"debugUntil": sent}, expect=422)
        assert [error["field"] for error in refused["errors"]] == ["debugUntil"]


def test_page_turns_debugging_on_and_off(connection: Connection, carol: User) -> None:
    browser, url = signed_in(carol), reverse("connection-debug", args=[connection.pk])
    browser.post(url, {"minutes": "60"})
    connection.refresh_from_db()
    assert connection.debug_until is not None
    assert "Whole bodies are kept until" in text(browser.get(reverse("connection-detail", args=[connection.pk])))
    browser.post(url, {})
    connection.refresh_from_db()
    assert connection.debug_until is None


def test_what_is_no_text_is_not_kept(connection: Connection, server: Served) -> None:
    send(connection, Outgoing("POST", f"{server.url}/things", [("Content-Type", "image/png")], b"\x89PNG" * 10))
    assert LoggedRequest.objects.get().content["requestBody"] == "Not kept: image/png, 40 bytes."


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["/status/404", "/me", "/things"]),
        ({"action": "list"}, ["/things"]),
        ({"action": "{action}"}, ["/things"]),
        ({"run": "{run}"}, ["/things"]),
        ({"status": "404"}, ["/status/404"]),
        ({"status": "4xx"}, ["/status/404"]),
        ({"status": "2xx"}, ["/me", "/things"]),
        ({"status": "none"}, []),
        ({"source": "test"}, ["/me"]),
        ({"connection": "{connection}", "status": "200"}, ["/me", "/things"]),
        ({"since": "{later}"}, []),
        ({"until": "{later}"}, ["/status/404", "/me", "/things"]),
    ],
)
def test_log_is_searched_by_connection_action_status_and_time(
    connection: Connection, carol: User, query: dict[str, str], found: list[str]
) -> None:
    first = run(connection, carol)
    trials.test(connection=connection)
    run(connection, carol, "broken")
    later = timezone.now() + timedelta(hours=1)
    values = {"action": str(first.action.uid), "run": str(first.pk), "connection": str(connection.pk)}

    def filled(time: str) -> dict[str, str]:
        return {name: value.format(**values, later=time) for name, value in query.items()}

    page = signed_in(carol).get(reverse("request-list"), filled(later.strftime("%Y-%m-%dT%H:%M")))
    assert [row.url[row.url.index("/", 8) :] for row in page.context["page"]] == found
    rows = Api(carol)(
        "GET", f"requests?{'&'.join(f'{name}={value}' for name, value in filled(later.strftime('%Y-%m-%dT%H:%M:%SZ')).items())}"
    )
    assert [row["url"][row["url"].index("/", 8) :] for row in rows] == found


def test_wrong_filter_is_a_sentence(carol: User) -> None:
    sentence = "Write a status such as 404, a class such as 5xx, or none for calls without an answer."
    assert sentence in text(signed_in(carol).get(reverse("request-list"), {"status": "often"}))
    refused = Api(carol)("GET", "requests?status=often", expect=422)
    assert refused["errors"] == [{"field": "status", "message": sentence}]


def test_request_is_shown_with_answer_curl_and_the_way_to_its_run(connection: Connection, carol: User, server: Served) -> None:
    found = run(connection, carol)
    row = LoggedRequest.objects.get()
    browser = signed_in(carol)
    page = browser.get(reverse("request-detail", args=[row.pk]))
    shown = text(page)
    for part in (f"GET {server.url}/things", "X-API-Key: •••", "HTTP 200", "List things", 'X-API-Key: \'"$SECRET"'):
        assert part in shown
    assert (reverse("run-detail", args=[found.pk]) in page.content.decode(), KEY in page.content.decode()) == (True, False)
    detail = Api(carol)("GET", f"requests/{row.pk}")
    assert (detail["exchange"]["answer"]["status"], detail["curl"]) == (200, as_curl(request_log.as_entry(row)))


def test_log_is_seen_by_who_may_use_the_connection(connection: Connection, cast: Cast) -> None:
    run(connection, cast.carol)
    row = LoggedRequest.objects.get()
    codes = {}
    for user in (cast.alice, cast.carol, cast.dave, cast.eve):
        browser = signed_in(user)
        listed = len(browser.get(reverse("request-list")).context["page"])
        codes[str(user)] = (listed, browser.get(reverse("request-detail", args=[row.pk])).status_code)
    assert codes == {"Alice": (1, 200), "Carol": (1, 200), "Dave": (0, 403), "Eve": (0, 404)}


def test_copy_as_curl_sends_the_same_request_once_the_secret_is_set(server: Served) -> None:
    headers = [("X-API-Key", "•••"), ("X-Name", 'it\'s "quoted" $HOME'), ("Content-Type", "application/json"), ("Accept-Encoding", "gzip")]
    body = '{"a": "it\'s", "token": "•••"}'
    entry = Entry(
        timezone.now(), "PUT", f"{server.url}/things?q=a%20b&k=•••", 1, 200, request_headers=headers, request_body=body, request_size=99
    )
    command = as_curl(entry)
    subprocess.run(["bash", "-c", f"SECRET={shlex.quote(KEY)}; {command}"], check=True, capture_output=True, timeout=60)
    seen = server.seen[0]
    assert (seen.method, seen.path, seen.headers["x-api-key"], seen.headers["x-name"], seen.body.decode()) == (
        "PUT", f"/things?q=a%20b&k={KEY}", KEY, headers[1][1], body.replace("•••", KEY),
    )  # fmt: skip


def test_rows_are_kept_for_some_days(connection: Connection, carol: User, settings: Any) -> None:
    settings.REQUEST_LOG_DAYS = 3
    for _ in range(3):
        trials.test(connection=connection)
    old, _, young = LoggedRequest.objects.order_by("pk")
    LoggedRequest.objects.filter(pk=old.pk).update(at=timezone.now() - timedelta(days=3, minutes=1))
    LoggedRequest.objects.filter(pk=young.pk).update(at=timezone.now() - timedelta(days=2, hours=23))
    assert request_log.trim() == 1
    assert not LoggedRequest.objects.filter(pk=old.pk).exists()
    settings.REQUEST_LOG_DAYS = 0
    trials.test(connection=connection)
    assert (request_log.trim(), LoggedRequest.objects.count()) == (2, 0)


def test_fault_of_the_log_ends_no_call(connection: Connection, carol: User, server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import DatabaseError
    from django.db import connection as database

    def fails(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "loggedrequest" in sql and sql.startswith("INSERT"):
            raise DatabaseError("the disk is full")
        return execute(sql, params, many, context)

    with database.execute_wrapper(fails):
        found = run(connection, carol)
    found.refresh_from_db()
    assert (found.verdict, LoggedRequest.objects.count()) == ("complete", 0)
