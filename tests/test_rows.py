"""Every row of rows.txt has a test that is named by it, and no test names a row that is not there.

A test is named by its rows: a function `test_a9_87_…` or, of several, `test_a9_87_88_e3_2_…`; or a row of a table, whose name begins
likewise: `Case("e4_6 TikTok: …", …)`. The rows e1 to e7 are in such tables with the vendor whose habit it is.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROW = re.compile(r"^([ae]\d+) +(\d+)  \S", re.MULTILINE)
FUNCTION = re.compile(r"^def test_((?:[ae]\d+_(?:\d+_)+)+)", re.MULTILINE)
TABLE = re.compile(r"""^\s+[A-Z]\w+\(\s*"((?:[ae]\d+_(?:\d+_)*\d+ )+)""", re.MULTILINE)
SECTION = re.compile(r"([ae]\d+)_((?:\d+_)+)")
ROWS = [(section, int(number)) for section, number in ROW.findall((TESTS / "rows.txt").read_text())]
WANTED = {
    "a4": (18, 42), "a5": (43, 48), "a8": (74, 82), "a9": (83, 93), "a10": (94, 101), "a11": (102, 109), "a12": (110, 116), "a13": (117, 125),
    "e1": (1, 13), "e2": (1, 11), "e3": (1, 4), "e4": (1, 13), "e5": (1, 14), "e6": (1, 14), "e7": (1, 7),
}  # fmt: skip


def named() -> set[tuple[str, int]]:
    """Section and row of each test that names one."""
    found = set()
    for path in sorted(TESTS.rglob("test_*.py")):
        text = path.read_text()
        for name in [*FUNCTION.findall(text), *(row.replace(" ", "_") for row in TABLE.findall(text))]:
            found |= {(section, int(number)) for section, numbers in SECTION.findall(name) for number in numbers.strip("_").split("_")}
    return found


def test_rows_are_all_there() -> None:
    assert [(section, row) for section, (first, last) in WANTED.items() for row in range(first, last + 1)] == ROWS


@pytest.mark.parametrize(("section", "row"), ROWS)
def test_row_has_a_test(section: str, row: int) -> None:
    assert (section, row) in named(), f"No test is named test_{section}_{row}_…"


def test_no_test_names_a_row_that_is_not_there() -> None:
    assert sorted(named() - set(ROWS)) == []


def test_quirks_are_named_with_the_vendor_whose_they_are() -> None:
    """In a table the vendor stands before a colon, or `unnamed` where none is known for it; in the name of a function it comes first."""
    tables = [
        row for path in TESTS.rglob("test_*.py") for row in re.findall(r'"((?:[ae]\d+_[\d_]*\d )*e\d+_[\d_]*\d [^"]*)"', path.read_text())
    ]
    assert [row for row in tables if not re.match(r"(?:[ae]\d+_[\d_]*\d )+(?:[A-Z][^:]*|unnamed): \S", row)] == []
    assert len(tables) > 90
