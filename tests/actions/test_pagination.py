"""Strategies against lists that servers page in their own ways: every record, no endless loop, no silent loss."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.loops import Guard, Mark, Repeat
from actions.pagination import STRATEGIES, End, Next, PageSeen, PaginationError, parse_links, resolve_link, same_origin, strategy_of
from connections.exchange import Headers
from integrations.definition import PAGINATION, PAGINATION_CLASSES

BASE = "https://api.example.com/v1/items"
Answer = tuple[int, Any, dict[str, str]]
INDEX = {"type": "index", "resultsKey": "items", "indexParam": "offset", "pageSizeParam": "limit"}
PAGE = {"type": "page", "resultsKey": "items", "pageParam": "page", "pageSizeParam": "size"}
LINK = {"type": "link", "resultsKey": "items", "nextPageKey": "next", "pageSizeParam": "size"}
HEADER = {"type": "link", "resultsKey": "items", "nextLinkLocation": "header"}
POINTER = {"type": "pointer", "resultsKey": "items", "afterParam": "after", "pointerPath": "$.next"}


def walk(
    settings: dict[str, Any], server: Callable[[dict[str, str]], Answer], size: int = 10, most: int = 100
) -> tuple[int, End | Repeat, list[str]]:
    """Run a strategy to its end, as a run does: records received, the end, the query of every request.

    Every token goes through JSON, as it does between two workers.
    """
    strategy, guard = strategy_of(PAGINATION.validate_python(settings)), Guard()
    token, received = strategy.first(size), 0
    asked: list[str] = []
    for _ in range(most):
        token = json.loads(json.dumps(token))
        if repeat := guard.before(strategy.position(token)):
            return received, repeat, asked
        request = strategy.request(token)
        url = request.url or BASE + "?" + "&".join(f"{name}={value}" for name, value in request.params)
        asked.append(urlsplit(url).query)
        status, body, headers = server({name: values[0] for name, values in parse_qs(urlsplit(url).query).items()})
        records = body.get("items") or [] if isinstance(body, dict) else []
        assert status < 400 or strategy.ends_with(token, status)
        if repeat := guard.after(strategy.position(token), records):
            return received, repeat, asked
        received += len(records)
        step = strategy.advance(token, PageSeen(status, Headers(headers.items()), body, url, len(records)))
        if isinstance(step, End):
            return received, step, asked
        token = step.token
    raise AssertionError("no end")


def pages(total: int, /, *, cap: int = 1000, by: str = "offset", past: int = 200, **extra: Any) -> Callable[[dict[str, str]], Answer]:
    """A server with `total` records and at most `cap` on a page; values of `extra` may be functions of (offset, count)."""

    def answer(query: dict[str, str]) -> Answer:
        size = min(int(query.get("limit") or query.get("size") or 10), cap)
        offset = int(query["offset"]) if by == "offset" else (int(query["page"]) - 1) * size
        items = list(range(total))[offset : offset + size]
        if not items and past != 200:
            return past, None, {}
        return 200, {"items": items, **{name: value(offset, len(items)) if callable(value) else value for name, value in extra.items()}}, {}

    return answer


def ended(result: tuple[int, End | Repeat, list[str]]) -> tuple[int, str, bool, int]:
    received, end, asked = result
    assert isinstance(end, End), end
    return received, end.reason, end.sure, len(asked)


def test_every_type_of_a_definition_has_a_strategy() -> None:
    assert list(STRATEGIES) == list(PAGINATION_CLASSES)


def test_no_pagination_is_one_request() -> None:
    assert walk({"type": "none"}, lambda _: (200, {"items": [1]}, {})) == (
        1,
        End("single", True, "The action has one page."),
        [""],
    )


# --- index and page -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("total", [0, 1, 9, 10, 11, 25, 30])
@pytest.mark.parametrize(("settings", "by"), [(INDEX, "offset"), (PAGE, "page")])
@pytest.mark.parametrize("cap", [1000, 7])
@pytest.mark.parametrize("past", [200, 204, 400, 404, 416])
def test_counting_receives_every_record(total: int, settings: dict[str, Any], by: str, cap: int, past: int) -> None:
    if total == 0 and past >= 400:
        return
    received, end, _ = walk(settings, pages(total, cap=cap, by=by, past=past))
    assert isinstance(end, End)
    assert (received, end.sure) == (total, True)


def test_index_moves_by_what_was_received() -> None:
    assert walk(INDEX, pages(20, cap=8))[2] == ["offset=0&limit=10", "offset=8&limit=10", "offset=16&limit=10", "offset=20&limit=10"]


def test_page_starts_where_the_settings_say() -> None:
    assert strategy_of(PAGINATION.validate_python({**PAGE, "startPage": 0})).first(5) == {
        "number": 1, "size": 5, "received": 0, "largest": 0, "total": None, "page": 0,
    }  # fmt: skip


def test_short_first_page_is_not_the_end() -> None:
    assert ended(walk(PAGE, pages(20, cap=5, by="page"))) == (20, "empty_page", True, 5)


def test_page_after_a_short_one_is_asked_for() -> None:
    """Some servers filter a page after they have cut it, so a short page alone is no end."""
    assert ended(walk(PAGE, pages(25, by="page"))) == (25, "empty_page", True, 4)


def test_short_page_is_the_end_where_the_settings_or_the_server_say_so() -> None:
    assert ended(walk({**PAGE, "shortPageEnds": True}, pages(25, by="page"))) == (25, "short_page", True, 3)
    assert ended(walk(PAGE, pages(25, by="page", has_more=lambda offset, count: offset + count < 25))) == (25, "short_page", True, 3)


@pytest.mark.parametrize(
    "extra",
    [
        {"total": 30},
        {"total_count": 30},
        {"meta": {"pagination": {"total": 30}}},
        {"@odata.count": 30},
        {"count": 30},
        {"page": {"totalElements": "30"}},
        {"hits": {"total": {"value": 30}}},
    ],
)
def test_total_saves_the_extra_request(extra: dict[str, Any]) -> None:
    assert ended(walk(PAGE, pages(30, by="page", **extra))) == (30, "total", True, 3)


def test_total_next_to_a_nested_list_counts() -> None:
    strategy = strategy_of(PAGINATION.validate_python({**PAGE, "resultsKey": "data.list.items"}))
    step = strategy.advance({**strategy.first(2), "received": 4}, PageSeen(200, Headers(), {"data": {"list": {"total": 6}}}, BASE, 2))
    assert isinstance(step, End)
    assert step.reason == "total"


@pytest.mark.parametrize("name", ["count", "total"])
def test_count_of_the_page_is_not_taken_for_a_total(name: str) -> None:
    own: dict[str, Any] = {name: lambda _, count: count}
    assert ended(walk(PAGE, pages(30, by="page", **own)))[:3] == (30, "empty_page", True)


def test_number_of_pages_is_not_taken_for_a_total() -> None:
    assert ended(walk(PAGE, pages(30, by="page", total=3)))[:3] == (30, "empty_page", True)


def test_larger_of_two_totals_counts() -> None:
    assert ended(walk(PAGE, pages(30, by="page", total=20, total_records=30))) == (30, "total", True, 3)


def test_total_does_not_end_the_list_while_a_flag_says_more() -> None:
    assert ended(walk(PAGE, pages(30, by="page", total=20, has_more=lambda offset, count: offset + count < 30)))[0] == 30


def test_filtered_total_counts_before_the_whole() -> None:
    assert ended(walk(PAGE, pages(15, by="page", total_count=500, filtered_count=15))) == (15, "total", True, 2)


def test_short_page_goes_on_while_the_total_says_more() -> None:
    def holes(query: dict[str, str]) -> Answer:
        page = int(query["page"])
        return 200, {"items": list(range(page * 10, page * 10 + (4 if page == 2 else 10))) if page <= 3 else [], "total": 24}, {}

    assert ended(walk(PAGE, holes)) == (24, "total", True, 3)


def test_short_page_goes_on_while_a_flag_says_more() -> None:
    def holes(query: dict[str, str]) -> Answer:
        page = int(query["page"])
        return 200, {"items": list(range(page * 10, page * 10 + (4 if page == 2 else 10))), "has_more": page < 4}, {}

    assert ended(walk(PAGE, lambda query: holes(query) if query["page"] != "5" else (200, {"items": []}, {})))[:3] == (
        34,
        "empty_page",
        True,
    )


def test_end_before_the_total_is_not_sure() -> None:
    received, end, _ = walk(PAGE, pages(25, by="page", total=40))
    assert (received, end) == (
        25,
        End("empty_page", False, "An empty page followed. But the server named a total of 40 records, and 25 were received."),
    )
    assert ended(walk(PAGE, pages(25, by="page", total=40, past=404)))[1:3] == ("past_end", False)


def test_refusal_after_a_round_thousand_is_not_sure() -> None:
    """Search servers refuse to page further than 10,000 records; that is a limit and not the end."""
    received, end, _ = walk({**INDEX}, pages(2000, past=400), size=500)
    assert (received, isinstance(end, End) and end.sure) == (2000, False)


def test_refused_first_page_is_no_end() -> None:
    strategy = strategy_of(PAGINATION.validate_python(PAGE))
    token = strategy.first(10)
    assert [strategy.ends_with(token, status) for status in (204, 400, 404, 416)] == [True, False, False, False]
    assert [strategy.ends_with({**token, "number": 2}, status) for status in (204, 404, 401, 500)] == [True, True, False, False]


def test_server_that_ignores_the_parameter_is_seen() -> None:
    received, end, asked = walk(PAGE, lambda _: (200, {"items": list(range(10))}, {}))
    assert (received, end, len(asked)) == (10, Repeat(2, 1, "content"), 2)


def test_server_that_repeats_its_last_page_is_seen() -> None:
    received, end, _ = walk(PAGE, lambda query: (200, {"items": [min(int(query["page"]), 3)] * 10}, {}))
    assert (received, end) == (30, Repeat(4, 3, "content"))


@given(st.integers(0, 200), st.integers(1, 50), st.integers(1, 60), st.booleans(), st.sampled_from([200, 404]))
def test_counting_never_loses_records(total: int, cap: int, size: int, named: bool, past: int) -> None:
    if total == 0 and past == 404:
        return
    extra = {"total": total} if named else {}
    for settings, by in ((INDEX, "offset"), (PAGE, "page")):
        received, end, _ = walk(settings, pages(total, cap=cap, by=by, past=past, **extra), size=size, most=300)
        assert (received, isinstance(end, End) and end.sure) == (total, True)


# --- links ----------------------------------------------------------------------------------------------------------


def linked(link: Callable[[int], Any]) -> Callable[[dict[str, str]], Answer]:
    """Three pages of ten; `link` makes the next link of a page."""
    return lambda query: (200, {"items": [int(query.get("p", 1))] * 10, "next": link(int(query.get("p", 1)) + 1)}, {})


@pytest.mark.parametrize(
    "link",
    [
        lambda page: f"{BASE}?p={page}",
        lambda page: f"?p={page}",
        lambda page: f"/v1/items?p={page}",
        lambda page: f"//api.example.com/v1/items?p={page}",
        lambda page: f"http://api.example.com/v1/items?p={page}",
        lambda page: {"href": f"?p={page}"},
    ],
)
@pytest.mark.parametrize("end", [None, "", False, {}])
def test_links_in_bodies_are_followed(link: Callable[[int], Any], end: Any) -> None:
    result = walk(LINK, linked(lambda page: link(page) if page <= 3 else end))
    assert (ended(result), result[2]) == ((30, "no_next_link", True, 3), ["size=10", "p=2", "p=3"])


def test_links_in_headers_are_followed() -> None:
    def answer(query: dict[str, str]) -> Answer:
        page = int(query.get("p", 1))
        more = f'<{BASE}?p={page + 1}>; rel="next", ' if page < 3 else ""
        return 200, {"items": [page]}, {"Link": f'{more}<{BASE}?p=1>; rel="first"'}

    assert ended(walk(HEADER, answer)) == (3, "no_next_link", True, 3)


def test_sentrys_flag_ends_the_list() -> None:
    def answer(query: dict[str, str]) -> Answer:
        page = int(query.get("p", 1))
        return (
            200,
            {"items": [page]},
            {"Link": f'<{BASE}?p={page + 1}>; rel="next"; results="{"true" if page < 2 else "false"}"; cursor="0:{page}"'},
        )

    assert ended(walk(HEADER, answer)) == (2, "no_next_link", True, 2)


def test_bare_url_in_a_header_of_its_own_is_a_link() -> None:
    settings = {**HEADER, "responseHeaderName": "X-Next-Page"}
    assert ended(walk(settings, lambda query: (200, {"items": [len(query)]}, {} if query else {"x-next-page": f"{BASE}?p=2"}))) == (
        2, "no_next_link", True, 2,
    )  # fmt: skip


def test_links_in_a_circle_are_seen() -> None:
    received, end, _ = walk(
        LINK, lambda query: (200, {"items": [query.get("p", "1")], "next": f"?p={'3' if query.get('p') == '2' else '2'}"}, {})
    )
    assert (received, end) == (3, Repeat(4, 2, "position"))


def test_number_instead_of_a_link_is_told() -> None:
    with pytest.raises(PaginationError) as caught:
        walk(LINK, linked(lambda page: page))
    assert str(caught.value) == (
        "The next page key next leads to 2, which is not a link. For a cursor or a number choose the pagination type pointer."
    )


def test_missing_link_before_the_total_is_not_sure() -> None:
    assert ended(walk(LINK, lambda _: (200, {"items": [1, 2], "total": 5}, {}))) == (2, "no_next_link", False, 1)


@pytest.mark.parametrize(
    ("values", "links"),
    [
        (['<https://a/?x=1,2>; rel="next"'], [("https://a/?x=1,2", {"rel": "next"})]),
        (["</b>;REL=Next;title=\"a, b; c\\\"\" , <c>; rel=prev"], [("/b", {"rel": "Next", "title": 'a, b; c"'}), ("c", {"rel": "prev"})]),
        (["<a>; rel=next", "<b>; rel='x'"], [("a", {"rel": "next"}), ("b", {"rel": "'x'"})]),
        (["<a>; rel=\"prev next\"; rel=last; flag"], [("a", {"rel": "prev next", "flag": ""})]),
        (["nonsense", "<a", ""], []),
    ],
)  # fmt: skip
def test_link_headers_are_parsed_as_rfc_8288_says(values: list[str], links: list[tuple[str, dict[str, str]]]) -> None:
    assert parse_links(values) == links


@pytest.mark.parametrize(
    ("link", "asked", "url"),
    [
        ("?p=2", "https://h/a/b?p=1", "https://h/a/b?p=2"),
        ("c", "https://h/a/b", "https://h/a/c"),
        ("//x/y", "https://h/a", "https://x/y"),
        ("http://h/a", "https://h/b", "https://h/a"),
        ("http://h:80/a", "https://h:8443/b", "https://h:8443/a"),
        ("http://h:8443/a", "https://h:8443/b", "https://h:8443/a"),
        ("http://other/a", "https://h/b", "http://other/a"),
        ("http://h/a#x", "http://h/b", "http://h/a"),
    ],
)
def test_link_becomes_absolute(link: str, asked: str, url: str) -> None:
    assert resolve_link(link, asked) == url


@pytest.mark.parametrize("link", ["ftp://h/a", "javascript:alert(1)", "http://[::1"])
def test_link_elsewhere_is_told(link: str) -> None:
    with pytest.raises(PaginationError):
        resolve_link(link, BASE)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("https://h/a", "https://H:443/b", True),
        ("https://h/a", "http://h/a", False),
        ("https://h/a", "https://h:8443/a", False),
        ("https://h.example/", "https://h.example.evil/", False),
        ("https://h/", "https://h@evil/", False),
        ("x", "x", False),
    ],
)
def test_same_origin_compares_scheme_host_and_port(first: str, second: str, same: bool) -> None:
    assert same_origin(first, second) is same


# --- pointers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [None, "", False, 0])
def test_cursors_are_followed_to_their_end(end: Any) -> None:
    cursors = {"": "a=", "a=": 7, "7": end}
    result = walk(POINTER, lambda query: (200, {"items": [query.get("after", "")], "next": cursors[query.get("after", "")]}, {}))
    assert ended(result) == (3, "no_cursor", True, 3)


def test_empty_page_with_a_cursor_goes_on() -> None:
    pages_ = {"": ([1], "a"), "a": ([], "b"), "b": ([], "c"), "c": ([2], None)}
    result = walk(POINTER, lambda query: (200, dict(zip(("items", "next"), pages_[query.get("after", "")], strict=True)), {}))
    assert ended(result) == (2, "no_cursor", True, 4)


def test_missing_cursor_and_null_list_end() -> None:
    assert ended(walk(POINTER, lambda _: (200, {"items": None}, {}))) == (0, "no_cursor", True, 1)


def test_cursor_of_the_last_record_is_taken() -> None:
    settings = {**POINTER, "pointerPath": "$.items[*].id"}
    result = walk(settings, lambda query: (200, {"items": [] if query.get("after") == "2" else [{"id": 1}, {"id": 2}]}, {}))
    assert (ended(result), result[2]) == ((2, "no_cursor", True, 2), ["", "after=2"])


def test_cursor_that_comes_back_is_seen() -> None:
    received, end, asked = walk(
        POINTER, lambda query: (200, {"items": [query.get("after", "")], "next": "a" if query.get("after") != "a" else "b"}, {})
    )
    assert (received, end, len(asked)) == (3, Repeat(4, 2, "position"), 3)


def test_object_as_cursor_is_told() -> None:
    with pytest.raises(PaginationError) as caught:
        walk(POINTER, lambda _: (200, {"items": [], "next": {"a": 1}}, {}))
    assert str(caught.value) == "The pointer path $.next leads to no text and no number. Correct the path to the cursor."


# --- the guard ------------------------------------------------------------------------------------------------------


def test_guard_is_rebuilt_from_stored_marks() -> None:
    guard = Guard()
    assert [guard.after(n, records) for n, records in enumerate([[1], [], [2], []])] == [None] * 4
    again = Guard(Mark(mark.position, mark.content) for mark in guard.marks)
    assert (again.before(1), again.after(9, [2]), again.after(9, []), again.before(9)) == (
        Repeat(5, 2, "position"), Repeat(5, 3, "content"), None, Repeat(6, 5, "position"),
    )  # fmt: skip


def test_repeat_is_a_sentence() -> None:
    assert Repeat(7, 3, "content").message == (
        "Page 7 repeats page 3: the server sent the same records again, as one that ignores the page parameter does. "
        "Check the pagination settings; the records of the first time are kept."
    )


def test_next_is_a_json_value() -> None:
    strategy = strategy_of(PAGINATION.validate_python(POINTER))
    assert strategy.advance(strategy.first(10), PageSeen(200, Headers(), {"next": "c"}, BASE, 4)) == Next(
        {"number": 2, "size": 10, "received": 4, "largest": 4, "total": None, "cursor": "c"}
    )
