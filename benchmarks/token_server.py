"""A token endpoint that answers after so many seconds, for any number of clients at once: `python token_server.py SECONDS`. Prints its port."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys

DELAY = float(sys.argv[1])
numbers = itertools.count()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lower = head.lower()
            start = lower.find(b"content-length:")
            if start >= 0:
                await reader.readexactly(int(lower[start + 15 : lower.index(b"\r\n", start)]))
            await asyncio.sleep(DELAY)
            n = next(numbers)
            body = json.dumps({"access_token": f"a{n}", "refresh_token": f"r{n}", "expires_in": 3600, "token_type": "bearer"}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
