"""What every request carries: base URL, headers, parameters, fields of the body; and which of these hold credentials."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from integrations.providers.entry import Entry, Inexpressible, written
from integrations.providers.texts import Scope

_SIMPLE = re.compile(r"(?:(\S+) )?\{\{credentials\.apiKey\}\}")


@dataclass
class Carried:
    """`placements` are what has to be filled in for each request anew, or holds a secret."""

    base_uri: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    placements: list[dict[str, str]] = field(default_factory=list)
    reads: set[str] = field(default_factory=set)
    sends_cookies: bool = False

    @property
    def sets_authorization(self) -> bool:
        return any(one["location"] == "header" and one["name"].lower() == "authorization" for one in self.placements) or any(
            name.lower() == "authorization" for name in self.headers
        )

    def as_api_key(self) -> dict[str, Any]:
        """The settings of an API key: the simple ones where they are enough, since they are easier to read and to change."""
        if len(self.placements) == 1 and self.placements[0]["location"] in ("header", "query"):
            one = self.placements[0]
            found = _SIMPLE.fullmatch(one["value"])
            if found and (one["location"] == "header" or not found[1]):
                return {"apiKeyName": one["name"], "apiKeyLocation": one["location"], "apiKeyPreamble": found[1] or ""}
        return {"placements": self.placements}


def carried(proxy: Entry, scope: Scope, *, may_place: bool) -> Carried:
    """The base URL, headers, query and body of an entry's proxy section."""
    found = Carried()
    base = proxy.text("base_url")
    done = scope.said(proxy, "base_url", base, whole=False)
    found.base_uri = done.text.rstrip("/")
    found.reads |= done.reads
    scope.random = "request.id"
    for key, location, plain in (("headers", "header", found.headers), ("query", "query", found.query)):
        section = proxy.section(key)
        for name in list(section.values):
            text = section.text(name)
            if "${credentials._cookies}" in text:
                found.sends_cookies = True
                continue
            done = scope.said(section, name, text)
            if not done.text:
                continue
            found.reads |= done.reads
            if not (done.is_secret or done.is_of_the_moment):
                plain[name] = done.text
            elif may_place:
                found.placements.append({"location": location, "name": name, "value": done.text})
            else:
                section.lose(name, "An integration without authentication has no credentials to send.")
    _body(proxy, scope, found, may_place=may_place)
    scope.random = "uuid()"
    # The same under both names: the entry lists the settings that paths use, which are its connection fields.
    proxy.take("connection_config")
    proxy.take("decompress")  # answers are always unpacked
    if proxy.flag("forward_headers_on_redirect"):
        proxy.lose(
            "forward_headers_on_redirect",
            "Credentials go to the server of the base URL only, never along with a redirect to another one. Enter the final address.",
        )
    return found


def _body(proxy: Entry, scope: Scope, found: Carried, *, may_place: bool) -> None:
    body = proxy.take("body")
    if body is None:
        return
    if not may_place:
        proxy.lose("body", "An integration without authentication has no credentials to send.")
        return

    def walk(value: Any, above: str) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{above}.{key}" if above else str(key))
            return
        done = scope.translate(written(value))
        found.reads.update(done.reads)
        found.placements.append({"location": "body", "name": above, "value": done.text})

    try:
        walk(body, "")
    except Inexpressible as error:
        proxy.lose("body", str(error))
