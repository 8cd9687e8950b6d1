"""Records as they leave: JSON, NDJSON and CSV, streamed page by page."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from actions import pieces, results, runs
from actions.models import Page, Run
from integrations.models import User
from tests.cast import MakeConnection, MakeIntegration, action_of

PAGES: list[list[Any]] = [
    [{"id": 1, "name": "Grüße, \"quoted\"", "address": {"city": "Zürich", "geo": {"lat": 47.4}}, "tags": ["a", "b"]}],
    [],
    [{"id": 2, "name": None, "active": True, "address": {}}, {"id": 3, "note": "=1+1"}],
]  # fmt: skip


@pytest.fixture
def run(make_integration: MakeIntegration, make_connection: MakeConnection, carol: User) -> Run:
    integration = make_integration()
    run = runs.start(action=action_of(integration), connection=make_connection(integration), user=carol, inputs={})
    for number, records in enumerate(PAGES, 1):
        lines = results.lines_of(records)
        name = pieces.name_of(run.pk, number, "test") if records else ""
        if name:
            pieces.Writer().write(name, lines.data).result()
        Page.objects.create(
            run=run, number=number, token={}, digest=lines.digest, status=200, record_count=lines.count, byte_count=len(lines.data),
            elapsed_ms=1, piece=name,
        )  # fmt: skip
    return run


def test_json_is_one_array_of_all_records(run: Run) -> None:
    assert json.loads(b"".join(results.as_json(run))) == [record for page in PAGES for record in page]


def test_json_of_no_records_is_an_empty_array(run: Run) -> None:
    run.pages.all().delete()
    assert json.loads(b"".join(results.as_json(run))) == []
    assert b"".join(results.as_csv(run)) == b""


def test_ndjson_is_a_record_a_line(run: Run) -> None:
    lines = b"".join(results.as_ndjson(run)).decode().splitlines()
    assert [json.loads(line) for line in lines] == [record for page in PAGES for record in page]


def test_csv_flattens_objects_into_stable_columns(run: Run) -> None:
    rows = list(csv.reader(io.StringIO(b"".join(results.as_csv(run)).decode())))
    assert rows == [
        ["id", "name", "address.city", "address.geo.lat", "tags", "active", "address", "note"],
        ["1", 'Grüße, "quoted"', "Zürich", "47.4", '["a","b"]', "", "", ""],
        ["2", "", "", "", "", "true", "{}", ""],
        ["3", "", "", "", "", "", "", "'=1+1"],
    ]


def test_csv_leaves_numbers_and_telephone_numbers_alone() -> None:
    assert [results.cell(value) for value in ("-5", "+49 30 123", "@SUM(A1)", "-2+cmd|x", -5)] == [
        "-5",
        "+49 30 123",
        "'@SUM(A1)",
        "'-2+cmd|x",
        "-5",
    ]


@pytest.mark.parametrize(("start", "count", "ids"), [(0, 2, [1, 2]), (1, 5, [2, 3]), (2, 1, [3]), (3, 5, [])])
def test_window_reads_a_part(run: Run, start: int, count: int, ids: list[int]) -> None:
    assert [record["id"] for record in results.window(run, start, count)] == ids
