"""The secrets in a document: they are kept apart from it, and masked wherever the document is shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

MASK: Final = "•••"
# Where a document holds a secret: `*` is any name.
_PLACES: Final = (
    ("credentials", "*", "config", "client", "secret"),
    ("webhook", "signature_verification", "config", "secret"),
    ("webhook", "signature_verification", "config", "password"),
)


def masked(config: dict[str, Any]) -> dict[str, Any]:
    """The document with a mask for each secret."""
    return _changed(config, lambda path, value: MASK)  # noqa: ARG005


def merged(config: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """A document that was read, changed and sent back: its masks stand for the secrets of the one before."""
    known = dict(_secrets(before))
    return _changed(config, lambda path, value: known.get(path, "") if value == MASK else value)


def secrets_in(config: dict[str, Any]) -> dict[tuple[str, ...], str]:
    """The secrets by their place; masks are none."""
    return {path: value for path, value in _secrets(config) if value != MASK}


def _secrets(config: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    for place in _PLACES:
        yield from _at(config, place, ())


def _at(node: Any, place: tuple[str, ...], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if not place:
        if isinstance(node, str) and node and "{{" not in node:
            yield path, node
        return
    if isinstance(node, dict):
        for name in node if place[0] == "*" else (place[0],):
            if name in node:
                yield from _at(node[name], place[1:], (*path, name))


def _changed(config: dict[str, Any], change: Any) -> dict[str, Any]:
    found: dict[str, Any] = _copy(config)
    for path, value in list(_secrets(found)):
        node = found
        for name in path[:-1]:
            node = node[name]
        node[path[-1]] = change(path, value)
    return found


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(item) for name, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
