"""The browser of the tests: the system's Chromium, driven by Playwright, against the live server.

A test takes `page` (and `sign_in`). It fails on whatever the browser complains about: errors of scripts, violations of the
content security policy, files that are missing. A test that provokes such a line takes `complaints` and removes it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from integrations.models import User
from tests.environment import lacking

ARGUMENTS = "--no-sandbox --disable-gpu --disable-background-networking --no-first-run --disable-dev-shm-usage".split()
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
TIMEOUT_MS = 60_000  # for a machine that does much other work besides; a worker alone may need half of it to start
expect.set_options(timeout=TIMEOUT_MS)

SignIn = Callable[[User], None]


def chromium() -> str | None:
    """Where Chromium is: what CHROMIUM names, else the first one that the system has."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that uses the browser, so that `-m browser` and `-m 'not browser'` work."""
    for item in items:
        if "complaints" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser(django_db_setup: None) -> Iterator[Browser]:
    path = chromium()
    if path is None or not Path(path).exists():
        sentence = (
            f"No Chromium was found{f' at {path}' if path else ''}. Install it (Debian: apt install chromium), or name one in CHROMIUM."
        )
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail(sentence)
        lacking(sentence)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield found
        found.close()
        # Opened beside Playwright's event loop, these would be out of reach once it has ended.
        connections.close_all()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser has complained about in this test."""
    return []


@pytest.fixture
def page(browser: Browser, live_server: LiveServer, complaints: list[str]) -> Iterator[Page]:
    """An empty tab of a new browser profile; `page.goto("/")` is the live server's first page."""
    context = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 900}, locale="en-US", accept_downloads=True)
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()

    def on_console(message: ConsoleMessage) -> None:
        # A form that is refused answers 422, which Chromium logs like a missing file.
        if message.type == "error" and "status of 422" not in message.text:
            complaints.append(f"{message.text} ({message.location.get('url', '')})")

    page.on("console", on_console)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def sign_in(page: Page, live_server: LiveServer) -> SignIn:
    """Sign a user in without the form, which has its own test."""

    def sign(user: User) -> None:
        client = Client()
        client.force_login(user)
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])

    return sign
