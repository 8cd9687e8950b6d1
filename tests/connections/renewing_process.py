"""Many workers in one process, all of which use the same connections: `python -m tests.connections.renewing_process SECONDS THREADS ID...`.

Prints as JSON how many calls were answered, and the sentences of those that were not.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from collections import Counter

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.db import connections  # noqa: E402

from connections import checking  # noqa: E402
from connections.exchange import Outgoing, TransportError  # noqa: E402
from connections.models import Connection  # noqa: E402
from connections.opening import client_for  # noqa: E402
from connections.retries import CallError  # noqa: E402

answered: Counter[int] = Counter()
sentences: Counter[str] = Counter()


def work(ids: list[str], until: float) -> None:
    while time.monotonic() < until:
        connection = Connection.objects.select_related("integration", "credential").get(pk=random.choice(ids))
        try:
            with client_for(connection, checking.definition_of(connection.integration)) as client:
                answer = client.send(Outgoing("GET", f"{client.base}/me"))
                answered[answer.status] += 1
        except (CallError, TransportError) as error:
            sentences[error.message] += 1
            time.sleep(0.2)
    connections.close_all()


def main() -> None:
    seconds, threads, *ids = sys.argv[1:]
    until = time.monotonic() + float(seconds)
    workers = [threading.Thread(target=work, args=(ids, until)) for _ in range(int(threads))]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    print(json.dumps({"answered": answered, "sentences": sentences}))


main()
