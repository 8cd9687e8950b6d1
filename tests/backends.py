"""What tests speak to besides the database: the broker, a worker, the vendor. All of them are real, on this machine only."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings
from django.db import connections

from config.broker import command
from config.broker import wait as wait_for_broker
from tests.vendor.server import VendorServer

ROOT = Path(settings.BASE_DIR)
T = TypeVar("T")
STOP_SECONDS = 10  # until a process that was asked to stop is killed


@pytest.fixture(scope="session", autouse=True)
def broker() -> Iterator[str]:
    """The URL of the broker of this pytest process: an embedded Valkey, or a database of REDIS_URL's server."""
    server = None
    if settings.BROKER_IS_EMBEDDED:
        folder = settings.DATA_DIR / "valkey"
        folder.mkdir()
        server = subprocess.Popen(command(socket=settings.VALKEY_SOCKET, folder=folder), stdin=subprocess.DEVNULL)
    wait_for_broker(settings.REDIS_URL)
    empty_broker()
    yield settings.REDIS_URL
    if server:
        stop(server)


def empty_broker() -> None:
    """Drop waiting tasks and cached values; each pytest process has a database of its own."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()


class Worker:
    """A Celery worker as its own process, on the database and broker of this test.

    Tasks wait in the broker, so nothing has to wait for the worker. Give more than one for tests of taking over.
    """

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.log = settings.DATA_DIR / "worker.log"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "config", "--quiet", "worker", "--loglevel", "info", "--concurrency", "2",
                 "--without-gossip", "--without-mingle"],
                cwd=ROOT, env=environment_of_processes(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """End the worker and its children at once, as a lost machine would."""
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def kill_children(self) -> None:
        """End the processes that do the tasks, as a crash or the kernel for want of memory would; the worker starts others."""
        assert self.process is not None
        for path in Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            for pid in path.read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)

    def stop(self) -> None:
        """Let the worker end as at Ctrl-C."""
        if self.process:
            stop(self.process)
            self.kill()


def environment_of_processes() -> dict[str, str]:
    """The environment in which another process of Junction uses the database of this test."""
    database = connections["default"].settings_dict
    if database["ENGINE"].endswith("sqlite3"):
        url = f"sqlite:///{database['NAME']}"
    else:
        url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database['NAME']}").geturl()
    return os.environ | {"DATABASE_URL": url, "PYTHONWARNINGS": "ignore"}


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and insist after STOP_SECONDS."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture
def worker(transactional_db: None, broker: str) -> Iterator[Worker]:
    """A running Celery worker; the broker is emptied after the test."""
    started = Worker()
    started.start()
    yield started
    started.stop()
    empty_broker()


@pytest.fixture(scope="session")
def vendor_server() -> Iterator[VendorServer]:
    with VendorServer() as server:
        yield server


@pytest.fixture
def vendor(vendor_server: VendorServer) -> VendorServer:
    """The vendor of the tests: a real HTTP server with every kind of authentication and pagination, and with faults."""
    vendor_server.clear()
    vendor_server.latency = 0
    forget_limits()
    return vendor_server


def forget_limits() -> None:
    """Drop what `connections.rates` keeps: the vendor of one test is on the same address as that of the next."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        for key in client.scan_iter("junction:*"):
            client.delete(key)


def eventually(call: Callable[[], T], *, seconds: float = 300) -> T:
    """Repeat a call until it gives something true, and give that; an AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := call()):
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(0.05)
    return value
