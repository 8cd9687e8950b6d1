"""Which records go, and when: by age, by the size of all, with their run, and pieces that no row names.

Only records go. The run and its ledger stay, and say what became of the records.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from actions import pieces
from actions.models import Page, Run
from integrations.permissions import is_uuid

logger = logging.getLogger(__name__)

AT_ONCE: Final = 500  # runs in one go; the rest is for the next time
# A worker that lost its lease may still write a piece; and a storage that another installation uses by mistake is not emptied at once.
SETTLED: Final = timedelta(hours=24)


def apply() -> int:
    """Remove the records of runs that are older, and then of the oldest ones until all fit; of how many runs."""
    removed = 0
    if settings.RESULTS_KEEP_DAYS:
        before = timezone.now() - timedelta(days=settings.RESULTS_KEEP_DAYS)
        for run in Run.objects.with_records().filter(finished_at__lt=before).order_by("finished_at")[:AT_ONCE]:
            removed += _remove(run, Run.Removal.AGE)
    if settings.RESULTS_MAX_BYTES:
        held = Run.objects.filter(records_removed_at=None).aggregate(size=Sum("stored_bytes"))["size"] or 0
        for run in Run.objects.with_records().order_by("finished_at")[:AT_ONCE]:
            if held <= settings.RESULTS_MAX_BYTES:
                break
            if _remove(run, Run.Removal.SIZE):
                held -= run.stored_bytes
                removed += 1
    return removed


def remove_pieces(run_id: UUID) -> int:
    """Delete the pieces of a run that is gone, or whose records are; how many there were. Raises `StorageFailure`."""
    if Run.objects.filter(pk=run_id, records_removed_at=None).exists():
        return 0
    return pieces.remove_all(run_id)


def sweep() -> int:
    """Delete pieces that no row names: of workers that died between piece and row, of runs that were deleted; how many there were."""
    settled = timezone.now() - SETTLED
    removed = 0
    for folder in pieces.folders():
        if not is_uuid(folder):
            continue
        run = Run.objects.filter(pk=folder).first()
        if run is None or run.records_removed_at:
            if _all_written_before(folder, settled):
                removed += pieces.remove_all(folder)
        elif run.finished_at and settled - timedelta(days=7) < run.finished_at < settled:
            named = set(Page.objects.filter(run=run).exclude(piece="").values_list("piece", flat=True))
            removed += pieces.remove(name for name in pieces.listed(folder) if name not in named)
    if removed:
        logger.info("%s pieces that no run names were removed.", removed)
    return removed


def _remove(run: Run, why: Run.Removal) -> int:
    """First the run says so, then the pieces go: nobody reads records of which a part is missing."""
    if not Run.objects.with_records().filter(pk=run.pk).update(records_removed_at=timezone.now(), records_removed_by=why):
        return 0  # resumed a moment ago
    pieces.remove_all(run.pk)
    return 1


def _all_written_before(folder: str, moment: datetime) -> bool:
    return all(pieces.written_at(name) < moment for name in pieces.listed(folder)[-1:])
