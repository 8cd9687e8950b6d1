"""Passwords and client secrets cannot be tried out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse
from oauth2_provider.models import Application

from integrations.accounts import attempts
from integrations.models import User
from tests.backends import empty_broker
from tests.cast import PASSWORD
from tests.pages import text


@pytest.fixture(autouse=True)
def _no_attempts_yet(broker: str) -> Iterator[None]:
    empty_broker()
    yield
    empty_broker()


def sign_in(username: str, password: str, address: str = "192.0.2.1") -> int:
    return Client(REMOTE_ADDR=address).post(reverse("login"), {"username": username, "password": password}).status_code


def test_right_password_does_not_help_after_too_many_wrong_ones(carol: User, dave: User) -> None:
    assert [sign_in("carol", f"guess {number}") for number in range(attempts.FROM_ONE_ADDRESS)] == [200] * attempts.FROM_ONE_ADDRESS
    answer = Client(REMOTE_ADDR="192.0.2.1").post(reverse("login"), {"username": "Carol", "password": PASSWORD})
    assert answer.status_code == 429
    assert "Too many attempts have failed. Wait 10 minutes, then try again." in text(answer)
    assert sign_in("carol", PASSWORD, address="192.0.2.2") == 302  # the owner, elsewhere
    assert sign_in("dave", PASSWORD) == 302  # somebody else, from the same office


def test_one_account_is_closed_to_guesses_from_everywhere(carol: User) -> None:
    for number in range(attempts.FROM_ANYWHERE):
        attempts.Attempts("sign-in", "carol", f"192.0.2.{number}").failed()
    assert sign_in("carol", PASSWORD, address="198.51.100.7") == 429


def test_signing_in_starts_the_count_anew(carol: User) -> None:
    for _ in range(2):
        for number in range(attempts.FROM_ONE_ADDRESS - 1):
            assert sign_in("carol", f"guess {number}") == 200
        assert sign_in("carol", PASSWORD) == 302


def test_client_secret_cannot_be_tried_out(carol: User) -> None:
    Application.objects.create(
        user=carol,
        client_id="script",
        client_secret="right",
        client_type="confidential",
        authorization_grant_type="client-credentials",
        name="script",
    )

    def ask(secret: str) -> int:
        values = {"grant_type": "client_credentials", "client_id": "script", "client_secret": secret}
        return Client().post("/o/token/", values).status_code

    assert [ask("right") for _ in range(attempts.FROM_ONE_ADDRESS + 1)] == [200] * (attempts.FROM_ONE_ADDRESS + 1)
    assert [ask(f"guess {number}") for number in range(attempts.FROM_ONE_ADDRESS)] == [401] * attempts.FROM_ONE_ADDRESS
    refused = Client().post("/o/token/", {"grant_type": "client_credentials"}, headers={"Authorization": "Basic c2NyaXB0OnJpZ2h0"})
    assert (refused.status_code, refused["Retry-After"], refused.json()["error"]) == (429, "600", "temporarily_unavailable")
