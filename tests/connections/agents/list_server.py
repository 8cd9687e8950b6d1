"""`python -m tests.connections.agents.list_server ADDRESS PORT TOTAL`: a vendor with one long list, on an address of its own."""

from __future__ import annotations

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LATENCY = 0.1  # seconds


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    total = 0

    def do_GET(self) -> None:
        given = parse_qs(urlsplit(self.path).query)
        page, size = int(given.get("page", ["1"])[0]), int(given.get("per_page", ["100"])[0])
        time.sleep(LATENCY)
        items = [{"id": number} for number in range((page - 1) * size + 1, min(page * size, self.total) + 1)]
        body = json.dumps({"items": items}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


def main() -> None:
    address, port, total = sys.argv[1:]
    Handler.total = int(total)
    ThreadingHTTPServer.allow_reuse_address = True
    ThreadingHTTPServer((address, int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main()
