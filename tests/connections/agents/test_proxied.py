"""POST /api/integrations/{id}/request through an agent: a program, Junction, the agent's process and a server inside, all on sockets."""

from __future__ import annotations

import gzip
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from connections.agents.ways import Way
from connections.models import Agent, LoggedRequest
from integrations.access import scopes, tokens
from integrations.models import Integration
from tests.backends import eventually
from tests.cast import Cast, MakeIntegration
from tests.connections.agents.conftest import MakeMachine
from tests.connections.agents.test_calls import connected
from tests.connections.server import Handler, serving

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "key-of-the-site-4711"
MIB = 1024 * 1024


class Program:
    """Calls Junction over a socket, and reads the answer as it comes."""

    def __init__(self, url: str, cast: Cast) -> None:
        self.address = urlsplit(url)
        self.token = tokens.create(user=cast.carol, name="Program", scopes=[scopes.EVERYTHING], expires_at=None)[1]

    @contextmanager
    def __call__(self, integration: Integration, payload: Any) -> Iterator[http.client.HTTPResponse]:
        line = http.client.HTTPConnection(self.address.hostname or "", self.address.port, timeout=60)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        line.request("POST", f"/api/integrations/{integration.slug}/request", json.dumps(payload), headers)
        try:
            yield line.getresponse()
        finally:
            line.close()


@pytest.fixture
def program(live_server: Any, cast: Cast) -> Program:
    return Program(live_server.url, cast)


def made(make_integration: MakeIntegration, cast: Cast, agent: Agent, url: str) -> Integration:
    integration = make_integration(base_uri=url, auth={"type": "apikey", "apiKeyName": "X-Key"})
    connected(cast, integration, Way(agent), credentials={"apiKey": KEY})
    return integration


def logged() -> LoggedRequest:
    """The one row of the log; it is written when the program has its answer."""
    eventually(lambda: LoggedRequest.objects.filter(source="proxy").exists())
    return LoggedRequest.objects.get(source="proxy")


def test_answer_reaches_the_program_while_the_server_still_sends(
    agent: Agent, machine: MakeMachine, make_integration: MakeIntegration, cast: Cast, program: Program, settings: Any
) -> None:
    go_on = threading.Event()

    def slowly(to: Handler) -> None:
        to.send_response(206)
        to.send_header("Transfer-Encoding", "chunked")
        to.send_header("Content-Type", "application/x-ndjson")
        to.send_header("X-Two", "a")
        to.send_header("X-Two", "b")
        to.end_headers()
        to.wfile.write(b"6\r\nfirst\n\r\n")
        to.wfile.flush()
        assert go_on.wait(60)
        to.wfile.write(b"7\r\nsecond\n\r\n0\r\n\r\n")

    with serving(slowly) as server:
        machine(ports=[server.port])
        integration = made(make_integration, cast, agent, server.url)
        settings.EGRESS_ALLOW = ()  # nobody but the agent gets there
        with program(integration, {"url": "/export?a=%2F", "method": "POST", "data": {"ä": 1}}) as answer:
            assert (answer.status, answer.headers["Content-Type"], answer.headers["X-Two"]) == (206, "application/x-ndjson", "a, b")
            assert answer.read1() == b"first\n"
            go_on.set()
            assert answer.read() == b"second\n"
    seen = server.seen[0]
    assert (seen.method, seen.path, json.loads(seen.body), seen.headers["x-key"]) == ("POST", "/export?a=%2F", {"ä": 1}, KEY)
    row = logged()
    assert (row.status, row.content["answerBody"], row.answer_size, row.content["caller"]) == (206, "first\nsecond\n", 13, "carol")
    assert KEY not in json.dumps(row.content)


def test_packed_and_binary_and_empty_answers_pass_as_they_are(
    agent: Agent, machine: MakeMachine, make_integration: MakeIntegration, cast: Cast, program: Program
) -> None:
    packed, raw = gzip.compress(b"plain text"), bytes(range(256)) * 5000

    def answer(to: Handler) -> None:
        if to.path == "/packed":
            to.reply(200, packed, Content_Type="text/plain", Content_Encoding="gzip")
        elif to.path == "/none":
            to.reply(204)
        else:
            to.reply(200, raw, Content_Type="image/x-test")

    with serving(answer) as server:
        machine(ports=[server.port])
        integration = made(make_integration, cast, agent, server.url)
        for path, method, wanted in (("/packed", "GET", packed), ("/none", "DELETE", b""), ("/raw", "GET", raw), ("/raw", "HEAD", b"")):
            with program(integration, {"url": path, "method": method}) as got:
                assert (path, got.read()) == (path, wanted)


def test_large_answer_keeps_waiting_for_a_slow_program_and_leaving_ends_it_at_the_server(
    agent: Agent, machine: MakeMachine, make_integration: MakeIntegration, cast: Cast, program: Program
) -> None:
    sent: list[int] = []
    gone = threading.Event()

    def large(to: Handler) -> None:
        to.send_response(200)
        to.send_header("Content-Length", str(300 * MIB))
        to.end_headers()
        try:
            for number in range(300):
                to.wfile.write(bytes(MIB))
                sent.append(number)
        except OSError:
            gone.set()

    with serving(large) as server:
        machine(ports=[server.port])
        integration = made(make_integration, cast, agent, server.url)
        with program(integration, {"url": "/large"}) as answer:
            assert len(answer.read(MIB)) == MIB
            assert not gone.wait(2)
        assert gone.wait(60)
    assert len(sent) < 150  # what fits into sockets and the parts that wait


def test_answer_that_breaks_off_inside_is_no_whole_one_in_the_log(
    agent: Agent, machine: MakeMachine, make_integration: MakeIntegration, cast: Cast, program: Program
) -> None:
    arrived = threading.Event()

    def half(to: Handler) -> None:
        to.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n")
        to.wfile.flush()
        assert arrived.wait(60)
        to.raw(b"5\r\nha")

    with serving(half) as server:
        machine(ports=[server.port])
        integration = made(make_integration, cast, agent, server.url)
        with program(integration, {"url": "/"}) as answer:
            assert answer.read1() == b"whole"
            arrived.set()
            assert answer.read() == b""  # Django's server for tests only ends; tests/config/test_threads.py has Junction's own
    row = logged()
    assert (row.status, row.cause, row.error.partition(" closed")[2]) == (
        200, "closed", " the connection before its answer was complete. Try again later. (Through the agent Head office.)"
    )  # fmt: skip


def test_host_that_the_agent_s_file_does_not_allow_is_502_in_words(
    agent: Agent, machine: MakeMachine, make_integration: MakeIntegration, cast: Cast, program: Program
) -> None:
    with serving(lambda to: to.reply()) as server:
        machine(ports=[1])
        integration = made(make_integration, cast, agent, server.url)
        with program(integration, {"url": "/"}) as answer:
            found = json.loads(answer.read())
    assert (answer.status, answer.headers["Junction-Failure"], server.seen) == (502, "vendor-unreachable", [])
    assert found["detail"].startswith(f"The agent's file allows no requests to localhost on port {server.port}.")
