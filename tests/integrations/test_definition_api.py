"""A definition over HTTP: every part goes in and comes out, and the schema describes it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from drf_spectacular.validation import validate_schema

from integrations.definition import Definition
from tests.cast import Cast
from tests.integrations.test_api import Api
from tests.integrations.test_auth_forms import FULL

REST: dict[str, Any] = {
    "apiBaseUri": "https://{{settings.region}}.example.com/v1",
    "connectionFields": [
        {
            "name": "region",
            "label": "Region",
            "type": "select",
            "required": True,
            "pattern": "",
            "prefix": "",
            "suffix": ".example.com",
            "default": "eu",
            "placeholder": "eu",
            "help": "Where you signed up.",
            "options": ["eu", "us"],
            "format": "",
            "transform": "",
            "multiline": False,
            "hidden": False,
        }
    ],
    "headers": {"Accept": "application/json"},
    "query": {"api-version": "7", "tenant": "{{settings.region}}"},
    "ping": {
        "method": "POST",
        "uri": "/me",
        "alternatives": ["/account"],
        "baseUri": "https://accounts.example.com",
        "headers": {"X-Test": "1"},
        "body": {"query": "{ me { id } }"},
        "successPath": "ok",
        "successValues": ["true"],
        "allowArrayForSuccessPath": False,
        "failPath": "error",
        "failValues": ["invalid_auth"],
        "errorPath": "error",
    },
    "mediaTypes": {"request": "xml", "success": "json", "error": "plaintext", "charset": "iso8859-1"},
    "errors": [
        {
            "statuses": ["404", "5xx", "400-403"],
            "path": "error.code",
            "values": ["rate_limited"],
            "pattern": "",
            "outcome": "rate_limited",
            "message": "Slower: {{response.error.message}}",
            "messagePath": "error.message",
            "blame": "vendor",
        }
    ],
    "errorExpression": "{{response.error}}",
}


@pytest.mark.parametrize("kind", FULL)
def test_every_part_goes_in_and_comes_out(cast: Cast, kind: str) -> None:
    api = Api(cast.bob)
    made = api("POST", "integrations", {"type": "custom", "name": "Whole", "authType": kind, "auth": FULL[kind], **REST}, expect=201)
    shown = api("GET", f"integrations/{made['id']}")
    assert {name: shown[name] for name in REST} == REST
    assert {"type": shown["authType"], **shown["auth"]} == FULL[kind]
    # What was read can be written back, and changes nothing.
    again = api("PUT", f"integrations/{made['id']}", {name: shown[name] for name in ("authType", "auth", *REST)})
    assert {name: again[name] for name in ("auth", *REST)} == {name: shown[name] for name in ("auth", *REST)}


def test_single_field_of_a_method_is_changed_without_the_others(cast: Cast) -> None:
    api = Api(cast.bob)
    made = api("POST", "integrations", {"type": "custom", "name": "Whole", "authType": "oauth2", "auth": FULL["oauth2"]}, expect=201)
    changed = api("PATCH", f"integrations/{made['id']}", {"auth": {"refreshBuffer": 3600}})
    assert {"type": "oauth2", **changed["auth"]} == {**FULL["oauth2"], "refreshBuffer": 3600}


def test_wrong_values_are_told_by_their_fields(cast: Cast) -> None:
    auth = {"grantType": "telepathy", "refreshBuffer": 1, "assertion": {"lifetime": 1}}
    refused = Api(cast.bob)("POST", "integrations", {"type": "custom", "name": "Whole", "authType": "oauth2", "auth": auth}, expect=422)
    assert sorted(error["field"] for error in refused["errors"]) == ["auth.assertion.lifetime", "auth.grantType", "auth.refreshBuffer"]


def test_schema_is_valid_and_knows_every_field_of_a_definition(cast: Cast) -> None:
    schema = json.loads(Api(cast.bob).client.get("/api/schema/", headers={"Accept": "application/json"}).content)
    validate_schema(schema)
    parts = schema["components"]["schemas"]

    def known(model: str) -> set[str]:
        return set(parts[model]["properties"])

    assert known("Definition") == set(Definition().dump())
    for kind, model in {
        "oauth2": "OAuth2Auth",
        "login": "LoginAuth",
        "apikey": "ApiKeyAuth",
        "jwt": "JwtAuth",
        "basic": "BasicAuth",
    }.items():
        assert known(model) == set(FULL[kind])
    assert known("ConnectionField") == set(REST["connectionFields"][0])
    assert known("Ping") == set(REST["ping"])
    assert set(parts["IntegrationRequest"]["properties"]) >= set(REST)
    assert parts["OAuth2Auth"]["properties"]["refreshBuffer"] == {
        "default": 60,
        "maximum": 3600,
        "minimum": 30,
        "title": "Refreshbuffer",
        "type": "integer",
    }
