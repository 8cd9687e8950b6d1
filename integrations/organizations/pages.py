"""Pages of the tree: list, create, one organization, move, delete, the search of the switcher, feature preview."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from integrations.forms import RefusableForm
from integrations.models import Organization, Role
from integrations.organizations import environments, members, moving, tree
from integrations.organizations.choices import listed, mark_parents, offered
from integrations.organizations.forms import EnvironmentForm, InvitationForm, MoveForm, OrganizationForm
from integrations.paging import page_of
from integrations.permissions import organization_named, signed_in
from integrations.refusals import Invalid, Refusal

PER_PAGE = 25
REFUSED = 422
SHOWN = 50  # members on the page of an organization, and of organizations below it; as many rows as other lists have


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Everything that the user sees, by name."""
    query = request.GET.get("q", "").strip()
    # Counted only for those that are shown: a join would group all of them.
    below = Organization.objects.order_by().filter(parent=OuterRef("pk")).values("parent").annotate(number=Count("pk")).values("number")
    rows = listed(request.user, query).annotate(child_count=Coalesce(Subquery(below), 0)).order_by("name", "pk")
    page = page_of(rows, request.GET.get("page"), PER_PAGE)
    mark_parents(request.user, page)
    context = {"page": page, "query": query, "may_create": Organization.objects.visible_to(request.user, Role.ADMIN).exists()}
    return render(request, "organizations/list.html", context)


@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """The switcher's list: what matches, the best first, a screenful of it."""
    query = request.GET.get("q", "").strip()
    return render(request, "organizations/switch_list.html", {**offered(request.user, query), "query": query})


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """A new organization below one that the user administers."""
    parent = organization_named(request.user, request.GET.get("parent") or _current(request).slug, Role.ADMIN)
    form = OrganizationForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            organization = tree.create(parent=parent, **form.values())
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"{organization} is there, below {parent}.")
            return redirect("organization-detail", organization.slug)
    return render(request, "organizations/new.html", {"form": form, "parent": parent}, status=REFUSED if form.errors else 200)


@require_http_methods(["GET", "POST"])
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    """What an organization is, who belongs to it, and what is below it; admins change it here."""
    organization = organization_named(request.user, slug, Role.ADMIN if request.method == "POST" else Role.VIEWER)
    form = OrganizationForm(request.POST if request.method == "POST" else None, initial=OrganizationForm.shown(organization))
    if form.is_bound and form.is_valid():
        try:
            changed = tree.change(organization=organization, **form.values())
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, "The organization was saved.")
            return redirect("organization-detail", changed.slug)
    return show(request, organization, form=form)


def show(request: HttpRequest, organization: Organization, **forms: RefusableForm) -> HttpResponse:
    """The page of an organization; `forms` are those that were sent and refused."""
    user = signed_in(request)
    admin = tree.may_administer(user, organization)
    listed = organization.memberships.select_related("user").order_by("user__username")
    context: dict[str, Any] = {
        "organization": organization,
        "admin": admin,
        "may_place": tree.may_place(user, organization),
        "ancestors": Organization.objects.visible_to(user).filter(pk__in=organization.ancestor_ids).exclude(pk=organization.pk),
        "children": organization.children.order_by("name")[:SHOWN],
        "child_count": organization.children.count(),
        "members": Paginator(listed, SHOWN).get_page(request.GET.get("page")),
        "invitations": organization.invitations.open().select_related("organization", "created_by") if admin else [],
        "roles": Role.choices,
        "invitation_form": InvitationForm(),
        "environments": environments.known_to(organization),
        "environment_form": EnvironmentForm(),
        "public_url": settings.PUBLIC_URL,
    }
    if admin:
        context |= {
            "form": OrganizationForm(initial=OrganizationForm.shown(organization)),
            "above": members.from_above(organization)[:SHOWN],
        }
    context |= forms
    refused = any(form.errors for form in forms.values())
    return render(request, "organizations/detail.html", context, status=REFUSED if refused else 200)


@require_http_methods(["GET", "POST"])
def move(request: HttpRequest, slug: str) -> HttpResponse:
    """Two steps: which parent, then what changes. Nothing is moved before that was shown and confirmed."""
    organization = organization_named(request.user, slug, Role.ADMIN)
    user = signed_in(request)
    if not tree.may_place(user, organization):
        raise PermissionDenied
    given = request.POST if request.method == "POST" else request.GET
    form = MoveForm(given if "parent" in given or request.method == "POST" else None)
    context: dict[str, Any] = {"organization": organization, "form": form}
    if form.is_bound and form.is_valid():
        try:
            parent = _parent(request, form.cleaned_data["parent"])
            context["change"] = moving.preview(organization=organization, parent=parent)
            if request.method == "POST":
                moving.move(organization=organization, parent=parent)
                messages.success(request, f"{organization} is now {f'below {parent}' if parent else 'at the top'}.")
                return redirect("organization-detail", organization.slug)
        except Refusal as refusal:
            form.refuse(refusal)
    mine = Organization.objects.visible_to(user, Role.ADMIN).exclude(path__startswith=organization.path)
    context["parents"] = mine.order_by("name")[:SHOWN]
    return render(request, "organizations/move.html", context, status=REFUSED if form.errors else 200)


def _parent(request: HttpRequest, text: str) -> Organization | None:
    """The organization that a slug or a name means, among those that the user administers."""
    if not text:
        if signed_in(request).is_superuser:
            return None
        raise Invalid({"parent": ["Enter the organization that it goes under."]})
    mine = Organization.objects.visible_to(request.user, Role.ADMIN)
    found = list(mine.filter(slug=text)) or list(mine.filter(name__iexact=text)[:2])
    if not found:
        raise Invalid({"parent": [f"You administer no organization named {text}. Look at the list of organizations for its slug."]})
    if len(found) > 1:
        raise Invalid({"parent": [f"Several organizations are named {text}. Enter the slug."]})
    return found[0]


@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, slug: str) -> HttpResponse:
    """Asks first where scripts are off; refused while something is in it."""
    organization = organization_named(request.user, slug, Role.ADMIN)
    if not tree.may_place(signed_in(request), organization):
        raise PermissionDenied
    if request.method == "GET":
        return render(request, "organizations/delete.html", {"organization": organization})
    try:
        tree.delete(organization=organization)
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("organization-detail", organization.slug)
    messages.success(request, f"{organization} was deleted.")
    return redirect("organization-list")


@require_GET
def preview(request: HttpRequest) -> HttpResponse:
    """Feature Preview: what is on trial, and whether it is enabled in the current organization."""
    organization = _current(request)
    admin = tree.may_administer(signed_in(request), organization)
    return render(request, "organizations/preview.html", {"organization": organization, "admin": admin})


@require_POST
def preview_set(request: HttpRequest) -> HttpResponse:
    organization = organization_named(request.user, _current(request).slug, Role.ADMIN)
    enabled = {"enable": True, "disable": False}.get(request.POST.get("choice", ""))
    if enabled is None:
        messages.error(request, "Choose Enable or Disable.")
    else:
        tree.change(organization=organization, custom_integrations=enabled)
        messages.success(request, f"Custom Integrations is {'enabled' if enabled else 'disabled'} for {organization} and what is below it.")
    return redirect("feature-preview")


def _current(request: HttpRequest) -> Organization:
    """The organization that one works for; somebody without one may do nothing here."""
    organization: Organization | None = request.organization or None  # type: ignore[attr-defined]
    if organization is None:
        raise PermissionDenied
    return organization
