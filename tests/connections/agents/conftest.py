"""An agent that is installed as a customer would do it: a file, an enrolment, a process that runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connections.agents import services
from connections.models import Agent
from tests.backends import ROOT, empty_broker, eventually, stop
from tests.cast import Cast

CONFIG = """
server = "{server}"
state = "{state}"
concurrency = {concurrency}
log_level = "debug"

[[allow]]
host = "localhost"
ports = {ports}
{more}
"""


class Machine:
    """One installation of the agent; `start` and `kill` are those of the operator and of the power supply."""

    def __init__(self, folder: Path, server: str) -> None:
        self.folder = folder
        self.server = server
        self.file = folder / "agent.toml"
        self.log = folder / "agent.log"
        self.process: subprocess.Popen[bytes] | None = None

    def configure(self, *, ports: list[int], more: str = "", concurrency: int = 8) -> None:
        self.folder.mkdir(exist_ok=True)
        text = CONFIG.format(server=self.server, state=self.folder / "state", ports=ports, more=more, concurrency=concurrency)
        self.file.write_text(text)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._words(*arguments), check=False, cwd=ROOT, env=self._environment(), capture_output=True, text=True, timeout=60
        )

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._words("run"), cwd=ROOT, env=self._environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> int:
        assert self.process is not None
        stop(self.process)
        status = self.process.returncode
        self.process = None
        return status

    def _words(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "junction_agent", "--config", str(self.file), *arguments]

    @staticmethod
    def _environment() -> dict[str, str]:
        """Nothing of Junction's own: the agent gets along without its settings and its database."""
        return {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}


MakeMachine = Callable[..., Machine]


@pytest.fixture
def agent(cast: Cast, transactional_db: None) -> Agent:
    return services.create(organization=cast.client_a, user=cast.alice, name="Head office")


@pytest.fixture
def machine(agent: Agent, cast: Cast, live_server: Any, tmp_path: Path, broker: str) -> Iterator[MakeMachine]:
    """Makes a machine that is enrolled and runs: `machine(ports=[vendor.port])`."""
    made: list[Machine] = []

    def make(*, ports: list[int], more: str = "", concurrency: int = 8, run: bool = True, of: Agent = agent) -> Machine:
        new = Machine(tmp_path / f"machine-{len(made)}", live_server.url)
        made.append(new)
        new.configure(ports=ports, more=more, concurrency=concurrency)
        _, code = services.new_code(agent=of, user=cast.alice)
        enrolled = new.command("enrol", code)
        assert enrolled.returncode == 0, enrolled.stderr
        if run:
            before = set(of.instances.exclude(last_seen_at=None))
            new.start()
            eventually(lambda: set(of.instances.exclude(last_seen_at=None)) - before)
        return new

    yield make
    for each in made:
        each.kill()
    empty_broker()
