"""Schemathesis against a real installation: `make fuzz`, and a phase of .ci/run.

A Junction of its own is started on a free port of 127.0.0.1 with a new data folder (SQLite, embedded Valkey, web, worker,
sample vendor), filled by `manage.py demo`, asked thousands of generated requests as its admin, and stopped. The seed is
fixed and cases are counted, not timed, so that what fails in CI fails here, on a slow machine too; FUZZ_SEED changes the one,
FUZZ_EXAMPLES (for each operation) the other. FUZZ_PHASES=coverage goes through every boundary of every field, which
takes an hour; FUZZ_LOG names a file for what the server wrote.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIG = Path(__file__).with_name("schemathesis.toml")
START_SECONDS = 600  # of a machine that has much else to do
# Run in the installation: who asks, and what there is to ask for. The token is nobody's to revoke: its application belongs to
# another user, so that no generated DELETE locks the rest of the requests out.
PREPARE = """
import json, sys
from datetime import timedelta
from django.utils import timezone
from oauth2_provider.models import AccessToken, Application
from actions.models import Run
from connections.models import Connection
from integrations import services
from integrations.models import Integration, User
admin = User.objects.get(username="admin")
other = User.objects.create_user("keeper")
application = Application.objects.create(user=other, name="Fuzz", client_type="confidential", authorization_grant_type="client-credentials")
token = AccessToken(user=admin, application=application, scope="api", expires=timezone.now() + timedelta(hours=2), token=sys.argv[1])
token._raw_token = sys.argv[1]
token.token = ""
token.save()
published = Integration.objects.get(category="demo")
services.open_draft(integration=published)
run = Run.objects.get()
print(json.dumps({
    "INTEGRATION": published.slug, "CONNECTION": str(Connection.objects.get().pk), "RUN": str(run.pk), "ACTION": str(run.action.uid),
    "ORGANIZATION": published.organization.slug, "APPLICATION": str(application.pk),
}))
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="junction-fuzz-"))
    port, vendor = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "DATA_DIR": str(folder), "PORT": str(port), "VENDOR_PORT": str(vendor), "EGRESS_ALLOW": "loopback", "VACUUM": "none",
        "ADMIN_USERNAME": "admin", "ADMIN_PASSWORD": secrets.token_urlsafe(12), "API_REQUESTS_PER_MINUTE": "0", "IMPORT_SECONDS": "10",
        "EGRESS_CONNECT_TIMEOUT": "1", "EGRESS_READ_TIMEOUT": "5", "EGRESS_TOTAL_TIMEOUT": "8",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    for name in ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "DEBUG", "PUBLIC_URL", "SECRET_KEY", "ENCRYPTION_KEYS"):
        environment.pop(name, None)
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(["make", "demo"], cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True)
    try:
        wait(server, url, log)
        token = secrets.token_urlsafe(32)
        done = subprocess.run(
            [sys.executable, "-c", f"import django; django.setup()\n{PREPARE}", token],
            cwd=ROOT, env=environment | {"DJANGO_SETTINGS_MODULE": "config.settings"}, check=True, capture_output=True, text=True,
        )  # fmt: skip
        there = json.loads(done.stdout.splitlines()[-1])
        return run(url, token, environment | there)
    finally:
        os.killpg(server.pid, signal.SIGINT)
        server.wait(30)
        kept = os.environ.get("FUZZ_LOG")
        if kept:
            shutil.copy(log, kept)
        shutil.rmtree(folder, ignore_errors=True)


def wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{url}/login/", timeout=2):
                return
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"The installation did not start:\n{log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.2)


def run(url: str, token: str, environment: dict[str, str]) -> int:
    """As many cases for each operation as EXAMPLES says, however long that takes; no operation may be left out."""
    report = Path(environment["DATA_DIR"]) / "report.json"
    command = [
        "schemathesis", "--config-file", str(CONFIG), "run", f"{url}/api/schema/", "--header", f"Authorization: Bearer {token}",
        "--phases", os.environ.get("FUZZ_PHASES", "examples,fuzzing"), "--seed", os.environ.get("FUZZ_SEED", "20260131"),
        "--generation-database", "none", "--max-examples", os.environ.get("FUZZ_EXAMPLES", "10"), "--report-json-path", str(report), *sys.argv[1:],
    ]  # fmt: skip
    started = time.monotonic()
    status = subprocess.run(command, cwd=tempfile.gettempdir(), env=environment, check=False).returncode
    found = json.loads(report.read_text())
    reached, selected = found["operations"]["tested"], found["operations"]["selected"]
    print(f"{reached} of {selected} operations, {found['test_cases']['generated']} cases, {time.monotonic() - started:.0f} s")
    return status or int(reached < selected)


if __name__ == "__main__":
    sys.exit(main())
