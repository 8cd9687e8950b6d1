"""Pages of an integration's shares and of its owner."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from integrations.models import Integration, Level, Organization, Role, Share
from integrations.paging import page_of
from integrations.permissions import check_builder, integration_for, may_edit, may_share, signed_in
from integrations.refusals import Invalid, Refusal
from integrations.sharing import principals, services
from integrations.sharing.forms import OwnerForm, ShareForm

PER_PAGE = 25
OFFERED = 100  # organizations to choose from
REFUSED = 422


@require_http_methods(["GET", "POST"])
def shares(request: HttpRequest, slug: str) -> HttpResponse:
    """With whom an integration is shared. Who edits it sees that; who may share it changes it here."""
    integration = integration_for(request.user, slug, share=request.method == "POST")
    sharer = may_share(request.user, integration)
    if not sharer and not may_edit(request.user, integration):
        raise PermissionDenied
    check_builder(integration.organization)
    form = ShareForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            principal = principals.principal_for(integration, form.cleaned_data["principal"].strip())
            level = form.cleaned_data["level"]
            services.share(integration=integration, principal=principal, level=level, user=signed_in(request))
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"{principal}: {Level(level).label.lower()}.")
            return redirect("integration-shares", integration.slug)
    rows = principals.placed(Share.objects.filter(integration=integration), integration.organization).select_related("created_by")
    page = page_of(rows, request.GET.get("page"), PER_PAGE)
    outside = principals.outside(integration.organization, page.object_list)
    context = {
        "integration": integration,
        "sharer": sharer,
        "form": form,
        "page": page,
        "shares": [(row, principals.named(row.principal), row.pk in outside) for row in page],
        "levels": Level.choices,
        "offered": principals.offered(integration, request.user) if sharer else [],
        "owner_form": OwnerForm(),
        "owners": _owners(request, integration),
    }
    return render(request, "sharing/shares.html", context, status=REFUSED if form.errors else 200)


@require_POST
def level(request: HttpRequest, slug: str, principal: str) -> HttpResponse:
    """Change what a principal may do, or take it away."""
    integration = integration_for(request.user, slug, share=True)
    found = principals.share_for(Share.objects.filter(integration=integration), principal)
    if found is None:
        raise Http404
    try:
        if "revoke" in request.POST:
            services.revoke(share=found)
            messages.success(request, f"{found.principal} has no access by a share any more.")
        else:
            changed = services.share(
                integration=integration, principal=found.principal, level=request.POST.get("level", ""), user=signed_in(request)
            )
            messages.success(request, f"{found.principal}: {Level(changed.level).label.lower()}.")
    except Refusal as refusal:
        messages.error(request, refusal.message)
    if not may_share(request.user, integration):  # one can take it away from oneself
        return redirect("integration-list")
    return redirect("integration-shares", integration.slug)


@require_http_methods(["GET", "POST"])
def transfer(request: HttpRequest, slug: str) -> HttpResponse:
    """Two steps: to whom, then what that changes. Nothing happens before it was shown and confirmed."""
    integration = integration_for(request.user, slug, share=True)
    given = request.POST if request.method == "POST" else request.GET
    form = OwnerForm(given if "owner" in given or request.method == "POST" else None)
    context: dict[str, Any] = {"integration": integration, "form": form, "owners": _owners(request, integration)}
    if form.is_bound and form.is_valid():
        try:
            organization = _owner(request, form.cleaned_data["owner"].strip())
            if request.method == "POST":
                services.transfer(integration=integration, organization=organization, user=signed_in(request))
                messages.success(request, f"{integration} belongs to {organization} now.")
                return redirect("integration-detail", integration.slug)
            shared = principals.placed(integration.shares.all(), organization)
            context |= {
                "owner": organization,
                "strangers": services.strangers_to(integration, organization),
                "lapsing": len(principals.outside(organization, shared)),
            }
        except Refusal as refusal:
            form.refuse(refusal)
    return render(request, "sharing/transfer.html", context, status=REFUSED if form.errors else 200)


def _owners(request: HttpRequest, integration: Integration) -> list[Organization]:
    mine = Organization.objects.visible_to(request.user, Role.BUILDER).exclude(pk=integration.organization_id)
    return list(mine.order_by("name")[:OFFERED])


def _owner(request: HttpRequest, text: str) -> Organization:
    """The organization that a slug or a name means, among those in which the user builds."""
    mine = Organization.objects.visible_to(request.user, Role.BUILDER)
    found = list(mine.filter(slug=text)) or list(mine.filter(name__iexact=text)[:2])
    if len(found) != 1:
        several = f"Several organizations are named {text}. Enter the slug."
        none = f"You are a builder of no organization named {text}. Enter the slug of one that you build for."
        raise Invalid({"ownerId": [several if found else none]})
    return found[0]
