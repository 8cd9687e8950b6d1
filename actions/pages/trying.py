"""Try it: the panel of the pagination step and of an action's form, its result, and taking over what it suggests."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST
from pydantic import ValidationError

from actions import services, trying
from actions.models import Action
from actions.pages.try_forms import MOST_LISTED, TryForm
from actions.trying import Trial
from actions.wizard.forms import ActionEditor
from connections import trials
from connections.callers import Caller
from connections.client import Client
from connections.models import Connection
from connections.retries import CallError
from integrations import services as integrations
from integrations.definition import PAGINATION, Definition, Pagination, problems
from integrations.models import Integration, User
from integrations.operation import Operation
from integrations.permissions import integration_for, is_uuid, signed_in
from integrations.refusals import Invalid, Refusal
from integrations.wizard import shell
from integrations.wizard.pagination_forms import PAGINATION_FORMS

OF_STEP = "typed-step"  # a hidden input: the settings of the wizard's form come along
OF_ACTION = "typed-action"  # the same for the form of an action


@require_http_methods(["GET", "POST"])
def try_pagination(request: HttpRequest, slug: str) -> HttpResponse:
    """GET shows the panel (for htmx) or a page with it; POST sends the requests and shows what came."""
    integration = integration_for(request.user, slug, edit=True)
    definition = integration.working.definition
    action = _action(integration, request.GET.get("action", ""))
    form = TryForm(
        request.POST if request.method == "POST" else None,
        definition=definition,
        connections=_connections(request, integration),
        actions=[] if action else _listed(integration),
        fixed=action is not None,
    )
    context: dict[str, Any] = {"integration": integration, "action": action, "form": form}
    if form.is_bound and form.is_valid():
        try:
            context |= _tried(request, integration, definition, form, action)
        except Invalid as refusal:
            context["sentences"] = [sentence for sentences in refusal.errors.values() for sentence in sentences]
        except Refusal as refusal:
            context["sentences"] = [refusal.message]
        except CallError as error:
            context["sentences"] = [error.message]
    elif form.is_bound:
        context["sentences"] = [str(sentence) for sentences in form.errors.values() for sentence in sentences]
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "actions/try_result.html" if form.is_bound else "actions/try_panel.html", context)
    return render(request, "actions/try.html", context, status=shell.REFUSED if form.errors else 200)


@require_POST
def use_pagination(request: HttpRequest, slug: str) -> HttpResponse:
    """Save a suggestion to the draft: for an action where one is named, else as the integration's pagination."""
    integration = integration_for(request.user, slug, edit=True)
    action = _action(integration, request.POST.get("action", ""))
    try:
        suggested = PAGINATION.validate_python(json.loads(request.POST.get("pagination", "")))
        if action:
            same = suggested == integration.working.definition.pagination
            services.change(action=action, values={"paginated": True, "pagination": None if same else suggested.dump()})
        else:
            integrations.change_definition(integration=integration, pagination=suggested.dump())
    except Refusal as refusal:
        messages.error(request, refusal.message)
    except ValueError:
        messages.error(request, "These settings cannot be read. Try it again, and use what it suggests then.")
    else:
        messages.success(request, f"{suggested.label} pagination is saved{f' for {action.name}' if action else ''}.")
    if action:
        return redirect(f"{shell.step_url(integration, 'actions')}?action={action.uid}")
    return redirect(shell.step_url(integration, "pagination"))


def _tried(request: HttpRequest, integration: Integration, definition: Definition, form: TryForm, action: Action | None) -> dict[str, Any]:
    operation, action = _operation(request, integration, form, action)
    pagination = _pagination(request, definition, operation)
    with _client(integration, definition, form, signed_in(request)) as client:
        trial = trying.try_it(
            client=client,
            definition=definition,
            operation=operation,
            pagination=pagination,
            inputs=form.cleaned_data["inputs"],
            page_size=form.cleaned_data["page_size"],
        )
    return {
        "trial": trial,
        "best": _best(trial),
        # A suggestion belongs to the action whose form this is, or which pages in its own way already; else to the integration.
        "owner": action if "path" not in form.fields or operation.pagination else None,
        "suggested": json.dumps(trial.suggested.dump()) if trial.suggested else "",
    }


def _operation(request: HttpRequest, integration: Integration, form: TryForm, action: Action | None) -> tuple[Operation, Action | None]:
    """What is asked for: the action as its form has it now, a chosen one as it is saved, or a path."""
    if action:
        return _typed(request, integration, action), action
    chosen = _action(integration, form.cleaned_data.get("action", ""))
    if chosen:
        return chosen.operation, chosen
    return Operation(name="Try it", path=form.cleaned_data["path"], paginated=True), None


def _typed(request: HttpRequest, integration: Integration, action: Action) -> Operation:
    if OF_ACTION not in request.POST:
        return action.operation
    editor = ActionEditor(integration=integration, action=action, data=request.POST)
    return editor.operation_typed()


def _pagination(request: HttpRequest, definition: Definition, operation: Operation) -> Pagination:
    """The settings to begin with: the action's own, else those that stand in the step's form, else the saved ones."""
    if operation.pagination is not None:
        return operation.pagination
    if OF_STEP not in request.POST:
        return definition.pagination
    form = PAGINATION_FORMS[definition.pagination.type](request.POST)
    if not form.is_valid():
        raise Invalid({name: [str(sentence) for sentence in sentences] for name, sentences in form.errors.items()})
    try:
        return PAGINATION.validate_python(form.value(definition.pagination))
    except ValidationError as error:
        raise Invalid(problems(error)) from None


def _client(integration: Integration, definition: Definition, form: TryForm, user: User) -> Client:
    if form.connection:
        return trials.draft_client(connection=form.connection, definition=definition, user=user)
    return trials.unsaved_client(
        integration=integration,
        definition=definition,
        credentials=form.credentials,
        settings=form.settings,
        caller=Caller(integration.organization, user),
    )


def _best(trial: Trial) -> trying.Attempt:
    """The attempt that works, else the first."""
    return next((attempt for attempt in trial.attempts if attempt.works), trial.attempts[0])


def _connections(request: HttpRequest, integration: Integration) -> list[Connection]:
    rows = (
        Connection.objects.usable_by(request.user)
        .filter(integration=integration)
        .select_related("organization", "credential", "integration")
    )
    return list(rows.order_by("organization__name", "-is_default", "name")[:MOST_LISTED])


def _listed(integration: Integration) -> list[Action]:
    """Actions that may be lists: those marked as paginated first, then what is read with GET."""
    rows = integration.working.actions.filter(Q(paginated=True) | Q(method="GET")).defer("content", "description")
    return list(rows.order_by("-paginated", "position")[:MOST_LISTED])


def _action(integration: Integration, uid: str) -> Action | None:
    if not uid:
        return None
    found = integration.working.actions.filter(uid=uid).first() if is_uuid(uid) else None
    if found is None:
        raise Http404
    return found
