"""Records that come a second time, told by a key: live lists move while they are read, and some pages begin with the last record before."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from typing import Any, Final

from actions.pieces import StorageFailure
from integrations import paths
from integrations.json_text import dump

KEY_BYTES: Final = 16  # of a key's hash: among ten million keys two are taken for one with a chance of 1 to 10^24


class Unique:
    """The keys of all records of a run, in a file without a name that SQLite makes and drops: memory does not grow with the run.

    `unique_by` is one path into a record or several, split by commas, whose values together are the key.
    """

    def __init__(self, unique_by: str) -> None:
        self._paths = split(unique_by)
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.execute("PRAGMA journal_mode = OFF")
        self._file.execute("CREATE TABLE seen (key BLOB PRIMARY KEY) WITHOUT ROWID")

    def close(self) -> None:
        self._file.close()

    def new(self, rows: Iterable[Any]) -> list[Any]:
        """The records that did not come before, in their order; one without a value at any of the paths is always new.

        Raises `StorageFailure`.
        """
        try:
            return [row for row in rows if self._is_new(row)]
        except sqlite3.Error:
            raise StorageFailure("The temporary folder, in which the keys of a run's records are noted, is full.") from None

    def _is_new(self, row: Any) -> bool:
        found = [paths.extract(row, path) if isinstance(row, dict | list) else paths.MISSING for path in self._paths]
        if all(value is paths.MISSING or value is None for value in found):
            return True
        key = dump([None if value is paths.MISSING else value for value in found])
        digest = hashlib.blake2b(key, digest_size=KEY_BYTES).digest()
        return self._file.execute("INSERT OR IGNORE INTO seen VALUES (?)", (digest,)).rowcount > 0


def split(unique_by: str) -> list[str]:
    """The paths of a setting, [] for none."""
    return [path for path in (part.strip() for part in unique_by.split(",")) if path]
