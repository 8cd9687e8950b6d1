"""Server, agent and vendor in three network namespaces, as behind a real firewall; each is killed in the middle of a run.

    server  10.77.1.1 ── 10.77.1.2  agent  10.77.2.1 ── 10.77.2.2  vendor

The agent's machine forwards nothing and listens to nothing. The server is a whole installation with a data folder of
its own: web server, worker, clock, broker. Needs root (or a kernel that lets others make namespaces) and Debian's iproute2.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.backends import ROOT
from tests.environment import lacking

TOTAL, SIZE = 16_000, 100
JUNCTION = "http://10.77.1.1:8000"
VENDOR = "http://10.77.2.2:9000"
SECONDS = 240  # for a step on a machine that has other work to do

AGENT_FILE = f"""
server = "{JUNCTION}"
state = "{{state}}"
insecure_http = true
[[allow]]
host = "10.77.2.2"
ports = [9000]
paths = ["/items"]
"""


class Namespaces:
    """Three networks, each an `ip netns` with a name of this process, and the programs in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = {place: f"junction-{os.getpid()}-{place}" for place in ("server", "agent", "vendor")}
        self.running: dict[str, list[subprocess.Popen[bytes]]] = {}

    def build(self) -> str:
        """Make them; why that cannot be done, "" if it could."""
        try:
            for name in self.names.values():
                _ip("netns", "add", name)
                self.ip(name, "link", "set", "lo", "up")
            self._wire("server", "agent", "10.77.1")
            self._wire("agent", "vendor", "10.77.2")
        except subprocess.CalledProcessError as error:
            return str(error.stderr).strip()
        return ""

    def _wire(self, left: str, right: str, network: str) -> None:
        first, second = self.names[left], self.names[right]
        _ip("link", "add", "to-" + right, "netns", first, "type", "veth", "peer", "name", "to-" + left, "netns", second)
        for name, link, number in ((first, "to-" + right, 1), (second, "to-" + left, 2)):
            self.ip(name, "address", "add", f"{network}.{number}/24", "dev", link)
            self.ip(name, "link", "set", link, "up")

    def ip(self, name: str, *words: str) -> None:
        _ip("-n", name, *words)

    def start(self, place: str, *words: str, env: dict[str, str] | None = None) -> None:
        log = (self.folder / f"{place}.log").open("ab")
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.names[place], *words],
            cwd=ROOT, env=env or _bare(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        self.running.setdefault(place, []).append(process)

    def kill(self, place: str) -> None:
        """End every program there at once, as a power failure would."""
        for process in self.running.pop(place, []):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for pid in _ip("netns", "pids", self.names[place]).split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)

    def curl(self, place: str, *words: str) -> subprocess.CompletedProcess[str]:
        command = ["ip", "netns", "exec", self.names[place], "curl", "-s", "--max-time", "20", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=_bare())

    def listeners(self, place: str) -> list[str]:
        """The lines of sockets that listen there, TCP and UDP."""
        found = []
        for kind, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
            command = ["ip", "netns", "exec", self.names[place], "cat", f"/proc/net/{kind}"]
            lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()[1:]
            found += [line for line in lines if line.split()[3] == state]
        return found

    def remove(self) -> None:
        for place, name in self.names.items():
            with suppress(subprocess.CalledProcessError):
                self.kill(place)
                _ip("netns", "delete", name)


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=True).stdout


def _bare() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Namespaces]:
    if shutil.which("ip") is None:
        lacking("The command ip is not there. Install iproute2.")
    if os.geteuid() != 0:
        pytest.skip("Only root can make network namespaces. Run this test as root.")
    made = Namespaces(tmp_path)
    if problem := made.build():
        made.remove()
        pytest.skip(f"The kernel does not let this process make network namespaces: {problem}")
    yield made
    made.remove()


class Installation:
    """Junction in the namespace of the server, and its API as somebody there uses it."""

    def __init__(self, places: Namespaces, folder: Path) -> None:
        self.places = places
        self.token = ""
        self.env = {
            **_bare(), "DATA_DIR": str(folder / "data"), "HOST": "10.77.1.1", "PORT": "8000", "PUBLIC_URL": JUNCTION,
            "ADMIN_PASSWORD": "only-for-this-test", "RUN_LEASE_SECONDS": "6", "RUN_RECOVER_SECONDS": "2",
            "AGENT_LEASE_SECONDS": "6", "PYTHONWARNINGS": "ignore",
        }  # fmt: skip

    def prepare(self) -> None:
        self.manage("bootstrap")
        application = "--user 1 --client-id script --client-secret s3cret-of-script --name script"
        self.manage("createapplication", "confidential", "client-credentials", *application.split())

    def manage(self, *words: str) -> None:
        subprocess.run([sys.executable, "manage.py", *words], cwd=ROOT, env=self.env, check=True, capture_output=True)

    def start(self) -> None:
        python = sys.executable
        self.places.start("server", python, "-m", "config.broker", env=self.env)
        self.places.start("server", python, "-m", "gunicorn", "--config", "config/gunicorn.py", "config.wsgi", env=self.env)
        waits = f"{python} -m config.broker wait && exec {python} -m celery -A config"
        self.places.start("server", "sh", "-c", f"{waits} --quiet worker --concurrency 2 --without-gossip --without-mingle", env=self.env)
        self.places.start("server", "sh", "-c", f"{waits} --quiet beat --pidfile=", env=self.env)
        _until(lambda: self.places.curl("server", "-o", "/dev/null", "-w", "%{http_code}", f"{JUNCTION}/login/").stdout == "200")

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """An answer of the API; None while the server is away."""
        if not self.token:
            said = self.places.curl(
                "server", f"{JUNCTION}/o/token/", "-u", "script:s3cret-of-script", "-d", "grant_type=client_credentials"
            )
            self.token = json.loads(said.stdout)["access_token"]
        words = [
            "-X",
            method,
            f"{JUNCTION}/api/{path}",
            "-H",
            f"Authorization: Bearer {self.token}",
            "-H",
            "Content-Type: application/json",
        ]
        answer = self.places.curl("server", *words, *(["-d", json.dumps(body)] if body is not None else []))
        return json.loads(answer.stdout) if answer.stdout.startswith(("{", "[")) else None


def _until(call: Callable[[], Any]) -> Any:
    end = time.monotonic() + SECONDS
    while not (found := call()):
        assert time.monotonic() < end, f"not within {SECONDS} seconds"
        time.sleep(0.2)
    return found


def test_run_through_an_agent_survives_the_end_of_each_of_the_three(places: Namespaces, tmp_path: Path) -> None:
    junction = Installation(places, tmp_path)
    junction.prepare()
    junction.start()
    start_vendor(places)
    agent = junction.call("POST", "agents", {"name": "Plant"})
    (tmp_path / "agent.toml").write_text(AGENT_FILE.format(state=tmp_path / "state"))
    enrol(places, tmp_path, junction.call("POST", f"agents/{agent['id']}/codes")["code"])
    start_agent(places, tmp_path)
    _until(lambda: junction.call("GET", f"agents/{agent['id']}")["online"] == 1)

    # Only the agent reaches the vendor; nobody reaches the agent.
    reached = {
        place: places.curl(place, "-o", "/dev/null", "-w", "%{http_code}", f"{VENDOR}/items").stdout for place in ("server", "agent")
    }
    assert reached == {"server": "000", "agent": "200"}
    assert places.listeners("agent") == []

    connection, action = integrated(junction, agent["id"])
    assert junction.call("POST", f"connections/{connection}/test")["ok"] is True
    run = junction.call("POST", "runs", {"action": action, "connection": connection, "pageSize": SIZE, "maxPages": None})["id"]

    def pages() -> int:
        return int((junction.call("GET", f"runs/{run}") or {}).get("pages") or 0)

    said: list[str] = []

    def goes_on(beyond: int) -> bool:
        """Whether the run got further; one that failed says why, and is resumed."""
        now = junction.call("GET", f"runs/{run}") or {}
        if now.get("verdict") == "failed":
            said.append(now["message"])
            junction.call("POST", f"runs/{run}/resume")
        return int(now.get("pages") or 0) > beyond

    reached_pages = []
    for place, again in (
        ("vendor", lambda: start_vendor(places)),
        ("agent", lambda: start_agent(places, tmp_path)),
        ("server", junction.start),
    ):
        before = pages()
        _until(lambda: pages() > before + 2)  # noqa: B023 - called at once
        places.kill(place)
        at = pages() if place != "server" else before + 2
        reached_pages.append(at)
        time.sleep(2)
        again()
        _until(lambda: goes_on(at + 1))  # noqa: B023
    _until(lambda: (goes_on(0) and False) or (junction.call("GET", f"runs/{run}") or {}).get("verdict") == "complete")
    ended = junction.call("GET", f"runs/{run}")
    note = f"killed at pages {reached_pages}; failures on the way: {said}; {ended['message']}"
    assert (ended["records"], ended["pages"]) in ((TOTAL, TOTAL // SIZE), (TOTAL, TOTAL // SIZE + 1)), note
    ids = [record["id"] for record in junction.call("GET", f"runs/{run}/records")]
    assert ids == list(range(1, TOTAL + 1)), note
    assert 0 < reached_pages[0] < reached_pages[-1] < TOTAL // SIZE, note  # the last one too was killed in the middle
    # Whatever failed on the way said what it was.
    assert [sentence for sentence in said if not re.search(r"(agent|10\.77\.2\.2|vendor)", sentence)] == []


def integrated(junction: Installation, agent: str) -> tuple[str, str]:
    """A connection through the agent, and an action with the long list."""
    made = junction.call(
        "POST", "integrations",
        {
            "name": "Plant", "description": "Behind a firewall", "type": "custom", "mode": "shared", "apiBaseUri": "/", "authType": "none",
            "pagination": {"type": "page", "pageParam": "page", "pageSizeParam": "per_page", "resultsKey": "items", "defaultPageSize": SIZE},
            "ping": {"method": "GET", "uri": "/items"},
        },
    )  # fmt: skip
    action = junction.call("POST", f"integrations/{made['slug']}/actions", {"name": "List items", "path": "/items", "paginated": True})
    junction.call("POST", f"integrations/{made['slug']}/finalize")
    junction.call("PUT", f"integrations/{made['slug']}", {"status": "published"})
    connection = junction.call(
        "POST", "connections", {"integration": made["slug"], "name": "Main", "settings": {"baseUri": VENDOR}, "agent": agent}
    )
    return connection["id"], action["id"]


def start_vendor(places: Namespaces) -> None:
    places.start("vendor", sys.executable, "-m", "tests.connections.agents.list_server", "10.77.2.2", "9000", str(TOTAL))


def start_agent(places: Namespaces, folder: Path) -> None:
    places.start("agent", sys.executable, "-m", "junction_agent", "--config", str(folder / "agent.toml"), "run")


def enrol(places: Namespaces, folder: Path, code: str) -> None:
    words = [sys.executable, "-m", "junction_agent", "--config", str(folder / "agent.toml"), "enrol", code]
    subprocess.run(["ip", "netns", "exec", places.names["agent"], *words], cwd=ROOT, env=_bare(), check=True, capture_output=True)
