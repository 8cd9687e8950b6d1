"""Everything that a connection does, through an agent: a process of its own that nobody can call."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import serialization

from actions import results, runs
from actions.models import Run
from connections import entering, services, trials
from connections.agents import services as agents
from connections.agents.route import Route
from connections.agents.ways import Way
from connections.exchange import Additions, Outgoing
from connections.models import Agent, AgentInstance, Connection
from connections.network import Network
from connections.tokens import upkeep
from connections.transport import Transport, TransportError
from integrations.models import Integration
from integrations.refusals import Invalid
from tests.actions.runner import PAGES
from tests.backends import eventually
from tests.cast import Cast, MakeIntegration, action_of, action_values
from tests.connections.agents.conftest import MakeMachine
from tests.connections.server import Handler, certificate, serving
from tests.vendor.server import VendorServer

pytestmark = pytest.mark.django_db(transaction=True)
MIB = 1024 * 1024


def connected(cast: Cast, integration: Integration, way: Way, *, credentials: dict[str, str] | None = None) -> Connection:
    return services.create(
        organization=cast.client_a, user=cast.carol, integration=integration, name="Main", credentials=credentials or {}, way=way
    )


def through(agent: Agent, credential: str = "") -> Transport:
    return Transport(route=Route(agent.pk, agent.name, credential))


def failure(agent: Agent, url: str, method: str = "GET") -> TransportError:
    with through(agent) as transport, pytest.raises(TransportError) as caught:
        transport.send(Outgoing(method, url))
    return caught.value


def ok(to: Handler) -> None:
    to.reply(body=b'{"ok": true}', Content_Type="application/json")


# --- what connections do ----------------------------------------------------------------------------------------------


def test_ping_goes_through_the_agent_although_the_server_may_not_call_there(
    cast: Cast, agent: Agent, machine: MakeMachine, make_integration: MakeIntegration, settings: Any
) -> None:
    with serving(ok) as server:
        machine(ports=[server.port])
        integration = make_integration(base_uri=server.url, auth={"type": "bearer"}, ping={"method": "GET", "uri": "/me"})
        settings.EGRESS_ALLOW = ()
        direct = trials.test(connection=connected(cast, integration, Way(), credentials={"token": "secret-token"}))
        Connection.objects.all().delete()
        result = trials.test(connection=connected(cast, integration, Way(agent), credentials={"token": "secret-token"}))
    assert (direct.ok, direct.status) == (False, None)
    assert (result.ok, result.status, result.message) == (True, 200, "The vendor accepted the credentials (200).")
    assert [(seen.path, seen.headers["authorization"]) for seen in server.seen] == [("/me", "Bearer secret-token")]


def test_run_walks_all_pages_through_the_agent(
    cast: Cast, agent: Agent, machine: MakeMachine, make_integration: MakeIntegration, vendor: VendorServer, settings: Any
) -> None:
    at = urlsplit(vendor.url)
    machine(ports=[1], more=f'[[allow]]\nhost = "{at.hostname}"\nports = [{at.port}]')
    integration = make_integration(
        base_uri=vendor.url, pagination=PAGES, actions=[action_values(path="/faults/pages?total=2340", paginated=True)]
    )
    connection = connected(cast, integration, Way(agent))
    settings.EGRESS_ALLOW = ()
    run = runs.start(
        action=action_of(integration), connection=connection, user=cast.carol, inputs={}, page_size=100, max_pages=None, hand_over=False
    )
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.verdict, run.page_count, run.record_count) == (Run.Verdict.COMPLETE, 24, 2340), run.message
    assert [record["id"] for record in results.records(run)] == list(range(1, 2341))


def test_token_is_fetched_and_renewed_and_login_steps_are_walked_through_the_agent(
    cast: Cast, agent: Agent, machine: MakeMachine, make_integration: MakeIntegration, settings: Any
) -> None:
    issued: list[str] = []

    def answer(to: Handler) -> None:
        if to.path == "/token":
            issued.append(f"token-{len(issued) + 1}")
            to.reply(body=json.dumps({"access_token": issued[-1], "expires_in": 3600}).encode(), Content_Type="application/json")
        elif to.path == "/login":
            to.reply(body=b'{"session": {"key": "from-login"}}', Content_Type="application/json")
        else:
            ok(to)

    with serving(answer) as server:
        machine(ports=[server.port])
        oauth = make_integration(
            name="OAuth", base_uri=server.url, ping={"method": "GET", "uri": "/me"},
            auth={"type": "oauth2", "grantType": "client_credentials", "tokenUri": f"{server.url}/token"},
        )  # fmt: skip
        login = make_integration(
            name="Login", base_uri=server.url, ping={"method": "GET", "uri": "/me"},
            auth={
                "type": "login", "tokenKey": "session.key",
                "steps": [{"method": "POST", "url": f"{server.url}/login", "params": {"user": "{{credentials.username}}"}}],
            },
        )  # fmt: skip
        settings.EGRESS_ALLOW = ()
        first = connected(cast, oauth, Way(agent), credentials={"clientId": "client", "clientSecret": "secret"})
        assert trials.test(connection=first).ok
        upkeep.renew(connection=first)
        assert trials.test(connection=first).ok
        second = connected(cast, login, Way(agent), credentials={"username": "ann", "password": "pass"})
        assert trials.test(connection=second).ok
    used = [seen.headers["authorization"] for seen in server.seen if seen.path == "/me"]
    assert (issued, used) == (["token-1", "token-2"], ["Bearer token-1", "Bearer token-2", "Bearer from-login"])


def test_headers_bodies_and_redirects_come_as_they_would_without_an_agent(agent: Agent, machine: MakeMachine) -> None:
    def answer(to: Handler) -> None:
        if to.path.startswith("/moved"):
            to.reply(302, Location="/final?ü=1")
        else:
            to.send_response(201, "Made")
            for value in ("a=1", "b=2"):
                to.send_header("Set-Cookie", value)
            to.send_header("Transfer-Encoding", "chunked")
            to.end_headers()
            for piece in (b"one ", b"two ", bytes(range(256))):
                to.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                to.wfile.flush()
            to.wfile.write(b"0\r\n\r\n")

    with serving(answer) as server, through(agent) as transport:
        machine(ports=[server.port])
        got = transport.send(
            Outgoing("POST", f"{server.url}/moved?q=a%2Fb", [("X-Name", "Zoë"), ("X-Two", "1"), ("X-Two", "2")], b"\x00\xff"),
            additions=Additions(headers=[("Authorization", "Bearer x")]),
        )
        head = transport.send(Outgoing("HEAD", f"{server.url}/final"))
    assert (got.status, got.reason, got.body) == (201, "Made", b"one two " + bytes(range(256)))
    assert got.headers.get_all("Set-Cookie") in (["a=1", "b=2"], ["a=1, b=2"])
    assert (head.status, head.body) == (201, b"")
    sent = server.seen[0]
    assert (sent.method, sent.path, sent.body, sent.headers["x-two"]) == ("POST", "/moved?q=a%2Fb", b"\x00\xff", "1, 2")
    assert sent.headers["x-name"].encode("latin-1").decode() == "Zoë"
    assert [seen.headers.get("authorization") for seen in server.seen[:2]] == ["Bearer x", "Bearer x"]


# --- what it refuses, and what goes wrong ------------------------------------------------------------------------------


def test_host_that_the_file_does_not_allow_is_refused_in_words(agent: Agent, machine: MakeMachine) -> None:
    with serving(ok) as allowed, serving(ok) as other:
        machine(ports=[allowed.port])
        error = failure(agent, other.url)
    assert (error.kind, error.sent, error.permanent) == ("agent_refused", False, True)
    assert error.message == (
        f"The agent's file allows no requests to localhost on port {other.port}. Add the host to its [[allow]] if it should. "
        "(Through the agent Head office.)"
    )
    assert other.seen == []


def test_redirect_to_a_host_that_the_file_does_not_allow_is_not_followed(agent: Agent, machine: MakeMachine) -> None:
    with serving(ok) as inside, serving(lambda to: to.reply(302, Location=f"{inside.url}/admin")) as allowed:
        machine(ports=[allowed.port])
        error = failure(agent, allowed.url)
    assert (error.kind, len(allowed.seen), inside.seen) == ("agent_refused", 1, [])


@pytest.mark.parametrize(
    ("answer", "kind", "sent", "permanent"),
    [
        (lambda to: to.raw(b""), "closed", True, False),
        (lambda to: to.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), "closed", True, False),
        (lambda to: to.raw(b"SSH-2.0-OpenSSH\r\n\r\n"), "malformed", True, False),
        (lambda to: to.reply(body=b"not packed", Content_Encoding="gzip"), "malformed", True, False),
    ],
)
def test_failure_of_the_server_has_the_kind_that_it_has_without_an_agent(
    agent: Agent, machine: MakeMachine, answer: Callable[[Handler], Any], kind: str, sent: bool, permanent: bool
) -> None:
    with serving(answer) as server:
        machine(ports=[server.port])
        error = failure(agent, f"{server.url}/x?key=secret")
    assert (error.kind, error.sent, error.permanent, "secret" in error.message) == (kind, sent, permanent, False)


def test_server_that_is_away_was_sent_nothing(agent: Agent, machine: MakeMachine) -> None:
    with serving(ok) as server:
        pass
    machine(ports=[server.port], more='[[allow]]\nhost = "no-such-host.invalid"')
    refused, unknown = failure(agent, server.url, "POST"), failure(agent, "https://no-such-host.invalid/")
    assert (refused.kind, refused.sent, refused.permanent) == ("refused", False, False)
    assert (unknown.kind, unknown.sent) == ("dns", False)


def test_answer_that_takes_too_long_ends_with_the_exchange(agent: Agent, machine: MakeMachine, settings: Any) -> None:
    settings.EGRESS_TOTAL_TIMEOUT = 4
    left = threading.Event()

    def slow(to: Handler) -> None:
        to.connection.settimeout(30)
        left.set() if to.connection.recv(1) == b"" else None

    with serving(slow) as server:
        machine(ports=[server.port])
        started = time.monotonic()
        error = failure(agent, server.url)
        assert (error.kind, time.monotonic() - started < 15) == ("deadline", True)
        assert left.wait(30)  # the agent has hung up


def test_nobody_online_is_said_in_words(agent: Agent, settings: Any) -> None:
    settings.AGENT_WAIT_SECONDS = 1
    error = failure(agent, "http://localhost:1/", "POST")
    assert (error.kind, error.sent, error.permanent) == ("no_agent", False, False)
    assert error.message == (
        "No agent of Head office took the request within 1 seconds. "
        "Check on the page Agents that one is online, and on its machine that it runs."
    )


# --- credentials that stay there --------------------------------------------------------------------------------------

HELD = """
[credentials.redmine]
hosts = ["localhost:{port}"]
header = "X-Redmine-API-Key"
value = "the-key-of-the-site"
"""


def test_credential_of_the_agent_never_reaches_junction(
    cast: Cast, agent: Agent, machine: MakeMachine, make_integration: MakeIntegration
) -> None:
    def echo(to: Handler) -> None:
        said = {"seen": dict(to.headers.items())}
        to.reply(
            403 if "fail" in to.path else 200,
            json.dumps(said).encode(),
            Content_Type="application/json",
            X_Echo=to.headers["X-Redmine-API-Key"],
        )

    auth = {"type": "apikey", "apiKeyName": "X-Redmine-API-Key", "apiKeyLocation": "header"}
    with serving(echo) as server, serving(echo) as other:
        machine(ports=[server.port, other.port], more=HELD.format(port=server.port))
        integration = make_integration(base_uri=server.url, auth=auth, ping={"method": "GET", "uri": "/fail"})
        connection = connected(cast, integration, Way(agent, "redmine"))
        refused = trials.test(connection=connection)
        with through(agent, "redmine") as transport:
            marked = Additions(headers=[("Junction-Agent-Credential", "redmine")])
            answer = transport.send(Outgoing("GET", f"{server.url}/me"), additions=marked)
            with pytest.raises(TransportError) as elsewhere:
                transport.send(Outgoing("GET", f"{other.url}/me"), additions=marked)
    assert [seen.headers["x-redmine-api-key"] for seen in server.seen] == ["the-key-of-the-site"] * 2
    assert (refused.status, other.seen) == (403, [])
    assert (answer.headers.get("X-Echo"), "the-key-of-the-site" in answer.text, "*" * 19 in answer.text) == ("***", False, True)
    assert elsewhere.value.message == (
        f"The agent's file does not let localhost:{other.port} have [credentials.redmine]. Add it to its hosts if it should. "
        "(Through the agent Head office.)"
    )
    assert entering.stored_fields(connection) == []


def test_credential_of_the_agent_does_not_come_back_in_status_line_header_names_or_other_forms(agent: Agent, machine: MakeMachine) -> None:
    def echo(to: Handler) -> None:
        key = to.headers["X-Redmine-API-Key"]
        inside = base64.b64encode(f"token:{key}:end".encode())
        to.raw(f"HTTP/1.1 200 {key}\r\nX-{key}: 1\r\nContent-Length: {len(inside)}\r\n\r\n".encode() + inside)

    with serving(echo) as server:
        machine(ports=[server.port], more=HELD.format(port=server.port))
        marked = Additions(headers=[("Junction-Agent-Credential", "redmine")])
        with through(agent, "redmine") as transport:
            answer = transport.send(Outgoing("GET", f"{server.url}/me"), additions=marked)
    key = "the-key-of-the-site"
    said = " ".join([answer.reason, *(name for name, _ in answer.headers), answer.text])
    assert (key in said.lower(), base64.b64decode(answer.text.replace("*", "A")).count(b"key-of")) == (False, 0), said
    assert answer.reason == "***"


def test_headers_that_are_too_large_for_a_message_are_told_at_once(agent: Agent, machine: MakeMachine) -> None:
    def large(to: Handler) -> None:
        to.send_response(200)
        for number in range(8):
            to.send_header(f"X-{number}", "x" * 60_000)
        to.send_header("Content-Length", "0")
        to.end_headers()

    with serving(large) as server:
        machine(ports=[server.port])
        began = time.monotonic()
        error = failure(agent, f"{server.url}/me")
    assert (error.kind, error.permanent, time.monotonic() - began < 5) == ("too_large", True, True)
    assert (
        error.message == "The headers of the answer are larger than 256 KiB, which no server should send. (Through the agent Head office.)"
    )


# --- the way from the agent to the server ---------------------------------------------------------------------------


def test_authority_client_certificate_and_smallest_version_of_a_connection_hold_behind_an_agent(
    agent: Agent, machine: MakeMachine, tmp_path: Path
) -> None:
    context, file = certificate(tmp_path)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(file)
    private, _, public = file.read_text().partition("-----END PRIVATE KEY-----\n")
    private += "-----END PRIVATE KEY-----\n"
    own = serialization.load_pem_private_key(private.encode(), None)
    locked = own.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"pass")
    )
    whole = Network(authorities=public, certificate=public + locked.decode(), passphrase="pass", minimum_tls="1.2")
    with serving(ok, context=context) as server:
        machine(ports=[server.port], more=HELD.format(port=server.port))
        found = {}
        for name, network, credential in (
            ("whole", whole, ""),
            ("no authority", replace(whole, authorities=""), ""),
            ("broken authority", replace(whole, authorities="-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----"), ""),
            ("wrong passphrase", replace(whole, passphrase="word"), ""),
            ("credential of the agent", whole, "redmine"),
            ("whole again", whole, ""),
        ):
            route = Route(agent.pk, agent.name, credential)
            headers = [("Junction-Agent-Credential", credential)] if credential else []
            try:
                found[name] = str(
                    route.send(
                        "GET", f"{server.url}/me", headers, None, network=network, timeouts=(10, 10), end=time.monotonic() + 60
                    ).status
                )
            except TransportError as error:
                found[name] = f"{error.kind}: {error.message.partition(' (Through')[0]}"
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(TransportError) as old:
            Route(agent.pk, agent.name).send(
                "GET", f"{server.url}/me", [], None, network=replace(whole, minimum_tls="1.3"), timeouts=(10, 10), end=time.monotonic() + 60
            )
    untrusted = (
        "tls: The agent does not trust the TLS certificate of localhost: self-signed certificate. "
        "Name its authority with vendor_ca in the agent's file, or enter it on the connection under Network."
    )
    assert found == {
        "whole": "200",
        "no authority": untrusted,
        "broken authority": "tls: The certificate authority of the connection cannot be read. Enter its certificate in PEM form.",
        "wrong passphrase": "tls: The client certificate or its key cannot be read. Enter both in PEM form; the key's passphrase, if it has one, has to be right.",
        "credential of the agent": untrusted,  # whom its own secret goes to is said by its file alone
        "whole again": "200",
    }
    assert old.value.kind == "tls"


def test_what_only_junction_itself_could_do_is_refused_where_an_agent_calls(
    cast: Cast, agent: Agent, make_integration: MakeIntegration
) -> None:
    integration = make_integration(base_uri="https://redmine.corp.local", auth={"type": "none"})
    for network, field in (({"proxy": "http://proxy.corp:3128"}, "proxy"), ({"verifyTls": False}, "verifyTls")):
        with pytest.raises(Invalid) as caught:
            services.create(
                organization=cast.client_a, user=cast.carol, integration=integration, name="Main", credentials={},
                options={"network": network}, way=Way(agent),
            )  # fmt: skip
        assert list(caught.value.errors) == [f"options.network.{field}"]


# --- long answers -----------------------------------------------------------------------------------------------------


def rss(pid: int) -> int:
    """The memory of a process in bytes."""
    with open(f"/proc/{pid}/status") as status:  # noqa: PTH123
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) * 1024


def endless(to: Handler, total: int, gone: threading.Event) -> None:
    to.send_response(200)
    to.send_header("Content-Length", str(total))
    to.end_headers()
    piece = bytes(MIB)
    try:
        for _ in range(total // MIB):
            to.wfile.write(piece)
    except OSError:
        gone.set()


def open_through(agent: Agent, url: str) -> Any:
    return Route(agent.pk, agent.name).send("GET", url, [], None, network=Network(), timeouts=(10, 30), end=time.monotonic() + 300)


def test_answer_of_200_megabytes_passes_in_bounded_memory(agent: Agent, machine: MakeMachine) -> None:
    total = 200 * MIB
    with serving(lambda to: endless(to, total, threading.Event())) as server:
        running = machine(ports=[server.port])
        assert running.process is not None
        open_through(agent, server.url).read(MIB)  # what the first request needs is no matter of size
        before, most, came = rss(running.process.pid), 0, 0
        incoming = open_through(agent, server.url)
        while piece := incoming.read1(MIB):
            came += len(piece)
            if came % (10 * MIB) < len(piece):
                most = max(most, rss(running.process.pid))
    assert came == total
    assert most - before < 16 * MIB


def test_slow_reader_makes_the_agent_wait_and_nothing_pile_up(agent: Agent, machine: MakeMachine) -> None:
    sent: list[int] = []

    def answer(to: Handler) -> None:
        to.send_response(200)
        to.send_header("Content-Length", str(100 * MIB))
        to.end_headers()
        for number in range(100):
            to.wfile.write(bytes(MIB))
            sent.append(number)

    with serving(answer) as server:
        machine(ports=[server.port])
        incoming = open_through(agent, server.url)
        incoming.read(1024)
        time.sleep(3)
        # 8 parts of 256 KiB wait in the broker, one is at the agent; the rest fits into the buffers of two sockets.
        assert len(sent) < 30
        rest = len(incoming.read())
    assert rest == 100 * MIB - 1024


def test_agent_hangs_up_when_the_caller_has_gone_away(agent: Agent, machine: MakeMachine) -> None:
    gone = threading.Event()
    with serving(lambda to: endless(to, 2000 * MIB, gone)) as server:
        machine(ports=[server.port])
        incoming = open_through(agent, server.url)
        incoming.read(MIB)
        incoming.close()
        assert gone.wait(30)


# --- several machines -------------------------------------------------------------------------------------------------


@pytest.fixture
def short_lease(settings: Any) -> None:
    """A machine that is lost is noticed after three seconds."""
    settings.AGENT_LEASE_SECONDS = 3


def test_two_machines_share_the_work(agent: Agent, machine: MakeMachine) -> None:
    both = threading.Barrier(2, timeout=60)

    def answer(to: Handler) -> None:
        both.wait()  # only two requests at once get through
        ok(to)

    with serving(answer) as server:
        for _ in range(2):
            machine(ports=[server.port], concurrency=1)
        done: list[int] = []
        threads = [threading.Thread(target=lambda: done.append(_status(agent, server.url)), daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert done == [200, 200]


def _status(agent: Agent, url: str) -> int:
    with through(agent) as transport:
        return transport.send(Outgoing("GET", url)).status


def held_up(arrived: threading.Event) -> Callable[[Handler], None]:
    """A server whose first request is in the middle when the machine that sent it is killed."""
    first = threading.Lock()

    def answer(to: Handler) -> None:
        if not first.acquire(blocking=False):
            ok(to)
            return
        arrived.set()
        time.sleep(120)

    return answer


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_machine_takes_over_what_is_safe_to_send_twice_and_nothing_else(
    agent: Agent, machine: MakeMachine, short_lease: None, method: str
) -> None:
    arrived = threading.Event()
    outcome: list[Any] = []

    def call(url: str) -> None:
        with through(agent) as transport:
            try:
                outcome.append(transport.send(Outgoing(method, url)).status)
            except TransportError as error:
                outcome.append((error.kind, error.sent, error.permanent, error.message))

    with serving(held_up(arrived)) as server:
        first = machine(ports=[server.port])
        caller = threading.Thread(target=call, args=(server.url,), daemon=True)
        caller.start()
        assert arrived.wait(60)
        machine(ports=[server.port])
        first.kill()
        caller.join(90)
        seen = len(server.seen)
    if method == "GET":
        assert (outcome, seen) == ([200], 2)
    else:
        lost = "The agent Head office went away before its answer was complete. Try again when it is online."
        assert (outcome, seen) == ([("agent_lost", True, False, lost)], 1)


def test_machine_that_is_revoked_stops_and_says_why(agent: Agent, machine: MakeMachine, settings: Any) -> None:
    settings.AGENT_WAIT_SECONDS = 2
    with serving(ok) as server:
        running = machine(ports=[server.port])
        process = running.process
        assert process is not None
        agents.revoke(instance=AgentInstance.objects.get())
        error = failure(agent, server.url)
        assert process.wait(60) == 3
    assert (error.kind, server.seen) == ("no_agent", [])
    assert "it was revoked. Enrol again with a new code" in running.log.read_text()


def test_page_knows_version_latency_and_when_a_machine_was_seen(agent: Agent, machine: MakeMachine) -> None:
    running = machine(ports=[1])
    row = eventually(lambda: list(AgentInstance.objects.filter(latency_ms__gt=0)))[0]
    assert (row.version, row.state, bool(row.host)) == ("0.1.0", "online", True)
    assert running.stop() == 0
