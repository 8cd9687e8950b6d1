"""Placeholders in texts: `{{settings.region}}`, `${credentials.apiKey}`, `{{base64(credentials.username, ":", credentials.password)}}`.

Both spellings mean the same. Inside stands a path into the given values, a quoted text, a call of one of FUNCTIONS, or
alternatives of these split by `||`, of which the first that has a value counts. A whole text may offer alternatives too:
`https://{{settings.host}}/token || https://example.com/token` is the first of the two whose placeholders all have values.

What is neither of these is a JSONata expression (`{{$uppercase(context.name)}}`, see `formulas`); `${…}` has none.

Nothing is executed: a text is parsed into values and calls of the functions below. Parsing raises `ValueError` with a
sentence; evaluating raises `MissingValue`, which names the placeholder. Where the values hold `request.moment` (a
`datetime`), `now` is that instant, so that a date and the signature over it agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from integrations.expressions.evaluating import formula, found_at
from integrations.expressions.nodes import Formula, MissingValue, Path, Text
from integrations.expressions.nodes import varies as node_varies
from integrations.expressions.reading import DEEPEST, LONGEST, parse
from integrations.expressions.template import Template
from integrations.expressions.urls import escaped, open_host

__all__ = [
    "DEEPEST",
    "LONGEST",
    "MISSING",
    "Formula",
    "MissingValue",
    "Template",
    "filled",
    "open_host",
    "parse",
    "paths_of",
    "render",
    "render_all",
    "render_url",
    "sample",
    "texts",
    "value_of",
    "varies",
]

MISSING: Final = object()


def render(text: str, values: Mapping[str, Any]) -> str:
    """A text with its values. Raises `ValueError` for one that cannot be read and `MissingValue`."""
    return parse(text).render(values)


def render_url(text: str, values: Mapping[str, Any]) -> str:
    """A URL with its values, each percent-encoded for its place.

    A value at the very start may be an origin or a whole URL; one inside the host is letters, digits, dots, hyphens and
    a port only, so that it cannot lead elsewhere; one in the path keeps its slashes, but has no `..`.
    """
    return parse(text).render(values, escape=escaped).strip()


def render_all(document: Any, values: Mapping[str, Any]) -> Any:
    """JSON values with every text in them rendered."""
    match document:
        case str():
            return render(document, values)
        case dict():
            return {key: render_all(value, values) for key, value in document.items()}
        case list():
            return [render_all(value, values) for value in document]
    return document


def value_of(text: str, values: Mapping[str, Any]) -> Any:
    """What a text stands for: the value itself, of whatever kind, where it is one placeholder and nothing else; otherwise a text.

    `MISSING` where a placeholder has no value. Raises `ValueError`.
    """
    nodes = parse(text).alternatives
    if len(nodes) == 1 and len(nodes[0]) == 1 and isinstance(nodes[0][0], Path | Formula):
        node = nodes[0][0]
        found = found_at(node, values) if isinstance(node, Path) else formula(node, values)
        return MISSING if found is None else found
    try:
        return render(text, values)
    except MissingValue:
        return MISSING


def filled(document: Any, values: Mapping[str, Any]) -> Any:
    """JSON values with their texts filled in by `value_of`; members and items that have no value are left out. `MISSING` for nothing."""
    match document:
        case str():
            return value_of(document, values)
        case dict():
            return {key: found for key, value in document.items() if (found := filled(value, values)) is not MISSING}
        case list():
            return [found for value in document if (found := filled(value, values)) is not MISSING]
    return document


def texts(document: Any) -> Iterator[str]:
    """Every text in JSON values."""
    match document:
        case str():
            yield document
        case dict():
            for value in document.values():
                yield from texts(value)
        case list():
            for value in document:
                yield from texts(value)


def paths_of(document: Any) -> frozenset[str]:
    """The dotted names of everything that the texts in JSON values read."""
    return frozenset(path for text in texts(document) for path in parse(text).paths)


def varies(document: Any) -> bool:
    """Whether the texts in JSON values come out otherwise from one request to the next: they read it, or the time, or chance."""
    return any(node_varies(node) for text in texts(document) for nodes in parse(text).alternatives for node in nodes)


def sample(text: str, value: str = "x") -> str:
    """The text with `value` for every placeholder, to check what stands round them. Only the first alternative counts."""
    return "".join(node.value if isinstance(node, Text) else value for node in parse(text).alternatives[0])
