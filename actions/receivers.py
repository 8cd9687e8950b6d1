"""What this stage does when a lower one has news."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from actions import services
from integrations.models import Revision
from integrations.signals import draft_opened


@receiver(draft_opened, dispatch_uid="actions.copy_actions")
def copy_actions(sender: type[Revision], *, source: Revision, draft: Revision, **kwargs: Any) -> None:  # noqa: ARG001 - a receiver's signature
    """A new draft starts with the actions of the revision it was made from."""
    services.copy_actions(source=source, draft=draft)
