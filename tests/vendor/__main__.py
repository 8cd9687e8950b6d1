"""`python -m tests.vendor [PORT] [--latency SECONDS]`: the vendor as its own process, for tests that kill workers.

Writes its URL as the first line of its output. `GET /requests` shows what it was asked, `DELETE /requests` forgets it.
"""

from __future__ import annotations

import argparse
import contextlib
import sys

from demo.vendor.settings import Settings
from tests.vendor.server import VendorServer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.vendor", description="Serve the vendor of the tests on 127.0.0.1.")
    parser.add_argument("port", nargs="?", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument("--latency", type=float, default=0, help="seconds to wait before every answer")
    arguments = parser.parse_args()
    server = VendorServer(Settings.from_environment(), port=arguments.port, latency=arguments.latency)
    sys.stdout.write(f"{server.url}\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        server.serve()


if __name__ == "__main__":
    main()
