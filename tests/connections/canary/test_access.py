"""People and programs that come in: passwords, personal tokens, secrets and tokens of applications, invitations, sessions, commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from oauth2_provider.models import AccessToken, RefreshToken

from actions import imports
from actions.models import Import
from integrations.models import Integration, Invitation
from tests.api.calls import Caller
from tests.api.test_access import CALLBACK, VERIFIER, _hidden, _query
from tests.cast import Cast, MakeConnection, MakeIntegration
from tests.connections.canary.conftest import HARMLESS, Canary
from tests.connections.canary.vendor import answer
from tests.connections.server import Handler, Served, serving
from tests.pages import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
AUDIT: Final = ("/audit/", "/audit/export.csv", "/audit/export.json", "/api/audit")


def see(canary: Canary, browser: Client, *paths: str) -> None:
    for path in paths:
        canary.hear(browser.get(path))


def sessions(canary: Canary, cast: Cast) -> None:
    """Signing in, wrong and right; a password changed, wrong and right."""
    wrong, new = (canary.plant(name)[name] for name in ("wrong password", "new password"))
    browser = Client()
    for password in (wrong, canary.secrets["password"]):
        canary.hear(browser.post("/login/", {"username": "carol", "password": password}))
    for old, again in ((wrong, new), (canary.secrets["password"], wrong), (canary.secrets["password"], new)):
        canary.hear(browser.post("/account/", {"old_password": old, "new_password1": new, "new_password2": again}))
    see(canary, browser, "/account/")


def programs(canary: Canary, cast: Cast) -> None:
    """Tokens and applications: made, used rightly and wrongly, renewed, revoked."""
    bob, browser = Caller(cast.bob), signed_in(cast.bob)
    token = browser.post("/account/access/tokens/new/", {"name": HARMLESS, "days": "30", "scopes": ["api"]}).context["text"]
    made = bob("POST", "applications", {"name": HARMLESS, "kind": "script", "scopes": ["api"]}, expect=201, Idempotency_Key="app")
    renewed = bob("POST", f"applications/{made['id']}/secret")["clientSecret"]
    canary.secrets |= {"token": token, "client secret": made["clientSecret"], "client secret now": renewed}
    native = bob(
        "POST",
        "applications",
        {"name": "Dashboard", "kind": "native", "scopes": ["integrations:read"], "redirectUris": [CALLBACK]},
        expect=201,
    )
    client = Client()
    for secret in (made["clientSecret"], renewed):
        asked = {"grant_type": "client_credentials", "client_id": made["clientId"], "client_secret": secret}
        issued = client.post("/o/token/", asked)
    canary.secrets["access token"] = issued.json()["access_token"]
    agreed(canary, cast, native["clientId"], client)
    for bearer in (token, canary.secrets["access token"], f"{token}x", f"x{canary.secrets['access token']}"):
        caller = Caller(bearer=bearer)
        for method, path, body in (("GET", "me", None), ("GET", f"nothing?access_token={bearer}", None), ("POST", "integrations", {"name": [bearer]}),
                                   ("POST", "tokens", {"name": "x", "token": bearer})):  # fmt: skip
            canary.hear(caller.ask(method, path, body))
        canary.hear(
            client.post("/o/revoke_token/", {"token": bearer, "client_id": made["clientId"], "client_secret": made["clientSecret"]})
        )
    see(canary, browser, "/account/access/", f"/account/access/applications/{made['id']}/", "/api/tokens", "/api/applications")
    assert AccessToken.objects.exists()
    assert RefreshToken.objects.exists()


def agreed(canary: Canary, cast: Cast, client_id: str, client: Client) -> None:
    """A person agrees; the code is exchanged with a wrong verifier and rightly, and the token renewed."""

    class Native:
        def __init__(self) -> None:
            self.client_id = client_id

    browser = signed_in(cast.carol)
    codes = []
    for _ in range(2):
        back = browser.post("/o/authorize/", {**_hidden(browser.get("/o/authorize/", _query(Native()))), "allow": "Authorize"})
        codes.append(parse_qs(urlsplit(back["Location"]).query)["code"][0])
    canary.secrets |= {f"code {number}": code for number, code in enumerate(codes)}
    exchange = {"grant_type": "authorization_code", "code": codes[0], "redirect_uri": CALLBACK, "client_id": client_id}
    canary.hear(client.post("/o/token/", {**exchange, "code_verifier": "x" * 50}))
    given = client.post("/o/token/", {**exchange, "code": codes[1], "code_verifier": VERIFIER}).json()
    renewed = client.post(
        "/o/token/", {"grant_type": "refresh_token", "refresh_token": given["refresh_token"], "client_id": client_id}
    ).json()
    canary.secrets |= {
        f"{name} {which}": found[name]
        for which, found in (("first", given), ("second", renewed))
        for name in ("access_token", "refresh_token")
    }
    see(canary, browser, "/account/access/", "/api/authorized-applications")


def invitations(canary: Canary, cast: Cast) -> None:
    """A link is made, opened with a letter too many, withdrawn, used. Only those who may invite see it."""
    alice = Caller(cast.alice)
    for email in ("one@example.com", "two@example.com"):
        alice.ask("POST", f"organizations/{cast.client_a.slug}/invitations", {"email": email, "role": "viewer"})
    for number, row in enumerate(Invitation.objects.all()):
        canary.secrets[f"invitation {number}"] = row.token
        for token in (f"{row.token}x", row.token):
            Client().get(f"/invitations/{token}/")
    canary.hear(alice.ask("DELETE", f"organizations/{cast.client_a.slug}/invitations/{row.pk}"))


def test_secrets_of_people_and_programs_are_found_nowhere(canary: Canary, cast: Cast) -> None:
    canary.plant("password")
    cast.carol.set_password(canary.secrets["password"])
    cast.carol.save()
    sessions(canary, cast)
    programs(canary, cast)
    invitations(canary, cast)
    see(canary, signed_in(cast.alice, cast.msp), *AUDIT, "/organizations/")
    assert len(canary.secrets) == 15, list(canary.secrets)
    assert canary.leaks() == {}


@pytest.fixture
def documents() -> Iterator[Served]:
    """A server of documents that refuses, repeats what it is sent, leads elsewhere, and at last gives one."""

    def reply(to: Handler) -> None:
        words = json.dumps({**to.server.seen[-1].headers, "path": to.path})
        if to.path.startswith("/refused"):
            answer(to, 418, {"error": words}, words)
        elif to.path.startswith("/moved"):
            to.reply(302, words.encode(), Location=f"http://localhost:1{to.path}", X_Sent=words)
        elif to.path.startswith("/page"):
            to.reply(200, f"<html><title>{words}</title></html>".encode(), Content_Type="text/html")
        elif to.path.startswith("/odd"):
            to.reply(200, b"openapi: 3.0.0\n" + words.encode(), Content_Type="text/plain")
        else:
            answer(to, 200, {"openapi": "3.0.0", "info": {"title": HARMLESS, "version": "1"}, "servers": [{"url": "https://api.example.com"}],
                             "paths": {"/x": {"get": {"operationId": "x", "responses": {"200": {"description": "Fine"}}}}}})  # fmt: skip

    with serving(reply) as served:
        yield served


def test_password_in_the_url_of_a_document_is_found_nowhere(canary: Canary, cast: Cast, documents: Served) -> None:
    password, key = canary.plant("password")["password"], canary.plant("key")["key"]
    bob, browser = Caller(cast.bob), signed_in(cast.bob, cast.msp)
    for path in ("/refused", "/moved", "/page", "/odd", "/fine"):
        for login in (f"user:{quote(password, safe='')}@", f"user:{password}@", ""):
            url = f"{documents.url.replace('//', f'//{login}')}{path}?api_key={quote(key, safe='')}"
            canary.hear(bob.ask("POST", "imports", {"url": url}, Idempotency_Key=f"{path[1:]}-{len(login)}"))
            # A form that is refused gives back what was typed into it, to whoever has typed it.
            browser.post("/integrations/import/", {"kind": "url", "url": url})
            command(canary, "import_openapi", url)
    for job in Import.objects.filter(state="reading"):
        imports.execute(job.pk)
    for row in Import.objects.all():
        see(canary, browser, f"/integrations/import/{row.pk}/", f"/api/imports/{row.pk}")
    slugs = Integration.objects.values_list("slug", flat=True)
    see(
        canary,
        browser,
        "/api/imports",
        *AUDIT,
        *(f"/integrations/{slug}/report/" for slug in slugs),
        *(f"/api/integrations/{slug}/findings" for slug in slugs),
    )
    assert sorted(set(Import.objects.values_list("state", flat=True))) == ["failed", "finished"]
    assert {urlsplit(seen.path).path for seen in documents.seen} >= {"/refused", "/moved", "/page", "/odd", "/fine"}
    assert canary.leaks() == {}


def command(canary: Canary, name: str, *arguments: str, **options: Any) -> None:
    """What a command says, and how it ends."""
    out, err = StringIO(), StringIO()
    try:
        call_command(name, *arguments, stdout=out, stderr=err, **options)
    except (CommandError, SystemExit) as error:
        err.write(f"{error!r}")
    canary.seen.append(f"{name}: {out.getvalue()} {err.getvalue()}".encode())


def test_secrets_of_integrations_and_commands_are_found_nowhere(
    canary: Canary, cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection, tmp_path: Path, settings: Any
) -> None:
    """Defaults that the owner of an integration gives along, over both APIs, rightly and wrongly; and what commands do about secrets."""
    secrets = canary.plant("apiKey", "clientSecret", "webhookSecret", "in the document", "of a connection")
    alice = Caller(cast.alice)
    mistakes: list[dict[str, Any]] = [{}, {"apiKey": [secrets["apiKey"]]}, {"unknown": secrets["apiKey"]}]
    for number, more in enumerate(mistakes):
        values = {"name": f"{HARMLESS} {number}", "type": "custom", "apiBaseUri": "https://api.example.com", "authType": "oauth2", "tokenUri": "https://api.example.com/t",
                  "clientId": "id", "clientSecret": secrets["clientSecret"], "apiKey": secrets["apiKey"], **more}  # fmt: skip
        canary.hear(alice.ask("POST", "integrations", values, Idempotency_Key=f"make-{number}"))
        canary.hear(alice.ask("POST", "integrations", values, Idempotency_Key=f"make-{number}"))
    truto: dict[str, Any] = {"name": "truto", "config": {"base_url": "https://api.example.com", "credentials": {"oauth2": {"format": "oauth2", "config": {"client": {
        "id": "id", "secret": secrets["in the document"]}, "auth": {"tokenHost": "https://api.example.com", "tokenPath": "/t"}}}},
        "webhook": {"signature_verification": {"format": "HMAC-SHA256", "config": {"secret": secrets["webhookSecret"], "algorithm": "sha256", "parts": ["body"]}}}}}  # fmt: skip
    canary.hear(alice.ask("POST", "/integration", truto, Idempotency_Key="truto"))
    canary.hear(alice.ask("POST", "/integration", {**truto, "config": {**truto["config"], "base_url": secrets["in the document"]}}))
    make_connection(make_integration(auth={"type": "apikey"}), credentials={"apiKey": secrets["of a connection"]})
    browser = signed_in(cast.alice, cast.msp)
    for row in Integration.objects.all():
        slug = row.slug
        see(canary, browser, f"/api/integrations/{slug}", f"/integration/{row.pk}", f"/integrations/{slug}/", f"/api/integrations/{slug}/revisions",
            f"/integrations/{slug}/edit/auth/", f"/integrations/{slug}/history/")  # fmt: skip
    see(canary, browser, "/integration", "/api/integrations", "/api/integrations-list", *AUDIT)
    catalogue = tmp_path / "providers.yaml"
    catalogue.write_text(
        f"sample:\n  display_name: Sample\n  auth_mode: API_KEY\n  proxy:\n    base_url: https://user:{secrets['in the document']}@x.example.com\n"
    )
    for options in ({"dry_run": True}, {"json": True}):
        command(canary, "import_providers", str(catalogue), **options)
    settings.ENCRYPTION_KEYS = (("new", bytes(32)), *settings.ENCRYPTION_KEYS)
    for arguments in (("--check",), (), ("--check",)):
        command(canary, "rotate_keys", *arguments)
    settings.ENCRYPTION_KEYS = (("other", bytes(31) + b"1"),)
    command(canary, "rotate_keys")
    command(canary, "check")
    settings.ADMIN_PASSWORD = canary.plant("password of the admin")["password of the admin"]
    command(canary, "bootstrap")
    assert b"cannot be opened" in b"".join(canary.seen[-3:])
    assert canary.leaks() == {}
