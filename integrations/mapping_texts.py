"""Placeholders that read who an organization is at the vendor, `{{mapping.id}}` and `{{mapping.label}}`, in texts that may hold
braces for other reasons: paths of actions, defaults, inputs and bodies (leaf).

Only a placeholder that reads nothing but the mapping is filled in; whatever else stands in braces there belongs to the vendor,
such as a template for mails. So nobody who may run an action reads a secret by writing its name into an input.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from integrations import expressions

_SPAN = re.compile(r"\{\{[^{}]*\bmapping\.[^{}]*\}\}|\$\{[^{}]*\bmapping\.[^{}]*\}")
ROOT = "mapping."


def reads(document: Any) -> bool:
    """Whether a text in JSON values reads the mapping."""
    return any(_ours(match[0]) for text in expressions.texts(document) for match in _SPAN.finditer(text))


def filled(document: Any, values: Mapping[str, str]) -> Any:
    """JSON values with the mapping in their texts. Raises `MissingValue` where it has no value."""
    match document:
        case str():
            return _filled(document, values, str)
        case dict():
            return {key: filled(value, values) for key, value in document.items()}
        case list():
            return [filled(value, values) for value in document]
    return document


def filled_path(path: str, values: Mapping[str, str]) -> str:
    """A path with the mapping in it, percent-encoded so that it stays one segment. Raises `MissingValue`, and `ValueError`."""
    return _filled(path, values, _segment)


def lacks(document: Any, values: Mapping[str, str]) -> bool:
    """Whether a text that takes every placeholder cannot do without a value of the mapping that is not there."""
    return any("mapping." in text and _lacks(text, values) for text in expressions.texts(document))


def _lacks(text: str, values: Mapping[str, str]) -> bool:
    try:
        template = expressions.parse(text)
        template.render(_pretended(template.paths, values))
    except expressions.MissingValue as missing:
        return missing.name.startswith(ROOT)
    except ValueError:
        return False  # a function did not like what was pretended
    return False


def _pretended(paths: frozenset[str], values: Mapping[str, str]) -> dict[str, Any]:
    """Values for everything but the mapping, of which only its own count."""
    found: dict[str, Any] = {}
    for path in sorted(paths):
        *way, last = path.split(".")
        place: Any = found
        for key in way:
            place = place.setdefault(key, {}) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.setdefault(last, "x")
    return {**found, "mapping": dict(values)}


def _filled(text: str, values: Mapping[str, str], escape: Callable[[str], str]) -> str:
    def value(match: re.Match[str]) -> str:
        return escape(expressions.render(match[0], {"mapping": dict(values)})) if _ours(match[0]) else match[0]

    return _SPAN.sub(value, text)


def _ours(span: str) -> bool:
    try:
        paths = expressions.parse(span).paths
    except ValueError:
        return False
    return bool(paths) and all(path.startswith(ROOT) for path in paths)


def _segment(value: str) -> str:
    if value in (".", ".."):
        raise ValueError(f"The mapped value is {value}, which has a meaning of its own in a path.")
    return quote(value, safe="")
