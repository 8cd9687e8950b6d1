"""API descriptions (OpenAPI 3.0 and 3.1, Swagger 2.0; JSON or YAML) -> the draft of an integration.

document.py    bytes -> document              content.py     bytes -> values
limits.py      bounds of an import            yaml12.py      YAML as JSON-compatible values
yaml_lines.py  YAML as programs write it      strict_json.py JSON as most files are
files.py       the other files of a document  archive.py     zip
wrapping.py    code and tabs round it         broken_json.py commas, brackets
reference_repair.py the doctor for $ref       web_page.py    links to a document
lint.py        faults of the document         rules.py       the rules, and patterns
structure.py   against the meta-schema        remedies.py    how to mend what a linter finds
references.py  where a $ref leads             schemas.py     schemas with references resolved, bounded
swagger2.py    2.0 -> 3.0                     body_parameters.py bodies of Swagger 2.0
servers.py     base URI                       security.py    authentication
drafts.py      paths -> drafts                operations.py  drafts -> operations
repair.py      the import doctor              schema_repair.py its part for schemas of bodies
paging.py      pagination                     answers.py     results, links, cursors
positions.py   line and column                printed_json.py those of large JSON
findings.py    findings and repairs
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from integrations.definition import Auth, Definition, Pagination
from integrations.openapi import lint, operations, paging, ping, positions, repair, security, servers, structure, swagger2
from integrations.openapi.archive import Archive, is_archive
from integrations.openapi.document import Document, describes_api, parse
from integrations.openapi.files import Files, Load, Unavailable, absent
from integrations.openapi.findings import Finding, Repair, Report, listed, plain_text
from integrations.openapi.limits import DocumentError, Limits
from integrations.openapi.lint import Linter
from integrations.openapi.references import References
from integrations.operation import Operation

__all__ = ["DocumentError", "Finding", "Imported", "Limits", "Linter", "Load", "Repair", "Unavailable", "describes_api", "read"]

_Row = TypeVar("_Row", Finding, Repair)


@dataclass
class Imported:
    """The draft of an integration, as far as a document knows it.

    `version` is that of the document as uploaded ("2.0", "3.0.1", "3.1.0"); `auth_choices` are all ways to authenticate that can be
    expressed, by the name of their scheme; `definition` holds the best of them. Findings are faults of the document, repairs what was
    done about them.
    `linter` says who looked for the faults.
    """

    version: str
    title: str
    description: str
    definition: Definition
    auth_choices: list[tuple[str, Auth]] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    linter: Linter = field(default_factory=Linter)


def read(
    data: bytes,
    *,
    source_url: str = "",
    location: str = "",
    load: Load = absent,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    plain_http: Callable[[str], bool] = lambda url: False,  # noqa: ARG005
    linter: Callable[[Document, Report], Linter] = lint.run,
    progress: Callable[[str], None] = lambda phase: None,  # noqa: ARG005
) -> Imported:
    """Read an API description, or a zip archive with one and the files that it refers to.

    `source_url` is where it was fetched from, for servers that are relative to it. `location` is a URL or the name of a file, by default
    the `source_url`: references to other files are resolved against it and given to `load` (not for an archive, which has its own).
    `plain_http` says of an http:// URL whether it may stay so; by default each becomes https, and a finding says it.
    `linter` looks for faults, writes them into the report and says who it is; by default the built-in rules do. `progress` is called
    before each phase (parsing, linting, repairing); what it raises ends the reading.

    Raises DocumentError, with a sentence for the user, if the bytes are no API description or exceed the limits. Everything else that is
    wrong with a document is repaired or reported.
    """
    with _collector_paused():
        return _read(data, source_url, location or source_url, load, limits.started(), plain_http, linter, progress)


def _read(
    data: bytes,
    source_url: str,
    location: str,
    load: Load,
    limits: Limits,
    plain_http: Callable[[str], bool],
    linter: Callable[[Document, Report], Linter],
    progress: Callable[[str], None],
) -> Imported:
    """What `read` gives. The document is gone when this is left, and the collector need not look through it."""
    report = Report()
    progress("parsing")
    if is_archive(data):
        archive = Archive(data, limits)
        location, load = archive.root(report), archive.load
        data = load(location)
    document = parse(data, limits, report)
    limits.check_time()
    references = References(document.root, report, Files(report, location=location, load=load, limits=limits))
    document.root = references.join_parts()
    progress("linting")
    spoke = linter(document, report)
    structure.check(document.root, document.version, report)
    limits.check_time()
    progress("repairing")
    imported = _imported(document, references, source_url, limits, plain_http, report)
    references.files.name_absent(document)
    imported.linter = spoke
    report.close()
    if document.is_swagger:
        imported.findings = [_in_original(row) for row in report.findings]
        imported.repairs = [_in_original(row) for row in report.repairs]
    imported.findings = _located(imported.findings, document.source)
    return imported


def _in_original(row: _Row) -> _Row:
    """A row of a converted document with its place in the uploaded one."""
    place = swagger2.original_pointer(row.pointer)
    return row if place == row.pointer else replace(row, pointer=place)


def _located(findings: list[Finding], source: str | bytes) -> list[Finding]:
    places = positions.locate(source, dict.fromkeys(finding.pointer for finding in findings if finding.pointer))
    return [
        replace(finding, line=places[finding.pointer][0], column=places[finding.pointer][1]) if finding.pointer in places else finding
        for finding in findings
    ]


def _imported(
    document: Document, references: References, source_url: str, limits: Limits, plain_http: Callable[[str], bool], report: Report
) -> Imported:
    three = swagger2.convert(document.root, references, report) if document.is_swagger else document.root
    where = "/host" if document.is_swagger else "/servers"
    base = servers.base_uri(three, source_url=source_url, where=where, plain_http=plain_http, report=report)
    servers.other_servers(three, base, report)
    schemes = "/securityDefinitions" if document.is_swagger else "/components/securitySchemes"
    choices = security.choices(three, references=references, base=base, where=schemes, report=report)
    auth = security.default(three, choices, where=schemes, report=report)
    found, pagination = _operations(three, references, limits, report)
    repair.without_credential(found, auth, report)
    info = document.root.get("info")
    info = info if isinstance(info, dict) else {}
    title = info.get("title")
    title = str(title) if isinstance(title, int | float) and not isinstance(title, bool) else title
    title = " ".join(plain_text(title, 200).split()) or "Untitled API"
    return Imported(
        version=document.version,
        title=title,
        description=repair.described(info, title, document.version, report),
        definition=Definition(
            api_base_uri=base, auth=auth, pagination=pagination, headers=repair.common_accept(found, report), ping=ping.suggest(found)
        ),
        auth_choices=[(choice.scheme, choice.auth) for choice in choices],
        operations=found,
        findings=report.findings,
        repairs=report.repairs,
    )


def _operations(three: dict[str, Any], references: References, limits: Limits, report: Report) -> tuple[list[Operation], Pagination]:
    found: list[Operation] = []
    suggestions: list[paging.Suggestion | None] = []
    for operation, answer in operations.read(three, references, limits, report):
        limits.check_time()
        found.append(operation)
        suggestions.append(paging.suggest(operation, answer.headers, answer.maxima, answer.fields))
    if not found and references.files.missing:
        raise DocumentError(
            f"No operation can be read: the document refers to files that are missing ({listed(references.files.missing)}). "
            "Upload a zip archive of all files of the document, or the document as one bundled file."
        )
    if not found and any(isinstance(three.get(key), dict) and three[key] for key in ("webhooks", "x-webhooks")):
        raise DocumentError(
            "The document describes webhooks only: calls that the vendor makes, and none that can be made to the vendor. "
            "Choose the file that lists the paths of the API."
        )
    if not found and (lost := [finding for finding in report.findings if finding.rule == "operation"]):
        raise DocumentError(f"None of the operations can be used. {lost[0].message} {lost[0].remedy}")
    if not found:
        raise DocumentError("The document describes no operation: its paths are empty. Choose the file that lists the paths of the API.")
    return found, paging.settle(found, suggestions, report)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Large trees of objects make the cyclic garbage collector scan in vain; without it parsing is up to three times faster.

    What was made meanwhile counts as old afterwards, else the next collection, at once, would look through all of it.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if not gc.get_freeze_count():  # somebody else's frozen objects stay so
                gc.freeze()
                gc.unfreeze()
            gc.enable()
