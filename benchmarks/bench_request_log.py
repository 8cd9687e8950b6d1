"""How much a run slows down by the request log: the same run with and without it, in turn, in one process and on one database.

    python benchmarks/bench_request_log.py [ROUNDS]

Without latency the CPU of the worker is what counts, with 50 ms the time. The server is that of bench_runs.py: 100 records of 500 bytes a page.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGES = {0: 400, 50: 60}  # of a run, by the milliseconds of latency


def main(rounds: int) -> None:
    sys.path.insert(0, str(ROOT))
    from benchmarks.bench_runs import Bench

    with tempfile.TemporaryDirectory(prefix="jb-") as folder:
        bench = Bench(Path(folder), peers=False, repeats=1)
        try:
            environment = bench.installation()
            for latency, pages in PAGES.items():
                arguments = [bench.url(latency, pages, "page"), str(latency), str(pages), str(rounds)]
                subprocess.run([sys.executable, __file__, "--measure", *arguments], env=environment, cwd=ROOT, check=True)
                environment = bench.installation()
        finally:
            bench.close()


def measure(url: str, latency: int, pages: int, rounds: int) -> None:
    """Print the medians of the runs of each kind, and the ratio of each pair."""
    sys.path.insert(0, str(ROOT))
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    from django.conf import settings

    from actions import runs
    from actions.models import Run
    from benchmarks.bench_runs import prepared_run
    from connections.models import LoggedRequest

    first: Any = prepared_run(url, "page", 4)
    runs.execute(first.pk)  # what is made once is made now
    found: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for number in range(2 * rounds):
        logged = number % 2 == 0 if (number // 2) % 2 else number % 2 == 1  # neither kind is always the first of a pair
        settings.REQUEST_LOG_DAYS = 14 if logged else 0
        before = LoggedRequest.objects.count()
        run = runs.start(
            action=first.action, connection=first.connection, user=first.created_by, inputs={}, max_pages=None, hand_over=False
        )
        wall, cpu = time.perf_counter(), time.process_time()
        runs.execute(run.pk)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        done = Run.objects.get(pk=run.pk)
        assert (done.verdict, done.page_count) == ("complete", pages), done.message
        assert LoggedRequest.objects.count() - before == (pages if logged else 0)
        found[logged].append((wall, cpu))
    for place, name in enumerate(("time", "CPU")):
        with_log, without = ([one[place] for one in found[kind]] for kind in (True, False))
        ratios = sorted(a / b for a, b in zip(with_log, without, strict=True))
        print(
            f"{latency} ms, {name}: {statistics.median(with_log) * 1000 / pages:.2f} ms a page with the log, "
            f"{statistics.median(without) * 1000 / pages:.2f} ms without; {statistics.median(ratios):.3f} x "
            f"(of {rounds} pairs {ratios[0]:.3f} to {ratios[-1]:.3f})"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
