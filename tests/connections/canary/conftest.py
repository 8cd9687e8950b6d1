"""What the themes of this room share: secrets to plant, and one look at everything that was kept, said and shown."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.connections.canary.search import found, kept_everywhere, planted, said

HARMLESS = "harmless-8f31c07e5ad2"  # what may be kept, in every place: a search that does not find it looked nowhere


@dataclass
class Canary:
    """`seen` are answers that people and programs got."""

    caplog: pytest.LogCaptureFixture
    secrets: dict[str, str] = field(default_factory=dict)
    seen: list[bytes] = field(default_factory=list)

    def plant(self, *names: str) -> dict[str, str]:
        """Secrets by their names."""
        made = {name: planted(name) for name in names}
        self.secrets |= made
        return made

    def hear(self, answer: Any) -> Any:
        """Keep all of an HTTP answer of Junction's: reason, headers, body."""
        assert answer.status_code < 500 or answer.status_code in (502, 503), (answer.status_code, answer.content)
        self.seen.append(f"{answer.status_code} {answer.reason_phrase} {answer.headers}".encode())
        self.seen.append(b"".join(answer.streaming_content) if answer.streaming else answer.content)
        return answer

    def look(self) -> Iterator[bytes]:
        """Everything: answers, database, broker, files, log, tracebacks."""
        yield from (b"answer " + part for part in self.seen)
        yield from kept_everywhere()
        yield b"log " + self.caplog.text.encode()
        yield from said(self.caplog)

    def leaks(self, **more: str) -> dict[str, list[bytes]]:
        """Where secrets stand that must not. What the vendor was to be told harmlessly has to be there."""
        everything = list(self.look())
        assert found(everything, {"harmless": HARMLESS}) != {}, "the search finds what is there"
        leaks = found(everything, {**self.secrets, **more})
        for name, places in leaks.items():
            print(f"{name}: {places[0]!r}")  # of what pytest shows of an assertion the half is cut
        return leaks


@pytest.fixture
def canary(caplog: pytest.LogCaptureFixture) -> Canary:
    caplog.set_level(logging.DEBUG)
    return Canary(caplog)
