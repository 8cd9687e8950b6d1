"""The whole definition: base URI, authentication, headers, pagination, ping; and what a finished one lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, field_validator, model_validator
from pydantic.alias_generators import to_camel

from integrations import addresses, expressions
from integrations.definition.auth import AUTH_CLASSES, Auth, NoAuth, OAuth2Auth, auth_gaps
from integrations.definition.errors import ErrorRules, Value
from integrations.definition.fields import ConnectionField
from integrations.definition.media import MediaTypes
from integrations.definition.pagination import PAGINATION_CLASSES, NoPagination, Pagination, pagination_gaps
from integrations.definition.parts import HeaderName, HeaderTemplates, Origin, Params, Part, Path, Template, UrlTemplate, url_template
from integrations.definition.rate_limit import RateLimit
from integrations.definition.tokens import JsonTemplate, TokenPart
from integrations.definition.webhook import VERIFICATION_CLASSES, Webhook


class Ping(Part):
    """The request that tests a connection. `uri` is relative to the base URI, or to `base_uri` where the test lives elsewhere.

    `body` is sent as JSON, or as the integration's requests are. `alternatives` are further URIs of the same kind: the
    first that the vendor accepts counts.

    For APIs that answer 200 whatever happens: the value at `success_path` has to be one of `success_values` (exactly, in
    upper and lower case; without values: something has to be there), and one of `fail_values` at `fail_path` means failure
    before anything else. `allow_array_for_success_path` takes a list there, of which one value has to fit. `error_path`
    is where the vendor says why.
    """

    method: Annotated[Literal["GET", "HEAD", "POST", "PUT"], BeforeValidator(lambda v: v.strip().upper() if isinstance(v, str) else v)] = (
        "GET"
    )
    uri: Annotated[str, Field(max_length=2000)] = ""
    alternatives: list[Annotated[str, Field(max_length=2000)]] = Field(default_factory=list, max_length=10)
    base_uri: UrlTemplate = ""
    headers: HeaderTemplates = Field(default_factory=dict)
    body: JsonTemplate | None = None
    success_path: Path = ""
    success_values: list[Value] = Field(default_factory=list, max_length=100)
    allow_array_for_success_path: bool = False
    fail_path: Path = ""
    fail_values: list[Value] = Field(default_factory=list, max_length=100)
    error_path: Path = ""

    @model_validator(mode="after")
    def _values_have_paths(self) -> Self:
        if self.success_values and not self.success_path:
            raise ValueError("Success values are compared with what stands at the success path. Enter the path, for example ok.")
        if self.fail_values and not self.fail_path:
            raise ValueError("Fail values are compared with what stands at the fail path. Enter the path, for example error.")
        return self

    @field_validator("uri")
    @classmethod
    def _relative(cls, value: str) -> str:
        if "://" in value or value.startswith("//"):
            raise ValueError("The ping URI is relative to the base URI, for example /me. Leave out scheme and host.")
        return value


class AccountRequest(Part):
    """The request that tells whose account a connection uses, and where its answer says it. Without paths the usual names are looked for."""

    uri: Annotated[str, Field(max_length=2000)] = ""
    email_path: Path = ""
    display_name_path: Path = ""
    account_id_path: Path = ""

    @field_validator("uri")
    @classmethod
    def _below(cls, value: str) -> str:
        if "://" in value or value.startswith("//"):
            raise ValueError("The account URI is relative to the base URI, for example /me. Leave out scheme and host.")
        return value


class Definition(Part):
    """Everything that says how an API is called; the content of one revision of an integration.

    `connection_fields` are what a connection is asked for besides its credentials; their values stand in base URI,
    headers, query and everything else that takes placeholders. `query` and `headers` go along with every request.
    `credential_origins` get the credentials as well when a next link of a list leads there; no other origin does.
    `errors` say what answers mean, the first that fits counts; `error_expression` makes a successful answer for which it
    gives a value a failure.
    """

    api_base_uri: Annotated[str, Field(max_length=2000)] = ""
    connection_fields: list[ConnectionField] = Field(default_factory=list, max_length=50)
    auth: Auth = Field(default_factory=NoAuth)
    headers: HeaderTemplates = Field(default_factory=dict)
    query: Params = Field(default_factory=dict)
    pagination: Pagination = Field(default_factory=NoPagination)
    rate_limit: RateLimit = Field(default_factory=RateLimit)
    ping: Ping | None = None
    account: AccountRequest | None = None
    # The header by which the vendor knows a repeated POST, PUT, PATCH or DELETE again, for example Idempotency-Key; "": it has none.
    idempotency_header: HeaderName = ""
    credential_origins: list[Origin] = Field(default_factory=list, max_length=20)
    # Credentials follow a redirect within their origin; with this they follow none.
    skip_follow_authorization_header: bool = False
    media_types: MediaTypes = Field(default_factory=MediaTypes)
    errors: ErrorRules = Field(default_factory=list)
    # A placeholder over `response` (the body's members, body, status, headers): what it gives makes a success a failure; "": nothing does.
    error_expression: Template = ""
    # How the vendor's webhooks are checked; None: nothing is known of them.
    webhook: Webhook | None = None

    @field_validator("api_base_uri")
    @classmethod
    def _base_uri(cls, value: str) -> str:
        if expressions.parse(value).is_plain:
            return str(addresses.parse_base_uri(value)) if value else ""
        if value.startswith("/"):
            raise ValueError("A base URI that each connection completes with its own host is a plain path, without placeholders.")
        return url_template(value).rstrip("/")

    @field_validator("connection_fields")
    @classmethod
    def _named_once(cls, value: list[ConnectionField]) -> list[ConnectionField]:
        names = [field.name for field in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands in the list of connection fields twice. Keep one of each name.")
        return value

    @property
    def base(self) -> addresses.BaseUri:
        """The base URI in its parts; host "" where connections bring it, or where placeholders stand in it."""
        return addresses.parse_base_uri((self.api_base_uri if not self.has_placeholders else "") or "/")

    @property
    def has_placeholders(self) -> bool:
        """Whether the base URI is completed with values of the connection."""
        return not expressions.parse(self.api_base_uri).is_plain

    @property
    def host_at_connect(self) -> bool:
        """True for a product that every customer hosts: the connection names the origin."""
        return self.api_base_uri.startswith("/")

    @property
    def host_is_open(self) -> bool:
        """Whether whoever connects chooses a server, so that the owner's own secrets must not go there."""
        lists = [f"settings.{field.name}" for field in self.connection_fields if field.type == "select"]
        if self.valid_domain_names:
            return any(expressions.open_host(url, lists) for url in self._other_urls)
        urls = [self.api_base_uri, *self.credential_urls]
        return self.host_at_connect or any(expressions.open_host(url, lists) for url in urls if url)

    @property
    def valid_domain_names(self) -> list[str]:
        """The domains in which every server lies that a connection chooses; none: it may choose any."""
        return self.auth.valid_domain_names if isinstance(self.auth, OAuth2Auth) else []

    @property
    def credential_urls(self) -> list[str]:
        """Every URL besides the base URI to which credentials go, placeholders and all."""
        return list(filter(None, [*self._other_urls, *self.auth_urls]))

    @property
    def auth_urls(self) -> list[str]:
        """Those of the authentication."""
        return list(filter(None, _urls(self.auth)))

    @property
    def _other_urls(self) -> list[str]:
        return [*([self.ping.base_uri] if self.ping and self.ping.base_uri else []), *self.credential_origins]

    def for_calls(self) -> dict[str, Any]:
        """Everything that calls are made of, as JSON. What is said of webhooks takes no placeholders; what looks like one there is a formula."""
        return {name: value for name, value in self.dump().items() if name != "webhook"}

    def changed(self, **parts: Any) -> Self:
        """A validated copy with some parts replaced."""
        return self.model_validate({**self.dump(), **{to_camel(k): v.dump() if isinstance(v, Part) else v for k, v in parts.items()}})


def _urls(auth: Part) -> list[str]:
    """Every URL to which a method sends credentials."""
    steps = [*getattr(auth, "steps", []), getattr(auth, "refresh_step", None)]
    names = ("auth_uri", "token_uri", "refresh_uri", "revocation_uri")
    return [getattr(auth, name, "") for name in names] + [step.url for step in steps if step]


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
    gaps += [Gap("auth", field, message) for field, message in auth_gaps(definition.auth)]
    gaps += [
        Gap(
            "auth",
            "connectionFields",
            f"{{{{settings.{name}}}}} is used, but no connection field is named {name}, so that no connection will have a value for it. Add the field.",
        )
        for name in _unknown_settings(definition)
    ]
    if asked := sorted(
        path for path in expressions.paths_of([*_addresses(definition), *_of_tokens(definition.auth)]) if _asks_who_calls(path)
    ):
        gaps.append(Gap("auth", "auth", f"${{{asked[0]}}} stands in an address or in a token request. {_WHERE_CALLERS_STAND}"))
    gaps += [Gap("pagination", f"pagination.{field}", message) for field, message in pagination_gaps(definition.pagination)]
    return gaps


_WHERE_CALLERS_STAND = (
    "What belongs to whoever calls can stand in headers, parameters and bodies of calls only: a token is fetched for all of them, and an "
    "address must not change with the caller."
)


def _asks_who_calls(path: str) -> bool:
    return path.partition(".")[0] in ("user", "tenant")


def _addresses(definition: Definition) -> list[str]:
    ping = definition.ping
    return [definition.api_base_uri, *definition.credential_urls, *([ping.uri, *ping.alternatives] if ping else [])]


def _of_tokens(auth: Part) -> list[Any]:
    """The settings by which a token is asked for; what places the token on a call is none of them."""
    if not isinstance(auth, TokenPart):
        return []
    return [value for name, value in auth.dump().items() if name != "placements"]


def _unknown_settings(definition: Definition) -> list[str]:
    """Settings that placeholders read and nothing brings: no connection field, no answer of a token, login or redirect."""
    auth = definition.auth
    steps = [*getattr(auth, "steps", []), getattr(auth, "refresh_step", None)]
    brought = [getattr(auth, "token_settings", {}), getattr(auth, "callback_settings", {}), *(step.extract for step in steps if step)]
    known = {"baseUri", *(field.name for field in definition.connection_fields), *(name for names in brought for name in names)}
    used = {path.split(".")[1] for path in expressions.paths_of(definition.for_calls()) if path.startswith("settings.")}
    return sorted(used - known)


_TAGS = frozenset({*AUTH_CLASSES, *PAGINATION_CLASSES, *VERIFICATION_CLASSES})


def problems(error: ValidationError) -> dict[str, list[str]]:
    """A validation error as sentences by JSON field (dotted), without the words of the library."""
    found: dict[str, list[str]] = {}
    for item in error.errors(include_url=False):
        where = [str(part) for part in item["loc"]]
        # A discriminated union adds the chosen tag to the location; it is no field.
        where = [
            part for n, part in enumerate(where) if not (n > 0 and where[n - 1] in ("auth", "pagination", "verification") and part in _TAGS)
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
