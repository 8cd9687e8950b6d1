"""Other tools on the same documents as the import: their CPU time, each in a folder of its own that is gone afterwards.

Every peer reads the document from its file and does what it is for (validating, linting, converting, parsing); the start of its
interpreter does not count. A peer that is not done within the limit is ended, and the table says "over" that time.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

INSTALL_SECONDS = 180
# Both print the seconds of CPU time that a call took, with an asterisk if it gave up on the document.
_NODE = """
const file = process.argv[2], start = process.cpuUsage();
const done = (mark) => () => {{
  const used = process.cpuUsage(start);
  console.log((used.user + used.system) / 1e6 + mark);
  process.exit(0);
}};
Promise.resolve().then(() => {{ {call} }}).then(done(""), done("*"));
"""
_PYTHON = """
import sys, time
{imports}
start, mark = time.process_time(), ""
try:
    {call}
except Exception:
    mark = "*"
print(str(time.process_time() - start) + mark)
"""


@dataclass(frozen=True)
class Peer:
    """A tool: the package that it is installed from, by npm or pip, the program that times it, and the documents that it is for."""

    name: str
    package: str
    program: str
    fits: Callable[[Path, bool], bool]  # the file, and whether it is Swagger 2.0

    @property
    def is_node(self) -> bool:
        return self.program.startswith("\nconst")


def _node(call: str) -> str:
    return _NODE.format(call=call)


def _python(imports: str, call: str) -> str:
    return _PYTHON.format(imports=imports, call=call)


def _is_json(file: Path, swagger: bool) -> bool:  # noqa: ARG001
    return file.suffix == ".json"


PEERS = (
    Peer(
        "swagger-parser (validate)",
        "@apidevtools/swagger-parser",
        _node('return require("@apidevtools/swagger-parser").validate(file);'),
        _is_json,
    ),
    Peer(
        "Redocly (lint, minimal)",
        "@redocly/openapi-core",
        _node(
            'const core = require("@redocly/openapi-core");'
            'return core.createConfig({ extends: ["minimal"] }).then((config) => core.lint({ ref: file, config }));'
        ),
        lambda file, swagger: True,  # noqa: ARG005
    ),
    Peer(
        "swagger2openapi (convert)",
        "swagger2openapi",
        _node(
            'return require("swagger2openapi").convertObj(JSON.parse(require("fs").readFileSync(file)), { patch: true, warnOnly: true });'
        ),
        lambda file, swagger: swagger and file.suffix == ".json",
    ),
    Peer(
        "openapi-spec-validator",
        "openapi-spec-validator",
        _python("import json\nfrom openapi_spec_validator import validate", "validate(json.loads(open(sys.argv[1]).read()))"),
        _is_json,
    ),
    Peer(
        "PyYAML's C loader",
        "pyyaml",
        _python("import yaml", "yaml.load(open(sys.argv[1]).read(), Loader=yaml.CSafeLoader)"),
        lambda file, swagger: file.suffix != ".json",  # noqa: ARG005
    ),
)


def table(documents: list[tuple[str, Path, bool, float]], seconds: float) -> str:
    """A row for each document (name, file, whether it is Swagger 2.0, seconds of json.loads): the ratio of each peer to json.loads."""
    heads = ["document", *(peer.name for peer in PEERS)]
    cells: dict[str, list[str]] = {name: [] for name, *_ in documents}
    for peer in PEERS:
        with _installed(peer) as command:
            for name, file, swagger, loads in documents:
                cells[name].append(_cell(command, file, loads, seconds) if peer.fits(file, swagger) else "")
                print(f"{peer.name}, {name}: {cells[name][-1] or 'not for it'}", file=sys.stderr, flush=True)
    lines = [heads, ["---", *["---:"] * len(PEERS)], *([name, *row] for name, row in cells.items())]
    note = f"CPU time as a multiple of json.loads, one run each; ended after {seconds:g} seconds. * gave up on the document with an error."
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + f"\n\n{note}"


def _cell(command: list[str] | None, file: Path, loads: float, seconds: float) -> str:
    if command is None:
        return "cannot be installed"
    code, output = _ended([*command, str(file)], seconds)
    if code is None:
        return f"over {seconds:g} s"
    try:
        said = output.strip().splitlines()[-1]
        return f"{float(said.rstrip('*')) / loads:.0f}{'*' if said.endswith('*') else ''}"
    except (ValueError, IndexError):
        return f"fails (exit {code})"


@contextmanager
def _installed(peer: Peer) -> Iterator[list[str] | None]:
    """The command that times the peer, but for the file; None if it cannot be installed."""
    with tempfile.TemporaryDirectory(prefix="peer-") as name:
        folder = Path(name)
        if peer.is_node:
            (folder / "package.json").write_text('{"private": true}')
            (folder / "time.js").write_text(peer.program)
            install = ["npm", "install", "--prefix", name, "--ignore-scripts", "--no-audit", "--no-fund", "--silent", peer.package]
            command = ["node", "--max-old-space-size=8192", str(folder / "time.js")]
        else:
            venv.create(folder / "venv", with_pip=True)
            (folder / "time.py").write_text(peer.program)
            python = str(folder / "venv" / "bin" / "python")
            install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", peer.package]
            command = [python, str(folder / "time.py")]
        code, _ = _ended(install, INSTALL_SECONDS)
        yield command if code == 0 else None


def _ended(command: list[str], seconds: float) -> tuple[int | None, str]:
    """Exit code and output of a command, (None, "") after it had to be ended with all processes that it started."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return None, ""
        return process.returncode, output
