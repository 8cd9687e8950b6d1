"""An integration as a whole: what it is, what it can do, who is connected."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from actions.undoing import imported_revision
from actions.wizard.views import LISTED, matching
from connections.models import Connection
from integrations.installing import request_of, why_not
from integrations.models import Integration, Organization
from integrations.permissions import integration_for, may_edit, may_run, may_share, signed_in
from integrations.wizard.forms import StatusForm


@require_GET
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Connections use the finalized revision, so that is what it shows; the draft only where there is nothing else."""
    integration = integration_for(request.user, slug)
    organization: Organization | None = request.organization  # type: ignore[attr-defined]
    editor = may_edit(request.user, integration)
    draft, current = integration.draft, integration.current
    revision = current or integration.working
    query = request.GET.get("q", "").strip()
    connections = (
        Connection.objects.visible_to(request.user)
        .filter(integration=integration, organization=organization)
        .select_related("owner", "revision")
        if organization
        else Connection.objects.none()
    )
    reason = why_not(integration, organization, signed_in(request)) if organization and current else ""
    context = {
        "integration": integration,
        "editor": editor,
        "draft": draft,
        "current": current,
        "revision": revision,
        "definition": revision.definition,
        "query": query,
        "listed": Paginator(matching(revision.actions.all(), query), LISTED).get_page(request.GET.get("page")),
        "action_count": revision.actions.count(),
        "connections": connections,
        "status_form": StatusForm(initial={"status": integration.status}),
        "was_imported": editor and imported_revision(integration) is not None,
        "asked": request_of(integration, organization) if organization else None,
        "why_not": reason,
        "installable": bool(organization and current and not reason),
        "may_run": bool(organization and may_run(request.user, organization, integration)),
        "may_share": may_share(request.user, integration),
        "may_delete": Integration.objects.deletable_by(request.user).filter(pk=integration.pk).exists(),
    }
    if request.htmx.target == "actions":  # type: ignore[attr-defined]
        return render(request, "actions/action_table.html", context)
    return render(request, "actions/detail.html", context)
