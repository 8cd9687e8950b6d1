"""Every way in which a secret can be written must be hidden, and nothing else."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections.redaction import MASK, redact

SECRET = 'p@ss w/rd+"ü'


@pytest.mark.parametrize(
    "written",
    [SECRET, quote(SECRET, safe=""), quote(SECRET), quote_plus(SECRET), quote(SECRET, safe="").lower(), json.dumps(SECRET)[1:-1], html.escape(SECRET), base64.b64encode(SECRET.encode()).decode(), base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("=")],
)  # fmt: skip
def test_secret_is_hidden_in_every_form(written: str) -> None:
    assert redact(f"before {written} after", [SECRET]) == f"before {MASK} after"


@given(st.text(max_size=12), st.text(min_size=6, max_size=30), st.text(max_size=12))
def test_secret_inside_base64_is_hidden_at_any_offset(before: str, secret: str, after: str) -> None:
    encoded = base64.b64encode(f"{before}{secret}{after}".encode()).decode()
    assert MASK in redact(encoded, [secret])


def test_password_in_a_basic_header_is_hidden() -> None:
    header = "Basic " + base64.b64encode(b"admin:correct horse").decode()
    assert redact(header, ["correct horse"]).startswith("Basic YWRtaW")
    assert "Y29ycmVjdCBob3JzZQ" not in redact(header, ["correct horse"])
    assert MASK in redact(header, ["correct horse"])


def test_longer_secret_is_hidden_whole() -> None:
    assert redact("abcdef abcd", ["abcd", "abcdef"]) == f"{MASK} {MASK}"


def test_short_secrets_and_other_texts_stay() -> None:
    assert (redact("an abc", ["abc", ""]), redact("nothing", ["secret"]), redact("", ["secret"]), redact("x", [])) == (
        "an abc",
        "nothing",
        "",
        "x",
    )


def test_signs_of_patterns_are_literal() -> None:
    assert redact("a.*b axxb", ["a.*b"]) == f"{MASK} axxb"
