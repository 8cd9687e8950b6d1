"""Clients that generators make of /api/schema/ do the main job: openapi-python-client, and openapi-typescript."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from pytest_django.live_server_helper import LiveServer

from demo.vendor import data
from integrations.access import tokens
from tests.backends import Worker
from tests.cast import Cast
from tests.environment import lacking
from tests.vendor.server import VendorServer

HERE = Path(__file__).parent
SECONDS = 300  # for a machine that does other work besides


def run(*command: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(command, cwd=cwd, env=os.environ | environment, check=False, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def schema(live_server: LiveServer, tmp_path: Path) -> Path:
    """The document as anybody gets it."""
    found = tmp_path / "schema.json"
    found.write_bytes(requests.get(f"{live_server.url}/api/schema/", headers={"Accept": "application/json"}, timeout=60).content)
    return found


EXPECTED: dict[str, Any] = {"verdict": "complete", "records": len(data.records(7, "devices")), "more": False}
EXPECTED["read"] = EXPECTED["records"]


@pytest.mark.django_db(transaction=True)
def test_python_client_does_the_main_job(
    live_server: LiveServer, cast: Cast, worker: Worker, vendor: VendorServer, schema: Path, tmp_path: Path
) -> None:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run(
        str(Path(sys.executable).parent / "openapi-python-client"), "generate", "--path", str(schema), "--meta", "none",
        "--output-path", str(tmp_path / "junction"), cwd=tmp_path, PATH=programs,
    )  # fmt: skip
    token = tokens.create(user=cast.alice, name="Client", scopes=["api"], expires_at=None)[1]
    said = run(sys.executable, str(HERE / "main_job.py"), live_server.url, token, vendor.url, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert json.loads(said.splitlines()[-1]) == EXPECTED


@pytest.fixture(scope="session")
def packages() -> Path:
    """openapi-typescript, openapi-fetch and the compiler as package.json pins them, kept in the user's cache."""
    npm = shutil.which("npm")
    if npm is None:
        lacking("No npm was found. Install it (Debian: apt install nodejs npm).")
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "junction-tests" / "clients"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = (HERE / "package.json").read_text()
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        (folder / "package.json").write_text(wanted)
        run(npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", cwd=folder)
        stamp.write_text(wanted)
    return folder


@pytest.mark.django_db(transaction=True)
def test_typescript_client_does_the_main_job(
    live_server: LiveServer, cast: Cast, worker: Worker, vendor: VendorServer, schema: Path, packages: Path, tmp_path: Path
) -> None:
    (tmp_path / "node_modules").symlink_to(packages / "node_modules")
    (tmp_path / "package.json").write_text((HERE / "package.json").read_text())
    shutil.copy(HERE / "main_job.ts", tmp_path)
    run("node_modules/.bin/openapi-typescript", str(schema), "--output", "api.d.ts", cwd=tmp_path)
    run(
        "node_modules/.bin/tsc", "--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler",
        "--lib", "es2022,dom", "main_job.ts", cwd=tmp_path,
    )  # fmt: skip
    token = tokens.create(user=cast.alice, name="Client", scopes=["api"], expires_at=None)[1]
    said = run("node", "main_job.js", live_server.url, token, vendor.url, cwd=tmp_path)
    assert json.loads(said.splitlines()[-1]) == EXPECTED
