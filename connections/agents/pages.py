"""The page Agents: what is installed where, and how to install more."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from connections.agents import archive, services
from connections.agents.forms import AgentForm
from connections.models import Agent
from connections.permissions import agent_for, instance_for
from integrations.models import Organization, Role
from integrations.permissions import signed_in
from integrations.refusals import Refusal
from junction_agent import VERSION


@require_GET
def agent_list(request: HttpRequest) -> HttpResponse:
    """The agents of the current organization and of those below it, and those above that it may use."""
    return _listed(request)


@require_http_methods(["GET", "POST"])
def agent_new(request: HttpRequest) -> HttpResponse:
    organization = _administered(request)
    form = AgentForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            agent = services.create(organization=organization, user=signed_in(request), **form.cleaned_data)
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"{agent} is there. Now install it on a machine: make an enrolment code.")
            return redirect(_place(agent))
    return render(request, "agents/new.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def agent_edit(request: HttpRequest, pk: Any) -> HttpResponse:
    agent = agent_for(request.user, pk, manage=True)
    form = AgentForm(request.POST if request.method == "POST" else None, initial={"name": agent.name, "is_shared": agent.is_shared})
    if form.is_bound and form.is_valid():
        try:
            services.change(agent=agent, **form.cleaned_data)
        except Refusal as refusal:
            agent = agent_for(request.user, pk, manage=True)
            form.refuse(refusal)
        else:
            messages.success(request, "The agent was saved.")
            return redirect(_place(agent))
    return render(request, "agents/edit.html", {"form": form, "agent": agent}, status=422 if form.errors else 200)


@require_POST
def agent_delete(request: HttpRequest, pk: Any) -> HttpResponse:
    agent = agent_for(request.user, pk, manage=True)
    try:
        services.delete(agent=agent)
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect(_place(agent))
    messages.success(request, f"The agent {agent.name} was deleted. Its machines can be switched off.")
    return redirect("agent-list")


@never_cache
@require_POST
def agent_code(request: HttpRequest, pk: Any) -> HttpResponse:
    """Make an enrolment code and show it, once."""
    agent = agent_for(request.user, pk, manage=True)
    row, code = services.new_code(agent=agent, user=signed_in(request))
    only_here = urlsplit(settings.PUBLIC_URL).hostname in ("localhost", "127.0.0.1", "::1")
    return render(
        request, "agents/code.html", {"agent": agent, "code": code, "row": row, "server": settings.PUBLIC_URL, "only_here": only_here}
    )


@require_POST
def agent_revoke(request: HttpRequest, pk: Any) -> HttpResponse:
    instance = instance_for(request.user, pk)
    services.revoke(instance=instance)
    messages.success(request, f"{instance} was revoked. It gets no more requests, and its key is worth nothing any more.")
    return redirect(_place(instance.agent))


@login_not_required
@require_GET
def program(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view's signature
    """The agent as one file that Python runs; it holds no secret."""
    response = HttpResponse(archive.program(), content_type="application/octet-stream")
    response["Content-Disposition"] = 'attachment; filename="junction-agent.pyz"'
    return response


def _listed(request: HttpRequest) -> HttpResponse:
    here: Organization | None = request.organization or None  # type: ignore[attr-defined]
    mine = Agent.objects.visible_to(request.user).filter(organization__in=Organization.objects.below([here]) if here else [])
    rows = mine.select_related("organization").prefetch_related("instances").annotate(users=Count("connections", distinct=True))
    from_above = Agent.objects.usable_in(here).exclude(organization=here).prefetch_related("instances") if here else []
    manageable = set(Agent.objects.manageable_by(request.user).filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
    agents = [(row, row.pk in manageable, _states(row)) for row in rows.order_by("organization__path", "name", "pk")]
    return render(
        request,
        "agents/list.html",
        {
            "agents": agents,
            "from_above": [(row, _states(row)) for row in from_above],
            "may_create": _may_create(request),
            "newest": VERSION,
        },
    )


def _states(agent: Agent) -> dict[str, Any]:
    """Its machines, those that were revoked apart."""
    rows = list(agent.instances.all())
    return {
        "online": sum(row.state == "online" for row in rows),
        "machines": [row for row in rows if not row.revoked_at],
        "revoked": [row for row in rows if row.revoked_at],
    }


def _may_create(request: HttpRequest) -> bool:
    here = request.organization or None  # type: ignore[attr-defined]
    return here is not None and Organization.objects.visible_to(request.user, Role.ADMIN).filter(pk=here.pk).exists()


def _administered(request: HttpRequest) -> Organization:
    """The current organization, of which only an admin makes agents."""
    here: Organization | None = request.organization or None  # type: ignore[attr-defined]
    if here is None or not _may_create(request):
        raise PermissionDenied
    return here


def _place(agent: Agent) -> str:
    return f"{reverse('agent-list')}#agent-{agent.pk}"
