"""Entries of a catalogue as definitions: what comes of each key, and that nothing gets lost without being named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integrations import expressions, signing
from integrations.definition import ConnectionField
from integrations.expressions.functions import FUNCTIONS
from integrations.providers import CatalogueError, convert, read
from integrations.providers.entry import Inexpressible
from integrations.providers.texts import Scope, setting_name, strftime

SCOPE = Scope(credentials={"apiKey": "apiKey", "user": "user"}, optional={"settings.site"}, has_token=True, random="request.id")


@pytest.mark.parametrize(
    ("written", "ours"),
    [
        ("plain", "plain"),
        ("https://${connectionConfig.shop}.example.com/v1", "https://{{settings.shop}}.example.com/v1"),
        ("${connectionConfig.host} || api.example.com", "{{settings.host}} || api.example.com"),
        ("${connectionConfig.a} || ${connectionConfig.a}", "{{settings.a}}"),
        ("Bearer ${accessToken}", "Bearer {{token}}"),
        ("${apiKey}:${credentials.user}", "{{credentials.apiKey}}:{{credentials.user}}"),
        ("x ${connectionConfig.site}", '{{join("x ", settings.site) || ""}}'),
        ("${connectionConfig.site}", '{{settings.site || ""}}'),
        ("${connectionConfig.team.id}", "{{settings.team_id}}"),
        ("${base64(${apiKey}:)}", '{{base64(credentials.apiKey, ":")}}'),
        ("${sha256Hex(${base64(${random}${apiKey})})}", "{{sha256Hex(base64(request.id, credentials.apiKey))}}"),
        ('${hmacSha1Hex(say "${method}"\n${path}, ${apiKey})}', '{{hmacSha1Hex(credentials.apiKey, "say \\"", request.method, "\\"\\n", request.path)}}'),
        ("${now:YYYYMMDDTHHmmss[Z]}", '{{now("%Y%m%dT%H%M%SZ")}}'),
        ("${now+7:days:YYYY-MM-DD}", '{{now("%Y-%m-%d", "7d")}}'),
        ("${now-1:hours:X}", '{{now("seconds", "-1h")}}'),
        ("${now}", '{{now("iso")}}'),
        ("${step1.url}/token", "{{steps.1.url}}/token"),
        ("${bodyCanonicalParams}", '{{request.body || ""}}'),
        ("literal {{braces}}", 'literal {{"{{"}}braces}}'),
    ],
)  # fmt: skip
def test_placeholders_are_said_in_our_words(written: str, ours: str) -> None:
    assert SCOPE.translate(written).text == ours
    expressions.parse(ours)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("${unknown}", "${unknown} is a placeholder that Junction does not know."),
        ("${a b}", "${a b} is a placeholder that Junction does not know."),
        ("${apiKey", "A placeholder is not closed by }."),
        ("${" * 5000, "More than 8 placeholders stand in one another."),
        ("x" * 20_001, "A text has at most 20,000 characters; this one has 20,001."),
        ("${rot13(${apiKey})}", "rot13 is a function that Junction does not have."),
        ("${now:YYYY-Q}", "Q in the date format YYYY-Q is not known here."),
        ("${now+1:fortnights:X}", "A span of fortnights is not known here."),
    ],
)
def test_placeholders_that_cannot_be_said_are_refused_with_a_sentence(written: str, reason: str) -> None:
    with pytest.raises(Inexpressible) as caught:
        SCOPE.translate(written)
    assert str(caught.value) == reason


def test_escaped_text_of_a_placeholder_means_what_it_meant() -> None:
    text = 'a "b"\n\\c {{d}} %'
    translated = SCOPE.translate(f"${{base64({text})}}").text
    assert expressions.render(translated, {}) == FUNCTIONS["base64"].work(text)
    assert expressions.render(SCOPE.translate(text).text, {}) == text


@pytest.mark.parametrize(
    ("form", "ours"), [("ddd, DD MMM YYYY HH:mm:ss ZZ", "%a, %d %b %Y %H:%M:%S +0000"), ("[at] hh A 100%", "at %I %p 100%%")]
)
def test_date_formats_are_said_in_strftime(form: str, ours: str) -> None:
    assert strftime(form) == ours


@pytest.mark.parametrize(
    ("name", "ours"),
    [("region", "region"), ("accounts-server", "accounts-server"), ("a.b", "a_b"), ("2fa", "x2fa"), ("baseUri", "baseUri_")],
)
def test_setting_names_are_those_that_a_placeholder_can_hold(name: str, ours: str) -> None:
    assert setting_name(name) == ours
    ConnectionField(name=ours)


def test_signature_version_4_is_the_one_of_the_published_example() -> None:
    # "get-vanilla" of Amazon's test suite for signers.
    header = signing.aws_v4(
        "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service", "example.amazonaws.com", "GET", "/", "", "", "20150830T123600Z"
    )  # fmt: skip
    assert header == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, "
        "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )


def entry(**more: Any) -> dict[str, Any]:
    return {
        "display_name": "Harbor",
        "auth_mode": "API_KEY",
        "proxy": {"base_url": "https://api.harbor.example", "headers": {"x-key": "${apiKey}"}},
        **more,
    }


def lost(values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(note.path, note.reason) for note in convert("harbor", values).losses]


def test_keys_that_nobody_knows_are_lost_by_name() -> None:
    found = lost(entry(flux={"a": 1, "b": [2]}, proxy={"base_url": "https://x.example", "headers": {"k": "${apiKey}"}, "speed": "fast"}))
    assert found == [(path, "This key is not known here.") for path in ("proxy.speed", "flux.a", "flux.b[0]")]


def test_keys_of_another_method_are_noted_and_not_lost() -> None:
    converted = convert("harbor", entry(authorization_url="https://x.example/a", token_params={"grant_type": "authorization_code"}))
    assert (converted.losses, [note.path for note in converted.notes]) == ([], ["authorization_url", "token_params"])


def test_documentation_and_programs_are_no_loss_and_programs_are_noted() -> None:
    converted = convert("harbor", entry(docs="https://d.example", webhook_routing_script="w", post_connection_script="harborAfter"))
    assert (converted.losses, [(note.path, note.reason) for note in converted.notes]) == (
        [],
        [("post_connection_script", "The catalogue's own service runs harborAfter, a program that looks things up after connecting. The file has only its name, so Junction does not.")],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"auth_mode": "OAUTH1"}, [("auth_mode", "OAuth 1.0 signs each request with two secrets, which Junction does not do.")]),
        ({"auth_mode": "TELEPATHY"}, [("auth_mode", "TELEPATHY is no method of authentication that is known here.")]),
        (entry(auth_mode="OAUTH2", authorization_url="https://a.example", proxy={}), [("token_url", "The entry has no token URL, without which there is no token.")]),
        (entry(proxy={"base_url": "https://x.example", "paginate": {"type": "cursor"}}), [("proxy.paginate", "A cursor needs cursor_name_in_request and cursor_path_in_response, and the entry lacks one of them.")]),
        (entry(proxy={"base_url": "https://x.example", "forward_headers_on_redirect": True}), [("proxy.forward_headers_on_redirect", "Credentials go to the server of the base URL only, never along with a redirect to another one. Enter the final address.")]),
        (entry(credentials={"apiKey": {"title": "Key", "pattern": "["}}), [("credentials.apiKey.pattern", "The pattern [ is not a regular expression.")]),
        (entry(proxy={"base_url": "ftp://x"}), [("apiBaseUri", "ftp:// cannot be called. A base URI starts with https://, for example https://api.example.com/v1.")]),
        (entry(auth_mode="TWO_STEP", proxy={}, token_url="https://x.example", token_response={"token": "t"}, body_format="morse"), [("body_format", "A login is sent as JSON, as a form or as XML, not as morse.")]),
        ({"auth_mode": "NONE", "proxy": {"base_url": "https://x.example", "body": {"a": "b"}}}, [("proxy.body", "An integration without authentication has no credentials to send.")]),
    ],
)  # fmt: skip
def test_what_cannot_be_expressed_is_said_with_its_path(values: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert lost(values) == found


def test_fields_have_what_the_entry_says_about_them_in_its_order() -> None:
    config = {
        "region": {"type": "string", "title": "Region", "description": "Where.", "enum": ["eu", "us"], "default_value": "eu", "order": 2},
        "shop": {"type": "string", "title": "Shop", "description": "Yours.", "pattern": "^[a-z]+$", "example": "acme", "prefix": "https://", "suffix": ".x.example", "format": "hostname", "order": 1},
        "appSecret": {"type": "string", "title": "Secret", "description": "", "secret": True, "optional": True},
        "edition": {"type": "string", "title": "", "description": "", "default_value": "v1", "hidden": True},
        "found": {"type": "string", "title": "", "description": "", "automated": True},
    }  # fmt: skip
    converted = convert("harbor", entry(connection_config=config))
    assert converted.losses == []
    assert converted.definition is not None
    assert [one.model_dump(exclude_defaults=True) for one in converted.definition.connection_fields] == [
        {"name": "shop", "label": "Shop", "help": "Yours.", "pattern": "^[a-z]+$", "placeholder": "acme", "prefix": "https://", "suffix": ".x.example", "format": "hostname"},
        {"name": "region", "label": "Region", "help": "Where.", "type": "select", "options": ["eu", "us"], "default": "eu"},
        {"name": "appSecret", "label": "Secret", "type": "password", "required": False},
        {"name": "edition", "required": False, "default": "v1", "hidden": True},
    ]  # fmt: skip


def test_field_without_which_nothing_can_be_called_is_required_whatever_the_entry_says() -> None:
    field = {"type": "string", "title": "", "description": ""}
    config = {
        "shop": {**field, "optional": True},
        "zone": {**field, "hidden": True},
        "cell": {**field, "automated": True},
        "spare": {**field, "optional": True},
    }
    base = "https://${connectionConfig.shop}.${connectionConfig.zone}.${connectionConfig.cell}.example.com"
    converted = convert(
        "harbor", entry(connection_config=config, proxy={"base_url": base, "headers": {"k": "${apiKey}", "s": "${connectionConfig.spare}"}})
    )
    assert converted.definition is not None
    assert [(one.name, one.required, one.hidden) for one in converted.definition.connection_fields] == [
        ("shop", True, False),
        ("zone", True, False),
        ("cell", True, False),
        ("spare", False, False),
    ]
    assert [note.path for note in converted.notes] == ["connection_config.shop", "connection_config.zone", "connection_config.cell"]


def test_lists_limits_and_test_are_what_the_entry_says() -> None:
    proxy = {
        "base_url": "https://api.harbor.example",
        "headers": {"authorization": "Key ${apiKey}"},
        "paginate": {"type": "cursor", "cursor_name_in_request": "after", "cursor_path_in_response": "paging.next", "limit_name_in_request": "limit", "response_path": "data"},
        "retry": {"after": ["retry-after", "x-wait"], "remaining": "x-left", "error_code": ["403", "5xx"], "in_body": {"path": "error.message", "value": "/until (.+)/", "strategy": "at"}},
        "verification": {"method": "GET", "endpoints": ["/me", "/v2/me"], "base_url_override": "https://auth.harbor.example", "headers": {"accept": "text/json"}},
        "decompress": True,
    }  # fmt: skip
    converted = convert("harbor", entry(proxy=proxy))
    assert converted.losses == []
    assert converted.definition is not None
    found = converted.definition.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    assert found["pagination"] == {"resultsKey": "data", "pageSizeParam": "limit", "afterParam": "after", "pointerPath": "paging.next"}
    assert found["rateLimit"] == {
        "retryAfterHeaders": ["x-wait"],
        "remainingHeader": "x-left",
        "statuses": ["403", "5xx"],
        "body": {"path": "error.message", "pattern": "until (.+)", "kind": "at"},
    }
    assert found["ping"] == {
        "uri": "/me",
        "alternatives": ["/v2/me"],
        "baseUri": "https://auth.harbor.example",
        "headers": {"accept": "text/json"},
    }
    assert found["auth"] == {"apiKeyName": "authorization", "apiKeyPreamble": "Key"}


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ({"type": "offset", "offset_name_in_request": "skip", "offset_start_value": 5}, {"type": "index", "indexParam": "skip", "startIndex": 5}),
        ({"type": "offset", "offset_name_in_request": "page", "limit_name_in_request": "per_page"}, {"type": "page", "pageParam": "page", "pageSizeParam": "per_page"}),
        ({"type": "link", "link_rel_in_response_header": "next"}, {"type": "link", "nextLinkLocation": "header"}),
        ({"type": "link", "link_path_in_response_body": "links.next"}, {"type": "link", "nextPageKey": "links.next"}),
    ],
)  # fmt: skip
def test_pagination_is_of_the_kind_that_the_entry_means(given: dict[str, Any], ours: dict[str, Any]) -> None:
    converted = convert("harbor", entry(proxy={"base_url": "https://x.example", "headers": {"k": "${apiKey}"}, "paginate": given}))
    assert converted.losses == []
    assert converted.definition is not None
    pagination = converted.definition.pagination
    assert {"type": pagination.type, **pagination.model_dump(mode="json", by_alias=True, exclude_defaults=True)} == ours


def test_alias_inherits_and_replaces_whole_keys() -> None:
    catalogue = {
        "base": entry(docs="x"),
        "child": {"alias": "base", "display_name": "Child", "proxy": {"base_url": "https://child.example"}},
    }
    found = read(json.dumps(catalogue).encode())["child"]
    assert found == {"display_name": "Child", "auth_mode": "API_KEY", "docs": "x", "proxy": {"base_url": "https://child.example"}}


def test_aliases_that_lead_nowhere_are_said() -> None:
    found = read(b"a: {alias: gone}\nb: {alias: c}\nc: {alias: b}\nd: 7\n")
    assert found == {
        "a": "It is an alias of gone, which is not in the file.",
        "b": "More than 5 aliases lead from one to the next.",
        "c": "More than 5 aliases lead from one to the next.",
        "d": "The entry is no object.",
    }


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\xff\xfe", "The file is not UTF-8 text (byte 1). Save it as UTF-8."),
        (b"a: [1", "The file is neither YAML nor JSON: did not find expected ',' or ']' (line 2, column 1)."),
        (b"[]", "The file holds no entries. A catalogue is an object: the key of each provider, and below it what it says."),
        (b"", "The file holds no entries. A catalogue is an object: the key of each provider, and below it what it says."),
    ],
)
def test_file_that_is_no_catalogue_is_refused_with_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        read(data)
    assert str(caught.value) == sentence
