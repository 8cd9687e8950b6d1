"""The pages about integrations: the list, and what is done to one as a whole."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery, TextField
from django.db.models.functions import Cast, Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from integrations import installing, services
from integrations.api.views import icon_response
from integrations.models import InstallRequest, Integration, Level, Organization, Revision, Share
from integrations.paging import page_of
from integrations.permissions import integration_for, request_for, signed_in
from integrations.refusals import Refusal

PAGE_SIZE = 24
REQUESTS = 25  # on a page
CATEGORIES = 100  # to choose from
NAMED = 20  # organizations that a question names


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Integrations as tiles: those of the current organization for who builds there, and those that it can install or ask for."""
    organization: Organization | None = request.organization  # type: ignore[attr-defined]
    wanted = {name: request.GET.get(name, "").strip() for name in ("q", "category", "tag")}
    built: QuerySet[Integration] = Integration.objects.none()
    installable: QuerySet[Integration] = Integration.objects.none()
    categories: list[str] = []
    if organization:
        offered = Integration.objects.offered_to(organization, request.user)
        mine = Q(organization=organization) if request.may_build else Q(pk__in=[])  # type: ignore[attr-defined]
        own = Integration.objects.filter(mine | Q(pk__in=Share.objects.giving(request.user, Level.EDIT).values("integration")))
        built = _tiles(own, organization, **wanted)
        installable = _tiles(offered, organization, **wanted)
        named = (own | offered).exclude(category="").order_by("category")
        categories = list(named.values_list("category", flat=True).distinct()[:CATEGORIES])
    building, offers = (Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")) for rows in (built, installable))
    context = {
        "query": wanted["q"],
        "category": wanted["category"],
        "tag": wanted["tag"],
        "filtered": any(wanted.values()),
        "categories": categories,
        "waiting": InstallRequest.objects.decidable_by(request.user).filter(state=InstallRequest.State.OPEN).count(),
        "built": building,
        "shared_for_editing": any(row.organization_id != organization.pk for row in building) if organization else False,
        "installable": offers,
        "shared": _among(offers, Integration.objects.shared_with(organization, request.user)) if organization else set(),
        "lent": _among(offers, Integration.objects.lent_to(request.user)),
    }
    return render(request, "integrations/list.html", context)


def _among(page: Page[Integration], rows: QuerySet[Integration]) -> set[UUID]:
    """Which of a page's integrations are among the rows."""
    return set(rows.filter(pk__in=[row.pk for row in page]).values_list("pk", flat=True))


def _tiles(rows: QuerySet[Integration], organization: Organization, *, q: str, category: str, tag: str) -> QuerySet[Integration]:
    if q or tag:
        rows = rows.annotate(tag_text=Cast("tags", TextField()))
    if q:
        rows = rows.filter(Q(name__icontains=q) | Q(description__icontains=q) | Q(category__icontains=q) | Q(tag_text__icontains=q))
    if category:
        rows = rows.filter(category=category)
    if tag:
        # As JSON has it: PostgreSQL keeps other letters than ASCII as they are, SQLite what was written.
        rows = rows.filter(Q(tag_text__contains=json.dumps(tag)) | Q(tag_text__contains=json.dumps(tag, ensure_ascii=False)))
    own = InstallRequest.objects.filter(integration=OuterRef("pk"), organization=organization)
    annotated = rows.select_related("organization").annotate(
        connection_count=Coalesce(Subquery(_counted(organization)), 0),
        has_draft=Exists(Revision.objects.filter(integration=OuterRef("pk"), finalized_at=None)),
        request_state=Subquery(own.values("state")[:1]),
    )
    return annotated.order_by("name", "id")


def _counted(organization: Organization) -> QuerySet[Any]:
    """How many connections an organization has to an integration; counted only for those that are shown."""
    # The stage above knows what a connection is; its rows are reached from here by the relation alone.
    connections = Integration.connections.rel.related_model.objects  # type: ignore[attr-defined]
    of_it = connections.filter(integration=OuterRef("pk"), organization=organization).order_by().values("integration")
    return of_it.annotate(number=Count("pk")).values("number")


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
    """Delete the integration; GET asks first. Refused while somebody is connected, unless one says to delete all of that too."""
    integration = integration_for(request.user, slug, delete=True)
    users = integration.connections.values_list("organization__name", flat=True).order_by("organization__name")
    context = {
        "integration": integration,
        "connection_count": integration.connections.count(),
        "organizations": list(users.distinct()[:NAMED]),
        "typed": request.POST.get("cascade", ""),
    }
    if request.method != "POST":
        return render(request, "integrations/delete.html", context)
    cascade = "cascade" in request.POST
    if cascade and request.POST["cascade"].strip() != integration.name:
        messages.error(request, f"Nothing was deleted. To delete all of it, enter the name exactly: {integration.name}")
        return render(request, "integrations/delete.html", context, status=422)
    try:
        services.delete(integration=integration, cascade=cascade)
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("integration-delete", integration.slug)
    messages.success(request, f"{integration.name} is deleted.")
    return redirect("integration-list")


@require_POST
def ask(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask the owner to let the current organization connect."""
    integration = integration_for(request.user, slug)
    organization: Organization | None = request.organization or None  # type: ignore[attr-defined]
    if organization is None or not request.may_operate:  # type: ignore[attr-defined]
        raise PermissionDenied
    try:
        installing.ask(integration=integration, organization=organization, user=signed_in(request), reason=request.POST.get("reason", ""))
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"{integration.organization} has been asked. The answer will stand here.")
    return redirect("integration-detail", integration.slug)


@require_GET
def requests(request: HttpRequest) -> HttpResponse:
    """Requests to decide on, and one's own; those that wait come first."""
    rows = InstallRequest.objects.visible_to(request.user).select_related(
        "integration__organization", "organization", "created_by", "decided_by"
    )
    # Of the states "open" is the last by its letters.
    page = page_of(rows.order_by("-state", "-created_at", "id"), request.GET.get("page"), REQUESTS)
    mine = set(InstallRequest.objects.decidable_by(request.user).filter(pk__in=[row.pk for row in page]).values_list("pk", flat=True))
    return render(request, "integrations/requests.html", {"page": page, "mine": mine})


@require_POST
def decide(request: HttpRequest, pk: UUID) -> HttpResponse:
    asked = request_for(request.user, pk)
    choice = {"approve": True, "decline": False}.get(request.POST.get("choice", ""))
    if choice is None:
        messages.error(request, "Choose Approve or Decline.")
        return redirect("install-request-list")
    try:
        installing.decide(request=asked, approve=choice, user=signed_in(request), answer=request.POST.get("answer", ""))
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"{asked.organization} {'can connect to' if choice else 'was declined for'} {asked.integration}.")
    return redirect("install-request-list")
