"""How requests are authenticated: a part for each method. How tokens are asked for and kept is in `tokens`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from integrations import expressions
from integrations.definition.fields import CredentialFields
from integrations.definition.parts import (
    CONTROL,
    DomainName,
    HeaderTemplates,
    Name,
    PageUrl,
    Params,
    Part,
    Template,
    UrlTemplate,
    choice,
    header_value,
)
from integrations.definition.tokens import Assertion, LoginStep, TokenPart

FORM_TYPE = "application/x-www-form-urlencoded"
JSON_TYPE = "application/json"
QUERY_TYPE = "query"  # everything in the URL, the body empty

CLIENT_AUTHENTICATIONS = ("basic", "body", "none", "private_key_jwt", "tls")


class Placement(Part):
    """A value that every request carries: where, under which name, and what, as a text with placeholders."""

    location: Annotated[Literal["header", "query", "cookie", "body"], BeforeValidator(choice)] = "header"
    name: Annotated[str, Field(min_length=1, max_length=200)]
    value: Template

    @field_validator("name")
    @classmethod
    def _sendable(cls, value: str) -> str:
        if CONTROL.search(value):
            raise ValueError("The name is one line without control characters.")
        return value


Placements = Annotated[list[Placement], Field(max_length=50)]
URLS = {
    "auth_uri": "authorization URL",
    "token_uri": "access token URL",
    "refresh_uri": "refresh URL",
    "revocation_uri": "revocation URL",
}


def host_in(url: str) -> str:
    """The host of a URL, "" for what has none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def lies_in(url: str, domains: list[str]) -> bool:
    """Whether the host of a URL is one of these domains, or below one."""
    host = host_in(url)
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


class ApiKeyAuth(Part):
    """One or several keys, sent with every request.

    The simple case is one key under `api_key_name`. `placements` replace it: each puts a text with placeholders
    (`{{credentials.apiKey}}`, `{{settings.appKey}}`) somewhere. The location `url` means that the base URI holds the key.
    """

    label: ClassVar[str] = "API key"

    type: Literal["apikey"] = "apikey"
    api_key_name: Name = "Authorization"
    api_key_location: Annotated[Literal["header", "query", "cookie", "body", "url"], BeforeValidator(choice)] = "header"
    api_key_preamble: Annotated[str, Field(max_length=100)] = ""
    placements: Placements = Field(default_factory=list)
    credential_fields: CredentialFields = Field(default_factory=list, max_length=50)

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
    """User name and password, RFC 7617. The templates say what is sent as each; `placements` replace the header."""

    label: ClassVar[str] = "Basic authentication"

    type: Literal["basic"] = "basic"
    username_label: Name = ""
    password_label: Name = ""
    username_template: Template = ""
    password_template: Template = ""
    placements: Placements = Field(default_factory=list)
    credential_fields: CredentialFields = Field(default_factory=list, max_length=50)


class DigestAuth(Part):
    """User name and password that are never sent themselves, RFC 7616: the server asks, the answer is a digest."""

    label: ClassVar[str] = "Digest authentication"

    type: Literal["digest"] = "digest"


class BearerAuth(Part):
    """A fixed token in `Authorization: Bearer`, RFC 6750."""

    label: ClassVar[str] = "Bearer token"

    type: Literal["bearer"] = "bearer"


class OAuth2Auth(TokenPart):
    """OAuth 2.0 (RFC 6749). `client_id` is the default for connections; it is no secret.

    `authorization_code` is agreed to in a browser, `refresh_token` begins with a token that was pasted, `none` sends a
    token request with the configured parameters only. A parameter with an empty value takes out what would be sent.
    `param_names` are the vendor's own names for parameters, `authorization_param_names` those of the page only;
    `unencoded_params` of the page are written without percent-encoding what a URL can hold. `client_certificate` asks for
    one besides the secret; the client authentication `tls` has the certificate instead of a secret.

    `valid_domain_names` are the domains, with all below them, in which the URLs of this part lie, and every server that a
    connection chooses: then connections may share the owner's client although they name servers of their own. None: any domain.
    """

    label: ClassVar[str] = "OAuth 2.0"

    type: Literal["oauth2"] = "oauth2"
    grant_type: Annotated[
        Literal["client_credentials", "authorization_code", "refresh_token", "password", "jwt_bearer", "none"], BeforeValidator(choice)
    ] = "client_credentials"
    auth_uri: PageUrl = ""
    token_uri: UrlTemplate = ""
    refresh_uri: UrlTemplate = ""
    revocation_uri: UrlTemplate = ""
    client_id: Annotated[str, Field(max_length=500)] = ""
    scope: Annotated[str, Field(max_length=4000)] = ""
    scope_separator: Annotated[str, Field(min_length=1, max_length=5)] = " "
    pkce: Annotated[Literal["S256", "plain", "off"], BeforeValidator(lambda v: {"s256": "S256"}.get(choice(v), choice(v)))] = "S256"
    client_authentication: Annotated[Literal["basic", "body", "none", "private_key_jwt", "tls"], BeforeValidator(choice)] = "basic"
    refresh_client_authentication: Annotated[
        Literal["same", "basic", "body", "none", "private_key_jwt", "tls"], BeforeValidator(choice)
    ] = "same"
    token_request_method: Annotated[Literal["POST", "GET"], BeforeValidator(lambda v: v.strip().upper() if isinstance(v, str) else v)] = (
        "POST"
    )
    token_request_content_type: Annotated[
        Literal["application/x-www-form-urlencoded", "application/json", "query"], BeforeValidator(choice)
    ] = "application/x-www-form-urlencoded"
    authorization_params: Params = Field(default_factory=dict)
    token_params: Params = Field(default_factory=dict)
    refresh_params: Params = Field(default_factory=dict)
    token_headers: HeaderTemplates = Field(default_factory=dict)
    refresh_headers: HeaderTemplates = Field(default_factory=dict)
    param_names: dict[str, str] = Field(default_factory=dict)
    authorization_param_names: dict[str, str] = Field(default_factory=dict)
    unencoded_params: list[Name] = Field(default_factory=list, max_length=20)
    client_certificate: bool = False
    include_client_config_on_refresh: bool = True
    include_redirect_uri_on_refresh: bool = False
    code_param: Name = "code"
    callback_settings: dict[str, str] = Field(default_factory=dict)
    assertion: Assertion = Field(default_factory=Assertion)
    placements: Placements = Field(default_factory=list)
    valid_domain_names: list[DomainName] = Field(default_factory=list, max_length=50)

    # scope separators are blanks: they must not be dropped with the surrounding ones
    model_config = {"str_strip_whitespace": False}

    @model_validator(mode="before")
    @classmethod
    def _basic_token_auth(cls, given: Any) -> Any:
        """`basicTokenAuth` of seed documents and earlier versions is one of two client authentications."""
        if not isinstance(given, dict):
            return given
        found = {name: value.strip() if isinstance(value, str) and "eparator" not in name else value for name, value in given.items()}
        for name in ("basicTokenAuth", "basic_token_auth"):
            value = found.pop(name, None)
            if value is not None and not isinstance(value, bool):
                raise ValueError("basicTokenAuth is true or false.")
            if value is not None and not {"clientAuthentication", "client_authentication"} & set(found):
                found["clientAuthentication"] = "basic" if value else "body"
        return found

    @field_validator("valid_domain_names")
    @classmethod
    def _hold_the_urls(cls, value: list[str], info: ValidationInfo) -> list[str]:
        for name, words in URLS.items():
            url = info.data.get(name) or ""
            # What a connection chooses is compared when it is known.
            if value and url and not expressions.open_host(url) and not lies_in(expressions.sample(url), value):
                raise ValueError(f"The {words} is outside of these domains. Add {host_in(expressions.sample(url))}, or correct the URL.")
        return value

    def allows(self, url: str) -> bool:
        """Whether a URL lies in the valid domains."""
        return not self.valid_domain_names or lies_in(url, self.valid_domain_names)

    @property
    def basic_token_auth(self) -> bool:
        return self.client_authentication == "basic"

    @property
    def needs_browser(self) -> bool:
        """Whether somebody has to agree on a page of the vendor."""
        return self.grant_type == "authorization_code"

    def client_authentication_for(self, *, refresh: bool) -> str:
        own = self.refresh_client_authentication
        return own if refresh and own != "same" else self.client_authentication


class LoginAuth(TokenPart):
    """One or more calls that yield a token or a session: session APIs, tokens in two steps.

    Each step can use what the steps before it extracted, as `{{steps.1.name}}`; the last one holds the token.
    With `keep_cookies` the cookies that the steps set go along with every request. An `assertion` is signed for each step,
    which sends it as `{{assertion}}`.
    """

    label: ClassVar[str] = "Login step"

    type: Literal["login"] = "login"
    credential_names: list[Name] = Field(default_factory=lambda: ["username", "password"], max_length=20)
    steps: list[LoginStep] = Field(default_factory=list, max_length=10)
    refresh_step: LoginStep | None = None
    keep_cookies: bool = False
    assertion: Assertion | None = None
    placements: Placements = Field(default_factory=list)


class JwtAuth(Part):
    """A token that Junction signs itself with the connection's key (RFC 7519), new whenever the last one ends."""

    label: ClassVar[str] = "Signed token (JWT)"

    type: Literal["jwt"] = "jwt"
    assertion: Assertion = Field(default_factory=Assertion)
    access_token_scheme: Annotated[str, Field(max_length=50)] = "Bearer"
    placements: Placements = Field(default_factory=list)
    credential_fields: CredentialFields = Field(default_factory=list, max_length=50)


class NoAuth(Part):
    """Public endpoints; nothing is sent."""

    label: ClassVar[str] = "No authentication"

    type: Literal["none"] = "none"


Auth = Annotated[ApiKeyAuth | BasicAuth | DigestAuth | BearerAuth | OAuth2Auth | LoginAuth | JwtAuth | NoAuth, Field(discriminator="type")]
AUTH_CLASSES: dict[str, type[Part]] = {
    "apikey": ApiKeyAuth,
    "basic": BasicAuth,
    "bearer": BearerAuth,
    "oauth2": OAuth2Auth,
    "login": LoginAuth,
    "digest": DigestAuth,
    "jwt": JwtAuth,
    "none": NoAuth,
}


def auth_gaps(auth: Part) -> list[tuple[str, str]]:
    """The fields that a method needs and lacks, as (JSON field, sentence)."""
    match auth:
        case ApiKeyAuth(api_key_name="", placements=[]):
            return [("auth.apiKeyName", "The name of the header, parameter or cookie that carries the API key is missing.")]
        case OAuth2Auth():
            gaps = []
            if not auth.token_uri:
                gaps.append(("auth.tokenUri", "The access token URL is missing."))
            if auth.needs_browser and not auth.auth_uri:
                gaps.append(("auth.authUri", "The authorization URL is missing: the page of the vendor where people sign in and agree."))
            return gaps
        case LoginAuth():
            if not auth.steps:
                return [("auth.steps", "The login call is missing: its URL, and what it sends.")]
            return [("auth.steps", f"Step {n} has no URL.") for n, step in enumerate(auth.steps, 1) if not step.url]
    return []
