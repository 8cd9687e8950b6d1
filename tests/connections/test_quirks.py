"""What real vendors want of authentication, each with the vendor it comes from: the exact request that goes over a socket.

A row names the vendor and its habit, the definition, the connection's values, what the vendor answers, and the requests
it must get. Hosts stand for this machine; everything else is as the vendor documents it.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connections.client import Client
from connections.exchange import Outgoing
from connections.retries import CallError
from connections.tokens.grants import Held
from connections.tokens.stores import MemoryTokens
from integrations.definition import Definition
from tests.connections.server import Handler, Seen, serving

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
OK = {"access_token": "T", "expires_in": 3600}
FORM = "application/x-www-form-urlencoded"
CLIENT = {"clientId": "id", "clientSecret": "sec"}


@dataclass
class Case:
    """`answers` by path; a path without one gets 200 and `{}`. `sent` are method, path with query, chosen headers, body."""

    name: str
    definition: dict[str, Any]
    credentials: dict[str, str]
    sent: list[tuple[str, str, dict[str, Any], Any]]
    settings: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    held: Held | None = None
    method: str = "GET"
    body: bytes | None = None
    path: str = "/v1/me"


def oauth(**auth: Any) -> dict[str, Any]:
    return {"auth": {"type": "oauth2", "tokenUri": "{host}/token", "clientAuthentication": "body", **auth}}


def key(*placements: tuple[str, str, str]) -> dict[str, Any]:
    rows = [{"location": place, "name": name, "value": value} for place, name, value in placements]
    return {"auth": {"type": "apikey", "placements": rows}}


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


CASES = [
    # e.1: where the API key goes
    Case("a4_18_22 e1_2 GitLab: PRIVATE-TOKEN", {"auth": {"type": "apikey", "apiKeyName": "PRIVATE-TOKEN"}}, {"apiKey": "k"},
         [("GET", "/v1/me", {"private-token": "k"}, b"")]),
    Case("e1_3 Linear: the key alone in Authorization", {"auth": {"type": "apikey"}}, {"apiKey": "k"}, [("GET", "/v1/me", {"authorization": "k"}, b"")]),
    Case("a4_19 e1_6 PagerDuty: Token token=", {"auth": {"type": "apikey", "apiKeyPreamble": "Token token="}}, {"apiKey": "k"},
         [("GET", "/v1/me", {"authorization": "Token token=k"}, b"")]),
    Case("a4_21_22 e1_9 Last.fm: key in the query", {"auth": {"type": "apikey", "apiKeyName": "api_key", "apiKeyLocation": "query"}}, {"apiKey": "a&b"},
         [("GET", "/v1/me?api_key=a%26b", {}, b"")]),
    Case("e1_10 unnamed: key in the JSON body", {"auth": {"type": "apikey", "apiKeyName": "api_key", "apiKeyLocation": "body"}}, {"apiKey": "k"},
         [("POST", "/v1/me", {"content-type": "application/json"}, {"a": 1, "api_key": "k"})], method="POST", body=b'{"a": 1}'),
    Case("e1_11 Datadog: two keys", key(("header", "DD-API-KEY", "{{credentials.apiKey}}"), ("header", "DD-APPLICATION-KEY", "{{credentials.appKey}}")),
         {"apiKey": "one", "appKey": "two"}, [("GET", "/v1/me", {"dd-api-key": "one", "dd-application-key": "two"}, b"")]),
    Case("e1_12 Redtail: Base64 of key and token", key(("header", "Authorization", 'Userkeyauth {{base64(credentials.apiKey, ":", settings.token)}}')),
         {"apiKey": "k"}, [("GET", "/v1/me", {"authorization": "Userkeyauth " + base64.b64encode(b"k:t").decode()}, b"")], settings={"token": "t"}),
    Case("Telegram: key in the path", {"apiBaseUri": "{host}/bot{{credentials.apiKey}}", "auth": {"type": "apikey", "apiKeyLocation": "url"}},
         {"apiKey": "1:k"}, [("GET", "/bot1:k/v1/me", {"authorization": None}, b"")]),
    Case("e1_13 JupyterHub: key in a cookie", {"auth": {"type": "apikey", "apiKeyName": "sid", "apiKeyLocation": "cookie"}}, {"apiKey": "k"},
         [("GET", "/v1/me", {"cookie": "sid=k"}, b"")]),
    Case("Zendesk: user/token", {"auth": {"type": "basic", "usernameTemplate": "{{credentials.username}}/token"}}, {"username": "u@x", "password": "p"},
         [("GET", "/v1/me", {"authorization": basic("u@x/token:p")}, b"")]),
    Case("ConnectWise: company+key", {"auth": {"type": "basic", "usernameTemplate": "{{settings.company}}+{{credentials.username}}"}},
         {"username": "pub", "password": "priv"}, [("GET", "/v1/me", {"authorization": basic("acme+pub:priv")}, b"")], settings={"company": "acme"}),
    Case("Stripe: key as user name, no password", {"auth": {"type": "basic"}}, {"username": "sk"},
         [("GET", "/v1/me", {"authorization": basic("sk:")}, b"")]),
    Case("Duo: signature over the request",
         key(("header", "X-Sig", '{{hmacSha1Hex(credentials.secret, request.method, "\\n", request.path, "\\n", request.query)}}')), {"secret": "s"},
         [("GET", "/v1/me?b=1", {"x-sig": "47ed2d7dfc1e7adfcf815366e1230d344bc5e2ab"}, b"")], path="/v1/me?b=1"),
    Case("a4_20 Integration-wide headers and query with settings",
         {"auth": {"type": "none"}, "headers": {"X-Region": "{{settings.region}}"}, "query": {"account": "{{settings.account || \"main\"}}"}},
         {}, [("GET", "/v1/me?account=main", {"x-region": "eu"}, b"")], settings={"region": "eu"}),
    # e.4: the token request
    Case("a4_30 e4_4 Gong: client ID and secret in the body only", oauth(), CLIENT,
         [("POST", "/token", {"authorization": None, "content-type": FORM}, "grant_type=client_credentials&client_id=id&client_secret=sec"),
          ("GET", "/v1/me", {"authorization": "Bearer T"}, b"")], answers={"/token": OK}),
    Case("a4_30 e4_3 Xero: client authentication Basic, both parts form-encoded (RFC 6749)", oauth(clientAuthentication="basic"), {"clientId": "a:b", "clientSecret": "c d"},
         [("POST", "/token", {"authorization": basic("a%3Ab:c+d")}, "grant_type=client_credentials"), ("GET", "/v1/me", {}, b"")], answers={"/token": OK}),
    Case("a4_27 e4_1 Auth0: JSON body", oauth(tokenRequestContentType="application/json", tokenParams={"audience": "https://{{settings.tenant}}.x"}), CLIENT,
         [("POST", "/token", {"content-type": "application/json"},
           {"grant_type": "client_credentials", "client_id": "id", "client_secret": "sec", "audience": "https://acme.x"}),
          ("GET", "/v1/me", {}, b"")], settings={"tenant": "acme"}, answers={"/token": OK}),
    Case("a4_28 e4_2 DocuWare: GET", oauth(tokenRequestMethod="GET"), CLIENT,
         [("GET", "/token?grant_type=client_credentials&client_id=id&client_secret=sec", {}, b""), ("GET", "/v1/me", {}, b"")], answers={"/token": OK}),
    Case("e4_1 Gong: parameters in the query of a POST", oauth(tokenRequestContentType="query"), CLIENT,
         [("POST", "/token?grant_type=client_credentials&client_id=id&client_secret=sec", {"content-length": "0"}, b""), ("GET", "/v1/me", {}, b"")],
         answers={"/token": OK}),
    Case("e4_6 TikTok: renamed parameters", oauth(paramNames={"client_id": "client_key", "client_secret": "app_secret"}), CLIENT,
         [("POST", "/token", {}, "grant_type=client_credentials&client_key=id&app_secret=sec"), ("GET", "/v1/me", {}, b"")], answers={"/token": OK}),
    Case("A parameter taken out", oauth(tokenParams={"grant_type": ""}), CLIENT,
         [("POST", "/token", {}, "client_id=id&client_secret=sec"), ("GET", "/v1/me", {}, b"")], answers={"/token": OK}),
    Case("Strava: scopes by comma", oauth(scope="read write", scopeSeparator=","), CLIENT,
         [("POST", "/token", {}, "grant_type=client_credentials&scope=read%2Cwrite&client_id=id&client_secret=sec"), ("GET", "/v1/me", {}, b"")],
         answers={"/token": OK}),
    Case("e4_13 GitHub: Accept decides the format", oauth(tokenHeaders={"Accept": "application/vnd.x+json"}), CLIENT,
         [("POST", "/token", {"accept": "application/vnd.x+json"}, "grant_type=client_credentials&client_id=id&client_secret=sec"), ("GET", "/v1/me", {}, b"")],
         answers={"/token": OK}),
    Case("e4_8 SAP: resource owner password", oauth(grantType="password"), {**CLIENT, "username": "u", "password": "p"},
         [("POST", "/token", {}, "grant_type=password&username=u&password=p&client_id=id&client_secret=sec"), ("GET", "/v1/me", {}, b"")],
         answers={"/token": OK}),
    Case("a4_23 No grant type: only what is configured", oauth(grantType="none", tokenParams={"key": "{{credentials.appKey}}"}), {"appKey": "k"},
         [("POST", "/token", {}, "key=k"), ("GET", "/v1/me", {}, b"")], answers={"/token": OK}),
    Case("e4_12 Sentry: 201 instead of 200", oauth(), CLIENT, [("POST", "/token", {}, None), ("GET", "/v1/me", {"authorization": "Bearer T"}, b"")],
         answers={"/token": (201, OK)}),
    # e.5: the token answer
    Case("a4_26 e5_1 Slack: token at a nested path", oauth(tokenKey="authed_user.access_token"), CLIENT,
         [("POST", "/token", {}, None), ("GET", "/v1/me", {"authorization": "Bearer N"}, b"")],
         answers={"/token": {"ok": True, "authed_user": {"access_token": "N"}}}),
    Case("e5_5 Facebook of old: a form with status 200", oauth(), CLIENT, [("POST", "/token", {}, None), ("GET", "/v1/me", {"authorization": "Bearer F"}, b"")],
         answers={"/token": (200, b"access_token=F&expires=5183999", "text/plain")}),
    Case("The token as plain text", oauth(tokenKey="$"), CLIENT, [("POST", "/token", {}, None), ("GET", "/v1/me", {"authorization": "Bearer plain-token"}, b"")],
         answers={"/token": (200, b"plain-token\n", "text/plain")}),
    Case("e5_3 EBay: a token type that is not to be used", oauth(), CLIENT, [("POST", "/token", {}, None), ("GET", "/v1/me", {"authorization": "Bearer T"}, b"")],
         answers={"/token": {**OK, "token_type": "Application Access Token"}}),
    Case("a4_24 A token type that is to be used", oauth(tokenTypeKey="token_type"), CLIENT,
         [("POST", "/token", {}, None), ("GET", "/v1/me", {"authorization": "MAC T"}, b"")], answers={"/token": {**OK, "token_type": "MAC"}}),
    Case("e5_14 Salesforce: the base URL comes with the token",
         {**oauth(tokenSettings={"instance_url": "instance_url"}), "apiBaseUri": "{{settings.instance_url}}/services"}, CLIENT,
         [("POST", "/token", {}, None), ("GET", "/services/v1/me", {"authorization": "Bearer T"}, b"")],
         answers={"/token": {**OK, "instance_url": "{host}"}}),
    # e.6: refresh
    Case("a5_46 e6_1 Figma: a refresh URL of its own", oauth(grantType="authorization_code", refreshUri="{host}/refresh"), CLIENT,
         [("POST", "/refresh", {}, "grant_type=refresh_token&refresh_token=R&client_id=id&client_secret=sec"), ("GET", "/v1/me", {}, b"")],
         answers={"/refresh": OK}, held=Held("", refresh="R")),
    Case("e4_3 Apple: client authentication differs for refresh", oauth(grantType="authorization_code", refreshClientAuthentication="basic"), CLIENT,
         [("POST", "/token", {"authorization": basic("id:sec")}, "grant_type=refresh_token&refresh_token=R"), ("GET", "/v1/me", {}, b"")],
         answers={"/token": OK}, held=Held("", refresh="R")),
    Case("a4_31 e6_2 Microsoft Ads: no client on refresh, the scope again",
         oauth(grantType="authorization_code", includeClientConfigOnRefresh=False, refreshParams={"scope": "offline"}), CLIENT,
         [("POST", "/token", {}, "grant_type=refresh_token&refresh_token=R&scope=offline"), ("GET", "/v1/me", {}, b"")],
         answers={"/token": OK}, held=Held("", refresh="R")),
    Case("e6_5 Bing: the old token in Authorization on refresh", oauth(grantType="authorization_code", refreshHeaders={"Authorization": "Bearer {{credentials.accessToken}}"}),
         CLIENT, [("POST", "/token", {"authorization": "Bearer OLD"}, None), ("GET", "/v1/me", {}, b"")],
         answers={"/token": OK}, held=Held("OLD", refresh="R", expires_at=datetime(2020, 1, 1, tzinfo=UTC))),
    Case("a4_32 Redirect URI on refresh", oauth(grantType="authorization_code", includeRedirectUriOnRefresh=True), CLIENT,
         [("POST", "/token", {}, "grant_type=refresh_token&refresh_token=R&redirect_uri=http%3A%2F%2Flocalhost%3A8000%2Foauth2%2Fcallback&client_id=id&client_secret=sec"),
          ("GET", "/v1/me", {}, b"")], answers={"/token": OK}, held=Held("", refresh="R")),
    # e.7: attaching the token
    Case("e7_2 Shopify: X-Shopify-Access-Token", oauth(tokenName="X-Shopify-Access-Token", accessTokenScheme=""), CLIENT,
         [("POST", "/token", {}, None), ("GET", "/v1/me", {"x-shopify-access-token": "T", "authorization": None}, b"")], answers={"/token": OK}),
    Case("e7_3 Instagram: token in the query", oauth(tokenLocation="query", tokenName="access_token"), CLIENT,
         [("POST", "/token", {}, None), ("GET", "/v1/me?access_token=T", {"authorization": None}, b"")], answers={"/token": OK}),
    Case("e7_1 Linear: the token alone in Authorization", oauth(accessTokenScheme=""), CLIENT,
         [("POST", "/token", {}, None), ("GET", "/v1/me", {"authorization": "T"}, b"")], answers={"/token": OK}),
    Case("A token and a client ID in headers of their own",
         oauth(placements=[{"name": "Authorization", "value": "Zoho-oauthtoken {{token}}"}, {"name": "Client-Id", "value": "{{credentials.clientId}}"}]), CLIENT,
         [("POST", "/token", {}, None), ("GET", "/v1/me", {"authorization": "Zoho-oauthtoken T", "client-id": "id"}, b"")], answers={"/token": OK}),
    # logins
    Case("Session API: user name and password for a token, in JSON",
         {"auth": {"type": "login", "tokenKey": "data.token", "steps": [
             {"url": "{host}/login", "params": {"user": "{{credentials.username}}", "pass": "{{credentials.password}}"}}]}},
         {"username": "u", "password": "p"},
         [("POST", "/login", {"content-type": "application/json"}, {"user": "u", "pass": "p"}), ("GET", "/v1/me", {"authorization": "Bearer L"}, b"")],
         answers={"/login": {"data": {"token": "L"}}}),
    Case("e4_11 SAP Business One: the session in cookies",
         {"auth": {"type": "login", "tokenKey": "", "keepCookies": True, "placements": [{"name": "Accept", "value": "application/json"}],
                   "steps": [{"url": "{host}/login", "params": {"CompanyDB": "{{settings.db}}"}}]}},
         {"username": "u", "password": "p"},
         [("POST", "/login", {}, {"CompanyDB": "DB1"}), ("GET", "/v1/me", {"cookie": "B1SESSION=S; ROUTEID=.node1", "authorization": None}, b"")],
         settings={"db": "DB1"}, answers={"/login": (200, b"{}", "application/json", [("Set-Cookie", "B1SESSION=S; HttpOnly"), ("Set-Cookie", "ROUTEID=.node1; path=/")])}),
    Case("e4_10 Veeva: a second call with the token of the first",
         {"auth": {"type": "login", "tokenKey": "sessionId", "accessTokenScheme": "", "steps": [
             {"url": "{host}/one", "bodyFormat": "form", "params": {"u": "{{credentials.username}}", "p": "{{credentials.password}}"}},
             {"url": "{host}/two", "headers": {"Authorization": "Bearer {{steps.1.access_token}}"}, "params": {}}]}},
         {"username": "u", "password": "p"},
         [("POST", "/one", {"content-type": FORM}, "u=u&p=p"), ("POST", "/two", {"authorization": "Bearer ONE"}, {}), ("GET", "/v1/me", {"authorization": "TWO"}, b"")],
         answers={"/one": {"access_token": "ONE"}, "/two": {"sessionId": "TWO"}}),
    Case("Tableau: the token in a header of the answer",
         {"auth": {"type": "login", "tokenKey": "header:X-Token", "tokenName": "X-Tableau-Auth", "accessTokenScheme": "",
                   "steps": [{"url": "{host}/signin", "params": {"credentials": {"name": "{{credentials.username}}", "site": {"contentUrl": ""}}}}]}},
         {"username": "u", "password": "p"},
         [("POST", "/signin", {}, {"credentials": {"name": "u", "site": {"contentUrl": ""}}}), ("GET", "/v1/me", {"x-tableau-auth": "H"}, b"")],
         answers={"/signin": (200, b"{}", "application/json", [("X-Token", "H")])}),
    # rejection at run time
    Case("a5_48 401: renewed once, repeated once", oauth(), CLIENT,
         [("POST", "/token", {}, None), ("GET", "/v1/me", {}, b""), ("POST", "/token", {}, None), ("GET", "/v1/me", {"authorization": "Bearer T2"}, b"")],
         answers={"/token": [OK, {**OK, "access_token": "T2"}], "/v1/me": [(401, {}), (200, {})]}),
    Case("e6_13 Marketo: rejected in a 200", oauth(rejected={"path": "$.errors[0].code", "values": ["602"]}), CLIENT,
         [("POST", "/token", {}, None), ("GET", "/v1/me", {}, b""), ("POST", "/token", {}, None), ("GET", "/v1/me", {"authorization": "Bearer T2"}, b"")],
         answers={"/token": [OK, {**OK, "access_token": "T2"}], "/v1/me": [{"errors": [{"code": "602"}]}, {}]}),
    Case("e6_13 HaloPSA: rejected with 400", oauth(rejected={"statuses": [400, 401]}), CLIENT,
         [("POST", "/token", {}, None), ("GET", "/v1/me", {}, b""), ("POST", "/token", {}, None), ("GET", "/v1/me", {"authorization": "Bearer T2"}, b"")],
         answers={"/token": [OK, {**OK, "access_token": "T2"}], "/v1/me": [(400, {}), {}]}),
]  # fmt: skip


class Vendor:
    """Answers as a case says: one answer for a path, or several, each of which comes once."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = {path: list(found) if isinstance(found, list) else [found] for path, found in answers.items()}
        self.host = ""

    def __call__(self, handler: Handler) -> None:
        waiting = self.answers.get(urlsplit(handler.path).path, [{}])
        found = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        status, body, kind = 200, found, "application/json"
        headers: list[tuple[str, str]] = []
        if isinstance(found, tuple):
            status, body = found[:2]
            kind = found[2] if len(found) > 2 else kind
            headers = found[3] if len(found) > 3 else headers
        content = body if isinstance(body, bytes) else json.dumps(body).replace("{host}", self.host).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)


def with_host(value: Any, host: str) -> Any:
    return json.loads(json.dumps(value).replace("{host}", host))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_vendor_gets_exactly_what_it_wants(case: Case) -> None:
    check(case)


def check(case: Case) -> None:
    """Make the call of a row, and compare each request that came with what the vendor wants."""
    vendor = Vendor(case.answers)
    with serving(vendor) as served:
        vendor.host = served.url
        definition = Definition.model_validate(with_host({"apiBaseUri": "{host}", **case.definition}, served.url))
        store = MemoryTokens(definition.auth, case.held)
        with Client(definition=definition, credentials=case.credentials, settings=case.settings, store=store) as client:
            headers = [*client.headers, *([("Content-Type", "application/json")] if case.body else [])]
            answer = client.send(Outgoing(case.method, f"{client.base}{case.path}", headers, case.body))
        assert answer.status == 200
        assert len(served.seen) == len(case.sent), [(seen.method, seen.path) for seen in served.seen]
        for seen, (method, path, wanted, body) in zip(served.seen, case.sent, strict=True):
            assert (seen.method, seen.path) == (method, path)
            assert {name: seen.headers.get(name) for name in wanted} == wanted
            if body is not None:
                assert body_of(seen, body) == body


def body_of(seen: Seen, like: Any) -> Any:
    """The body in the form in which the expectation is written."""
    if isinstance(like, dict):
        return json.loads(seen.body)
    return seen.body.decode() if isinstance(like, str) else seen.body


def signed(assertion: str, audience: str) -> dict[str, Any]:
    return jwt.decode(assertion, KEY.public_key(), algorithms=["RS256"], audience=audience)


def test_e4_3_okta_client_signs_an_assertion_instead_of_sending_a_secret() -> None:
    vendor = Vendor({"/token": OK})
    with serving(vendor) as served:
        definition = Definition.model_validate(
            with_host({"apiBaseUri": "{host}", **oauth(clientAuthentication="private_key_jwt", scope="okta.users.read")}, served.url)
        )
        with Client(
            definition=definition, credentials={"clientId": "id", "privateKey": PEM}, settings={}, store=MemoryTokens(definition.auth)
        ) as client:
            assert client.send(Outgoing("GET", f"{served.url}/v1/me")).status == 200
        sent = dict(parse_qsl(served.seen[0].body.decode()))
        claims = signed(sent.pop("client_assertion"), f"{served.url}/token")
    assert sent == {
        "grant_type": "client_credentials",
        "scope": "okta.users.read",
        "client_id": "id",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    assert (claims["iss"], claims["sub"], claims["exp"] - claims["iat"]) == ("id", "id", 300)


def test_e4_8_google_service_account_asks_with_a_signed_grant() -> None:
    vendor = Vendor({"/token": OK})
    assertion = {
        "claims": {"iss": "{{settings.email}}", "scope": "a b", "aud": "{host}/token"},
        "header": {"kid": "{{settings.kid}}"},
        "lifetime": 3600,
    }
    auth = oauth(grantType="jwt_bearer", clientAuthentication="none", assertion=assertion)
    with serving(vendor) as served:
        definition = Definition.model_validate(with_host({"apiBaseUri": "{host}", **auth}, served.url))
        credentials, settings = {"privateKey": PEM.replace("\n", "\\n")}, {"email": "bot@x", "kid": "7"}
        with Client(definition=definition, credentials=credentials, settings=settings, store=MemoryTokens(definition.auth)) as client:
            assert client.send(Outgoing("GET", f"{served.url}/v1/me")).status == 200
        sent = dict(parse_qsl(served.seen[0].body.decode()))
        claims = signed(sent["assertion"], f"{served.url}/token")
    assert (sent["grant_type"], set(sent)) == ("urn:ietf:params:oauth:grant-type:jwt-bearer", {"grant_type", "assertion"})
    assert (claims["iss"], claims["scope"], claims["exp"] - claims["iat"]) == ("bot@x", "a b", 3600)
    assert jwt.get_unverified_header(sent["assertion"])["kid"] == "7"


def test_a4_35_ghost_takes_a_token_that_is_signed_here() -> None:
    auth = {
        "type": "jwt",
        "accessTokenScheme": "Ghost",
        "assertion": {
            "algorithm": "HS256",
            "key": '{{after(credentials.adminKey, ":")}}',
            "keyEncoding": "hex",
            "header": {"kid": '{{before(credentials.adminKey, ":")}}'},
            "claims": {"aud": "/admin/"},
        },
    }
    secret = bytes(range(32))
    with serving(Vendor({})) as served:
        definition = Definition.model_validate({"apiBaseUri": served.url, "auth": auth})
        with Client(
            definition=definition, credentials={"adminKey": f"id7:{secret.hex()}"}, settings={}, store=MemoryTokens(definition.auth)
        ) as client:
            client.send(Outgoing("GET", f"{served.url}/v1/me"))
        scheme, token = served.seen[0].headers["authorization"].split()
    assert (scheme, jwt.get_unverified_header(token)["kid"]) == ("Ghost", "id7")
    assert jwt.decode(token, secret, algorithms=["HS256"], audience="/admin/")["aud"] == "/admin/"


def test_a4_35_digest_answers_the_challenge_and_never_sends_the_password() -> None:
    def answer(handler: Handler) -> None:
        if handler.headers.get("Authorization", "").startswith("Digest "):
            handler.reply(200, b"{}", Content_Type="application/json")
        else:
            handler.reply(401, b"", WWW_Authenticate='Digest realm="cam", nonce="n1", qop="auth", algorithm=SHA-256')

    with serving(answer) as served:
        definition = Definition.model_validate({"apiBaseUri": served.url, "auth": {"type": "digest"}})
        credentials = {"username": "root", "password": "p4ss"}
        with Client(definition=definition, credentials=credentials, settings={}, store=MemoryTokens(definition.auth)) as client:
            statuses = [client.send(Outgoing("GET", f"{served.url}/v1/me?a=1")).status for _ in range(2)]
        sent = [seen.headers.get("authorization", "") for seen in served.seen]
    assert (statuses, len(sent)) == ([200, 200], 3)
    assert re.search(r'username="root", realm="cam", nonce="n1", uri="/v1/me\?a=1", response="[0-9a-f]{64}"', sent[1])
    assert [("nc=00000001" in sent[1]), ("nc=00000002" in sent[2]), any("p4ss" in text for text in sent)] == [True, True, False]


@pytest.mark.parametrize(
    ("definition", "settings", "sentence"),
    [
        ({"auth": {"type": "none"}, "headers": {"X-Tenant": "{{settings.tenant}}"}}, {},
         "The integration needs tenant, and this connection has no value for it. Add it to the connection, or authorize it again."),
        ({"apiBaseUri": "https://{{settings.sub}}.example.com", "auth": {"type": "none"}}, {"sub": "evil.test/x"},
         "The settings of the connection make no address to call. 'evil.test/x' cannot be part of a host name. Enter letters, digits, dots and hyphens only."),
        ({"apiBaseUri": "{{settings.sub}}.example.com", "auth": {"type": "none"}}, {"sub": "https://evil.test/x"},
         "The settings of the connection make no address to call. 'evil.test/x' cannot be part of a host name. Enter letters, digits, dots and hyphens only."),
        ({"apiBaseUri": "https://{{settings.sub}}.example.com", "auth": {"type": "none"}}, {"sub": "a@evil"},
         "The settings of the connection make no address to call. 'a@evil' cannot be part of a host name. Enter letters, digits, dots and hyphens only."),
        (oauth(grantType="jwt_bearer", tokenUri="https://auth.example.com/t"), {}, "No token could be asked for. The key cannot sign with RS256, which takes a private key in PEM form. Copy the whole key again."),
    ],
)  # fmt: skip
def test_values_that_are_missing_or_lead_elsewhere_are_told(definition: dict[str, Any], settings: dict[str, str], sentence: str) -> None:
    whole = Definition.model_validate({"apiBaseUri": "https://api.example.com", **definition})
    with (
        pytest.raises(CallError) as caught,
        Client(definition=whole, credentials={"privateKey": "no key"}, settings=settings, store=MemoryTokens(whole.auth)) as client,
    ):
        client.send(Outgoing("GET", f"{client.base}/me", client.headers))
    assert caught.value.message == sentence
