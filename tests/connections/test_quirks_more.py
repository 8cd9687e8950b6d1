"""More of what real vendors want: the page where people agree (e.2), the way back (e.3), answers with tokens (e.5), renewal (e.6), and the
rest of the requests. Each row begins with its number in rows.txt and names the vendor, where one is known for it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import ssl
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, urlsplit

import jwt
import pytest

from connections.client import Client
from connections.exchange import Outgoing
from connections.models import Connection
from connections.network import Network
from connections.retries import CallError
from connections.tokens import oauth as requests
from connections.tokens import rows
from connections.tokens.answers import Token
from connections.tokens.grants import Held, Issuer
from connections.tokens.stores import MemoryTokens
from integrations.definition import Definition, OAuth2Auth
from tests.cast import Cast, MakeConnection, MakeIntegration
from tests.connections.server import Handler, Served, certificate, serving
from tests.connections.test_quirks import CLIENT, FORM, OK, Case, Vendor, check, key, oauth, with_host
from tests.pages import signed_in

VERIFIER: Final = "v" * 43
CHALLENGE: Final = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
PKCE: Final = f"&code_challenge={CHALLENGE}&code_challenge_method=S256"


def preamble(word: str) -> dict[str, Any]:
    return {"auth": {"type": "apikey", "apiKeyPreamble": word}}


def code(**auth: Any) -> dict[str, Any]:
    return oauth(grantType="authorization_code", **auth)


CASES = [
    Case("a4_19 e1_1 Airtable: Bearer", preamble("Bearer"), {"apiKey": "k"}, [("GET", "/v1/me", {"authorization": "Bearer k"}, b"")]),
    Case("e1_2 unnamed: X-API-Key", {"auth": {"type": "apikey", "apiKeyName": "X-API-Key"}}, {"apiKey": "k"}, [("GET", "/v1/me", {"x-api-key": "k"}, b"")]),
    Case("e1_4 NetBox: Token", preamble("Token"), {"apiKey": "k"}, [("GET", "/v1/me", {"authorization": "Token k"}, b"")]),
    Case("e1_5 Brevo: api-key", {"auth": {"type": "apikey", "apiKeyName": "api-key"}}, {"apiKey": "k"}, [("GET", "/v1/me", {"api-key": "k"}, b"")]),
    Case("e1_7 Fal: Key", preamble("Key"), {"apiKey": "k"}, [("GET", "/v1/me", {"authorization": "Key k"}, b"")]),
    Case("e1_7 MessageBird: AccessKey", preamble("AccessKey"), {"apiKey": "k"}, [("GET", "/v1/me", {"authorization": "AccessKey k"}, b"")]),
    Case("e1_8 unnamed: Basic with a key that is encoded already", preamble("Basic"), {"apiKey": "dTpw"}, [("GET", "/v1/me", {"authorization": "Basic dTpw"}, b"")]),
    Case("e4_3 Spotify: a public client authenticates by its id alone", oauth(clientAuthentication="none"), {"clientId": "id"},
         [("POST", "/token", {"authorization": None}, "grant_type=client_credentials&client_id=id"), ("GET", "/v1/me", {}, b"")], answers={"/token": OK}),
    Case("e4_5 Figma: the redirect URI in the query too", code(tokenUri="{host}/token?redirect_uri=https%3A%2F%2Fj.example%2Fcb", includeRedirectUriOnRefresh=True), CLIENT,
         [("POST", "/token?redirect_uri=https%3A%2F%2Fj.example%2Fcb", {"content-type": FORM},
           "grant_type=refresh_token&refresh_token=R&redirect_uri=http%3A%2F%2Flocalhost%3A8000%2Foauth2%2Fcallback&client_id=id&client_secret=sec"),
          ("GET", "/v1/me", {}, b"")], answers={"/token": OK}, held=Held("", refresh="R")),
    Case("e4_7 Shopline: a signature over the token request in a header",
         oauth(clientAuthentication="none", tokenHeaders={"appkey": "{{credentials.clientId}}", "sign": '{{hmacSha256Hex(credentials.clientSecret, "1700000000")}}',
                                                         "timestamp": "1700000000"}), CLIENT,
         [("POST", "/token", {"appkey": "id", "timestamp": "1700000000", "sign": hmac.new(b"sec", b"1700000000", hashlib.sha256).hexdigest()}, None),
          ("GET", "/v1/me", {}, b"")], answers={"/token": OK}),
    Case("e4_8 SuccessFactors: a SAML assertion that was made elsewhere",
         oauth(grantType="none", tokenParams={"grant_type": "urn:ietf:params:oauth:grant-type:saml2-bearer", "company_id": "{{settings.company}}",
                                              "client_id": "{{credentials.clientId}}", "assertion": "{{credentials.samlAssertion}}"}),
         {"clientId": "id", "samlAssertion": "PHNhbWw+"},
         [("POST", "/token", {}, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Asaml2-bearer&company_id=acme&client_id=id&assertion=PHNhbWw%2B"),
          ("GET", "/v1/me", {}, b"")], settings={"company": "acme"}, answers={"/token": OK}),
    Case("e4_8 Salesforce CDP: a token exchanged for another one",
         {"auth": {"type": "login", "tokenKey": "access_token", "steps": [
             {"url": "{host}/token", "bodyFormat": "form", "params": {"grant_type": "client_credentials", "client_id": "{{credentials.username}}"}},
             {"url": "{host}/exchange", "bodyFormat": "form", "params": {"grant_type": "urn:salesforce:grant-type:external:cdp", "subject_token": "{{steps.1.access_token}}"}}]}},
         {"username": "u", "password": "p"},
         [("POST", "/token", {}, "grant_type=client_credentials&client_id=u"),
          ("POST", "/exchange", {}, "grant_type=urn%3Asalesforce%3Agrant-type%3Aexternal%3Acdp&subject_token=T"), ("GET", "/v1/me", {"authorization": "Bearer C"}, b"")],
         answers={"/token": OK, "/exchange": {"access_token": "C"}}),
    Case("e4_10 DocuWare: the identity service is asked for first",
         {"auth": {"type": "login", "tokenKey": "access_token", "steps": [
             {"method": "GET", "url": "{host}/where", "params": {}, "extract": {"service": "IdentityServiceUrl"}},
             {"url": "{{steps.1.service}}/token", "bodyFormat": "form", "params": {"username": "{{credentials.username}}", "password": "{{credentials.password}}"}}]}},
         {"username": "u", "password": "p"},
         [("GET", "/where", {}, b""), ("POST", "/identity/token", {}, "username=u&password=p"), ("GET", "/v1/me", {"authorization": "Bearer T"}, b"")],
         answers={"/where": {"IdentityServiceUrl": "{host}/identity"}, "/identity/token": OK}),
    Case("e6_3 Zendesk: a lifetime is asked for with each refresh", code(refreshParams={"expires_in": "1800"}), CLIENT,
         [("POST", "/token", {}, "grant_type=refresh_token&refresh_token=R&client_id=id&client_secret=sec&expires_in=1800"), ("GET", "/v1/me", {}, b"")],
         answers={"/token": OK}, held=Held("", refresh="R")),
    Case("e6_4 Gong: parameters in the query and an empty body", code(tokenRequestContentType="query", clientAuthentication="basic"), CLIENT,
         [("POST", "/token?grant_type=refresh_token&refresh_token=R", {"content-length": "0"}, b""), ("GET", "/v1/me", {}, b"")],
         answers={"/token": OK}, held=Held("", refresh="R")),
    Case("e6_12 Facebook: the token itself is exchanged for one that lives longer",
         code(refreshTokenKey="access_token", paramNames={"refresh_token": "fb_exchange_token"}, refreshParams={"grant_type": "fb_exchange_token"}), CLIENT,
         [("POST", "/token", {}, "grant_type=fb_exchange_token&fb_exchange_token=OLD&client_id=id&client_secret=sec"), ("GET", "/v1/me", {"authorization": "Bearer T"}, b"")],
         answers={"/token": OK}, held=Held("OLD", refresh="OLD", expires_at=datetime(2020, 1, 1, tzinfo=UTC))),
    Case("e7_2 TikTok: Access-Token", oauth(tokenName="Access-Token", accessTokenScheme=""), CLIENT,
         [("POST", "/token", {}, None), ("GET", "/v1/me", {"access-token": "T", "authorization": None}, b"")], answers={"/token": OK}),
    Case("e7_4 Slack of old: the token in the body", oauth(tokenLocation="body", tokenName="token"), CLIENT,
         [("POST", "/token", {}, None), ("POST", "/v1/me", {"authorization": None}, {"a": 1, "token": "T"})], answers={"/token": OK}, method="POST", body=b'{"a": 1}'),
    Case("a4_20 e7_6 Notion: a version that every request has to name", {**oauth(), "headers": {"Notion-Version": "2022-06-28", "User-Agent": "acme/1"}}, CLIENT,
         [("POST", "/token", {}, None), ("GET", "/v1/me", {"notion-version": "2022-06-28", "user-agent": "acme/1", "authorization": "Bearer T"}, b"")], answers={"/token": OK}),
    Case("e7_7 HubSpot: the answer is packed", oauth(), CLIENT, [("POST", "/token", {}, None), ("GET", "/v1/me", {"authorization": "Bearer T"}, b"")],
         answers={"/token": (200, gzip.compress(json.dumps(OK).encode()), "application/json", [("Content-Encoding", "gzip")])}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_vendor_gets_exactly_what_it_wants(case: Case) -> None:
    check(case)


# --- the page where people agree ------------------------------------------------------------------------------------


@dataclass
class Page:
    """The request that a browser makes; PKCE is off unless the row is about it."""

    name: str
    auth: dict[str, Any]
    asked: str
    settings: dict[str, str] = field(default_factory=dict)
    credentials: dict[str, str] = field(default_factory=dict)


BASE: Final = "/authorize?response_type=code&client_id=id&redirect_uri=https%3A//j.example/cb"
PAGES = [
    Page("e2_1 Slack: scopes by comma", {"scope": "read write", "scopeSeparator": ","}, f"{BASE}&scope=read%2Cwrite&state=st"),
    Page("a4_29 e2_1 Google: scopes by blank", {"scope": "read write"}, f"{BASE}&scope=read%20write&state=st"),
    Page("e2_1 Zoho: scopes by plus", {"scope": "read write", "scopeSeparator": "+"}, f"{BASE}&scope=read%2Bwrite&state=st"),
    Page("a4_33 e2_2 Google: offline access", {"authorizationParams": {"access_type": "offline", "prompt": "consent"}}, f"{BASE}&state=st&access_type=offline&prompt=consent"),
    Page("e2_2 Reddit: duration", {"authorizationParams": {"duration": "permanent"}}, f"{BASE}&state=st&duration=permanent"),
    Page("e2_2 Dropbox: token_access_type", {"authorizationParams": {"token_access_type": "offline"}}, f"{BASE}&state=st&token_access_type=offline"),
    Page("e2_3 TikTok: client_key", {"paramNames": {"client_id": "client_key"}}, "/authorize?response_type=code&client_key=id&redirect_uri=https%3A//j.example/cb&state=st"),
    Page("e2_3 Printful: redirect_url", {"authorizationParamNames": {"redirect_uri": "redirect_url"}},
         "/authorize?response_type=code&client_id=id&redirect_url=https%3A//j.example/cb&state=st"),
    Page("e2_3 Shopline: names in camel case", {"authorizationParamNames": {"client_id": "appKey", "redirect_uri": "redirectUri", "response_type": "responseType"}},
         "/authorize?responseType=code&appKey=id&redirectUri=https%3A//j.example/cb&state=st"),
    Page("e2_4 Monday: no response_type", {"authorizationParams": {"response_type": ""}}, "/authorize?client_id=id&redirect_uri=https%3A//j.example/cb&state=st"),
    Page("e2_5 Pipedrive: empty parameters are dropped", {"scope": "", "authorizationParams": {"prompt": '{{settings.prompt || ""}}'}}, f"{BASE}&state=st"),
    Page("e2_6 Attio: scopes as they are", {"scope": "record:read note:write", "scopeSeparator": "+", "unencodedParams": ["scope"]}, f"{BASE}&scope=record:read+note:write&state=st"),
    Page("e2_6 Apollo: a route in the fragment", {"authUri": "{host}/app#/oauth/authorize"},
         "/app#/oauth/authorize?response_type=code&client_id=id&redirect_uri=https%3A//j.example/cb&state=st"),
    Page("e2_7 Microsoft: PKCE off", {"pkce": "off"}, f"{BASE}&state=st"),
    Page("e2_7 Airtable: PKCE on", {"pkce": "S256"}, f"{BASE}&state=st{PKCE}"),
    Page("e2_8 Datev: nonce", {"authorizationParams": {"nonce": "n-1"}}, f"{BASE}&state=st&nonce=n-1"),
    Page("e2_8 Atlassian: audience", {"authorizationParams": {"audience": "api.atlassian.com"}}, f"{BASE}&state=st&audience=api.atlassian.com"),
    Page("e2_8 Dynamics: resource", {"authorizationParams": {"resource": "https://{{settings.org}}.crm.example"}}, f"{BASE}&state=st&resource=https%3A//acme.crm.example",
         settings={"org": "acme"}),
    Page("e2_8 UKG: realm", {"authorizationParams": {"realm": "{{settings.realm}}"}}, f"{BASE}&state=st&realm=north", settings={"realm": "north"}),
    Page("e2_8 Azure: response_mode", {"authorizationParams": {"response_mode": "form_post"}}, f"{BASE}&state=st&response_mode=form_post"),
    Page("e2_9 Zendesk: the tenant in the URL", {"authUri": "{host}/{{settings.subdomain}}/oauth"}, f"/acme/oauth{BASE.removeprefix('/authorize')}&state=st",
         settings={"subdomain": "acme"}),
    Page("e2_9 Zoho: a part of the URL has a fallback", {"authUri": '{host}/{{settings.region || "eu"}}/oauth'}, f"/eu/oauth{BASE.removeprefix('/authorize')}&state=st"),
    Page("e2_10 Bullhorn: user name and password in the address",
         {"authorizationParams": {"action": "Login", "username": "{{credentials.username}}", "password": "{{credentials.password}}"}},
         f"{BASE}&state=st&action=Login&username=u&password=p%26q", credentials={"username": "u", "password": "p&q"}),
]  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_of_the_vendor_is_asked_for_exactly_as_it_wants(page: Page) -> None:
    with serving(lambda to: to.reply(200, b"")) as served:
        given = {
            "type": "oauth2",
            "grantType": "authorization_code",
            "authUri": "{host}/authorize",
            "tokenUri": "{host}/token",
            "pkce": "off",
            **page.auth,
        }
        definition = Definition.model_validate(with_host({"apiBaseUri": "{host}", "auth": given}, served.url))
        auth: Any = definition.auth
        values = Issuer(definition, {"clientId": "id", **page.credentials}, page.settings).values()
        url = requests.authorization_url(auth, values, redirect_uri="https://j.example/cb", state="st", verifier=VERIFIER)
        urllib.request.urlopen(url, timeout=30).close()
    sent, mark, fragment = page.asked.partition("#")
    assert ([seen.path for seen in served.seen], url) == ([sent], f"{served.url}{sent}{mark}{fragment}")


# --- the way back ---------------------------------------------------------------------------------------------------


@dataclass
class Way:
    """What the redirect brings besides the state; the token request and the call that follow from it."""

    name: str
    auth: dict[str, Any]
    brought: dict[str, str]
    path: str
    base: str = "{host}"
    sent: dict[str, str] = field(default_factory=dict)


WAYS = [
    Way("e3_1 Amazon: the code under another name", {"codeParam": "spapi_oauth_code"}, {"spapi_oauth_code": "c-1"}, "/me"),
    Way("e3_2 QuickBooks: the company in the redirect", {"callbackSettings": {"realm": "realmId"}}, {"code": "c-1", "realmId": "77"}, "/v3/company/77/me",
        base="{host}/v3/company/{{settings.realm}}"),
    Way("e3_2 Lightspeed: the shop's prefix in the redirect", {"callbackSettings": {"shop": "domain_prefix"}}, {"code": "c-1", "domain_prefix": "acme"}, "/acme/me",
        base="{host}/{{settings.shop}}"),
    Way("e3_2 Braintree: the merchant in the redirect, sent along for the token", {"callbackSettings": {"merchant": "merchantId"}, "tokenParams": {"merchant": "{{settings.merchant}}"}},
        {"code": "c-1", "merchantId": "m-5"}, "/me", sent={"merchant": "m-5"}),
    Way("e4_6 TikTok: the code is handed in under another name", {"paramNames": {"code": "auth_code"}}, {"code": "c-1"}, "/me", sent={"auth_code": "c-1"}),
]  # fmt: skip


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_redirect_of_the_vendor_is_understood(
    way: Way, cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    def answer(to: Handler) -> None:
        to.reply(200, json.dumps(OK if to.path == "/token" else {}).encode(), Content_Type="application/json")

    with serving(answer) as served:
        auth = {
            "type": "oauth2",
            "grantType": "authorization_code",
            "authUri": f"{served.url}/authorize",
            "tokenUri": f"{served.url}/token",
            "pkce": "off",
        }
        integration = make_integration(base_uri=with_host(way.base, served.url), auth={**auth, **way.auth}, ping={"uri": "/me"})
        connection: Connection = make_connection(integration, credentials=CLIENT)
        browser = signed_in(cast.carol)
        begun = browser.post(f"/connections/{connection.pk}/authorize/").context["begun"].url
        state = parse_qs(urlsplit(begun).query)["state"][0]
        answered = browser.get("/oauth2/callback", {**way.brought, "state": state})
        assert (answered.status_code, answered["Location"]) == (302, f"/connections/{connection.pk}/?test=1")
        browser.post(f"/connections/{connection.pk}/test/")
        token, call = served.seen
    wanted = {"grant_type": "authorization_code", **({} if "auth_code" in way.sent else {"code": "c-1"}), **way.sent}
    sent = dict(parse_qsl(token.body.decode()))
    assert ({name: sent.get(name) for name in wanted}, "code" in sent) == (wanted, "code" in wanted)
    assert (call.path, call.headers["authorization"]) == (way.path, "Bearer T")


# --- answers with tokens --------------------------------------------------------------------------------------------

END: Final = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
JWT: Final = jwt.encode({"exp": int(END.timestamp())}, "x" * 32, algorithm="HS256")


@dataclass
class Issued:
    """What an answer means: the token, when it ends (seconds from now, a moment, None: not said), and the refresh token."""

    name: str
    auth: dict[str, Any]
    answer: Any
    ends: float | datetime | None
    value: str = "T"
    refresh: str = ""
    held: Held | None = None


ISSUED = [
    Issued("e5_2 PlentyMarkets: keys in camel case", {"tokenKey": "accessToken", "tokenExpirationKey": "expiresIn", "refreshTokenKey": "refreshToken"},
           {"accessToken": "T", "expiresIn": 3600, "refreshToken": "R"}, 3600, refresh="R"),
    Issued("e5_2 Sentry: refreshToken and expiresAt", {"tokenKey": "token", "tokenExpirationKey": "expiresAt", "refreshTokenKey": "refreshToken"},
           {"token": "T", "refreshToken": "R", "expiresAt": END.isoformat().replace("+00:00", "Z")}, END, refresh="R"),
    Issued("e5_3 Weibo: no token type", {}, {"access_token": "T", "expires_in": 3600}, 3600),
    Issued("e5_4 Mailchimp: expires_in 0 and scope null mean nothing", {}, {"access_token": "T", "expires_in": 0, "scope": None}, None),
    Issued("e5_5 StackExchange: a form with expires", {"tokenExpirationKey": "expires"}, (200, b"access_token=T&expires=86400", "text/plain"), 86_400),
    Issued("e5_7 Azure: seconds as text", {}, {"access_token": "T", "expires_in": "3599"}, 3599),
    Issued("e5_8 Fiserv: milliseconds", {"tokenExpirationFormat": "milliseconds"}, {"access_token": "T", "expires_in": 3_600_000}, 3600),
    Issued("e5_9 unnamed: a duration", {}, {"access_token": "T", "expires_in": "2h"}, 7200),
    Issued("e5_10 unnamed: a date", {"tokenExpirationKey": "expires"}, {"access_token": "T", "expires": END.isoformat()}, END),
    Issued("e5_11 Strava: seconds since 1970", {"tokenExpirationKey": "expires_at"}, {"access_token": "T", "expires_at": int(END.timestamp())}, END),
    Issued("e5_11 unnamed: milliseconds since 1970", {"tokenExpirationKey": "expires_at"}, {"access_token": "T", "expires_at": int(END.timestamp() * 1000)}, END),
    Issued("e5_12 Okta: only inside the token", {}, {"access_token": JWT}, END, value=JWT),
    Issued("e5_13 GitHub: no end at all", {"grantType": "authorization_code"}, {"access_token": "T"}, None, held=Held("", refresh="R"), refresh="R"),
    Issued("e6_6 Google: no refresh token with a renewal, the old one stays", {"grantType": "authorization_code"}, OK, 3600, held=Held("", refresh="R"), refresh="R"),
]  # fmt: skip


def asked(definition: Definition, held: Held | None = None) -> MemoryTokens:
    store = MemoryTokens(definition.auth, held)
    with Client(definition=definition, credentials=CLIENT, settings={}, store=store) as client:
        client.send(Outgoing("GET", f"{client.base}/me", client.headers))
    return store


@pytest.mark.parametrize("issued", ISSUED, ids=lambda issued: issued.name)
def test_answer_of_the_vendor_is_understood(issued: Issued) -> None:
    with serving(Vendor({"/token": issued.answer})) as served:
        definition = Definition.model_validate(with_host({"apiBaseUri": "{host}", **oauth(**issued.auth)}, served.url))
        before = datetime.now(UTC)
        found = asked(definition, issued.held).held()
    assert (found.value, found.refresh, served.seen[-1].headers["authorization"]) == (
        issued.value,
        issued.refresh,
        f"Bearer {issued.value}",
    )
    if isinstance(issued.ends, datetime) or issued.ends is None:
        assert (found.expires_at and found.expires_at.replace(microsecond=0)) in (
            issued.ends,
            issued.ends and issued.ends - timedelta(seconds=1),
        )
    else:
        assert found.expires_at is not None
        assert 0 <= (found.expires_at - before).total_seconds() - issued.ends < 60


@dataclass
class Refusal:
    """An answer that is none: the sentence, and whether a person has to agree again."""

    name: str
    auth: dict[str, Any]
    answer: Any
    sentence: str
    revoked: bool = False


REFUSALS = [
    Refusal("e5_6 Fitbit: errors in a list with 200", {}, {"errors": [{"errorType": "invalid_client", "message": "No such client"}], "success": False},
            "The token endpoint refused with status 200 OK and said invalid_client: No such client. Check client ID and client secret, and whether the server takes them in a "
            "Basic header or in the body."),
    Refusal("e5_6 Slack: ok is false with 200", {}, {"ok": False, "error": "bad_client_secret"},
            "The token endpoint refused with status 200 OK and said bad_client_secret. Check the credentials and the access token URL."),
    Refusal("e6_14 Xero: the grant is gone", {}, (400, {"error": "invalid_grant"}),
            "The token endpoint refused with status 400 Bad Request and said invalid_grant. The authorization is no longer valid; connect again.", revoked=True),
    Refusal("e6_14 HubSpot: the grant is gone in words of its own", {"revoked": {"path": "status", "values": ["BAD_REFRESH_TOKEN"]}},
            (400, {"status": "BAD_REFRESH_TOKEN"}), "The token endpoint refused with status 400 Bad Request. The authorization is no longer valid; connect again.", revoked=True),
    Refusal("e6_14 Zendesk: only away for a moment", {}, (503, {}), "The token endpoint refused with status 503 Service Unavailable. Try again later."),
]  # fmt: skip


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_refusal_of_the_vendor_is_understood(refusal: Refusal) -> None:
    class Told(MemoryTokens):
        def renew(self, obtain: Any, *, rejected: str = "", reason: str = "needed") -> Held:
            try:
                return super().renew(obtain, rejected=rejected, reason=reason)
            except Exception as error:
                self.revoked = getattr(error, "revoked", False)
                raise

    with serving(Vendor({"/token": refusal.answer})) as served:
        definition = Definition.model_validate(with_host({"apiBaseUri": "{host}", **code(**refusal.auth)}, served.url))
        store = Told(definition.auth, Held("", refresh="R"))
        with (
            pytest.raises(CallError) as caught,
            Client(definition=definition, credentials=CLIENT, settings={}, store=store) as client,
        ):
            client.send(Outgoing("GET", f"{client.base}/me", client.headers))
    assert (caught.value.message, store.revoked, [seen.path for seen in served.seen]) == (refusal.sentence, refusal.revoked, ["/token"])


# --- when a token is renewed ----------------------------------------------------------------------------------------


@dataclass
class Due:
    """After how many seconds a token that was just issued is renewed."""

    name: str
    auth: dict[str, Any]
    token: Token
    seconds: float | None


DUES = [
    Due("e5_13 GitHub: never", {"grantType": "authorization_code"}, Token("t", None), None),
    Due("e5_13 unnamed: client credentials without an end are taken for 55 minutes", {}, Token("t", None), 3300 - 60),
    Due("e6_9 unnamed: a refresh token that idles out is used every day", {"grantType": "authorization_code", "tokenRefreshStrategy": "custom_interval", "customRefreshInterval": 86_400},
        Token("t", None, refresh="r"), 86_400),
    Due("e6_10 Exact Online: not before the last half minute", {"grantType": "authorization_code", "refreshBuffer": 30}, Token("t", 600, refresh="r"), 570),
    Due("e6_11 Exact Online: a buffer longer than the lifetime makes no loop", {"grantType": "authorization_code", "refreshBuffer": 3600}, Token("t", 600, refresh="r"), 300),
]  # fmt: skip


@pytest.mark.parametrize("due", DUES, ids=lambda due: due.name)
def test_token_is_renewed_in_time_and_not_too_early(due: Due) -> None:
    now = datetime.now(UTC)
    held = rows.as_held(OAuth2Auth.model_validate(due.auth), due.token, now=now)
    assert held.due_at == (None if due.seconds is None else now + timedelta(seconds=due.seconds))


def test_e7_5_dayforce_and_others_credentials_follow_a_redirect_to_the_same_server_and_no_other(served_elsewhere: Served) -> None:
    def answer(to: Handler) -> None:
        where = {"/far": f"{served_elsewhere.url}/there", "/near": "/here"}.get(to.path)
        to.reply(302, b"", Location=where) if where else to.reply(200, b"{}", Content_Type="application/json")

    with serving(answer) as served:
        definition = Definition.model_validate({"apiBaseUri": served.url, **key(("header", "X-Key", "{{credentials.apiKey}}"))})
        with Client(definition=definition, credentials={"apiKey": "k"}, settings={}, store=MemoryTokens(definition.auth)) as client:
            for path in ("/near", "/far"):
                client.send(Outgoing("GET", f"{client.base}{path}", client.headers))
    assert [(seen.path, seen.headers.get("x-key")) for seen in served.seen] == [("/near", "k"), ("/here", "k"), ("/far", "k")]
    assert [(seen.path, seen.headers.get("x-key")) for seen in served_elsewhere.seen] == [("/there", None)]


def test_e4_9_adp_wants_a_client_certificate_from_whoever_asks_for_a_token(tmp_path: Path) -> None:
    context, file = certificate(tmp_path)
    context.load_verify_locations(file)
    context.verify_mode = ssl.CERT_REQUIRED
    private, mark, shown = file.read_text().partition("-----END PRIVATE KEY-----\n")
    given = {"clientId": "id", "clientCertificate": shown, "clientKey": private + mark}
    with serving(Vendor({"/token": OK}), context=context) as served:
        definition = Definition.model_validate(with_host({"apiBaseUri": "{host}", **oauth(clientAuthentication="tls")}, served.url))
        store, trusted = MemoryTokens(definition.auth), Network(authorities=shown)
        with Client(definition=definition, credentials=given, settings={}, store=store, network=trusted) as client:
            assert client.send(Outgoing("GET", f"{client.base}/me", client.headers)).status == 200
        without = Definition.model_validate(with_host({"apiBaseUri": "{host}", **oauth(clientAuthentication="none")}, served.url))
        with (
            pytest.raises(CallError),
            Client(
                definition=without, credentials={"clientId": "id"}, settings={}, store=MemoryTokens(without.auth), network=trusted
            ) as client,
        ):
            client.send(Outgoing("GET", f"{client.base}/me", client.headers))
    assert [(seen.path, seen.body.decode(), seen.headers.get("authorization")) for seen in served.seen] == [
        ("/token", "grant_type=client_credentials&client_id=id", None), ("/me", "", "Bearer T"),
    ]  # fmt: skip


@pytest.fixture
def served_elsewhere() -> Any:
    answer: Callable[[Handler], None] = lambda to: to.reply(200, b"{}", Content_Type="application/json")  # noqa: E731
    with serving(answer) as served:
        yield served
