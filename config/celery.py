"""The Celery application: queues, limits, and what beat starts.

Tasks carry ids only and are sent on commit. A task is acknowledged when it has ended (`acks_late`), so that one whose
worker was killed is delivered again; runs do not rely on that alone, see `actions.tasks.recover_runs`.
"""

import os

from celery import Celery
from django.conf import settings
from kombu import Exchange, Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# kombu's names for a Unix socket and the database behind it differ from redis-py's.
BROKER_URL = settings.REDIS_URL
if BROKER_URL.startswith("unix://"):
    BROKER_URL = BROKER_URL.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=")

# One worker serves all of them; an installation that grows starts another one with `--queues tokens`.
QUEUES = ("runs", "tokens", "imports", "webhooks")

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
    task_queues=[Queue(name, Exchange(name), routing_key=name) for name in QUEUES],
    task_default_queue="runs",
    task_routes={
        "connections.tasks.*": {"queue": "tokens"},
        "connections.deliveries.tasks.*": {"queue": "webhooks"},
        "connections.webhooks.tasks.*": {"queue": "webhooks"},
    },
    # Processes, because a run decodes and packs what it fetches, and one that crashes takes no other run along. A run
    # mostly waits for the vendor, so that there are more of them than cores.
    worker_pool="prefork",
    worker_concurrency=max(4, os.cpu_count() or 1),
    timezone="UTC",
    beat_schedule={
        "renew-due-tokens": {
            "task": "connections.tasks.renew_due_tokens",
            "schedule": settings.TOKEN_REFRESH_SECONDS,
            "options": {"expires": settings.TOKEN_REFRESH_SECONDS},
        },
        "check-connections": {
            "task": "connections.tasks.check_connections",
            "schedule": 60,
            "options": {"expires": 60},
        },
        "trim-request-log": {"task": "connections.tasks.trim_request_log", "schedule": 600, "options": {"expires": 600}},
        "trim-connection-events": {"task": "connections.tasks.trim_connection_events", "schedule": 3600, "options": {"expires": 3600}},
        "trim-token-events": {
            "task": "connections.tasks.trim_token_events",
            "schedule": 3600,
            "options": {"expires": 3600},
        },
        "hand-out-deliveries": {"task": "connections.deliveries.tasks.hand_out", "schedule": 5, "options": {"expires": 5}},
        "hand-out-webhooks": {"task": "connections.webhooks.tasks.hand_out", "schedule": 5, "options": {"expires": 5}},
        "trim-webhooks": {"task": "connections.webhooks.tasks.trim", "schedule": 3600, "options": {"expires": 3600}},
        "trim-deliveries": {"task": "connections.deliveries.tasks.trim", "schedule": 3600, "options": {"expires": 3600}},
        "recover-runs": {
            "task": "actions.tasks.recover_runs",
            "schedule": settings.RUN_RECOVER_SECONDS,
            "options": {"expires": settings.RUN_RECOVER_SECONDS},
        },
        "recover-mappings": {
            "task": "actions.tasks.recover_mappings",
            "schedule": settings.RUN_RECOVER_SECONDS,
            "options": {"expires": settings.RUN_RECOVER_SECONDS},
        },
        "apply-retention": {"task": "actions.tasks.apply_retention", "schedule": 3600, "options": {"expires": 3600}},
        "sweep-pieces": {"task": "actions.tasks.sweep_pieces", "schedule": 24 * 3600, "options": {"expires": 24 * 3600}},
        "recover-imports": {
            "task": "actions.tasks.recover_imports",
            "schedule": settings.RUN_RECOVER_SECONDS,
            "options": {"expires": settings.RUN_RECOVER_SECONDS},
        },
        "remove-imports": {"task": "actions.tasks.remove_imports", "schedule": 3600, "options": {"expires": 3600}},
    },
    # Reads these and what people schedule from the database, and sees a change within five seconds.
    beat_scheduler="django_celery_beat.schedulers:DatabaseScheduler",
)
app.autodiscover_tasks(["connections", "connections.deliveries", "connections.webhooks", "actions"])
