"""The blocks of curl in docs/api/ do what the pages say."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from drf_spectacular.generators import SchemaGenerator
from pytest_django.live_server_helper import LiveServer

from integrations.access import scopes, tokens
from tests.backends import Worker
from tests.cast import Cast
from tests.permissions.test_matrix import addresses
from tests.vendor.server import VendorServer

FOLDER = Path(settings.BASE_DIR) / "docs" / "api"
PAGES = sorted(page for page in FOLDER.glob("*.md") if "```bash" in page.read_text())


def blocks(page: Path) -> list[str]:
    return re.findall(r"```bash\n(.*?)```", page.read_text(), re.DOTALL)


# `api` and `field` are defined on the first page and used on all.
FUNCTIONS = "\n".join(line for line in blocks(FOLDER / "README.md")[0].splitlines() if "() {" in line)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_runs_as_it_stands(
    page: Path, live_server: LiveServer, cast: Cast, worker: Worker, vendor: VendorServer, tmp_path: Path
) -> None:
    token = tokens.create(user=cast.alice, name="Docs", scopes=[scopes.EVERYTHING], expires_at=None)[1]
    environment = os.environ | {"JUNCTION": live_server.url, "VENDOR": vendor.url, "TOKEN": token}
    script = "\n".join([FUNCTIONS, *blocks(page)])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env=environment, check=False, capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stderr) == (0, ""), f"{done.stdout}\n{done.stderr}"
    # What the page says that a line prints, in the order of the page.
    said, position = done.stdout, 0
    for expected in re.findall(r"^# prints: (.*)$", script, re.MULTILINE):
        found = said.find(expected, position)
        assert found >= 0, f"{expected!r} is not in what came after: {said[position:]}"
        position = found + len(expected)


def test_every_page_is_linked_and_every_scope_explained() -> None:
    index = (FOLDER / "README.md").read_text()
    assert [page.name for page in FOLDER.glob("*.md") if page.stem != "README" and f"({page.name})" not in index] == []
    table = (FOLDER / "access.md").read_text()
    missing = [
        name
        for name in scopes.SCOPES
        if name.partition(":")[0] not in table or (f":{name.partition(':')[2]}`" not in table and ":" in name)
    ]
    assert missing == []


def test_every_page_of_the_browser_has_its_operation() -> None:
    rows = re.findall(r"^\| (`[^|]+) \| ([^|]+) \|$", (FOLDER / "browser.md").read_text(), re.MULTILINE)
    listed = {name for names, _ in rows for name in re.findall(r"`([^`]+)`", names)}
    pages = {address.name for address in addresses() if not address.route.startswith("api/") and address.name != "/"}
    assert (sorted(pages - listed), sorted(listed - pages)) == ([], [])
    document = SchemaGenerator().get_schema(request=None, public=True)
    known = {operation["operationId"] for operations in document["paths"].values() for operation in operations.values()}
    said = {name for _, words in rows if not words.startswith(("-", "operations under")) for name in re.findall(r"\b[a-z]+[A-Z]\w+", words)}
    assert sorted(said - known - {"isDefault", "customIntegrations"}) == []
    for prefix in {found for _, words in rows for found in re.findall(r"operations under (/\S+)", words)}:
        assert any(path.startswith(prefix) for path in document["paths"]), prefix


def test_every_resource_is_called_on_a_page() -> None:
    """Whatever can be read has a line of curl on a page, which the test above runs."""
    lines = "\n".join(block for page in PAGES for block in blocks(page))
    document = SchemaGenerator().get_schema(request=None, public=True)
    readable = [path for path, operations in document["paths"].items() if "get" in operations]
    missing = [
        path
        for path in readable
        if not re.search(re.sub(r"\\\{\w+\\\}", r"[^/\\s\"'?]+", re.escape(path.removeprefix("/api/"))) + r"(?![\w/{$-])", lines)
    ]
    assert missing == []
