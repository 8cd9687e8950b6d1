"""Requests per second that pass through Junction, beside a bare Django view with requests.Session on gunicorn's threads.

    python benchmarks/bench_proxy.py [--seconds S] [--rounds N] [--connections N] [--processes N] [--servers procfile,gthread,granian]

Junction's side authenticates the token, checks the rights, finds the connection, puts its key in and guards the address;
the bare view does none of it. `procfile` is Junction as `make run` starts it, the line of the Procfile; the others are what else
could serve it. All have as many processes and threads; they take turns, so that other work on the machine meets all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
sys.path.insert(0, str(ROOT))
PLAIN, OURS = "bare view", "procfile"
GTHREAD = (
    "gunicorn --worker-class gthread --threads {threads} --workers {processes} --bind 127.0.0.1:{port} --keep-alive 60 --log-level error"
)
GRANIAN = (
    "granian --interface wsgi --host 127.0.0.1 --port {port} --workers {processes} --blocking-threads {threads} --backpressure 64 --no-ws "
    "--log-level error"
)
COMMANDS = {
    PLAIN: f"exec {GTHREAD} benchmarks.proxy_plain:application",
    OURS: next(line.partition(":")[2].strip() for line in (ROOT / "Procfile").read_text().splitlines() if line.startswith("web:")),
    "gthread": f"exec {GTHREAD} config.wsgi",
    "granian": f"exec {GRANIAN} config.wsgi:application",
}
NAMES = {PLAIN: "a bare view, gunicorn's threads", OURS: "Junction, as `make run` starts it", "gthread": "Junction, gunicorn's threads"}
TARGET = 1.8


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def started(stack: ExitStack, command: list[str] | str, **more: str) -> subprocess.Popen[str]:
    """A program, or a line for a shell that ends with `exec`."""
    process = subprocess.Popen(
        command, shell=isinstance(command, str), text=True, cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, **more}
    )
    stack.callback(stop, process)
    return process


def stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def reachable(port: int, process: subprocess.Popen[str]) -> None:
    """Wait until something answers there, which is later than something listens."""
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=60) as probe:
            probe.sendall(b"GET /no-such-page HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if probe.recv(1):
                return
        time.sleep(0.1)
    sys.exit("A server did not start.")


def prepare(vendor: str) -> tuple[str, str]:
    """An organization with a connection, a caller and a token: the path to call and the token."""
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()
    from datetime import timedelta

    from django.core.management import call_command
    from django.utils import timezone
    from oauth2_provider.models import AccessToken, Application

    from actions import finalize
    from actions import services as actions
    from connections import services as connections
    from integrations import services
    from integrations.definition import Definition
    from integrations.models import Membership, Organization, User

    call_command("migrate", verbosity=0)
    top = Organization.objects.create(name="Provider")
    below = Organization.objects.create(name="Client", parent=top)
    user = User.objects.create_user("caller", email="caller@example.com")
    Membership.objects.create(user=user, organization=top, role="builder")
    definition = Definition.model_validate(
        {"apiBaseUri": vendor, "auth": {"type": "apikey", "apiKeyName": "X-Key"}, "headers": {"X-Caller": "${user.email}"}}
    )
    integration = services.create(organization=top, user=user, name="Vendor", definition=definition)
    actions.add(integration=integration, values={"name": "List", "path": "/items"})
    finalize.finalize(integration=integration, user=user)
    integration.refresh_from_db()
    services.set_status(integration=integration, status="published")
    connections.create(organization=below, user=user, integration=integration, name="Main", credentials={"apiKey": "a-key"})
    application = Application.objects.create(
        name="script", user=user, client_type="confidential", authorization_grant_type="client-credentials"
    )
    expires = timezone.now() + timedelta(hours=1)
    AccessToken.objects.create(application=application, token="token-of-the-benchmark", expires=expires, scope="api")
    return f"/api/integrations/{integration.slug}/request", "token-of-the-benchmark"


def measured(port: int, path: str, token: str, given: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, str(ROOT / "benchmarks/proxy_load.py"), str(port), path, token, str(given.connections), str(given.seconds)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


def main() -> None:
    reader = argparse.ArgumentParser()
    reader.add_argument("--seconds", type=float, default=5)
    reader.add_argument("--rounds", type=int, default=5)
    reader.add_argument("--connections", type=int, default=16)
    reader.add_argument("--processes", type=int, default=1)
    reader.add_argument("--servers", default=OURS)
    given = reader.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        os.environ |= {"DATA_DIR": folder, "EGRESS_ALLOW": "loopback", "DEBUG": "0", "API_REQUESTS_PER_MINUTE": "0"}
        upstream = started(stack, [sys.executable, str(ROOT / "benchmarks/proxy_upstream.py")])
        assert upstream.stdout
        vendor = f"http://127.0.0.1:{upstream.stdout.readline().strip()}"
        path, token = prepare(vendor)
        servers: dict[str, tuple[int, str]] = {}
        from config import gunicorn as web  # after the environment is set

        for name in [PLAIN, *given.servers.split(",")]:
            port = free_port()
            command = COMMANDS[name].format(port=port, processes=given.processes, threads=web.threads)
            extra = {"LISTEN_PORT": str(port), "GUNICORN_CMD_ARGS": f"--workers {given.processes}"} if name == OURS else {}
            reachable(port, started(stack, command, VENDOR=vendor, PATH=f"{BIN}:{os.environ['PATH']}", **extra))
            servers[name] = (port, "/request" if name == PLAIN else path)
        results: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
        for _ in range(given.rounds):
            for name, (port, where) in servers.items():
                results[name].append(measured(port, where, token, given))
        show(results, f"{given.processes} processes each, {web.threads} threads, {os.cpu_count()} cores.")


def show(results: dict[str, list[dict[str, float]]], setting: str) -> None:
    def middle(name: str, what: str) -> float:
        return statistics.median(row[what] for row in results[name])

    print("| served by | requests a second | ratio | median | 99 of 100 within |\n| --- | ---: | ---: | ---: | ---: |")
    for name, rows in results.items():
        ratio = statistics.median(ours["rate"] / plain["rate"] for ours, plain in zip(rows, results[PLAIN], strict=True))
        label = NAMES.get(name) or f"Junction, {name}"
        mark = "" if name == PLAIN else "**"
        print(
            f"| {label} | {middle(name, 'rate'):,.0f} | {mark}{ratio:.2f}{mark} | {middle(name, 'half'):.1f} ms | {middle(name, 'most'):.1f} ms |"
        )
    print(f"\nThe target is {TARGET} times the bare view. {setting}")


if __name__ == "__main__":
    main()
