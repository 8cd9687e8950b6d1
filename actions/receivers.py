"""What this stage does when a lower one has news."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from actions import runs, services
from actions.models import Run, RunWebhook
from actions.run_webhooks import events
from actions.run_webhooks import services as webhooks
from actions.signals import run_ended
from actions.triggers import services as triggers
from connections.models import WebhookEndpoint, WebhookEvent
from connections.signals import webhook_arrived
from connections.webhooks.work import Done
from integrations.models import Revision
from integrations.signals import draft_opened


@receiver(draft_opened, dispatch_uid="actions.copy_actions")
def copy_actions(sender: type[Revision], *, source: Revision, draft: Revision, **kwargs: Any) -> None:  # noqa: ARG001 - a receiver's signature
    """A new draft starts with the actions of the revision it was made from."""
    services.copy_actions(source=source, draft=draft)


@receiver(post_delete, sender=Run, dispatch_uid="actions.remove_pieces")
def remove_pieces(sender: type[Run], *, instance: Run, **kwargs: Any) -> None:  # noqa: ARG001 - a receiver's signature
    """Records go with their run, also where it goes with its connection or its organization."""
    if instance.stored_bytes and instance.records_removed_at is None:
        transaction.on_commit(partial(runs.forget, instance.pk))


@receiver(run_ended, dispatch_uid="actions.announce_run")
def announce_run(sender: type[Run], *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ARG001 - a receiver's signature
    """Webhooks hear of runs that have ended."""
    with transaction.atomic():  # a savepoint: what fails in it leaves the end of the run as it is
        events.announce(run_id)


@receiver(post_delete, sender=RunWebhook, dispatch_uid="actions.remove_target")
def remove_target(sender: type[RunWebhook], *, instance: RunWebhook, **kwargs: Any) -> None:  # noqa: ARG001 - a receiver's signature
    """A webhook that goes with its integration or its schedule takes its target along."""
    webhooks.remove_target(instance)


@receiver(webhook_arrived, dispatch_uid="actions.triggers.fire")
def fire(sender: type[WebhookEndpoint], *, event: WebhookEvent, **kwargs: Any) -> list[Done]:  # noqa: ARG001 - a receiver's signature
    """An event starts the actions that wait for it."""
    return triggers.fire(event)
