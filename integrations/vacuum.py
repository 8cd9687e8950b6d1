"""The linter vacuum as a program: given a document, started with bounds, its report read with suspicion.

It runs in an empty folder with an environment of its own: no settings of somebody else's project, no secret of ours, and no
look-ups of references (--remote=false), so that a document cannot make it read files or open connections.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from integrations.openapi import rules
from integrations.openapi.findings import MAX_PER_RULE, Finding, Severity, pointer, shortened
from integrations.openapi.positions import pointers_at
from integrations.openapi.remedies import remedy_for

_SEVERITIES: dict[Any, Severity] = {0: "error", 1: "warning", 2: "info", 3: "info"}
# Its rules about structure as a whole, which the import checks by itself.
STRUCTURAL = frozenset({"oas2-schema", "oas3-schema"})
_MAX_REPORT = 128 * 1024 * 1024  # bytes; the largest report of a real document that we know has 21 MB
_MAX_MEMORY = 4 * 1024**3  # bytes of the program's data, as the kernel counts it (RLIMIT_DATA)
_VERSION_SECONDS = 5.0
_RULE_ID = re.compile(r"[A-Za-z0-9$_.-]{1,100}")
_TOKEN = re.compile(r"\['(.*?)'\](?=$|[.\[])|\[(\d+)\]|([^.\[\]]+)")  # of a path as JSONPath writes it
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class VacuumError(Exception):
    """The program did not do its work; the text is the end of a sentence that starts with its name."""


@dataclass(frozen=True)
class Vacuum:
    """A vacuum binary, by its path or by its name on the PATH; `seconds` is how long one document may take."""

    program: str
    seconds: float = 20.0

    def lint(self, text: str, root: dict[str, Any]) -> list[Finding]:
        """The findings of the recommended ruleset about a document, given as text and as values. Raises VacuumError."""
        options = ["--stdin", "--stdout", "--no-pretty", "--no-style", "--remote=false"]
        output = _run([self.program, "spectral-report", *options], text.encode("utf-8", errors="replace"), self.seconds)
        try:
            report = orjson.loads(output)
        except orjson.JSONDecodeError:
            raise VacuumError("ended without a report") from None
        if report is not None and not isinstance(report, list):  # older versions write null for nothing
            raise VacuumError("gave a report that cannot be read")
        return _findings(report or [], root, text)

    @property
    def version(self) -> str:
        """What the program says of itself, "" if it says nothing that looks like a version."""
        try:
            return _version(self.program, Path(self.program).stat().st_mtime_ns if os.sep in self.program else 0)
        except OSError:
            return ""


@lru_cache(maxsize=8)
def _version(program: str, _changed: int) -> str:
    try:
        output = _run([program, "version"], b"", _VERSION_SECONDS).decode("ascii", errors="replace")
    except VacuumError:
        return ""
    found = re.search(r"\bv?(\d+(?:\.\d+)+[\w.+-]*)", output[:1000])
    return found.group(1)[:50] if found else ""


def _run(command: list[str], data: bytes, seconds: float) -> bytes:
    """What a command writes to its standard output within the time. Raises VacuumError; nothing of it runs on afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="junction-lint-") as folder,
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as told,
    ):
        given.write(data)
        given.seek(0)
        environment = {
            "PATH": os.environ.get("PATH", ""),
            **dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "TMPDIR"), folder),
            "GOMEMLIMIT": "2GiB",
            "VACUUM_NO_UPDATE_CHECK": "true",
        }
        try:
            process = subprocess.Popen(  # noqa: S603 - the operator names the program; the document is only its standard input
                command, stdin=given, stdout=told, stderr=subprocess.DEVNULL, cwd=folder, env=environment, start_new_session=True
            )
        except OSError as error:
            raise VacuumError(f"could not be started ({error.strerror})") from None
        try:
            _bound(process.pid)
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise VacuumError(f"was not done after {seconds:g} s") from None
        finally:
            _end(process)
        size = told.seek(0, os.SEEK_END)
        if size > _MAX_REPORT:
            raise VacuumError("gave a report that is too large to read")
        if not size:
            raise VacuumError("ended without a report")
        told.seek(0)
        return told.read()


def _bound(pid: int) -> None:
    """Memory and output of a running program. Linux only; elsewhere its time alone is bounded."""
    if not hasattr(resource, "prlimit"):
        return
    with suppress(ProcessLookupError, PermissionError):  # it has ended already, or is a program with rights of its own
        resource.prlimit(pid, resource.RLIMIT_DATA, (_MAX_MEMORY, _MAX_MEMORY))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (_MAX_REPORT + 1, _MAX_REPORT + 1))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program and whatever it started; its process group has its number."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _findings(report: list[Any], root: dict[str, Any], text: str) -> list[Finding]:
    found: list[Finding] = []
    schemas: list[Finding] = []  # what the meta-schema says of patterns, which newer versions say of the schema as well
    counts: Counter[str] = Counter()
    # Findings whose path does not lead to them, by number, with their position and path.
    vague: dict[int, tuple[tuple[int, int], list[str]]] = {}
    for row in report:
        rule, message = (row.get("code"), row.get("message")) if isinstance(row, dict) else (None, None)
        if not isinstance(rule, str) or not _RULE_ID.fullmatch(rule) or not isinstance(message, str):
            continue
        is_pattern = rule in STRUCTURAL and "regex" in message
        if is_pattern:
            rule = "oas-schema-check"  # where newer versions of vacuum have it
        counts[rule] += 1
        # What goes beyond the bound is counted and not listed, so its place need not be looked for.
        place = _place(row.get("path"), message, root) if counts[rule] <= MAX_PER_RULE * 2 else str(counts[rule])
        line, column = _start(row.get("range"))
        severity = _SEVERITIES.get(row.get("severity"), "warning")
        sentence = _CONTROL.sub(" ", shortened(message.strip(), 500))
        finding = Finding(severity, rule, place, sentence, remedy_for(rule), line, column)
        if is_pattern:
            schemas.append(finding)
            continue
        path = row.get("path")
        if line and column and (not isinstance(path, list) or place.count("/") < len(path) or rule == rules.TRAILING_SLASH.id):
            vague[len(found)] = ((line, column), [str(token) for token in path] if isinstance(path, list) else [])
        found.append(finding)
    known = pointers_at(text, {position for position, _ in vague.values()})
    for number, (position, path) in vague.items():
        place = known.get(position, "")
        if path and place.endswith(f"/{path[0]}"):  # the path starts at the schema
            place += pointer(*path[1:])
        # Of a schema that is referred to, some versions name a use of it, not the same one twice; the position is always its own.
        if len(place) > len(found[number].pointer) or (place and _is_reference(found[number].pointer, root)):
            found[number] = replace(found[number], pointer=place)
    said = {finding.pointer for finding in found if finding.rule == "oas-schema-check"}
    return found + [finding for finding in schemas if finding.pointer not in said]


def _place(path: Any, message: str, root: dict[str, Any]) -> str:
    """Where a finding is; of a circle the report has the names along it for a path, and its start in the message, and of a pattern
    that is none the schema around it.
    """
    told = re.search(r"circular reference detected from #/(\S+)$", message) or re.search(r"`/(\S+)` invalid format: ", message)
    if told is None:
        return locate(path, root)
    return locate([token.replace("~1", "/").replace("~0", "~") for token in told.group(1).split("/")], root)


def _is_reference(place: str, root: Any) -> bool:
    """Whether what stands at a pointer refers to something else."""
    node = root
    for token in place.split("/")[1:]:
        child = _child(node, token.replace("~1", "/").replace("~0", "~"))
        if child is None:
            return False
        node = child[0]
    return isinstance(node, dict) and "$ref" in node


def _start(span: Any) -> tuple[int | None, int | None]:
    """Line and column where a range starts, counted from 1; None if the report does not know."""
    start = span.get("start") if isinstance(span, dict) else None
    line, column = (start.get("line"), start.get("character")) if isinstance(start, dict) else (None, None)
    if isinstance(line, int) and isinstance(column, int) and 0 < line < 2**31 and 0 < column < 2**31:
        return line, column
    return None, None


def locate(path: Any, root: dict[str, Any]) -> str:
    """The JSON pointer that a path of the report means, as far as the document goes along with it.

    The report splits its paths at every dot, also at those inside a key, and leaves some brackets as JSONPath has them; so the
    document says which keys there are. What is no path at all (the names along a circle) gives "", the whole document.
    """
    if not isinstance(path, list) or len(path) > 1000:
        return ""
    tokens = [str(token) for token in path]
    exact = _walk(tokens, root)
    if len(exact) < len(tokens):
        text = ".".join(tokens)[:10_000]
        written = [name or number or plain for name, number, plain in _TOKEN.findall(text)]
        exact = max(exact, _walk(written, root), key=len)
    return pointer(*exact)


def _walk(tokens: list[str], root: Any) -> list[str]:
    """The keys that the tokens lead along; one key may take several tokens, which a dot joined."""
    keys: list[str] = []
    node, position = root, 0
    while position < len(tokens):
        for end in range(position + 1, min(position + 8, len(tokens)) + 1):
            key = ".".join(tokens[position:end])
            child = _child(node, key)
            if child is not None:
                break
        else:
            return keys
        keys.append(key)
        node, position = child[0], end
    return keys


def _child(node: Any, key: str) -> tuple[Any] | None:
    if isinstance(node, dict) and key in node:
        return (node[key],)
    if isinstance(node, list) and key.isdigit() and len(key) < 9 and int(key) < len(node):
        return (node[int(key)],)
    return None
