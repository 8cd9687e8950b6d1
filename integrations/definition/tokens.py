"""Tokens: where an answer holds them, how long they live, when they are renewed, and the calls that fetch them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from integrations import expressions
from integrations.definition.fields import CredentialFields
from integrations.definition.parts import (
    HeaderTemplates,
    Name,
    Params,
    Part,
    Path,
    Template,
    UrlTemplate,
    choice,
    header_name,
    header_value,
)

# Ranges of Rewst's custom integrations V2, in seconds.
SHORTEST_INTERVAL, LONGEST_INTERVAL = 300, 86_400
SMALLEST_BUFFER, LARGEST_BUFFER = 30, 3600
DEFAULT_LIFETIME = 55 * 60  # seconds, where the vendor does not say; the usual hour less a margin
LONGEST_ASSERTION = 366 * 24 * 3600  # seconds
LONGEST_LIFETIME = 10 * 365 * 24 * 3600  # seconds


def documents(value: Any) -> Any:
    """JSON whose texts are read as templates."""
    for text in expressions.texts(value):
        expressions.parse(text)
    return value


JsonTemplate = Annotated[dict[str, Any], AfterValidator(documents)]
Statuses = Annotated[list[Annotated[int, Field(ge=100, le=599)]], Field(max_length=50)]


class Signal(Part):
    """How an answer says something that its status does not: statuses, or a path whose value is one of `values`.

    A path without values means: anything is there.
    """

    statuses: Statuses = Field(default_factory=list)
    path: Path = ""
    values: list[Annotated[str, Field(max_length=500)]] = Field(default_factory=list, max_length=100)


class Assertion(Part):
    """A JSON Web Token that Junction signs (RFC 7519, RFC 7523). `key` and the texts of header and claims hold placeholders.

    `key_encoding` says how a shared secret of the HS algorithms is written. iat, exp and jti are added where `claims`
    do not name them.
    """

    algorithm: Annotated[
        Literal["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA", "HS256", "HS384", "HS512"],
        BeforeValidator(lambda v: v.strip() if isinstance(v, str) else v),
    ] = "RS256"
    key: Template = "{{credentials.privateKey}}"
    key_encoding: Annotated[Literal["text", "hex", "base64"], BeforeValidator(choice)] = "text"
    header: JsonTemplate = Field(default_factory=dict)
    claims: JsonTemplate = Field(default_factory=dict)
    lifetime: int = Field(default=300, ge=10, le=LONGEST_ASSERTION)


class LoginStep(Part):
    """One call of a login. `extract` keeps values of the answer: a path, `header:Name` or `cookie:name`, by the name to keep them under.

    As XML the parameters have one root; `$name` is an attribute, and paths lead through the elements of the answer.
    """

    method: Annotated[Literal["POST", "GET", "PUT"], BeforeValidator(lambda v: v.strip().upper() if isinstance(v, str) else v)] = "POST"
    url: UrlTemplate = ""
    body_format: Annotated[Literal["json", "form", "query", "text", "xml"], BeforeValidator(choice)] = "json"
    params: JsonTemplate = Field(default_factory=dict)
    text: Template = ""
    headers: HeaderTemplates = Field(default_factory=dict)
    extract: dict[str, str] = Field(default_factory=dict)


class TokenPart(Part):
    """What every method has whose token is fetched: reading the answer, keeping the token alive, attaching it.

    `alternate_token_path` names the object that holds the token and what belongs to it where the answer's root has none.
    The location `none` attaches nothing: placements, or the cookies of a login, say who calls.
    """

    credential_fields: CredentialFields = Field(default_factory=list, max_length=50)

    alternate_token_path: Path = ""
    token_key: Path = "access_token"
    token_type_key: Path = ""
    refresh_token_key: Path = "refresh_token"
    token_expiration_key: Path = "expires_in"
    token_expiration_format: Annotated[
        Literal["auto", "seconds", "milliseconds", "epoch", "epoch_milliseconds", "date", "duration"], BeforeValidator(choice)
    ] = "auto"
    default_token_lifetime: int = Field(default=DEFAULT_LIFETIME, ge=10, le=LONGEST_LIFETIME)
    token_settings: dict[str, str] = Field(default_factory=dict)

    access_token_scheme: Annotated[str, Field(max_length=50)] = "Bearer"
    token_location: Annotated[Literal["header", "query", "cookie", "body", "none"], BeforeValidator(choice)] = "header"
    token_name: Name = "Authorization"

    token_refresh_strategy: Annotated[
        Literal["automatic", "custom_interval"],
        BeforeValidator(lambda v: choice(v).replace(" ", "_").replace("-", "_") if isinstance(v, str) else v),
    ] = "automatic"
    custom_refresh_interval: int = Field(default=3000, ge=SHORTEST_INTERVAL, le=LONGEST_INTERVAL)
    refresh_buffer: int = Field(default=60, ge=SMALLEST_BUFFER, le=LARGEST_BUFFER)

    rejected: Signal = Field(default_factory=lambda: Signal(statuses=[401]))
    revoked: Signal = Field(default_factory=Signal)

    @field_validator("access_token_scheme")
    @classmethod
    def _one_line(cls, value: str) -> str:
        return header_value(value)

    @field_validator("token_name")
    @classmethod
    def _sendable(cls, value: str) -> str:
        return header_name(value)


__all__ = ["Assertion", "JsonTemplate", "LoginStep", "Params", "Signal", "Statuses", "TokenPart"]
