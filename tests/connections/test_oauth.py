"""Token requests and their answers, without a network."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connections.exchange import Answer, Headers, Outgoing
from connections.tokens.answers import Token, TokenError, read_token
from connections.tokens.oauth import token_request
from integrations.definition import OAuth2Auth

CREDENTIALS = {"clientId": "id 1", "clientSecret": "s&cret/:"}
URL = "https://auth.example.com/token"
FORM = ("Content-Type", "application/x-www-form-urlencoded")
ACCEPT = ("Accept", "application/json")


def auth(**fields: Any) -> OAuth2Auth:
    return OAuth2Auth.model_validate({"tokenUri": URL, **fields})


def answer(body: Any, status: int = 200, kind: str = "application/json") -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, "", Headers([("Content-Type", kind)]), content, URL)


def refusal(body: Any, status: int = 200, kind: str = "application/json", **fields: Any) -> TokenError:
    with pytest.raises(TokenError) as caught:
        read_token(auth(**fields), answer(body, status, kind), secrets=["s&cret/:"])
    return caught.value


@pytest.mark.parametrize(
    ("fields", "request_made"),
    [
        ({}, Outgoing("POST", URL, [ACCEPT, ("Authorization", "Basic aWQrMTpzJTI2Y3JldCUyRiUzQQ=="), FORM], b"grant_type=client_credentials")),
        ({"basicTokenAuth": False, "scope": "a b"}, Outgoing("POST", URL, [ACCEPT, FORM], b"grant_type=client_credentials&scope=a+b&client_id=id+1&client_secret=s%26cret%2F%3A")),
        ({"basicTokenAuth": False, "tokenRequestContentType": "application/json", "tokenParams": {"audience": "x"}}, Outgoing("POST", URL, [ACCEPT, ("Content-Type", "application/json")], b'{"grant_type": "client_credentials", "client_id": "id 1", "client_secret": "s&cret/:", "audience": "x"}')),
        ({"basicTokenAuth": False, "tokenRequestMethod": "GET", "tokenUri": f"{URL}?v=2"}, Outgoing("GET", f"{URL}?v=2&grant_type=client_credentials&client_id=id+1&client_secret=s%26cret%2F%3A", [ACCEPT])),
    ],
)  # fmt: skip
def test_token_request_follows_the_settings(fields: dict[str, Any], request_made: Outgoing) -> None:
    assert token_request(auth(**fields), CREDENTIALS) == request_made


@pytest.mark.parametrize(
    ("body", "fields", "token"),
    [
        ({"access_token": "t", "expires_in": 3600}, {}, Token("t", 3600)),
        ({"access_token": "t", "expires_in": "3599.5"}, {}, Token("t", 3599.5)),
        ({"access_token": "t"}, {}, Token("t", None)),
        ({"access_token": "t", "expires_in": 0}, {}, Token("t", None)),
        ({"access_token": "t", "expires_in": "soon"}, {}, Token("t", None)),
        ({"access_token": "t", "expires_in": "never"}, {}, Token("t", None)),
        ({"data": {"token": "t", "ttl": 60}}, {"tokenKey": "data.token", "tokenExpirationKey": "$.data.ttl", "accessTokenScheme": "Token"}, Token("t", 60, "Token")),
    ],
)  # fmt: skip
def test_token_is_read_where_the_settings_say(body: Any, fields: dict[str, Any], token: Token) -> None:
    assert read_token(auth(**fields), answer(body)) == token


def test_token_in_a_form_is_read() -> None:
    assert read_token(auth(tokenExpirationKey="expires"), answer(b"access_token=t&expires=60", kind="text/plain")) == Token("t", 60)


def test_token_shows_no_value() -> None:
    assert "secret" not in repr(Token("secret"))


def test_wrong_client_is_told_without_the_secret() -> None:
    error = refusal({"error": "invalid_client", "error_description": "bad s&cret/: given."}, 401)
    assert (error.message, error.error, error.permanent) == (
        (
            "The token endpoint refused with status 401 and said invalid_client: bad ••• given. "
            "Check client ID and client secret, and whether the server takes them in a Basic header or in the body."
        ),
        "invalid_client",
        True,
    )


@pytest.mark.parametrize(
    ("body", "status", "kind", "message", "permanent"),
    [
        (b"<html>no</html>", 200, "text/html", "No token came. The server answered with an HTML page where JSON was expected. Check the host, the base path and the path of the request. Check the access token URL.", True),
        (b"<html>no</html>", 503, "text/html", "The token endpoint refused with status 503. Try again later.", False),
        ({"error": {"code": "x1", "message": "no"}}, 400, "application/json", "The token endpoint refused with status 400 and said x1: no. Check the credentials and the access token URL.", True),
        ({"error": "slow_down"}, 429, "application/json", "The token endpoint refused with status 429 and said slow_down. Try again later.", False),
        ({"error": "invalid_scope"}, 200, "application/json", "The token endpoint refused with status 200 and said invalid_scope. Check the scope of the integration.", True),
        ({"token": "t", "ttl": 1}, 200, "application/json", "The token endpoint answered, but without access_token. The keys that are there: token, ttl. Correct the token key of the integration.", True),
        ({"access_token": None}, 200, "application/json", "The token endpoint answered, but without access_token. The keys that are there: access_token. Correct the token key of the integration.", True),
        ([], 200, "application/json", "The token endpoint answered, but without access_token. The answer is empty. Correct the token key of the integration.", True),
    ],
)  # fmt: skip
def test_answer_without_token_is_told(body: Any, status: int, kind: str, message: str, permanent: bool) -> None:
    error = refusal(body, status, kind)
    assert (error.message, error.permanent) == (message, permanent)
