"""What can be stored, and what the doors of the API and of pages do with the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from actions import runs
from integrations import icons, json_text
from integrations.models import Integration, Organization, User
from integrations.storable import DEEPEST, flaw, mended
from tests.cast import MakeConnection, MakeIntegration, action_of, action_values
from tests.pages import signed_in, text

NUL = "A text holds the character NUL, which cannot be stored. Remove it."
HALF = "A text holds half of a character (a lone surrogate), which cannot be stored. Enter it again."
NUMBER = "A number is too large, or is none. Enter a smaller one, or send it as text."
DEEP = "The value is nested more than 100 levels deep. Make it flatter."


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"a": [1, None, True, 1.5, "ü", "\U0001f600", 2**80]}, ""),
        ("a\0b", NUL),
        ({"\0": 1}, NUL),
        ([{"a": "\ud800"}], HALF),
        ({"\udfff": 1}, HALF),
        ([float("inf")], NUMBER),
        (float("nan"), NUMBER),
        (nested(DEEPEST), ""),
        (nested(DEEPEST + 1), DEEP),
        (nested(100_000), DEEP),
    ],
)
def test_flaw_says_why_a_value_cannot_be_stored(value: Any, sentence: str) -> None:
    assert flaw(value) == sentence


def test_mended_replaces_only_what_cannot_be_stored() -> None:
    value = {"a\0": ["\ud800x", "\ud83d\ude00", "ü", 1, None]}
    assert mended(value) == {"a�": ["�x", "\U0001f600", "ü", 1, None]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"id": 123456789012345678901234567890}', {"id": 123456789012345678901234567890}),
        (b"[18446744073709551616, -9223372036854775809]", [2**64, -(2**63) - 1]),
        (b"[18446744073709551615, -9223372036854775808, 1.10, 1e5]", [2**64 - 1, -(2**63), 1.1, 100000.0]),
        (b"[NaN, Infinity, -Infinity]", ["NaN", "Infinity", "-Infinity"]),
        (b'\xef\xbb\xbf{"a": 1, "a": 2}', {"a": 2}),
        ('{"name": "M\u00fcller"}'.encode("utf-16"), {"name": "M\u00fcller"}),
        (b'"\\ud83d"', "\ud83d"),
        (b"[" * 900 + b"]" * 900, None),
    ],
)
def test_json_of_servers_is_read_without_loss(text: bytes, value: Any) -> None:
    found = json_text.load(text)
    while value is None and found:
        (found,) = found
    assert found == (value or [])
    assert type(found) is type(value or [])


@pytest.mark.parametrize("text", [b"", b"{", b'{"a": 1,}', b"[1] [2]", b"\xff", b"[" * 100_000])
def test_what_is_no_json_says_so(text: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        json_text.load(text)


@pytest.mark.parametrize("value", [{"b": 2**70, "a": "ü"}, [1.5, None], nested(300)])
def test_json_text_holds_what_orjson_does_not(value: Any) -> None:
    assert json.loads(json_text.dump(value)) == value
    assert json.loads(json_text.dump(value, indent=True)) == value


# --- the API --------------------------------------------------------------------------------------------------------


def refused(answer: Any, status: int) -> str:
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    return str(answer.json()["detail"])


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (rb'{"name": "a\u0000"}', 422, NUL),
        (rb'{"name": "\ud800"}', 422, HALF),
        (rb'{"\ud800": 1}', 422, HALF),
        (rb'{"data": 1e400}', 422, NUMBER),
        (b'{"data": ' + b"[" * 200 + b"]" * 200 + b"}", 422, DEEP),
        (b"[" * 100_000, 400, "The JSON is nested too deeply. Send a JSON object."),
        (json.dumps({"name": "A", "type": "x" * 101}).encode(), 422, "At most 100 characters."),
        (json.dumps({"name": "A", "type": "x", "category": "x" * 101}).encode(), 422, "At most 100 characters."),
    ],
)
def test_api_refuses_what_cannot_be_stored(bob: User, body: bytes, status: int, detail: str) -> None:
    answer = signed_in(bob).post("/api/integrations", body, content_type="application/json")
    assert refused(answer, status) == detail
    assert Integration.objects.count() == 0


def test_api_refuses_a_body_beyond_the_limit(bob: User, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    answer = signed_in(bob).post("/api/integrations", b" " * 101, content_type="application/json")
    assert refused(answer, 413) == "The body of the request is too large. Send less, or a document as a file in multipart/form-data."


@pytest.mark.parametrize("query", ["?q=%00", "?status=a%00", "/%00", "/%00/actions"])
def test_api_refuses_nul_in_the_address(bob: User, query: str) -> None:
    answer = signed_in(bob).get(f"/api/integrations{query}")
    assert refused(answer, 400) == "The address or the body is not what HTTP allows here. Check it."


@pytest.mark.parametrize("address", ["/integrations/?q=%00", "/integrations/%00/", "/runs/?verdict=%00"])
def test_pages_refuse_nul_in_the_address(bob: User, address: str) -> None:
    answer = signed_in(bob).get(address)
    assert (answer.status_code, answer.templates[0].name) == (400, "400.html")


def test_token_endpoint_knows_no_client_with_nul(db: None) -> None:
    answer = Client().post("/o/token/", {"grant_type": "client_credentials", "client_id": "a\0", "client_secret": "b"})
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


def test_token_url_over_http_with_a_query_is_judged(bob: User) -> None:
    body = {"name": "B", "type": "custom", "authType": "oauth2", "tokenUri": "http://a.example?b=c"}
    answer = signed_in(bob).post("/api/integrations", body, content_type="application/json")
    assert answer.json()["errors"] == [
        {
            "field": "auth.tokenUri",
            "message": "http:// sends credentials unencrypted, so it is accepted only for networks named in EGRESS_ALLOW, "
            "and a.example is not in one. Use https://.",
        }
    ]


# --- pages ----------------------------------------------------------------------------------------------------------


def test_form_refuses_json_that_cannot_be_stored(bob: User, make_integration: MakeIntegration) -> None:
    integration = make_integration(status="draft")
    form = {
        "name": "A", "method": "POST", "path": "/a", "body_schema": r'{"a": "\u0000"}',
        "parameters-TOTAL_FORMS": "0", "parameters-INITIAL_FORMS": "0",
    }  # fmt: skip
    answer = signed_in(bob).post(f"{reverse('wizard-step', args=[integration.slug, 'actions'])}?new", form)
    assert answer.status_code == 422
    assert dict(answer.context["editor"].form.errors) == {"body_schema": [NUL]}


@pytest.mark.parametrize("target", ["foo", "a b", "//evil.example", "javascript:alert(1)"])
def test_switch_of_organization_goes_home_where_next_is_no_path(carol: User, client_a: Organization, target: str) -> None:
    answer = signed_in(carol).post(reverse("organization-switch"), {"organization": client_a.pk, "next": target})
    assert (answer.status_code, answer["Location"]) == (302, "/")


@pytest.mark.parametrize("tags", [2000, 12000])
def test_icon_of_endless_nesting_is_refused_with_a_sentence(tags: int) -> None:
    with pytest.raises(ValueError) as refused:
        icons.check(f'<svg xmlns="http://www.w3.org/2000/svg">{"<g>" * tags}{"</g>" * tags}</svg>'.encode())
    assert str(refused.value) == "The icon nests its elements too deeply for a drawing. Export a simpler SVG."


def test_inputs_beyond_64_bits_are_shown(make_integration: MakeIntegration, make_connection: MakeConnection, carol: User) -> None:
    integration = make_integration(actions=[action_values(parameters=[{"name": "n", "in": "query", "type": "integer"}])])
    run = runs.start(action=action_of(integration), connection=make_connection(integration), user=carol, inputs={"n": 2**70})
    assert str(2**70) in text(signed_in(carol).get(reverse("run-detail", args=[run.pk])))
