"""Runs against vendors that answer with what JSON allows and databases, tables and URLs do not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actions import results, runs
from actions.models import Page, Run
from actions.pages.results import table
from integrations.models import User
from tests.cast import MakeConnection, MakeIntegration, action_of, action_values
from tests.connections.server import serving
from tests.pages import signed_in
from tests.vendor.server import VendorServer

CURSOR = {"type": "pointer", "resultsKey": "items", "afterParam": "after", "pointerPath": "next"}
PAGES = {"type": "page", "resultsKey": "items", "pageParam": "page"}
NONE = {"type": "none"}
DEEP = b"[" * 300 + b"]" * 300


@pytest.fixture
def answered(make_integration: MakeIntegration, make_connection: MakeConnection, carol: User) -> Any:
    """A finished run of one action against a vendor that always answers with the same body."""

    def run(body: bytes, pagination: dict[str, Any], *, status: int = 200, **headers: str) -> Run:
        with serving(lambda to: to.reply(status, body, **headers)) as server:
            action = action_values(paginated=pagination["type"] != "none")
            integration = make_integration(base_uri=server.url, pagination=pagination, actions=[action])
            started = runs.start(action=action_of(integration), connection=make_connection(integration), user=carol, inputs={}, max_pages=1)
            runs.execute(started.pk)
        started.refresh_from_db()
        return started

    return run


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'[{"a":123456789012345678901234567890}]', b'[{"a":123456789012345678901234567890}]\n'),
        (rb'[{"a":"\ud83d\ude00 \ud800 \u0000"}]', '[{"a":"\U0001f600 � �"}]\n'.encode()),
        (b'[{"a":' + DEEP + b"}]", b'[{"a":' + DEEP + b"}]\n"),
    ],
)
def test_records_that_no_column_holds_are_kept_and_shown(answered: Any, carol: User, body: bytes, kept: bytes) -> None:
    run = answered(body, NONE)
    assert (run.verdict, b"".join(results.as_json(run))) == ("complete", kept)
    for view in ("table", "json"):
        assert signed_in(carol).get(f"/runs/{run.pk}/?view={view}").status_code == 200
    assert b"".join(results.as_csv(run)).startswith(b"a\r\n")


def test_csv_keeps_every_digit(answered: Any) -> None:
    assert b"".join(results.as_csv(answered(b'[{"a":123456789012345678901234567890}]', NONE))) == b"a\r\n123456789012345678901234567890\r\n"


@pytest.mark.parametrize(
    ("body", "pagination", "status", "verdict", "message"),
    [
        (rb'{"message": "no \u0000"}', NONE, 400, "failed", "The vendor refused the request as invalid (400). Check the inputs. It said: no �"),
        (
            rb'{"\u0000": 1}', PAGES, 200, "failed",
            "The results key items matches nothing in the answer. Its keys are: �.",
        ),
        (rb'{"items": [1], "next": "\u0000"}', CURSOR, 200, "truncated", "Stopped at the limit of 1 page; the vendor may have more. Resume it, or run it with all pages, to get the rest."),
        (b'{"items": [1], "total": 99999999999999999999}', PAGES, 200, "truncated", "Stopped at the limit of 1 page; the vendor may have more. Resume it, or run it with all pages, to get the rest."),
    ],
)  # fmt: skip
def test_run_ends_with_a_sentence_whatever_the_vendor_says(
    answered: Any, body: bytes, pagination: dict[str, Any], status: int, verdict: str, message: str
) -> None:
    run = answered(body, pagination, status=status)
    assert (run.verdict, run.message) == (verdict, message)


def test_total_in_a_header_is_no_number_of_thousand_digits(answered: Any) -> None:
    run = answered(b'{"items": [1]}', PAGES, X_Total_Count="9" * 5000)
    assert (run.verdict, run.total) == ("truncated", None)


def test_table_shortens_the_names_of_columns() -> None:
    assert table([{"x" * 1000: 1}]).columns == ["x" * 200 + "…"]


def test_next_link_is_kept_without_the_key(
    vendor: VendorServer, make_integration: MakeIntegration, make_connection: MakeConnection, carol: User
) -> None:
    integration = make_integration(
        base_uri=vendor.url,
        auth={"type": "apikey", "apiKeyName": "key", "apiKeyLocation": "query"},
        pagination={
            "type": "link",
            "resultsKey": "data",
            "nextLinkLocation": "body",
            "nextPageKey": "links.next",
            "pageSizeParam": "per_page",
        },
        actions=[action_values(path="/faults/links?total=250", paginated=True)],
    )
    connection = make_connection(integration, credentials={"apiKey": "a-secret-key"})
    run = runs.start(action=action_of(integration), connection=connection, user=carol, inputs={})
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.verdict, run.record_count) == ("complete", 250)
    assert ["a-secret-key" in target for target in vendor.targets()] == [True, True, True]
    kept = json.dumps([run.checkpoint, *Page.objects.values_list("token", flat=True)])
    assert "a-secret-key" not in kept
