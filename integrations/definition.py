"""The typed definition of an integration: base URI, authentication, headers, pagination, ping.

In Python the fields are snake_case, in JSON (the API, and the column of a revision) camelCase as the field's products
write them. A model accepts a half-filled definition, because a draft is saved step by step; what a finished one needs
is said by `missing`. Values that are present are checked here and nowhere else: forms and serializers show the
messages of these validators.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from integrations import addresses, paths

# Limits of the defaults (Rewst's custom integrations V2); a single run may ask for more or for all pages.
MAX_DEFAULT_PAGE_SIZE = 1000
MAX_DEFAULT_PAGE_LIMIT = 20
DEFAULT_PAGE_SIZE = 100
# RFC 9110: field names are tokens, field values hold no control characters.
_TOKEN = re.compile(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

FORM_TYPE = "application/x-www-form-urlencoded"
JSON_TYPE = "application/json"


class Part(BaseModel):
    """Base of every part of a definition: camelCase in JSON, unknown fields refused, surrounding blanks dropped.

    `label` is what people call the choice that the part stands for.
    """

    label: ClassVar[str] = ""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", str_strip_whitespace=True, validate_assignment=True
    )

    def dump(self) -> dict[str, Any]:
        """The part as JSON-compatible values with camelCase keys."""
        return self.model_dump(mode="json", by_alias=True)


def header_name(value: str) -> str:
    if value and not _TOKEN.match(value):
        raise ValueError(f"{value!r} is not a header name. It has letters, digits and - only, for example X-API-Key.")
    return value


def header_value(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("A header value is one line: remove line breaks and control characters.")
    return value


def absolute_url(value: str) -> str:
    """A URL with host, as for token endpoints; plain http is judged where the network policy is known."""
    if not value:
        return value
    match = re.match(r"^https?://([^/?#]+)([^\s#]*)$", value, re.IGNORECASE)
    if not match:
        raise ValueError(f"{value} is not a URL. Write it whole, from https:// to the end of the path.")
    addresses.parse_host(match.group(1))
    return value


def json_path(value: str) -> str:
    paths.check(value)
    return value


def _choice(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


HeaderName = Annotated[str, Field(max_length=200), BeforeValidator(lambda v: header_name(v) if isinstance(v, str) else v)]
Url = Annotated[str, Field(max_length=2000), BeforeValidator(lambda v: absolute_url(v.strip()) if isinstance(v, str) else v)]
Path = Annotated[str, Field(max_length=500), BeforeValidator(lambda v: json_path(v.strip()) if isinstance(v, str) else v)]
Name = Annotated[str, Field(max_length=200)]


# --- authentication -------------------------------------------------------------------------------------------------


class ApiKeyAuth(Part):
    """One key, sent with every request in a header, a query parameter or a cookie."""

    label: ClassVar[str] = "API key"

    type: Literal["apikey"] = "apikey"
    api_key_name: Name = "Authorization"
    api_key_location: Annotated[Literal["header", "query", "cookie"], BeforeValidator(_choice)] = "header"
    api_key_preamble: Annotated[str, Field(max_length=100)] = ""

    @field_validator("api_key_preamble")
    @classmethod
    def _one_line(cls, value: str) -> str:
        return header_value(value)

    @field_validator("api_key_name")
    @classmethod
    def _sendable(cls, value: str) -> str:
        if _CONTROL.search(value):
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
    grant_type: Annotated[Literal["client_credentials", "authorization_code"], BeforeValidator(_choice)] = "client_credentials"
    auth_uri: Url = ""
    token_uri: Url = ""
    revocation_uri: Url = ""
    client_id: Annotated[str, Field(max_length=500)] = ""
    scope: Annotated[str, Field(max_length=4000)] = ""
    basic_token_auth: bool = True
    token_request_method: Annotated[Literal["POST", "GET"], BeforeValidator(lambda v: v.strip().upper() if isinstance(v, str) else v)] = (
        "POST"
    )
    token_request_content_type: Annotated[Literal["application/x-www-form-urlencoded", "application/json"], BeforeValidator(_choice)] = (
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


# --- pagination -----------------------------------------------------------------------------------------------------


class _Paged(Part):
    """What every pagination type but none has."""

    results_key: Path = ""
    page_size_param: Name = ""
    default_page_size: int = Field(default=DEFAULT_PAGE_SIZE, ge=1, le=MAX_DEFAULT_PAGE_SIZE)
    default_page_limit: int = Field(default=MAX_DEFAULT_PAGE_LIMIT, ge=1, le=MAX_DEFAULT_PAGE_LIMIT)


class NoPagination(Part):
    """One request gives everything. The results key is optional: without it the answer itself is the result."""

    label: ClassVar[str] = "No pagination"

    type: Literal["none"] = "none"
    results_key: Path = ""


class IndexPagination(_Paged):
    """`offset=200&limit=100`: the parameter counts records."""

    label: ClassVar[str] = "Index"

    type: Literal["index"] = "index"
    index_param: Name = ""
    start_index: int = Field(default=0, ge=0)


class PagePagination(_Paged):
    """`page=3&page_size=100`: the parameter counts pages."""

    label: ClassVar[str] = "Page"

    type: Literal["page"] = "page"
    page_param: Name = ""
    start_page: int = Field(default=1, ge=0)


class LinkPagination(_Paged):
    """The answer holds the URL of the next page, in its JSON body or in a header (RFC 8288)."""

    label: ClassVar[str] = "Link"

    type: Literal["link"] = "link"
    next_link_location: Annotated[Literal["body", "header"], BeforeValidator(_choice)] = "body"
    response_header_name: HeaderName = "link"
    response_header_rel: Name = "next"
    next_page_key: Path = ""

    @field_validator("response_header_name")
    @classmethod
    def _default_name(cls, value: str) -> str:
        return value or "link"

    @field_validator("response_header_rel")
    @classmethod
    def _default_rel(cls, value: str) -> str:
        return value or "next"


class PointerPagination(_Paged):
    """The answer holds a cursor, which the next request sends back."""

    label: ClassVar[str] = "Pointer"

    type: Literal["pointer"] = "pointer"
    after_param: Name = ""
    pointer_path: Path = ""


Pagination = Annotated[NoPagination | IndexPagination | PagePagination | LinkPagination | PointerPagination, Field(discriminator="type")]
PAGINATION_CLASSES: dict[str, type[Part]] = {
    "none": NoPagination,
    "index": IndexPagination,
    "page": PagePagination,
    "link": LinkPagination,
    "pointer": PointerPagination,
}


# --- the whole ------------------------------------------------------------------------------------------------------


class Ping(Part):
    """The request that tests a connection. `uri` is relative to the base URI."""

    method: Annotated[Literal["GET", "HEAD", "POST", "PUT"], BeforeValidator(lambda v: v.strip().upper() if isinstance(v, str) else v)] = (
        "GET"
    )
    uri: Annotated[str, Field(max_length=2000)] = ""

    @field_validator("uri")
    @classmethod
    def _relative(cls, value: str) -> str:
        if "://" in value or value.startswith("//"):
            raise ValueError("The ping URI is relative to the base URI, for example /me. Leave out scheme and host.")
        return value


class Definition(Part):
    """Everything that says how an API is called; the content of one revision of an integration."""

    api_base_uri: Annotated[str, Field(max_length=2000)] = ""
    auth: Auth = Field(default_factory=NoAuth)
    headers: dict[str, str] = Field(default_factory=dict)
    pagination: Pagination = Field(default_factory=NoPagination)
    ping: Ping | None = None

    @field_validator("api_base_uri")
    @classmethod
    def _base_uri(cls, value: str) -> str:
        return str(addresses.parse_base_uri(value)) if value else ""

    @field_validator("headers")
    @classmethod
    def _headers(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not name:
                raise ValueError("A header needs a name, for example Accept.")
            header_name(name)
            header_value(text)
        return value

    @property
    def base(self) -> addresses.BaseUri:
        """The base URI in its parts; host "" where connections bring it."""
        return addresses.parse_base_uri(self.api_base_uri or "/")

    @property
    def host_at_connect(self) -> bool:
        """True for a product that every customer hosts: the connection names the origin."""
        return self.api_base_uri.startswith("/")

    def changed(self, **parts: Any) -> Self:
        """A validated copy with some parts replaced."""
        return self.model_validate({**self.dump(), **{to_camel(k): v.dump() if isinstance(v, Part) else v for k, v in parts.items()}})


PAGINATION: TypeAdapter[Pagination] = TypeAdapter(Pagination)
AUTH: TypeAdapter[Auth] = TypeAdapter(Auth)


@dataclass(frozen=True)
class Gap:
    """Something that a definition lacks before it can be finalized: the wizard step, the JSON field, a sentence."""

    step: str
    field: str
    message: str


def missing(definition: Definition) -> list[Gap]:
    """What stands between this definition and finalizing, in the order of the wizard."""
    gaps: list[Gap] = []
    if not definition.api_base_uri:
        gaps.append(
            Gap("host", "apiBaseUri", "The host is missing. Enter the host of the API, or say that each connection brings its own.")
        )
    gaps += [Gap("auth", field, message) for field, message in _auth_gaps(definition.auth)]
    gaps += [Gap("pagination", f"pagination.{field}", message) for field, message in pagination_gaps(definition.pagination)]
    return gaps


def _auth_gaps(auth: Part) -> list[tuple[str, str]]:
    match auth:
        case ApiKeyAuth(api_key_name=""):
            return [("auth.apiKeyName", "The name of the header, parameter or cookie that carries the API key is missing.")]
        case OAuth2Auth(grant_type="client_credentials", token_uri=""):
            return [("auth.tokenUri", "The access token URL is missing.")]
    return []


def pagination_gaps(pagination: Part) -> list[tuple[str, str]]:
    """The fields that a pagination needs and lacks, as (JSON field, sentence)."""
    match pagination:
        case IndexPagination(index_param=""):
            return [("indexParam", "The index parameter is missing: the query parameter that holds the start, for example offset.")]
        case PagePagination(page_param=""):
            return [("pageParam", "The page parameter is missing: the query parameter that holds the page number, for example page.")]
        case LinkPagination(next_link_location="body", next_page_key=""):
            return [("nextPageKey", "The next page key is missing: the path to the next link in the answer, for example links.next.")]
        case PointerPagination():
            gaps = []
            if not pagination.after_param:
                gaps.append(
                    ("afterParam", "The after parameter is missing: the query parameter that takes the cursor, for example cursor.")
                )
            if not pagination.pointer_path:
                gaps.append(
                    ("pointerPath", "The pointer path is missing: the path to the cursor in the answer, for example $.next_cursor.")
                )
            return gaps
    return []


def problems(error: ValidationError) -> dict[str, list[str]]:
    """A validation error as sentences by JSON field (dotted), without the words of the library."""
    found: dict[str, list[str]] = {}
    for item in error.errors(include_url=False):
        where = [str(part) for part in item["loc"]]
        # A discriminated union adds the chosen tag to the location; it is no field.
        where = [
            part
            for n, part in enumerate(where)
            if not (n > 0 and where[n - 1] in ("auth", "pagination") and part in {*AUTH_CLASSES, *PAGINATION_CLASSES})
        ]
        found.setdefault(".".join(where), []).append(_sentence(item))
    return found


def _sentence(item: Any) -> str:
    context = item.get("ctx", {})
    match item["type"]:
        case "value_error":
            return str(context["error"])
        case "greater_than_equal":
            return f"The smallest value is {context['ge']}."
        case "less_than_equal":
            return f"The largest value is {context['le']}."
        case "literal_error" | "union_tag_invalid":
            expected = context.get("expected") or context.get("expected_tags")
            return f"{item['input'] if not isinstance(item['input'], dict) else item['input'].get('type')!s} is not known here. Use one of: {str(expected).replace(chr(39), '')}."
        case "union_tag_not_found":
            return "The type is missing."
        case "extra_forbidden":
            return "This field is not known."
        case "string_too_long":
            return f"At most {context['max_length']} characters."
        case "int_parsing" | "int_type" | "int_from_float":
            return "Enter a whole number."
        case "bool_parsing" | "bool_type":
            return "Enter true or false."
        case "string_type":
            return "Enter text."
        case "dict_type" | "model_attributes_type" | "model_type":
            return "Enter an object."
        case "missing":
            return "This field is required."
    return str(item["msg"]).rstrip(".") + "."
