"""JSONata in placeholders: what it says, and that it ends."""

from __future__ import annotations

import time
from typing import Any

import pytest

from integrations import expressions, formulas

VALUES: dict[str, Any] = {
    "context": {"name": "acme", "users": [{"id": 1, "on": True}, {"id": 2, "on": False}], "count": 2},
    "settings": {"region": "eu"},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{context.users}}", VALUES["context"]["users"]),
        ("{{context.users[on].id}}", 1),
        ("{{$uppercase(context.name)}}", "ACME"),
        ("https://{{$lowercase(context.name)}}.example.com", "https://acme.example.com"),
        ('{{context.name & "-" & settings.region}}', "acme-eu"),
        ("{{context.count > 1 ? 'many' : 'one'}}", "many"),
        ("{{context.users.{'n': id}}}", [{"n": 1}, {"n": 2}]),
        ("{{$sum(context.users.id)}}", 3),
        ("{{$pad(context.name, -6, '0')}}", "00acme"),
        ('{{$replace(context.name, /[ae]/, "x")}}', "xcmx"),
        ("{{context.nothing}}", expressions.MISSING),
        ("{{$uppercase(context.nothing)}}", expressions.MISSING),
    ],
)
def test_expressions_give_values(text: str, value: Any) -> None:
    assert expressions.value_of(text, VALUES) == value


def test_members_without_a_value_are_left_out() -> None:
    document = {
        "a": "{{context.nothing}}",
        "b": [1, "{{context.nothing}}", "x {{context.count}}"],
        "c": {"d": "{{context.count}}"},
        "e": None,
    }
    assert expressions.filled(document, VALUES) == {"b": [1, "x 2"], "c": {"d": 2}, "e": None}


def test_names_that_an_expression_reads_are_known() -> None:
    assert expressions.paths_of('{{$uppercase(credentials.key) & "settings.x" & context.users[id = settings.n].name}}') >= {
        "credentials.key", "context.users", "settings.n"
    }  # fmt: skip
    assert formulas.names_in("$now() and x.y") == ["x.y"]


@pytest.mark.parametrize("text", ["{{$uppercase(}}", "{{context.}}", "{{uper(context.name)}}", "${$uppercase(context.name)}"])
def test_what_is_no_expression_is_refused_when_it_is_entered(text: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be read|neither a name nor a JSONata expression"):
        expressions.parse(text)


@pytest.mark.parametrize(
    "source",
    [
        "($f := function($x) { $f($x + 1) }; $f(0))",
        "($f := function($x) { 1 + $f($x + 1) }; $f(0))",
        "$sum([1..10000000].($ * $))",
        '$pad("x", 1000000000)',
        '$contains("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", /^(a|a)*$/)',
        '$eval("1+1")',
        "$error('no')",
        "1/0",
    ],
)
def test_every_evaluation_ends(source: str) -> None:
    begun = time.thread_time()
    with pytest.raises(formulas.FormulaError):
        formulas.evaluate(source, VALUES)
    assert time.thread_time() - begun < 5  # CPU, of which an idle machine takes a tenth


def test_nothing_of_python_can_be_reached() -> None:
    for source in ("context.__class__", "$.__class__", "context.users.append", "$lookup(context, '__init__')"):
        assert formulas.evaluate(source, VALUES) is None


def test_time_of_an_expression_counts_from_its_evaluation_and_not_from_its_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formulas, "MILLISECONDS", 200)
    assert formulas.evaluate("$uppercase(early)", {"early": "a"}) == "A"
    time.sleep(0.3)
    assert formulas.evaluate("$uppercase(early)", {"early": "b"}) == "B"


def test_name_that_an_expression_sets_is_gone_at_its_next_evaluation() -> None:
    assert formulas.evaluate("$exists($kept) ? $kept : ($kept := a)", {"a": "first"}) == "first"
    assert formulas.evaluate("$exists($kept) ? $kept : ($kept := a)", {"a": "second"}) == "second"
    source = "c ? ($seen := c) & '' : $seen"
    assert (formulas.evaluate(source, {"c": "first"}), formulas.evaluate(source, {})) == ("first", None)


def test_expression_that_ran_away_once_works_with_other_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formulas, "MILLISECONDS", 100)
    source = "($f := function($n) { $n > 0 ? $f($n - 1) : 0 }; $f(context.count))"
    with pytest.raises(formulas.FormulaError):
        formulas.evaluate(source, {"context": {"count": 10_000_000}})
    assert [formulas.evaluate(source, VALUES) for _ in range(3)] == [0, 0, 0]
