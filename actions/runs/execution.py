"""What a worker does with a run: take it up, walk it to its end, and give every failure its verdict."""

from __future__ import annotations

import logging
from uuid import UUID, uuid4

from django.db import DatabaseError, connection

from actions import requests
from actions.models import Run
from actions.pagination import PaginationError
from actions.pieces import StorageFailure
from actions.records import ResultsKeyError
from actions.runs.leases import OURS, Fault, Lease, LeaseLost, claim
from actions.runs.walk import Walk
from connections.retries import CallError

logger = logging.getLogger(__name__)

ATTEMPTS_WITHOUT_A_PAGE = 5  # a run that kills its worker again and again must not go on for ever
Verdict = Run.Verdict


def execute(run_id: UUID) -> None:
    """Take a run up and walk it to its end; nothing happens if somebody else holds it or it is finished."""
    holder = uuid4().hex
    run = claim(run_id, holder)
    if run is None:
        return
    lease = Lease(run.pk, holder)
    if run.attempts > ATTEMPTS_WITHOUT_A_PAGE:
        lease.finish(
            Verdict.FAILED,
            f"{run.attempts - 1} workers ended while they fetched this page. It may be too large for the memory of a worker.",
            OURS,
        )
        return
    try:
        Walk(run, lease).to_the_end()
    except LeaseLost:
        logger.warning("Run %s is held by another worker now; this one drops it.", run_id)
    except CallError as error:
        # What nobody is blamed for is something that the connection or the inputs lack.
        lease.finish(Verdict.FAILED, error.message, Fault(error.blame or "you", error.cause, error.status))
    except requests.InputError as error:
        lease.finish(Verdict.FAILED, str(error), Fault("you"))
    except (PaginationError, ResultsKeyError) as error:
        lease.finish(Verdict.FAILED, str(error), OURS)
    except StorageFailure as error:
        lease.finish(Verdict.FAILED, f"{error.message} The pages before are complete. Resume the run when that is mended.", OURS)
    except (DatabaseError, OSError):
        logger.exception("Run %s could not be stored.", run_id)
        _could_not_store(lease, run_id)
    except Exception:  # whatever it was: without a verdict the next worker would fetch the same page, and the next
        logger.exception("Run %s ended by a fault of Junction.", run_id)
        lease.finish(Verdict.FAILED, "Junction has a fault here; its log says more. The pages that were stored are complete.", OURS)


def _could_not_store(lease: Lease, run_id: UUID) -> None:
    """Say so, if even that can be stored; otherwise the lease runs out, and the run goes on when the database is back."""
    try:
        if not connection.in_atomic_block:
            connection.close()
        lease.finish(
            Verdict.FAILED,
            "A page could not be stored: the disk of the database is full, or it does not answer. The pages before it are complete. "
            "Resume the run when that is mended.",
            OURS,
        )
    except DatabaseError:
        logger.warning("Run %s has no verdict yet; it is taken up again when the database is back.", run_id)
