"""Sends the same request over so many kept connections for so many seconds: `python proxy_load.py PORT PATH TOKEN CONNECTIONS SECONDS`.

Prints requests per second, and the milliseconds in which half and 99 of 100 were answered.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

PORT, PATH, TOKEN, CONNECTIONS, SECONDS = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5])
BODY = json.dumps({"url": "/items", "method": "GET", "params": {"page": 3, "tag": ["a", "b"]}}).encode()
REQUEST = (
    f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nAccept: */*\r\n"
    f"Content-Length: {len(BODY)}\r\n\r\n"
).encode() + BODY
WARM_UP = 3.0  # seconds that do not count
times: list[float] = []


class Caller(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.seen = b""
        self.begun = time.perf_counter()
        self.transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self.seen += data
        end = self.seen.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.seen[:end].lower()
        if not head.startswith(b"http/1.1 200"):
            print(self.seen.decode(), file=sys.stderr)
            os._exit(1)
        start = head.find(b"content-length:")
        whole = (
            self.seen.endswith(b"\r\n0\r\n\r\n") if start < 0 else len(self.seen) - end - 4 >= int(head[start + 15 :].partition(b"\r\n")[0])
        )
        if not whole:
            return
        now = time.perf_counter()
        if now > begin:
            times.append(now - self.begun)
        self.ask()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - the signature of asyncio
        if time.perf_counter() < begin + SECONDS:
            asyncio.get_running_loop().create_task(connect())


async def connect() -> None:
    await asyncio.get_running_loop().create_connection(Caller, "127.0.0.1", PORT)


async def main() -> None:
    await asyncio.gather(*(connect() for _ in range(CONNECTIONS)))
    await asyncio.sleep(WARM_UP + SECONDS)


begin = time.perf_counter() + WARM_UP
asyncio.run(main())
times.sort()
if not times:
    sys.exit("Nothing was answered.")
print(json.dumps({"rate": len(times) / SECONDS, "half": times[len(times) // 2] * 1000, "most": times[len(times) * 99 // 100] * 1000}))
