"""The paginated faults: a walk that does everything right finds all records, and each misbehaviour happens where it is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest

from tests.vendor.client import call
from tests.vendor.pages import records
from tests.vendor.server import VendorServer


@pytest.fixture(scope="module")
def vendor() -> Iterator[VendorServer]:
    with VendorServer() as vendor:
        yield vendor


def ids(items: list[dict[str, Any]]) -> list[int]:
    return [item["id"] for item in items]


def get(vendor: VendorServer, target: str) -> Any:
    return call(f"{vendor.url}/faults{target}").json()


def by_cursor(vendor: VendorServer, query: str, *, limit: int = 20) -> list[Any]:
    """The `data` of all pages, until there is no cursor or `limit` pages are read."""
    found: list[Any] = []
    cursor = None
    while len(found) < limit:
        page = get(vendor, f"/cursor?{query}" + ("" if cursor is None else f"&cursor={cursor}"))
        found.append(page["data"])
        cursor = page.get("next_cursor")
        if cursor in (None, "") or cursor is False:
            break
    return found


# --- pages and offsets


@pytest.mark.parametrize("first", [0, 1])
def test_pages_hold_every_record_once(vendor: VendorServer, first: int) -> None:
    found = [get(vendor, f"/pages?total=257&cap=100&page_size=1000&first={first}&page={first + n}") for n in range(3)]
    assert [len(page["items"]) for page in found] == [100, 100, 57]
    assert [item for page in found for item in page["items"]] == records(257)


@pytest.mark.parametrize(
    ("past_end", "status", "body"), [("404", 404, None), ("400", 400, None), ("204", 204, b""), ("null", 200, b'{"items":null}')]
)
def test_page_beyond_the_end_is_answered_as_told(vendor: VendorServer, past_end: str, status: int, body: bytes | None) -> None:
    url = f"{vendor.url}/faults/pages?total=200&cap=100&past_end={past_end}"
    assert [call(f"{url}&page={page}").status for page in (1, 2, 3)] == [200, 200, status]
    if body is not None:
        assert call(f"{url}&page=3").body == body


@pytest.mark.parametrize(("total", "last"), [(257, 57), (200, 100)])
def test_page_beyond_the_end_is_the_last_one_again(vendor: VendorServer, total: int, last: int) -> None:
    found = [ids(get(vendor, f"/pages?total={total}&cap=100&past_end=last&page={page}")["items"]) for page in (total // 100 + 2, 99)]
    assert found == [list(range(total - last + 1, total + 1))] * 2
    assert ids(get(vendor, f"/index?total={total}&cap=100&past_end=last&offset={total}")["results"]) == found[0]


@pytest.mark.parametrize("period", [1, 2, 5])
def test_pages_repeat_with_their_period(vendor: VendorServer, period: int) -> None:
    found = [ids(get(vendor, f"/pages?total=1000&cap=10&period={period}&page={page}")["items"])[0] for page in range(1, 12)]
    assert found == [1 + 10 * (n % period) for n in range(11)]


def test_index_ignores_what_it_is_told_to(vendor: VendorServer) -> None:
    assert ids(get(vendor, "/index?cap=30&limit=10&offset=20")["results"]) == list(range(21, 31))
    assert ids(get(vendor, "/index?cap=30&limit=10&offset=20&ignore=limit")["results"]) == list(range(21, 51))
    assert ids(get(vendor, "/index?cap=30&limit=10&offset=20&ignore=offset")["results"]) == list(range(1, 11))


def test_one_page_fails_as_often_as_told(vendor: VendorServer) -> None:
    url = f"{vendor.url}/faults/pages?total=300&cap=100&fail_page=2&fail_times=2&fail_status=503&retry_after=1&key=once"
    assert [call(f"{url}&page={page}").status for page in (1, 2, 2, 2, 3)] == [200, 503, 503, 200, 200]
    vendor.clear()
    assert call(f"{url}&page=2").headers["Retry-After"] == "1"


# --- cursors


@pytest.mark.parametrize("end", ["null", "absent", "empty", "false"])
def test_cursors_lead_to_every_record_once(vendor: VendorServer, end: str) -> None:
    found = by_cursor(vendor, f"total=257&cap=100&end={end}")
    assert [len(page) for page in found] == [100, 100, 57]
    assert [item for page in found for item in page] == records(257)


def test_empty_pages_in_the_middle_lose_no_record(vendor: VendorServer) -> None:
    found = by_cursor(vendor, "total=257&cap=100&empty=1,3,4")
    assert [len(page) for page in found] == [0, 100, 0, 0, 100, 57]
    assert [item for page in found for item in page] == records(257)


@pytest.mark.parametrize(("total", "sizes"), [(200, [100, 100, None]), (257, [100, 100, 57, None])])
def test_list_on_the_last_page_is_null(vendor: VendorServer, total: int, sizes: list[int | None]) -> None:
    found = by_cursor(vendor, f"total={total}&cap=100&null_last=1")
    assert [None if page is None else len(page) for page in found] == sizes


def test_cursor_on_the_last_page_repeats(vendor: VendorServer) -> None:
    page = get(vendor, "/cursor?total=257&cap=100&end=same&cursor=c2==")
    assert (len(page["data"]), page["next_cursor"]) == (57, "c2==")


def test_loop_begins_where_it_is_told(vendor: VendorServer) -> None:
    found = by_cursor(vendor, "total=1000&cap=10&period=2&loop_from=4", limit=9)
    assert [1 + ids(page)[0] // 10 for page in found] == [1, 2, 3, 4, 5, 4, 5, 4, 5]


@pytest.mark.parametrize("period", [1, 2, 5])
def test_cursors_repeat_with_their_period(vendor: VendorServer, period: int) -> None:
    found = by_cursor(vendor, f"total=1000&cap=10&period={period}&number=1", limit=11)
    assert [ids(page)[0] for page in found] == [1 + 10 * (n % period) for n in range(11)]


# --- links


@pytest.mark.parametrize("end", ["null", "absent", "empty"])
@pytest.mark.parametrize("style", ["absolute", "relative", "query", "network"])
def test_body_links_lead_to_every_record_once(vendor: VendorServer, style: str, end: str) -> None:
    url = f"{vendor.url}/faults/links?total=257&cap=100&style={style}&end={end}"
    found: list[Any] = []
    while True:
        page = call(url).json()
        found += page["data"]
        if not (link := page["links"].get("next")):
            break
        url = urljoin(url, link)
    assert found == records(257)


@pytest.mark.parametrize("period", [1, 2, 5])
def test_links_repeat_with_their_period(vendor: VendorServer, period: int) -> None:
    url = f"{vendor.url}/faults/links?total=1000&cap=10&period={period}"
    first = []
    for _ in range(11):
        page = call(url).json()
        first.append(ids(page["data"])[0])
        url = page["links"]["next"]
    assert first == [1 + 10 * (n % period) for n in range(11)]


@pytest.mark.parametrize("path", ["links", "link-header"])
def test_next_link_leads_to_another_origin(vendor: VendorServer, path: str) -> None:
    with VendorServer() as other:
        answer = call(f"{vendor.url}/faults/{path}?total=257&to={other.url}")
        text = answer.headers["Link"] if path == "link-header" else answer.json()["links"]["next"]
        assert f"{other.url}/faults/{path}?" in text
        assert vendor.url not in text


@pytest.mark.parametrize("style", ["plain", "several", "case", "unquoted", "fields", "params"])
def test_link_header_leads_to_every_record_once(vendor: VendorServer, style: str) -> None:
    url: str | None = f"{vendor.url}/faults/link-header?total=257&cap=100&style={style}"
    found: list[Any] = []
    while url:
        answer = call(url)
        found += answer.json()
        text = ", ".join(answer.headers.get_all("Link", []))
        following = [
            target for target, rest in re.findall(r"<([^>]*)>([^<]*)", text) if re.search(r'rel="?([^";]* )?next', rest, re.IGNORECASE)
        ]
        url = following[0] if following else None
    assert found == records(257)


@pytest.mark.parametrize(
    ("style", "fields"),
    [
        ("several", ['<A>; rel="first prev", <B>; title="a, b; c"; rel="last next"']),
        ("case", ['<B>; REL="NEXT", <A>; Rel="First"']),
        ("unquoted", ["<A>;rel=first,<B>;rel=next"]),
        ("fields", ['<A>; rel="first"', '<B>; rel="next"']),
        ("relative", ['<A>; rel="first", <B>; rel="next"']),
    ],
)
def test_link_header_is_written_in_its_style(vendor: VendorServer, style: str, fields: list[str]) -> None:
    query = f"total=257&cap=100&style={style}"
    answer = call(f"{vendor.url}/faults/link-header?{query}")
    base = "/faults/link-header" if style == "relative" else f"{vendor.url}/faults/link-header"
    names = {"A": f"{base}?{query}&page=1", "B": f"{base}?{query}&page=2"}
    assert answer.headers.get_all("Link") == [re.sub("<([AB])>", lambda found: f"<{names[found[1]]}>", field) for field in fields]
