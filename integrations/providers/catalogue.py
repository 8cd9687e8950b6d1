"""A catalogue of providers as it lies in a file: YAML or JSON, an object of entries by key."""

from __future__ import annotations

import json
from typing import Any

from integrations.openapi.yaml12 import Bounds, YamlError, load
from integrations.storable import mended

MOST_BYTES = 20_000_000
_BOUNDS = Bounds(values=2_000_000, alias_expansions=100_000, depth=60)
_LONGEST_CHAIN = 5  # of aliases


class CatalogueError(ValueError):
    """The file holds no catalogue. The message is a sentence that says what to do."""


def read(data: bytes) -> dict[str, dict[str, Any] | str]:
    """The entries by key, aliases followed; an entry that cannot be followed is a sentence instead. Raises `CatalogueError`."""
    if len(data) > MOST_BYTES:
        raise CatalogueError(f"The file has {len(data):,} bytes; a catalogue has at most {MOST_BYTES:,}.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CatalogueError(f"The file is not UTF-8 text (byte {error.start + 1}). Save it as UTF-8.") from None
    document = _parsed(text)
    if not isinstance(document, dict) or not document:
        raise CatalogueError("The file holds no entries. A catalogue is an object: the key of each provider, and below it what it says.")
    entries = mended(document)
    return {key: _followed(key, entries) for key in entries}


def _parsed(text: str) -> Any:
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass  # YAML may begin with { too
    try:
        return load(text, _BOUNDS, on_duplicate=lambda _key, _line: None)
    except YamlError as error:
        where = f" (line {error.line}, column {error.column})" if error.line else ""
        raise CatalogueError(f"The file is neither YAML nor JSON: {error}{where}.") from None


def _followed(key: str, entries: dict[str, Any]) -> dict[str, Any] | str:
    entry = entries[key]
    if not isinstance(entry, dict):
        return "The entry is no object."
    found = dict(entry)
    for _ in range(_LONGEST_CHAIN):
        if "alias" not in found:
            return found
        name = found.pop("alias")
        base = entries.get(name) if isinstance(name, str) else None
        if not isinstance(base, dict):
            return f"It is an alias of {str(name)[:80]}, which is not in the file."
        # What the entry says itself replaces what it inherits, key by key.
        found = {**base, **found}
    return f"More than {_LONGEST_CHAIN} aliases lead from one to the next."
