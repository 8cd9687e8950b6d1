"""How fast paginated runs are: side by side with a plain `requests` loop and with dlt, against one server, in one go.

    python benchmarks/bench_runs.py [--quick] [--no-peers]

Every number is taken in a process of its own, after two pages that are not counted, since a worker does run after run: wall time, CPU
time of that process and its threads, and the peak of its memory. The plain loop stores nothing. Ours is a worker's `runs.execute` on a SQLite file, every page durable when the next is stored.
dlt is installed into a virtual environment in a temporary folder, which is removed at the end; it is no part of Junction.
The server is this file too (`--serve`): it answers from memory after a latency, 100 records of 500 bytes a page.
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
import threading
import time
import venv
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = 100  # records
RECORD = 500  # bytes
DLT = "dlt==1.31.0"

# --- the server -------------------------------------------------------------------------------------------------------


def record(number: int) -> dict[str, Any]:
    """A record of RECORD bytes as JSON."""
    found = {"id": number, "name": f"device-{number}", "active": number % 3 == 0, "tags": ["a", "b"], "score": number / 7, "note": ""}
    found["note"] = "abcdefghij klmnop qrstuv wxyz 0123456789 "[number % 7 :] * 20
    found["note"] = found["note"][: RECORD - len(json.dumps({**found, "note": ""}))]
    return found


def serve(port: int) -> None:
    """Answer `/LATENCY_MS/TOTAL/KIND?page=N`; KIND is page (with a total), link (next in the body) or last (Link header)."""
    items = [json.dumps([record(n) for n in range(page * PAGE, (page + 1) * PAGE)]).encode() for page in range(50)]

    def answer(sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                more = sock.recv(65536)
                if not more:
                    return
                data += more
            head, _, data = data.partition(b"\r\n\r\n")
            target = head.split(b" ", 2)[1].decode()
            path, _, query = target.partition("?")
            _, latency, total, kind = path.split("/")
            page = next((int(part[5:]) for part in query.split("&") if part.startswith("page=")), 1)
            pages, base = int(total) // PAGE, f"http://127.0.0.1:{port}{path}"
            rows, extra = items[page % 50], ""
            if kind == "last":
                body = rows
                extra = f'Link: <{base}?page={page + 1}>; rel="next", <{base}?page={pages}>; rel="last"\r\n' if page < pages else ""
            elif kind == "link":
                following = f'"{base}?page={page + 1}"' if page < pages else "null"
                body = b'{"items": ' + rows + b', "next": ' + following.encode() + b"}"
            else:
                body = b'{"items": ' + rows + b', "total": ' + total.encode() + b"}"
            # Ids differ from page to page, as records do.
            body = body.replace(b'"id": ', b'"id": %d0' % page)
            time.sleep(int(latency) / 1000)
            sock.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n" % (extra.encode(), len(body)) + body
            )

    listener = socket.create_server(("127.0.0.1", port), backlog=256)
    while True:
        accepted, _ = listener.accept()
        threading.Thread(target=answer, args=[accepted], daemon=True).start()


# --- what is measured, each in a process of its own -------------------------------------------------------------------

MEASURE = """
import json, resource, sys, time
def peak():
    return next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
class Measured:
    def __enter__(self):
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        return self
    def __exit__(self, *_):
        self.wall, self.cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
def done(measured, records):
    print("RESULT" + json.dumps({"wall": measured.wall, "cpu": measured.cpu, "memory": peak(), "records": records}))
"""
LOOP = """
import requests
url, kind = sys.argv[1:3]
def walk(most):
    session, count, page, target = requests.Session(), 0, 1, url
    while target and page <= most:
        answer = session.get(target, timeout=30)
        body = answer.json()
        rows = body if isinstance(body, list) else body["items"]
        count += len(rows)
        page += 1
        if kind == "page":
            target = f"{url}?page={page}" if count < body["total"] else None
        elif kind == "link":
            target = body["next"]
        else:
            target = answer.links.get("next", {}).get("url")
    return count
walk(2)
with Measured() as measured:
    count = walk(1_000_000)
done(measured, count)
"""
DLT_CLIENT = """
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.paginators import HeaderLinkPaginator, JSONLinkPaginator, PageNumberPaginator
from itertools import islice
url, kind = sys.argv[1:3]
paginator = {"page": lambda: PageNumberPaginator(base_page=1, total_path=None, stop_after_empty_page=False, maximum_page=int(sys.argv[3]) + 1),
             "link": lambda: JSONLinkPaginator(next_url_path="next"), "last": HeaderLinkPaginator}[kind]
def walk(most):
    client = RESTClient(base_url=url, paginator=paginator(), data_selector="$" if kind == "last" else "items")
    return sum(len(page) for page in islice(client.paginate(""), most))
walk(2)
with Measured() as measured:
    count = walk(None)
done(measured, count)
"""
DLT_PIPELINE = """
import dlt, tempfile
from dlt.sources.rest_api import rest_api_source
url, kind = sys.argv[1:3]
paginator = {"page": {"type": "page_number", "base_page": 1, "total_path": None, "stop_after_empty_page": False, "maximum_page": int(sys.argv[3]) + 1},
             "link": {"type": "json_link", "next_url_path": "next"}, "last": {"type": "header_link"}}[kind]
def walk(name, most):
    folder = tempfile.mkdtemp(dir=sys.argv[4])
    source = rest_api_source({"client": {"base_url": url, "paginator": paginator},
        "resources": [{"name": "rows", "endpoint": {"path": "", "data_selector": "$" if kind == "last" else "items"}}]})
    if most:
        source.add_limit(most)
    pipeline = dlt.pipeline(name, destination=dlt.destinations.filesystem(bucket_url="file://" + folder), pipelines_dir=folder, dataset_name="d")
    pipeline.run(source)
    return pipeline.last_trace.last_normalize_info.row_counts["rows"]
walk("warm", 2)
with Measured() as measured:
    count = walk("bench", None)
done(measured, count)
"""
OURS = """
import os
sys.path.insert(0, sys.argv[4])
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
import django; django.setup()
from benchmarks.bench_runs import prepared_run
from actions import runs
run = prepared_run(sys.argv[1], sys.argv[2], int(sys.argv[5]))
warm = runs.start(action=run.action, connection=run.connection, user=run.created_by, inputs={}, max_pages=2, hand_over=False)
runs.execute(warm.pk)
with Measured() as measured:
    runs.execute(run.pk)
run.refresh_from_db()
assert run.verdict == "complete", run.message
assert run.pages.count() == int(sys.argv[3])
done(measured, run.record_count)
"""


def prepared_run(url: str, kind: str, concurrency: int) -> Any:
    """A run of an action of this server, which is not yet executed."""
    from actions import finalize, runs, services
    from connections import services as connections
    from integrations import services as integrations
    from integrations.definition import Definition
    from integrations.models import Membership, Organization, Role, User

    paginations: dict[str, dict[str, Any]] = {
        "page": {"type": "page", "resultsKey": "items", "pageParam": "page"},
        "link": {"type": "link", "resultsKey": "items", "nextLinkLocation": "body", "nextPageKey": "next"},
        "last": {"type": "link", "resultsKey": "$", "nextLinkLocation": "header"},
    }
    organization = Organization.objects.create(name="Bench")
    user = User.objects.create_user("bench", password="x")
    Membership.objects.create(user=user, organization=organization, role=Role.ADMIN)
    base, _, path = url.rpartition("/")
    definition = Definition.model_validate({"apiBaseUri": base, "auth": {"type": "none"}, "pagination": paginations[kind]})
    integration = integrations.create(organization=organization, user=user, name="Bench", definition=definition)
    services.add(integration=integration, values={"name": "List", "method": "GET", "path": f"/{path}", "paginated": True})
    finalize.finalize(integration=integration, user=user)
    integration.refresh_from_db()
    integrations.set_status(integration=integration, status="published")
    connection = connections.create(
        organization=organization, user=user, integration=integration, name="Main", credentials={}, limits={"concurrency": concurrency}
    )
    action = integration.current.actions.get()  # type: ignore[union-attr]
    return runs.start(action=action, connection=connection, user=user, inputs={}, max_pages=None, hand_over=False)


@dataclass(frozen=True)
class Result:
    wall: float
    cpu: float
    memory: float


class Bench:
    def __init__(self, folder: Path, *, peers: bool, repeats: int) -> None:
        self.folder, self.repeats = folder, repeats
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.server = subprocess.Popen([sys.executable, __file__, "--serve", str(self.port)])
        while True:
            with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", self.port)):
                break
        self.broker: subprocess.Popen[bytes] | None = None
        self.dlt = self._peers() if peers else None

    def close(self) -> None:
        for process in (self.server, self.broker):
            if process:
                process.terminate()
                process.wait()

    def _peers(self) -> str:
        print(f"Installing {DLT} into a temporary folder …", file=sys.stderr)
        venv.create(self.folder / "dlt", with_pip=True)
        python = str(self.folder / "dlt" / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", DLT, "requests"], check=True)
        return python

    def url(self, latency: int, pages: int, kind: str) -> str:
        return f"http://127.0.0.1:{self.port}/{latency}/{pages * PAGE}/{kind}"

    def loop(self, latency: int, pages: int, kind: str) -> Result:
        return self._median(lambda: self._run(sys.executable, LOOP, self.url(latency, pages, kind), kind, pages=pages))

    def client(self, latency: int, pages: int, kind: str) -> Result | None:
        return self.dlt and self._median(
            lambda: self._run(self.dlt, DLT_CLIENT, self.url(latency, pages, kind), kind, str(pages), pages=pages)
        )

    def pipeline(self, latency: int, pages: int, kind: str) -> Result | None:
        arguments = (self.url(latency, pages, kind), kind, str(pages), str(self.folder))
        return self.dlt and self._run(self.dlt, DLT_PIPELINE, *arguments, pages=pages)

    def ours(self, latency: int, pages: int, kind: str, concurrency: int) -> Result:
        arguments = (self.url(latency, pages, kind), kind, str(pages), str(ROOT), str(concurrency))
        return self._median(lambda: self._run(sys.executable, OURS, *arguments, pages=pages, environment=self.installation()))

    def installation(self) -> dict[str, str]:
        """A fresh database, and a Valkey that all runs of the benchmark share."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        environment = {**os.environ, "DATA_DIR": str(folder), "EGRESS_ALLOW": "loopback", "VALKEY": "", "PYTHONWARNINGS": "ignore"}
        if self.broker is None:
            broker = self.folder / "broker"
            self.broker = subprocess.Popen([sys.executable, "-m", "config.broker"], cwd=ROOT, env={**environment, "DATA_DIR": str(broker)})
            self._redis = f"unix://{broker}/valkey.sock"
            subprocess.run(
                [sys.executable, "-m", "config.broker", "wait"], cwd=ROOT, env={**environment, "REDIS_URL": self._redis}, check=True
            )
        environment["REDIS_URL"] = self._redis
        subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, env=environment, check=True)
        return environment

    def _run(self, python: str, code: str, *arguments: str, pages: int, environment: dict[str, str] | None = None) -> Result:
        done = subprocess.run(
            [python, "-c", MEASURE + code, *arguments], capture_output=True, text=True, check=False, env=environment, cwd=self.folder
        )
        line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT")), None)
        if line is None:
            sys.exit(f"A measurement failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        found = json.loads(line.removeprefix("RESULT"))
        if found.pop("records") != pages * PAGE:
            sys.exit(f"Not all records came: {line}")
        return Result(**found)

    def _median(self, measure: Any) -> Result:
        results = [measure() for _ in range(self.repeats)]
        return Result(*(statistics.median(getattr(one, name) for one in results) for name in ("wall", "cpu", "memory")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="fewer pages, once each")
    parser.add_argument("--no-peers", action="store_true", help="without dlt")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
    slow, fast, long = (120, 500, 2000) if options.quick else (200, 1000, 10_000)
    with tempfile.TemporaryDirectory(prefix="jb-") as folder:
        bench = Bench(Path(folder), peers=not options.no_peers, repeats=1 if options.quick else 3)
        try:
            report(bench, slow, fast, long)
        finally:
            bench.close()


def report(bench: Bench, slow: int, fast: int, long: int) -> None:
    """Print the table of README."""
    print("| case | plain loop | dlt RESTClient | dlt pipeline to files | Junction, stored | target | met |")
    print("| --- | ---: | ---: | ---: | ---: | --- | --- |")
    for kind, name in (("page", "page, total known"), ("last", "Link, rel=last")):
        loop, client, pipeline = bench.loop(50, slow, kind), bench.client(50, slow, kind), bench.pipeline(50, slow, kind)
        for concurrency, aim in ((8, 6.5), (16, 11.0)):
            ours = bench.ours(50, slow, kind, concurrency)
            gain = loop.wall / ours.wall
            cells = [f"{one.wall:.2f} s" if one else "" for one in (loop, client, pipeline)]
            line(
                f"50 ms, {name}, {concurrency} at once",
                [*cells, f"{ours.wall:.2f} s: **{gain:.1f} x** the loop's speed"],
                f">= {aim} x",
                gain >= aim,
            )
    least = slow * 0.05
    loop, client, pipeline = bench.loop(50, slow, "link"), bench.client(50, slow, "link"), bench.pipeline(50, slow, "link")
    ours = bench.ours(50, slow, "link", 4)
    cells = [f"{one.wall / least:.2f} x" if one else "" for one in (loop, client, pipeline)]
    line(
        "50 ms, next link: time as a multiple of pages x latency",
        [*cells, f"**{ours.wall / least:.3f} x**"],
        "<= 1.05 x",
        ours.wall / least <= 1.05,
    )
    for kind, name in (("page", "page, total known"), ("link", "next link")):
        loop, client, pipeline = bench.loop(0, fast, kind), bench.client(0, fast, kind), bench.pipeline(0, fast, kind)
        ours = bench.ours(0, fast, kind, 4)
        cells = [f"{one.cpu * 1000 / fast:.2f} ms: {one.cpu / loop.cpu:.1f} x" if one else "" for one in (loop, client, pipeline)]
        share = ours.cpu / loop.cpu
        line(f"0 ms, {name}: CPU per page", [*cells, f"{ours.cpu * 1000 / fast:.2f} ms: **{share:.2f} x**"], "<= 1.5 x", share <= 1.5)
    bench.repeats = 1
    small, large = bench.ours(0, long // 100, "page", 8), bench.ours(0, long, "page", 8)
    cells = [f"{small.memory:.0f} MB for {long // 100 * PAGE:,} records, **{large.memory:.0f} MB** for {long * PAGE:,}"]
    line(
        "peak memory of the worker", ["", "", "", *cells], "<= 120 MB, the same", large.memory <= 120 and large.memory < small.memory * 1.2
    )


def line(case: str, cells: list[str], aim: str, met: bool) -> None:
    print(f"| {case} | {' | '.join(cells)} | {aim} | {'yes' if met else 'no'} |", flush=True)


if __name__ == "__main__":
    main()
