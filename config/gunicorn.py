"""How gunicorn serves Junction: `gunicorn --config config/gunicorn.py config.wsgi`."""

from __future__ import annotations

import gc
import logging
import os
import sys

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from config import settings

bind = f"[{settings.HOST}]:{settings.PORT}" if ":" in settings.HOST else f"{settings.HOST}:{settings.PORT}"
# Threads: "Test connection" and imports by URL wait for a vendor for up to EGRESS_TOTAL_TIMEOUT, and a page that waits must
# not keep the others out. A few processes besides, since Python's threads share one core.
worker_class = "config.threads.Worker"
workers = min(4, os.cpu_count() or 1)
threads = 8 + settings.AGENT_HELD_POLLS
# Load the project once, before the processes part: a fault is shown once, and memory is shared.
preload_app = True
# honcho kills after five seconds what has not ended by then.
graceful_timeout = 3
keepalive = 65  # seconds; longer than proxies keep theirs, so that it is not us who close while one asks
limit_request_line = 8190  # bytes of an address; cursors and filters can be long
# Only what goes wrong; `when_ready` says the rest.
loglevel = "warning"
# No commands to a running server over a socket in the home folder, where two installations would meet.
control_socket_disable = True
# URLs can carry a vendor's key or a code of OAuth, so no access log.
accesslog = None


def when_ready(server: Arbiter) -> None:  # noqa: ARG001 - gunicorn's hook
    """The one line that a person who typed `make run` waits for."""
    # What is loaded stays; no collection has to look at it again, here or in the processes that share its memory.
    gc.collect()
    gc.freeze()
    sys.stdout.write(f"Junction is ready: {settings.PUBLIC_URL} (Ctrl-C stops it)\n")
    sys.stdout.flush()


def post_worker_init(worker: Worker) -> None:  # noqa: ARG001 - gunicorn's hook
    """Requests are short: a thread that has the lock finishes its piece rather than hand over in the middle of it."""
    sys.setswitchinterval(0.02)


def worker_exit(server: Arbiter, worker: Worker) -> None:  # noqa: ARG001 - gunicorn's hook
    """End at once: Python would take all apart that was loaded, for seconds on a busy machine, and honcho waits five."""
    if worker.booted:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
