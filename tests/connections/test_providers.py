"""Entries of a catalogue, all the way: imported, made an integration, connected, called; and the requests as they arrive at the vendor."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from actions import finalize
from actions import services as action_services
from connections import xml_bodies
from connections.answers.outcomes import Outcome, read
from connections.answers.rules import Rules
from connections.checking import definition_of
from connections.client import Client
from connections.exchange import Answer, Headers, Outgoing
from connections.opening import client_for
from connections.ping import ping
from connections.tokens import oauth
from connections.transport import Transport
from integrations import expressions, services, templates
from integrations.definition import RateLimit
from integrations.models import IntegrationTemplate
from tests.cast import Cast, MakeConnection, action_values
from tests.connections.server import Handler, Seen, Served, serving

FORM = "application/x-www-form-urlencoded"
HOST = {"type": "string", "title": "Host", "description": "Where it runs.", "format": "hostname"}


def pem(key: Any) -> str:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def vendor_answers(to: Handler) -> None:
    """What the vendor says: tokens of several kinds, and a list to everything else."""
    path = to.path.partition("?")[0]
    answers: dict[str, Any] = {
        "/token": {"access_token": "t-1", "expires_in": 3600, "refresh_token": "r-1", "team": {"id": "team-7"}},
        "/refresh": {"access_token": "t-2", "expires_in": 3600},
        "/user-token": {"ok": True, "person": {"access_token": "t-9", "refresh_token": "r-9", "expires_in": 60}},
        "/login": {"data": {"session": {"key": "t-3", "ends": "2033-05-18T03:33:20Z"}}},
        "/where": {"tokenServer": f"http://{to.headers['Host']}", "plan": "gold"},
    }
    if path == "/limited/items" and len(to.server.seen) == 1:
        to.reply(403, b"{}", Content_Type="application/json", X_Left="0", X_Reset=str(int(time.time()) + 2))
    elif path == "/plain":
        to.reply(200, b"t-plain-token", Content_Type="text/plain")
    elif path == "/xml":
        body = b"<response><session><id>s-xml</id><ends>2033-05-18T03:33:20Z</ends></session></response>"
        to.reply(200, body, Content_Type="text/xml; charset=UTF-8")
    elif path == "/session":
        to.reply(200, b'{"SessionId": "s-1"}', Content_Type="application/json", Set_Cookie="B1SESSION=s-1; HttpOnly")
    else:
        to.reply(200, json.dumps(answers.get(path, {"items": []})).encode(), Content_Type="application/json")


@pytest.fixture
def server() -> Iterator[Served]:
    with serving(vendor_answers) as served:
        yield served


Connect = Callable[..., Client]


@pytest.fixture
def connect(cast: Cast, make_connection: MakeConnection, server: Served) -> Connect:
    """A client of an entry: `connect(entry, credentials={...}, settings={...})`. SERVER in the entry is the vendor's host."""

    def made(entry: dict[str, Any], *, credentials: dict[str, str] | None = None, settings: dict[str, str] | None = None) -> Client:
        written = json.dumps({"sample": {"display_name": "Sample", **entry}}).replace("SERVER", f"localhost:{server.port}")
        report = templates.import_catalogue(written.encode(), source="catalogue.json")
        assert [one.losses for one in report.entries] == [[]]
        template = IntegrationTemplate.objects.get(key="sample")
        integration = templates.start(template=template, organization=cast.msp, user=cast.bob)
        action_services.add(integration=integration, values=action_values())
        finalize.finalize(integration=integration, user=cast.bob)
        integration.refresh_from_db()
        services.set_status(integration=integration, status="published")
        given = (
            {"host": f"localhost:{server.port}", **(settings or {})}
            if "host" in json.dumps(entry.get("connection_config", {}))
            else settings
        )
        connection = make_connection(integration, credentials=credentials, settings=given)
        return client_for(connection, definition_of(integration))

    return made


def call(client: Client, method: str = "GET", path: str = "/items", body: Any = None) -> None:
    headers = client.headers + ([("Content-Type", "application/json")] if body is not None else [])
    with client:
        client.call(Outgoing(method, client.base + path, headers, json.dumps(body).encode() if body is not None else None))


def shown(seen: Seen, *headers: str) -> tuple[str, str, dict[str, str]]:
    """Method, target and the headers of these names that came; those that are not named are the transport's."""
    return seen.method, seen.path, {name: seen.headers[name] for name in headers if name in seen.headers}


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


# --- keys and passwords ---------------------------------------------------------------------------------------------


def test_api_key_goes_out_with_headers_that_the_connection_chooses_and_without_those_it_lacks(connect: Connect, server: Served) -> None:
    entry = {
        "auth_mode": "API_KEY",
        "proxy": {
            "base_url": "http://${connectionConfig.host}/v2",
            "headers": {
                "authorization": "Token ${apiKey}",
                "accept": "application/vnd.harbor+json",
                "x-version": "${connectionConfig.version} || 2026-01",
                "x-tenant": "tenant ${connectionConfig.tenant}",
            },
            "query": {"shop": "${connectionConfig.shop}"},
        },
        "connection_config": {
            "host": HOST,
            "shop": {"type": "string", "title": "Shop", "description": ""},
            "version": {"type": "string", "title": "", "description": "", "optional": True},
            "tenant": {"type": "string", "title": "", "description": "", "optional": True},
        },
    }
    call(connect(entry, credentials={"apiKey": "k-1"}, settings={"shop": "north sea"}), path="/items?a=1")
    assert shown(server.seen[-1], "authorization", "accept", "x-version", "x-tenant") == (
        "GET",
        "/v2/items?a=1&shop=north+sea",
        {"authorization": "Token k-1", "accept": "application/vnd.harbor+json", "x-version": "2026-01"},
    )


def test_api_key_goes_out_in_the_query(connect: Connect, server: Served) -> None:
    call(
        connect(
            {"auth_mode": "API_KEY", "proxy": {"base_url": "http://SERVER", "query": {"api_key": "${apiKey}"}}},
            credentials={"apiKey": "k&1"},
        )
    )
    assert shown(server.seen[-1], "authorization") == ("GET", "/items?api_key=k%261", {})


def test_api_key_goes_out_in_objects_of_the_body_and_not_with_get(connect: Connect, server: Served) -> None:
    entry = {
        "auth_mode": "API_KEY",
        "proxy": {"base_url": "http://SERVER", "body": {"auth": {"account": "${connectionConfig.account}", "key": "${apiKey}"}}},
        "connection_config": {"account": {"type": "string", "title": "Account", "description": ""}},
    }
    client = connect(entry, credentials={"apiKey": "k-1"}, settings={"account": "7"})
    call(client, "POST", body={"auth": {"locale": "en"}, "search": "x"})
    call(client)
    assert [(one.method, one.body) for one in server.seen] == [
        ("POST", b'{"auth": {"locale": "en", "account": "7", "key": "k-1"}, "search": "x"}'),
        ("GET", b""),
    ]


@pytest.mark.parametrize(
    ("fields", "headers", "credentials", "sent"),
    [
        ({}, {}, {"username": "ann", "password": "p"}, {"authorization": basic("ann:p")}),
        ({"password": {"type": "string", "title": "", "description": "", "default_value": "X", "hidden": True}}, {}, {"username": "key"}, {"authorization": basic("key:X")}),
        ({}, {"authorization": "Basic ${base64(${credentials.username}/token:${credentials.password})}"}, {"username": "ann@example.com", "password": "p"}, {"authorization": basic("ann@example.com/token:p")}),
        ({}, {"x-key": "${credentials.password}"}, {"username": "ann", "password": "p"}, {"authorization": basic("ann:p"), "x-key": "p"}),
        ({}, {"client-token": "${base64(${connectionConfig.tenant}+${credentials.username}:${credentials.password})}"}, {"username": "ann", "password": "p"}, {"authorization": basic("ann:p"), "client-token": basic("t1+ann:p")[6:]}),
    ],
)  # fmt: skip
def test_basic_goes_out_as_the_entry_says(
    connect: Connect, server: Served, fields: dict[str, Any], headers: dict[str, str], credentials: dict[str, str], sent: dict[str, str]
) -> None:
    config = {"tenant": {"type": "string", "title": "Tenant", "description": ""}}
    entry = {
        "auth_mode": "BASIC",
        "proxy": {"base_url": "http://SERVER", "headers": headers},
        "credentials": fields,
        "connection_config": config,
    }
    call(connect(entry, credentials=credentials, settings={"tenant": "t1"}))
    assert shown(server.seen[-1], "authorization", "x-key", "client-token")[2] == sent


def test_signature_covers_the_date_method_host_path_and_sorted_parameters_that_are_sent(connect: Connect, server: Served) -> None:
    moment = "${now:ddd, DD MMM YYYY HH:mm:ss ZZ}"
    signed = f"{moment}\n${{method}}\n${{host}}\n${{path}}\n${{params}}"
    entry = {
        "auth_mode": "BASIC",
        "proxy": {
            "base_url": "http://SERVER",
            "headers": {
                "date": moment,
                "authorization": f"Basic ${{base64(${{credentials.username}}:${{hmacSha1Hex({signed}, ${{credentials.password}})}})}}",
            },
        },
    }
    call(connect(entry, credentials={"username": "ikey", "password": "skey"}), path="/admin/v1/users?limit=2&account=a%20b")
    seen = server.seen[-1]
    text = f"{seen.headers['date']}\nGET\n{seen.headers['host']}\n/admin/v1/users\naccount=a%20b&limit=2"
    assert seen.headers["authorization"] == basic("ikey:" + hmac.new(b"skey", text.encode(), hashlib.sha1).hexdigest())


def test_message_signature_with_ed25519_can_be_verified_by_the_vendor(connect: Connect, server: Served) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    entry = {
        "auth_mode": "BASIC",
        "proxy": {
            "base_url": "http://SERVER",
            "headers": {
                "authorization": 'Signature keyid="${credentials.username}"',
                "content-digest": "sha-256=:${sha256Base64(${bodyCanonicalParams})}:",
                "signature-input": "created=${now:X};expires=${now+1:minutes:X}",
                "signature": 'sig=:${ed25519Sign("@method": ${method}\n"@path": ${path}\ncreated=${now:X};expires=${now+1:minutes:X}, ${credentials.password})}:',
            },
        },
        "credentials": {"password": {"type": "string", "title": "Private key", "description": "PEM", "secret": True}},
    }
    call(connect(entry, credentials={"username": "k1", "password": pem(key).replace("\n", "\\n")}), "POST", body={"a": 1})
    seen = server.seen[-1]
    assert seen.headers["authorization"] == 'Signature keyid="k1"'
    assert seen.headers["content-digest"] == f"sha-256=:{base64.b64encode(hashlib.sha256(seen.body).digest()).decode()}:"
    created, expires = (int(part.partition("=")[2]) for part in seen.headers["signature-input"].split(";"))
    assert expires - created == 60
    text = f'"@method": POST\n"@path": /items\n{seen.headers["signature-input"]}'
    key.public_key().verify(base64.b64decode(seen.headers["signature"][5:-1]), text.encode())


def test_no_authentication_sends_what_every_request_carries_and_nothing_else(connect: Connect, server: Served) -> None:
    call(connect({"auth_mode": "NONE", "proxy": {"base_url": "http://SERVER", "headers": {"accept": "text/csv"}}}))
    assert shown(server.seen[-1], "accept", "authorization", "cookie") == ("GET", "/items", {"accept": "text/csv"})


# --- OAuth 2.0 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "kind", "authorization", "body"),
    [
        ({"token_request_auth_method": "basic"}, FORM, basic("id-1:sec"), "grant_type=client_credentials&scope=a+b"),
        ({}, FORM, "", "grant_type=client_credentials&scope=a+b&client_id=id-1&client_secret=sec"),
        ({"body_format": "json", "token_params": {"grant_type": "client_credentials", "audience": "https://${connectionConfig.tenant}.example"}}, "application/json", "", '{"grant_type": "client_credentials", "scope": "a b", "client_id": "id-1", "client_secret": "sec", "audience": "https://t1.example"}'),
        ({"token_request_auth_method": "custom", "body_format": "json", "token_params": {"grant_type": "password"}}, "application/json", "", '{"grant_type": "password", "scope": "a b", "username": "id-1", "password": "sec"}'),
    ],
)  # fmt: skip
def test_client_credentials_ask_for_the_token_as_the_entry_says(
    connect: Connect, server: Served, entry: dict[str, Any], kind: str, authorization: str, body: str
) -> None:
    whole = {
        "auth_mode": "OAUTH2_CC",
        "token_url": "http://SERVER/token",
        "default_scopes": ["a", "b"],
        "proxy": {"base_url": "http://SERVER/api"},
        "connection_config": {"tenant": {"type": "string", "title": "Tenant", "description": ""}},
        **entry,
    }
    call(connect(whole, credentials={"clientId": "id-1", "clientSecret": "sec"}, settings={"tenant": "t1"}))
    token, run = server.seen
    assert (token.method, token.path, token.headers["content-type"], token.headers.get("authorization", ""), token.body.decode()) == (
        "POST",
        "/token",
        kind,
        authorization,
        body,
    )
    assert shown(run, "authorization") == ("GET", "/api/items", {"authorization": "Bearer t-1"})


def browser_entry(**more: Any) -> dict[str, Any]:
    return {
        "auth_mode": "OAUTH2",
        "authorization_url": "http://SERVER/authorize",
        "token_url": "http://SERVER/token",
        "proxy": {"base_url": "http://SERVER/api"},
        **more,
    }


CLIENT = {"clientId": "id-1", "clientSecret": "sec"}


def page_of(client: Client) -> str:
    auth: Any = client.definition.auth
    return oauth.authorization_url(auth, client.issuer.values(), redirect_uri="https://j.example/cb", state="st", verifier="v" * 43)


CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(b"v" * 43).digest()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("entry", "page"),
    [
        ({"scope_separator": ",", "default_scopes": ["r:a", "w:b"]}, f"/authorize?response_type=code&client_id=id-1&redirect_uri=https%3A//j.example/cb&scope=r%3Aa%2Cw%3Ab&state=st&code_challenge={CHALLENGE}&code_challenge_method=S256"),
        ({"disable_pkce": True, "authorization_params": {"response_type": "code", "prompt": "consent"}}, "/authorize?response_type=code&client_id=id-1&redirect_uri=https%3A//j.example/cb&state=st&prompt=consent"),
        ({"disable_pkce": True, "authorization_url_replacements": {"client_id=": "appKey=", "state=": "customField=", "response_type": ""}}, "/authorize?appKey=id-1&redirect_uri=https%3A//j.example/cb&customField=st"),
        ({"disable_pkce": True, "authorization_url_fragment": "/oauth/authorize"}, "/authorize#/oauth/authorize?response_type=code&client_id=id-1&redirect_uri=https%3A//j.example/cb&state=st"),
        ({"disable_pkce": True, "default_scopes": ["r:a", "w:b"], "scope_separator": "+", "authorization_url_skip_encode": ["scopes"]}, "/authorize?response_type=code&client_id=id-1&redirect_uri=https%3A//j.example/cb&scope=r:a+w:b&state=st"),
    ],
)  # fmt: skip
def test_authorization_page_is_opened_as_the_entry_says(connect: Connect, server: Served, entry: dict[str, Any], page: str) -> None:
    assert page_of(connect(browser_entry(**entry), credentials=CLIENT)) == f"http://localhost:{server.port}{page}"


def exchange(client: Client, **callback: str) -> Any:
    with Transport() as transport:
        return client.issuer.exchange_code("c-1", "v" * 43, callback, transport, secrets=[])


def test_code_is_exchanged_and_values_of_answer_and_redirect_are_used_in_the_base_url(connect: Connect, server: Served) -> None:
    entry = browser_entry(
        authorization_method="header",
        disable_pkce=True,
        token_params={"grant_type": "authorization_code", "expires": 1},
        refresh_url="http://SERVER/refresh",
        token_response_metadata=["team.id"],
        redirect_uri_metadata=["region"],
        connection_config={name: {"type": "string", "title": "", "description": "", "automated": True} for name in ("team.id", "region")},
        proxy={
            "base_url": "http://SERVER/${connectionConfig.region}/${connectionConfig.team.id}",
            "headers": {"x-access": "${accessToken}", "x-client": "${clientId}"},
        },
    )
    client = connect(entry, credentials={**CLIENT, "accessToken": "t-0"})
    token = exchange(client, region="eu")
    asked = server.seen[-1]
    assert (asked.path, asked.headers["authorization"], asked.body.decode()) == (
        "/token",
        basic("id-1:sec"),
        f"grant_type=authorization_code&code=c-1&redirect_uri={quote(client.issuer.redirect_uri, safe='')}&expires=1",
    )
    assert (token.value, token.refresh, dict(token.kept)) == ("t-1", "r-1", {"region": "eu", "team_id": "team-7"})
    values = client.issuer.values()
    values["settings"] |= token.kept
    assert expressions.render_url(client.definition.api_base_uri, values) == f"http://localhost:{server.port}/eu/team-7"
    auth: Any = client.definition.auth
    renewed = oauth.refresh_request(auth, CLIENT, client.issuer.values(), refresh_token="r-1")
    assert (renewed.url, renewed.body) == (
        f"http://localhost:{server.port}/refresh",
        b"grant_type=refresh_token&refresh_token=r-1&expires=1",
    )
    assert [(one.name, one.value) for one in auth.placements] == [("x-access", "{{token}}"), ("x-client", "{{credentials.clientId}}")]


def test_token_of_a_person_is_found_beside_the_one_of_the_app(connect: Connect, server: Served) -> None:
    entry = browser_entry(
        token_url={"OAUTH2": "http://SERVER/user-token", "OAUTH1": "http://SERVER/old"}, alternate_access_token_response_path="person"
    )
    token = exchange(connect(entry, credentials=CLIENT))
    assert (token.value, token.refresh, token.expires_in) == ("t-9", "r-9", 60)


# --- logins and signed tokens ---------------------------------------------------------------------------------------


def test_login_sends_nested_parameters_and_the_token_goes_out_where_the_entry_says(connect: Connect, server: Served) -> None:
    entry = {
        "auth_mode": "TWO_STEP",
        "token_url": "http://SERVER/login",
        "token_params": {
            "credentials": {"name": "${credentials.name}", "site": {"url": "${credentials.site}"}},
            "days": 7,
            "otp": "",
            "until": "${now+7:days:YYYY}",
        },
        "token_headers": {"content-type": "application/json"},
        "token_response": {"token": "data.session.key", "token_expiration": "data.session.ends", "token_expiration_strategy": "expireAt"},
        "proxy": {"base_url": "http://SERVER/api", "headers": {"x-session": "${accessToken}", "accept": "application/json"}},
        "credentials": {
            "name": {"type": "string", "title": "Name", "description": ""},
            "site": {"type": "string", "title": "Site", "description": "", "optional": True},
        },
    }
    call(connect(entry, credentials={"name": "ann"}))
    login, run = server.seen
    sent = json.loads(login.body)
    assert (login.method, login.path, {**sent, "until": "…"}) == (
        "POST",
        "/login",
        {"credentials": {"name": "ann", "site": {}}, "days": 7, "otp": "", "until": "…"},
    )
    assert len(sent["until"]) == 4
    assert shown(run, "x-session", "authorization") == ("GET", "/api/items", {"x-session": "t-3"})


def test_login_with_get_takes_the_whole_answer_as_the_token_and_signs_each_request_anew(connect: Connect, server: Served) -> None:
    parts = "${random}${credentials.app}${now:YYYY-MM-DDTHH:mm:ss}"
    entry = {
        "auth_mode": "TWO_STEP",
        "token_request_method": "GET",
        "token_url": "http://SERVER/plain?app=${credentials.app}",
        "token_headers": {
            "x-id": "${random}",
            "x-date": "${now:YYYY-MM-DDTHH:mm:ss}",
            "x-sig": f"${{sha256Hex(${{base64({parts}${{credentials.key}})}})}}",
        },
        "token_response": {"token": ""},
        "token_expires_in_ms": 3600000,
        "proxy": {
            "base_url": "http://SERVER",
            "headers": {
                "x-token": "${accessToken}",
                "x-id": "${random}",
                "x-date": "${now:YYYY-MM-DDTHH:mm:ss}",
                "x-sig": f"${{sha256Hex(${{base64({parts}${{endpoint}}${{credentials.key}})}})}}",
            },
        },
        "credentials": {
            "app": {"type": "string", "title": "App", "description": ""},
            "key": {"type": "string", "title": "Key", "description": ""},
        },
    }
    call(connect(entry, credentials={"app": "a 1", "key": "k"}), path="/items?x=1")
    login, run = server.seen

    def signature(seen: Seen, target: str) -> str:
        text = f"{seen.headers['x-id']}a 1{seen.headers['x-date']}{target}k"
        return hashlib.sha256(base64.b64encode(text.encode())).hexdigest()

    assert (login.method, login.path, login.headers["x-sig"]) == ("GET", "/plain?app=a%201", signature(login, ""))
    assert (run.headers["x-token"], run.headers["x-sig"]) == ("t-plain-token", signature(run, "/items?x=1"))
    assert login.headers["x-id"] != run.headers["x-id"]


def test_later_steps_use_what_earlier_ones_said_and_the_base_url_does_too(connect: Connect, server: Served) -> None:
    entry = {
        "auth_mode": "TWO_STEP",
        "token_request_method": "GET",
        "token_url": "http://SERVER/where?team=${credentials.team}",
        "additional_steps": [
            {
                "body_format": "form",
                "token_url": "${step1.tokenServer}/token",
                "token_params": {"plan": "${step1.plan}", "user": "${credentials.user}"},
            }
        ],
        "token_response": {"token": "access_token", "token_expiration": "expires_in", "token_expiration_strategy": "expireIn"},
        "token_response_metadata": ["tokenServer"],
        "proxy": {"base_url": "${connectionConfig.tokenServer}/api"},
        "connection_config": {"tokenServer": {"type": "string", "title": "", "description": "", "automated": True}},
        "credentials": {
            "team": {"type": "string", "title": "Team", "description": ""},
            "user": {"type": "string", "title": "User", "description": ""},
        },
    }
    call(connect(entry, credentials={"team": "t", "user": "u"}))
    assert [(one.method, one.path, one.body.decode(), one.headers.get("authorization")) for one in server.seen] == [
        ("GET", "/where?team=t", "", None),
        ("POST", "/token", "plan=gold&user=u", None),
        ("GET", "/api/items", "", "Bearer t-1"),
    ]


def test_session_cookie_of_a_login_goes_out_instead_of_a_token(connect: Connect, server: Served) -> None:
    entry = {
        "auth_mode": "TWO_STEP",
        "token_url": "http://SERVER/session",
        "token_params": {"user": "${credentials.user}", "db": "${connectionConfig.db}"},
        "token_response": {"token": "SessionId"},
        "token_response_headers": ["set-cookie"],
        "proxy": {"base_url": "http://SERVER", "headers": {"cookie": "${credentials._cookies}"}},
        "connection_config": {"db": {"type": "string", "title": "Database", "description": "", "optional": True}},
        "credentials": {"user": {"type": "string", "title": "User", "description": ""}},
    }
    call(connect(entry, credentials={"user": "u"}))
    login, run = server.seen
    assert login.body == b'{"user": "u"}'
    assert shown(run, "cookie", "authorization") == ("GET", "/items", {"cookie": "B1SESSION=s-1"})


def test_login_in_xml_sends_elements_and_attributes_and_reads_the_token_from_the_answer(connect: Connect, server: Served) -> None:
    entry = {
        "auth_mode": "TWO_STEP",
        "token_url": "http://SERVER/xml",
        "body_format": "xml",
        "token_params": {
            "request": {
                "control": {"sender": "${credentials.sender}", "unique": False},
                "login": {"$id": "{{guid}}", "password": "${credentials.password}", "getSession": ""},
            }
        },
        "token_response": {
            "token": "response.session.id",
            "token_expiration": "response.session.ends",
            "token_expiration_strategy": "expireAt",
        },
        "proxy": {"base_url": "http://SERVER"},
        "credentials": {
            "sender": {"type": "string", "title": "Sender", "description": ""},
            "password": {"type": "string", "title": "Password", "description": ""},
        },
    }
    call(connect(entry, credentials={"sender": "ann & co", "password": "<p>"}))
    login, run = server.seen
    assert (login.headers["content-type"], login.body.decode()) == (
        "application/xml",
        '<?xml version="1.0" encoding="UTF-8"?>\n<request><control><sender>ann &amp; co</sender><unique>false</unique></control>'
        '<login id="{{guid}}"><password>&lt;p&gt;</password><getSession /></login></request>',
    )
    assert run.headers["authorization"] == "Bearer s-xml"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"<a>1</a>", {"a": "1"}),
        (b'<n:a xmlns:n="urn:x" k="v"><n:b>1</n:b><n:b>2</n:b><c/></n:a>', {"a": {"$k": "v", "b": ["1", "2"], "c": ""}}),
        (b'<a k="v">text</a>', {"a": {"$k": "v", "#text": "text"}}),
    ],
)
def test_xml_is_read_as_values(body: bytes, found: Any) -> None:
    assert xml_bodies.read(body) == found


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
            "The XML of the answer declares entities or a document type, which Junction does not read.",
        ),
        (b"<a>", "The answer is not valid XML."),
        (b"<a>" * 300 + b"</a>" * 300, "The XML of the answer is nested deeper than 200 levels."),
    ],
)
def test_xml_that_is_broken_or_hostile_is_refused(body: bytes, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        xml_bodies.read(body)
    assert str(caught.value) == sentence


def test_login_with_an_assertion_sends_one_that_the_vendor_can_verify(connect: Connect, server: Served) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    entry = {
        "auth_mode": "TWO_STEP",
        "token_url": "http://SERVER/token",
        "body_format": "form",
        "token_params": {"grant_type": "client_credentials", "client_assertion": "${credentials.assertion}"},
        "token_response": {"token": "access_token"},
        "assertion": {
            "type": "jwt",
            "key": "${assertionOption.privateKey}",
            "lifetimeInSeconds": 300,
            "header": {"alg": "ES256", "kid": "${credentials.keyId}"},
            "payload": {"iss": "${credentials.clientId}", "aud": "http://SERVER/token", "jti": "${random}"},
        },
        "assertion_option": {"privateKey": {"type": "string", "title": "Private key", "description": "PEM"}},
        "credentials": {
            "clientId": {"type": "string", "title": "Client ID", "description": ""},
            "keyId": {"type": "string", "title": "Key ID", "description": ""},
            "assertion": {"type": "string", "title": "", "description": "", "automated": True},
        },
        "proxy": {"base_url": "http://SERVER"},
    }
    call(connect(entry, credentials={"clientId": "c-1", "keyId": "k-1", "privateKey": pem(key)}))
    login = server.seen[0]
    grant, assertion = (part.partition("=")[2] for part in login.body.decode().split("&"))
    audience = f"http://localhost:{server.port}/token"
    claims = jwt.decode(assertion, key.public_key(), algorithms=["ES256"], audience=audience)
    assert (grant, jwt.get_unverified_header(assertion), sorted(claims), claims["iss"], claims["exp"] - claims["iat"]) == (
        "client_credentials",
        {"alg": "ES256", "kid": "k-1", "typ": "JWT"},
        ["aud", "exp", "iat", "iss", "jti"],
        "c-1",
        300,
    )


def test_token_signed_with_the_second_half_of_a_key_goes_out_under_the_vendors_scheme(connect: Connect, server: Served) -> None:
    entry = {
        "auth_mode": "JWT",
        "signature": {"protocol": "HMAC"},
        "token": {
            "signing_key": "${credentials.adminKey.secret}",
            "expires_in_ms": 300000,
            "header": {"alg": "HS256", "kid": "${credentials.adminKey.id}"},
            "payload": {"aud": "/admin/", "scope": ["${connectionConfig.scope}"]},
        },
        "credentials": {"adminKey": {"type": "string", "title": "Key", "description": ""}},
        "connection_config": {"scope": {"type": "string", "title": "Scope", "description": "", "optional": True}},
        "proxy": {"base_url": "http://SERVER", "headers": {"authorization": "Ghost ${accessToken}"}},
    }
    secret = "0f" * 32
    call(connect(entry, credentials={"adminKey": f"abc:{secret}"}, settings={"scope": "read, write"}))
    scheme, token = server.seen[-1].headers["authorization"].split(" ")
    claims = jwt.decode(token, bytes.fromhex(secret), algorithms=["HS256"], audience="/admin/")
    assert (scheme, jwt.get_unverified_header(token), claims["exp"] - claims["iat"], sorted(claims), claims["scope"]) == (
        "Ghost",
        {"alg": "HS256", "kid": "abc", "typ": "JWT"},
        300,
        ["aud", "exp", "iat", "scope"],
        ["read", "write"],
    )


def test_token_names_the_fingerprint_of_its_key(connect: Connect, server: Served) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    entry = {
        "auth_mode": "JWT",
        "signature": {"protocol": "RSA"},
        "token": {
            "signing_key": "${credentials.privateKey}",
            "expires_in_ms": 3600000,
            "header": {"alg": "RS256"},
            "payload": {"iss": "${credentials.account}.${fingerprint(${credentials.privateKey})}"},
        },
        "credentials": {
            "account": {"type": "string", "title": "Account", "description": ""},
            "privateKey": {"type": "string", "title": "Key", "description": ""},
        },
        "proxy": {"base_url": "http://SERVER"},
    }
    call(connect(entry, credentials={"account": "ACME", "privateKey": pem(key)}))
    token = server.seen[-1].headers["authorization"].removeprefix("Bearer ")
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert (
        jwt.decode(token, key.public_key(), algorithms=["RS256"])["iss"]
        == f"ACME.SHA256:{base64.b64encode(hashlib.sha256(public).digest()).decode()}"
    )


# --- around the call ------------------------------------------------------------------------------------------------


def test_connection_test_calls_the_endpoints_of_the_entry_until_one_is_accepted(connect: Connect, server: Served) -> None:
    entry = {
        "auth_mode": "API_KEY",
        "proxy": {
            "base_url": "http://SERVER/v1",
            "headers": {"x-key": "${apiKey}"},
            "verification": {
                "method": "POST",
                "endpoints": ["/keys/${credentials.apiKey}"],
                "headers": {"accept": "text/json"},
                "data": {"limit": 1},
            },
        },
    }
    with connect(entry, credentials={"apiKey": "k-1"}) as client:
        assert ping(client).ok
    seen = server.seen[-1]
    assert (*shown(seen, "x-key", "accept", "content-type"), seen.body) == (
        "POST",
        "/v1/keys/k-1",
        {"x-key": "k-1", "accept": "text/json", "content-type": "application/json"},
        b'{"limit":1}',
    )


def test_limit_that_an_entry_describes_is_waited_for_and_the_call_repeated(connect: Connect, server: Served) -> None:
    entry = {
        "auth_mode": "NONE",
        "proxy": {"base_url": "http://SERVER/limited", "retry": {"at": ["x-reset"], "remaining": "x-left", "error_code": ["403", "5xx"]}},
    }
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(seconds)

    client = connect(entry)
    with client:
        answer = client.call(Outgoing("GET", f"{client.base}/items"), pause=pause)
    assert (answer.status, [one.path for one in server.seen]) == (200, ["/limited/items", "/limited/items"])
    assert [0 < wait <= 2 for wait in waits] == [True]


NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
BY_WORD = {"limitedExpression": 'status = 200 and body.code = "RATE"', "waitExpression": "body.wait"}
IN_BODY = {"path": "error.message", "pattern": "until (.+)", "kind": "at"}


@pytest.mark.parametrize(
    ("limit", "status", "headers", "body", "outcome", "wait"),
    [
        ({}, 429, {}, "", Outcome.RATE_LIMITED, None),
        ({}, 429, {"Retry-After": "7"}, "", Outcome.RATE_LIMITED, 7),
        ({"retryAfterHeaders": ["x-wait"]}, 429, {"X-Wait": "7.5", "Retry-After": "2"}, "", Outcome.RATE_LIMITED, 7.5),
        ({"resetHeaders": ["x-reset"]}, 429, {"X-Reset": str(EPOCH + 30)}, "", Outcome.RATE_LIMITED, 30),
        ({"resetHeaders": ["x-reset"]}, 429, {"X-Reset": str((EPOCH + 30) * 1000)}, "", Outcome.RATE_LIMITED, 30),
        ({"resetHeaders": ["x-reset"]}, 429, {"X-Reset": "2026-01-31T12:01:00Z"}, "", Outcome.RATE_LIMITED, 60),
        ({"resetHeaders": ["x-reset"]}, 429, {"X-Reset": str(EPOCH - 30)}, "", Outcome.RATE_LIMITED, None),
        ({"resetHeaders": ["x-reset", "x-hour"]}, 429, {"X-Reset": str(EPOCH + 3), "X-Hour": str(EPOCH + 50)}, "", Outcome.RATE_LIMITED, 50),
        ({"resetHeaders": ["x-reset"]}, 429, {"X-Reset": "soon"}, "", Outcome.RATE_LIMITED, None),
        ({"remainingHeader": "x-left"}, 403, {"X-Left": "0"}, "", Outcome.RATE_LIMITED, None),
        ({"remainingHeader": "x-left"}, 403, {"X-Left": "5"}, "", Outcome.FAIL, None),
        ({"statuses": ["403"]}, 403, {}, "", Outcome.RETRY, None),
        ({"statuses": ["403"], "resetHeaders": ["x-reset"]}, 403, {"X-Reset": str(EPOCH + 9)}, "", Outcome.RATE_LIMITED, 9),
        ({"statuses": ["403"]}, 502, {}, "", Outcome.FAIL, None),
        ({"statuses": ["401", "5xx"]}, 502, {}, "", Outcome.RETRY, None),
        ({"statuses": ["401"]}, 401, {}, "", Outcome.UNAUTHORIZED, None),
        ({"body": IN_BODY}, 429, {}, '{"error": {"message": "Too many. Not until 2026-01-31T12:00:20+00:00"}}', Outcome.RATE_LIMITED, 20),
        ({"body": IN_BODY}, 429, {}, "<html>", Outcome.RATE_LIMITED, None),
        ({"remainingHeader": "x-left"}, 200, {"X-Left": "0"}, "", Outcome.SUCCESS, None),
        (BY_WORD, 200, {}, '{"code": "RATE", "wait": 7}', Outcome.RATE_LIMITED, 7),
        (BY_WORD, 200, {}, '{"code": "OK", "wait": 7}', Outcome.SUCCESS, None),
        (BY_WORD, 200, {}, "<html>", Outcome.SUCCESS, None),
        ({"limitedExpression": "status = 418"}, 418, {"Retry-After": "3"}, "", Outcome.RATE_LIMITED, 3),
        ({"limitedExpression": "headers.`x-left` = '0' and status = 400"}, 400, {"X-Left": "0"}, "", Outcome.RATE_LIMITED, None),
        ({"limitedExpression": "status = 418"}, 429, {}, "", Outcome.RATE_LIMITED, None),
        ({"limitedExpression": "{} + 1"}, 404, {}, "", Outcome.FAIL, None),
        ({"waitExpression": "$number(headers.`x-ms`) / 1000"}, 429, {"X-Ms": "2500"}, "", Outcome.RATE_LIMITED, 2.5),
        ({"waitExpression": "2", "resetExpression": "$number(headers.`x-reset`)"}, 429, {"X-Reset": str(EPOCH + 30)}, "", Outcome.RATE_LIMITED, 30),
        ({"resetExpression": "response.body.until"}, 429, {}, '{"until": "2026-01-31T12:01:00Z"}', Outcome.RATE_LIMITED, 60),
    ],
)  # fmt: skip
def test_answers_are_read_as_the_limit_of_the_integration_says(
    limit: dict[str, Any], status: int, headers: dict[str, str], body: str, outcome: Outcome, wait: float | None
) -> None:
    answer = Answer(status, "", Headers(headers.items()), body.encode(), "https://x.example")
    found = read(answer, Rules(limit=RateLimit.model_validate(limit)), now=NOW)
    assert (found.outcome, found.wait) == (outcome, wait)
