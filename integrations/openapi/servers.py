"""Servers of a document -> the base URI of the integration."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urljoin, urlsplit

from integrations import addresses, expressions
from integrations.openapi.findings import Change, Report, pointer, shortened

_VARIABLE = re.compile(r"\$?\{([^{}]*)\}")
_TRIAL = re.compile(r"https?://(?:localhost|127\.|[^/]*\b(?:sandbox|staging|mock|dev|test)\b)", re.IGNORECASE)
_LONGEST = 2000  # characters of a URL, also with the defaults of its variables
_NO_HOST = "The document names no host."
_ASK_HOST = "Enter the host of the API, or let each connection bring its own."


def base_uri(document: dict[str, Any], *, source_url: str, where: str, plain_http: Callable[[str], bool], report: Report) -> str:
    """The base URI, https where there is a choice; only a base path (at least "/") where the document names no host.

    `where` is the pointer of the servers in the uploaded file. A relative server is resolved against `source_url`, the
    address that the document was fetched from. An http server that `plain_http` does not let pass becomes https.
    """
    urls = _server_urls(document, where, report)
    if not urls:
        urls = [("/", where)]
    chosen, place = min(urls, key=lambda pair: _rank(pair[0]))  # min keeps the document's order among equals
    resolved = _resolved(chosen, source_url)
    row = None
    relative = "" if "://" in chosen else _resolved(chosen, "")
    if relative.startswith("/") and "://" in resolved:
        message = f"The server {shortened(chosen, 200)} is relative; it was resolved against the address of the document."
        row = report.repair("server-relative", place, chosen, resolved, message)
    elif "://" in resolved and "://" not in chosen:
        report.repair("server-scheme", place, chosen, resolved, "The server has no scheme; https was added.")
    if resolved.lower().startswith("http://") and not plain_http(resolved):
        secure = "https" + resolved[4:]
        message = f"The document offers {shortened(resolved, 200)} without encryption; https was set instead."
        report.find(
            "warning",
            "server-https",
            place,
            message,
            "Check that the API answers on https, or enter the http address if your operator allows it.",
        )
        report.repair("server-https", place, resolved, secure, "The address is without encryption; https was set instead.")
        resolved = secure
    cut = re.split(r"[?#]", resolved, maxsplit=1)[0]
    if cut != resolved:
        report.repair("server-url", place, resolved, cut, "A base URI has no query and no fragment; they were cut off.")
    try:
        base = addresses.parse_base_uri(cut)
        expressions.parse(cut)  # what looks like a placeholder must be one
    except ValueError as error:
        report.find("warning", "oas3-api-servers", place, f"The server {shortened(chosen, 200)} cannot be used. {error}", _ASK_HOST)
        return "/"
    if not base.host:
        report.find("warning", "oas3-api-servers", where, _NO_HOST, _ASK_HOST)
    if row:
        with suppress(ValueError):
            row.changes.append(Change("", "/apiBaseUri", str(addresses.parse_base_uri(relative)), str(base)))
    return str(base)


def _rank(url: str) -> tuple[bool, bool, bool]:
    """Absolute before relative, a server for everyone before one for trials, https before http."""
    return (not re.match(r"https?://", url, re.IGNORECASE), bool(_TRIAL.match(url)), not url.lower().startswith("https"))


def other_servers(document: dict[str, Any], base: str, report: Report) -> None:
    """Report paths and operations that live on a server of their own: all requests go to the base URI."""
    paths = document.get("paths")
    for path, item in paths.items() if isinstance(paths, dict) else ():
        if not isinstance(item, dict):
            continue
        for name, part in [("", item), *((key, value) for key, value in item.items() if isinstance(value, dict))]:
            servers = part.get("servers")
            url = servers[0].get("url") if isinstance(servers, list) and servers and isinstance(servers[0], dict) else None
            if isinstance(url, str) and url.rstrip("/") != base.rstrip("/") and "://" in url:
                report.find(
                    "warning",
                    "operation-server",
                    pointer("paths", path, *([name] if name else []), "servers"),
                    f"{shortened(str(path), 200)} has a server of its own, {shortened(url, 200)}; its requests go to {base}.",
                    "Make a second integration for that server if the base URI does not serve these operations.",
                )


def _server_urls(document: dict[str, Any], where: str, report: Report) -> list[tuple[str, str]]:
    """The URLs of all servers, variables replaced, each with its pointer; those of the paths if the document has none."""
    servers = document.get("servers")
    servers = [servers] if isinstance(servers, dict) and servers.get("url") else servers
    if not isinstance(servers, list) or not servers:
        servers = []
        paths = document.get("paths")
        for item in paths.values() if isinstance(paths, dict) else ():
            if isinstance(item, dict) and isinstance(item.get("servers"), list):
                servers += item["servers"]
            if len(servers) > 100:
                break
    found = []
    for n, server in enumerate(servers):
        place = where if where in ("/host", "/basePath") else f"{where}/{n}"
        url = server.get("url") if isinstance(server, dict) else server
        if isinstance(url, str) and url.strip():
            filled = _filled(url.strip(), server if isinstance(server, dict) else {}, place, report) if len(url) <= _LONGEST else url
            if len(filled) <= _LONGEST:
                found.append((filled, place))
            else:
                message = f"The server {shortened(url, 200)} has more than {_LONGEST:,} characters and was left out."
                report.find("warning", "oas3-api-servers", place, message, _ASK_HOST)
    return found


def _filled(url: str, server: dict[str, Any], place: str, report: Report) -> str:
    """The URL with its variables replaced by their defaults; a variable in the host without one leaves the path only."""
    variables = server.get("variables")
    variables = variables if isinstance(variables, dict) else {}
    unknown = []

    def value(match: re.Match[str]) -> str:
        variable = variables.get(match.group(1))
        variable = variable if isinstance(variable, dict) else {}
        default = variable.get("default")
        enum = variable.get("enum")
        if default in (None, "") and isinstance(enum, list) and enum:
            default = enum[0]
        if default is None:
            unknown.append(match.group(1))
            return match.group(0)
        return str(default)[: _LONGEST + 1]

    filled = _VARIABLE.sub(value, url)
    if filled != url:
        report.find(
            "info",
            "server-variables",
            place,
            f"The server {shortened(url, 200)} has parts to fill in; their defaults give {shortened(filled, 200)}.",
            "Check the base URI: customers may have a host or a path of their own.",
        )
    if unknown:
        names = ", ".join(unknown)
        report.find(
            "warning", "server-variables", place, f"The server {shortened(url, 200)} has no default for {shortened(names, 100)}.", _ASK_HOST
        )
        path = re.sub(r"^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/]*", "", filled)
        kept = [part for part in path.split("/") if part and not _VARIABLE.search(part)]
        return "/" + "/".join(kept) if re.match(r"^(?:[a-z+.-]*:)?//[^/]*\{|^\$?\{", filled, re.IGNORECASE) else _VARIABLE.sub("", filled)
    return filled


def _resolved(url: str, source_url: str) -> str:
    """An absolute URL, or a path where neither the server nor the source names a host."""
    if url.startswith("//"):
        url = f"https:{url}"
    if re.match(r"^[A-Za-z][A-Za-z0-9+.-]*://", url):
        return url
    if re.match(r"^[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::\d+)?(?:/|$)", url) and not source_url:
        return f"https://{url}"  # a host without its scheme
    try:
        if urlsplit(source_url).scheme in ("http", "https"):
            return urljoin(source_url, url)
        return urlsplit(urljoin("https://host/", url)).path or "/"
    except ValueError:
        return "/"
