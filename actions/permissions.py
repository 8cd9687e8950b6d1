"""From a user to actions and runs; fails closed. Strangers get 404, members whose role is too low get 403."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404

from actions.models import Action, Import, Run, RunWebhook, Schedule, Trigger
from connections.models import Delivery
from connections.permissions import connection_for
from integrations.models import Integration
from integrations.permissions import by_id_or_404, check_builder, is_uuid


def runnable_action(integration: Integration, uid: Any) -> Action:
    """The action as the integration's newest finalized revision has it, which is what runs use."""
    revision = integration.current
    found = revision.actions.filter(uid=uid).first() if revision and is_uuid(uid) else None
    if found is None:
        raise Http404
    return found


def run_for(user: Any, key: Any, *, use: bool = False) -> Run:
    """The run that the user sees; with `use` one that the user may cancel."""
    rows = Run.objects.visible_to(user).select_related(
        "action__revision__integration", "connection__integration", "connection__organization", "organization", "created_by", "schedule"
    )
    found = by_id_or_404(rows, key)
    if use and not may_use_run(user, found):
        raise PermissionDenied
    return found


def schedule_for(user: Any, key: Any, *, use: bool = False) -> Schedule:
    """The schedule that the user sees; with `use` one that the user may change."""
    rows = Schedule.objects.select_related(
        "connection__integration", "connection__organization", "connection__revision", "organization", "owner", "last_run", "clock"
    )
    found = by_id_or_404(rows.visible_to(user), key)
    if use and not Schedule.objects.usable_by(user).filter(pk=found.pk).exists():
        raise PermissionDenied
    return found


def run_webhook_for(user: Any, key: Any, *, use: bool = False) -> RunWebhook:
    """The webhook of runs that the user sees; with `use` one that the user may change."""
    rows = RunWebhook.objects.visible_to(user).select_related("target", "organization", "integration", "schedule__connection__integration")
    found = by_id_or_404(rows, key)
    if use and not RunWebhook.objects.usable_by(user).filter(pk=found.pk).exists():
        raise PermissionDenied
    return found


def delivery_of(webhook: RunWebhook, key: Any) -> Delivery:
    """A delivery of this webhook; another one does not exist."""
    return by_id_or_404(webhook.target.deliveries.all(), key)


def trigger_for(user: Any, key: Any) -> Trigger:
    """A trigger of a connection that the user uses. Strangers get 404, members whose role is too low get 403."""
    rows = Trigger.objects.select_related("endpoint__connection__integration", "endpoint__connection__organization", "owner", "last_run")
    found = by_id_or_404(rows, key)
    connection_for(user, found.endpoint.connection_id, use=True)
    return found


def may_use_run(user: Any, run: Run) -> bool:
    """Whether the user may cancel and resume a run that the user sees: whose organization runs it decides, not whose connection it is."""
    return Run.objects.usable_by(user).filter(pk=run.pk).exists()


def import_for(user: Any, key: Any) -> Import:
    """The import that the user sees; who sees it may choose and cancel as well."""
    found = by_id_or_404(Import.objects.visible_to(user).select_related("integration", "organization"), key)
    check_builder(found.organization)
    return found
