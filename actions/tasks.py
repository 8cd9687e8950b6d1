"""What workers do. A task carries an id, calls one service, and says so if the row is gone."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from actions import imports, mapping_options, retention, runs
from actions.schedules import services as schedules


@shared_task(name=runs.EXECUTE)
def execute_run(run_id: str) -> None:
    """Walk a run's pages, unless another worker holds it or it is finished."""
    runs.execute(UUID(run_id))


@shared_task(name="actions.tasks.recover_runs")
def recover_runs() -> None:
    """Send runs again whose worker has died or whose message was lost."""
    runs.recover()


@shared_task(name=schedules.FIRE)
def fire_schedule(schedule_id: str) -> None:
    """Start the run of a schedule whose time has come."""
    schedules.fire(UUID(schedule_id))


@shared_task(name=imports.EXECUTE)
def execute_import(import_id: str) -> None:
    """Read or write an import, unless another worker holds it or it needs none."""
    imports.execute(UUID(import_id))


@shared_task(name="actions.tasks.recover_imports")
def recover_imports() -> None:
    """Send imports again whose worker has died or whose message was lost."""
    imports.recover()


@shared_task(name="actions.tasks.remove_imports")
def remove_imports() -> None:
    """Delete imports that nobody came back to."""
    imports.remove_old()


@shared_task(name=mapping_options.REFRESH)
def refresh_mapping(mapping_id: str) -> None:
    """Fetch the options of a mapping, unless another worker does or it needs none."""
    mapping_options.refresh(UUID(mapping_id))


@shared_task(name="actions.tasks.recover_mappings")
def recover_mappings() -> None:
    """Send refreshes of mappings again that nobody has brought to their end."""
    mapping_options.recover()


@shared_task(name=runs.REMOVE_PIECES)
def remove_pieces(run_id: str) -> None:
    """Delete the records of a run that is gone."""
    retention.remove_pieces(UUID(run_id))


@shared_task(name="actions.tasks.apply_retention")
def apply_retention() -> None:
    """Remove records that the installation keeps no longer."""
    retention.apply()


@shared_task(name="actions.tasks.sweep_pieces")
def sweep_pieces() -> None:
    """Delete pieces that no run names."""
    retention.sweep()
