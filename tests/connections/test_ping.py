"""The test of a connection: method, URI and body, what its answer says, and what to do about the commonest failures. Rows 94 to 101."""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from config.networks import parse_networks
from connections.answers.advice import ADVICE
from connections.client import Client
from connections.network import Network
from connections.ping import TestResult as Result
from connections.ping import ping
from connections.tokens import stores
from integrations.definition import Definition
from tests.connections.proxy import proxying
from tests.connections.server import Handler, certificate, serving

KEY = "canary-key-4711"


@pytest.fixture(autouse=True)
def network(settings: Any) -> None:
    settings.EGRESS_ALLOW = parse_networks("loopback")
    settings.EGRESS_CONNECT_TIMEOUT = settings.EGRESS_READ_TIMEOUT = 5.0
    settings.EGRESS_TOTAL_TIMEOUT = 10.0


def outcome_of(base: str, ping_values: dict[str, Any] | None = None, *, way: Network | None = None, **more: Any) -> Result:
    definition = Definition.model_validate(
        {"apiBaseUri": base, "auth": {"type": "apikey", "apiKeyName": "X-API-Key"}, "ping": ping_values or {"uri": "/me"}, **more}
    )
    store = stores.MemoryTokens(definition.auth)
    with Client(definition=definition, credentials={"apiKey": KEY}, settings={}, store=store, network=way) as client:
        return ping(client)


def says(body: Any, *, status: int = 200, kind: str = "application/json", **headers: str) -> Callable[[Handler], None]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda to: to.reply(status, content, Content_Type=kind, **headers)


def of(body: Any, ping_values: dict[str, Any], **options: Any) -> Result:
    with serving(says(body, **options)) as server:
        return outcome_of(server.url, {"uri": "/me", **ping_values})


# --- the request ---


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "HEAD"])
def test_ping_method_is_sent(method: str) -> None:
    with serving(says({})) as server:
        result = outcome_of(f"{server.url}/v1", {"method": method, "uri": "me"})
    assert ([(seen.method, seen.path) for seen in server.seen], result.ok) == ([(method, "/v1/me")], True)


def test_ping_uri_is_relative_to_the_base_uri_and_body_is_json() -> None:
    with serving(says({})) as server:
        outcome_of(f"{server.url}/v1", {"method": "POST", "uri": "/query", "body": {"q": "{me}", "k": "{{credentials.apiKey}}"}})
    seen = server.seen[0]
    assert (seen.path, json.loads(seen.body), seen.headers["content-type"]) == ("/v1/query", {"q": "{me}", "k": KEY}, "application/json")


@pytest.mark.parametrize(
    ("kind", "content_type", "body"),
    [
        ("xml", "application/xml", b'<?xml version="1.0" encoding="UTF-8"?>\n<ping><a>1</a></ping>'),
        ("urlencoded", "application/x-www-form-urlencoded", b"ping%5Ba%5D=1"),
    ],
)
def test_ping_body_is_in_the_format_of_requests(kind: str, content_type: str, body: bytes) -> None:
    with serving(says({})) as server:
        outcome_of(server.url, {"method": "POST", "body": {"ping": {"a": 1}}}, mediaTypes={"request": kind})
    assert (server.seen[0].headers["content-type"], server.seen[0].body) == (content_type, body)


# --- success and failure by the body ---


@pytest.mark.parametrize(
    ("body", "values", "ok"),
    [
        ({"ok": True}, ["true"], True),
        ({"ok": True}, ["True"], False),
        ({"status": "Active"}, ["Active", "trial"], True),
        ({"status": "trial"}, ["Active", "trial"], True),
        ({"status": "active"}, ["Active"], False),
        ({"status": "Active "}, ["Active"], False),
        ({"code": 0}, ["0"], True),
        ({"other": 1}, ["0"], False),
        ({"ok": True}, [], True),
        ({"ok": False}, [], False),
        ({"other": 1}, [], False),
    ],
)
def test_ping_success_values_are_compared_exactly_and_any_of_them_counts(body: Any, values: list[str], ok: bool) -> None:
    path = next(iter(body)) if "other" not in body else "ok"
    assert of(body, {"successPath": path, "successValues": values}).ok is ok


@pytest.mark.parametrize(
    ("found", "values", "allowed", "ok"),
    [
        (["a", "b"], ["b"], True, True),
        (["a"], ["b"], True, False),
        ([], [], True, True),
        (["a", "b"], ["b"], False, False),
        ([], [], False, False),
    ],
)
def test_array_at_the_success_path_counts_only_where_it_is_allowed(found: list[str], values: list[str], allowed: bool, ok: bool) -> None:
    result = of({"data": found}, {"successPath": "data", "successValues": values, "allowArrayForSuccessPath": allowed})
    assert result.ok is ok
    if not allowed:
        assert "stands a list, where one value is expected" in result.message


def test_fail_path_wins_even_on_2xx_and_before_success() -> None:
    values = {"successPath": "ok", "successValues": ["true"], "failPath": "error", "failValues": ["invalid_auth"], "errorPath": "hint"}
    failed = of({"ok": True, "error": "invalid_auth", "hint": "Use another token"}, values)
    assert (failed.ok, failed.cause, failed.decided_by, failed.message) == (
        False,
        "fail_path",
        'error = "invalid_auth"',
        "The vendor's answer says that it failed (200). It said: Use another token",
    )
    assert of({"ok": True, "error": "Invalid_Auth"}, values).ok is True
    assert of({"ok": True, "error": None}, {**values, "failValues": []}).ok is True
    assert of({"ok": True, "error": "anything"}, {**values, "failValues": []}).ok is False


def test_success_path_reads_xml_too() -> None:
    assert of(b"<r><state>up</state></r>", {"successPath": "r.state", "successValues": ["up"]}, kind="text/xml").ok is True


def test_error_path_names_the_message_that_is_shown() -> None:
    result = of({"meta": {"why": "Plan ended"}}, {"errorPath": "meta.why"}, status=403)
    assert result.message.endswith("It said: Plan ended")


def test_error_rule_of_the_integration_judges_the_test() -> None:
    with serving(says({"error": "account_inactive"})) as server:
        result = outcome_of(server.url, errors=[{"path": "error", "message": "Off: {{response.error}}", "blame": "vendor"}])
    assert (result.ok, result.message, result.cause, result.blame) == (False, "Off: account_inactive", "rule", "vendor")


def test_alternative_is_tried_until_one_is_accepted() -> None:
    def answer(to: Handler) -> None:
        to.reply(200 if to.path == "/b" else 404, b"{}", Content_Type="application/json")

    with serving(answer) as server:
        result = outcome_of(server.url, {"uri": "/a", "alternatives": ["/b", "/c"]})
    assert ([seen.path for seen in server.seen], result.ok) == (["/a", "/b"], True)


# --- what is shown ---


def test_result_shows_request_masked_status_time_and_what_decided() -> None:
    with serving(says({"ok": False, "token": KEY, "session": {"password": "hunter22"}}, Set_Cookie="sid=secret-cookie")) as server:
        result = outcome_of(server.url, {"uri": f"/me?api_key={KEY}&x=1", "successPath": "ok"})
    assert result.sent is not None
    shown = json.dumps([result.message, result.decided_by, result.sent.url, *result.sent.request_headers, *result.sent.answer_headers])
    assert (result.status, result.elapsed_ms >= 0, result.decided_by) == (200, True, "ok = false")
    assert [secret for secret in (KEY, "secret-cookie", "hunter22") if secret in shown + result.sent.answer_body] == []
    assert (result.sent.method, result.sent.url) == ("GET", f"{server.url}/me?api_key=•••&x=1")
    assert dict(result.sent.request_headers)["X-API-Key"] == "•••"
    assert result.sent.answer_body == '{"ok": false, "token": "•••", "session": {"password": "•••"}}'


# --- the commonest failures: a real server for each, the cause it is known by, and a sentence on what to do ---


@contextmanager
def silent(*, accepts: bool) -> Iterator[int]:
    """A port that takes connections and says nothing, or that never finishes taking one."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(1 if accepts else 0)
    fillers = []
    if not accepts:
        for _ in range(8):  # the queue of a socket that nobody accepts is soon full
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
            fillers.append(filler)
    try:
        yield server.getsockname()[1]
    finally:
        for one in (*fillers, server):
            one.close()


def at(answer: Callable[[Handler], Any], **options: Any) -> Result:
    with serving(answer) as server:
        return outcome_of(server.url, **options)


def secured(folder: Path, *, trusted: bool = False, url: str = "", **options: Any) -> Result:
    context, path = certificate(folder, **options)
    way = Network(authorities=path.read_text().partition("-----END PRIVATE KEY-----")[2]) if trusted else None
    with serving(says({}), context=context) as server:
        return outcome_of(url.format(port=server.port) or server.url, way=way)


def sent_to_sign_in(to: Handler) -> None:
    if to.path.startswith("/login"):
        to.reply(200, b"<html><form>Password</form></html>", Content_Type="text/html")
    else:
        to.reply(302, Location="/login?next=/me")


def late(hours: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)


def with_date(status: int, hours: float) -> Callable[[Handler], None]:
    def answer(to: Handler) -> None:
        to.send_response_only(status)
        for name, value in (("Date", late(hours)), ("Content-Type", "application/json"), ("Content-Length", "2")):
            to.send_header(name, value)
        to.end_headers()
        to.wfile.write(b"{}")

    return answer


def refused_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def quick(settings: Any) -> None:
    settings.EGRESS_CONNECT_TIMEOUT = settings.EGRESS_READ_TIMEOUT = 0.3


def drips(to: Handler) -> None:
    import time

    to.send_response(200)
    to.send_header("Content-Length", "1000")
    to.end_headers()
    for _ in range(100):
        to.wfile.write(b" ")
        to.wfile.flush()
        time.sleep(0.05)


def proxied(status: int) -> Result:
    with proxying(status=status) as proxy, serving(says({})) as server:
        return outcome_of(server.url, way=Network(proxy=proxy.url))


CASES: dict[str, Callable[[Any, Path], Result]] = {
    "dns": lambda _, __: outcome_of("https://no-such-host.invalid"),
    "refused": lambda _, __: outcome_of(f"http://localhost:{refused_port()}"),
    "connect_timeout": lambda settings, __: _hanging(settings, accepts=False),
    "read_timeout": lambda settings, __: _hanging(settings, accepts=True),
    "deadline": lambda settings, __: _dripping(settings),
    "closed": lambda _, __: at(lambda to: to.raw(b"")),
    "malformed": lambda _, __: at(lambda to: to.raw(b"SSH-2.0-OpenSSH_9.2\r\n")),
    "too_large": lambda settings, __: _large(settings),
    "address": lambda settings, __: _guarded(settings),
    "plain_http": lambda settings, __: _plain(settings),
    "tls_expired": lambda _, folder: secured(folder, trusted=True, days=-1),
    "tls_not_yet_valid": lambda _, folder: secured(folder, trusted=True, days=30, starts=10),
    "tls_wrong_name": lambda _, folder: secured(folder, trusted=True, name="api.example.com"),
    "tls_self_signed": lambda _, folder: secured(folder),
    "tls_unknown_authority": lambda _, folder: secured(folder, signed_by_another=True),
    "tls_not_spoken": lambda _, __: _plain_on_tls(),
    "tls_version": lambda _, folder: _old_version(folder),
    "tls_client_certificate": lambda _, folder: _wants_certificate(folder),
    "proxy": lambda _, __: proxied(403),
    "proxy_credentials": lambda _, __: proxied(407),
    "redirects": lambda _, __: at(lambda to: to.reply(302, Location=f"/{len(to.server.seen)}")),
    "400": lambda _, __: at(says({}, status=422)),
    "401": lambda _, __: at(says({}, status=401)),
    "403": lambda _, __: at(says({}, status=403)),
    "404": lambda _, __: at(says({}, status=404)),
    "405": lambda _, __: at(says({}, status=405)),
    "406": lambda _, __: at(says({}, status=406)),
    "407": lambda _, __: at(says({}, status=407)),
    "408": lambda _, __: at(says({}, status=408)),
    "410": lambda _, __: at(says({}, status=410)),
    "415": lambda _, __: at(says({}, status=415)),
    "429": lambda _, __: at(says({}, status=429)),
    "5xx": lambda _, __: at(says({}, status=502)),
    "html": lambda _, __: at(says(b"<!doctype html><p>Welcome", kind="text/html")),
    "login_redirect": lambda _, __: at(sent_to_sign_in),
    "media_type": lambda _, __: at(says(b"id,name\n1,a\n", kind="text/csv"), mediaTypes={"success": "json"}),
    "clock": lambda _, __: at(with_date(401, 2)),
    "success_path": lambda _, __: of({"ok": False}, {"successPath": "ok"}),
    "fail_path": lambda _, __: of({"error": 1}, {"failPath": "error"}),
    "rule": lambda _, __: at(says({"error": 1}), errorExpression="{{response.error}}"),
    "reauthorize": lambda _, __: at(says({}, status=410), errors=[{"statuses": ["410"], "outcome": "reauthorize"}]),
    "tls_authority": lambda _, __: _unreadable(),
    "redirect_elsewhere": lambda _, __: _redirected_elsewhere(),
    "malformed_https": lambda _, __: at(lambda to: to.raw(b"\x15\x03\x01\x00\x02\x02\x46")),
    "closed_cut": lambda _, __: at(lambda to: to.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")),
    "empty": lambda _, __: of(b"", {"successPath": "ok"}),
    "invalid_json": lambda _, __: of(b'{"ok": tru', {"successPath": "ok"}),
}


def _redirected_elsewhere() -> Result:
    """A server that sends calls to another one, which knows no credentials."""
    with serving(says({}, status=401)) as other, serving(lambda to: to.reply(307, Location=f"{other.url}/v2{to.path}")) as server:
        return outcome_of(server.url)


# The commonest failures, as people read them: {0} is the origin that was called.
SENTENCES = {
    "dns": "The host name no-such-host.invalid cannot be resolved. Check the spelling of the host.",
    "refused": "localhost refused the connection on port {port}. Check host and port, and whether the server runs.",
    "connect_timeout": "127.0.0.1 did not accept a connection on port {port} in time (0.3 seconds). Check host and port, and whether a firewall lets Junction through.",
    "read_timeout": "http://127.0.0.1:{port}/me sent nothing for 0.3 seconds. Try again later, or ask for less.",
    "deadline": "{url} did not finish its answer within 0.5 seconds. Ask for less, for example with a smaller page size.",
    "tls_expired": "The TLS certificate of localhost has expired. Its operator has to renew it.",
    "tls_wrong_name": "The TLS certificate of the server is not for localhost. Check the host name; it has to be the one in the certificate.",
    "tls_self_signed": "The TLS certificate of localhost is self-signed. It needs one from an authority that this machine trusts.",
    "tls_unknown_authority": "The TLS certificate of localhost comes from an authority that this machine does not trust, or an intermediate certificate is missing.",
    "tls_client_certificate": "{url} wants a client certificate, or does not accept the one that it was shown. Check certificate and key.",
    "tls_not_spoken": "localhost does not speak TLS on this port. Check the port, or whether the API is served over plain http.",
    "malformed_https": "{url} answered by TLS to a call without it: the port expects https. Enter the address with https://.",
    "malformed": "{url} answered with something that is not HTTP. Check host and port.",
    "closed_cut": "{url} closed the connection before its answer was complete. Try again later.",
    "too_large": "The answer of {url} is larger than 0.000953674 MiB. Ask for less, for example with a smaller page size.",
    "401": "The vendor refused the credentials (401). Check them, and whether the integration sends them in the right place.",
    "403": "The vendor knows the credentials but does not allow this (403). Give their account the permission, or use another account.",
    "404": "The vendor has nothing at this address (404). Check the base URI, the path and the inputs.",
    "429": "The vendor limits how often it may be called (429). Try again later.",
    "5xx": "The vendor has a fault of its own (502). Try again later; if it stays, tell the vendor.",
    "html": "{url} answered with a web page instead of data, perhaps a sign-in page. Check the host and the base path.",
    "login_redirect": "http://localhost:{port}/login answered with a web page instead of data, perhaps a sign-in page. Check the host and the base path.",
    "media_type": "The body of the answer (text/csv) is not valid JSON.",
    "empty": "The server answered with an empty body (200), where the test looks for ok.",
    "invalid_json": "The body of the answer (application/json) is not valid JSON.",
    "success_path": "The answer (200) has another value at ok. The test expects a value there.",
    "clock": "The vendor refused the credentials (401). Check them, and whether the integration sends them in the right place. Its clock is 120 minutes ahead of ours.",
    "redirect_elsewhere": "The vendor refused the credentials (401). Check them, and whether the integration sends them in the right place. "
    "The call was redirected to http://localhost:{port}/v2/me, which is another server and did not get the credentials.",
    "proxy": "The proxy of the connection, 127.0.0.1:{port}, does not allow connections to localhost:{port} (403). Check the proxy's address and rules.",
    "proxy_credentials": "The proxy of the connection, 127.0.0.1:{port}, asks for a user name and a password, or does not accept those that were sent (407). "
    "Check the proxy's address and rules.",
}


@pytest.mark.parametrize("cause", SENTENCES)
def test_commonest_failures_are_said_in_these_words(cause: str, settings: Any, tmp_path: Path) -> None:
    message = CASES[cause](settings, tmp_path).message
    wanted = re.escape(SENTENCES[cause]).replace(r"\{port\}", r"\d+").replace(r"\{url\}", r"https?://localhost:\d+(/me)?")
    assert re.fullmatch(wanted, message), message
    assert len(SENTENCES) >= 20


def _hanging(settings: Any, *, accepts: bool) -> Result:
    quick(settings)
    with silent(accepts=accepts) as port:
        return outcome_of(f"http://127.0.0.1:{port}")


def _dripping(settings: Any) -> Result:
    settings.EGRESS_TOTAL_TIMEOUT = 0.5
    return at(drips)


def _large(settings: Any) -> Result:
    settings.EGRESS_MAX_BYTES = 1000
    return at(says(b"x" * 2000))


def _guarded(settings: Any) -> Result:
    settings.EGRESS_ALLOW = ()
    return outcome_of("https://10.0.0.1")


def _plain(settings: Any) -> Result:
    settings.EGRESS_ALLOW = ()
    return outcome_of("http://93.184.215.14")


def _plain_on_tls() -> Result:
    with serving(says({})) as server:
        return outcome_of(server.url.replace("http:", "https:"))


def _old_version(folder: Path) -> Result:
    context, path = certificate(folder)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with serving(says({}), context=context) as server:
        return outcome_of(server.url, way=Network(authorities=_public(path), minimum_tls="1.3"))


def _wants_certificate(folder: Path) -> Result:
    """A server that tells a client without a certificate so, and reads what still comes: one that hangs up at once is only `closed`."""
    context, path = certificate(folder)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(path)

    def serve(server: socket.socket) -> None:
        with server.accept()[0] as plain:
            secured = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
            with suppress(ssl.SSLError):
                secured.do_handshake()
            raw = secured.detach()
            with socket.socket(fileno=raw) as rest:
                while rest.recv(65536):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        result = outcome_of(f"https://localhost:{server.getsockname()[1]}", way=Network(authorities=_public(path)))
        thread.join(10)
    return result


def _unreadable() -> Result:
    from connections.retries import CallError

    broken = "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----"
    try:
        return outcome_of("https://api.example.com", way=Network(authorities=broken))
    except CallError as error:
        return Result(False, None, error.message, cause=error.cause, blame=error.blame)


def _public(path: Path) -> str:
    return path.read_text().partition("-----END PRIVATE KEY-----")[2]


@pytest.mark.parametrize("cause", CASES)
def test_failure_is_known_by_its_cause_and_says_what_to_do(cause: str, settings: Any, tmp_path: Path) -> None:
    result = CASES[cause](settings, tmp_path)
    assert (result.ok, result.cause, result.advice, result.blame in ("you", "us", "vendor")) == (False, cause, ADVICE[cause], True)
    assert KEY not in result.message


def test_twenty_commonest_failures_and_more_have_a_case() -> None:
    without = set(ADVICE) - set(CASES)
    # Those of agents have tests of their own with agents. `invalid` and `token` have tests of their own; `tls` and `tls_untrusted` are what is left when OpenSSL names nothing closer.
    assert (without, len(CASES) > 20) == (
        {"invalid", "token", "tls", "tls_untrusted", "no_agent", "agent_refused", "agent_lost"},
        True,
    )


def test_clock_that_differs_is_said_with_its_minutes() -> None:
    assert at(with_date(401, 2)).message.endswith("Its clock is 120 minutes ahead of ours.")
    assert at(with_date(401, -1)).message.endswith("Its clock is 60 minutes behind ours.")
    assert at(with_date(404, 2)).cause == "404"


def test_answer_of_a_cache_says_nothing_about_the_clock() -> None:
    def cached(to: Handler) -> None:
        to.send_response_only(401)
        for name, value in (("Date", late(-3)), ("Age", "10800"), ("Content-Length", "0")):
            to.send_header(name, value)
        to.end_headers()

    assert at(cached).cause == "401"


def test_header_that_cannot_be_sent_is_invalid() -> None:
    result = outcome_of("https://api.example.com", {"method": "POST", "uri": "/", "body": {"a": 1, "b": 2}}, mediaTypes={"request": "xml"})
    assert (result.ok, result.cause) == (False, "invalid")
    assert result.message == "The request of the test cannot be made. A document in XML has one root. Put everything below one name."
