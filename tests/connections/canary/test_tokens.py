"""Tokens: how they are asked for, pasted, renewed, lost, refused and given back, at a vendor that repeats all it was ever told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from actions import runs
from connections import trials
from connections.models import Authorization, Connection, Credential, LoggedRequest, TokenEvent
from connections.redaction import MASK
from connections.tokens import renewals
from tests.api.calls import Caller
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of, action_values
from tests.connections.canary.conftest import HARMLESS, Canary
from tests.connections.canary.search import planted
from tests.connections.canary.vendor import answer
from tests.connections.server import Handler, Served, serving
from tests.pages import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
MODES: Final = ("serves", "refuses", "lists keys", "lost", "moves", "breaks", "confuses", "revoked")
CLIENT: Final = {"clientId": "id"}
# What a token request brings that is worth something to somebody else.
PROOFS: Final = ("code_verifier", "client_assertion", "assertion")


@dataclass
class TokenVendor:
    """Issues tokens while it serves. Else it says back everything that it knows of whoever asks, whose name ends the path: what a
    request brought, the secrets of the client, the tokens that count."""

    mode: str = "serves"
    told: dict[str, dict[str, str]] = field(default_factory=dict)
    issued: dict[str, str] = field(default_factory=dict)

    def __call__(self, to: Handler) -> None:
        seen, name = to.server.seen[-1], urlsplit(to.path).path.rpartition("/")[2]
        text = seen.body.decode("utf-8", "replace")
        sent = json.loads(text) if text.startswith("{") else dict(parse_qsl(text))
        self.issued |= {f"{proof} of request {len(to.server.seen)}": sent[proof] for proof in PROOFS if proof in sent}
        known = {**self.told.get(name, {}), **sent}
        words = json.dumps({"known": known, **seen.headers, "path": to.path, "body": text})
        if to.path.startswith("/api"):
            self.api(to, words)
            return
        match self.mode:
            case "serves":
                tokens = self.token()
                kept = ("session",) if name == "login" else ("access_token", "refresh_token")
                self.told[name] |= {key: tokens[key] for key in kept}
                answer(to, 200, tokens)
            case "refuses":
                answer(to, 401, {"error": words, "error_description": words, "message": words}, words)
            case "lists keys":
                answer(to, 200, {words: HARMLESS, HARMLESS: words}, words)
            case "lost":
                body = json.dumps(self.token()).encode()
                to.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n" + body)
            case "moves":
                to.reply(302, words.encode(), Location=f"http://localhost:1/?{quote(words)}", X_Sent=words)
            case "breaks":
                to.raw(f"HTTP/1.1 {words}\r\n\r\n{words}".encode())
            case "confuses":
                to.reply(200, f"<title>{words}</title>".encode(), Content_Type="text/html")
            case "revoked":
                answer(to, 400, {"error": "invalid_grant", "error_description": words}, words)

    def api(self, to: Handler, words: str) -> None:
        if self.mode == "serves":
            answer(to, 200, [{"id": 1, "name": HARMLESS}])
        else:
            answer(to, 401, {"error": words, "note": HARMLESS}, words)

    def token(self) -> dict[str, str]:
        number = len(self.issued)
        made = {name: planted(f"{name} {number}") for name in ("access_token", "refresh_token", "session")}
        self.issued |= {f"{name} {number}": value for name, value in made.items()}
        return {**made, "expires_in": "3600"}


@pytest.fixture
def vendor() -> Iterator[tuple[TokenVendor, Served]]:
    playing = TokenVendor()
    with serving(playing) as served:
        yield playing, served


def private_key(canary: Canary) -> str:
    """A key, whose lines are secrets each: a part of it is too much."""
    pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for number in (3, 10, 20):
        canary.secrets[f"line {number} of the key {len(canary.secrets)}"] = pem.decode().splitlines()[number]
    return pem.decode()


def connections(canary: Canary, make: MakeIntegration, connect: MakeConnection, playing: TokenVendor, host: str) -> dict[str, Connection]:
    """A connection of each way to get a token."""

    def oauth(name: str, **auth: Any) -> dict[str, Any]:
        urls = {"tokenUri": f"{host}/token/{name}", "revocationUri": f"{host}/revoke/{name}"}
        return {"type": "oauth2", **urls, "clientAuthentication": "body", **auth}

    plant = canary.plant
    claims = {"iss": "{{credentials.clientId}}", "sub": "{{credentials.username}}"}
    login = [
        {"url": f"{host}/one/login", "bodyFormat": "form", "params": {"p": "{{credentials.password}}"}, "extract": {"first": "session"}},
        {"url": f"{host}/two/login", "headers": {"X-First": "{{steps.1.session}}"}, "params": {"again": "{{credentials.password}}"}},
    ]
    ways: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
        "code": (oauth("code", grantType="authorization_code", authUri=f"{host}/authorize"), {**CLIENT, "clientSecret": plant("code secret")["code secret"]}),
        "pasted": (oauth("pasted", grantType="authorization_code", authUri=f"{host}/authorize", clientAuthentication="basic"),
                   {**CLIENT, "clientSecret": plant("pasted secret")["pasted secret"]}),
        "password": (oauth("password", grantType="password", tokenRequestContentType="application/json"),
                     {**CLIENT, "username": "user", "password": plant("password")["password"], "clientSecret": plant("password secret")["password secret"]}),
        "refresh": (oauth("refresh", grantType="refresh_token", refreshHeaders={"X-Old": "{{credentials.accessToken}}"}, tokenRequestContentType="query"),
                    {**CLIENT, "clientSecret": plant("refresh secret")["refresh secret"], "refreshToken": plant("first refresh")["first refresh"]}),
        "assertion": (oauth("assertion", clientAuthentication="private_key_jwt"), {**CLIENT, "privateKey": private_key(canary)}),
        "jwt": (oauth("jwt", grantType="jwt_bearer", clientAuthentication="none", assertion={"claims": claims}),
                       {**CLIENT, "username": "user", "privateKey": private_key(canary).replace("\n", "\\n")}),
        "login": ({"type": "login", "tokenKey": "session", "keepCookies": True, "steps": login}, {"username": "user", "password": plant("login password")["login password"]}),
    }  # fmt: skip
    made = {}
    for name, (auth, credentials) in ways.items():
        actions = [action_values(path=f"/api/{name}")]
        integration = make(name=f"Way {name}", base_uri=host, auth=auth, ping={"uri": f"/api/{name}"}, actions=actions)
        made[name] = connect(integration, name=name, credentials=credentials)
        playing.told[name] = credentials
    return made


def authorize(canary: Canary, browser: Any, row: Connection) -> None:
    """To the vendor's page and back, by the connect link and by the button: refused in the vendor's words, then with a code."""
    links = (
        lambda: browser.get(f"/api/integrations/{row.integration.slug}/connect").headers["Location"],
        lambda: browser.post(f"/connections/{row.pk}/authorize/").context["begun"].url,
        lambda: browser.post(f"/connections/{row.pk}/authorize/", {"popup": "1"}).context["begun"].url,
    )
    for number, link in enumerate(links, len(canary.secrets)):
        state = parse_qs(urlsplit(link()).query)["state"][0]
        code = canary.plant(f"code {number}")[f"code {number}"]
        canary.secrets[f"state {number}"] = state.removesuffix(".popup")
        words = f"{canary.secrets['code secret']} {state}"
        said = {"error": words, "error_description": f"no: {words}"} if link is links[0] else {"code": code}
        canary.hear(browser.get("/oauth2/callback", {"state": state, **said}))
        canary.hear(browser.get("/oauth2/callback", {"state": state, **said}))  # a second time
        canary.hear(browser.get(f"/connections/{row.pk}/"))


def test_tokens_are_found_nowhere_whatever_becomes_of_them(
    canary: Canary, cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection, vendor: tuple[TokenVendor, Served]
) -> None:
    playing, served = vendor
    rows = connections(canary, make_integration, make_connection, playing, served.url)
    carol, browser = Caller(cast.carol), signed_in(cast.carol, cast.client_a)
    for playing.mode in ("serves", "refuses", "lost", "serves"):
        authorize(canary, browser, rows["code"])
    pasted = canary.plant("pasted access", "pasted refresh")
    given = {"name": "pasted", "accessToken": pasted["pasted access"], "refreshToken": pasted["pasted refresh"]}
    for body in (given, {**given, "accessToken": f"two words {pasted['pasted access']}"}, {**given, "code": pasted["pasted access"]}):
        canary.hear(
            carol.ask("POST", f"integrations/{rows['pasted'].integration.slug}/connect", body, Idempotency_Key=f"paste-{len(body)}")
        )
    for playing.mode in MODES:
        for row in rows.values():
            Credential.objects.filter(pk=row.pk).update(retry_at=None, refresh_due_at=datetime(2020, 1, 1, tzinfo=UTC), queued_until=None)
            canary.hear(carol.ask("POST", f"connections/{row.pk}/renew"))
            if playing.mode in ("refuses", "revoked"):
                Connection.objects.filter(pk=row.pk).update(state="untested")
                Credential.objects.filter(pk=row.pk).update(
                    retry_at=None, refresh_due_at=datetime(2020, 1, 1, tzinfo=UTC), queued_until=None
                )
                renewals.renew_batch([row.pk])
                canary.seen.append(repr(trials.test(connection=row)).encode())
                ran = runs.start(action=action_of(row.integration), connection=row, user=cast.carol, inputs={}, hand_over=False)
                runs.execute(ran.pk)
    assert TokenEvent.objects.filter(message__contains=MASK).count() > 10, "what the vendor repeated was masked"
    leave(canary, carol, rows)
    shown(canary, browser, rows)
    canary.secrets |= playing.issued
    assert len(canary.secrets) > 60
    assert canary.leaks() == {}
    assert Authorization.objects.count() == 12


def leave(canary: Canary, carol: Caller, rows: dict[str, Connection]) -> None:
    """The cached token is dropped; the grant is given back, and the vendor does not take it."""
    for what, name in (("disconnect", "code"), ("clear", "pasted"), ("disconnect", "refresh"), ("clear", "login")):
        canary.hear(carol.ask("POST", f"connections/{rows[name].pk}/{what}"))
    canary.hear(carol.ask("DELETE", f"connections/{rows['password'].pk}"))


def shown(canary: Canary, browser: Any, rows: dict[str, Connection]) -> None:
    paths = ["/connections/", "/requests/", "/api/requests", "/runs/"]
    for row in rows.values():
        paths += [
            f"/connections/{row.pk}/",
            f"/api/connections/{row.pk}",
            f"/api/connections/{row.pk}/token-events",
            f"/api/connections/{row.pk}/events",
        ]
    paths += [f"/requests/{key}/" for key in LoggedRequest.objects.order_by("-pk").values_list("pk", flat=True)[:12]]
    for path in paths:
        canary.hear(browser.get(path))
