"""The adapter of the linter vacuum: against programs that misbehave, and against the real one.

The real one is what VACUUM names, else a `vacuum` on the PATH. `.ci/run` installs it.
"""

from __future__ import annotations

import json
import os
import re
import socket
import stat
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from integrations.openapi import DocumentError, Limits, lint, rules
from integrations.openapi.document import parse
from integrations.openapi.findings import Finding, Report
from integrations.vacuum import Vacuum, VacuumError, locate
from tests.environment import LINTER, lacking
from tests.integrations.openapi.documents import answer, get, openapi

NO_VACUUM = "There is no vacuum: neither VACUUM nor the PATH names one. See .ci/run for how to install it."
CORPUS = Path(os.environ["SPEC_CORPUS"]) if os.environ.get("SPEC_CORPUS") else None
NO_CORPUS = "SPEC_CORPUS is not set: it names a folder of real API descriptions, which the project does not contain."


def text_of(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1)


@pytest.fixture
def real() -> Vacuum:
    if LINTER in ("", "none"):
        lacking(NO_VACUUM)
    return Vacuum(LINTER, 60)


def program(folder: Path, script: str) -> Vacuum:
    path = folder / "vacuum"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Vacuum(str(path), 5)


def failure(vacuum: Vacuum) -> str:
    with pytest.raises(VacuumError) as caught:
        vacuum.lint("{}", {})
    return str(caught.value)


def ends(pid: int) -> bool:
    """Whether a process that was killed is gone, or a zombie that nobody has buried yet, within some seconds."""
    state = Path(f"/proc/{pid}/stat")
    for _ in range(200):
        try:
            if state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except OSError:
            return True
        sleep(0.02)
    return False


# --- programs that misbehave --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 2", "ended without a report"),
        ("kill -SEGV $$", "ended without a report"),
        ("echo 'panic: nil pointer'", "ended without a report"),
        ("echo '[{\"code\": '", "ended without a report"),
        ("echo '{\"results\": []}'", "gave a report that cannot be read"),
        ("head -c 200000000 /dev/zero", "gave a report that is too large to read"),
    ],
)
def test_program_that_gives_no_report_is_told_apart(tmp_path: Path, script: str, said: str) -> None:
    assert failure(program(tmp_path, script)) == said


def test_program_that_is_not_there_is_told_apart(tmp_path: Path) -> None:
    assert failure(Vacuum(str(tmp_path / "absent"))) == "could not be started (No such file or directory)"
    assert Vacuum(str(tmp_path / "absent")).version == ""


def test_program_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    child = tmp_path / "child"
    hanging = program(tmp_path, f"sleep 60 & echo $! > {child}; wait")
    assert failure(Vacuum(hanging.program, 0.5)) == "was not done after 0.5 s"
    assert ends(int(child.read_text()))


def test_program_sees_no_environment_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "only-for-this-test")
    seen = tmp_path / "seen"
    program(tmp_path, f"env > {seen}; pwd >> {seen}; ls -A >> {seen}; echo '[]'").lint("{}", {})
    assert "only-for-this-test" not in seen.read_text()
    assert {line.partition("=")[0] for line in seen.read_text().splitlines() if "=" in line} - {"PWD", "OLDPWD", "SHLVL", "_"} == {
        "PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR", "GOMEMLIMIT", "VACUUM_NO_UPDATE_CHECK",
    }  # fmt: skip


def test_rows_that_are_no_findings_are_passed_over(tmp_path: Path) -> None:
    rows = [
        5, {}, {"code": "x y", "message": "m"}, {"code": "a", "message": None}, {"code": "b", "message": "m\u0000n", "severity": "?", "path": 1},
        {"code": "info-description", "message": "No.", "severity": 0, "path": ["info"], "range": {"start": {"line": 3, "character": 4}}},
    ]  # fmt: skip
    report = tmp_path / "report"
    report.write_text(json.dumps(rows))
    assert program(tmp_path, f"cat {report}").lint("{}", {"info": {}}) == [
        Finding("warning", "b", "", "m n", "Look up the rule b in the documentation of vacuum."),
        Finding("error", "info-description", "/info", "No.", rules.DESCRIPTION.remedy, 3, 4),
    ]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (["paths", "/a.b", "get"], "/paths/~1a.b/get"),
        (["paths", "/a", "b", "get"], "/paths/~1a.b/get"),
        (["paths['/a", "b']", "get"], "/paths/~1a.b/get"),
        (["paths['/a", "b']", "get", "tags[0]"], "/paths/~1a.b/get/tags/0"),
        (["paths", "/a.b", "post"], "/paths/~1a.b"),
        (["A -> B -> A"], ""),
        ([""], ""),
        (None, ""),
    ],
)
def test_path_of_the_report_becomes_a_pointer(path: Any, place: str) -> None:
    assert locate(path, {"paths": {"/a.b": {"get": {"tags": ["x"]}}}}) == place


def test_fault_of_a_schema_that_is_told_by_one_of_its_uses_is_placed_at_the_schema(tmp_path: Path) -> None:
    schemas = {"A": {"type": "object", "required": ["x"], "properties": {}}}
    document = openapi({"/a": get(responses=answer({"$ref": "#/components/schemas/A"}))}, components={"schemas": schemas})
    text = text_of(document)
    line = next(n for n, one in enumerate(text.splitlines(), 1) if '"required"' in one)
    use = ["paths", "/a", "get", "responses", "200", "content", "application/json", "schema", "required", "0"]
    position = {"line": line, "character": text.splitlines()[line - 1].index('"') + 1}
    row = {"code": "oas-schema-check", "message": "m", "severity": 0, "path": use, "range": {"start": position}}
    report = tmp_path / "report"
    report.write_text(json.dumps([row]))
    (found,) = program(tmp_path, f"cat {report}").lint(text, document)
    assert (found.pointer, found.line) == ("/components/schemas/A/required", line)


# --- the real one -------------------------------------------------------------------------------------------------------

FAULTY = openapi(
    {"/a/": {"get": {"responses": answer({"$ref": "#/components/schemas/Loop"})}}, "/b": get("x"), "/c": get("x")},
    info={"title": "T", "version": "1"},
    components={
        "schemas": {
            "Loop": {"type": "object", "properties": {"loop": {"$ref": "#/components/schemas/Ring"}}},
            "Ring": {"type": "object", "properties": {"loop": {"$ref": "#/components/schemas/Loop"}}},
            "Word": {"type": "object", "required": ["absent"], "properties": {"word": {"type": "string", "pattern": "[z-a]"}}},
        },
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
    },
)
SIX = {
    "info-description", "operation-operationId", "operation-operationId-unique", "circular-references", "path-keys-no-trailing-slash",
    "oas-schema-check",
}  # fmt: skip


def faults(findings: list[Finding]) -> set[tuple[str, str, str]]:
    """The six faults of the seed: (severity, rule, place).

    Of a circle or of equal operationIds each linter names another one, vacuum not even the same one twice: there the place is left out.
    """
    found: set[tuple[str, str, str]] = set()
    for finding in findings:
        if finding.rule in SIX:
            placed = finding.rule not in ("circular-references", "operation-operationId-unique")
            found.add((finding.severity, finding.rule, finding.pointer if placed else ""))
    return found


def built_in(data: bytes) -> set[tuple[str, str, str]]:
    report = Report()
    lint.run(parse(data, Limits(), report), report)
    return faults(report.findings)


def test_real_vacuum_and_built_in_rules_agree_on_the_six_faults(real: Vacuum) -> None:
    text = text_of(FAULTY)
    assert faults(real.lint(text, FAULTY)) == built_in(text.encode())
    assert {rule for _, rule, _ in built_in(text.encode())} == SIX


def test_real_vacuum_says_where_what_and_how_to_mend_it(real: Vacuum) -> None:
    found = real.lint(text_of(FAULTY), FAULTY)
    assert [
        finding for finding in found if not (finding.message and finding.remedy and finding.severity in ("error", "warning", "info"))
    ] == []
    duplicate = next(finding for finding in found if finding.rule == "operation-operationId-unique")
    assert (duplicate.severity, duplicate.remedy) == ("error", rules.OPERATION_ID_UNIQUE.remedy)
    assert duplicate.pointer in ("/paths/~1b/get", "/paths/~1c/get")
    assert duplicate.line is not None


def test_real_vacuum_has_a_version_or_none(real: Vacuum) -> None:
    assert real.version == "" or real.version[0].isdigit()


def test_real_vacuum_does_not_follow_references_out_of_the_document(real: Vacuum, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/s.json"
        (tmp_path / "s.json").write_text('{"type": "confidential"}')
        schemas = {"A": {"$ref": url}, "B": {"$ref": f"{tmp_path}/s.json"}, "C": {"$ref": f"file://{tmp_path}/s.json"}}
        document = openapi({"/a": get()}, components={"schemas": schemas})
        found = real.lint(text_of(document), document)
        with pytest.raises(TimeoutError):
            server.accept()
    assert "confidential" not in str(found)


# Why vacuum sees faults of schemas that the built-in rules do not: by what its pointer looks like.
ONLY_VACUUM = {
    "names in required may be defined in another part of an allOf or oneOf, and vacuum looks at each part by itself": re.compile(
        r".*/(allOf|oneOf|anyOf)/.*/required(/\d+)?|.*/(allOf|oneOf|anyOf)/\d+/required(/\d+)?"
    ),
    "bounds that have no meaning for the type, such as minLength of a number, do no harm": re.compile(
        r".*/(pattern|minLength|maxLength|minimum|maximum|exclusiveMinimum|exclusiveMaximum|multipleOf|uniqueItems|minItems|maxItems|minProperties|maxProperties)"
    ),
    "a discriminator may name a property of the alternatives, which vacuum does not look into": re.compile(r".*/discriminator"),
}
_REQUIRED = re.compile(r"(?P<schema>.*)/required/\d+")
# (document, rule) -> why the two differ.
DIFFERENT: dict[tuple[str, str], str] = {
    ("openapi-specification-digitalocean-public-v2.yaml", "operation-operationId"): (
        "The operations stand in other files, which are not there: whether they have an operationId cannot be known."
    ),
    ("spotify-web-api-official-spotify-open-api.yml", "oas-schema-check"): (
        "Three names in required are in no properties. vacuum says nothing about any schema of this document."
    ),
    ("api-schema-reference-rest-openapiv3.json", "circular-references"): (
        "MatchPredicate holds a list of MatchPredicate: a circle, of which vacuum says nothing."
    ),
    ("swagger-parser-modules-swagger-parser-v3-src-test-resources-oas4.yaml", "circular-references"): (
        "The circles run through extensions (x-expansionResources), which the import does not read."
    ),
}
# Rules that vacuum checks in OpenAPI 3 only. Of Swagger 2.0 an import adds what the built-in rules find (actions/linting.py).
ONLY_IN_OPENAPI_3 = {"info-description", "operation-operationId", "oas-schema-check"}
# Documents that vacuum gives no report of, so that the built-in rules speak.
REFUSED = {
    "swagger-parser-modules-swagger-parser-v3-src-test-resources-duplicatehttpstatusc.yaml": "One key occurs twice.",
    "oad-api-loket-nl.json": "It takes more than a minute.",
}
# Too large for a test: vacuum takes up to a minute for each of these.
LONG = {
    "api-schema-reference-rest-openapiv3.json", "box-openapi-openapi.json", "discord-api-spec-specs-openapi.json", "oad-api-loket-nl.json",
    "redocly-cli-tests-smoke-rebilly-rebilly-description.yaml", "vacuum-model-test-files-stripe.yaml",
}  # fmt: skip


def documents() -> list[Any]:
    names = sorted(path.name for path in CORPUS.iterdir() if path.name != "manifest.json") if CORPUS else []
    return [name for name in names if name not in LONG or os.environ.get("VACUUM_LONG")] or [
        pytest.param("", marks=pytest.mark.skip(reason=NO_CORPUS))
    ]


def is_only_vacuums(fault: tuple[str, str, str], root: Any) -> bool:
    if fault[1] != "oas-schema-check":
        return False
    if required := _REQUIRED.fullmatch(fault[2]):  # the names may be defined in the parts that stand beside
        schema: Any = root
        for token in required["schema"].split("/")[1:]:
            name = token.replace("~1", "/").replace("~0", "~")
            schema = schema[int(name)] if isinstance(schema, list) else schema[name]
        if not {"allOf", "oneOf", "anyOf"}.isdisjoint(schema):
            return True
    return any(pattern.fullmatch(fault[2]) for pattern in ONLY_VACUUM.values())


@pytest.mark.parametrize("name", documents())
def test_real_vacuum_and_built_in_rules_agree_on_real_documents(real: Vacuum, name: str) -> None:
    assert CORPUS is not None
    is_old = real.version.startswith("0.8.")
    data = (CORPUS / name).read_bytes()
    try:
        document = parse(data, Limits(), Report())
    except DocumentError:
        return  # refused before a linter is asked
    try:
        found = real.lint(document.text, document.root)
    except VacuumError as error:
        if name in REFUSED:
            return
        if document.is_swagger and is_old:
            pytest.skip(f"vacuum {real.version} {error}: this version crashes on every Swagger 2.0 document.")
        raise
    theirs, ours = faults(found), built_in(data)
    explained = {rule for document_name, rule in DIFFERENT if document_name == name}
    if document.is_swagger:
        explained |= ONLY_IN_OPENAPI_3 - {rule for _, rule, _ in theirs}
    theirs = {fault for fault in theirs if fault in ours or not is_only_vacuums(fault, document.root)}
    assert {fault for fault in theirs ^ ours if fault[1] not in explained} == set()
