"""The whole definition: base URI, authentication, headers, pagination, ping; and what a finished one lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from integrations import addresses
from integrations.definition.auth import AUTH_CLASSES, Auth, NoAuth, auth_gaps
from integrations.definition.pagination import PAGINATION_CLASSES, NoPagination, Pagination, pagination_gaps
from integrations.definition.parts import HeaderName, Part, header_name, header_value


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
    # The header by which the vendor knows a repeated POST, PUT, PATCH or DELETE again, for example Idempotency-Key; "": it has none.
    idempotency_header: HeaderName = ""

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
    gaps += [Gap("auth", field, message) for field, message in auth_gaps(definition.auth)]
    gaps += [Gap("pagination", f"pagination.{field}", message) for field, message in pagination_gaps(definition.pagination)]
    return gaps


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
