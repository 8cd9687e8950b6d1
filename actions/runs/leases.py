"""Who holds a run: one worker, for as long as it renews its lease. Everything that a worker changes is changed under it."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from actions.models import Run
from actions.signals import run_ended
from integrations.definition import BlameName
from integrations.storable import mended

logger = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another worker holds the run now; whatever this one has in its hands is dropped."""


class Cancelled(Exception):
    """Somebody asked to stop the run."""


def lease_end(extra: float = 0) -> datetime:
    return timezone.now() + timedelta(seconds=settings.RUN_LEASE_SECONDS + extra)


def claim(run_id: UUID, holder: str) -> Run | None:
    """Take the lease of a run that waits, or whose holder is dead; None if there is nothing to take."""
    now = timezone.now()
    free = Q(state=Run.State.QUEUED) | Q(state__in=(Run.State.RUNNING, Run.State.WAITING), lease_until__lt=now)
    taken = Run.objects.filter(free, pk=run_id).update(
        state=Run.State.RUNNING,
        lease_holder=holder,
        lease_until=lease_end(),
        attempts=F("attempts") + 1,
        started_at=Coalesce(F("started_at"), now),
        resume_at=None,
    )
    if not taken:
        if not Run.objects.filter(pk=run_id).exists():
            logger.info("Run %s is gone.", run_id)
        return None
    related = ("action__revision", "connection__credential", "connection__integration", "connection__organization", "created_by")
    return Run.objects.select_related(*related).get(pk=run_id)


class Lease:
    """A worker's hold on a run that it has claimed."""

    LOOK_SECONDS = 0.5  # between two looks at whether the run was cancelled

    def __init__(self, run_id: UUID, holder: str) -> None:
        self._run_id, self.holder = run_id, holder
        self._looked = float("-inf")
        self._renewed = time.monotonic()

    def change(self, **changes: Any) -> None:
        """Change the run, and renew the lease if nothing else is said. Raises `LeaseLost`."""
        changes.setdefault("lease_until", lease_end())
        if not self._mine().update(**changes):
            raise LeaseLost
        self._renewed = time.monotonic()

    def finish(self, verdict: str, message: str, fault: Fault | None = None) -> None:
        """End the run, if it is still this worker's. `fault` says of a failure whose it is."""
        with transaction.atomic():
            if self._mine().update(**finished(verdict, message, fault)):
                tell(self._run_id)
                return
        logger.warning("Run %s was to end as %s, but is held by another worker.", self._run_id, verdict)

    def keep(self) -> None:
        """Renew the lease when a third of it is over. Raises `LeaseLost`."""
        if time.monotonic() - self._renewed > settings.RUN_LEASE_SECONDS / 3:
            self.change()

    def look(self) -> None:
        """Keep the lease, and see whether the run is still to go on; costs nothing when it was done just now.

        Raises `LeaseLost` or `Cancelled`.
        """
        now = time.monotonic()
        if now - self._looked < self.LOOK_SECONDS:
            return
        self._looked = now
        asked = self._mine().values_list("cancel_requested", flat=True).first()
        if asked is None:
            raise LeaseLost
        if asked:
            raise Cancelled
        self.keep()

    def _mine(self) -> Any:
        return Run.objects.filter(pk=self._run_id, state=Run.State.RUNNING, lease_holder=self.holder)


def tell(run_id: UUID) -> None:
    """Tell whoever listens that a run has ended, in the transaction that ends it: what they write down is then never lost.

    A fault of theirs is logged and does not keep the run from ending.
    """
    run_ended.send_robust(Run, run_id=run_id)


@dataclass(frozen=True)
class Fault:
    """Whose a failure is, by what `connections.answers.advice` knows it, and the vendor's status where its answer ended the run."""

    blame: BlameName
    cause: str = ""
    status: int | None = None


OURS: Final = Fault("us")


def finished(verdict: str, message: str, fault: Fault | None = None) -> dict[str, Any]:
    """The columns of a run that has ended."""
    return {
        "blame": fault.blame if fault else "",
        "cause": fault.cause if fault else "",
        "failed_status": fault.status if fault else None,
        "state": Run.State.FINISHED,
        "verdict": verdict,
        "message": mended(message),
        "finished_at": timezone.now(),
        "lease_until": None,
        "lease_holder": "",
        "sent_at": None,
    }
