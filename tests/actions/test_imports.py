"""Imports as jobs: reading, choosing, writing, cancelling; a worker that dies; what is kept and what is removed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from actions import finalize, importing, imports
from actions.models import Action, Import, ImportContent
from integrations.models import Integration
from integrations.refusals import Conflict
from tests.backends import Worker, eventually
from tests.cast import Cast
from tests.vendor.server import VendorServer

State = Import.State


def large_document(count: int, *, title: str = "Large API") -> bytes:
    """A document of `count` operations with ten tags, larger than what is imported at once."""
    words = "What this operation is for, in the many words that descriptions of real documents have. " * 3
    paths = {
        f"/things{n}/{{id}}": {
            "get": {
                "operationId": f"thing{n}",
                "summary": f"Get thing {n}",
                "description": words,
                "tags": [f"tag {n % 10}"],
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string", "enum": ["a", "b"]}}],
                "responses": {"200": {"description": "OK"}},
            }
        }
        for n in range(count)
    }
    head = {"openapi": "3.0.3", "info": {"title": title, "version": "1"}, "servers": [{"url": "https://api.example.com"}]}
    return json.dumps({**head, "paths": paths}).encode()


def small_document(title: str = "Small API") -> bytes:
    return large_document(3, title=title)


def start(cast: Cast, document: bytes, **changed: Any) -> Import:
    given: dict[str, Any] = {"organization": cast.msp, "user": cast.bob, "kind": "file", "source": "api.json", "document": document}
    return imports.start(**given | changed)


def names(integration: Integration | None) -> list[str]:
    assert integration is not None
    return [action.name for action in integration.working.actions.all()]


# --- in this process ------------------------------------------------------------------------------------------------------


def test_small_document_is_imported_at_once(cast: Cast) -> None:
    job = start(cast, small_document())
    assert (job.state, job.done, job.title, job.version, job.lease_holder) == (State.FINISHED, 3, "Small API", "3.0.3", "")
    assert names(job.integration) == ["Get thing 0", "Get thing 1", "Get thing 2"]
    assert not ImportContent.objects.exists()


def test_small_document_waits_for_the_choice_where_it_is_asked_for(cast: Cast) -> None:
    job = start(cast, small_document(), asks=True)
    assert (job.state, Integration.objects.count()) == (State.CHOOSING, 0)
    imports.select(job=job, remove=[0, 2])
    job = imports.accept(job=job)
    assert (job.state, names(job.integration)) == (State.FINISHED, ["Get thing 1"])


def test_import_as_a_job_makes_what_import_in_one_go_makes(cast: Cast, settings: Settings) -> None:
    data = (settings.BASE_DIR / "tests" / "specs" / "library.yaml").read_bytes()
    job = start(cast, data, source="library.yaml")
    report = importing.import_document(data=data, organization=cast.msp, user=cast.bob, source="library.yaml")
    assert job.integration is not None
    one, other = job.integration.working, report.integration.working
    assert (one.content, one.source, one.linter) == (other.content, other.source, other.linter)
    assert (one.findings, one.repairs) == (other.findings, other.repairs)
    assert [action.operation for action in one.actions.all()] == [action.operation for action in other.actions.all()]


def test_document_that_is_none_fails_with_its_sentence(cast: Cast) -> None:
    job = start(cast, b"plain words", kind="text")
    assert (job.state, job.message, Integration.objects.count()) == (
        State.FAILED,
        "The file holds plain text, not an OpenAPI document. Choose a file that starts with openapi: 3.… or swagger: 2.0.",
        0,
    )
    assert imports.document(job) == b"plain words"


def test_choice_needs_one_operation_and_is_made_once(cast: Cast) -> None:
    job = start(cast, small_document(), asks=True)
    imports.select(job=job, remove=[0, 1, 2])
    with pytest.raises(Conflict, match="No operation is selected"):
        imports.accept(job=job)
    imports.select(job=job, add=[1])
    imports.accept(job=job)
    assert imports.accept(job=job).state == State.FINISHED
    assert Integration.objects.count() == 1
    with pytest.raises(Conflict, match="chosen already"):
        imports.select(job=job, add=[0])


def test_large_document_is_written_in_batches_that_go_on_where_they_stopped(cast: Cast) -> None:
    job = start(cast, large_document(1200))
    assert (job.state, job.phase) == (State.READING, "")
    imports.execute(job.pk)
    job.refresh_from_db()
    assert (job.state, job.total) == (State.CHOOSING, 1200)
    imports.select(job=job, remove=[1])
    job = imports.accept(job=job)
    assert (job.state, job.total) == (State.WRITING, 1199)
    # A worker writes one batch and dies.
    holder = uuid4().hex
    claimed = imports.claim(job.pk, holder)
    assert claimed is not None
    assert imports.claim(job.pk, uuid4().hex) is None
    work = imports.Work(claimed, holder)
    save, calls = work._save, []

    def die(**changes: Any) -> None:
        calls.append(changes)
        if changes.get("done", 0) > 500:
            raise imports.LeaseLost
        save(**changes)

    work._save = die  # type: ignore[method-assign]
    with pytest.raises(imports.LeaseLost):
        work.write()
    Import.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    job.refresh_from_db()
    assert (job.done, Action.objects.count()) == (500, 500)
    with pytest.raises(Conflict, match="still writing"):
        finalize.finalize(integration=Integration.objects.get(), user=cast.bob)
    imports.execute(job.pk)
    job.refresh_from_db()
    assert (job.state, job.done) == (State.FINISHED, 1199)
    assert names(job.integration) == ["Get thing 0", *(f"Get thing {n}" for n in range(2, 1200))]
    assert [action.position for action in Action.objects.all()] == list(range(1199))


def test_document_that_kills_its_workers_fails_at_last(cast: Cast) -> None:
    job = start(cast, large_document(500))
    Import.objects.filter(pk=job.pk).update(attempts=imports.ATTEMPTS)
    imports.execute(job.pk)
    job.refresh_from_db()
    assert (job.state, job.message) == (
        State.FAILED,
        "Several workers ended while they read this document. It may be too large for their memory: remove parts of it.",
    )


def test_cancelling_removes_what_was_begun(cast: Cast) -> None:
    waiting = start(cast, large_document(500))
    assert imports.cancel(job=waiting).state == State.CANCELLED
    imports.execute(waiting.pk)
    choosing = start(cast, small_document(), asks=True)
    assert imports.cancel(job=choosing).state == State.CANCELLED
    # A worker holds it: it ends at the worker's next step.
    held = start(cast, large_document(600))
    imports.execute(held.pk)
    held.refresh_from_db()
    imports.accept(job=held)
    holder = uuid4().hex
    claimed = imports.claim(held.pk, holder)
    assert claimed is not None
    work = imports.Work(claimed, holder)
    work.reach("writing")
    found = imports._FOUND.validate_json(imports._unpacked(claimed.content.found))
    work._save(integration=importing.begin(found=found, organization=cast.msp, user=cast.bob).integration)
    assert imports.cancel(job=held).state == State.WRITING
    with pytest.raises(imports.Cancelled):
        work.write()
    Import.objects.filter(pk=held.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert imports.cancel(job=held).state == State.CANCELLED
    assert (Integration.objects.count(), ImportContent.objects.count()) == (0, 0)


def test_deleting_the_draft_ends_the_import_that_writes_it(cast: Cast) -> None:
    job = start(cast, small_document())
    assert job.integration is not None
    job.integration.delete()
    assert not Import.objects.exists()
    imports.execute(job.pk)


def test_old_imports_are_removed(cast: Cast, settings: Settings) -> None:
    finished, failed, choosing = start(cast, small_document()), start(cast, b"x"), start(cast, small_document(), asks=True)
    new = start(cast, small_document(), asks=True)
    old = timezone.now() - timedelta(hours=settings.IMPORT_KEEP_HOURS, seconds=1)
    Import.objects.filter(pk__in=[finished.pk, failed.pk, choosing.pk]).update(created_at=old)
    assert imports.remove_old() == 3
    assert [job.pk for job in Import.objects.all()] == [new.pk]
    assert Integration.objects.get() == finished.integration


@pytest.mark.parametrize(("user", "count"), [("alice", 1), ("bob", 1), ("carol", 0), ("dave", 0), ("eve", 0)])
def test_imports_are_seen_by_who_builds_there(cast: Cast, user: str, count: int) -> None:
    start(cast, small_document(), asks=True)
    assert Import.objects.visible_to(getattr(cast, user)).count() == count


# --- with a worker --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_worker_reads_a_large_document_and_writes_what_was_chosen(cast: Cast, worker: Worker) -> None:
    job = start(cast, large_document(1500))
    eventually(lambda: Import.objects.filter(pk=job.pk, state=State.CHOOSING).exists())
    job.refresh_from_db()
    imports.select(job=job, remove=range(0, 1500, 2))
    imports.accept(job=job)
    eventually(lambda: Import.objects.filter(pk=job.pk, state=State.FINISHED).exists())
    job.refresh_from_db()
    assert names(job.integration) == [f"Get thing {n}" for n in range(1, 1500, 2)]


@pytest.mark.django_db(transaction=True)
def test_worker_fetches_a_url_and_imports_a_small_document(cast: Cast, worker: Worker, vendor: VendorServer) -> None:
    job = start(cast, b"", kind="url", source=f"{vendor.url}/openapi.json")
    eventually(lambda: not Import.objects.get(pk=job.pk).is_at_work)
    job.refresh_from_db()
    assert (job.state, job.message, len(names(job.integration))) == (State.FINISHED, "", 14)


@pytest.mark.django_db(transaction=True)
def test_import_survives_a_worker_that_is_killed(cast: Cast, worker: Worker, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """With -9, while it reads or writes 6,000 operations; the next worker goes on, and no action is there twice."""
    worker.stop()
    monkeypatch.setenv("IMPORT_LEASE_SECONDS", "2")
    settings.IMPORT_LEASE_SECONDS = 2
    worker.start()
    job = start(cast, large_document(6000), asks=True)
    eventually(lambda: Import.objects.filter(pk=job.pk).exclude(lease_holder="").exists())
    worker.kill()
    worker.start()
    eventually(lambda: imports.recover() > 0 or not Import.objects.get(pk=job.pk).is_at_work)
    eventually(lambda: Import.objects.filter(pk=job.pk, state=State.CHOOSING).exists())
    job.refresh_from_db()
    imports.accept(job=job)
    eventually(lambda: Import.objects.get(pk=job.pk).done > 0)
    worker.kill()
    reached = Import.objects.get(pk=job.pk).done
    worker.start()
    eventually(lambda: imports.recover() > 0 or not Import.objects.get(pk=job.pk).is_at_work)
    eventually(lambda: Import.objects.filter(pk=job.pk, state=State.FINISHED).exists())
    job.refresh_from_db()
    assert (job.done, 0 < reached <= 6000) == (6000, True)
    assert names(job.integration) == [f"Get thing {n}" for n in range(6000)]
