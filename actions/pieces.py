"""Where the records of runs lie: a page a piece, compressed, in Django's storage `results` (the local disk, or an S3-compatible service).

A piece is written under a name of its own before the row that names it is committed; one that no row names is swept away
(`actions.retention`). It is read whole, one after the other, so that the size of a run does not matter.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, TypeVar
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, storages

from integrations.refusals import Unavailable

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

logger = logging.getLogger(__name__)

T = TypeVar("T")
TOGETHER: Final = 64  # pieces that are written before the disk is asked to have them
_ANEW: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
AT_ONCE: Final = 8  # requests to a service at once, for one run or one reader; the local disk is asked one by one
# The fastest level, as a better one costs more time than it saves; and a checksum, so that a damaged piece is noticed.
_PACKED: Final[dict[int, int]] = {zstd.CompressionParameter.compression_level: 1, zstd.CompressionParameter.checksum_flag: 1}
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class StorageFailure(Unavailable):
    """Pieces cannot be written or read now; the message says what is wrong, without secrets."""


class LocalResults(FileSystemStorage):
    """The local disk. With `fsync` a piece is on the disk itself before its row is committed, so that a power cut leaves no row without one."""

    def __init__(self, *, fsync: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.fsync = fsync

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:  # noqa: ARG002 - the signature of Django
        """Names are unique by themselves, and made here; looking at them takes longer than writing."""
        for failure in self.save_together([(name or "", content.read())]):
            if failure:
                raise failure
        return name or ""

    def save_together(self, pieces: Sequence[tuple[str, bytes]]) -> list[OSError | None]:
        """Write several, each with its name; what was wrong with each. The disk needs less time for files that are all written before the
        first of them has to be on it."""
        opened: list[int | OSError] = []
        for name, data in pieces:
            try:
                opened.append(self._written(Path(self.path(name)), data))
            except OSError as error:
                opened.append(error)
        return [one if isinstance(one, OSError) else self._finished(one, name) for one, (name, _) in zip(opened, pieces, strict=True)]

    def _written(self, path: Path, data: bytes) -> int:
        """The open file."""
        try:
            target = os.open(path, _ANEW, 0o600)
        except FileNotFoundError:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            target = os.open(path, _ANEW, 0o600)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(target, rest) :]
        except OSError:
            os.close(target)
            path.unlink(missing_ok=True)
            raise
        return target

    def _finished(self, target: int, name: str) -> OSError | None:
        try:
            if self.fsync:
                os.fdatasync(target)
        except OSError as error:
            Path(self.path(name)).unlink(missing_ok=True)
            return error
        finally:
            os.close(target)
        return None


def storage() -> Storage:
    return storages["results"]


def _is_remote() -> bool:
    return not isinstance(storage(), FileSystemStorage)


def name_of(run_id: UUID, number: int, holder: str) -> str:
    """The name of a page's piece. `holder` has the run's lease: whoever lost it must not write over a piece of its successor."""
    return f"{run_id}/{number:07}-{holder[:12]}.ndjson.zst"


# --- writing ----------------------------------------------------------------------------------------------------------


class Writer:
    """Writes pieces: into the local disk's cache at once; down to the disk itself by a thread, to a service by several, while the caller goes
    on. Close it at the end."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pieces") if _is_remote() else None
        self._together = _Together(local) if isinstance(local := storage(), LocalResults) and local.fsync else None

    def write(self, name: str, data: bytes) -> Future[int]:
        """Pack and write a piece; its size in bytes, or `StorageFailure`, is the result."""
        if self._pool:
            return self._pool.submit(_write, name, data)
        if self._together:
            return self._together.write(name, data)
        done: Future[int] = Future()
        try:
            done.set_result(_write(name, data))
        except StorageFailure as error:
            done.set_exception(error)
        return done

    def close(self) -> None:
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)
        if self._together:
            self._together.close()


class _Together:
    """One thread that writes all the pieces which wait for it, and then has them all put on the disk."""

    def __init__(self, local: LocalResults) -> None:
        self._local = local
        self._waiting: SimpleQueue[tuple[str, bytes, Future[int]] | None] = SimpleQueue()
        self._thread: Thread | None = None

    def write(self, name: str, data: bytes) -> Future[int]:
        done: Future[int] = Future()
        self._waiting.put((name, data, done))
        if self._thread is None:
            self._thread = Thread(target=self._serve, name="pieces", daemon=True)
            self._thread.start()
        return done

    def close(self) -> None:
        """Begin nothing more."""
        self._waiting.put(None)

    def _serve(self) -> None:
        while batch := self._next():
            self._write(batch)
            del batch  # its records need not stay until there are others

    def _write(self, batch: list[tuple[str, bytes, Future[int]]]) -> None:
        packed = [(name, zstd.compress(data, options=_PACKED)) for name, data, _ in batch]
        for (_, data), (_, _, done), failure in zip(packed, batch, self._local.save_together(packed), strict=True):
            if failure:
                done.set_exception(_failure(failure, "stored"))
            else:
                done.set_result(len(data))

    def _next(self) -> list[tuple[str, bytes, Future[int]]]:
        """What waits, as far as it may be open at once; nothing at the end."""
        found = [self._waiting.get()]
        with suppress(Empty):
            while len(found) < TOGETHER:
                found.append(self._waiting.get_nowait())
        return [] if None in found else [one for one in found if one]


def _write(name: str, data: bytes) -> int:
    packed = zstd.compress(data, options=_PACKED)
    with _told("stored"):
        storage().save(name, ContentFile(packed))
    return len(packed)


# --- reading ----------------------------------------------------------------------------------------------------------


def read(name: str) -> bytes:
    """The lines of one piece. Raises `StorageFailure`."""
    with _told("read"), storage().open(name) as file:
        data: bytes = file.read()
    try:
        return zstd.decompress(data)
    except zstd.ZstdError:
        logger.error("The piece %s is damaged.", name)
        raise StorageFailure("The records of a page are damaged in the storage. Run the action again to get them anew.") from None


def read_each(names: Iterable[tuple[T, str]]) -> Iterator[tuple[T, bytes]]:
    """The lines of pieces in order, each with what came with its name; a service is asked for a few ahead. Raises `StorageFailure`."""
    if not _is_remote():
        for mark, name in names:
            yield mark, read(name) if name else b""
        return
    ahead: deque[tuple[T, Future[bytes] | None]] = deque()
    rest = iter(names)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pieces") as pool:
        try:
            while True:
                ahead.extend((mark, pool.submit(read, name) if name else None) for mark, name in islice(rest, AT_ONCE - len(ahead)))
                if not ahead:
                    return
                mark, data = ahead.popleft()
                yield mark, data.result() if data else b""
        finally:  # the reader may have had enough
            for _, data in ahead:
                if data:
                    data.cancel()


# --- removing ---------------------------------------------------------------------------------------------------------


def remove(names: Iterable[str]) -> int:
    """Delete pieces, whether they are there or not; how many were asked for. Raises `StorageFailure`."""
    wanted = list(names)
    with _told("removed"):
        if _is_remote() and len(wanted) > 1:
            with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pieces") as pool:
                list(pool.map(storage().delete, wanted))
        else:
            for name in wanted:
                storage().delete(name)
    return len(wanted)


def listed(run_id: UUID | str) -> list[str]:
    """The names of all pieces of a run, also of those that no row names. Raises `StorageFailure`."""
    with _told("listed"):
        try:
            _, names = storage().listdir(str(run_id))
        except FileNotFoundError:
            return []
    return [f"{run_id}/{name}" for name in sorted(names) if name]


def written_at(name: str) -> datetime:
    """When a piece was written. Raises `StorageFailure`."""
    with _told("listed"):
        return storage().get_modified_time(name)


def folders() -> list[str]:
    """The ids of runs that have pieces. Raises `StorageFailure`."""
    with _told("listed"):
        try:
            found, _ = storage().listdir("")
        except FileNotFoundError:
            return []
    return found


def remove_all(run_id: UUID | str) -> int:
    """Delete all pieces of a run; how many there were. Raises `StorageFailure`."""
    count = remove(listed(run_id))
    if not _is_remote():
        with _told("removed"):
            storage().delete(str(run_id))  # the folder itself
    return count


# --- what goes wrong --------------------------------------------------------------------------------------------------


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn whatever a storage raises into a `StorageFailure`: each library has errors of its own, and they may quote addresses."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - boto3, botocore and urllib3 share no base, and other storages may be plugged in
        raise _failure(error, what) from None


def _failure(error: Exception, what: str) -> StorageFailure:
    logger.error("A piece could not be %s.", what, exc_info=error)
    return StorageFailure(_sentence(error, what))


def _sentence(error: Exception, what: str) -> str:
    number = getattr(error, "errno", None)
    if number in _FULL:
        return "The disk on which results are kept is full."
    if isinstance(error, FileNotFoundError):
        return f"Records of a page could not be {what}: they are not in the storage of results, which lost them or is another one now."
    if isinstance(error, OSError) and number:
        return f"Records could not be {what} in the folder of results ({os.strerror(number)})."
    answer: Any = getattr(error, "response", None)  # botocore's ClientError
    code = answer.get("Error", {}).get("Code", "") if isinstance(answer, dict) else ""
    return f"Records could not be {what}: the storage of results does not answer as it should ({code or type(error).__name__})."
