"""The registry of the wizard's steps. Each stage registers its own when its URLs are loaded; the shell knows only the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse

from integrations.models import Integration, Revision


@dataclass(frozen=True)
class Step:
    """One page of the wizard.

    `view` answers GET and POST for an integration that the user may edit. `lacks` says whether something that this
    step asks for is still missing; it is asked for the stepper on every page, so it has to be cheap.
    """

    slug: str
    title: str
    view: Callable[[HttpRequest, Integration], HttpResponse]
    lacks: Callable[[Revision], bool]


# The order of the wizard; a step takes part once a stage has registered it.
ORDER = ("details", "host", "auth", "pagination-type", "pagination", "limits", "answers", "webhooks", "actions", "finalize")

_registered: dict[str, Step] = {}


def register(step: Step) -> None:
    if step.slug not in ORDER:
        raise ValueError(f"The step {step.slug} has no place in the order of the wizard.")
    _registered[step.slug] = step


def all_steps() -> list[Step]:
    return [_registered[slug] for slug in ORDER if slug in _registered]


def find(slug: str) -> Step | None:
    return _registered.get(slug)


def neighbours(slug: str) -> tuple[Step | None, Step | None]:
    """The steps before and after."""
    steps = all_steps()
    place = [step.slug for step in steps].index(slug)
    return steps[place - 1] if place else None, steps[place + 1] if place + 1 < len(steps) else None
