"""`python -m demo.vendor [PORT]` serves the sample vendor on 127.0.0.1 until it is interrupted."""

from __future__ import annotations

import argparse
import contextlib
import sys

from demo.vendor.app import application
from demo.vendor.server import Server


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.vendor", description="Serve the sample vendor API.")
    parser.add_argument("port", nargs="?", type=int, default=8090, help="port to listen on, 0 for a free one (default 8090)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    arguments = parser.parse_args()
    try:
        server = Server(application, host=arguments.host, port=arguments.port)
    except OSError as error:
        sys.exit(f"The sample vendor cannot listen on {arguments.host}:{arguments.port}: {error.strerror}. Name another port.")
    with server, contextlib.suppress(KeyboardInterrupt):
        sys.stdout.write(f"Sample vendor: {server.url}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
