"""Paths into documents: `data.items`, `links.next`, `@odata.nextLink`, `$`, or a JSONPath (RFC 9535).

One syntax for every field that points into an answer: results key, next page key, pointer, token key, ping success
path. A plain path is tried as a literal key first, because real keys contain dots (`@odata.nextLink`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import jsonpath


class _Missing:
    """The answer of `extract` where a path leads nowhere; JSON's null is a value and comes back as None."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


_JSONPATH: Final = jsonpath.JSONPathEnvironment(strict=True)
for _name in ("match", "search"):  # regular expressions on a vendor's texts could keep a worker busy for ever
    del _JSONPATH.function_extensions[_name]
_MOST_DESCENTS: Final = 2  # each `..` multiplies the work by the size of the answer


@lru_cache(maxsize=1024)
def _compiled(path: str) -> jsonpath.JSONPath | jsonpath.CompoundJSONPath:
    return _JSONPATH.compile(path)


def check(path: str) -> None:
    """Raise `ValueError` with a sentence when a path cannot be read."""
    if path.startswith("$") and path != "$":
        if path.count("..") > _MOST_DESCENTS:
            raise ValueError(
                f"{path} searches all levels more than {_MOST_DESCENTS} times (..), which takes too long. Name the keys on its way."
            )
        try:
            _compiled(path)
        except jsonpath.JSONPathError as error:
            raise ValueError(
                f"{path} is not a JSONPath: {str(error).splitlines()[0]}. Write for example $.data.items or data.items."
            ) from None


def extract(document: Any, path: str) -> Any:
    """What `path` points at in `document`, or MISSING.

    `""` and `$` are the document itself. A path that starts with `$` is a JSONPath: a singular query gives its value,
    any other the list of its matches. Every other path is keys (and list indexes) joined by dots.
    """
    if path in ("", "$"):
        return document
    if path.startswith("$"):
        query = _compiled(path)
        matches = query.findall(document)
        if isinstance(query, jsonpath.JSONPath) and query.singular_query():
            return matches[0] if matches else MISSING
        return matches or MISSING
    return _walk(document, path)


def _walk(document: Any, path: str) -> Any:
    """Every way to cut the path into keys is tried, short keys first. A dead end is looked into once, however many ways lead there."""
    dead: set[tuple[int, str]] = set()

    def walk(node: Any, path: str) -> Any:
        if (id(node), path) in dead:
            return MISSING
        if isinstance(node, dict) and path in node:
            return node[path]
        head, dot, tail = path.partition(".")
        while dot:
            if isinstance(node, dict) and head in node:
                found = walk(node[head], tail)
                if found is not MISSING:
                    return found
            elif isinstance(node, list) and _is_index(head, node):
                return walk(node[int(head)], tail)
            more, dot, tail = tail.partition(".")
            head = f"{head}.{more}"
        if isinstance(node, list) and _is_index(path, node):
            return node[int(path)]
        dead.add((id(node), path))
        return MISSING

    return walk(document, path)


def _is_index(text: str, items: list[Any]) -> bool:
    return text.lstrip("-").isdigit() and -len(items) <= int(text) < len(items)
