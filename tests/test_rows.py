"""Every row of rows.txt has a test whose name says so, and no test names a row that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROW = re.compile(r"^(a\d+) +(\d+)  \S", re.MULTILINE)
NAME = re.compile(r"^def test_(a\d+)_((?:\d+_)+)", re.MULTILINE)
ROWS = [(section, int(number)) for section, number in ROW.findall((TESTS / "rows.txt").read_text())]


def named() -> list[tuple[str, int]]:
    """Section and row of each test that names one; a test may name several rows of its section."""
    found = []
    for path in sorted(TESTS.rglob("test_*.py")):
        for section, numbers in NAME.findall(path.read_text()):
            found += [(section, int(number)) for number in numbers.strip("_").split("_")]
    return found


def test_rows_are_all_there() -> None:
    wanted = [*(("a8", row) for row in range(74, 83)), *(("a9", row) for row in range(83, 94)), *(("a13", row) for row in range(117, 126))]
    assert wanted == ROWS


@pytest.mark.parametrize(("section", "row"), ROWS)
def test_row_has_a_test(section: str, row: int) -> None:
    assert (section, row) in named(), f"No test is named test_{section}_{row}_…"


def test_no_test_names_a_row_that_is_not_there() -> None:
    assert sorted(set(named()) - set(ROWS)) == []
