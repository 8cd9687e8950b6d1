"""What the parts of a definition are made of: their base, and the types of their fields with the sentences for bad values."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

import regex
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from integrations import addresses, expressions, formulas, paths

# RFC 9110: field names are tokens, field values hold no control characters.
_TOKEN = re.compile(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class JsonModel(BaseModel):
    """Values of a definition: camelCase in JSON, unknown fields refused, surrounding blanks dropped."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", str_strip_whitespace=True, validate_assignment=True
    )

    def dump(self) -> dict[str, Any]:
        """The values as JSON with camelCase keys."""
        return self.model_dump(mode="json", by_alias=True)


# nginx and Caddy, Apache and lighttpd, LiteSpeed, H2O and Perlbal.
_ORDERS = ("x-accel-", "x-sendfile", "x-lighttpd-send", "x-litespeed-location", "x-reproxy-")


class Part(JsonModel):
    """Base of every part of a definition. `label` is what people call the choice that the part stands for."""

    label: ClassVar[str] = ""


def header_name(value: str) -> str:
    if value and not _TOKEN.match(value):
        raise ValueError(f"{value!r} is not a header name. It has letters, digits and - only, for example X-API-Key.")
    return value


def is_order(name: str) -> bool:
    """Whether a header of an answer is an order to the web server in front of Junction, which would send a file of its own or ask
    somebody in its own network. Whoever is not us must not have us say it."""
    return name.strip().lower().startswith(_ORDERS)


def header_value(value: str) -> str:
    if CONTROL.search(value):
        raise ValueError("A header value is one line: remove line breaks and control characters.")
    return value


def page_url(value: str) -> str:
    """A URL that a browser opens: it may have a fragment, by which some products route (`#/oauth/authorize`)."""
    url_template(value.partition("#")[0])
    expressions.parse(value)
    return value


def absolute_url(value: str) -> str:
    """A URL with host, as for token endpoints; plain http is judged where the network policy is known."""
    if not value:
        return value
    match = re.match(r"^https?://([^/?#]+)([^\s#]*)$", value, re.IGNORECASE)
    if not match:
        raise ValueError(f"{_without_credentials(value)} is not a URL. Write it whole, from https:// to the end of the path.")
    try:
        addresses.parse_host(match.group(1))
    except ValueError:
        if "@" in value:  # a password may hold a slash, behind which the host seems to end
            raise ValueError("Leave user name and password out of the URL; credentials belong to a connection.") from None
        raise
    return value


def _without_credentials(value: str) -> str:
    """What was typed as a URL, for a message: a password before an @ or a key in the query may stand there."""
    scheme, mark, rest = value.rpartition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2].partition('?')[0]}"


def origin(value: Any) -> Any:
    """`https://host[:port]` of something that was typed as one, without a slash at its end."""
    if not isinstance(value, str):
        return value
    text = value.strip().rstrip("/")
    if "://" not in text:
        text = f"https://{text}"
    if not re.match(r"^https?://[^/?#@]+$", text, re.IGNORECASE):
        raise ValueError(f"{value.strip()} is not an origin. Write scheme and host only, for example https://files.example.com.")
    return re.sub(r"^(https://.*):443$|^(http://.*):80$", r"\1\2", absolute_url(text).lower())


def domain_name(value: Any) -> Any:
    """A domain as it is compared: lower case, without a star or dot in front."""
    if not isinstance(value, str):
        return value
    text = value.strip().lower().removeprefix("*").strip(".")
    try:
        host, port = addresses.parse_host(text)
    except ValueError:
        port, host = 1, ""
    if port or not host:
        raise ValueError(f"{value.strip()[:200]} is no domain name. Write it without https://, port and path, for example example.com.")
    return host


def json_path(value: str) -> str:
    paths.check(value)
    return value


def choice(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


HeaderName = Annotated[str, Field(max_length=200), BeforeValidator(lambda v: header_name(v) if isinstance(v, str) else v)]
Url = Annotated[str, Field(max_length=2000), BeforeValidator(lambda v: absolute_url(v.strip()) if isinstance(v, str) else v)]
Path = Annotated[str, Field(max_length=500), BeforeValidator(lambda v: json_path(v.strip()) if isinstance(v, str) else v)]
Paths = Annotated[
    str,
    Field(max_length=500),
    BeforeValidator(lambda v: ", ".join(json_path(path.strip()) for path in v.split(",") if path.strip()) if isinstance(v, str) else v),
]
"""One path or several, split by commas."""
Name = Annotated[str, Field(max_length=200)]


def template(value: str) -> str:
    expressions.parse(value)
    return value


def formula(value: str) -> str:
    """A JSONata expression, without the braces of a placeholder round it."""
    text = value.strip()
    if text.startswith("{{") and text.endswith("}}"):
        text = text[2:-2].strip()
    if text:
        formulas.check(text)
    return text


def url_template(value: str) -> str:
    """A URL whose parts may be placeholders: `https://{{settings.region}}.example.com/token`."""
    if not value or expressions.parse(value).is_plain:
        return absolute_url(value)
    shown = re.sub(r":x(?=[/?#]|$)", ":1", expressions.sample(value))  # a port that is a placeholder
    absolute_url(shown if "://" in shown.split("?")[0] else f"https://{shown}")
    return value


def _templates(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        if not name:
            raise ValueError("A parameter needs a name.")
        template(text)
    return value


def _header_templates(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        if not name:
            raise ValueError("A header needs a name, for example Accept.")
        header_name(name)
        template(header_value(text))
    return value


def pattern(value: str) -> str:
    """A regular expression; "" is none."""
    try:
        regex.compile(value)
    except (regex.error, RecursionError):
        raise ValueError(f"The pattern {value[:80]} is not a regular expression.") from None
    return value


Pattern = Annotated[str, Field(max_length=500), AfterValidator(pattern)]
Template = Annotated[str, Field(max_length=5000), BeforeValidator(lambda v: template(v) if isinstance(v, str) else v)]
Formula = Annotated[str, Field(max_length=4000), BeforeValidator(lambda v: formula(v) if isinstance(v, str) else v)]
UrlTemplate = Annotated[str, Field(max_length=2000), BeforeValidator(lambda v: url_template(v.strip()) if isinstance(v, str) else v)]
PageUrl = Annotated[str, Field(max_length=2000), BeforeValidator(lambda v: page_url(v.strip()) if isinstance(v, str) else v)]
Params = Annotated[dict[str, str], AfterValidator(_templates)]
"""Parameters by name. A value may hold placeholders; one that is empty takes a parameter out that would be sent otherwise."""
HeaderTemplates = Annotated[dict[str, str], AfterValidator(_header_templates)]
DomainName = Annotated[str, Field(max_length=253), BeforeValidator(domain_name)]
Origin = Annotated[str, Field(max_length=300), BeforeValidator(origin)]
