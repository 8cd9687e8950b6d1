"""The usual way to keep tokens alive, for comparison: one Celery task a connection, which fetches, posts and saves.

celery -A benchmarks.one_task_each worker --pool threads --concurrency 32
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import requests
from django.conf import settings
from django.utils import timezone

from config.celery import BROKER_URL
from config.celery import app as junction

app: Any = type(junction)("one_task_each")
app.conf.update(broker_url=BROKER_URL, task_ignore_result=True, task_default_queue="one_task_each", worker_prefetch_multiplier=4)
assert settings.configured


@app.task(name="one_task_each.refresh")
def refresh(connection_id: str, url: str) -> None:
    from connections.models import Credential
    from connections.secrets import open_sealed, seal

    row = Credential.objects.get(pk=connection_id)
    found = open_sealed(row.token_sealed, context=row.context)
    form = {"grant_type": "refresh_token", "refresh_token": found["refresh"], "client_id": "id", "client_secret": "secret"}
    answer = requests.post(url, data=form, timeout=30).json()
    row.token_sealed = seal({"value": answer["access_token"], "refresh": answer["refresh_token"]}, context=row.context)
    row.token_expires_at = timezone.now() + timedelta(seconds=answer["expires_in"])
    row.refresh_due_at = row.token_expires_at - timedelta(seconds=60)
    row.generation += 1
    row.save(update_fields=["token_sealed", "token_expires_at", "refresh_due_at", "generation"])
