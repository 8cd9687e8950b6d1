"""The pages about integrations: the list, and what is done to one as a whole."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from integrations import services
from integrations.api.views import icon_response
from integrations.models import Integration, Organization, Revision
from integrations.permissions import integration_for
from integrations.refusals import Refusal

PAGE_SIZE = 24


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Integrations as tiles: those of the current organization for who builds there, and those that it can install."""
    organization: Organization | None = request.organization  # type: ignore[attr-defined]
    query = request.GET.get("q", "").strip()
    built: QuerySet[Integration] = Integration.objects.none()
    installable: QuerySet[Integration] = Integration.objects.none()
    if organization:
        if request.may_build:  # type: ignore[attr-defined]
            built = _tiles(Integration.objects.filter(organization=organization), organization, query)
        installable = _tiles(Integration.objects.installable_by(organization), organization, query)
    context = {
        "query": query,
        "built": Paginator(built, PAGE_SIZE).get_page(request.GET.get("page")),
        "installable": Paginator(installable, PAGE_SIZE).get_page(request.GET.get("page")),
    }
    return render(request, "integrations/list.html", context)


def _tiles(rows: QuerySet[Integration], organization: Organization, query: str) -> QuerySet[Integration]:
    if query:
        rows = rows.filter(Q(name__icontains=query) | Q(description__icontains=query))
    annotated = rows.select_related("organization").annotate(
        connection_count=Count("connections", filter=Q(connections__organization=organization)),
        has_draft=Exists(Revision.objects.filter(integration=OuterRef("pk"), finalized_at=None)),
    )
    return annotated.order_by("name", "id")  # grouping drops the model's order


@require_GET
def icon(request: HttpRequest, slug: str) -> HttpResponse:
    return icon_response(integration_for(request.user, slug))


@require_POST
def status(request: HttpRequest, slug: str) -> HttpResponse:
    integration = integration_for(request.user, slug, edit=True)
    try:
        services.set_status(integration=integration, status=request.POST.get("status", ""))
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        said = {
            Integration.Status.PUBLISHED: f"{integration.name} is published: {integration.organization.name} and every organization below can connect.",
            Integration.Status.HIDDEN: f"{integration.name} is hidden: nobody new can connect. You can go on editing it.",
            Integration.Status.DEPRECATED: f"{integration.name} is deprecated: who uses it sees that, and nobody new can connect.",
        }
        messages.success(request, said.get(Integration.Status(integration.status), "The status is unchanged."))
    return redirect("integration-detail", integration.slug)


def discard(request: HttpRequest, slug: str) -> HttpResponse:
    """Drop the open draft; GET asks first."""
    integration = integration_for(request.user, slug, edit=True)
    if request.method == "POST":
        try:
            services.discard_draft(integration=integration)
        except Refusal as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(request, f"The draft is discarded. {integration.name} is as connections use it.")
        return redirect("integration-detail", integration.slug)
    question = {
        "title": "Discard the draft?",
        "text": "Every change since the last finalizing is lost. Connections do not notice.",
        "action": "Discard draft",
    }
    return render(request, "integrations/confirm.html", {"integration": integration, **question})


def delete(request: HttpRequest, slug: str) -> HttpResponse:
    """Delete the integration; GET asks first. Refused while somebody is connected."""
    integration = integration_for(request.user, slug, edit=True)
    if request.method == "POST":
        try:
            services.delete(integration=integration)
        except Refusal as refusal:
            messages.error(request, refusal.message)
            return redirect("integration-detail", integration.slug)
        messages.success(request, f"{integration.name} is deleted.")
        return redirect("integration-list")
    question = {
        "title": f"Delete {integration.name}?",
        "text": "The integration, its actions and all its revisions are deleted. This cannot be undone.",
        "action": "Delete integration",
    }
    return render(request, "integrations/confirm.html", {"integration": integration, **question})
