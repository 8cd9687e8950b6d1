"""Threads that fetch pages for one run, while its own thread is the only one that touches the database.

A job is done by one of the threads, each with a client of its own. What a client has to do with stored tokens it hands back
to the run's thread, which does it while it waits for a page: so a run needs one connection to the database, however many
pages it fetches at once.
"""

from __future__ import annotations

import ctypes
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from connections.client import Client

T = TypeVar("T")
_ARENA_MAX: Final = -8  # M_ARENA_MAX of glibc's malloc.h
TICK_SECONDS = 0.1  # between two looks at the lease while a page is on its way
LEAVE_SECONDS = 0.2  # for the threads to end by themselves; one that is in the middle of a request ends with it


# glibc gives each thread a heap of its own, whose free pages it keeps: eight fetching threads held some ten megabytes that nobody used.
with suppress(OSError, AttributeError):  # another C library has no such setting, and no such heaps
    ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


class Stopped(Exception):
    """The run needs no more pages."""


class Job(Generic[T]):
    """A page that is fetched; `result` gives it, or raises what went wrong, once `done` is set."""

    def __init__(self, work: Callable[[Client, Callable[[float], None]], T]) -> None:
        self.work = work
        self.done = False
        self.wanted = True
        self.error: BaseException | None = None
        self._value: T | None = None

    def run(self, client: Client, pause: Callable[[float], None]) -> None:
        try:
            self._value = self.work(client, pause)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread of the run
            self.error = error
        self.done = True

    def result(self) -> T:
        if self.error is not None:
            raise self.error
        return self._value  # type: ignore[return-value]


class _Question:
    """Something that the run's thread is to do for another one."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self.act = act
        self.answered = Event()
        self.value: Any = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        try:
            self.value = self.act()
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that asked
            self.error = error
        self.answered.set()


class Fetchers:
    """Threads, started as they are needed; at most `allowed` jobs run at once, the others wait for their turn. A context manager."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.allowed = 1
        self.running = 0
        self._pending: deque[Job[Any]] = deque()
        self._jobs: SimpleQueue[Job[Any] | None] = SimpleQueue()
        self._events: SimpleQueue[_Question | None] = SimpleQueue()
        self._stop = Event()
        self._threads: list[Thread] = []
        self._turn = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        with self._turn:
            self._pending.clear()
            threads = list(self._threads)
        for _ in threads:
            self._jobs.put(None)
        deadline = time.monotonic() + LEAVE_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def submit(self, work: Callable[[Client, Callable[[float], None]], T]) -> Job[T]:
        """Have a page fetched; `work` gets a client, and the function by which it pauses."""
        job = Job(work)
        with self._turn:
            self._pending.append(job)
            self._fill()
        return job

    def _fill(self) -> None:
        """Give out as many jobs as may run. Called with the lock held."""
        while self._pending and self.running < self.allowed:
            self.running += 1
            if self.running > len(self._threads):
                thread = Thread(target=self._serve, name="fetcher", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._jobs.put(self._pending.popleft())

    def wait(self, job: Job[T], look: Callable[[], None]) -> None:
        """Until the job is done; `look` is called now and then and may raise."""
        next_look = time.monotonic() + TICK_SECONDS
        while not job.done:
            try:
                event = self._events.get(timeout=max(0.0, next_look - time.monotonic()))
            except Empty:
                look()
                next_look = time.monotonic() + TICK_SECONDS
                continue
            if event is not None:
                event.settle()

    def pause(self, seconds: float) -> None:
        """Wait, as a thread does; raises `Stopped` when the run needs no more pages."""
        if self._stop.wait(seconds):
            raise Stopped

    def _serve(self) -> None:
        with self._client.twin(self._ask) as client:
            while (job := self._jobs.get()) is not None:
                if job.wanted and not self._stop.is_set():
                    job.run(client, self.pause)
                with self._turn:
                    self.running -= 1
                    self._fill()
                self._events.put(None)

    def _ask(self, act: Callable[[], T]) -> T:
        question = _Question(act)
        self._events.put(question)
        while not question.answered.wait(0.1):
            if self._stop.is_set():
                raise Stopped
        if question.error is not None:
            raise question.error
        return question.value
