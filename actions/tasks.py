"""What workers do. A task carries an id, calls one service, and says so if the row is gone."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from actions import runs


@shared_task(name=runs.EXECUTE)
def execute_run(run_id: str) -> None:
    """Walk a run's pages, unless another worker holds it or it is finished."""
    runs.execute(UUID(run_id))


@shared_task(name="actions.tasks.recover_runs")
def recover_runs() -> None:
    """Send runs again whose worker has died or whose message was lost."""
    runs.recover()
