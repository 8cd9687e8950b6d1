"""Find the records in the body of an answer, where a results key says they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from integrations import paths

_SHOWN_KEYS = 20


class ResultsKeyError(Exception):
    """The results key does not lead to records; the message names what is there."""


def records(body: Any, results_key: str, *, many: bool = False) -> list[Any]:
    """The records of one answer. Raises ResultsKeyError.

    Without a key an array is the records and an object is one record; `many` says that the answer is a page of a list,
    where an object without a key is an error. `$` is an array at the root. A path to null is no records, to an object
    of objects (a map by id) its values, to any other object one record.
    """
    if body is None:
        return []
    if not results_key:
        if isinstance(body, dict) and many:
            raise ResultsKeyError(f"The answer is an object, and no results key says where its list is. {_advice(body)}")
        return body if isinstance(body, list) else [body]
    found = paths.extract(body, results_key)
    if found is paths.MISSING:
        if _is_empty_selection(body, results_key):
            return []
        raise ResultsKeyError(f"The results key {results_key} matches nothing in the answer. {_advice(body)}")
    if results_key == "$" and isinstance(found, dict):
        raise ResultsKeyError(f"The results key $ stands for an array, but the answer is an object. {_advice(body)}")
    return _as_list(found, results_key, body)


def _as_list(found: Any, results_key: str, body: Any) -> list[Any]:
    if found is None:
        return []
    if isinstance(found, list):
        # A JSONPath such as $..items gives one array per match.
        if _selects_many(results_key) and found and all(isinstance(item, list) for item in found):
            return [record for item in found for record in item]
        return found
    if isinstance(found, dict):
        if all(isinstance(value, dict) for value in found.values()):
            return list(found.values())
        return [found]
    kind = {str: "text", bool: "true or false"}.get(type(found), "a number")
    raise ResultsKeyError(f"The results key {results_key} leads to {kind} and not to a list. {_advice(body)}")


def _selects_many(path: str) -> bool:
    return path.startswith("$") and any(sign in path for sign in ("*", "..", "?", ":", ","))


def _is_empty_selection(body: Any, path: str) -> bool:
    """Whether a JSONPath over several values finds none because a list on its way is empty, as on a last page."""
    while _selects_many(path):
        path = path[: max(path.rfind("["), path.rfind("."))].rstrip(".")
        try:
            paths.check(path)
            found = paths.extract(body, path)
        except ValueError:
            continue
        if found is not paths.MISSING:
            return found in (None, [], {}) or (isinstance(found, list) and all(item in (None, [], {}) for item in found))
    return False


def _advice(body: Any) -> str:
    """What is there instead, and the array that is most likely meant."""
    if isinstance(body, list):
        return "The answer is an array itself; the results key for that is $."
    if not isinstance(body, dict):
        return "The answer is a single value."
    if not body:
        return "The answer is an empty object."
    names = [str(key) for key in body]
    more = f" and {len(names) - _SHOWN_KEYS} more" if len(names) > _SHOWN_KEYS else ""
    there = f"Its keys are: {', '.join(names[:_SHOWN_KEYS])}{more}."
    likely = max(_arrays(body, ""), key=lambda item: item[1], default=None)
    return f"{there} The array at {likely[0]} is likely the right one." if likely else there


def _arrays(value: dict[str, Any], prefix: str, depth: int = 0) -> Iterator[tuple[str, tuple[bool, int]]]:
    """Arrays within an object: (path, (holds objects, length)), three levels deep."""
    for key, item in value.items():
        if isinstance(item, list):
            yield f"{prefix}{key}", (any(isinstance(record, dict) for record in item), len(item))
        elif isinstance(item, dict) and depth < 2:
            yield from _arrays(item, f"{prefix}{key}.", depth + 1)
