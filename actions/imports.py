"""Imports as jobs: read a document, let a person choose among its operations, write the chosen ones as a draft.

A worker holds an import by a lease, as it holds a run. Reading happens outside of any transaction; writing goes in batches,
each committed together with its count under the lease. So the database is never locked for long, an import whose worker is
killed goes on elsewhere, and no action is written twice. What ends early leaves no half-written draft behind.
"""

from __future__ import annotations

import logging
import threading
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError
from pydantic import TypeAdapter

from actions import fetching, importing, services
from actions.catalogue import Catalogue, Selection
from actions.models import Import, ImportContent
from config.celery import app as celery
from connections.journal import public_url
from connections.secrets import SecretError, open_bytes, seal_bytes
from integrations import openapi
from integrations.models import Integration, Organization, User
from integrations.openapi.archive import is_archive
from integrations.refusals import Conflict, Refusal

logger = logging.getLogger(__name__)

EXECUTE: Final = "actions.tasks.execute_import"
QUEUE: Final = "imports"
BATCH: Final = 500  # actions written in one transaction, a fraction of a second; so few are written within the request
ATTEMPTS: Final = 3  # a document that kills its worker must not go on for ever

CHOSEN: Final = "The operations of this import have been chosen already. Load the page again."

_FOUND: Final = TypeAdapter(openapi.Imported)
State = Import.State


class LeaseLost(Exception):
    """Another worker holds the import now, or it is gone; this one drops it."""


class Cancelled(Exception):
    """Somebody asked to cancel."""


# --- what a person does ---------------------------------------------------------------------------------------------------


def start(
    *,
    organization: Organization,
    user: User,
    kind: str,
    source: str,
    document: bytes = b"",
    asks: bool = False,
) -> Import:
    """A new import. A small document is read, and unless `asks` written, at once; others are handed to the workers on commit.

    Of kind URL, `source` is the URL, and a worker fetches the document. A password or a key may stand in it: until then it is kept sealed.
    """
    with transaction.atomic():
        is_url = kind == Import.Kind.URL
        seen = public_url(source) if is_url else source
        job = Import.objects.create(
            organization=organization, created_by=user, kind=kind, source=seen[:2000], asks=asks, lease_until=_lease_end()
        )
        content = seal_bytes(source.encode(), context=_context(job)) if is_url else _packed(document)
        ImportContent.objects.create(job=job, document=content)
    # What an archive unpacks to can be a thousand times as large.
    is_small = len(document) <= settings.IMPORT_INLINE_BYTES and not is_archive(document)
    return _hand_over(job, at_once=is_small and kind != Import.Kind.URL)


def catalogue(job: Import) -> Catalogue:
    """The operations that one chooses from. Raises `Conflict` when they are gone, because the choice has been made."""
    found = ImportContent.objects.filter(job=job).values_list("catalogue", flat=True).first()
    if not found:
        raise Conflict(CHOSEN)
    return Catalogue.load(_unpacked(found))


def selection(job: Import) -> Selection:
    return Selection(bytes(job.selected))


def document(job: Import) -> bytes:
    """The bytes as they were given; nothing once they have been read."""
    found = ImportContent.objects.filter(job=job).values_list("document", flat=True).first()
    return _unpacked(found) if found else b""


def select(*, job: Import, add: Iterable[int] = (), remove: Iterable[int] = ()) -> Selection:
    """Change which operations are to be imported. Raises `Conflict` when the choice has been made already."""
    with transaction.atomic():
        row = Import.objects.select_for_update().filter(pk=job.pk, state=State.CHOOSING).first()
        if row is None:
            raise Conflict(CHOSEN)
        changed = selection(row).changed(add=add, remove=remove)
        Import.objects.filter(pk=job.pk).update(selected=changed.marks)
    job.selected = changed.marks
    return changed


def accept(*, job: Import) -> Import:
    """Import what is selected: at once if it is little, else by a worker. Raises `Conflict` when nothing is selected."""
    count = selection(job).count
    if job.state == State.CHOOSING and not count:
        raise Conflict("No operation is selected. Select at least one, or cancel the import.")
    waits = {"state": State.WRITING, "total": count, "done": 0, "attempts": 0, "lease_until": _lease_end(), "queued_at": timezone.now()}
    if not Import.objects.filter(pk=job.pk, state=State.CHOOSING).update(**waits):
        job.refresh_from_db()
        return job
    return _hand_over(job, at_once=len(job.selected) <= BATCH)


def cancel(*, job: Import) -> Import:
    """End an import: at once if no worker holds it, else at the worker's next step. A draft that was begun is removed."""
    if not _ended(Import.objects.unfinished().unheld(timezone.now()).filter(pk=job.pk), State.CANCELLED):
        Import.objects.at_work().filter(pk=job.pk).update(cancel_requested=True)
    job.refresh_from_db()
    return job


# --- what beat does -------------------------------------------------------------------------------------------------------


def recover() -> int:
    """Send again every import whose worker is dead; how many there were."""
    now = timezone.now()
    found = list(Import.objects.orphaned(now).values_list("pk", flat=True)[:1000])
    for pk in found:
        if Import.objects.orphaned(now).filter(pk=pk).update(lease_holder="", lease_until=_lease_end()):
            _send(pk)
    return len(found)


def remove_old() -> int:
    """Delete what nobody came back to, and what has long been used; how many there were."""
    now = timezone.now()
    old = Import.objects.filter(created_at__lt=now - timedelta(hours=settings.IMPORT_KEEP_HOURS))
    _ended(old.unfinished().unheld(now), State.CANCELLED)
    ended = list(old.exclude(pk__in=old.unfinished()).values_list("pk", flat=True))
    Import.objects.filter(pk__in=ended).delete()
    return len(ended)


# --- what a worker does ---------------------------------------------------------------------------------------------------


def execute(import_id: UUID) -> None:
    """Take an import up and do what there is to do; nothing happens if somebody else holds it or it needs nothing."""
    holder = uuid4().hex
    job = claim(import_id, holder)
    if job is None:
        return
    work = Work(job, holder)
    try:
        if job.attempts > ATTEMPTS:
            work.fail("Several workers ended while they read this document. It may be too large for their memory: remove parts of it.")
            return
        if job.state == State.READING:
            work.read()
        if job.state == State.WRITING:
            work.write()
    except LeaseLost:
        logger.warning("Import %s is gone or held by another worker; this one drops it.", import_id)
    except Cancelled:
        _ended(work.mine(), State.CANCELLED)
    except Refusal as refusal:
        work.fail(refusal.message)
    except Exception:  # whatever it was: without an end the next worker would take the same document up, and the next
        logger.exception("Import %s ended by a fault of Junction.", import_id)
        work.fail("Junction has a fault here; its log says more. Tell your administrator which document it was.")


def claim(import_id: UUID, holder: str) -> Import | None:
    """Take the lease of an import that waits for a worker, or whose worker is dead; None if there is nothing to take."""
    free = Import.objects.at_work().unheld(timezone.now()).filter(pk=import_id)
    if not free.update(lease_holder=holder, lease_until=_lease_end(), attempts=F("attempts") + 1):
        return None
    return Import.objects.filter(pk=import_id, lease_holder=holder).select_related("organization", "created_by", "integration").first()


class Work:
    """One worker's hands on an import that it has claimed."""

    def __init__(self, job: Import, holder: str) -> None:
        self.job = job
        self.holder = holder
        self.found: openapi.Imported | None = None

    def read(self) -> None:
        """From bytes or URL to what was found; then the choice, or at once the writing."""
        job = self.job
        with self._kept_alive():
            if job.kind == Import.Kind.URL:
                self.reach("fetching")
                fetched = fetching.fetch(_address(job))
                job.source, data = public_url(fetched.url)[:2000], fetched.data
                found = importing.parse(data, source_url=fetched.url, progress=self.reach)
                found.findings = [*fetched.findings, *found.findings]
            else:
                data = document(job)
                found = importing.parse(data, name=job.source, progress=self.reach)
        self.found = found
        self.reach("sorting")
        state = State.CHOOSING if job.asks or len(data) > settings.IMPORT_INLINE_BYTES else State.WRITING
        count = len(found.operations)
        changes: dict[str, Any] = {
            "state": state,
            "source": job.source,
            "title": found.title[:200],
            "version": found.version[:40],
            "selected": Selection.everything(count).marks,
            "total": count,
            "attempts": 0,
        }
        if state == State.CHOOSING:
            changes |= _RELEASED
        content = {
            "document": b"",
            "found": _packed(_FOUND.dump_json(found, by_alias=True)),
            "catalogue": _packed(Catalogue.of(found.operations).dump()),
        }
        with transaction.atomic():
            self._save(**changes)
            ImportContent.objects.filter(job=job).update(**content)

    def write(self) -> None:
        """The selected operations as actions of a draft, from where the last worker stopped."""
        job = self.job
        self.reach("writing")
        found = self.found or _FOUND.validate_json(_unpacked(job.content.found))
        operations = [operation for operation, mark in zip(found.operations, bytes(job.selected), strict=True) if mark]
        if job.integration is None:
            with transaction.atomic():
                draft = importing.begin(found=found, organization=job.organization, user=job.created_by, source=job.source)
                self._save(integration=draft.integration)
        else:
            draft = job.integration.working
        while job.done < len(operations):
            batch = operations[job.done : job.done + BATCH]
            with transaction.atomic():
                start = job.done
                self._save(done=start + len(batch))
                services.add_all(revision=draft, operations=batch, start=start)
        with transaction.atomic():
            self._save(state=State.FINISHED, **_RELEASED)
            ImportContent.objects.filter(job=job).delete()

    def reach(self, phase: str) -> None:
        """Say what comes next, and keep the lease. Raises `Cancelled`, `LeaseLost`."""
        self._save(phase=phase)

    def fail(self, message: str) -> None:
        """End it with a sentence. The document stays, so that the form can show what was given."""
        if not _ended(self.mine(), State.FAILED, message):
            logger.warning("Import %s was to fail, but is held by another worker.", self.job.pk)

    def mine(self) -> Any:
        return Import.objects.at_work().filter(pk=self.job.pk, lease_holder=self.holder)

    def _save(self, **changes: Any) -> None:
        """Change the row under this worker's lease, which is renewed. Raises `Cancelled`, `LeaseLost`."""
        changes = {"lease_until": _lease_end(), **changes}
        if not self.mine().filter(cancel_requested=False).update(**changes):
            raise Cancelled if self.mine().exists() else LeaseLost
        for name, value in changes.items():
            setattr(self.job, name, value)

    @contextmanager
    def _kept_alive(self) -> Iterator[None]:
        """Renew the lease from a thread beside, because a phase of reading can take longer than the lease."""
        done = threading.Event()

        def renew() -> None:
            while not done.wait(settings.IMPORT_LEASE_SECONDS / 3):
                with suppress(DatabaseError):  # the next beat may get through
                    self.mine().update(lease_until=_lease_end())
            connection.close()

        beat = threading.Thread(target=renew, daemon=True)
        beat.start()
        try:
            yield
        finally:
            done.set()
            beat.join()


_RELEASED: Final[dict[str, Any]] = {"phase": "", "lease_holder": "", "lease_until": None}


def _hand_over(job: Import, *, at_once: bool) -> Import:
    if at_once:
        execute(job.pk)
    else:
        transaction.on_commit(lambda: _send(job.pk))
    job.refresh_from_db()
    return job


def _send(import_id: UUID) -> None:
    """Hand an import to the workers. Without a broker it waits in the database until `recover` finds it."""
    try:
        celery.send_task(EXECUTE, [str(import_id)], queue=QUEUE)
    except OperationalError:
        logger.warning("The broker did not take import %s; it is sent again later.", import_id)


def _ended(rows: Any, state: str, message: str = "") -> int:
    """End these imports, with the drafts that they had begun; how many there were."""
    count = 0
    for pk in list(rows.values_list("pk", flat=True)):
        with transaction.atomic():
            begun = Integration.objects.filter(imports=pk).first()
            if not rows.filter(pk=pk).update(state=state, message=message, integration=None, **_RELEASED):
                continue  # a worker has taken it up, or it has come to its end, in the meantime
            if begun:
                begun.delete()
            if state == State.CANCELLED:
                ImportContent.objects.filter(job=pk).delete()
            count += 1
    return count


def _context(job: Import) -> str:
    """What a sealed address is bound to."""
    return f"import:{job.pk}"


def _address(job: Import) -> str:
    try:
        return open_bytes(bytes(job.content.document), context=_context(job)).decode()
    except SecretError:
        raise Refusal("The address of this import cannot be read any more: the keys have changed. Enter it again.") from None


def _packed(data: bytes) -> bytes:
    return zlib.compress(data, level=1)


def _unpacked(data: bytes | memoryview) -> bytes:
    return zlib.decompress(bytes(data))


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.IMPORT_LEASE_SECONDS)
