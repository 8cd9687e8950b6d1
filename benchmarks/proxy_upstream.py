"""A vendor that answers at once, over kept connections: `python proxy_upstream.py`. Prints its port."""

from __future__ import annotations

import asyncio

BODY = b'{"items": [' + b", ".join(b'{"id": %d, "name": "Item number %d"}' % (n, n) for n in range(20)) + b"]}"
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nX-Request-Id: 0123456789abcdef\r\n"
    b"X-RateLimit-Remaining: 4999\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)


class Vendor(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.seen = b""

    def data_received(self, data: bytes) -> None:
        self.seen += data
        while (end := self.seen.find(b"\r\n\r\n")) >= 0:
            head = self.seen[:end].lower()
            start = head.find(b"content-length:")
            size = int(head[start + 15 :].partition(b"\r\n")[0]) if start >= 0 else 0
            if len(self.seen) < end + 4 + size:
                return
            self.seen = self.seen[end + 4 + size :]
            self.transport.write(ANSWER)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Vendor, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
