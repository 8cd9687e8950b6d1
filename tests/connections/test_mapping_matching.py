"""What is suggested for a name, and what is not."""

from __future__ import annotations

import pytest

from connections.mapping import csv_files
from connections.mapping.csv_files import CsvError, Row
from connections.mapping.matching import Matcher, Suggestion, core

OPTIONS = [
    "ACME Inc",
    "Northwind Dental",
    "Southwind Dental",
    "Client A",
    "Client B",
    "Müller & Söhne GmbH",
    "Clinic 12",
    "Zenith",
    "Zenith Ltd.",
]


@pytest.mark.parametrize(
    ("name", "best", "score"),
    [
        ("acme, inc.", "ACME Inc", 100),
        ("Acme GmbH", "ACME Inc", 95),
        ("The Acme Company", "ACME Inc", 95),
        ("NORTHWIND  dental", "Northwind Dental", 100),
        ("Northwind Dentall", "Northwind Dental", 94),
        ("Muller and Sohne", "Müller & Söhne GmbH", 95),
        ("Mueller & Söhne GmbH", "Müller & Söhne GmbH", 94),
        ("Client A Ltd", "Client A", 95),
        ("Client C", None, 0),
        ("Clinic 13", None, 0),
        ("Eastwind Dental", None, 0),
        ("Northwind", None, 0),
        ("Bakery", None, 0),
        ("!!!", None, 0),
    ],
)
def test_a9_87_suggestion_ignores_case_punctuation_and_legal_form_but_not_what_tells_companies_apart(
    name: str, best: str | None, score: int
) -> None:
    found = Matcher(OPTIONS).suggest(name)
    assert ([OPTIONS[number] for number in found.options], found.score) == ([best] if best else [], score)


def test_suggestion_of_two_that_fit_equally_names_both() -> None:
    assert Matcher(["Zenith GmbH", "Acme", "Zenith Ltd"]).suggest("Zenith") == Suggestion(95, (0, 2))
    # One that is the same to the letter is no tie with one of another legal form.
    assert Matcher(["Zenith", "Zenith Ltd"]).suggest("zenith") == Suggestion(100, (0,))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("S.A. de Foo S.A.", ("sa", "de", "foo")),
        ("Acme Sp. z o.o.", ("acme",)),
        ("Novák s.r.o.", ("novak",)),
        ("Meyer GmbH & Co. KG", ("meyer",)),
        ("GmbH", ("gmbh",)),
        ("The", ("the",)),
        ("O'Neil Bros", ("oneil", "bros")),
    ],
)
def test_core_of_a_name_is_without_legal_form(name: str, words: tuple[str, ...]) -> None:
    assert core(name) == words


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "'=1", "''x", "plain", "a,b", 'say "x"', "\uff1dA1", "Müller"])
def test_csv_defuses_formulas_and_reads_back_what_it_wrote(text: str) -> None:
    written = "".join(csv_files.written([("slug", "Name", text, text)]))
    cell = written.splitlines()[1].split(",", 2)[2]
    assert cell[:1] not in ("=", "+", "-", "@", "\uff1d")
    assert csv_files.read_rows(written.encode()) == [Row(2, "slug", "Name", text, text)]


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"\xef\xbb\xbforganization;value\r\nacme;1\r\n", [Row(2, "acme", "", "1", None)]),
        (b"Name\tID\tCustomer\nAcme\t7\tAcme Ltd\n\n", [Row(2, "", "Acme", "7", "Acme Ltd")]),
        ("slug,value\nmüller,ä\n".encode("cp1252"), [Row(2, "müller", "", "ä", None)]),
        (b'organization,value,label\nacme,"1\n2","x ""y"""\n', [Row(3, "acme", "", "1 2", 'x "y"')]),
    ],
)
def test_csv_is_read_as_spreadsheets_write_it(data: bytes, rows: list[Row]) -> None:
    assert csv_files.read_rows(data) == rows


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The file is empty. Export the mapping, fill in the column value, and import that file."),
        (
            b"a,b\n1,2\n",
            "The first line has to name the columns: organization (the slug) or name, and value; label is optional. It has: a, b.",
        ),
        (b"PK\x03\x04\0\0", "This is no CSV file: it holds the character NUL. Save the sheet as CSV (UTF-8)."),
    ],
)
def test_csv_that_cannot_be_read_says_why(data: bytes, sentence: str) -> None:
    with pytest.raises(CsvError) as refused:
        csv_files.read_rows(data)
    assert str(refused.value) == sentence


def test_options_are_read_with_heads_or_without() -> None:
    assert csv_files.read_options(b"1,Acme\n2\n\n") == [(1, "1", "Acme"), (2, "2", "2")]
    assert csv_files.read_options(b"name,id\nAcme,1\n") == [(2, "1", "Acme")]
    assert csv_files.read_options(csv_files.written_options([("1", "=x"), ("2", "a,b")]).encode()) == [(1, "1", "=x"), (2, "2", "a,b")]
