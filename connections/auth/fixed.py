"""Schemes whose credentials go along with every request as they are: keys, user name and password, fixed tokens, nothing."""

from __future__ import annotations

import base64
from typing import Any

from connections.auth.base import (
    COOKIE_VALUE,
    HEADER_NAME,
    CredentialField,
    Credentials,
    Scheme,
    Values,
    check_token,
    place,
    prefixed,
    put,
)
from connections.exchange import Additions
from integrations import expressions
from integrations.definition import ApiKeyAuth, BasicAuth, BearerAuth, DigestAuth, NoAuth


class ApiKeyScheme(Scheme[ApiKeyAuth]):
    auth_type = "apikey"
    label = ApiKeyAuth.label

    def own_fields(self) -> tuple[CredentialField, ...]:
        if self.placements:
            named = "credentials.apiKey" in expressions.paths_of(self.auth.dump()["placements"])
            places = " and ".join(sorted({f"{one.location} {one.name}" for one in self.placements if "apiKey" in one.value}))
            return (CredentialField("apiKey", "API key", help=f"It is sent in the {places}."),) if named else ()
        if self.auth.api_key_location == "url":
            return (CredentialField("apiKey", "API key", help="It stands in the address of every request."),)
        where = {"header": "header", "query": "query parameter", "cookie": "cookie", "body": "body field"}[self.auth.api_key_location]
        return (CredentialField("apiKey", "API key", help=f"It is sent in the {where} {self.auth.api_key_name}."),)

    @property
    def query_names(self) -> frozenset[str]:
        simple = not self.placements and self.auth.api_key_location == "query"
        return super().query_names | ({self.auth.api_key_name} if simple else set())

    def check(self, credentials: Credentials) -> dict[str, list[str]]:
        found = super().check(credentials)
        value = self._value(credentials)
        name, location = self.auth.api_key_name, self.auth.api_key_location
        if found or self.placements or location not in ("header", "cookie"):
            return found
        if not HEADER_NAME.match(name):
            found["apiKey"] = [
                f"The integration sends the key in the {location} {name!r}, which is not a possible name. An admin has to correct it."
            ]
        elif not value.isascii():
            found["apiKey"] = [
                "The API key holds a character that keys do not have, perhaps from a text program. Copy it again from the vendor."
            ]
        elif location == "cookie" and not COOKIE_VALUE.match(value):
            found["apiKey"] = ["A key that is sent in a cookie holds no spaces, quotes, commas, semicolons or backslashes. Copy it again."]
        return found

    def apply(self, credentials: Credentials, *, token: str = "", values: Values | None = None) -> Additions:  # noqa: ARG002
        if self.placements:
            return place(self.placements, values or _values(credentials))
        added = Additions()
        if self.auth.api_key_location != "url":
            put(added, self.auth.api_key_location, self.auth.api_key_name, self._value(credentials))
        return added

    def _value(self, credentials: Credentials) -> str:
        return prefixed(self.auth.api_key_preamble, str(credentials.get("apiKey", "")))


class BasicScheme(Scheme[BasicAuth]):
    auth_type = "basic"
    label = BasicAuth.label

    def own_fields(self) -> tuple[CredentialField, ...]:
        help_text = "" if self.auth.username_label else "Some APIs take their key here and leave the password empty."
        return (
            CredentialField("username", self.auth.username_label or "User name", secret=False, required=False, help=help_text),
            CredentialField("password", self.auth.password_label or "Password", required=False, autocomplete="new-password"),
        )

    def check(self, credentials: Credentials) -> dict[str, list[str]]:
        found = super().check(credentials)
        if not found and not credentials.get("username") and not credentials.get("password"):
            found["username"] = ["User name and password are both missing. Enter at least one of them."]
        if not found and not self.placements and ":" in credentials.get("username", ""):
            found["username"] = [
                "A user name with a colon cannot be sent with basic authentication. Enter what follows the colon as the password."
            ]
        return found

    def apply(self, credentials: Credentials, *, token: str = "", values: Values | None = None) -> Additions:  # noqa: ARG002
        values = values or _values(credentials)
        if self.placements:
            return place(self.placements, values)
        user, password = (
            expressions.render(template, values) if template else credentials.get(name, "")
            for name, template in (("username", self.auth.username_template), ("password", self.auth.password_template))
        )
        return Additions(headers=[basic_header(user, password)])

    def secrets(self, credentials: Credentials) -> list[str]:
        # Where the password is empty, the user name is the key.
        user = credentials.get("username", "")
        return super().secrets(credentials) or ([user] if user else [])


class DigestScheme(Scheme[DigestAuth]):
    """Nothing is added beforehand: the client answers the server's challenge."""

    auth_type = "digest"
    label = DigestAuth.label

    def own_fields(self) -> tuple[CredentialField, ...]:
        return (
            CredentialField("username", "User name", secret=False),
            CredentialField("password", "Password", autocomplete="new-password"),
        )

    def apply(self, credentials: Credentials, *, token: str = "", values: Values | None = None) -> Additions:  # noqa: ARG002
        return Additions()


class BearerScheme(Scheme[BearerAuth]):
    auth_type = "bearer"
    label = BearerAuth.label

    def own_fields(self) -> tuple[CredentialField, ...]:
        return (CredentialField("token", "Token", help="It is sent in the header Authorization, after the word Bearer."),)

    def check(self, credentials: Credentials) -> dict[str, list[str]]:
        return super().check(credentials) or check_token("token", "The token", credentials)

    def apply(self, credentials: Credentials, *, token: str = "", values: Values | None = None) -> Additions:  # noqa: ARG002
        return Additions(headers=[("Authorization", prefixed("Bearer", credentials.get("token", "")))])


class NoScheme(Scheme[NoAuth]):
    auth_type = "none"
    label = NoAuth.label

    def own_fields(self) -> tuple[CredentialField, ...]:
        return ()

    def apply(self, credentials: Credentials, *, token: str = "", values: Values | None = None) -> Additions:  # noqa: ARG002
        return Additions()


def basic_header(username: str, password: str) -> tuple[str, str]:
    """The Authorization header of RFC 7617, in UTF-8."""
    return "Authorization", "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def _values(credentials: Credentials) -> dict[str, Any]:
    return {"credentials": credentials}
