"""The frame round every step: stepper, notices, and where one goes after saving."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from integrations.models import Integration, Revision
from integrations.wizard import steps

# The code of an answer that shows a form again because something in it does not fit.
REFUSED = 422
# The name of the submit button that leaves the wizard after saving.
LEAVE = "leave"


def step_url(integration: Integration, slug: str) -> str:
    return reverse("wizard-step", args=[integration.slug, slug])


def render_step(
    request: HttpRequest, integration: Integration, slug: str, template: str, context: dict[str, Any], *, refused: bool = False
) -> HttpResponse:
    """A step's page in the frame. Its template extends `integrations/wizard.html`."""
    revision = integration.working
    before, after = steps.neighbours(slug)
    frame = {
        "integration": integration,
        "revision": revision,
        "current": integration.current,
        "step": steps.find(slug),
        "steps": stepper(integration, revision, slug),
        "back_url": step_url(integration, before.slug) if before else "",
        "next_url": step_url(integration, after.slug) if after else "",
    }
    return render(request, template, {**frame, **context}, status=REFUSED if refused else 200)


def stepper(integration: Integration | None, revision: Revision | None, slug: str) -> list[dict[str, str]]:
    """What partials/stepper.html draws. Without a row yet, every step but the first is closed.

    A step behind the present one is done when nothing of it is missing; one that lies ahead only where it came filled
    in already, by an import or by an earlier revision.
    """
    found, passed = [], True
    filled = revision is not None and bool(revision.source or revision.finalized_at or revision.number > 1)
    for step in steps.all_steps():
        if step.slug == slug:
            state, passed = "current", False
        elif integration is None or revision is None:
            state = "locked"
        else:
            state = "done" if (passed or filled) and not step.lacks(revision) else "todo"
        url = step_url(integration, step.slug) if integration else reverse("integration-new")
        found.append({"title": step.title, "url": url, "state": state})
    return found


def go_on(request: HttpRequest, integration: Integration, slug: str) -> HttpResponse:
    """After saving: to the next step, or out of the wizard when that button was pressed."""
    if LEAVE in request.POST:
        messages.success(request, f"{integration.name} is saved. You can go on whenever you like.")
        return redirect("integration-detail", integration.slug)
    _, after = steps.neighbours(slug)
    return redirect(step_url(integration, after.slug)) if after else redirect("integration-detail", integration.slug)
