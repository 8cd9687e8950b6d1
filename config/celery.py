"""The Celery application: queues, limits, and what beat starts.

Tasks carry ids only and are sent on commit. A task is acknowledged when it has ended (`acks_late`), so that one whose
worker was killed is delivered again; runs do not rely on that alone, see `actions.tasks.recover_runs`.
"""

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# kombu's name for a Unix socket differs from redis-py's.
BROKER_URL = settings.REDIS_URL.replace("unix://", "redis+socket://", 1)

app = Celery("junction")
app.conf.update(
    broker_url=BROKER_URL,
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,  # a long run must not hold others back behind it
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    # The broker hands out a message again when it was not acknowledged for so long; a run over many pages may take hours,
    # and a second delivery finds the run leased and ends at once.
    broker_transport_options={"visibility_timeout": 3600},
    task_default_queue="runs",
    timezone="UTC",
    beat_schedule={
        "recover-runs": {
            "task": "actions.tasks.recover_runs",
            "schedule": settings.RUN_RECOVER_SECONDS,
            "options": {"expires": settings.RUN_RECOVER_SECONDS},
        },
    },
    beat_schedule_filename=str(settings.DATA_DIR / "beat-schedule"),
)
app.autodiscover_tasks(["connections", "actions"])
