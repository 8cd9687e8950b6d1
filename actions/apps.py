from typing import Any

from django.apps import AppConfig

from integrations.signals import draft_opened


class ActionsConfig(AppConfig):
    name = "actions"

    def ready(self) -> None:
        draft_opened.connect(_copy_actions, dispatch_uid="actions.copy")


def _copy_actions(sender: Any, *, source: Any, draft: Any, **kwargs: Any) -> None:  # noqa: ARG001 - a receiver's signature
    from actions import services  # noqa: PLC0415 - models are not loaded when apps are

    services.copy_actions(source=source, draft=draft)
