"""Rows of authentication (a.4) and of refreshing tokens (a.5) as a user meets them: entered over the API, seen on a vendor's socket.

Where other rows have their tests: those of the requests themselves in test_quirks.py and test_quirks_more.py, those of Truto's document
in integrations/truto, 36 and 41 in integrations/test_seed_004.py, 43 and 48 also in test_renewal.py and test_token_api.py.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from connections.client import Client
from connections.exchange import Outgoing
from connections.models import Connection, Credential
from connections.tokens.grants import Held
from connections.tokens.stores import MemoryTokens
from integrations.definition import Definition
from integrations.models import Integration
from tests.cast import Cast
from tests.connections.server import Handler, Served, serving
from tests.integrations.test_api import Api
from tests.pages import signed_in

TOKEN = {"access_token": "t-1", "refresh_token": "r-1", "expires_in": 3600}


def vendor(to: Handler) -> None:
    to.reply(200, json.dumps(TOKEN if urlsplit(to.path).path.endswith("token") else {"id": 1}).encode(), Content_Type="application/json")


@pytest.fixture
def server() -> Iterator[Served]:
    with serving(vendor) as served:
        yield served


Connect = Callable[..., Connection]


@pytest.fixture
def connect(cast: Cast, server: Served) -> Connect:
    """An integration made over the API by its builder, connected over the API by an operator."""

    def make(credentials: dict[str, str], **given: Any) -> Connection:
        builder = Api(cast.bob)
        values = {"name": "Sample", "type": "custom", "mode": "shared", "apiBaseUri": server.url, "ping": {"uri": "/me"}, **given}
        made = builder("POST", "integrations", values, expect=201)
        builder("POST", f"integrations/{made['id']}/actions", {"name": "List", "path": "/me"}, expect=201)
        builder("POST", f"integrations/{made['id']}/finalize")
        builder("PUT", f"integrations/{made['id']}", {"status": "published"})
        body = {"integration": made["slug"], "name": "Main", "credentials": credentials}
        return Connection.objects.get(pk=Api(cast.carol)("POST", "connections", body, expect=201)["id"])

    return make


def checks(connection: Connection, cast: Cast) -> None:
    assert Api(cast.carol)("POST", f"connections/{connection.pk}/test")["ok"] is True


@pytest.mark.parametrize("kind", ["apiKey", "APIKEY"])
@pytest.mark.parametrize(
    ("fields", "path", "sent"),
    [
        ({"apiKeyName": "X-Key"}, "/me", {"x-key": "k 1"}),
        ({"apiKeyName": "X-Key", "apiKeyLocation": "HEADER"}, "/me", {"x-key": "k 1"}),
        ({"apiKeyName": "key", "apiKeyLocation": "query"}, "/me?key=k+1", {"x-key": None, "authorization": None}),
        ({"auth": {"apiKeyName": "Authorization", "apiKeyPreamble": "Bearer"}}, "/me", {"authorization": "Bearer k 1"}),
        ({"auth": {"apiKeyName": "Authorization", "apiKeyPreamble": ""}, "headers": {"X-More": "1", "X-Region": "eu"}}, "/me",
         {"authorization": "k 1", "x-more": "1", "x-region": "eu"}),
    ],
)  # fmt: skip
def test_a4_18_19_20_21_22_36_key_goes_where_the_integration_says(
    connect: Connect, cast: Cast, server: Served, kind: str, fields: dict[str, Any], path: str, sent: dict[str, Any]
) -> None:
    auth = {"auth": {"type": "apikey", **fields["auth"]}} if "auth" in fields else {}
    checks(connect({"apiKey": "k 1"}, authType=kind, **{**fields, **auth}), cast)
    (seen,) = server.seen
    assert (seen.method, seen.path.replace("%20", "+"), {name: seen.headers.get(name) for name in sent}) == ("GET", path, sent)


def oauth(server: Served, **auth: Any) -> dict[str, Any]:
    return {"authType": "oauth2", "auth": {"type": "oauth2", "tokenUri": f"{server.url}/token", **auth}}


CLIENT = {"clientId": "id", "clientSecret": "sec"}


def test_a4_23_24_25_29_30_33_authorization_code_from_the_page_to_the_call_and_back(connect: Connect, cast: Cast, server: Served) -> None:
    urls = {"authUri": f"{server.url}/authorize", "revocationUri": f"{server.url}/revoke"}
    settings = {"grantType": "authorization_code", "scope": "read write", "accessTokenScheme": "Token", "clientAuthentication": "basic",
                "authorizationParams": {"access_type": "offline"}, "pkce": "off"}  # fmt: skip
    connection = connect(CLIENT, **oauth(server, **urls, **settings))
    browser = signed_in(cast.carol)
    page = urlsplit(browser.post(f"/connections/{connection.pk}/authorize/").context["begun"].url)
    asked = dict(parse_qsl(page.query))
    state = asked.pop("state")
    assert f"{page.scheme}://{page.netloc}{page.path}" == f"{server.url}/authorize"
    assert asked == {
        "response_type": "code", "client_id": "id", "redirect_uri": "http://localhost:8000/oauth2/callback", "scope": "read write",
        "access_type": "offline",
    }  # fmt: skip
    browser.get("/oauth2/callback", {"code": "c-1", "state": state})
    checks(connection, cast)
    Api(cast.carol)("POST", f"connections/{connection.pk}/disconnect")
    basic = "Basic " + base64.b64encode(b"id:sec").decode()
    sent = [
        (seen.method, urlsplit(seen.path).path, seen.headers.get("authorization"), dict(parse_qsl(seen.body.decode())))
        for seen in server.seen
    ]
    assert sent == [
        (
            "POST",
            "/token",
            basic,
            {"grant_type": "authorization_code", "code": "c-1", "redirect_uri": "http://localhost:8000/oauth2/callback"},
        ),
        ("GET", "/me", "Token t-1", {}),
        ("POST", "/revoke", basic, {"token": "r-1", "token_type_hint": "refresh_token"}),
        ("POST", "/revoke", basic, {"token": "t-1", "token_type_hint": "access_token"}),
    ]


@pytest.mark.parametrize(
    ("auth", "sent"),
    [
        ({"grantType": "client_credentials", "clientAuthentication": "body", "scope": ""},
         ("POST", "/token", "application/x-www-form-urlencoded", "grant_type=client_credentials&client_id=id&client_secret=sec")),
        ({"grantType": "client_credentials", "clientAuthentication": "body", "scope": "a b", "tokenRequestContentType": "application/json"},
         ("POST", "/token", "application/json", '{"grant_type": "client_credentials", "scope": "a b", "client_id": "id", "client_secret": "sec"}')),
        ({"grantType": "client_credentials", "clientAuthentication": "body", "tokenRequestMethod": "GET"},
         ("GET", "/token?grant_type=client_credentials&client_id=id&client_secret=sec", None, "")),
        ({"grantType": "none", "tokenParams": {"key": "{{credentials.clientSecret}}"}}, ("POST", "/token", "application/x-www-form-urlencoded", "key=sec")),
    ],
)  # fmt: skip
def test_a4_23_27_28_29_token_request_is_what_the_integration_says(
    connect: Connect, cast: Cast, server: Served, auth: dict[str, Any], sent: tuple[Any, ...]
) -> None:
    checks(connect(CLIENT if auth["grantType"] != "none" else {"clientSecret": "sec"}, **oauth(server, **auth)), cast)
    token, call = server.seen
    assert (token.method, token.path, token.headers.get("content-type"), token.body.decode()) == sent
    assert (call.path, call.headers["authorization"]) == ("/me", "Bearer t-1")


@pytest.mark.parametrize(
    ("auth", "client", "redirect"),
    [
        ({}, True, False),
        ({"includeClientConfigOnRefresh": False}, False, False),
        ({"includeRedirectUriOnRefresh": True}, True, True),
    ],
)
def test_a4_31_32_client_and_redirect_uri_go_along_on_refresh_as_the_integration_says(
    connect: Connect, cast: Cast, server: Served, auth: dict[str, Any], client: bool, redirect: bool
) -> None:
    settings = {"grantType": "authorization_code", "authUri": f"{server.url}/authorize", "clientAuthentication": "body", **auth}
    connection = connect(CLIENT, **oauth(server, **settings))
    api = Api(cast.carol)
    api(
        "POST",
        f"integrations/{connection.integration_id}/connect",
        {"name": "Main", "accessToken": "t-0", "refreshToken": "r-0"},
        expect=201,
    )
    api("POST", f"connections/{connection.pk}/renew")
    sent = dict(parse_qsl(server.seen[0].body.decode()))
    wanted = {"grant_type": "refresh_token", "refresh_token": "r-0"}
    wanted |= {"client_id": "id", "client_secret": "sec"} if client else {}
    wanted |= {"redirect_uri": "http://localhost:8000/oauth2/callback"} if redirect else {}
    assert sent == wanted


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({}, TOKEN),
        ({"tokenKey": "data.auth.token", "refreshTokenKey": "data.auth.refresh", "tokenExpirationKey": "data.ttl"},
         {"data": {"auth": {"token": "t-1", "refresh": "r-1"}, "ttl": 3600}}),
        ({"tokenKey": "$.list[0].t", "refreshTokenKey": "$.list[0].r", "tokenExpirationKey": "a.b"}, {"list": [{"t": "t-1", "r": "r-1"}], "a.b": 3600}),
    ],
)  # fmt: skip
def test_a4_26_keys_of_the_answer_may_be_nested(fields: dict[str, str], answer: dict[str, Any]) -> None:
    def reply(to: Handler) -> None:
        to.reply(200, json.dumps(answer).encode(), Content_Type="application/json")

    with serving(reply) as served:
        definition = Definition.model_validate(
            {"apiBaseUri": served.url, "auth": {"type": "oauth2", "tokenUri": f"{served.url}/token", **fields}}
        )
        store, before = MemoryTokens(definition.auth), datetime.now(UTC)
        with Client(definition=definition, credentials=CLIENT, settings={}, store=store) as client:
            client.send(Outgoing("GET", f"{client.base}/me", client.headers))
    held = store.held()
    assert held.expires_at is not None
    assert (held.value, held.refresh, round((held.expires_at - before).total_seconds() / 60)) == ("t-1", "r-1", 60)
    assert served.seen[-1].headers["authorization"] == "Bearer t-1"


def test_a4_34_basic_is_base64_of_both_and_lies_encrypted(connect: Connect, cast: Cast, server: Served) -> None:
    connection = connect({"username": "ann", "password": "pass: word ü"}, authType="basic")
    checks(connection, cast)
    assert base64.b64decode(server.seen[0].headers["authorization"].removeprefix("Basic ")).decode() == "ann:pass: word ü"
    sealed = Credential.objects.get(pk=connection.pk).sealed
    assert (re.match(r"v1\.\w+\.[\w-]+$", sealed) is not None, "pass" in sealed) == (True, False)


@pytest.mark.parametrize(
    ("auth", "credentials", "sent"),
    [
        ({"type": "apikey", "apiKeyName": "sid", "apiKeyLocation": "cookie"}, {"apiKey": "k"}, {"cookie": "sid=k"}),
        ({"type": "apikey", "placements": [{"name": "X-Both", "value": "{{credentials.one}}-{{credentials.two}}"}]}, {"one": "1", "two": "2"}, {"x-both": "1-2"}),
        ({"type": "bearer"}, {"token": "t"}, {"authorization": "Bearer t"}),
        ({"type": "apikey", "placements": [{"name": "X-WSSE", "value": 'UsernameToken Username="{{credentials.user}}", PasswordDigest="{{sha256Base64(credentials.nonce, credentials.password)}}"'}]},
         {"user": "u", "nonce": "n", "password": "p"},
         {"x-wsse": f'UsernameToken Username="u", PasswordDigest="{base64.b64encode(hashlib.sha256(b"np").digest()).decode()}"'}),
        ({"type": "none"}, {}, {"authorization": None}),
    ],
)  # fmt: skip
def test_a4_35_other_methods_are_a_cookie_custom_values_a_token_and_a_digest_of_them(
    connect: Connect, cast: Cast, server: Served, auth: dict[str, Any], credentials: dict[str, str], sent: dict[str, Any]
) -> None:
    checks(connect(credentials, auth=auth), cast)
    assert {name: server.seen[0].headers.get(name) for name in sent} == sent


FIELDS = [
    {"name": "api_key", "label": "API Key", "type": "password", "required": True, "transform": "sha256", "pattern": "^k-", "help_text": "Under Settings."},
    {"name": "tenant", "label": "Tenant", "type": "text", "required": False, "default": "Main", "transform": "lowercase"},
    {"name": "plan", "label": "Plan", "type": "single_select", "required": True, "options": [{"value": "gold", "label": "Gold"}, {"value": "free", "label": "Free"}],
     "transform": "uppercase"},
]  # fmt: skip
DOCUMENT = {
    "name": "fields",
    "config": {
        "label": "Fields", "base_url": "SERVER",
        "credentials": {"api_key": {"format": "api_key", "config": {"fields": FIELDS}}},
        "authorization": {"format": "header", "config": {"X-Key": "{{api_key}}", "X-Tenant": "{{tenant}}", "X-Plan": "{{plan}}"}},
        "resources": {"users": {"list": {"method": "get", "path": "/me"}}},
    },
}  # fmt: skip


def test_a4_39_fields_are_asked_for_checked_and_made_into_what_the_vendor_wants(cast: Cast, server: Served) -> None:
    builder, operator = Api(cast.bob), Api(cast.carol)
    document = json.loads(json.dumps(DOCUMENT).replace("SERVER", server.url))
    answered = builder.client.post("/integration", json.dumps(document), content_type="application/json")
    assert answered.status_code in (200, 201), answered.content
    integration = Integration.objects.get()
    asked = integration.working.definition.auth.dump()["credentialFields"]
    assert [(field["name"], field["label"], field["type"], field["required"], field["transform"]) for field in asked] == [
        ("api_key", "API Key", "password", True, "sha256"), ("tenant", "Tenant", "text", False, "lowercase"), ("plan", "Plan", "select", True, "uppercase"),
    ]  # fmt: skip
    back = builder.client.get(f"/integration/{integration.pk}").json()["config"]["credentials"]["api_key"]["config"]["fields"]
    assert [field.get("transform") for field in back] == ["sha256", "lowercase", "uppercase"]
    builder("POST", f"integrations/{integration.pk}/finalize")
    builder("PUT", f"integrations/{integration.pk}", {"status": "published"})
    body = {"integration": integration.slug, "name": "Main", "credentials": {"api_key": "k-1", "tenant": "ACME", "plan": "gold"}}
    for wrong in ({"api_key": "1"}, {"plan": "silver"}, {"api_key": ""}):
        refused = operator("POST", "connections", {**body, "credentials": {**body["credentials"], **wrong}}, expect=422)  # type: ignore[dict-item]
        assert [error["field"] for error in refused["errors"]] == [f"credentials.{name}" for name in wrong]
    made = operator("POST", "connections", body, expect=201)
    operator("POST", f"connections/{made['id']}/test")
    operator("PATCH", f"connections/{made['id']}", {"credentials": {"tenant": "Other"}})
    operator("POST", f"connections/{made['id']}/test")
    digest = hashlib.sha256(b"k-1").hexdigest()
    assert [tuple(seen.headers.get(name) for name in ("x-key", "x-tenant", "x-plan")) for seen in server.seen] == [
        (digest, "acme", "GOLD"), (digest, "other", "GOLD"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"customRefreshInterval": 300}, ""), ({"customRefreshInterval": 86_400}, ""), ({"customRefreshInterval": 299}, "auth.customRefreshInterval"),
        ({"customRefreshInterval": 86_401}, "auth.customRefreshInterval"), ({"refreshBuffer": 30}, ""), ({"refreshBuffer": 3600}, ""),
        ({"refreshBuffer": 29}, "auth.refreshBuffer"), ({"refreshBuffer": 3601}, "auth.refreshBuffer"),
    ],
)  # fmt: skip
def test_a5_44_45_interval_and_buffer_have_their_ranges(cast: Cast, server: Served, given: dict[str, int], field: str) -> None:
    values = {
        "name": "Sample",
        "type": "custom",
        "apiBaseUri": server.url,
        **oauth(server, tokenRefreshStrategy="Custom Interval", **given),
    }
    answered = Api(cast.bob)("POST", "integrations", values, expect=422 if field else 201)
    assert [error["field"] for error in answered.get("errors", [])] == ([field] if field else [])
    if not field:
        assert {name: answered["auth"][name] for name in given} == given
        assert answered["auth"]["tokenRefreshStrategy"] == "custom_interval"


def test_a5_47_token_is_refreshed_by_a_step_of_the_integrations_own() -> None:
    login = {"url": "{host}/login", "params": {"p": "{{credentials.password}}"}}
    again = {"method": "PUT", "url": "{host}/again", "params": {"with": "{{credentials.refreshToken}}"}}
    with serving(
        lambda to: to.reply(200, b'{"token": "t-2", "refresh": "r-2", "expires_in": 600}', Content_Type="application/json")
    ) as served:
        auth = {"type": "login", "tokenKey": "token", "refreshTokenKey": "refresh", "steps": [login], "refreshStep": again}
        definition = Definition.model_validate(json.loads(json.dumps({"apiBaseUri": "{host}", "auth": auth}).replace("{host}", served.url)))
        store = MemoryTokens(definition.auth, Held("t-1", refresh="r-1", expires_at=datetime(2020, 1, 1, tzinfo=UTC)))
        with Client(definition=definition, credentials={"username": "u", "password": "p"}, settings={}, store=store) as client:
            client.send(Outgoing("GET", f"{client.base}/me", client.headers))
    assert [(seen.method, seen.path, seen.body) for seen in served.seen] == [("PUT", "/again", b'{"with": "r-1"}'), ("GET", "/me", b"")]
    assert (served.seen[-1].headers["authorization"], store.held().refresh) == ("Bearer t-2", "r-2")


def test_a5_46_refresh_has_a_path_of_its_own(connect: Connect, cast: Cast, server: Served) -> None:
    settings = {"grantType": "refresh_token", "refreshUri": f"{server.url}/oauth/refresh/token", "clientAuthentication": "body"}
    connection = connect({**CLIENT, "refreshToken": "r-0"}, **oauth(server, **settings))
    checks(connection, cast)
    assert [(seen.path, parse_qs(seen.body.decode()).get("refresh_token")) for seen in server.seen] == [
        ("/oauth/refresh/token", ["r-0"]),
        ("/me", None),
    ]
