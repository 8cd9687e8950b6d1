"""The embedded broker, and the worker on it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from django.conf import settings

from config.broker import wait
from config.celery import QUEUES, app
from tests.backends import Worker, eventually, stop


def serve(folder: Path) -> subprocess.Popen[bytes]:
    """`python -m config.broker` with this data folder."""
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "config.settings"}
    return subprocess.Popen([sys.executable, "-m", "config.broker"], cwd=settings.BASE_DIR, env=environment, stderr=subprocess.PIPE)


def test_broker_keeps_what_is_queued_when_it_is_killed(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/valkey.sock"
    server = serve(tmp_path)
    wait(url)
    with redis.Redis.from_url(url) as client:
        client.lpush("runs", "task")
        assert client.config_get("port") == {"port": "0"}
        # AOF, not the once-a-second flush, is what survives a kill: the write has reached the system by now.
        assert client.config_get("appendonly") == {"appendonly": "yes"}
    server.send_signal(signal.SIGKILL)
    server.communicate()

    server = serve(tmp_path)
    wait(url)
    with redis.Redis.from_url(url) as client:
        assert client.lrange("runs", 0, -1) == [b"task"]
    stop(server)


def test_broker_refuses_a_data_folder_that_is_in_use(tmp_path: Path) -> None:
    server = serve(tmp_path)
    wait(f"unix://{tmp_path}/valkey.sock")
    second = serve(tmp_path)
    _, errors = second.communicate()
    stop(server)
    sentence = f"Junction runs already with the data in {tmp_path}. Stop it first, or set DATA_DIR to another folder.\n"
    assert (second.returncode, errors.decode()) == (1, sentence)


def test_wait_ends_with_a_sentence_when_nothing_answers(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        wait(f"unix://{tmp_path}/nothing.sock", seconds=0)
    assert str(caught.value).startswith("The broker does not answer: ")


def test_worker_serves_all_queues(worker: Worker) -> None:
    def names() -> list[str]:
        """The queues of the worker, once it answers."""
        answers = app.control.inspect(timeout=0.5).active_queues() or {}
        return sorted(queue["name"] for queues in answers.values() for queue in queues)

    assert eventually(names) == sorted(QUEUES)
