"""The wizard's forms of authentication: every setting goes in and comes back, rows say what is wrong with them, hosts hold placeholders."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pydantic import BaseModel

from integrations import services
from integrations.definition import AUTH_CLASSES, Definition, missing
from integrations.models import Integration
from integrations.wizard.auth_forms import AUTH_FORMS
from tests.cast import Cast, MakeIntegration
from tests.pages import errors, signed_in

PING = {"ping_method": "GET"}
STEP = {
    "method": "POST",
    "url": "https://api.example.com/login",
    "bodyFormat": "json",
    "params": {},
    "text": "",
    "headers": {},
    "extract": {},
}

CREDENTIAL = {
    "name": "apiKey",
    "label": "Secret key",
    "type": "password",
    "required": True,
    "pattern": "^sk_",
    "prefix": "",
    "suffix": "",
    "default": "",
    "placeholder": "sk_…",
    "help": "Under Settings.",
    "format": "",
    "transform": "lowercase",
    "multiline": True,
    "hidden": False,
    "options": [],
}


@pytest.fixture
def browser(cast: Cast) -> Client:
    return signed_in(cast.bob)


@pytest.fixture
def draft(make_integration: MakeIntegration) -> Integration:
    return make_integration(status="draft")


def url(integration: Integration, step: str = "auth") -> str:
    return reverse("wizard-step", args=[integration.slug, step])


def prepared(draft: Integration, auth: dict[str, Any], **more: Any) -> Integration:
    services.change_definition(integration=draft, auth=auth, **more)
    return draft


def saved(draft: Integration) -> Definition:
    return Integration.objects.get(pk=draft.pk).working.definition


def as_sent(page: Any) -> dict[str, Any]:
    """What a browser would send back for a page's form as it was drawn, without a script."""

    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.data: dict[str, list[str]] = {}
            self.area = self.select = ""
            self.written = ""

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found = dict(attrs)
            name = found.get("name") or ""
            kind = found.get("type", "text")
            if tag == "input" and name and "disabled" not in found and (kind not in ("checkbox", "radio") or "checked" in found):
                self.data.setdefault(name, []).append(found.get("value") or ("on" if kind == "checkbox" else ""))
            elif tag == "textarea":
                self.area, self.written = name, ""
            elif tag == "select":
                self.select = name
            elif tag == "option" and "selected" in found:
                self.data[self.select] = [found.get("value") or ""]

        def handle_data(self, data: str) -> None:
            self.written += data

        def handle_endtag(self, tag: str) -> None:
            if tag == "textarea":
                self.data[self.area] = [self.written.removeprefix("\n").strip("\r\n")]

    reader = Reader()
    reader.feed(page.content.decode())
    return reader.data


FULL: dict[str, dict[str, Any]] = {
    "apikey": {
        "type": "apikey",
        "apiKeyName": "X-Key",
        "apiKeyLocation": "query",
        "apiKeyPreamble": "Token",
        "credentialFields": [CREDENTIAL],
        "placements": [
            {"location": "header", "name": "DD-API-KEY", "value": "{{credentials.apiKey}}"},
            {"location": "cookie", "name": "app", "value": "{{credentials.appKey}}"},
        ],
    },
    "basic": {
        "type": "basic",
        "usernameLabel": "API key",
        "passwordLabel": "Nothing",
        "usernameTemplate": "{{credentials.username}}/token",
        "passwordTemplate": "x",
        "credentialFields": [CREDENTIAL],
        "placements": [{"location": "header", "name": "X-Auth", "value": "{{base64(credentials.username)}}"}],
    },
    "bearer": {"type": "bearer"},
    "digest": {"type": "digest"},
    "none": {"type": "none"},
    "oauth2": {
        "type": "oauth2",
        "grantType": "authorization_code",
        "authUri": "https://{{settings.region}}.example.com/authorize",
        "tokenUri": "https://auth.example.com/token",
        "refreshUri": "https://auth.example.com/refresh",
        "revocationUri": "https://auth.example.com/revoke",
        "clientId": "junction",
        "scope": "read write",
        "scopeSeparator": ",",
        "pkce": "off",
        "clientAuthentication": "body",
        "refreshClientAuthentication": "basic",
        "tokenRequestMethod": "GET",
        "tokenRequestContentType": "application/json",
        "authorizationParams": {"access_type": "offline", "response_type": ""},
        "tokenParams": {"audience": "x"},
        "refreshParams": {"scope": "read"},
        "tokenHeaders": {"X-Version": "2"},
        "refreshHeaders": {"Authorization": "Bearer {{credentials.accessToken}}"},
        "paramNames": {"client_id": "client_key"},
        "includeClientConfigOnRefresh": False,
        "includeRedirectUriOnRefresh": True,
        "codeParam": "auth_code",
        "callbackSettings": {"realm": "realmId"},
        "assertion": {
            "algorithm": "ES256",
            "key": "{{credentials.signingKey}}",
            "keyEncoding": "hex",
            "header": {"kid": "{{credentials.keyId}}"},
            "claims": {"scope": ["a", "b"], "sub": "{{settings.user}}"},
            "lifetime": 60,
        },
        "placements": [{"location": "query", "name": "token", "value": "{{token}}"}],
        "authorizationParamNames": {"scope": "scopes"},
        "unencodedParams": ["scope"],
        "clientCertificate": True,
        "validDomainNames": ["example.com"],
        "alternateTokenPath": "authed_user",
        "credentialFields": [CREDENTIAL],
        "tokenKey": "data.token",
        "tokenTypeKey": "token_type",
        "refreshTokenKey": "data.refresh",
        "tokenExpirationKey": "data.expires",
        "tokenExpirationFormat": "milliseconds",
        "defaultTokenLifetime": 900,
        "tokenSettings": {"instance_url": "instance_url"},
        "accessTokenScheme": "Token",
        "tokenLocation": "cookie",
        "tokenName": "session",
        "tokenRefreshStrategy": "custom_interval",
        "customRefreshInterval": 300,
        "refreshBuffer": 30,
        "rejected": {"statuses": [401, 498], "path": "error.code", "values": ["602", "expired"]},
        "revoked": {"statuses": [403], "path": "reason", "values": ["gone"]},
    },
    "login": {
        "type": "login",
        "credentialNames": ["username", "password", "companyId"],
        "steps": [
            {**STEP, "params": {"user": "{{credentials.username}}", "deep": {"a": [1, True]}}, "extract": {"id": "data.id", "sid": "cookie:SID"}},
            {**STEP, "method": "GET", "bodyFormat": "query", "headers": {"X-Session": "{{steps.1.id}}"}},
            {**STEP, "bodyFormat": "xml", "params": {"login": {"$version": "1"}}},
        ],
        "refreshStep": {**STEP, "url": "https://api.example.com/renew", "method": "PUT"},
        "keepCookies": True,
        "placements": [],
        "alternateTokenPath": "",
        "assertion": {"algorithm": "RS256", "key": "{{credentials.privateKey}}", "keyEncoding": "text", "header": {}, "claims": {"iss": "x"}, "lifetime": 60},
        "credentialFields": [CREDENTIAL],
        "tokenKey": "header:X-Token",
        "tokenTypeKey": "",
        "refreshTokenKey": "",
        "tokenExpirationKey": "",
        "tokenExpirationFormat": "duration",
        "defaultTokenLifetime": 1200,
        "tokenSettings": {},
        "accessTokenScheme": "",
        "tokenLocation": "none",
        "tokenName": "X-Token",
        "tokenRefreshStrategy": "automatic",
        "customRefreshInterval": 3000,
        "refreshBuffer": 3600,
        "rejected": {"statuses": [400], "path": "", "values": []},
        "revoked": {"statuses": [], "path": "", "values": []},
    },
    "jwt": {
        "type": "jwt",
        "assertion": {
            "algorithm": "HS256",
            "key": "{{credentials.secret}}",
            "keyEncoding": "base64",
            "header": {},
            "claims": {"iss": "{{credentials.keyId}}"},
            "lifetime": 120,
        },
        "accessTokenScheme": "JWT",
        "placements": [],
        "credentialFields": [CREDENTIAL],
    },
}  # fmt: skip


def test_every_setting_of_every_method_is_in_the_example() -> None:
    assert {kind: set(auth) for kind, auth in FULL.items()} == {kind: set(part().dump()) for kind, part in AUTH_CLASSES.items()}


@pytest.mark.parametrize("kind", FULL)
def test_every_setting_of_a_method_has_an_input(kind: str) -> None:
    def names(model: type[BaseModel], prefix: str = "") -> set[str]:
        found = set()
        for name, field in model.model_fields.items():
            inner = field.annotation
            nested = isinstance(inner, type) and issubclass(inner, BaseModel)
            found |= names(inner, f"{prefix}{name}__") if nested else {f"{prefix}{name}"}  # type: ignore[arg-type]
        return found

    form = AUTH_FORMS[kind]
    assert set(form.base_fields) - set(form.beside) == names(form.part) - {"type"}


@pytest.mark.parametrize("kind", FULL)
def test_every_input_of_a_method_says_what_it_is_for(kind: str) -> None:
    silent = {name for name, field in AUTH_FORMS[kind].base_fields.items() if not field.help_text}
    assert silent == ({"grant_type"} if kind == "oauth2" else set()), "each grant has a card that says when to choose it"


@pytest.mark.parametrize("kind", FULL)
def test_form_that_is_sent_back_as_it_was_drawn_changes_nothing(kind: str, browser: Client, draft: Integration) -> None:
    prepared(
        draft,
        FULL[kind],
        connection_fields=[
            {"name": "region", "label": "Region", "type": "select", "options": ["eu", "us"], "default": "eu", "required": False},
            {"name": "tenant", "type": "text", "prefix": "https://", "suffix": ".example.com", "pattern": "^[a-z]+$", "help": "Ask.", "placeholder": "acme"},
            {"name": "pin", "type": "password"},
        ],
        headers={"Accept": "application/json"},
        query={"api-version": "7"},
        ping={"method": "POST", "uri": "/me", "alternatives": ["/a", "/b"], "headers": {"X": "1"}, "body": {"q": "{me}"}, "baseUri": "https://other.example.com",
              "successPath": "ok", "successValues": ["true", "yes"], "allowArrayForSuccessPath": True,
              "failPath": "error", "failValues": ["invalid_auth"], "errorPath": "error"},
    )  # fmt: skip
    before = saved(draft)
    assert before.auth.dump() == FULL[kind]
    page = browser.get(url(draft))
    answer = browser.post(url(draft), as_sent(page))
    assert (answer.status_code, errors(answer) if answer.status_code != 302 else {}) == (302, {})
    assert saved(draft).dump() == before.dump()


def test_rows_of_placements_are_added_and_removed(browser: Client, draft: Integration) -> None:
    prepared(draft, FULL["apikey"])
    data = {
        **PING,
        "placements-TOTAL_FORMS": "3", "placements-INITIAL_FORMS": "2",
        "placements-0-location": "header", "placements-0-name": "DD-API-KEY", "placements-0-value": "x", "placements-0-DELETE": "on",
        "placements-1-location": "body", "placements-1-name": "key", "placements-1-value": "{{credentials.apiKey}}",
        "placements-2-location": "header", "placements-2-name": "", "placements-2-value": "",
    }  # fmt: skip
    browser.post(url(draft), data)
    assert saved(draft).auth.dump() == {
        **FULL["apikey"],
        "placements": [{"location": "body", "name": "key", "value": "{{credentials.apiKey}}"}],
    }


def test_what_is_wrong_with_a_row_stands_in_it(browser: Client, draft: Integration) -> None:
    prepared(draft, {"type": "login"})
    data = {
        **PING,
        "steps-TOTAL_FORMS": "3", "steps-INITIAL_FORMS": "0",
        "steps-0-method": "POST", "steps-0-url": "", "steps-0-body_format": "json", "steps-0-params": "",
        "steps-1-method": "POST", "steps-1-url": "not a url", "steps-1-body_format": "json", "steps-1-params": "{}",
        "steps-2-method": "POST", "steps-2-url": "https://api.example.com", "steps-2-body_format": "json", "steps-2-params": '{"a": ',
    }  # fmt: skip
    first = browser.post(url(draft), data)
    assert (first.status_code, errors(first)) == (422, {"steps": ["Correct the rows that are marked below."]})
    assert "This is not valid JSON in line 1, column 6. Texts stand in double quotes." in first.content.decode().replace("&#x27;", "'")
    second = browser.post(url(draft), {**data, "steps-2-params": "{}"})
    rows = second.context["form"]["steps"].value().forms
    assert (second.status_code, [dict(row.errors) for row in rows]) == (
        422,
        [{}, {"url": ["not a url is not a URL. Write it whole, from https:// to the end of the path."]}, {}],
    )
    assert "Write it whole" in second.content.decode()
    assert saved(draft).auth.dump()["steps"] == []


def test_connection_fields_are_defined_by_rows(browser: Client, draft: Integration) -> None:
    prepared(draft, {"type": "none"})
    data = {
        **PING,
        "connection_fields-TOTAL_FORMS": "2", "connection_fields-INITIAL_FORMS": "0",
        "connection_fields-0-name": "region", "connection_fields-0-label": "Region", "connection_fields-0-type": "select",
        "connection_fields-0-options": "eu\nus", "connection_fields-0-required": "on",
        "connection_fields-1-name": "1st", "connection_fields-1-type": "text",
    }  # fmt: skip
    refused = browser.post(url(draft), data)
    rows = refused.context["form"]["connection_fields"].value().forms
    assert [dict(row.errors) for row in rows] == [
        {},
        {"name": ["'1st' is not a field name. It begins with a letter and has letters, digits, _ and - only, for example region."]},
    ]
    browser.post(url(draft), {**data, "connection_fields-1-name": "tenant"})
    assert [(one.name, one.label, one.type, one.options, one.required) for one in saved(draft).connection_fields] == [
        ("region", "Region", "select", ["eu", "us"], True),
        ("tenant", "", "text", [], False),
    ]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("refresh_buffer", "29", "The smallest value is 30."),
        ("refresh_buffer", "3601", "The largest value is 3600."),
        ("custom_refresh_interval", "299", "The smallest value is 300."),
        ("custom_refresh_interval", "86401", "The largest value is 86400."),
        ("assertion__lifetime", "9", "The smallest value is 10."),
        ("rejected__statuses", "999", "The largest value is 599."),
        ("revocation_uri", "example.com", "example.com is not a URL. Write it whole, from https:// to the end of the path."),
    ],
)
def test_ranges_are_told_at_their_fields(browser: Client, draft: Integration, field: str, value: str, sentence: str) -> None:
    prepared(draft, {"type": "oauth2"})
    answer = browser.post(url(draft), {**PING, "grant_type": "client_credentials", field: value})
    assert (answer.status_code, errors(answer)) == (422, {field: [sentence]})
    opened = [section.title for section in answer.context["form"].sections if section.opened]
    assert len(opened) == 1


def test_field_that_is_left_empty_takes_its_default(browser: Client, draft: Integration) -> None:
    prepared(draft, FULL["oauth2"])
    browser.post(url(draft), {**PING, "grant_type": "authorization_code", "refresh_buffer": "", "default_token_lifetime": ""})
    auth: Any = saved(draft).auth
    assert (auth.refresh_buffer, auth.default_token_lifetime, auth.scope) == (60, 3300, "read write")


def test_redirect_uri_is_there_to_be_copied_before_the_app_is_registered(browser: Client, draft: Integration, settings: Any) -> None:
    settings.PUBLIC_URL = "https://junction.example.com"
    prepared(draft, {"type": "oauth2"})
    assert 'value="https://junction.example.com/oauth2/callback" readonly' in browser.get(url(draft)).content.decode()


@pytest.mark.parametrize(
    ("host", "path", "base"),
    [
        ("{{settings.subdomain}}.example.com", "/v1", "https://{{settings.subdomain}}.example.com/v1"),
        ("{{settings.subdomain}}.example.com", "", "https://{{settings.subdomain}}.example.com"),
        ("${settings.host}", "api/", "https://${settings.host}/api"),
    ],
)
def test_host_takes_placeholders_and_gives_them_back(browser: Client, draft: Integration, host: str, path: str, base: str) -> None:
    data = {"host": host, "base_path": path, "method": "none", "scheme": "https"}
    assert browser.post(url(draft, "host"), data).status_code == 302
    assert saved(draft).api_base_uri == base
    again = browser.get(url(draft, "host"))
    browser.post(url(draft, "host"), as_sent(again))
    assert saved(draft).api_base_uri == base


@pytest.mark.parametrize(
    "base",
    [
        "{{settings.instance_url}}/services/data",
        "https://{{settings.host || 'eu.example.com/x'}}/v2",
        "{{settings.a}}/x || https://b.example.com/y",
    ],
)
def test_base_uri_that_the_form_cannot_split_stays_as_it_is(browser: Client, draft: Integration, base: str) -> None:
    services.change_definition(integration=draft, api_base_uri=base)
    page = browser.get(url(draft, "host"))
    assert browser.post(url(draft, "host"), as_sent(page)).status_code == 302
    assert saved(draft).api_base_uri == base


@pytest.mark.parametrize("host", ["{{settings.", "{{what()}}.example.com"])
def test_placeholder_that_cannot_be_read_is_told(browser: Client, draft: Integration, host: str) -> None:
    answer = browser.post(url(draft, "host"), {"host": host, "method": "none", "scheme": "https"})
    assert (answer.status_code, list(errors(answer))) == (422, ["host"])


def test_placeholder_that_nothing_fills_is_named_before_finalizing(draft: Integration) -> None:
    auth = {**FULL["oauth2"], "authUri": "https://{{settings.region}}.example.com/a", "tokenSettings": {"instance_url": "instance_url"}}
    prepared(draft, auth, api_base_uri="{{settings.instance_url || settings.realm}}/v1", headers={"X-Tenant": "{{settings.tenant}}"})
    found = [(gap.step, gap.field, gap.message) for gap in missing(saved(draft)) if gap.field == "connectionFields"]
    assert found == [
        (
            "auth",
            "connectionFields",
            f"{{{{settings.{name}}}}} is used, but no connection field is named {name}, so that no connection will have a value for it. Add the field.",
        )
        for name in ("region", "tenant", "user")
    ]
    prepared(draft, auth, connection_fields=[{"name": name} for name in ("region", "tenant", "user")])
    assert [gap.field for gap in missing(saved(draft))] == []


def test_folded_part_that_holds_nothing_is_not_marked_as_set(cast: Cast, make_integration: MakeIntegration) -> None:
    plain = make_integration(status="draft", auth={"type": "bearer"})
    judged = make_integration(name="Judged", status="draft", auth={"type": "bearer"}, ping={"uri": "/me", "successPath": "ok"})
    pages = [signed_in(cast.bob).get(reverse("wizard-step", args=[one.slug, "auth"])) for one in (plain, judged)]
    used = [[section.title for section in page.context["form"].test_sections if section.used] for page in pages]
    assert used == [[], ["How the answer to the test is judged"]]
