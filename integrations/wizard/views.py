"""The steps of this stage as views, and their entry in the registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from integrations import services
from integrations.definition import AUTH, missing
from integrations.models import Integration, Organization, Revision, Role
from integrations.permissions import check_builder, integration_for
from integrations.refusals import Refusal
from integrations.wizard import seen, shell, steps
from integrations.wizard.answer_forms import AnswersForm
from integrations.wizard.auth_forms import AUTH_FORMS
from integrations.wizard.base_forms import StepForm
from integrations.wizard.forms import DetailsForm, HostForm, PaginationTypeForm
from integrations.wizard.limit_forms import LimitsForm
from integrations.wizard.pagination_forms import PAGINATION_FORMS
from integrations.wizard.webhook_forms import WebhooksForm

NO_HOST = "oas3-api-servers"  # the rule of the finding with which an import says that the document names no host
SUGGESTION = "pagination-suggestion"  # the rule of the finding with which an import explains its suggestion


def new(request: HttpRequest) -> HttpResponse:
    """Step Details before there is a row: saving makes the draft in the current organization."""
    organization: Organization | None = request.organization  # type: ignore[attr-defined]
    if not organization or not Organization.objects.visible_to(request.user, Role.BUILDER).filter(pk=organization.pk).exists():
        raise PermissionDenied
    check_builder(organization)
    form = DetailsForm(request.POST, request.FILES) if request.method == "POST" else DetailsForm()
    if request.method == "POST" and form.is_valid():
        try:
            integration = services.create(organization=organization, user=request.user, **form.details())  # type: ignore[arg-type]
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"The draft {integration.name} is there. Every step saves to it.")
            return shell.go_on(request, integration, "details")
    context = {"form": form, "steps": shell.stepper(None, None, "details"), "step": steps.find("details")}
    return render(request, "integrations/step_details.html", context, status=shell.REFUSED if form.errors else 200)


def step(request: HttpRequest, slug: str, step: str) -> HttpResponse:
    """Any step of the wizard: who may edit is checked here, once for all stages."""
    found = steps.find(step)
    if found is None:
        raise Http404
    return found.view(request, integration_for(request.user, slug, edit=True))


def form_step(
    slug: str,
    form_class: Callable[[Revision], type[StepForm]],
    template: str,
    context: Callable[[Revision], dict[str, Any]] = lambda _: {},
) -> Callable[[HttpRequest, Integration], HttpResponse]:
    """The view of a step that is one form: GET shows the draft, POST saves and goes on, or shows the form with its errors."""

    def view(request: HttpRequest, integration: Integration) -> HttpResponse:
        revision = integration.working
        kind = form_class(revision)
        form = kind(request.POST, request.FILES, integration=integration) if request.method == "POST" else kind(integration=integration)
        if request.method == "POST" and form.is_valid():
            try:
                with transaction.atomic():
                    seen.check(request, integration, _opened_with(kind, services.locked(integration)))
                    form.save()
            except Refusal as refusal:
                form.refuse(refusal)
            else:
                return shell.go_on(request, integration, slug)
        shown = {"form": form, "seen": seen.digest(_opened_with(kind, integration)), **context(revision)}
        return shell.render_step(request, integration, slug, template, shown, refused=bool(form.errors))

    return view


def _opened_with(kind: type[StepForm], integration: Integration) -> dict[str, Any]:
    """What the form shows to whoever opens it now."""
    return {"form": kind.__name__, **kind(integration=integration).initial}


def _suggestion(revision: Revision) -> dict[str, Any]:
    """What an import had to say about the pagination, until the integration is finalized."""
    if revision.finalized_at or revision.number > 1 or revision.definition.pagination.type == "none":
        return {}
    return {"suggestion": next((finding["message"] for finding in revision.findings if finding.get("rule") == SUGGESTION), "")}


def _host_notes(revision: Revision) -> dict[str, Any]:
    """What an import could not learn from the document, and asks for."""
    if revision.finalized_at or revision.number > 1:
        return {}
    no_host = any(finding.get("rule") == NO_HOST for finding in revision.findings) and revision.definition.host_at_connect
    return {"asks_host": no_host, "asks_auth": revision.auth_undecided}


def _auth_choices(revision: Revision) -> dict[str, Any]:
    """The ways to authenticate that the document describes, each with whether it is the present one; none once the method is locked."""
    present = revision.definition.auth.dump()
    if len(revision.auth_choices) < 2 or revision.integration.current:
        return {}
    choices = [
        {"number": number, "scheme": choice["scheme"], "auth": AUTH.validate_python(choice["auth"]), "chosen": choice["auth"] == present}
        for number, choice in enumerate(revision.auth_choices)
    ]
    return {"auth_choices": choices}


def auth(request: HttpRequest, integration: Integration) -> HttpResponse:
    """The step Authentication: its form, and before it the choice among what the document describes."""
    number = request.POST.get("choice", "")
    if not number:
        return _auth_form(request, integration)
    try:
        services.choose_auth(integration=integration, number=int(number) if number.isdecimal() and len(number) < 9 else -1)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"{integration.working.definition.auth.label} is set up as the document describes it.")
    return redirect(shell.step_url(integration, "auth"))


def _gaps_in(*names: str) -> Callable[[Revision], bool]:
    return lambda revision: any(gap.step in names for gap in missing(revision.definition))


_auth_form = form_step("auth", lambda revision: AUTH_FORMS[revision.definition.auth.type], "integrations/step_auth.html", _auth_choices)


def register() -> None:
    for found in (
        steps.Step(
            "details", "Details", form_step("details", lambda _: DetailsForm, "integrations/step_details.html"), _gaps_in("details")
        ),
        steps.Step(
            "host",
            "Host and method",
            form_step("host", lambda _: HostForm, "integrations/step_host.html", _host_notes),
            lambda revision: revision.auth_undecided or _gaps_in("host")(revision),
        ),
        steps.Step(
            "auth",
            "Authentication",
            auth,
            _gaps_in("auth"),
        ),
        steps.Step(
            "pagination-type",
            "Pagination type",
            form_step("pagination-type", lambda _: PaginationTypeForm, "integrations/step_pagination_type.html", _suggestion),
            lambda _: False,
        ),
        steps.Step(
            "pagination",
            "Pagination details",
            form_step(
                "pagination",
                lambda revision: PAGINATION_FORMS[revision.definition.pagination.type],
                "integrations/step_pagination.html",
                _suggestion,
            ),
            _gaps_in("pagination"),
        ),
        steps.Step(
            "answers", "Answers", form_step("answers", lambda _: AnswersForm, "integrations/step_answers.html"), _gaps_in("answers")
        ),
        steps.Step(
            "webhooks", "Webhooks", form_step("webhooks", lambda _: WebhooksForm, "integrations/step_webhooks.html"), lambda _: False
        ),
        steps.Step("limits", "Limits", form_step("limits", lambda _: LimitsForm, "integrations/step_limits.html"), lambda _: False),
    ):
        steps.register(found)
