"""Records in the storage of results: on the local disk and in an S3-compatible service, and what a run says when it fails."""

from __future__ import annotations

import json
import os
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from django.core.files.storage import storages
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client as Browser
from moto.server import ThreadedMotoServer
from pytest_django.fixtures import Settings

from actions import pieces, results, runs
from actions.models import Page, Run
from config.storage import results_storage
from tests.actions.runner import CURSOR, PAGES, Runner
from tests.vendor.pages import records as vendor_records

BUCKET = "junction-results"


class Service:
    """A server that speaks S3, on this machine."""

    def __init__(self) -> None:
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.server.start()
        self.is_up = True
        host, port = self.server.get_host_and_port()
        self.url = f"http://{host}:{port}"
        self.client: Any = boto3.client("s3", endpoint_url=self.url, region_name="us-east-1")
        self.client.create_bucket(Bucket=BUCKET)

    def stop(self) -> None:
        """Forget everything, also for the next server of this process."""
        urlopen(Request(f"{self.url}/moto-api/reset", method="POST")).close()
        self.server.stop()
        self.is_up = False

    def keys(self) -> list[str]:
        return [item["Key"] for item in self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


@pytest.fixture
def service(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    service = Service()
    stored = results_storage(f"s3://{BUCKET}/kept", endpoint=service.url, region="us-east-1")
    settings.STORAGES = {**settings.STORAGES, "results": stored}
    yield service
    if service.is_up:
        service.stop()


def resumed(run: Run) -> Run:
    runs.resume(run=run, hand_over=False)
    runs.execute(run.pk)
    run.refresh_from_db()
    return run


def folder_of(run: Run) -> Path:
    return Path(storages["results"].path(str(run.pk)))


# --- the local disk ---


def test_each_page_is_a_piece_that_only_the_owner_can_read(runner: Runner) -> None:
    run = runner.run("/faults/pages?total=257", PAGES)
    rows = list(run.pages.order_by("number"))
    files = sorted(folder_of(run).iterdir())
    assert [row.piece for row in rows] == [f"{run.pk}/{file.name}" for file in files]
    assert [row.stored_bytes for row in rows] == [file.stat().st_size for file in files]
    assert run.stored_bytes == sum(row.stored_bytes for row in rows) < run.byte_count
    assert {file.stat().st_mode & 0o777 for file in [*files, folder_of(run)]} == {0o600, 0o700}
    lines = b"".join(pieces.read(row.piece) for row in rows).splitlines()
    assert [json.loads(line) for line in lines] == vendor_records(257)


def test_page_without_records_has_no_piece(runner: Runner) -> None:
    run = runner.run("/faults/cursor?total=257&empty=2", CURSOR)
    assert list(run.pages.order_by("number").values_list("record_count", "piece", "stored_bytes"))[1] == (0, "", 0)
    assert len(pieces.listed(run.pk)) == 3
    assert list(results.records(run)) == vendor_records(257)


def test_piece_of_a_worker_that_lost_its_lease_harms_nobody(runner: Runner) -> None:
    run = runner.start("/faults/pages?total=257", PAGES)
    pieces.Writer().write(pieces.name_of(run.pk, 1, "0" * 32), b'{"id": "from the dead"}\n').result()
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.verdict, list(results.records(run))) == ("complete", vendor_records(257))
    assert len(pieces.listed(run.pk)) == 4


def test_results_folder_that_cannot_be_written_to_ends_the_run_failed_and_resumable(runner: Runner) -> None:
    run = runner.start("/faults/pages?total=257", PAGES)
    folder_of(run).parent.mkdir(exist_ok=True)
    folder_of(run).touch()  # a file stands where the folder of the run belongs
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.verdict, run.page_count, run.is_resumable) == ("failed", 0, True)
    assert run.message == (
        "Records could not be stored in the folder of results (Not a directory). "
        "The pages before are complete. Resume the run when that is mended."
    )
    folder_of(run).unlink()
    assert (resumed(run).verdict, list(results.records(run))) == ("complete", vendor_records(257))


def test_full_disk_ends_the_run_failed_and_resumable(runner: Runner, settings: Settings, tmp_path: Path) -> None:
    if os.getuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", tmp_path], check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        settings.STORAGES = {**settings.STORAGES, "results": results_storage(tmp_path.as_uri())}
        run = runner.run("/faults/pages?total=2000", PAGES)
        assert (run.verdict, run.is_resumable) == ("failed", True)
        assert run.message == (
            "The disk on which results are kept is full. The pages before are complete. Resume the run when that is mended."
        )
        assert 0 < run.page_count < 20
        assert list(results.records(run)) == vendor_records(100 * run.page_count)
        assert len(pieces.listed(run.pk)) == run.page_count  # nothing half written is left
        subprocess.run(["mount", "-o", "remount,size=1m", tmp_path], check=True)
        assert (resumed(run).verdict, list(results.records(run))) == ("complete", vendor_records(2000))
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_damaged_piece_is_noticed_and_told(runner: Runner, browser: Browser) -> None:
    run = runner.run("/faults/pages?total=257", PAGES)
    damaged = storages["results"].path(run.pages.get(number=1).piece)
    data = bytearray(Path(damaged).read_bytes())
    data[len(data) // 2] ^= 1
    Path(damaged).write_bytes(data)
    answer = browser.get(f"/api/runs/{run.pk}/records")
    sentence = "The records of a page are damaged in the storage. Run the action again to get them anew."
    assert (answer.status_code, answer.json()["detail"]) == (503, sentence)
    assert sentence in browser.get(f"/runs/{run.pk}/").content.decode()
    Path(damaged).unlink()
    answer = browser.get(f"/api/runs/{run.pk}/records?cursor=")
    assert (answer.status_code, answer.json()["detail"]) == (
        503,
        "Records of a page could not be read: they are not in the storage of results, which lost them or is another one now.",
    )
    answer = browser.get(f"/runs/{run.pk}/records.csv", follow=True)
    assert "they are not in the storage of results" in answer.content.decode()


# --- an S3-compatible service ---


def test_run_is_stored_in_a_service_and_read_from_it(runner: Runner, service: Service, browser: Browser) -> None:
    run = runner.run("/faults/pages?total=1234", PAGES, limits={"concurrency": 4})
    assert (run.verdict, run.page_count) == ("complete", 13), run.message
    assert sorted(service.keys()) == [f"kept/{name}" for name in run.pages.order_by("number").values_list("piece", flat=True)]
    stored = [service.client.head_object(Bucket=BUCKET, Key=key)["ContentLength"] for key in sorted(service.keys())]
    assert stored == list(run.pages.order_by("number").values_list("stored_bytes", flat=True))
    assert json.loads(b"".join(results.as_json(run))) == vendor_records(1234)
    part = browser.get(f"/api/runs/{run.pk}/records?cursor=5.50&limit=60").json()
    assert (part["records"], part["next"]) == (vendor_records(1234)[450:510], "6.10")
    page = browser.get(f"/runs/{run.pk}/?view=json&start=1200").content.decode()
    assert f"&quot;id&quot;: {vendor_records(1234)[1233]['id']}," in page


def test_service_that_refuses_ends_the_run_failed_and_resumable(runner: Runner, service: Service) -> None:
    run = runner.start("/faults/pages?total=1234", PAGES)
    service.client.delete_bucket(Bucket=BUCKET)
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.verdict, run.page_count, run.is_resumable) == ("failed", 0, True)
    assert run.message == (
        "Records could not be stored: the storage of results does not answer as it should (NoSuchBucket). "
        "The pages before are complete. Resume the run when that is mended."
    )
    service.client.create_bucket(Bucket=BUCKET)
    assert (resumed(run).verdict, list(results.records(run))) == ("complete", vendor_records(1234))


def test_service_that_is_gone_in_the_middle_keeps_the_pages_before(runner: Runner, service: Service, browser: Browser) -> None:
    run = runner.run("/faults/pages?total=1234", PAGES, max_pages=3)
    service.stop()
    answer = browser.get(f"/api/runs/{run.pk}/records")
    assert (answer.status_code, answer.json()["title"]) == (503, "Not available now")
    run = resumed(run)
    assert (run.verdict, run.page_count, run.is_resumable) == ("failed", 3, True)
    assert "does not answer as it should (EndpointConnectionError)" in run.message


# --- runs from before there were pieces ---


@pytest.mark.django_db(transaction=True)
def test_records_of_older_runs_are_carried_over(runner: Runner) -> None:
    run = runner.run("/faults/cursor?total=257&empty=2", CURSOR)
    newest = [key for key in MigrationExecutor(connection).loader.graph.leaf_nodes() if key[0] == "actions"]
    executor = MigrationExecutor(connection)
    executor.migrate([("actions", "0004_run_organization")])
    try:
        old: Any = executor.loader.project_state(("actions", "0004_run_organization")).apps.get_model("actions", "Page")
        rows = [zlib.decompress(row.records) for row in old.objects.filter(run_id=run.pk).order_by("number")]
        assert [json.loads(line) for lines in rows for line in lines.splitlines()] == vendor_records(257)
        pieces.remove_all(run.pk)
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(newest)
    run.refresh_from_db()
    assert list(results.records(run)) == vendor_records(257)
    assert run.stored_bytes == sum(Page.objects.filter(run=run).values_list("stored_bytes", flat=True)) > 0
    assert sorted(pieces.listed(run.pk)) == [name for name in run.pages.order_by("number").values_list("piece", flat=True) if name]
