"""Which linter an import asks, and where it says so: in the report's page, in the API, in the command."""

from __future__ import annotations

import json
import stat
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from actions import importing
from integrations.models import Integration
from tests.cast import Cast

DOCUMENT = json.dumps(
    {
        "openapi": "3.0.3",
        "info": {"title": "Sample", "version": "1", "description": "People."},
        "servers": [{"url": "https://api.example.com"}],
        "paths": {"/users/": {"get": {"operationId": "listUsers", "responses": {"200": {"description": "OK"}}}}},
    },
    indent=1,
)
ROW = {
    "code": "operation-tags",
    "path": ["paths", "/users/", "get"],
    "message": "tags are missing",
    "severity": 1,
    "range": {"start": {"line": 1, "character": 1}},
}
STRUCTURE = {"code": "oas3-schema", "path": ["info"], "message": "schema invalid: missing properties: '$ref'", "severity": 0}


@pytest.fixture
def vacuum(tmp_path: Path, settings: Settings) -> Path:
    """A program in vacuum's place that tells its version and one finding."""
    (tmp_path / "report").write_text(json.dumps([ROW, STRUCTURE]))
    return script(tmp_path, settings, f'[ "$1" = version ] && echo v1.2.3 || cat {tmp_path}/report')


def script(folder: Path, settings: Settings, text: str) -> Path:
    path = folder / "vacuum"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    settings.VACUUM = str(path)
    return path


def imported(cast: Cast) -> importing.Report:
    return importing.import_document(data=DOCUMENT.encode(), organization=cast.msp, user=cast.bob)


def spoken(report: importing.Report) -> list[tuple[str, str, int | None]]:
    """What linters found, without what the import itself has to say about authentication."""
    return [(row["rule"], row["pointer"], row["line"]) for row in report.findings if row["rule"] != "oas3-security-schemes"]


def test_vacuum_speaks_first_and_is_named(vacuum: Path, cast: Cast) -> None:
    report = imported(cast)
    assert report.linter == {"name": "vacuum", "version": "1.2.3"}
    assert Integration.objects.get().working.linter == report.linter
    # The built-in rules add what it passed over.
    assert spoken(report) == [("path-keys-no-trailing-slash", "/paths/~1users~1", 14), ("operation-tags", "/paths/~1users~1/get", 15)]


def test_built_in_rules_add_nothing_to_a_rule_of_which_vacuum_spoke(tmp_path: Path, vacuum: Path, cast: Cast) -> None:
    slash = {**ROW, "code": "path-keys-no-trailing-slash", "message": "Told by vacuum.", "path": ["paths", "/users/"]}
    (tmp_path / "report").write_text(json.dumps([slash]))
    report = imported(cast)
    assert [row["message"] for row in report.findings if row["rule"] == "path-keys-no-trailing-slash"] == ["Told by vacuum."]


def test_built_in_rules_speak_where_there_is_no_vacuum(cast: Cast, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.VACUUM = ""
    monkeypatch.setenv("PATH", "/nonexistent")
    report = imported(cast)
    assert (report.linter, spoken(report)) == ({"name": "junction"}, [("path-keys-no-trailing-slash", "/paths/~1users~1", 14)])


def test_vacuum_on_the_path_is_found(vacuum: Path, cast: Cast, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.VACUUM = ""
    monkeypatch.setenv("PATH", f"{vacuum.parent}:/usr/bin:/bin")
    assert imported(cast).linter["name"] == "vacuum"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("exit 2", "The linter vacuum ended without a report; the built-in rules checked this document instead."),
        ("sleep 30", "The linter vacuum was not done after 1 s; the built-in rules checked this document instead."),
    ],
)
def test_built_in_rules_speak_when_vacuum_fails(tmp_path: Path, cast: Cast, settings: Settings, text: str, said: str) -> None:
    settings.VACUUM_SECONDS = 1
    script(tmp_path, settings, text)
    report = imported(cast)
    assert report.linter == {"name": "junction"}
    assert [rule for rule, _, _ in spoken(report)] == ["path-keys-no-trailing-slash", "linter"]
    assert [row["message"] for row in report.findings if row["rule"] == "linter"] == [said]


def test_silence_of_vacuum_is_not_believed_where_there_is_a_fault(tmp_path: Path, cast: Cast, settings: Settings) -> None:
    script(tmp_path, settings, "echo null")
    assert imported(cast).linter == {"name": "junction"}


def test_page_api_and_command_name_the_linter(vacuum: Path, client: Client, cast: Cast, tmp_path: Path) -> None:
    client.force_login(cast.bob)
    made: Any = client.post("/api/integrations/import", {"document": DOCUMENT}, content_type="application/json").json()
    assert made["linter"] == {"name": "vacuum", "version": "1.2.3"}
    assert "Linted by vacuum 1.2.3." in client.get(reverse("integration-report", args=[made["slug"]])).content.decode()
    path = tmp_path / "document.json"
    path.write_text(DOCUMENT)
    out = StringIO()
    call_command("import_openapi", str(path), "--json", "--dry-run", stdout=out)
    assert json.loads(out.getvalue())["linter"] == {"name": "vacuum", "version": "1.2.3"}
