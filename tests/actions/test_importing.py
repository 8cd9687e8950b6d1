"""An archive and a documentation page through every door: the API, the wizard's page, `manage.py import_openapi`."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from actions import importing, imports
from actions.models import Import
from integrations.models import Integration, User
from integrations.refusals import Invalid
from tests.actions.test_fetching import DOCUMENT, site
from tests.cast import PASSWORD
from tests.integrations.openapi.documents import get, openapi
from tests.integrations.openapi.test_archive import MEMBERS, packed

pytestmark = pytest.mark.django_db
ZIP = packed(MEMBERS)


@pytest.fixture
def client_of_bob(client: Client, bob: User) -> Client:
    assert client.login(username=bob.username, password=PASSWORD)
    return client


def upload() -> SimpleUploadedFile:
    return SimpleUploadedFile("vendor.zip", ZIP, "application/zip")


def test_api_imports_an_archive(client_of_bob: Client) -> None:
    answer = client_of_bob.post("/api/integrations/import", {"file": upload()})
    assert (answer.status_code, answer.json()["actionCount"]) == (201, 2)


def test_page_imports_an_archive(client_of_bob: Client) -> None:
    answer = client_of_bob.post("/integrations/import/", {"file": upload()})
    imports.execute(Import.objects.get().pk)  # as a worker does
    draft = Integration.objects.get().working
    assert (answer.status_code, draft.source, draft.actions.count()) == (302, "vendor.zip", 2)


def command(path: Path, *options: str) -> dict[str, Any]:
    said = io.StringIO()
    call_command("import_openapi", str(path), "--json", *options, stdout=said)
    result: dict[str, Any] = json.loads(said.getvalue())
    return result


def test_command_imports_an_archive(tmp_path: Path, bob: User) -> None:
    path = tmp_path / "vendor.zip"
    path.write_bytes(ZIP)
    assert (command(path, "--dry-run")["operations"], Integration.objects.count()) == (2, 0)
    assert (command(path)["operations"], Integration.objects.get().working.source) == (2, "vendor.zip")


def test_command_says_how_long_it_took_and_how_much_memory(tmp_path: Path) -> None:
    path = tmp_path / "vendor.json"
    path.write_text(DOCUMENT)
    report = command(path, "--dry-run")
    assert sorted(report) == ["findings", "integration", "linter", "operations", "peakMemoryMb", "repairs", "seconds", "version"]
    assert (report["version"], report["operations"]) == ("3.0.3", 1)
    assert 0 < report["seconds"] < 60
    assert 10 < report["peakMemoryMb"] < 4000


def test_command_ends_with_1_and_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "vendor.json"
    path.write_text("{}")
    said = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("import_openapi", str(path), "--json", "--dry-run", stdout=said)
    report = json.loads(said.getvalue())
    assert (ended.value.code, sorted(report)) == (1, ["error", "peakMemoryMb", "seconds"])
    assert report["error"].startswith("The file is readable, but it is no OpenAPI document")


def test_command_fetches_a_url(bob: User) -> None:
    with site({"/index.html": "<html>", "/openapi.json": DOCUMENT}) as served:
        said = io.StringIO()
        call_command("import_openapi", f"{served.url}/index.html", "--json", stdout=said)
        draft = Integration.objects.get().working
        assert draft.source == f"{served.url}/openapi.json"
        assert json.loads(said.getvalue())["findings"][0]["message"].startswith(f"{served.url}/index.html is a web page")


def test_page_says_which_document_of_a_documentation_page_it_used(client_of_bob: Client) -> None:
    with site({"/index.html": "<html>", "/openapi.json": DOCUMENT}) as served:
        client_of_bob.post("/integrations/import/", {"url": f"{served.url}/index.html"})
        imports.execute(Import.objects.get().pk)  # as a worker does
        draft = Integration.objects.get().working
        assert draft.source == f"{served.url}/openapi.json"
        assert draft.findings[0]["message"] == f"{served.url}/index.html is a web page; the document was read from {draft.source}."


def test_api_says_why_a_page_is_not_imported(client_of_bob: Client) -> None:
    with site({"/index.html": "<html>"}) as served:
        answer = client_of_bob.post("/api/integrations/import", {"url": f"{served.url}/index.html"}, content_type="application/json")
        assert answer.status_code == 422
        assert "no OpenAPI document was found in it or beside it" in answer.content.decode()


@pytest.mark.parametrize(
    ("setting", "value", "start"),
    [
        ("IMPORT_MAX_BYTES", 1024, "The file has 0."),
        ("IMPORT_MAX_OPERATIONS", 1, "The document has more than 1 operations"),
        ("IMPORT_MAX_DEPTH", 4, "The file nests objects and lists more than 4 levels deep"),
        ("IMPORT_MAX_ALIASES", 10, "The aliases (*name) of this YAML file multiply to more than 10 values"),
        ("IMPORT_MAX_FILES", 1, "The zip archive holds more than 1 files"),
        ("IMPORT_SECONDS", 0, "The document could not be read within 0 seconds"),
    ],
)
def test_limits_are_settings(setting: str, value: int, start: str, settings: Settings) -> None:
    setattr(settings, setting, value)
    document = json.dumps(openapi({"/a": get("a"), "/b": get("b")}, x="x" * 1024)).encode()
    aliased = b"x: &x [1, 2, 3]\ny: [*x, *x, *x]\nopenapi: 3.0.0\npaths: {/a: {get: {}}}"
    with pytest.raises(Invalid) as caught:
        importing.parse({"IMPORT_MAX_FILES": ZIP, "IMPORT_MAX_ALIASES": aliased}.get(setting, document))
    assert str(caught.value.errors["document"][0]).startswith(start)
