"""What happens when a schedule goes, by whatever way."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_delete
from django.dispatch import receiver

from actions.models import Schedule
from actions.schedules import services


@receiver(post_delete, sender=Schedule, dispatch_uid="actions.schedules.remove_clock")
def remove_clock(sender: type[Schedule], *, instance: Schedule, **kwargs: Any) -> None:  # noqa: ARG001 - a receiver's signature
    services.remove_clock(instance)
