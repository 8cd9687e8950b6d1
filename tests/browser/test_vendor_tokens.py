"""Real authorization servers: agreed to in Chromium, then called for several lifetimes of their tokens. No rejected call surfaces.

VENDOR_SERVERS names a folder of running servers (see tests/actions/test_vendor_servers.py); those with a row in VENDORS are
driven. What a server gives out in `data/info.json` as `redirect_uri` has to end in /oauth2/callback, so it is started with
REDIRECT_URIS (oidc) or REDIRECT_URI (jupyterhub), and a client of reviewboard is registered with it.
"""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from config.celery import app
from connections.models import Connection, Credential, LoggedRequest, TokenEvent
from tests.actions.test_vendor_servers import post
from tests.backends import Worker, eventually
from tests.browser.browser import SignIn
from tests.cast import Cast
from tests.pages import signed_in

FOLDER: Final = os.environ.get("VENDOR_SERVERS", "")
LIFETIMES: Final = 4
MOST_SECONDS: Final = 150.0  # for servers whose tokens live for hours
PAUSE: Final = 2.0  # seconds between two runs
LOOK: Final = 3.0  # seconds between two looks of beat at what is due
CALLBACK: Final = "/oauth2/callback"
REASON: Final = "VENDOR_SERVERS is not set: it names a folder of running servers, which the project does not contain."


@dataclass(frozen=True)
class Vendor:
    """How a server is integrated, and what a person does on its pages. Texts in braces stand for members of its info.json."""

    folder: str
    auth: dict[str, Any]
    client: tuple[str, str]
    base: str
    path: str
    agree: Callable[[Page], None] | None = None
    popup: bool = False
    refreshes: bool = True
    headers: dict[str, str] = field(default_factory=dict)


def agree_at_oidc(page: Page) -> None:
    page.locator("input[name=login]").fill("sample")
    page.locator("input[name=password]").fill("x")
    page.locator("button[type=submit]").click()
    page.get_by_role("button", name="Continue").click()


def agree_at_reviewboard(page: Page) -> None:
    page.locator("input[name=username]").fill("admin")
    page.locator("input[name=password]").fill("rb-s3cret")
    page.locator("input[type=submit], button[type=submit]").first.click()
    page.locator("input[name=allow]").click()


def agree_at_jupyterhub(page: Page) -> None:
    name, agree = page.locator("#username_input"), page.get_by_role("button", name="Authorize")
    name.or_(agree).first.wait_for()  # who has signed in before is asked at once
    if name.is_visible():
        name.fill("admin")
        page.locator("#password_input").fill("hub-s3cret")
        page.locator("#login_submit").click()
    agree.click()


CODE: Final = {"type": "oauth2", "grantType": "authorization_code", "authUri": "{authorize_url}", "tokenUri": "{token_url}"}
VENDORS: Final = {
    "oidc, whole page": Vendor("oidc", {**CODE, "scope": "openid api:read", "revocationUri": "{token_url}/revocation"},
                               ("code-basic", "{clients[code-basic]}"), "{base_url}", "/me", agree_at_oidc),
    "oidc, popup": Vendor("oidc", {**CODE, "scope": "openid api:read", "clientAuthentication": "body"},
                          ("code-post", "{clients[code-post]}"), "{base_url}", "/me", agree_at_oidc, popup=True),
    "gateway, client credentials": Vendor("gateway", {"type": "oauth2", "grantType": "client_credentials", "tokenUri": "{token_url}", "scope": "api:read"},
                                          ("{client_id}", "{client_secret}"), "{shop}", "/shop/customers.json?_size=1&_shape=array"),
    "reviewboard, whole page": Vendor("reviewboard", {**CODE, "scope": "user:read root:read"},
                                      ("{code_client_id}", "{code_client_secret}"), "{base_url}", "/api/users/?max-results=1", agree_at_reviewboard),
    "jupyterhub, popup": Vendor("jupyterhub", {**CODE, "scope": "list:users", "clientAuthentication": "body"},
                                ("{client_id}", "{client_secret}"), "{base_url}", "/users?limit=1", agree_at_jupyterhub, popup=True, refreshes=False),
}  # fmt: skip


def cases() -> list[Any]:
    found = []
    for name, vendor in VENDORS.items():
        file = Path(FOLDER) / vendor.folder / "data" / "info.json"
        if FOLDER and file.exists():
            found.append(pytest.param(vendor, json.loads(file.read_text()), id=name))
    return found or [pytest.param(None, {}, marks=pytest.mark.skip(reason=REASON))]


def filled(value: Any, info: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {name: filled(one, info) for name, one in value.items()}
    return value.format(**info) if isinstance(value, str) else value


def made(vendor: Vendor, info: dict[str, Any], cast: Cast) -> tuple[str, str]:
    """A published integration by the API: its slug and the id of its action."""
    builder = signed_in(cast.bob, cast.msp)
    path = vendor.path.partition("?")[0]
    body = {"name": "Server", "description": "A real one", "type": "custom", "apiBaseUri": filled(vendor.base, info), "authType": "oauth2",
            "auth": filled(vendor.auth, info), "ping": {"uri": vendor.path}}  # fmt: skip
    slug = post(builder, "integrations", body, 201)["slug"]
    action = post(builder, f"integrations/{slug}/actions", {"name": "Call", "path": vendor.path or path}, 201)["id"]
    post(builder, f"integrations/{slug}/finalize", None, 200)
    builder.put(f"/api/integrations/{slug}", json.dumps({"status": "published"}), content_type="application/json")
    return slug, action


def connect(page: Page, slug: str, vendor: Vendor, info: dict[str, Any]) -> Connection:
    """Enter the client and save, in the browser."""
    page.goto(reverse("connection-new", args=[slug]))
    page.locator("#id_name").fill("Main")
    for name, value in zip(("clientId", "clientSecret"), vendor.client, strict=True):
        page.locator(f"[name='credentials.{name}']").fill(filled(value, info))
    page.get_by_role("button", name=re.compile("^Save")).first.click()
    page.wait_for_url(re.compile(r"/connections/[0-9a-f-]{36}/"))
    return Connection.objects.get()


def authorize(page: Page, vendor: Vendor, *, button: str, asked: bool = True) -> None:
    """Agree on the vendor's pages and come back. A vendor that remembers what was agreed to does not ask again."""
    agree = vendor.agree if asked and vendor.agree else lambda _: None
    if vendor.popup and asked:
        with page.expect_popup() as opened:
            page.get_by_role("button", name="In a new window").click()
        with opened.value.expect_event("close"):
            agree(opened.value)
    else:
        page.get_by_role("button", name=button, exact=True).click()
        agree(page)
    expect(page.locator("#test-fact")).to_contain_text("Working")


class Runs:
    """An action that is run every few seconds, while beat does its work."""

    def __init__(self, browser: Client, action: str, connection: Connection) -> None:
        self.browser, self.action, self.connection = browser, action, connection
        self.ended: list[tuple[float, str, str]] = []
        self._looked = 0.0

    def go_on(self, seconds: float, *, until: Callable[[], bool] = lambda: False) -> None:
        started = time.monotonic()
        while time.monotonic() - started < seconds and not until():
            if time.monotonic() - self._looked > LOOK:
                app.send_task("connections.tasks.renew_due_tokens")
                self._looked = time.monotonic()
            began = time.monotonic()
            run = post(self.browser, "runs", {"action": self.action, "connection": str(self.connection.pk)}, 202)
            done = eventually(lambda: self._finished(run["id"]))  # noqa: B023 - called at once
            self.ended.append((began - started, done["verdict"], done["message"]))
            time.sleep(PAUSE)

    def _finished(self, key: str) -> dict[str, Any]:
        run = self.browser.get(f"/api/runs/{key}").json()
        return run if run["state"] == "finished" else {}


def figures(connection: Connection, runs: Runs, lifetime: float) -> dict[str, Any]:
    """What there is to report."""
    answers = LoggedRequest.objects.filter(connection=connection, source=LoggedRequest.Source.RUN)
    return {
        "lifetime": lifetime,
        "runs": len(runs.ended),
        "calls": answers.count(),
        "rejected": answers.filter(status=401).count(),
        "surfaced": sum(verdict != "complete" for _, verdict, _ in runs.ended),
        "events": dict(Counter(TokenEvent.objects.filter(connection=connection).values_list("outcome", flat=True))),
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("vendor", "info"), cases())
def test_tokens_of_a_real_server_are_kept_alive(
    page: Page,
    sign_in: SignIn,
    live_server: LiveServer,
    complaints: list[str],
    worker: Worker,
    settings: Any,
    cast: Cast,
    vendor: Vendor,
    info: dict[str, Any],
) -> None:
    if vendor.agree:
        if not str(info["redirect_uri"]).endswith(CALLBACK):
            pytest.skip(f"This server sends people back to {info['redirect_uri']}. Start it with a redirect URI that ends in {CALLBACK}.")
        settings.PUBLIC_URL = info["redirect_uri"].removesuffix(CALLBACK)
        page.context.route(re.compile(f"^{re.escape(info['redirect_uri'])}"), lambda route: _here(route, live_server))
    slug, action = made(vendor, info, cast)
    sign_in(cast.carol)
    connection = connect(page, slug, vendor, info)
    if vendor.agree:
        authorize(page, vendor, button="Authorize")
    else:
        expect(page.locator("#test-fact")).to_contain_text("Working")
    event, ends = TokenEvent.objects.filter(connection=connection)[0], Credential.objects.get(pk=connection.pk).token_expires_at
    lifetime = (ends - event.at).total_seconds() - event.elapsed_ms / 1000 if ends else math.inf
    runs = Runs(signed_in(cast.carol, cast.client_a), action, connection)
    if vendor.refreshes:
        runs.go_on(min(LIFETIMES * lifetime, MOST_SECONDS))
    else:
        asks_again = Connection.objects.filter(pk=connection.pk, state=Connection.State.REAUTHORIZE).exists
        runs.go_on(min(2 * lifetime, MOST_SECONDS), until=asks_again)
    found = figures(connection, runs, round(lifetime, 1))
    print(json.dumps(found))
    complaints[:] = [one for one in complaints if live_server.url in one]  # what other people's pages complain about is their matter
    if vendor.refreshes:
        assert (found["surfaced"], [one for one in runs.ended if one[1] != "complete"]) == (0, [])
        assert found["events"].get("renewed", 0) >= min(LIFETIMES, math.floor(MOST_SECONDS / lifetime))
        assert set(found["events"]) == {"renewed"}
        return
    # Without a refresh token the honest end is to ask again, with the reason; and agreeing again helps.
    connection.refresh_from_db()
    assert connection.message.startswith("The access token has ended, and the vendor gave no refresh token with it")
    assert found["rejected"] == 0
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("Needs re-authorization")
    expect(page.get_by_role("alert")).to_contain_text("the vendor gave no refresh token with it")
    authorize(page, vendor, button="Reconnect", asked=False)
    again = Runs(runs.browser, action, connection)
    again.go_on(3 * PAUSE)
    assert {verdict for _, verdict, _ in again.ended} == {"complete"}


def _here(route: Route, live_server: LiveServer) -> None:
    """The registered address stands for the live server, whose port is another one in each test."""
    query = route.request.url.partition("?")[2]
    route.fulfill(status=302, headers={"Location": f"{live_server.url}{CALLBACK}?{query}"})
