"""Next links: out of Link headers (RFC 8288), made absolute."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit, urlunsplit

from actions.pagination.strategy import PaginationError

_LINK = re.compile(r"\s*<([^>]*)>((?:[^,\"]|\"(?:[^\"\\]|\\.)*\")*)(?:,|$)")
_LINK_PARAM = re.compile(r";\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;,\"]*)))?")


def parse_links(values: list[str]) -> list[tuple[str, dict[str, str]]]:
    """The links of all Link headers (RFC 8288): target and parameters, names in lower case. Broken parts are passed over."""
    links = []
    for value in values:
        for match in _LINK.finditer(value):
            params: dict[str, str] = {}
            for name, quoted, plain in _LINK_PARAM.findall(match[2]):
                # Of a parameter that stands twice the first counts (RFC 8288 3.3).
                params.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) or plain)
            links.append((match[1].strip(), params))
    return links


def resolve_link(link: str, asked: str) -> str:
    """The absolute URL of a next link: relative ones against the URL that was asked; http to the same host becomes https again."""
    try:
        before = urlsplit(asked)
        if before.netloc and link.lower().startswith(f"{before.netloc.lower()}/"):
            link = f"//{link}"  # a host without a scheme, which would else be a relative path
        parts = urlsplit(link)
        if not (parts.scheme and parts.netloc):
            parts = urlsplit(urljoin(asked, link))
        same_host = parts.hostname == before.hostname and parts.port in (None, 80, before.port)
    except ValueError:
        raise PaginationError("The next link of the answer is not a URL. Check the settings of the pagination.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PaginationError("The next link of the answer does not start with http:// or https://. Check the settings of the pagination.")
    if parts.scheme == "http" and before.scheme == "https" and same_host:
        parts = parts._replace(scheme="https", netloc=before.netloc)
    return urlunsplit(parts._replace(fragment=""))
