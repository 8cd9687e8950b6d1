"""The pages about templates: find one, see what it says, start a draft integration from it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET

from integrations import templates
from integrations.models import Integration, IntegrationTemplate, Organization, Role
from integrations.permissions import check_builder, signed_in
from integrations.refusals import Refusal

PAGE_SIZE = 24
REFUSED = 422


def _builder_of(request: HttpRequest) -> Organization:
    """The current organization, in which the user has to be a builder."""
    organization: Organization | None = request.organization  # type: ignore[attr-defined]
    if not organization or not Organization.objects.visible_to(request.user, Role.BUILDER).filter(pk=organization.pk).exists():
        raise PermissionDenied
    check_builder(organization)
    return organization


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Templates as tiles, searched by words and category; with htmx only the tiles."""
    _builder_of(request)
    query, category = request.GET.get("q", "").strip(), request.GET.get("category", "").strip()
    rows = IntegrationTemplate.objects.visible_to(request.user).matching(query)
    if category:
        rows = rows.in_category(category)
    context: dict[str, Any] = {
        "query": query,
        "category": category,
        "page": Paginator(rows.defer("losses", "notes"), PAGE_SIZE).get_page(request.GET.get("page")),
    }
    if request.headers.get("HX-Request"):
        return render(request, "integrations/template_list.html", context)
    context |= {"categories": templates.categories(), "any": IntegrationTemplate.objects.exists()}
    return render(request, "integrations/templates.html", context)


def detail(request: HttpRequest, key: str) -> HttpResponse:
    """What a template says and what it could not; POST makes a draft integration of it."""
    organization = _builder_of(request)
    template = get_object_or_404(IntegrationTemplate.objects.visible_to(request.user), key=key)
    context: dict[str, Any] = {"template": template, "definition": template.definition, "name": templates.name_of(template)}
    if request.method == "POST":
        name = request.POST.get("name", "")
        try:
            integration = templates.start(template=template, organization=organization, user=signed_in(request), name=name)
        except Refusal as refusal:
            return render(
                request, "integrations/template_detail.html", {**context, "name": name, "refusal": refusal.message}, status=REFUSED
            )
        return _started(request, template, integration)
    return render(request, "integrations/template_detail.html", context)


def _started(request: HttpRequest, template: IntegrationTemplate, integration: Integration) -> HttpResponse:
    messages.success(request, f"The draft {integration.name} is there, as the template {template.name} says. Every step saves to it.")
    for note in template.losses:
        where = f"{note['path']}: " if note["path"] else ""
        messages.warning(request, f"Not in the draft, because it could not be expressed: {where}{note['reason']}")
    return redirect("wizard-step", integration.slug, "details")
