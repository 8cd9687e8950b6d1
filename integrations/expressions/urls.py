"""URLs with placeholders: where a value may stand, how it is written there, and whether it chooses the server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from integrations.expressions.nodes import Node, Text, paths
from integrations.expressions.reading import parse


def open_host(url: str, fixed: Sequence[str] = ()) -> bool:
    """Whether the values choose the server of a URL: its host ends in a placeholder, or begins with one that may be an origin.

    A host that ends in a written domain, as `{{settings.name}}.example.com`, stays with that domain. `fixed` names paths
    whose values come from a list that the integration's owner wrote.
    """
    for nodes in parse(url).alternatives:
        authority, seen_scheme = [], False
        for node in nodes:
            text = node.value if isinstance(node, Text) else None
            if text is not None and not seen_scheme and "://" in text:
                seen_scheme, text = True, text.partition("://")[2]
            if text is None:
                authority.append("" if _within(node, fixed) else "{}")
                continue
            host, slash, _ = _cut(text)
            authority.append(host)
            if slash:
                break
        joined = re.sub(r":\d*$", "", "".join(authority))
        if "{}" in joined and not re.search(r"\.[A-Za-z0-9-]+\.?[A-Za-z0-9-]*$", joined.rpartition("{}")[2]):
            return True
    return False


def escaped(value: str, before: str, after: str) -> str:
    """A value for its place in a URL, between what stands before and after it. Raises `ValueError` where it may not stand there."""
    value = value.strip()
    scheme, mark, rest = before.partition("://")
    rest = rest if mark else scheme
    if not re.search(r"[/?#]", rest):
        at_the_start = not rest
        whole = at_the_start and (not after or after[0] in "/?#")
        if whole and not mark:
            return value  # an origin or a URL of its own
        if at_the_start:
            value = re.sub(r"^https?://", "", value).rstrip("/")
        if not re.fullmatch(r"[A-Za-z0-9._-]+(:\d{1,5})?(/[A-Za-z0-9._~/-]*)?" if whole else r"[A-Za-z0-9._-]+(:\d{1,5})?", value):
            raise ValueError(f"{value[:60]!r} cannot be part of a host name. Enter letters, digits, dots and hyphens only.")
        return value
    if "?" in rest or "#" in rest:
        return quote(value, safe="")
    if any(part in (".", "..") for part in value.split("/")):
        raise ValueError("A value that stands in a path has no . or .. parts.")
    return quote(value, safe="/:@,;=+$!*'()~")


def _within(node: Node, fixed: Sequence[str]) -> bool:
    return all(path.name in fixed for path in paths(node))


def _cut(text: str) -> tuple[str, str, str]:
    found = re.search(r"[/?#]", text)
    return (text, "", "") if not found else (text[: found.start()], found[0], text[found.end() :])
