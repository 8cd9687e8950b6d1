"""Runs: start, claim, walk the pages, checkpoint each, end with a verdict that says what is known.

A worker holds a run by a lease, which it renews with every page. A page and the checkpoint after it are saved in one
transaction that fails if the lease is no longer its own; so a run whose worker is killed goes on elsewhere, no page is
lost, and none is stored twice.
"""

from actions.runs.execution import ATTEMPTS_WITHOUT_A_PAGE, execute
from actions.runs.leases import Lease, LeaseLost, claim
from actions.runs.lifecycle import EXECUTE, REMOVE_PIECES, cancel, delete, forget, recover, resume, send, start
from actions.runs.plans import DEFAULT_LIMIT, PageLimit, Plan, plan_of
from actions.runs.walk import Walk

__all__ = [
    "ATTEMPTS_WITHOUT_A_PAGE",
    "DEFAULT_LIMIT",
    "EXECUTE",
    "REMOVE_PIECES",
    "Lease",
    "LeaseLost",
    "PageLimit",
    "Plan",
    "Walk",
    "cancel",
    "claim",
    "delete",
    "execute",
    "forget",
    "plan_of",
    "recover",
    "resume",
    "send",
    "start",
]
