"""A documentation page -> where the API description that it shows may be. Only text is read here; nothing is fetched."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from urllib.parse import urljoin, urlsplit

# Beside the page and at the top of its server, the most usual first.
USUAL_PLACES = (
    "openapi.json", "swagger.json", "openapi.yaml", "v3/api-docs", "swagger/v1/swagger.json", "swagger.yaml", "openapi.yml", "v2/api-docs", "api-docs",
)  # fmt: skip

_MAX_TEXT = 2_000_000  # characters; a page that inlines its description has it at the beginning or is one anyway
_MAX_LINKS = 20
# The settings of Redoc, RapiDoc, Scalar, Stoplight Elements and their like that name the document.
_NAMED = re.compile(
    r"""(?:spec-?url|spec_url|data-url|api-?description-?url|definition-?url|openapi-?url|swagger-?url)["']?\s*[=:]\s*["']([^"'\s<>]{1,1000})["']"""
    r"""|Redoc\.init\(\s*["']([^"'\s<>]{1,1000})["']""",
    re.IGNORECASE,
)
# Swagger UI's own names are too common to be looked for elsewhere.
_SWAGGER_UI = re.compile(r"SwaggerUI|swagger-ui", re.IGNORECASE)
_URL = re.compile(r"""["']?\burl["']?\s*:\s*["']([^"'\s<>]{1,1000})["']""")
_CONFIGURATION = re.compile(r"""configUrl["']?\s*[=:]\s*["']([^"'\s<>]{1,1000})["']""", re.IGNORECASE)
_SCRIPT = re.compile(r"""<script[^<>]{1,500}?\bsrc\s*=\s*["']?([^"'\s<>]{1,1000})""", re.IGNORECASE)
_SPEAKING = re.compile(r"initiali[sz]er|config|swagger|openapi|redoc|api-?docs|index", re.IGNORECASE)
_LIBRARY = re.compile(r"bundle|standalone|preset|\.min\.", re.IGNORECASE)  # large, and the same for every API
_QUOTED = re.compile(r"""["'=]([^"'\s<>=]{1,1000}?\.(?:json|ya?ml)(?:\?[^"'\s<>]{0,200})?)["'\s>]""", re.IGNORECASE)
_DESCRIPTION = re.compile(r"openapi|swagger|api-?docs?|api-?spec|\boas|spec\b", re.IGNORECASE)
# What Swagger UI shows until somebody configures it: not the API that the page is about.
_EXAMPLE = "petstore.swagger.io"


@dataclass(frozen=True)
class Links:
    """Absolute URLs of what may be the description, and of scripts and settings that may name it; the likeliest first."""

    documents: list[str]
    settings: list[str]


def links(text: str, url: str) -> Links:
    """What a page at `url`, or one of its scripts, says about where the description is. Relative links are relative to the page."""
    text = text[:_MAX_TEXT].replace("\\/", "/")
    documents = [first or second for first, second in _NAMED.findall(text)]
    settings = _CONFIGURATION.findall(text)
    if _SWAGGER_UI.search(text) or text.lstrip()[:1] == "{":  # settings are JSON
        documents += _URL.findall(text)
    documents += [link for link in _QUOTED.findall(text) if _DESCRIPTION.search(link)]
    settings += [link for link in _SCRIPT.findall(text) if _SPEAKING.search(link) and not _LIBRARY.search(link)]
    return Links(_absolute(documents, url), _absolute(settings, url))


def usual_places(url: str) -> list[str]:
    """URLs beside a page and at the top of its server where descriptions usually are."""
    beside = [urljoin(url, place) for place in USUAL_PLACES]
    below = [urljoin(url + "/", place) for place in USUAL_PLACES[:3]] if not urlsplit(url).query and not url.endswith("/") else []
    return list(dict.fromkeys([*beside, *below, *(urljoin(url, f"/{place}") for place in USUAL_PLACES)]))


def _absolute(found: list[str], url: str) -> list[str]:
    absolute: dict[str, None] = {}
    for link in found:
        try:
            target = urljoin(url, unescape(link)).partition("#")[0]
            parts = urlsplit(target)
            example = parts.hostname == _EXAMPLE != urlsplit(url).hostname
        except ValueError:  # a host that is none
            continue
        if parts.scheme in ("http", "https") and parts.hostname and not example and target != url.partition("#")[0]:
            absolute[target] = None
    return list(absolute)[:_MAX_LINKS]
