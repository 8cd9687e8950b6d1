"""Answers of operations: where the list of results, the link to the next page and the cursor are, guessed from names."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

# Names without case and punctuation, as `plain` gives them.
_CURSOR_FIELDS = frozenset({
    "nextcursor", "nexttoken", "nextpagetoken", "nextmarker", "endcursor", "continuationtoken", "nextcontinuationtoken",
    "nextpagecursor", "cursor", "after", "marker", "bookmark", "scrollid", "pagetoken", "nextpageid", "nextpagekey", "next",
    "nextpage", "continuation", "nextposition", "nextstreamposition", "nextafter",
})  # fmt: skip
_LINK_FIELDS = frozenset({
    "next", "nextlink", "odatanextlink", "nexturl", "nextpageurl", "nextpagelink", "nexturi", "nexthref", "nextpageuri",
    "nextpagehref", "nextpath",
})  # fmt: skip
_LINK_PARENTS = frozenset({
    "links", "link",
})  # fmt: skip
# Fields of answers that hold lists but never the results.
_ASIDE = frozenset({
    "errors", "error", "warnings", "messages", "links", "link", "included", "meta", "facets", "aggregations", "expand", "sort",
    "sorts", "fields", "columns",
})  # fmt: skip
_RESULTS = {name: rank for rank, name in enumerate((
    "data", "items", "results", "records", "values", "value", "entries", "list", "content", "rows", "objects", "resources",
    "elements", "result", "collection", "hits",
), 1)}  # fmt: skip
_MAX_FIELDS = 400


@dataclass
class Fields:
    """The fields of an answer outside its lists: paths and schemas."""

    scalars: list[tuple[tuple[str, ...], dict[str, Any]]] = field(default_factory=list)
    arrays: list[tuple[tuple[str, ...], dict[str, Any]]] = field(default_factory=list)

    @cached_property
    def lists(self) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
        """The lists that may be the results."""
        return [(names, node) for names, node in self.arrays if _ASIDE.isdisjoint(map(plain, names))]

    @cached_property
    def named(self) -> list[tuple[str, tuple[str, ...], dict[str, Any]]]:
        """The scalars after their plain names."""
        return [(plain(names[-1]), names, node) for names, node in self.scalars]


class Known:
    """The fields of answers that several operations have, each found once."""

    def __init__(self) -> None:
        self._fields: dict[int, tuple[dict[str, Any], Fields]] = {}  # by id of the schema; with it, so that it is not given to another

    def fields_of(self, schema: dict[str, Any]) -> Fields:
        if id(schema) not in self._fields:
            self._fields[id(schema)] = schema, fields_of(schema)
        return self._fields[id(schema)][1]


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """A name in lower case without punctuation."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _kind(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if kind.__class__ is str and kind:
        return str(kind)
    if isinstance(kind, list):
        kind = next((item for item in kind if item != "null"), "")
    if isinstance(kind, str) and kind:
        return kind
    return "object" if "properties" in schema else "array" if "items" in schema else ""


def _variant(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, or the first alternative of a oneOf or anyOf that is more than null."""
    for key in ("oneOf", "anyOf"):
        options = schema.get(key)
        if isinstance(options, list) and not schema.get("properties"):
            return next((option for option in options if isinstance(option, dict) and _kind(option) in ("object", "array")), schema)
    return schema


def fields_of(schema: dict[str, Any]) -> Fields:
    """Scalars and lists of an answer, three levels deep, nearest first."""
    found = Fields()
    level: list[tuple[tuple[str, ...], dict[str, Any]]] = [((), _variant(schema))]
    for _ in range(3):
        deeper = []
        for path, node in level:
            properties = node.get("properties")
            for name, child in properties.items() if isinstance(properties, dict) else ():
                if len(found.scalars) + len(found.arrays) > _MAX_FIELDS:
                    return found
                inner = _variant(child) if "oneOf" in child or "anyOf" in child else child
                kind = _kind(inner)
                if kind == "array":
                    found.arrays.append(((*path, name), inner))
                elif kind == "object":
                    deeper.append(((*path, name), inner))
                else:
                    found.scalars.append(((*path, name), inner))
        level = deeper
    return found


def results_key(schema: dict[str, Any], fields: Fields, path: str) -> str | None:
    """The path to the list of results: `$` for a list at the top, else the likeliest list; None if there is none or no telling."""
    if _kind(_variant(schema)) == "array":
        return "$"
    candidates = fields.lists
    if not candidates:
        return None
    segments = [plain(part) for part in path.split("/") if part and "{" not in part]
    noun = segments[-1] if segments else ""

    def rank(candidate: tuple[tuple[str, ...], dict[str, Any]]) -> tuple[int, int, int]:
        names, node = candidate
        last = plain(names[-1])
        known = 0 if last == noun and len(names) <= 2 else _RESULTS.get(last, 99)
        items = node.get("items")
        scalar = 0 if isinstance(items, dict) and _kind(_variant(items)) in ("object", "") else 1
        return (len(names), known, scalar)

    best = min(candidates, key=rank)
    alone = [names for names, _ in candidates if len(names) == len(best[0])] == [best[0]]
    # A record that happens to hold lists (its tags, its members) is no page: the list must be named like results, or be the only one at the top.
    wraps = len([names for names, _ in fields.scalars if len(names) == 1]) <= 12
    if rank(best)[1] == 99 and not (alone and wraps):
        return None
    return _joined(best[0])


def results_keys(schema: dict[str, Any], path: str) -> list[str]:
    """Every list of an answer as a results key, the likeliest first: suggestions, for somebody who knows the API."""
    fields = fields_of(schema)
    best = results_key(schema, fields, path)
    found = [best] if best else []
    found += [_joined(names) for names, _ in fields.lists]
    return list(dict.fromkeys(found))[:10]


def _joined(names: tuple[str, ...]) -> str:
    """A path as `integrations.paths` reads it; names that would be misread are quoted as JSONPath."""
    if any(name.startswith("$") or not name.strip() for name in names):
        return "$" + "".join("['" + name.replace("\\", "\\\\").replace("'", "\\'") + "']" for name in names)
    return ".".join(names)


def _is_url(node: dict[str, Any], names: tuple[str, ...]) -> bool:
    text = " ".join(str(node.get(key) or "") for key in ("format", "description", "example")).lower()
    return bool({plain(name) for name in names[:-1]} & _LINK_PARENTS) or bool(re.search(r"\b(?:uri|url|link|https?)\b", text))


def next_link(fields: Fields, *, cursor: bool) -> str:
    """The path to the URL of the next page, "" if there is none. A bare `next` beside a cursor parameter is a cursor, unless it says URL."""
    for plain_name, names, node in fields.named:
        last = plain_name
        if last == "href" and len(names) > 1:
            last = plain(names[-2])
        if last not in _LINK_FIELDS or _kind(node) not in ("string", ""):
            continue
        if last == "next" and cursor and names[-1].lower() != "href" and not _is_url(node, names):
            continue
        return _joined(names)
    return ""


def cursor_field(fields: Fields) -> str:
    """The path to the cursor of the next page, "" if there is none."""
    for last, names, node in fields.named:
        if last in _CURSOR_FIELDS and _kind(node) in ("string", "integer", "number", "") and not _is_url(node, names):
            return _joined(names)
    return ""


def last_id(schema: dict[str, Any], results: str) -> str:
    """The JSONPath to the id of the last record, "" if records have none."""
    node = _variant(schema)
    for name in results.split(".") if results != "$" else ():
        properties = node.get("properties")
        child = properties.get(name) if isinstance(properties, dict) else None
        node = _variant(child) if isinstance(child, dict) else {}
    items = node.get("items")
    record = _variant(items) if isinstance(items, dict) else {}
    properties = record.get("properties")
    if isinstance(properties, dict) and "id" not in properties:
        return ""
    return f"{'$' if results == '$' else '$.' + results}[-1].id"
