"""Add, change and delete webhooks of runs."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from actions.models import RunWebhook, Schedule
from connections.deliveries import targets
from connections.models import DeliveryTarget
from integrations.models import Integration, Organization, User
from integrations.refusals import Invalid


def add(
    *,
    organization: Organization,
    user: User,
    url: Any,
    name: Any,
    below: bool = True,
    integration: Integration | None = None,
    schedule: Schedule | None = None,
    heard: Any = RunWebhook.Heard.ALL,
) -> tuple[RunWebhook, str]:
    """A new webhook and the secret by which its receiver knows us, which is shown once. Raises `Invalid`."""
    _check(organization, user, integration, schedule, heard)
    with transaction.atomic():
        target, secret = targets.create(organization=organization, url=url, name=name, user=user)
        made = RunWebhook.objects.create(
            target=target, organization=organization, below=below, integration=integration, schedule=schedule, heard=heard
        )
    return made, secret


def change(
    *,
    webhook: RunWebhook,
    user: User,
    url: Any,
    name: Any,
    below: bool,
    integration: Integration | None,
    schedule: Schedule | None,
    heard: Any,
    is_enabled: bool,
) -> RunWebhook:
    """Replace what a webhook hears of and where it leads. Raises `Invalid`."""
    _check(webhook.organization, user, integration, schedule, heard)
    with transaction.atomic():
        if webhook.target.url != url and webhook.target.created_by_id != user.pk:
            # Runs with a member's own connection are told where that member said, and nowhere else.
            DeliveryTarget.objects.filter(pk=webhook.target_id).update(created_by=user)
        switched = is_enabled if is_enabled != webhook.target.is_enabled else None
        targets.change(target=webhook.target, url=url, name=name, is_enabled=switched)
        webhook.below, webhook.integration, webhook.schedule, webhook.heard = below, integration, schedule, heard
        webhook.save(update_fields=["below", "integration", "schedule", "heard"])
    return webhook


def delete(*, webhook: RunWebhook) -> None:
    """Remove it with its deliveries."""
    targets.delete(target=webhook.target)


def remove_target(webhook: RunWebhook) -> None:
    """What goes with a webhook, also where it is deleted along with its integration or its schedule."""
    DeliveryTarget.objects.filter(pk=webhook.target_id).delete()


def _check(organization: Organization, user: User, integration: Integration | None, schedule: Schedule | None, heard: Any) -> None:
    errors: dict[str, list[str]] = {}
    if heard not in RunWebhook.Heard.values:
        errors["heard"] = [f"Use one of: {', '.join(RunWebhook.Heard.values)}."]
    if integration and not Integration.objects.visible_to(user).filter(pk=integration.pk).exists():
        errors["integration"] = ["There is no such integration that you may see."]
    if schedule:
        known = Schedule.objects.visible_to(user).filter(pk=schedule.pk, organization__path__startswith=organization.path)
        if not known.exists():
            errors["schedule"] = [f"{organization} and those below it have no such schedule."]
        elif integration and schedule.connection.integration_id != integration.pk:
            errors["schedule"] = [
                f"This schedule runs {schedule.connection.integration}, and the webhook is to hear of {integration} only."
            ]
    if errors:
        raise Invalid(errors)
