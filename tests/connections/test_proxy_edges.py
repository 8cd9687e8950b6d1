"""POST /api/integrations/{id}/request: answers that could be read in two ways, and what a decision that is kept must not outlive."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from connections import services
from connections.mapping.models import MappedOrganization, Mapping
from connections.models import Connection
from integrations.models import Integration, Share, Team
from tests.cast import Cast, MakeConnection, MakeIntegration
from tests.connections.server import Handler, Served, serving
from tests.connections.test_proxy import Caller, failure

ONE = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"
TRAILERS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\nX-Trailer: yes\r\n\r\n"


def answer(handler: Handler) -> None:
    path = handler.path.partition("?")[0]
    if path == "/two":
        handler.wfile.write(ONE + b"HTTP/1.1 200 OK\r\nX-Second: yes\r\nContent-Length: 6\r\n\r\nsec")  # and the rest later
    elif path == "/trailers":
        handler.wfile.write(TRAILERS)
    elif path == "/both":
        handler.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n")
    elif path == "/large":
        handler.reply(200, b"", Content_Length="1000", Content_Type="text/plain")
    elif path == "/orders":
        handler.reply(200, b"one", X_Accel_Redirect="/internal/secrets", X_Sendfile="/etc/passwd", X_Other="yes")
    elif path == "/odd":
        handler.raw(b"HTTP/1.1 999 Go away\r\nContent-Length: 0\r\n\r\n")
    else:
        handler.reply(200, b"{}", Content_Type="application/json")


@pytest.fixture
def upstream() -> Iterator[Served]:
    with serving(answer) as served:
        yield served


@pytest.fixture
def integration(upstream: Served, make_integration: MakeIntegration) -> Integration:
    return make_integration(
        base_uri=upstream.url,
        auth={"type": "apikey", "apiKeyName": "X-Key"},
        headers={"X-Who": "${user.username}", "X-Region": "${tenant.region}"},
        query={"who": "${user.username}"},
    )


@pytest.fixture
def connection(integration: Integration, make_connection: MakeConnection, cast: Cast) -> Connection:
    cast.msp.fields = {"region": "north"}
    cast.msp.save()
    return make_connection(integration, credentials={"apiKey": "key-of-a"})


@pytest.fixture
def carol(cast: Cast) -> Caller:
    return Caller(cast.carol)


def decided(caller: Caller, integration: Integration) -> None:
    """Call until nothing is decided anew."""
    assert [caller(integration, {"url": "/items"}).status_code for _ in range(3)] == [200, 200, 200]


def test_second_answer_that_nobody_asked_for_goes_to_nobody(
    integration: Integration, connection: Connection, carol: Caller, upstream: Served
) -> None:
    assert failure(carol(integration, {"url": "/two"})) == (502, "vendor-unreachable")
    assert carol(integration, {"url": "/items"}).content == b"{}"
    assert len(upstream.peers) == 2  # the connection with a rest on it is not used again


def test_answer_with_two_lengths_is_none(integration: Integration, connection: Connection, carol: Caller) -> None:
    assert failure(carol(integration, {"url": "/both"})) == (502, "vendor-unreachable")


def test_trailers_do_not_become_headers(integration: Integration, connection: Connection, carol: Caller) -> None:
    response = carol(integration, {"url": "/trailers"})
    assert (response.status_code, response.content, "X-Trailer" in response) == (200, b"one", False)


def test_vendor_gives_no_orders_to_the_server_in_front(integration: Integration, connection: Connection, carol: Caller) -> None:
    for _ in range(3):
        response = carol(integration, {"url": "/orders"})
        assert (response.content, response["X-Other"], "X-Accel-Redirect" in response, "X-Sendfile" in response) == (
            b"one",
            "yes",
            False,
            False,
        )


def test_answer_to_head_announces_no_body(integration: Integration, connection: Connection, carol: Caller) -> None:
    decided(carol, integration)
    response = carol(integration, {"url": "/large", "method": "HEAD"})
    assert (response.status_code, response.content, response["Content-Type"]) == (200, b"", "text/plain")
    assert response.get("Content-Length", "0") == "0"


def test_status_that_http_does_not_know_is_no_answer(integration: Integration, connection: Connection, carol: Caller) -> None:
    for _ in range(3):
        assert failure(carol(integration, {"url": "/odd"})) == (502, "vendor-unreachable")


@pytest.mark.parametrize(
    "payload",
    [
        {"url": "/x", "params": {"who": "eve"}},
        {"url": "/x?who=eve"},
        {"url": "/x?wh%6f=eve"},
        {"url": "/x", "headers": {"X_Who": "eve", "x-WHO": "eve"}},
    ],
)
def test_caller_cannot_say_to_be_somebody_else(
    payload: dict[str, Any], integration: Integration, connection: Connection, carol: Caller, upstream: Served
) -> None:
    assert carol(integration, payload).status_code == 200
    seen = upstream.seen[0]
    assert (seen.path, {name: value for name, value in seen.headers.items() if "who" in name}) == ("/x?who=carol", {"x-who": "carol"})


@pytest.mark.parametrize("name", ["Content_Length", "Transfer_Encoding", "Proxy_Authorization"])
def test_header_that_must_not_pass_does_not_pass_with_an_underscore(
    name: str, integration: Integration, connection: Connection, carol: Caller, upstream: Served
) -> None:
    carol(integration, {"url": "/x", "headers": {name: "7"}})
    assert name.lower() not in upstream.seen[0].headers


def test_repeated_request_with_a_key_is_carried_out_once(
    integration: Integration, connection: Connection, carol: Caller, upstream: Served
) -> None:
    decided(carol, integration)
    payload = {"url": "/pay", "method": "POST", "data": {"amount": 1}}
    answers = [carol(integration, payload, **{"Idempotency-Key": "once"}) for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 200]
    assert answers[1]["Idempotency-Replayed"] == "true"
    assert [seen.path for seen in upstream.seen].count("/pay?who=carol") == 1


def test_who_left_a_team_calls_no_longer(
    make_integration: MakeIntegration, make_connection: MakeConnection, upstream: Served, carol: Caller, cast: Cast
) -> None:
    strange = make_integration(base_uri=upstream.url, organization=cast.client_b, user=cast.alice)
    Share.objects.create(integration=strange, user=cast.alice)
    above = make_connection(strange, organization=cast.msp, user=cast.alice)
    services.change(connection=above, below=Connection.Below.EVERYBODY)
    team = Team.objects.create(organization=cast.client_a, name="Team", slug="team")
    team.members.add(cast.carol)
    Share.objects.create(integration=strange, team=team)
    decided(carol, strange)
    team.members.remove(cast.carol)
    assert failure(carol(strange, {"url": "/items"})) == (404, "not-found")


def test_connection_above_is_not_used_once_the_mapping_is_gone(
    integration: Integration, make_connection: MakeConnection, carol: Caller, cast: Cast, upstream: Served
) -> None:
    cast.msp.fields = {"region": "north"}
    cast.msp.save()
    above = make_connection(integration, organization=cast.msp, user=cast.alice, credentials={"apiKey": "of-the-msp"})
    services.change(connection=above, below=Connection.Below.MAPPED)
    mapping = Mapping.objects.create(organization=cast.msp, integration=integration)
    row = MappedOrganization.objects.create(mapping=mapping, organization=cast.client_a, value="7")
    decided(carol, integration)
    row.delete()
    assert failure(carol(integration, {"url": "/items"})) == (409, "conflict")


def test_changed_field_of_an_organization_above_is_sent_from_the_next_request_on(
    integration: Integration, connection: Connection, carol: Caller, cast: Cast, upstream: Served
) -> None:
    decided(carol, integration)
    cast.msp.fields = {"region": "south"}
    cast.msp.save()
    carol(integration, {"url": "/items"})
    assert [seen.headers["x-region"] for seen in upstream.seen] == ["north", "north", "north", "south"]


def test_bodies_that_cannot_be_sent_are_refused(integration: Integration, connection: Connection, carol: Caller) -> None:
    deep = "[" * 900 + "]" * 900
    odd = [r'{"url": "/\ud800"}', r'{"url": "/", "headers": {"X-A": "\ud800"}}', r'{"url": "/", "params": {"a": "\ud800"}}']
    for payload in [*odd, f'{{"url": "/", "method": "POST", "data": {deep}}}', json.dumps({"url": "/", "params": {"a": 1e999}})]:
        decided(carol, integration)
        response = carol.client.post(f"/api/integrations/{integration.slug}/request", payload, content_type="application/json")
        assert response.status_code in (200, 400)
