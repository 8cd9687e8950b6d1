"""Requests that pass through, in the request log: what is kept of them, of how many, and how they are found."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from connections import trials
from connections.models import Connection, LoggedRequest
from connections.proxy import records
from connections.proxy.records import ORDINARY, TROUBLED, Sample
from integrations.models import Integration
from tests.cast import Cast, MakeConnection, MakeIntegration
from tests.connections.server import Handler, Served, serving
from tests.connections.test_proxy import Caller
from tests.integrations.test_api import Api
from tests.pages import signed_in, text

KEY = "sample-key-4711"


def answer(to: Handler) -> None:
    path = to.path.partition("?")[0]
    if path == "/packed":
        to.reply(200, gzip.compress(b"plain text " * 9000), Content_Type="text/plain", Content_Encoding="gzip")
    elif path == "/large":
        to.reply(200, b'{"a": "' + b"x" * 500_000 + b'"}', Content_Type="application/json")
    elif path == "/picture":
        to.reply(200, bytes(2000), Content_Type="image/png")
    elif path == "/half":
        to.raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\nonly this")
    elif path == "/broken":
        to.reply(503, b'{"error": "down"}', Content_Type="application/json")
    elif path == "/none":
        to.raw(b"")
    else:
        to.reply(200, json.dumps({"id": 1, "password": "hunter22", "echo": to.headers["X-Key"]}).encode(), Content_Type="application/json")


@pytest.fixture
def upstream() -> Iterator[Served]:
    with serving(answer) as served:
        yield served


@pytest.fixture
def integration(upstream: Served, make_integration: MakeIntegration) -> Integration:
    return make_integration(base_uri=upstream.url, auth={"type": "apikey", "apiKeyName": "X-Key"}, query={"version": "7"})


@pytest.fixture
def connection(integration: Integration, make_connection: MakeConnection) -> Connection:
    return make_connection(integration, credentials={"apiKey": KEY})


@pytest.fixture
def carol(cast: Cast, connection: Connection) -> Caller:
    return Caller(cast.carol)


def rows() -> list[LoggedRequest]:
    return list(LoggedRequest.objects.order_by("pk"))


def read(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_each_request_is_written_down_with_its_caller_and_without_secrets(
    carol: Caller, integration: Integration, connection: Connection, upstream: Served
) -> None:
    payload = {"url": "/things?access_token=in-the-url", "method": "POST", "data": {"apiKey": "another-secret", "note": f"my key is {KEY}"}}
    for _ in range(4):  # the first ones by the view, the others by the short way
        assert carol(integration, payload).status_code == 200
    found = rows()
    wanted = ("proxy", connection.pk, "POST", f"{upstream.url}/things?access_token=•••&version=7", 200, "")
    assert [(row.source, row.connection_id, row.method, row.url, row.status, row.error) for row in found] == [wanted] * 4
    for row in found:
        row.content["answerHeaders"] = [pair for pair in row.content["answerHeaders"] if pair[0] != "Date"]
    assert {json.dumps(row.content) for row in found[1:]} == {json.dumps(found[0].content)}
    content = found[0].content
    assert (content["caller"], content["requestBody"], content["answerBody"]) == (
        "carol", '{"apiKey":"•••","note":"my key is •••"}', '{"id": 1, "password": "•••", "echo": "•••"}'
    )  # fmt: skip
    assert dict(content["requestHeaders"])["X-Key"] == "•••"
    kept = json.dumps([content, found[0].url])
    assert [secret for secret in (KEY, "another-secret", "in-the-url", "hunter22", carol.token.token) if secret in kept] == []


def test_of_bodies_the_beginning_is_kept_unpacked_and_the_size_as_it_came(carol: Caller, integration: Integration) -> None:
    for path in ("/packed", "/large", "/picture"):
        read(carol(integration, {"url": path}, **{"Accept-Encoding": "gzip"}))
    packed, large, picture = rows()
    assert (packed.content["answerBody"][:22], len(packed.content["answerBody"]) > 1000) == ("plain text plain text ", True)
    assert (large.answer_size, len(large.content["answerBody"]) <= 2048, large.content["answerBody"][:9]) == (500_009, True, '{"a": "xx')
    assert picture.content["answerBody"] == "Not kept: image/png, 2,000 bytes."


def test_failures_are_written_down_with_their_cause(carol: Caller, integration: Integration) -> None:
    assert carol(integration, {"url": "/broken"}).status_code == 503
    assert carol(integration, {"url": "/none"}).status_code == 502
    with pytest.raises(Exception, match="before its answer was complete"):
        read(carol(integration, {"url": "/half"}))
    carol(integration, {"url": "/../x"})  # nothing was sent
    assert [(row.status, row.cause, row.error.partition(" closed")[2]) for row in rows()] == [
        (503, "", ""),
        (None, "closed", " the connection without an answer. Try again later, and check host and port."),
        (200, "closed_cut", " the connection before its answer was complete. Try again later."),
    ]


def test_of_very_many_a_sample_is_kept_that_says_what_it_left_out(
    carol: Caller, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "sample", Sample())
    monkeypatch.setattr(records, "ORDINARY", (3.0, 0.0))
    for number in range(8):
        carol(integration, {"url": f"/things/{number}"})
    carol(integration, {"url": "/broken"})
    assert [(row.status, row.content.get("leftOut")) for row in rows()] == [(200, None)] * 3 + [(503, 5)]


def test_share_of_a_connection_fills_again_with_time_and_is_its_own(connection: Connection, integration: Integration) -> None:
    sample = Sample()
    other = integration.pk  # any other id
    taken = [sample.takes(connection.pk, troubled=False) for _ in range(int(ORDINARY[0]) + 5)]
    assert (taken.count(0), taken.count(None)) == (int(ORDINARY[0]), 5)
    assert sample.takes(other, troubled=False) == 0
    assert [sample.takes(connection.pk, troubled=True) for _ in range(int(TROUBLED[0]))] == [5] + [0] * (int(TROUBLED[0]) - 1)
    assert sample.takes(connection.pk, troubled=True) is None
    share = sample._shares[connection.pk]
    share.at -= 1 / ORDINARY[1]  # so much time passes
    assert sample.takes(connection.pk, troubled=False) == 1


def test_with_whole_bodies_more_is_kept_from_the_next_request_on(carol: Caller, integration: Integration, connection: Connection) -> None:
    for _ in range(3):
        read(carol(integration, {"url": "/large"}))
    Api(carol.token.user)("PATCH", f"connections/{connection.pk}", {"debugUntil": _soon()})
    read(carol(integration, {"url": "/large"}))
    assert [len(row.content["answerBody"]) > 60_000 for row in rows()] == [False, False, False, True]


def test_nothing_is_written_where_the_log_is_off(carol: Caller, integration: Integration, settings: Any) -> None:
    settings.REQUEST_LOG_DAYS = 0
    assert carol(integration, {"url": "/things"}).status_code == 200
    assert rows() == []


def test_token_that_a_request_needs_is_in_the_log_without_its_body(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast
) -> None:
    def issue(to: Handler) -> None:
        body = {"access_token": "issued-token-1", "expires_in": 3600} if to.path == "/token" else {"ok": True}
        to.reply(200, json.dumps(body).encode(), Content_Type="application/json")

    with serving(issue) as served:
        auth = {"type": "oauth2", "grantType": "client_credentials", "tokenUri": f"{served.url}/token"}
        integration = make_integration(base_uri=served.url, auth=auth)
        make_connection(integration, credentials={"clientId": "c", "clientSecret": "secret-of-c"})
        Caller(cast.carol)(integration, {"url": "/x"})
    assert sorted((row.source, row.method, row.content["answerBody"]) for row in rows()) == [
        ("proxy", "GET", '{"ok": true}'), ("token", "POST", "Not kept: it holds tokens.")
    ]  # fmt: skip
    assert [secret for secret in ("issued-token-1", "secret-of-c") if secret in json.dumps([row.content for row in rows()])] == []


def test_proxy_requests_are_found_by_source_url_status_and_connection(
    carol: Caller, integration: Integration, connection: Connection, cast: Cast
) -> None:
    for path in ("/things/1", "/broken", "/picture"):
        carol(integration, {"url": path})
    trials.test(connection=connection)
    api = Api(cast.carol)

    def found(query: str) -> list[str]:
        return [row["url"].rpartition("/")[2].partition("?")[0] for row in api("GET", f"requests?ordering=at&{query}")]

    assert found("source=proxy") == ["1", "broken", "picture"]
    assert (found("url=THINGS%2F"), found("source=proxy&status=5xx"), found(f"connection={connection.pk}&url=pict")) == (
        ["1"], ["broken"], ["picture"]
    )  # fmt: skip
    detail = api("GET", f"requests/{api('GET', 'requests?url=broken')[0]['id']}")
    assert (detail["caller"], detail["leftOut"], detail["exchange"]["answer"]["body"]) == ("carol", 0, '{"error": "down"}')
    browser = signed_in(cast.carol)
    page = text(browser.get("/requests/?source=proxy&url=broken"))
    assert ("/broken" in page, "/things" in page, "Proxy request" in page) == (True, False, True)
    assert "Proxy request of carol" in text(browser.get(f"/requests/{detail['id']}/"))
    assert Api(cast.dave)("GET", "requests") == []


def _soon() -> str:
    from datetime import timedelta

    from django.utils import timezone

    return (timezone.now() + timedelta(minutes=15)).isoformat()
