"""How requests are authenticated: a part for each method."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator

from integrations.definition.parts import CONTROL, Name, Part, Path, Url, choice, header_value

FORM_TYPE = "application/x-www-form-urlencoded"
JSON_TYPE = "application/json"


class ApiKeyAuth(Part):
    """One key, sent with every request in a header, a query parameter or a cookie."""

    label: ClassVar[str] = "API key"

    type: Literal["apikey"] = "apikey"
    api_key_name: Name = "Authorization"
    api_key_location: Annotated[Literal["header", "query", "cookie"], BeforeValidator(choice)] = "header"
    api_key_preamble: Annotated[str, Field(max_length=100)] = ""

    @field_validator("api_key_preamble")
    @classmethod
    def _one_line(cls, value: str) -> str:
        return header_value(value)

    @field_validator("api_key_name")
    @classmethod
    def _sendable(cls, value: str) -> str:
        if CONTROL.search(value):
            raise ValueError("The name of the key is one line without control characters.")
        return value


class BasicAuth(Part):
    """User name and password, RFC 7617."""

    label: ClassVar[str] = "Basic authentication"

    type: Literal["basic"] = "basic"


class BearerAuth(Part):
    """A fixed token in `Authorization: Bearer`, RFC 6750."""

    label: ClassVar[str] = "Bearer token"

    type: Literal["bearer"] = "bearer"


class OAuth2Auth(Part):
    """OAuth 2.0 (RFC 6749).

    `client_credentials` fetches tokens by itself. With `authorization_code` a connection holds an access token that
    its owner pasted. `client_id` is the default for connections; it is no secret.
    """

    label: ClassVar[str] = "OAuth 2.0"

    type: Literal["oauth2"] = "oauth2"
    grant_type: Annotated[Literal["client_credentials", "authorization_code"], BeforeValidator(choice)] = "client_credentials"
    auth_uri: Url = ""
    token_uri: Url = ""
    revocation_uri: Url = ""
    client_id: Annotated[str, Field(max_length=500)] = ""
    scope: Annotated[str, Field(max_length=4000)] = ""
    basic_token_auth: bool = True
    token_request_method: Annotated[Literal["POST", "GET"], BeforeValidator(lambda v: v.strip().upper() if isinstance(v, str) else v)] = (
        "POST"
    )
    token_request_content_type: Annotated[Literal["application/x-www-form-urlencoded", "application/json"], BeforeValidator(choice)] = (
        "application/x-www-form-urlencoded"
    )
    token_params: dict[str, str] = Field(default_factory=dict)
    token_key: Path = "access_token"
    token_expiration_key: Path = "expires_in"
    refresh_token_key: Path = "refresh_token"
    access_token_scheme: Annotated[str, Field(max_length=50)] = "Bearer"

    @field_validator("access_token_scheme")
    @classmethod
    def _one_line(cls, value: str) -> str:
        return header_value(value)


class NoAuth(Part):
    """Public endpoints; nothing is sent."""

    label: ClassVar[str] = "No authentication"

    type: Literal["none"] = "none"


Auth = Annotated[ApiKeyAuth | BasicAuth | BearerAuth | OAuth2Auth | NoAuth, Field(discriminator="type")]
AUTH_CLASSES: dict[str, type[Part]] = {"apikey": ApiKeyAuth, "basic": BasicAuth, "bearer": BearerAuth, "oauth2": OAuth2Auth, "none": NoAuth}


def auth_gaps(auth: Part) -> list[tuple[str, str]]:
    """The fields that a method needs and lacks, as (JSON field, sentence)."""
    match auth:
        case ApiKeyAuth(api_key_name=""):
            return [("auth.apiKeyName", "The name of the header, parameter or cookie that carries the API key is missing.")]
        case OAuth2Auth(grant_type="client_credentials", token_uri=""):
            return [("auth.tokenUri", "The access token URL is missing.")]
    return []
