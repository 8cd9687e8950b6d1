"""The lines of curl in README do what README says."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from pytest_django.live_server_helper import LiveServer

from demo.vendor import data
from tests.backends import Worker
from tests.cast import Cast
from tests.vendor.server import VendorServer


@pytest.mark.django_db(transaction=True)
def test_readme_runs_the_main_job(live_server: LiveServer, cast: Cast, worker: Worker, vendor: VendorServer, tmp_path: Path) -> None:
    call_command(
        "createapplication", "confidential", "client-credentials", user=str(cast.alice.pk), client_id="script", client_secret="s3cret",
        name="script", stdout=io.StringIO(),
    )  # fmt: skip
    block = (settings.BASE_DIR / "README.md").read_text().partition("```bash\n")[2].partition("```")[0]
    script = block.replace("http://localhost:8000", live_server.url).replace("http://127.0.0.1:8090", vendor.url)
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "complete"
    assert len((tmp_path / "devices.csv").read_text().splitlines()) == len(data.records(7, "devices")) + 1
