"""The one door out, against real sockets."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import brotli
import pytest
from backports import zstd

from config.networks import parse_networks
from connections.exchange import Additions, Kind, Outgoing
from connections.transport import Transport, TransportError, beginning
from tests.connections.server import Handler, certificate, serving


@pytest.fixture(autouse=True)
def loopback(settings: Any) -> None:
    settings.EGRESS_ALLOW = parse_networks("loopback")
    settings.EGRESS_CONNECT_TIMEOUT = settings.EGRESS_READ_TIMEOUT = 5.0
    settings.EGRESS_TOTAL_TIMEOUT = 10.0


@pytest.fixture
def transport() -> Iterator[Transport]:
    with Transport() as opened:
        yield opened


NOISE = bytes(range(256)) * 40  # compresses to something whose half unpacks to something


def failure(transport: Transport, url: str, method: str = "GET", **options: Any) -> TransportError:
    with pytest.raises(TransportError) as caught:
        transport.send(Outgoing(method, url), **options)
    return caught.value


def facts(error: TransportError) -> tuple[Kind, bool, bool]:
    return error.kind, error.sent, error.permanent


# --- answers --------------------------------------------------------------------------------------------------------


def test_answer_holds_status_headers_and_body(transport: Transport) -> None:
    def answer(to: Handler) -> None:
        to.send_response(201, "Made")
        to.send_header("Link", "<a>; rel=next")
        to.send_header("link", "<b>; rel=prev")
        to.send_header("Content-Type", "application/JSON; charset=utf-8")
        to.send_header("Content-Length", "8")
        to.end_headers()
        to.wfile.write(b'{"a": 1}')

    with serving(answer) as server:
        got = transport.send(Outgoing("POST", f"{server.url}/x?q=a%2Fb", [("X-One", "1")], b"in"))
    assert (got.status, got.reason, got.content_type, got.json()) == (201, "Made", "application/json", {"a": 1})
    assert got.headers.get_all("LINK") == ["<a>; rel=next", "<b>; rel=prev"]
    assert [(seen.method, seen.path, seen.headers["x-one"], seen.body) for seen in server.seen] == [("POST", "/x?q=a%2Fb", "1", b"in")]


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("gzip", gzip.compress(b"[1]" * 99999)),
        ("deflate", zlib.compress(b"[1]" * 99999)),
        ("br", brotli.compress(b"[1]" * 99999)),
        ("zstd", zstd.compress(b"[1]" * 99999)),
        ("gzip, br", brotli.compress(gzip.compress(b"[1]" * 99999))),
        ("identity", b"[1]" * 99999),
        ("X-GZIP", gzip.compress(b"[1]" * 66666) + gzip.compress(b"[1]" * 33333) + b"\0\0"),
        ("zstd", zstd.compress(b"[1]" * 66666) + zstd.compress(b"[1]" * 33333)),
        ("deflate", zlib.compress(b"[1]" * 99999, wbits=-zlib.MAX_WBITS)),
    ],
    ids=["gzip", "deflate", "br", "zstd", "gzip then br", "identity", "two of gzip and padding", "two of zstd", "bare deflate"],
)
def test_body_is_decoded(transport: Transport, encoding: str, content: bytes) -> None:
    with serving(lambda to: to.reply(body=content, Content_Encoding=encoding)) as server:
        assert transport.send(Outgoing("GET", server.url)).body == b"[1]" * 99999


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_body_that_comes_byte_by_byte_is_decoded(transport: Transport, encoding: str) -> None:
    pack = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstd.compress}[encoding]
    packed = pack(json.dumps(list(range(300))).encode())

    def answer(to: Handler) -> None:
        to.send_response(200)
        to.send_header("Content-Encoding", encoding)
        to.send_header("Content-Length", str(len(packed)))
        to.end_headers()
        for start in range(len(packed)):
            to.wfile.write(packed[start : start + 1])
            to.wfile.flush()

    with serving(answer) as server:
        assert transport.send(Outgoing("GET", server.url)).json() == list(range(300))


@pytest.mark.parametrize(
    "content",
    [
        b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
        b"HTTP/1.0 200 OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;name=value\r\n{}\r\n0\r\nX-Trailer: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 \r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nX-Name: M\xfcller\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nX-Empty:\r\nContent-Length:2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_answers_of_sloppy_servers_are_read(transport: Transport, content: bytes) -> None:
    with serving(lambda to: to.raw(content)) as server:
        assert transport.send(Outgoing("GET", server.url)).json() == {}


def test_answer_that_comes_before_all_was_sent_is_read(transport: Transport) -> None:
    def answer(server: socket.socket) -> None:
        with server.accept()[0] as sock:
            sock.recv(1000)
            sock.sendall(b"HTTP/1.1 413 Too much\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            sock.shutdown(socket.SHUT_WR)
            time.sleep(0.5)  # what is on its way would have the other side forget the answer

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer, args=[server], daemon=True).start()
        port = server.getsockname()[1]
        assert transport.send(Outgoing("POST", f"http://127.0.0.1:{port}/", [], b"x" * 30_000_000)).status == 413


def test_packed_answers_are_asked_for(transport: Transport) -> None:
    with serving(lambda to: to.reply()) as server:
        transport.send(Outgoing("GET", server.url))
    assert server.seen[0].headers["accept-encoding"] == "gzip, deflate, br, zstd"


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("br", brotli.compress), ("zstd", zstd.compress)],
)
def test_bomb_of_every_encoding_ends_at_the_limit_with_little_memory(
    transport: Transport, settings: Any, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    bomb = pack(b"\0" * 200_000_000)
    settings.EGRESS_MAX_BYTES = 1_000_000
    with serving(lambda to: to.reply(body=bomb, Content_Encoding=encoding)) as server:
        tracemalloc.start()
        try:
            error = failure(transport, server.url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (error.kind, error.permanent, len(bomb) < 300_000, peak < 10_000_000) == ("too_large", True, True, True)


def packed_often(times: int, content: bytes) -> bytes:
    for _ in range(times):
        content = gzip.compress(content)
    return content


@pytest.mark.parametrize(
    ("encoding", "kind", "said"),
    [
        (", ".join(["gzip"] * 4), "malformed", "gzip, gzip, gzip and so on, 4 times over"),
        (", ".join(["gzip"] * 3000), "malformed", "3000 times over"),
    ],
)
def test_body_packed_more_often_than_anybody_does_is_refused(transport: Transport, encoding: str, kind: str, said: str) -> None:
    body = packed_often(encoding.count("gzip") if len(encoding) < 100 else 1500, b"[1]")
    with serving(lambda to: to.reply(body=body, Content_Encoding=encoding)) as server:
        error = failure(transport, server.url)
    assert (error.kind, error.permanent, said in error.message) == (kind, True, True)


def test_bomb_that_unpacks_to_nothing_in_the_end_is_stopped_all_the_same(transport: Transport, settings: Any) -> None:
    """Blocks of nothing: the innermost layer gives no byte that could count, and the one before it a gigabyte."""
    packer = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    inner = b"".join([packer.compress(gzip.compress(b"")[:10]), *(packer.compress(b"\0\0\0\xff\xff" * 200_000) for _ in range(200))])
    bomb = gzip.compress(inner + packer.flush())
    settings.EGRESS_MAX_BYTES = 1_000_000
    with serving(lambda to: to.reply(body=bomb, Content_Encoding="gzip, gzip, gzip")) as server:
        assert facts(failure(transport, server.url)) == ("too_large", True, True)
    assert (len(bomb) < 10_000, beginning(bomb, "gzip, gzip, gzip", 100)) == (True, b"")


def test_connections_are_kept_open(transport: Transport) -> None:
    with serving(lambda to: to.reply(body=b"{}")) as server:
        for _ in range(3):
            transport.send(Outgoing("GET", server.url))
        transport.send(Outgoing("HEAD", server.url))
    assert len(server.peers) == 1


def test_cookies_are_not_kept(transport: Transport) -> None:
    with serving(lambda to: to.reply(Set_Cookie="session=1")) as server:
        transport.send(Outgoing("GET", server.url))
        transport.send(Outgoing("GET", server.url))
    assert [seen.headers.get("cookie") for seen in server.seen] == [None, None]


def test_environment_does_not_redirect_requests(transport: Transport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine localhost login a password b")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with serving(lambda to: to.reply(body=b"{}")) as server:
        transport.send(Outgoing("GET", server.url))
    assert [seen.headers.get("authorization") for seen in server.seen] == [None]


def test_url_with_password_sends_none(transport: Transport) -> None:
    with serving(lambda to: to.reply()) as server:
        transport.send(Outgoing("GET", server.url.replace("//", "//user:pass@")))
    assert [seen.headers.get("authorization") for seen in server.seen] == [None]


def test_length_and_connection_headers_of_callers_are_dropped(transport: Transport) -> None:
    headers = [("Content-Length", "9"), ("Transfer-Encoding", "chunked"), ("Connection", "close"), ("X-A", "1"), ("x-a", "2")]
    with serving(lambda to: to.reply()) as server:
        transport.send(Outgoing("POST", server.url, headers, b"abc"))
    seen = server.seen[0]
    assert (seen.body, seen.headers["content-length"], "transfer-encoding" in seen.headers, seen.headers["x-a"]) == (
        b"abc",
        "3",
        False,
        "1, 2",
    )


def test_additions_join_headers_query_and_cookies(transport: Transport) -> None:
    additions = Additions([("Authorization", "Token k")], [("key", "a b&c")], [("sid", "1")])
    with serving(lambda to: to.reply()) as server:
        transport.send(Outgoing("GET", f"{server.url}/x?a=1&key=old", [("authorization", "mine"), ("Cookie", "c=2")]), additions=additions)
    seen = server.seen[0]
    assert (seen.path, seen.headers["authorization"], seen.headers["cookie"]) == ("/x?a=1&key=a+b%26c", "Token k", "c=2; sid=1")


def test_connection_that_the_server_closed_is_replaced(transport: Transport) -> None:
    with serving(lambda to: to.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")) as server:
        assert [transport.send(Outgoing("GET", server.url)).status for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize("header", [("X-A", "a\r\nX-Evil: 1"), ("X-A\r\nX-Evil", "1"), ("X A:", "1"), ("", "1")])
def test_header_that_would_split_the_request_is_not_sent(transport: Transport, header: tuple[str, str]) -> None:
    with serving(lambda to: to.reply()) as server, pytest.raises(TransportError) as caught:
        transport.send(Outgoing("GET", server.url, [header]))
    assert (facts(caught.value), server.seen) == (("invalid", False, True), [])


# --- the network policy ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
def test_private_address_is_refused_in_every_notation(transport: Transport, settings: Any, host: str) -> None:
    settings.EGRESS_ALLOW = ()
    with serving(lambda to: to.reply()) as server:
        error = failure(transport, f"http://{host}:{server.port}/")
    assert (facts(error), server.seen) == (("address", False, True), [])


def test_refused_address_is_named(transport: Transport) -> None:
    error = failure(transport, "https://169.254.169.254/latest/meta-data?token=secret")
    assert error.message == (
        "169.254.169.254 leads to 169.254.169.254, which is not a public address, so Junction does not connect. "
        "An operator can allow a private network with the setting EGRESS_ALLOW."
    )


def test_name_is_resolved_once(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that answers differently the second time (DNS rebinding) is not asked a second time."""
    real, asked = socket.getaddrinfo, []

    def resolver(host: Any, *args: Any, **options: Any) -> Any:
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else "127.0.0.2", *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    with serving(lambda to: to.reply()) as server:
        transport.send(Outgoing("GET", f"http://rebinding.example:{server.port}/"))
    assert (asked, server.seen[0].headers["host"]) == (["rebinding.example"], f"rebinding.example:{server.port}")


def test_only_allowed_addresses_of_a_name_are_tried(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def both(_: Any, *args: Any, **options: Any) -> Any:
        return [*real("10.255.255.1", *args, **options), *real("127.0.0.1", *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with serving(lambda to: to.reply(204)) as server:
        assert transport.send(Outgoing("GET", f"http://two.example:{server.port}/")).status == 204


def test_plain_http_needs_a_named_network(transport: Transport) -> None:
    error = failure(transport, "http://1.1.1.1:9/?key=secret")
    assert error.message == (
        "http://1.1.1.1 is not encrypted. Use https://; plain http is allowed only to networks that the setting EGRESS_ALLOW names."
    )
    assert facts(error) == ("plain_http", False, True)


def test_redirect_to_a_private_address_is_refused(transport: Transport) -> None:
    with serving(lambda to: to.reply(302, Location="https://10.0.0.1/x")) as server:
        assert facts(failure(transport, server.url))[0] == "address"


@pytest.mark.parametrize(
    "url", ["ftp://localhost/x", "file:///etc/passwd", "http://", "http://[::1/", "/x", "http://a..b/", "http://localhost:99999/"]
)
def test_other_urls_are_no_requests(transport: Transport, url: str) -> None:
    assert failure(transport, url).kind in ("invalid", "dns")


# --- redirects ------------------------------------------------------------------------------------------------------


def hops(server: Any) -> list[tuple[str, str, bytes]]:
    return [(seen.method, seen.path, seen.body) for seen in server.seen]


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [(301, "POST", "GET"), (302, "POST", "GET"), (303, "POST", "GET"), (303, "PUT", "GET"), (303, "HEAD", "HEAD"), (301, "PUT", "PUT"), (307, "POST", "POST"), (308, "POST", "POST"), (302, "GET", "GET")],
)  # fmt: skip
def test_redirect_changes_the_method_as_rfc_9110_says(transport: Transport, status: int, method: str, then: str) -> None:
    with serving(lambda to: to.reply(status, Location="/b") if to.path == "/a" else to.reply(body=b"{}")) as server:
        answer = transport.send(Outgoing(method, f"{server.url}/a", [("Content-Type", "text/plain")], b"x"))
    assert (answer.status, answer.url) == (200, f"{server.url}/b")
    assert hops(server) == [(method, "/a", b"x"), (then, "/b", b"x" if then == method else b"")]
    assert ("content-type" in server.seen[1].headers) is (then == method)


def test_redirect_within_the_origin_keeps_credentials(transport: Transport) -> None:
    additions = Additions([("Authorization", "Bearer t")], [("key", "k")])
    with serving(lambda to: to.reply(301, Location="/b") if to.path.startswith("/a") else to.reply()) as server:
        transport.send(Outgoing("GET", f"{server.url}/a"), additions=additions)
    assert [(seen.path, seen.headers.get("authorization")) for seen in server.seen] == [("/a?key=k", "Bearer t"), ("/b?key=k", "Bearer t")]


def test_redirect_to_another_origin_drops_credentials_for_good(transport: Transport) -> None:
    additions = Additions([("X-API-Key", "k")], [("key", "k")], [("sid", "k")])
    headers = [("X-Tenant", "secret"), ("Authorization", "mine"), ("Accept", "application/json")]
    urls: dict[str, str] = {}

    def at_home(to: Handler) -> None:
        to.reply(302, Location=f"{urls['other']}/b?key=k&z=1") if to.path.startswith("/a") else to.reply(body=b"end")

    with serving(at_home) as home_server, serving(lambda to: to.reply(302, Location=f"{home_server.url}/c")) as other_server:
        urls["other"] = other_server.url
        answer = transport.send(Outgoing("GET", f"{home_server.url}/a", headers), additions=additions)
    assert answer.body == b"end"
    assert [seen.path for seen in [*other_server.seen, *home_server.seen[1:]]] == ["/b?z=1", "/c"]
    for seen in [*other_server.seen, *home_server.seen[1:]]:
        assert sorted(seen.headers) == ["accept", "accept-encoding", "host", "user-agent"]


def test_credentials_do_not_go_to_a_foreign_first_url(transport: Transport) -> None:
    with serving(lambda to: to.reply()) as server:
        transport.send(
            Outgoing("GET", f"{server.url}/next?key=k", [("X-Tenant", "secret")]),
            additions=Additions([("Authorization", "k")], [("key", "k")]),
            credentials_origin="https://api.example.com/v1",
        )
    seen = server.seen[0]
    assert (seen.path, "authorization" in seen.headers, "x-tenant" in seen.headers) == ("/next", False, False)


def test_same_origin_only_stops_at_a_foreign_redirect(transport: Transport) -> None:
    with serving(lambda to: to.reply(307, Location="https://elsewhere.example/token?secret=1")) as server:
        error = failure(transport, f"{server.url}/token", method="POST", same_origin_only=True)
    assert (facts(error), "secret" in error.message) == (("redirect_elsewhere", True, True), False)


def test_redirects_end_after_five(transport: Transport) -> None:
    with serving(lambda to: to.reply(302, Location=to.path + "x")) as server:
        error = failure(transport, f"{server.url}/")
    assert (facts(error), len(server.seen)) == (("redirects", True, True), 6)


def test_redirect_without_location_is_an_answer(transport: Transport) -> None:
    with serving(lambda to: to.reply(304)) as server:
        assert transport.send(Outgoing("GET", server.url)).status == 304


# --- failures -------------------------------------------------------------------------------------------------------


def test_unknown_host_is_told(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolver(*args: Any, **options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    error = failure(transport, "https://nowhere.example/?key=secret")
    assert error.message == "The host name nowhere.example cannot be resolved. Check the spelling of the host."
    assert facts(error) == ("dns", False, True)


def test_refused_connection_is_told(transport: Transport) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = failure(transport, f"http://localhost:{port}/x")
    assert error.message == f"localhost refused the connection on port {port}. Check host and port, and whether the server runs."
    assert facts(error) == ("refused", False, False)


def test_silent_server_is_given_up(transport: Transport, settings: Any) -> None:
    settings.EGRESS_READ_TIMEOUT = 0.2
    done = threading.Event()
    with serving(lambda _: done.wait(5)) as server:
        error = failure(transport, f"{server.url}/x?key=secret")
        done.set()
    assert error.message == f"{server.url}/x sent nothing for 0.2 seconds. Try again later, or ask for less."
    assert facts(error) == ("read_timeout", True, False)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"])
def test_dripping_server_ends_with_the_total_time(transport: Transport, settings: Any, head: bytes) -> None:
    settings.EGRESS_TOTAL_TIMEOUT = 0.4

    def drip(to: Handler) -> None:
        to.raw(head)
        for _ in range(60):
            to.raw(b"x")
            time.sleep(0.05)

    with serving(drip) as server:
        error = failure(transport, server.url)
    assert facts(error) == ("deadline", True, False)


def test_too_large_answer_is_refused(transport: Transport, settings: Any) -> None:
    settings.EGRESS_MAX_BYTES = 2**20
    with serving(lambda to: to.reply(body=b"x" * (2**20 + 1))) as server:
        error = failure(transport, f"{server.url}/x")
    assert error.message == f"The answer of {server.url}/x is larger than 1 MiB. Ask for less, for example with a smaller page size."
    assert facts(error) == ("too_large", True, True)


def test_answer_of_exactly_the_limit_is_read(transport: Transport, settings: Any) -> None:
    settings.EGRESS_MAX_BYTES = 2**20
    with serving(lambda to: to.reply(body=b"x" * 2**20)) as server:
        assert len(transport.send(Outgoing("GET", server.url)).body) == 2**20


def test_zip_bomb_is_stopped_by_its_decoded_size(transport: Transport, settings: Any) -> None:
    settings.EGRESS_MAX_BYTES = 2**20
    bomb = gzip.compress(b"\0" * 2**24)
    with serving(lambda to: to.reply(body=bomb, Content_Encoding="gzip")) as server:
        assert facts(failure(transport, server.url)) == ("too_large", True, True)


def test_connection_serves_again_after_a_failure(transport: Transport, settings: Any) -> None:
    settings.EGRESS_MAX_BYTES = 10
    with serving(lambda to: to.reply(body=b"x" * (99 if to.path == "/big" else 9))) as server:
        failure(transport, f"{server.url}/big")
        assert transport.send(Outgoing("GET", f"{server.url}/small")).body == b"x" * 9


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "closed"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "closed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 5\r\n\r\nblank", "malformed"),
        *(
            (b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s" % (name, len(half), half), "malformed")
            for name, whole in {b"gzip": gzip.compress(NOISE), b"br": brotli.compress(NOISE), b"zstd": zstd.compress(NOISE)}.items()
            for half in [whole[: len(whole) // 2]]
        ),
        (b"HTTP/1.1 abc\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 60_000 + b"\r\n", "malformed"),
    ],
)
def test_broken_answer_is_a_sentence(transport: Transport, content: bytes, kind: str) -> None:
    with serving(lambda to: to.raw(content)) as server:
        error = failure(transport, f"{server.url}/x?key=secret")
    assert (error.kind, error.sent, "secret" in error.message, f"{server.url}/x" in error.message) == (kind, True, False, True)


# --- TLS ------------------------------------------------------------------------------------------------------------


def test_trusted_certificate_is_accepted(tmp_path: Path) -> None:
    context, trusted = certificate(tmp_path)
    with serving(lambda to: to.reply(body=b"{}"), context=context) as server, Transport(ca_bundle=str(trusted)) as transport:
        assert [transport.send(Outgoing("GET", server.url)).json() for _ in range(2)] == [{}, {}]
        assert len(server.peers) == 1


def test_dripping_tls_server_ends_with_the_total_time(tmp_path: Path, settings: Any) -> None:
    settings.EGRESS_TOTAL_TIMEOUT = 0.5
    context, trusted = certificate(tmp_path)

    def drip(to: Handler) -> None:
        to.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n")
        for _ in range(60):
            to.raw(b"x")
            time.sleep(0.05)

    with serving(drip, context=context) as server, Transport(ca_bundle=str(trusted)) as transport:
        assert facts(failure(transport, server.url)) == ("deadline", True, False)


def test_self_signed_certificate_is_told(transport: Transport, tmp_path: Path) -> None:
    context, _ = certificate(tmp_path)
    with serving(lambda to: to.reply(), context=context) as server:
        error = failure(transport, server.url)
    assert error.message == "The TLS certificate of localhost is self-signed. It needs one from an authority that this machine trusts."
    assert (facts(error), server.seen) == (("tls", False, True), [])


def test_expired_certificate_is_told(tmp_path: Path) -> None:
    context, trusted = certificate(tmp_path, days=-1)
    with serving(lambda to: to.reply(), context=context) as server, Transport(ca_bundle=str(trusted)) as transport:
        assert failure(transport, server.url).message == "The TLS certificate of localhost has expired. Its operator has to renew it."


def test_certificate_of_another_name_is_told(tmp_path: Path) -> None:
    context, trusted = certificate(tmp_path, name="other.example")
    with serving(lambda to: to.reply(), context=context) as server, Transport(ca_bundle=str(trusted)) as transport:
        assert failure(transport, server.url).message == (
            "The TLS certificate of the server is not for localhost. Check the host name; it has to be the one in the certificate."
        )


def test_plain_server_on_a_tls_port_is_told(transport: Transport) -> None:
    with serving(lambda to: to.reply()) as server:
        error = failure(transport, server.url.replace("http:", "https:"))
    assert error.message == "localhost does not speak TLS on this port. Check the port, or whether the API is served over plain http."
    assert facts(error) == ("tls", False, False)


# --- JSON -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b'{"n": 12345678901234567890}', {"n": 12345678901234567890}),
        (b'\xef\xbb\xbf{"a": "\xc3\xa9"}', {"a": "é"}),
        (b"[NaN, 1]", ["NaN", 1]),
    ],
)
def test_json_is_read_without_loss(transport: Transport, content: bytes, value: Any) -> None:
    with serving(lambda to: to.reply(body=content)) as server:
        assert transport.send(Outgoing("GET", server.url)).json() == value


def test_json_in_another_character_set_is_read(transport: Transport) -> None:
    with serving(lambda to: to.reply(body='{"a": "é"}'.encode("latin-1"), Content_Type="application/json; charset=ISO-8859-1")) as server:
        assert transport.send(Outgoing("GET", server.url)).json() == {"a": "é"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The server answered with an empty body where JSON was expected."),
        (b"<!DOCTYPE html><p>x", "The server answered with an HTML page where JSON was expected. Check the host, the base path and the path of the request."),
        (b"{", "The body of the answer (application/json) is not valid JSON."),
        (json.dumps(1).encode() + b"[" * 100000, "The body of the answer (application/json) is not valid JSON."),
        (b"[" * 100000, "The body of the answer (application/json) is not valid JSON."),
    ],
)  # fmt: skip
def test_other_bodies_are_told(transport: Transport, content: bytes, sentence: str) -> None:
    with serving(lambda to: to.reply(body=content, Content_Type="application/json")) as server:
        answer = transport.send(Outgoing("GET", server.url))
    with pytest.raises(ValueError) as caught:
        answer.json()
    assert str(caught.value) == sentence
