"""Which linter reads a document: vacuum where there is one and it does its work, else the built-in rules."""

from __future__ import annotations

import shutil

from django.conf import settings

from integrations.openapi import Linter, lint
from integrations.openapi.document import Document
from integrations.openapi.findings import Report
from integrations.vacuum import STRUCTURAL, Vacuum, VacuumError


def installed() -> Vacuum | None:
    """The vacuum that the setting VACUUM names, else the one on the PATH, else None; the setting `none` asks for the built-in rules."""
    if settings.VACUUM == "none":
        return None
    program = settings.VACUUM or shutil.which("vacuum")
    return Vacuum(program, settings.VACUUM_SECONDS) if program else None


def run(document: Document, report: Report) -> Linter:
    """Report the findings of the best linter there is, and say which one spoke."""
    vacuum = installed()
    if vacuum is None:
        return lint.run(document, report)
    try:
        found = vacuum.lint(document.text, document.root)
    except VacuumError as error:
        linter = lint.run(document, report)
        message = f"The linter vacuum {error}; the built-in rules checked this document instead."
        report.find("info", "linter", "", message, "Nothing needs to be done; the operator of this installation can look into it.")
        return linter
    if not found:
        # Some versions of vacuum are silent about a document that they cannot read.
        silent = len(report.findings)
        linter = lint.run(document, report)
        if len(report.findings) > silent:
            return linter
    _add_what_it_passes_over(document, {finding.rule for finding in found}, report)
    for finding in found:
        if finding.rule not in STRUCTURAL:  # the import has checked them, and says them in sentences
            report.add(finding)
    return Linter("vacuum", vacuum.version)


def _add_what_it_passes_over(document: Document, said: set[str], report: Report) -> None:
    """The built-in rules speak where vacuum is silent: it checks some rules in OpenAPI 3 only, and gives up on some schemas."""
    own = Report()
    lint.run(document, own)
    for finding in own.findings:
        if finding.rule not in said:
            report.add(finding)
