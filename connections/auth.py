"""Authentication schemes: which credentials a connection holds, and what they add to a request.

A scheme is one class. To add one: a part in `integrations.definition`, a form with its help in
`integrations.wizard.auth_forms`, a class here, and its entry in SCHEMES.
"""

from __future__ import annotations

import base64
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from connections.exchange import Additions
from integrations.definition import ApiKeyAuth, BasicAuth, BearerAuth, NoAuth, OAuth2Auth, Part

A = TypeVar("A", bound=Part)
Credentials = Mapping[str, str]
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HEADER_NAME = re.compile(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
_COOKIE_VALUE = re.compile(r"^[^\s\",;\\]*$")


@dataclass(frozen=True)
class CredentialField:
    """One field that a connection asks for. `autocomplete` is the HTML token that keeps browsers from mixing passwords up."""

    name: str
    label: str
    secret: bool = True
    required: bool = True
    help: str = ""
    autocomplete: str = "off"


class Scheme(ABC, Generic[A]):
    """One way to authenticate, with the settings that an integration chose for it.

    `check` gives sentences by field for credentials that cannot work; `apply` assumes that it found none and gives what
    the request gets. A scheme that `needs_token` first exchanges its credentials for a token (see `connections.oauth`)
    and applies that. A scheme never sends anything itself and keeps nothing between calls.
    """

    auth_type: ClassVar[str]
    label: ClassVar[str]

    def __init__(self, auth: A) -> None:
        self.auth = auth

    @property
    def needs_token(self) -> bool:
        return False

    @abstractmethod
    def credential_fields(self) -> tuple[CredentialField, ...]:
        """What a connection asks for, in the order of the form."""

    def check(self, credentials: Credentials) -> dict[str, list[str]]:
        """Sentences by field name; empty when the credentials can be sent. Whether the server accepts them is another question."""
        found: dict[str, list[str]] = {}
        fields = {field.name: field for field in self.credential_fields()}
        for name in credentials:
            if name not in fields:
                known = ", ".join(fields) or "none"
                found[name] = [f"This field does not belong to {self.label}. Its fields are: {known}."]
        for name, field in fields.items():
            value = credentials.get(name, "")
            if not isinstance(value, str):
                found[name] = [f"{field.label} is text."]
            elif not value.strip():
                if field.required:
                    found[name] = [f"{field.label} is missing."]
            elif _CONTROL.search(_clean(value)):
                found[name] = [f"{field.label} holds a line break or another control character. Copy it again, in one line."]
        return found

    @abstractmethod
    def apply(self, credentials: Credentials, *, token: str = "") -> Additions:
        """What the request gets. `token` is the one that was fetched, for a scheme that needs one."""

    @property
    def query_names(self) -> frozenset[str]:
        """The parameters of the URL in which a secret goes out; a URL is kept without them."""
        return frozenset()

    def secrets(self, credentials: Credentials) -> list[str]:
        """The values that no message and no log may show."""
        names = {field.name for field in self.credential_fields() if field.secret}
        values = [value for name, value in credentials.items() if name in names and value]
        return list(dict.fromkeys([*values, *(_clean(value) for value in values)]))


class ApiKeyScheme(Scheme[ApiKeyAuth]):
    auth_type = "apikey"
    label = ApiKeyAuth.label

    def credential_fields(self) -> tuple[CredentialField, ...]:
        where = {"header": "header", "query": "query parameter", "cookie": "cookie"}[self.auth.api_key_location]
        return (CredentialField("apiKey", "API key", help=f"It is sent in the {where} {self.auth.api_key_name}."),)

    @property
    def query_names(self) -> frozenset[str]:
        return frozenset({self.auth.api_key_name} if self.auth.api_key_location == "query" else ())

    def check(self, credentials: Credentials) -> dict[str, list[str]]:
        found = super().check(credentials)
        value = self._value(credentials)
        if found:
            return found
        name, place = self.auth.api_key_name, self.auth.api_key_location
        if place != "query" and not _HEADER_NAME.match(name):
            found["apiKey"] = [
                f"The integration sends the key in the {place} {name!r}, which is not a possible name. An admin has to correct it."
            ]
        elif place != "query" and not value.isascii():
            found["apiKey"] = [
                "The API key holds a character that keys do not have, perhaps from a text program. Copy it again from the vendor."
            ]
        elif place == "cookie" and not _COOKIE_VALUE.match(value):
            found["apiKey"] = ["A key that is sent in a cookie holds no spaces, quotes, commas, semicolons or backslashes. Copy it again."]
        return found

    def apply(self, credentials: Credentials, *, token: str = "") -> Additions:  # noqa: ARG002
        pair = (self.auth.api_key_name, self._value(credentials))
        match self.auth.api_key_location:
            case "query":
                return Additions(query=[pair])
            case "cookie":
                return Additions(cookies=[pair])
        return Additions(headers=[pair])

    def _value(self, credentials: Credentials) -> str:
        return _prefixed(self.auth.api_key_preamble, str(credentials.get("apiKey", "")))


class BasicScheme(Scheme[BasicAuth]):
    auth_type = "basic"
    label = BasicAuth.label

    def credential_fields(self) -> tuple[CredentialField, ...]:
        return (
            CredentialField(
                "username", "User name", secret=False, required=False, help="Some APIs take their key here and leave the password empty."
            ),
            CredentialField("password", "Password", required=False, autocomplete="new-password"),
        )

    def check(self, credentials: Credentials) -> dict[str, list[str]]:
        found = super().check(credentials)
        if not found and not credentials.get("username") and not credentials.get("password"):
            found["username"] = ["User name and password are both missing. Enter at least one of them."]
        if not found and ":" in credentials.get("username", ""):
            found["username"] = [
                "A user name with a colon cannot be sent with basic authentication. Enter what follows the colon as the password."
            ]
        return found

    def apply(self, credentials: Credentials, *, token: str = "") -> Additions:  # noqa: ARG002
        return Additions(headers=[basic_header(credentials.get("username", ""), credentials.get("password", ""))])

    def secrets(self, credentials: Credentials) -> list[str]:
        # Where the password is empty, the user name is the key.
        user = credentials.get("username", "")
        return super().secrets(credentials) or ([user] if user else [])


class BearerScheme(Scheme[BearerAuth]):
    auth_type = "bearer"
    label = BearerAuth.label

    def credential_fields(self) -> tuple[CredentialField, ...]:
        return (CredentialField("token", "Token", help="It is sent in the header Authorization, after the word Bearer."),)

    def check(self, credentials: Credentials) -> dict[str, list[str]]:
        return super().check(credentials) or _check_token("token", "The token", credentials)

    def apply(self, credentials: Credentials, *, token: str = "") -> Additions:  # noqa: ARG002
        return Additions(headers=[("Authorization", _prefixed("Bearer", credentials.get("token", "")))])


class OAuth2Scheme(Scheme[OAuth2Auth]):
    auth_type = "oauth2"
    label = OAuth2Auth.label

    @property
    def needs_token(self) -> bool:
        return self.auth.grant_type == "client_credentials"

    def credential_fields(self) -> tuple[CredentialField, ...]:
        if self.needs_token:
            return (
                CredentialField("clientId", "Client ID", secret=False),
                CredentialField("clientSecret", "Client secret", autocomplete="new-password"),
            )
        return (
            CredentialField("accessToken", "Access token", help="Paste the access token that the vendor gave after somebody signed in."),
        )

    def check(self, credentials: Credentials) -> dict[str, list[str]]:
        return super().check(credentials) or _check_token("accessToken", "The access token", credentials)

    def apply(self, credentials: Credentials, *, token: str = "") -> Additions:
        value = token or credentials.get("accessToken", "")
        if not value:
            raise ValueError("No access token is there yet. Fetch one before the request is made.")
        return Additions(headers=[("Authorization", _prefixed(self.auth.access_token_scheme, value))])


class NoScheme(Scheme[NoAuth]):
    auth_type = "none"
    label = NoAuth.label

    def credential_fields(self) -> tuple[CredentialField, ...]:
        return ()

    def apply(self, credentials: Credentials, *, token: str = "") -> Additions:  # noqa: ARG002
        return Additions()


SCHEMES: dict[str, type[Scheme]] = {
    scheme.auth_type: scheme for scheme in (ApiKeyScheme, BasicScheme, BearerScheme, OAuth2Scheme, NoScheme)
}


def scheme_of(auth: Part) -> Scheme:
    """The scheme for the authentication part of a definition."""
    return SCHEMES[str(getattr(auth, "type"))](auth)  # noqa: B009  every authentication part has a type, their base has not


def basic_header(username: str, password: str) -> tuple[str, str]:
    """The Authorization header of RFC 7617, in UTF-8."""
    return "Authorization", "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def _clean(value: str) -> str:
    """A key as it was meant: copying from a page brings blanks and line ends along."""
    return value.strip()


def _prefixed(preamble: str, value: str) -> str:
    """`Token abc` from `Token` and `abc`; `Token token=abc` from `Token token=`; a preamble that was pasted along is not doubled."""
    value = _clean(value)
    if not preamble:
        return value
    glue = "" if preamble.endswith(("=", ":")) else " "
    if value.lower().startswith(f"{preamble}{glue}".lower()):
        value = value[len(preamble) + len(glue) :].strip()
    return f"{preamble}{glue}{value}"


def _check_token(name: str, label: str, credentials: Credentials) -> dict[str, list[str]]:
    value = _clean(credentials.get(name, ""))
    if value.isascii():
        return {}
    return {name: [f"{label} holds a character that tokens do not have, perhaps from a text program. Copy it again from the vendor."]}
