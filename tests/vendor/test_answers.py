"""The faults happen on the wire as their names say; without this a test that survives one would prove nothing."""

from __future__ import annotations

import gzip
import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, IncompleteRead, RemoteDisconnected
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.vendor.client import call, send_json
from tests.vendor.server import VendorServer

OK = {"ok": True}


@pytest.fixture
def vendor() -> Iterator[VendorServer]:
    with VendorServer() as vendor:
        yield vendor


def statuses(vendor: VendorServer, target: str, times: int) -> list[int]:
    return [call(f"{vendor.url}{target}").status for _ in range(times)]


# --- the record of requests


def test_requests_are_recorded_as_they_were_sent(vendor: VendorServer) -> None:
    target = "/echo/a%2Fb?x=%20+&y[]=1&y[]=2&y[]"
    call(f"{vendor.url}{target}", method="PUT", headers={"X-Mixed-Case": "1"}, body=b"\xff\x00")
    [request] = vendor.requests
    assert (request.method, request.target, request.body) == ("PUT", target, b"\xff\x00")
    assert (request.path, request.query) == ("/echo/a%2Fb", "x=%20+&y[]=1&y[]=2&y[]")
    assert ("X-Mixed-Case", "1") in request.headers
    assert (request.header("x-mixed-case"), request.header("x-other")) == ("1", None)
    vendor.clear()
    assert vendor.requests == []


def test_echo_answers_with_the_request(vendor: VendorServer) -> None:
    answer = send_json(f"{vendor.url}/echo?a=1&a=2", {"x": "ü"}, method="PATCH", headers={"X-Key": "k"}).json()
    assert (answer["method"], answer["path"], answer["query"], json.loads(answer["body"])) == ("PATCH", "/echo", "a=1&a=2", {"x": "ü"})
    assert ["X-Key", "k"] in answer["headers"]


def test_chunked_body_is_read(vendor: VendorServer) -> None:
    connection = HTTPConnection(urlsplit(vendor.url).netloc, timeout=10)
    connection.request("POST", "/echo", iter([b"one", b"two"]), encode_chunked=True)
    assert json.loads(connection.getresponse().read())["body"] == "onetwo"
    connection.close()


def test_connection_is_kept_for_the_next_request(vendor: VendorServer) -> None:
    connection = HTTPConnection(urlsplit(vendor.url).netloc, timeout=10)
    ports = []
    for method, target in (
        ("GET", "/echo"),
        ("HEAD", "/docs"),
        ("GET", "/faults/empty"),
        ("GET", "/faults/huge?bytes=99"),
        ("POST", "/echo"),
    ):
        connection.request(method, target)
        connection.getresponse().read()
        assert connection.sock
        ports.append(connection.sock.getsockname()[1])
    connection.close()
    assert len(set(ports)) == 1


def test_requests_of_many_threads_are_all_recorded(vendor: VendorServer) -> None:
    threads = [threading.Thread(target=statuses, args=(vendor, f"/faults/status?code=500&n={n}", 10)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(vendor.targets("/faults/")) == sorted(f"/faults/status?code=500&n={n}" for n in range(8) for _ in range(10))


def test_program_shows_and_clears_its_requests() -> None:
    with subprocess.Popen([sys.executable, "-m", "tests.vendor"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().strip()
            call(f"{url}/faults/status?code=418")
            assert [request["target"] for request in call(f"{url}/requests").json()] == ["/faults/status?code=418"]
            assert call(f"{url}/requests", method="DELETE").status == 204
            assert call(f"{url}/requests").json() == []
        finally:
            process.terminate()


def test_stopping_breaks_off_an_answer_in_the_middle() -> None:
    with VendorServer() as vendor:
        connection = HTTPConnection(urlsplit(vendor.url).netloc, timeout=10)
        connection.request("GET", "/faults/drip?bytes=100&interval_ms=60000")
        response = connection.getresponse()
        assert response.read(1) == b"{"
    with pytest.raises((IncompleteRead, ConnectionError)):
        response.read()
    connection.close()


# --- how often


def test_fault_ends_after_the_times_given(vendor: VendorServer) -> None:
    target = "/faults/status?code=500&times=2"
    assert statuses(vendor, target, 4) == [500, 500, 200, 200]
    vendor.clear()
    assert statuses(vendor, target, 1) == [500]


def test_fault_without_times_stays(vendor: VendorServer) -> None:
    assert statuses(vendor, "/faults/status?code=429&retry_after=1", 3) == [429, 429, 429]


def test_key_counts_over_several_targets(vendor: VendorServer) -> None:
    assert statuses(vendor, "/faults/status?code=500&times=1&key=a&page=1", 1) == [500]
    assert statuses(vendor, "/faults/status?code=500&times=1&key=a&page=2", 1) == [200]


# --- statuses and headers


def test_throttled_answer_says_when_to_come_back(vendor: VendorServer) -> None:
    assert call(f"{vendor.url}/faults/status?code=429&retry_after=7").headers["Retry-After"] == "7"
    assert call(f"{vendor.url}/faults/status?code=503&retry_after_date=60").headers["Retry-After"].endswith("GMT")


@pytest.mark.parametrize(
    ("target", "status", "location"),
    [
        ("/faults/redirect?to=http%3A%2F%2F10.0.0.1%2Fx&status=307", 307, "http://10.0.0.1/x"),
        ("/faults/redirect-loop?a=1", 302, "/faults/redirect-loop?a=1"),
    ],
)
def test_redirect_leads_where_it_was_told(vendor: VendorServer, target: str, status: int, location: str) -> None:
    answer = call(f"{vendor.url}{target}")
    assert (answer.status, answer.headers["Location"]) == (status, location)


def test_redirect_chain_ends(vendor: VendorServer) -> None:
    url, hops = f"{vendor.url}/faults/redirect-chain?hops=3", 0
    while (answer := call(url)).status == 302:
        url, hops = answer.headers["Location"], hops + 1
    assert (hops, answer.json()) == (3, OK)


# --- connections


def test_connection_is_closed_before_any_answer(vendor: VendorServer) -> None:
    with pytest.raises(RemoteDisconnected):
        call(f"{vendor.url}/faults/hangup?times=1")
    assert call(f"{vendor.url}/faults/hangup?times=1").json() == OK


def test_connection_is_reset(vendor: VendorServer) -> None:
    with pytest.raises(ConnectionResetError) as caught:
        call(f"{vendor.url}/faults/hangup?reset=1")
    assert not isinstance(caught.value, RemoteDisconnected)


@pytest.mark.parametrize("query", ["", "chunked=1", "declared=2000&sent=1"])
def test_body_is_truncated(vendor: VendorServer, query: str) -> None:
    with pytest.raises(IncompleteRead):
        call(f"{vendor.url}/faults/truncated?{query}")


def test_silent_server_answers_at_last(vendor: VendorServer) -> None:
    assert call(f"{vendor.url}/faults/silence?seconds=0.01").json() == OK


def test_dripping_body_is_whole_in_the_end(vendor: VendorServer) -> None:
    answer = call(f"{vendor.url}/faults/drip?bytes=100&chunk=30&interval_ms=1")
    assert (len(answer.body), answer.json()) == (100, {"drip": "." * 88})


@pytest.mark.parametrize("length", ["0", "1"])
def test_huge_body_has_the_size_asked_for(vendor: VendorServer, length: str) -> None:
    answer = call(f"{vendor.url}/faults/huge?bytes=300000&length={length}")
    assert (len(answer.body), len(answer.json()), answer.headers["Content-Length"]) == (
        300_000,
        299_998,
        "300000" if length == "1" else None,
    )


# --- contents


@pytest.mark.parametrize("kind", ["cut", "html", "words"])
def test_body_is_no_json(vendor: VendorServer, kind: str) -> None:
    answer = call(f"{vendor.url}/faults/invalid-json?kind={kind}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    with pytest.raises(ValueError):
        answer.json()


@pytest.mark.parametrize(
    ("target", "content_type", "body"),
    [
        ("/faults/content-type", "text/plain", b'{"items":[{"id":1}]}'),
        ("/faults/content-type?type=", None, b'{"items":[{"id":1}]}'),
        ("/faults/latin1", "application/json; charset=ISO-8859-1", b'{"items":[{"id":1,"name":"Gr\xf6\xdfe"}]}'),
        ("/faults/latin1?unsaid=1", "application/json", b'{"items":[{"id":1,"name":"Gr\xf6\xdfe"}]}'),
        ("/faults/token?shape=form", "text/plain", b"access_token=sample-token&expires=600"),
        ("/faults/empty", None, b""),
    ],
)
def test_content_type_and_body_are_as_told(vendor: VendorServer, target: str, content_type: str | None, body: bytes) -> None:
    answer = call(f"{vendor.url}{target}")
    assert (answer.headers["Content-Type"], answer.body) == (content_type, body)


def test_html_is_sent_with_success(vendor: VendorServer) -> None:
    answer = call(f"{vendor.url}/faults/html")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_gzip_is_good_broken_or_a_bomb(vendor: VendorServer) -> None:
    good = call(f"{vendor.url}/faults/gzip")
    assert (good.headers["Content-Encoding"], gzip.decompress(good.body)) == ("gzip", b'{"items":[{"id":1}]}')
    with pytest.raises(EOFError):
        gzip.decompress(call(f"{vendor.url}/faults/gzip?kind=broken").body)
    bomb = call(f"{vendor.url}/faults/gzip?kind=bomb&bytes=1000000").body
    assert (len(bomb) < 10_000, len(gzip.decompress(bomb))) == (True, 1_000_000)


def test_error_comes_with_success(vendor: VendorServer) -> None:
    answer = call(f"{vendor.url}/faults/error?message=No")
    assert (answer.status, answer.json()) == (200, {"error": {"code": "denied", "message": "No"}})


@pytest.mark.parametrize(("shape", "path"), [("nested", ["data", "token"]), ("created", ["access_token"]), ("no-type", ["access_token"])])
def test_token_of_every_shape_opens_the_account(vendor: VendorServer, shape: str, path: list[str]) -> None:
    value: Any = call(f"{vendor.url}/faults/token?shape={shape}", method="POST").json()
    for key in path:
        value = value[key]
    assert call(f"{vendor.url}/v1/me", headers={"Authorization": f"Bearer {value}"}).status == http.client.OK
