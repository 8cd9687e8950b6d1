"""The bounds of one import, and how it says no."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace


class DocumentError(ValueError):
    """The file cannot be imported. The text is one or two sentences: what is wrong with the file and what to do."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one import. Beyond each of them the answer is a DocumentError, in under two seconds and bounded memory.

    max_bytes             size of the file. The largest public documents (Microsoft Graph) have 21 MB; 32 MiB leaves room.
    max_operations        Microsoft Graph has 11,000, its beta 22,000; more is no API that a person can choose from.
    max_depth             nesting of objects and lists. Real documents stay under 60; readers that recurse fail near 1,000.
    max_alias_expansions  values that YAML aliases stand for. Real documents stay under 100,000; an alias bomb has billions.
    max_values            values in a JSON file, by its brackets and commas: a hostile file of 32 MB holds enough to take gigabytes.
                          Microsoft Graph has under 2,000,000.
    max_yaml_values       values in a YAML file; its reader takes a microsecond for each. GitHub's document has 600,000.
    max_schema_values     values in all request and response schemas of one import after their references are resolved; shared
                          between the operations, so that a document with many of them keeps fewer levels of each.
    max_files             files of one document: members of an archive, and files that its references lead to. The largest public
                          document in parts (DigitalOcean) has 2,900. `max_bytes` and the numbers of values hold for all together.
    seconds               the whole import. The largest public documents take some 20 seconds; the rest is for slow machines.
    deadline              when the seconds are over, by time.monotonic(); set by `started`.
    """

    max_bytes: int = 32 * 1024 * 1024
    max_operations: int = 25_000
    max_depth: int = 200
    max_alias_expansions: int = 1_000_000
    max_values: int = 4_000_000
    max_yaml_values: int = 2_000_000
    max_schema_values: int = 400_000
    max_files: int = 10_000
    seconds: float = 120
    deadline: float = math.inf

    def started(self) -> Limits:
        """The same limits with the clock running."""
        return replace(self, deadline=time.monotonic() + self.seconds)

    def check_time(self) -> None:
        """Raise DocumentError when the seconds are over. The loops of the package ask between their steps, each of which is bounded."""
        if time.monotonic() > self.deadline:
            raise DocumentError(
                f"The document could not be read within {self.seconds:g} seconds. Split it, or remove the parts that you do not need."
            )
