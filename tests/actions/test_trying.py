"""Try it: pages of a real server, what they show, and the settings that are suggested for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from actions import suggesting, trying
from actions.pagination.strategy import PageSeen
from actions.trying import Trial
from connections import trials
from connections.exchange import Headers
from integrations.definition import PAGINATION, Definition, NoPagination, RangePagination
from integrations.operation import Operation
from integrations.refusals import Conflict
from tests.cast import MakeConnection, MakeIntegration
from tests.vendor.server import VendorServer

NONE = {"type": "none"}
PAGE = {"type": "page", "resultsKey": "items", "pageParam": "page", "pageSizeParam": "page_size"}
Try = Callable[..., Trial]


@pytest.fixture
def try_it(vendor: VendorServer, make_integration: MakeIntegration) -> Try:
    def tried(
        path: str, pagination: dict[str, Any], *, parameters: tuple[str, ...] = (), page_size: int | None = None, **definition: Any
    ) -> Trial:
        credentials = definition.pop("credentials", {})
        integration = make_integration(base_uri=vendor.url, status="draft", pagination=pagination, **definition)
        described = integration.working.definition
        operation = Operation.model_validate(
            {"name": "List", "path": path, "paginated": True, "parameters": [{"name": name} for name in parameters]}
        )
        with trials.unsaved_client(integration=integration, definition=described, credentials=credentials, settings={}) as client:
            return trying.try_it(
                client=client,
                definition=described,
                operation=operation,
                pagination=described.pagination,
                inputs={},
                page_size=page_size,
            )

    return tried


def suggested(trial: Trial) -> dict[str, Any]:
    """The settings that are suggested, without those that have their usual value."""
    assert trial.suggested is not None, [(attempt.pagination, attempt.message, attempt.evidence) for attempt in trial.attempts]
    return trial.suggested.model_dump(by_alias=True, exclude_defaults=True) | {"type": trial.suggested.type}


def test_settings_that_work_are_shown_with_their_requests(try_it: Try) -> None:
    trial = try_it("/faults/pages?total=500", PAGE)
    (attempt,) = trial.attempts
    assert (attempt.works, trial.suggested, attempt.message) == (True, None, "3 pages came, and there are more.")
    assert attempt.evidence == ["page 2 has 100 new ids, none repeated", "page 3 has 100 new ids, none repeated"]
    assert [(look.status, look.record_count, look.total, look.next_position) for look in attempt.looks[:3]] == [
        (200, 100, 500, "2"), (200, 100, 500, "3"), (200, 100, 500, "4"),
    ]  # fmt: skip
    assert [look.url.rpartition("?")[2] for look in attempt.looks[:3]] == [f"total=500&page={n}&page_size=100" for n in (1, 2, 3)]
    assert attempt.looks[0].first_record == '{\n  "id": 1,\n  "name": "record-1"\n}'


@pytest.mark.parametrize(
    ("path", "given", "parameters", "expected", "evidence"),
    [
        ("/faults/links?total=500", NONE, (), {"type": "link", "resultsKey": "data", "nextPageKey": "links.next"}, "the answer has links.next"),
        ("/faults/link-header?total=500", NONE, (), {"type": "link", "resultsKey": "$", "nextLinkLocation": "header"}, "the answer has a Link header"),
        ("/faults/cursor?total=500", NONE, (), {"type": "pointer", "resultsKey": "data", "afterParam": "cursor", "pointerPath": "next_cursor"},
         "cursor takes next_cursor of the answer"),
        ("/faults/pages?total=500", NONE, ("page", "page_size"), PAGE, "query parameter page"),
        ("/faults/index?total=500", PAGE, ("limit", "offset"), {"type": "index", "resultsKey": "results", "indexParam": "offset", "pageSizeParam": "limit"},
         "query parameter offset"),
        ("/faults/quirks/shape?shape=odata", NONE, (), {"type": "link", "resultsKey": "value", "nextPageKey": "@odata.nextLink"},
         "the answer has @odata.nextLink"),
    ],
)  # fmt: skip
def test_settings_are_suggested_with_their_evidence(
    try_it: Try, path: str, given: dict[str, Any], parameters: tuple[str, ...], expected: dict[str, Any], evidence: str
) -> None:
    trial = try_it(path, given, parameters=parameters)
    assert suggested(trial) == expected
    second, third = (10, 5) if "quirks" in path else (100, 100)
    assert {change.evidence for change in trial.changes} == {
        f"hint: {evidence}; page 2 has {second} new ids, none repeated; page 3 has {third} new ids, none repeated"
    }


def test_settings_with_a_gap_are_filled(try_it: Try) -> None:
    trial = try_it("/faults/cursor?total=500", {"type": "pointer", "resultsKey": "data"})
    assert trial.attempts[0].message.startswith("The after parameter is missing")
    assert [(change.setting, change.before, change.after) for change in trial.changes] == [
        ("afterParam", "", "cursor"), ("pointerPath", "", "next_cursor"),
    ]  # fmt: skip


def test_page_zero_is_found(try_it: Try) -> None:
    trial = try_it("/faults/pages?total=500&first=0", PAGE)
    assert [(change.setting, change.before, change.after, change.evidence) for change in trial.changes] == [
        ("startPage", 1, 0, "page 0 has 100 records that page 1 does not have")
    ]


def test_cap_of_the_page_size_is_found(try_it: Try) -> None:
    trial = try_it("/faults/pages?total=500&cap=30", PAGE)
    assert [(change.setting, change.after, change.evidence) for change in trial.changes] == [
        ("maxPageSize", 30, "100 records were asked for, and a page has 30")
    ]


def test_number_of_pages_in_a_header_is_found(try_it: Try) -> None:
    trial = try_it("/faults/quirks/total?where=pages-header&total=50", {**PAGE, "pageSizeParam": ""})
    assert [(change.setting, change.after) for change in trial.changes] == [("totalHeader", "X-WP-TotalPages"), ("totalCounts", "pages")]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/faults/index?total=500&ignore=offset", "Page 2 repeats page 1"),
        ("/faults/status?code=401", "The vendor refused the credentials (401)."),
        ("/faults/html", "Page 1 cannot be read. The server answered with an HTML page"),
    ],
)
def test_settings_that_do_not_work_say_why(try_it: Try, path: str, message: str) -> None:
    trial = try_it(path, {**PAGE, "resultsKey": "results", "pageParam": "offset"})
    assert (trial.attempts[0].works, trial.suggested) == (False, None)
    assert trial.attempts[0].message.startswith(message)


def test_small_page_size_makes_pages_of_a_short_list(try_it: Try) -> None:
    trial = try_it("/faults/pages?total=12", PAGE, page_size=5)
    assert (trial.attempts[0].works, trial.attempts[0].message) == (
        True, "The list ends after 3 pages. All 12 records that the server counts were received.",
    )  # fmt: skip


def test_no_secret_is_shown(try_it: Try, vendor: VendorServer) -> None:
    auth = {"type": "apikey", "apiKeyName": "api_key", "apiKeyLocation": "query"}
    trial = try_it("/echo?shown=1", NONE, auth=auth, credentials={"apiKey": "k-secret-123"})
    assert "api_key=k-secret-123" in vendor.requests[0].target
    assert "k-secret-123" not in repr(trial.attempts[0].looks)


def test_connection_is_not_used_for_a_draft_that_calls_another_host(
    vendor: VendorServer, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    integration = make_integration(base_uri=vendor.url, auth={"type": "bearer"})
    connection = make_connection(integration, credentials={"token": "t-1"})
    same = integration.working.definition
    trials.draft_client(connection=connection, definition=same.changed(pagination=PAGINATION.validate_python(PAGE)))
    elsewhere: Definition = same.changed(api_base_uri="https://collector.example.org")
    other_way: Definition = same.changed(auth={"type": "apikey", "apiKeyName": "key", "apiKeyLocation": "query"})
    for definition in (elsewhere, other_way):
        with pytest.raises(Conflict):
            trials.draft_client(connection=connection, definition=definition)


@pytest.mark.parametrize(
    ("content_range", "expected"),
    [("items 0-9/25", [("range", "items")]), ("devices 0-9/*", [("range", "devices")]), ("0-9/25", [("range", "")]), ("bytes 0-9/25", [])],
)
def test_range_of_records_in_the_first_answer_suggests_ranges(content_range: str, expected: list[tuple[str, str]]) -> None:
    body = [{"id": number} for number in range(10)]
    page = PageSeen(206, Headers([("Content-Range", content_range)]), body, "https://api.example.com/things", 10)
    operation = Operation.model_validate({"name": "List", "path": "/things", "paginated": True})
    found = [one.pagination for one in suggesting.candidates(operation, NoPagination(), page)]
    assert [(one.type, one.range_unit) for one in found if isinstance(one, RangePagination)] == expected
