"""Schemes: what they ask for, refuse, and add to a request."""

from __future__ import annotations

from typing import Any

import pytest

from connections.auth import SCHEMES, scheme_of
from connections.exchange import Additions
from integrations.definition import AUTH, AUTH_CLASSES


def scheme(**auth: Any) -> Any:
    return scheme_of(AUTH.validate_python(auth))


def test_every_type_of_a_definition_has_a_scheme() -> None:
    assert list(SCHEMES) == list(AUTH_CLASSES)
    assert [one.label for one in SCHEMES.values()] == [part.label for part in AUTH_CLASSES.values()]


@pytest.mark.parametrize(
    ("auth", "names"),
    [
        ({"type": "apikey"}, ["apiKey"]),
        ({"type": "basic"}, ["username", "password"]),
        ({"type": "bearer"}, ["token"]),
        ({"type": "oauth2"}, ["clientId", "clientSecret"]),
        ({"type": "oauth2", "grantType": "authorization_code"}, ["clientId", "clientSecret", "accessToken", "refreshToken"]),
        ({"type": "oauth2", "grantType": "password"}, ["clientId", "clientSecret", "username", "password"]),
        ({"type": "oauth2", "clientAuthentication": "private_key_jwt"}, ["clientId", "privateKey"]),
        ({"type": "oauth2", "clientAuthentication": "tls"}, ["clientId", "clientCertificate", "clientKey"]),
        ({"type": "oauth2", "grantType": "none", "tokenParams": {"key": "{{credentials.appKey}}"}}, ["appKey"]),
        ({"type": "login", "steps": [{"params": {"c": "{{credentials.company}}"}}]}, ["username", "password", "company"]),
        ({"type": "digest"}, ["username", "password"]),
        ({"type": "jwt"}, ["privateKey"]),
        ({"type": "none"}, []),
    ],
)
def test_credential_fields_are_those_of_the_api(auth: dict[str, Any], names: list[str]) -> None:
    assert [field.name for field in scheme(**auth).credential_fields()] == names


@pytest.mark.parametrize(
    ("auth", "credentials", "added"),
    [
        ({"type": "apikey"}, {"apiKey": " k "}, Additions(headers=[("Authorization", "k")])),
        ({"type": "apikey", "apiKeyPreamble": "Token"}, {"apiKey": "k"}, Additions(headers=[("Authorization", "Token k")])),
        ({"type": "apikey", "apiKeyPreamble": "Token"}, {"apiKey": "token k"}, Additions(headers=[("Authorization", "Token k")])),
        ({"type": "apikey", "apiKeyPreamble": "Token token="}, {"apiKey": "k"}, Additions(headers=[("Authorization", "Token token=k")])),
        ({"type": "apikey", "apiKeyName": "key", "apiKeyLocation": "query"}, {"apiKey": "ü &"}, Additions(query=[("key", "ü &")])),
        ({"type": "apikey", "apiKeyName": "sid", "apiKeyLocation": "cookie"}, {"apiKey": "k="}, Additions(cookies=[("sid", "k=")])),
        ({"type": "basic"}, {"username": "u", "password": " pä:s "}, Additions(headers=[("Authorization", "Basic dTogcMOkOnMg")])),
        ({"type": "basic"}, {"username": "key"}, Additions(headers=[("Authorization", "Basic a2V5Og==")])),
        ({"type": "bearer"}, {"token": "Bearer t"}, Additions(headers=[("Authorization", "Bearer t")])),
        ({"type": "none"}, {}, Additions()),
    ],
)
def test_scheme_adds_its_credentials(auth: dict[str, Any], credentials: dict[str, str], added: Additions) -> None:
    chosen = scheme(**auth)
    assert (chosen.check(credentials), chosen.apply(credentials)) == ({}, added)


@pytest.mark.parametrize(
    ("auth", "credentials", "found"),
    [
        ({"type": "apikey"}, {}, {"apiKey": ["API key is missing."]}),
        ({"type": "apikey"}, {"apiKey": " "}, {"apiKey": ["API key is missing."]}),
        ({"type": "apikey"}, {"apiKey": "a\r\nX-Evil: 1"}, {"apiKey": ["API key holds a line break or another control character. Copy it again, in one line."]}),
        ({"type": "apikey"}, {"apiKey": "k\u200b"}, {"apiKey": ["The API key holds a character that keys do not have, perhaps from a text program. Copy it again from the vendor."]}),
        ({"type": "apikey", "apiKeyName": "X Key"}, {"apiKey": "k"}, {"apiKey": ["The integration sends the key in the header 'X Key', which is not a possible name. An admin has to correct it."]}),
        ({"type": "apikey", "apiKeyLocation": "cookie"}, {"apiKey": "a;b"}, {"apiKey": ["A key that is sent in a cookie holds no spaces, quotes, commas, semicolons or backslashes. Copy it again."]}),
        ({"type": "basic"}, {"username": "", "password": ""}, {"username": ["User name and password are both missing. Enter at least one of them."]}),
        ({"type": "basic"}, {"username": "a:b"}, {"username": ["A user name with a colon cannot be sent with basic authentication. Enter what follows the colon as the password."]}),
        ({"type": "bearer"}, {"token": "“t”"}, {"token": ["The token holds a character that tokens do not have, perhaps from a text program. Copy it again from the vendor."]}),
        ({"type": "oauth2"}, {"clientId": "a"}, {"clientSecret": ["Client secret is missing."]}),
        ({"type": "bearer"}, {"token": "t", "apiKey": "k"}, {"apiKey": ["This field does not belong to Bearer token. Its fields are: token."]}),
    ],
)  # fmt: skip
def test_credentials_that_cannot_work_are_told(auth: dict[str, Any], credentials: dict[str, str], found: dict[str, list[str]]) -> None:
    assert scheme(**auth).check(credentials) == found


def test_token_is_fetched_for_the_methods_that_have_one() -> None:
    assert [name for name, one in SCHEMES.items() if one(AUTH_CLASSES[name]()).needs_token] == ["oauth2", "login", "jwt"]
    assert scheme(type="oauth2", accessTokenScheme="Zoho-oauthtoken").apply({}, token="t") == Additions(
        headers=[("Authorization", "Zoho-oauthtoken t")]
    )


def test_secrets_are_those_that_no_log_may_show() -> None:
    assert scheme(type="apikey").secrets({"apiKey": " k "}) == [" k ", "k"]
    assert scheme(type="basic").secrets({"username": "u", "password": "p"}) == ["p"]
    assert scheme(type="basic").secrets({"username": "key", "password": ""}) == ["key"]
    assert scheme(type="oauth2").secrets({"clientId": "i", "clientSecret": "s"}) == ["s"]
