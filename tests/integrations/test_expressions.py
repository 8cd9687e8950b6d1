"""Placeholders: what they read, what they refuse, and where a value may lead a URL."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.expressions import MissingValue, open_host, parse, paths_of, render, render_all, render_url

VALUES: dict[str, Any] = {
    "settings": {"region": "eu", "host": "acme.example.com", "path": "a b/c", "flag": True, "url": "https://x.example.com:8443/base"},
    "credentials": {"username": "u", "password": "p:w"},
    "steps": {"1": {"items": [{"id": 7}]}},
}


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("plain $ { } text", "plain $ { } text"),
        ("{{settings.region}} and ${ settings.region }", "eu and eu"),
        ('Basic {{base64(credentials.username, ":", credentials.password)}}', "Basic dTpwOnc="),
        ("{{steps.1.items[0].id}}{{settings.flag}}", "7true"),
        ('{{settings.none || settings.other || "x"}}', "x"),
        ("a {{settings.none}} || b {{settings.region}}", "b eu"),
        ('{{upper(join("a", settings.region))}}', "AEU"),
        ('{{before(credentials.password, ":")}}/{{after(credentials.password, ":")}}', "p/w"),
        ('{{sha256Hex("abc")}}', "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ('{{hmacSha256Hex("key", "The quick brown fox jumps over the lazy dog")}}', "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"),
        ('{{ "}}" }}', "}}"),
    ],
)  # fmt: skip
def test_text_is_rendered(text: str, rendered: str) -> None:
    assert render(text, VALUES) == rendered


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://{{settings.region}}.api.com/{{settings.path}}?q={{settings.path}}", "https://eu.api.com/a%20b/c?q=a%20b%2Fc"),
        ("https://{{settings.url}}/v1", "https://x.example.com:8443/base/v1"),
        ("{{settings.url}}/v1", "https://x.example.com:8443/base/v1"),
        ("{{settings.region}}.example.com", "eu.example.com"),
    ],
)
def test_url_is_encoded_for_each_place(text: str, url: str) -> None:
    assert render_url(text, VALUES) == url


@pytest.mark.parametrize(
    "value", ["evil.test/", "evil.test/x", "evil.test?", "evil.test#", "a@evil.test", "https://evil.test/x", "evil\\x", ""]
)
@pytest.mark.parametrize(
    "text", ["https://{{settings.v}}.example.com/x", "{{settings.v}}.example.com/x", "https://a.{{settings.v}}.example.com/x"]
)
def test_value_in_a_host_leads_nowhere_else(text: str, value: str) -> None:
    try:
        found = render_url(text, {"settings": {"v": value}})
    except (ValueError, MissingValue):
        return
    assert found.removeprefix("https://").partition("/")[0].endswith(".example.com")


@pytest.mark.parametrize(
    ("url", "is_open"),
    [
        ("https://api.example.com/{{settings.a}}", False),
        ("https://{{settings.a}}.example.com/x", False),
        ("https://{{settings.a}}/x", True),
        ("{{settings.a}}/x", True),
        ("https://example.{{settings.a}}/x", True),
        ("https://{{settings.a}}:8443/x", True),
        ("https://{{settings.list}}/x", False),
        ("https://{{settings.a}}.example.com/x || https://{{settings.b}}/x", True),
    ],
)
def test_open_host_is_one_that_values_choose(url: str, is_open: bool) -> None:
    assert open_host(url, ["settings.list"]) is is_open


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{{settings.a", "A placeholder is not closed. It begins with {{ and ends with }}: {{settings.a"),
        ("{{}}", "The placeholder {{}} cannot be read: something is missing in it."),
        ("{{a b}}", "The placeholder {{a b}} cannot be read: there is something after its end."),
        ("{{system('ls')}}", None),
        ("{{base64()}}", "The placeholder {{base64()}} cannot be read: base64 takes 1 to 20 arguments."),
        ("{{" + "base64(" * 20 + "a" + ")" * 20 + "}}", None),
    ],
)
def test_text_that_cannot_be_read_is_told(text: str, sentence: str | None) -> None:
    with pytest.raises(ValueError) as caught:
        parse(text)
    assert sentence is None or str(caught.value) == sentence


def test_missing_value_is_named() -> None:
    with pytest.raises(MissingValue) as caught:
        render("{{settings.none}}", VALUES)
    assert str(caught.value) == "settings.none has no value."


def test_documents_are_rendered_whole_and_say_what_they_read() -> None:
    document = {"a": ["{{settings.region}}", 1, None], "b": {"c": "{{base64(credentials.username)}}"}}
    assert render_all(document, VALUES) == {"a": ["eu", 1, None], "b": {"c": "dQ=="}}
    assert paths_of(document) == {"settings.region", "credentials.username"}


@given(st.text(alphabet="{}$|\"'()., ab\\\n0[]", max_size=60))
def test_no_text_makes_parsing_fail_in_another_way(text: str) -> None:
    try:
        template = parse(text)
    except ValueError:
        return
    try:
        template.render(VALUES)
    except MissingValue:
        return
