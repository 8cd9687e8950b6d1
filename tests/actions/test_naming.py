"""Bulk rename: both spellings of groups, and sentences for patterns that do not work."""

from __future__ import annotations

import pytest

from actions import naming
from actions.naming import PatternError, rename


@pytest.mark.parametrize(
    ("pattern", "replacement", "after"),
    [
        ("(.*?) Get", r"Get \1", "Get Photo Records"),
        ("(.*?) Get", "Get $1", "Get Photo Records"),
        ("(.*?) Get", "Get ${1}s", "Get Photo Recordss"),
        ("(?P<what>.*?) Get", r"Get \g<what>", "Get Photo Records"),
        ("(?<what>.*?) Get", "Get ${what}", "Get Photo Records"),
        ("Photo (Records)", r"\g<1>1 $12 $&", "Records1 Records2 Photo Records Get"),
        ("Photo", r"$$1 \\1 \n $0", "$1 \\1 \\n Photo Records Get"),
        ("(x)?Photo", "[$1]", "[] Records Get"),
        ("o", "0", "Ph0t0 Rec0rds Get"),
        ("nothing", "$$", "Photo Records Get"),
        ("^Photo ", "", "Records Get"),
        (r"\w{5} \(?R", "R", "Records Get"),
    ],
)
def test_replacement_understands_both_spellings(pattern: str, replacement: str, after: str) -> None:
    assert rename(["Photo Records Get"], pattern, replacement) == [("Photo Records Get", after)]


def test_texts_keep_their_order() -> None:
    assert rename(["b1", "a", "c1"], r"\d", "") == [("b1", "b"), ("a", "a"), ("c1", "c")]


@pytest.mark.parametrize(
    ("pattern", "replacement", "sentence", "field"),
    [
        ("", "x", "Enter a pattern to look for.", "pattern"),
        ("(ab", "x", "The pattern is not a valid regular expression: missing ) at character 4.", "pattern"),
        ("a[", "x", "The pattern is not a valid regular expression: unterminated character set at character 3.", "pattern"),
        ("x" * 501, "x", "The pattern is longer than 500 characters. Shorten it.", "pattern"),
        ("a{99999999}", "x", "The pattern repeats too often. Use numbers up to 250 in braces, and few of them inside one another.", "pattern"),
        ("(?x)(a{ 200 }){250}b{2}", "x", "The pattern repeats too often. Use numbers up to 250 in braces, and few of them inside one another.", "pattern"),
        (r"\\(?R)", "x", "The pattern calls itself or one of its groups, which is not offered here. Write the part out.", "pattern"),
        ("a", "x" * 501, "The replacement is longer than 500 characters. Shorten it.", "replacement"),
        ("(a)(?P<b>c)", "$3", "The replacement uses group 3, which the pattern does not have. It has 1, 2, b.", "replacement"),
        ("a", r"\g<b>", "The replacement uses group b, which the pattern does not have. It has none; put parentheses round the part to keep.", "replacement"),
    ],
)  # fmt: skip
def test_unusable_pattern_is_told(pattern: str, replacement: str, sentence: str, field: str) -> None:
    with pytest.raises(PatternError) as caught:
        rename(["a" * 200 + "b"], pattern, replacement)
    assert (str(caught.value), caught.value.field) == (sentence, field)


def test_runaway_pattern_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "TIME_LIMIT", 0.05)
    with pytest.raises(PatternError) as caught:
        rename(["a" * 200 + "b"], "^(?:(a|aa|b)+)+$(?<=[c])", "x")
    assert str(caught.value) == (
        "The pattern takes too long on these texts. Avoid repetition inside repetition such as (.*)* and name what you look for."
    )
