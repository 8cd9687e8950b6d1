from importlib import import_module

from django.apps import AppConfig


class ActionsConfig(AppConfig):
    name = "actions"

    def ready(self) -> None:
        import_module("actions.receivers")
        import_module("actions.schedules.receivers")
