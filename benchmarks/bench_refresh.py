"""How fast many due tokens are renewed: Junction's batches beside one Celery task a connection on 32 threads.

    python benchmarks/bench_refresh.py [--connections N] [--delay SECONDS]

Both renew the same connections, one after the other, on one machine: same database, same broker, same token endpoint, which
answers after the delay. PostgreSQL and Redis are started for it where they are installed; otherwise it is SQLite and the
embedded Valkey. Junction's worker is the one of `make run`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def started(stack: ExitStack, command: list[str], **options: Any) -> subprocess.Popen[str]:
    process = subprocess.Popen(command, text=True, cwd=ROOT, **options)
    stack.callback(stop, process)
    return process


def stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def servers(stack: ExitStack, folder: Path) -> str:
    """Start PostgreSQL and Redis, or the embedded broker; what the database is."""
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    tools = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if tools and shutil.which("redis-server"):
        port, redis = free_port(), free_port()
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
        data = folder / "postgres"
        data.mkdir()
        if user:
            shutil.chown(data, "postgres")
        folder.chmod(0o755)
        subprocess.run([*user, str(tools[-1]), "-D", f"{data}/data", "-U", "junction", "--auth=trust"], check=True, cwd="/", **quiet)
        bin_folder = tools[-1].parent
        command = [*user, str(bin_folder / "postgres"), "-D", f"{data}/data", "-c", f"port={port}", "-c", "listen_addresses=127.0.0.1",
                   "-c", f"unix_socket_directories={data}"]  # fmt: skip
        started(stack, command, **quiet)
        started(stack, ["redis-server", "--port", str(redis), "--save", "", "--dir", str(folder)], **quiet)
        os.environ |= {"DATABASE_URL": f"postgres://junction@127.0.0.1:{port}/postgres", "REDIS_URL": f"redis://127.0.0.1:{redis}/0"}
        wait(
            lambda: (
                subprocess.run([str(bin_folder / "pg_isready"), "-h", "127.0.0.1", "-p", str(port)], check=False, **quiet).returncode == 0
            )
        )
        return "PostgreSQL and Redis"
    return "SQLite and the embedded Valkey"


def wait(ready: Callable[[], bool], *, seconds: float = 600) -> None:
    until = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > until:
            raise SystemExit("It did not come to an end.")
        time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--delay", type=float, default=0.05)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        os.environ |= {"DATA_DIR": str(folder / "data"), "EGRESS_ALLOW": "loopback", "TOKEN_REQUESTS_PER_SECOND": "100000"}
        os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "TOKEN_REFRESH_SECONDS": "3600"}
        where = servers(stack, folder)
        import django

        django.setup()
        measure(stack, folder, arguments.connections, arguments.delay, where)


def measure(stack: ExitStack, folder: Path, number: int, delay: float, where: str) -> None:
    from django.conf import settings
    from django.core.management import call_command
    from django.db.models import Count, Min

    from benchmarks.one_task_each import app as peer
    from config.broker import command as broker_command
    from config.broker import wait as wait_for_broker
    from config.celery import app
    from connections.models import Credential

    if settings.BROKER_IS_EMBEDDED:
        (settings.DATA_DIR / "valkey").mkdir(parents=True, exist_ok=True)
        started(stack, broker_command(socket=settings.VALKEY_SOCKET, folder=settings.DATA_DIR / "valkey"))
    wait_for_broker(settings.REDIS_URL)
    server = started(stack, [sys.executable, "benchmarks/token_server.py", str(delay)], stdout=subprocess.PIPE)
    url = f"http://127.0.0.1:{int(server.stdout.readline())}/token"  # type: ignore[union-attr]
    call_command("migrate", verbosity=0)
    ids = fill(number, url)

    def renewed(generation: int) -> Callable[[], bool]:
        return lambda: Credential.objects.aggregate(least=Min("generation"), all=Count("pk"))["least"] >= generation

    log = (folder / "workers.log").open("w")
    quiet: dict[str, Any] = {"stdout": log, "stderr": log}
    celery = [sys.executable, "-m", "celery", "--quiet", "-A"]
    figures: dict[str, float] = {}
    options = ["worker", "--without-gossip", "--without-mingle"]
    with ExitStack() as running:
        started(running, [*celery, "benchmarks.one_task_each", *options, "--pool", "threads", "--concurrency", "32"], **quiet)
        wait(lambda: bool(peer.control.ping(timeout=1)))
        begin = time.monotonic()
        for pk in ids:
            peer.send_task("one_task_each.refresh", [pk, url])
        wait(renewed(1))
        figures["one task a connection"] = number / (time.monotonic() - begin)
    due(number)
    with ExitStack() as running:
        started(running, [*celery, "config", *options], **quiet)
        wait(lambda: bool(app.control.ping(timeout=1)))
        begin = time.monotonic()
        app.send_task("connections.tasks.renew_due_tokens")
        wait(renewed(2))
        figures["Junction"] = number / (time.monotonic() - begin)
    print(f"{number:,} connections due at once, token endpoint {delay * 1000:.0f} ms, {where}, {os.cpu_count()} cores\n")
    print("| | renewed a second | ratio |\n| --- | ---: | ---: |")
    for name, rate in figures.items():
        print(f"| {name} | {rate:,.0f} | {rate / figures['one task a connection']:.1f} |")


def fill(number: int, url: str) -> list[str]:
    """One integration, and so many connections whose tokens are due."""
    from django.utils import timezone

    from connections.models import Connection, Credential
    from connections.secrets import seal
    from integrations import services
    from integrations.definition import Definition
    from integrations.models import Organization, User

    organization = Organization.objects.create(name="Benchmark")
    user = User.objects.create(username="bench")
    auth = {"type": "oauth2", "grantType": "refresh_token", "tokenUri": url, "clientAuthentication": "body"}
    definition = Definition.model_validate({"apiBaseUri": url.removesuffix("/token"), "auth": auth})
    integration = services.create(organization=organization, user=user, name="Vendor", definition=definition)
    services.finalize(revision=integration.working, user=user)
    rows = [Connection(organization=organization, integration=integration, name=f"c{n}") for n in range(number)]
    Connection.objects.bulk_create(rows, batch_size=1000)
    credentials = {"clientId": "id", "clientSecret": "secret"}
    now = timezone.now()
    Credential.objects.bulk_create(
        [
            Credential(
                connection=row,
                sealed=seal(credentials, context=f"credential:{row.pk}"),
                token_sealed=seal({"value": "a", "refresh": "r"}, context=f"credential:{row.pk}"),
                refresh_due_at=now,
            )
            for row in rows
        ],
        batch_size=1000,
    )
    return [str(row.pk) for row in rows]


def due(number: int) -> None:
    from django.utils import timezone

    from connections.models import Credential

    assert Credential.objects.update(refresh_due_at=timezone.now()) == number


if __name__ == "__main__":
    main()
