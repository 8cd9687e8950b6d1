"""The checks of an installation."""

from __future__ import annotations

from django.core.checks import CheckMessage
from pytest_django import Settings

from config import checks
from config.networks import parse_networks


def ids(messages: list[CheckMessage]) -> list[str | None]:
    return [message.id for message in messages]


def test_keys_finds_a_secret_key_that_can_be_guessed(settings: Settings) -> None:
    settings.SECRET_KEY = "short"
    assert ids(checks.keys(None)) == ["junction.E001"]
    settings.SECRET_KEY = "ab" * 40
    assert ids(checks.keys(None)) == ["junction.E001"]
    settings.SECRET_KEY = "kQ3vX8mP1rT6yB9nW4zL7cF2hJ5dG0sA"
    assert checks.keys(None) == []


def test_egress_warns_of_loopback_and_of_a_network_that_holds_it(settings: Settings) -> None:
    for text in ("loopback", "0.0.0.0/0", "::1"):
        settings.EGRESS_ALLOW = parse_networks(text)
        assert ids(checks.egress(None)) == ["junction.W001"]
    settings.EGRESS_ALLOW = parse_networks("10.1.0.0/16")
    assert checks.egress(None) == []


def test_public_url_warns_when_it_is_not_set(settings: Settings) -> None:
    settings.PUBLIC_URL_IS_SET = False
    assert ids(checks.public_url(None)) == ["junction.W002"]
    settings.PUBLIC_URL_IS_SET = True
    assert checks.public_url(None) == []


def test_authorization_webhook_warns_when_what_it_sends_is_not_signed(settings: Settings) -> None:
    settings.AUTHORIZATION_WEBHOOK_URL = "https://hooks.example.com/junction"
    assert ids(checks.authorization_webhook(None)) == ["junction.W003"]
    settings.AUTHORIZATION_WEBHOOK_SECRETS = ("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",)
    assert checks.authorization_webhook(None) == []
    settings.AUTHORIZATION_WEBHOOK_URL, settings.AUTHORIZATION_WEBHOOK_SECRETS = "", ()
    assert checks.authorization_webhook(None) == []
