"""Pages of schedules: all of them, make one, change it, switch it on and off."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from actions import runs
from actions.models import Action, Schedule
from actions.pages.runs import mapped_organizations, usable_connections
from actions.pages.schedule_forms import ScheduleForm
from actions.permissions import runnable_action, schedule_for
from actions.schedules import services
from actions.schedules.obstacles import action_of, obstacle
from connections.choosing.walk import choose
from connections.pages import organizations_at
from integrations.permissions import integration_for, may_run, signed_in
from integrations.refusals import Refusal

PER_PAGE: Final = 25


@require_GET
def schedule_list(request: HttpRequest) -> HttpResponse:
    """Schedules of the current organization and of those below it."""
    organizations = organizations_at(request)
    rows = Schedule.objects.visible_to(request.user).filter(organization__in=organizations)
    rows = rows.select_related(*services.SHOWN)
    usable = set(Schedule.objects.usable_by(request.user).values_list("pk", flat=True))
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    lines = [(schedule, obstacle(schedule, schedule.owner)) for schedule in page]
    context = {"page": page, "lines": lines, "several": len(organizations) > 1, "usable": usable}
    return render(request, "schedules/list.html", context)


@require_http_methods(["GET", "POST"])
def schedule_new(request: HttpRequest, slug: str, uid: Any) -> HttpResponse:
    integration = integration_for(request.user, slug)
    if not request.organization or not may_run(request.user, request.organization, integration):  # type: ignore[attr-defined]
        raise PermissionDenied
    return _edited(request, runnable_action(integration, uid), None)


@require_http_methods(["GET", "POST"])
def schedule_edit(request: HttpRequest, pk: Any) -> HttpResponse:
    schedule = schedule_for(request.user, pk, use=True)
    action = action_of(schedule)
    if action is None:
        messages.error(
            request, "The action of this schedule is no longer part of the integration. Delete the schedule, or add the action again."
        )
        return redirect("schedule-list")
    return _edited(request, action, schedule)


@require_POST
def schedule_switch(request: HttpRequest, pk: Any) -> HttpResponse:
    schedule = schedule_for(request.user, pk, use=True)
    try:
        services.set_enabled(schedule=schedule, is_enabled=not schedule.is_enabled, user=signed_in(request))
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("schedule-list")


@require_http_methods(["GET", "POST"])
def schedule_delete(request: HttpRequest, pk: Any) -> HttpResponse:
    schedule = schedule_for(request.user, pk, use=True)
    if request.method == "GET":
        return render(request, "schedules/delete.html", {"schedule": schedule})
    services.delete(schedule=schedule)
    messages.success(request, f"The schedule {schedule} is deleted. The runs that it started stay.")
    return redirect("schedule-list")


def _edited(request: HttpRequest, action: Action, schedule: Schedule | None) -> HttpResponse:
    integration = action.revision.integration
    organization = schedule.organization if schedule else request.organization  # type: ignore[attr-defined]
    choice = choose(organization=organization, integration=integration, user=signed_in(request), action=action.uid)
    connections = usable_connections(request, integration, choice)
    own = schedule.connection if schedule else None
    if own and own.owner_id in (None, signed_in(request).pk) and own not in connections:
        connections = [own, *connections]
    context: dict[str, Any] = {"integration": integration, "action": action, "schedule": schedule}
    if not connections:
        return redirect("action-run", integration.slug, action.uid)  # whose page says how to connect
    form = ScheduleForm(
        request.POST if request.method == "POST" else None,
        plan=runs.plan_of(action),
        connections=connections,
        organization=organization,
        mapped=mapped_organizations(organization, integration),
        choice=choice,
        schedule=schedule,
    )
    if form.is_bound and form.is_valid():
        try:
            saved = services.save(
                schedule=schedule,
                action=action,
                connection=form.connection,
                organization=form.for_whom,
                user=signed_in(request),
                timing=form.timing,
                name=form.cleaned_data["name"],
                inputs=form.inputs,
                page_size=form.page_size,
                max_pages=form.max_pages,
                unique_by=form.unique_by,
                is_enabled=schedule.is_enabled if schedule else True,
            )
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"{saved} is saved.")
            return redirect("schedule-list")
    return render(request, "schedules/form.html", {**context, "form": form, "plan": form.plan}, status=422 if form.errors else 200)
