"""Pages of an organization's teams."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from integrations.models import Organization, Role, Team
from integrations.organizations.tree import may_administer
from integrations.paging import page_of
from integrations.permissions import organization_named, signed_in
from integrations.refusals import Refusal
from integrations.sharing import teams
from integrations.sharing.forms import TeamForm

REFUSED = 422
PER_PAGE = 25


@require_http_methods(["GET", "POST"])
def index(request: HttpRequest, slug: str) -> HttpResponse:
    """The teams of an organization; admins make new ones."""
    organization = organization_named(request.user, slug, Role.ADMIN if request.method == "POST" else Role.VIEWER)
    form = TeamForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            team = teams.create(organization=organization, name=form.cleaned_data["name"], members=form.names)
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"The team {team} is there.")
            return redirect("team-list", organization.slug)
    context = {
        "organization": organization,
        "admin": may_administer(signed_in(request), organization),
        "page": page_of(teams.listed(organization), request.GET.get("page"), PER_PAGE),
        "form": form,
    }
    return render(request, "sharing/teams.html", context, status=REFUSED if form.errors else 200)


@require_http_methods(["GET", "POST"])
def detail(request: HttpRequest, slug: str, team: str) -> HttpResponse:
    """Rename a team, and say who is in it."""
    organization, found = _team(request, slug, team)
    names = [member.username for member in found.members.all()]
    form = TeamForm(request.POST if request.method == "POST" else None, initial={"name": found.name, "members": "\n".join(names)})
    if form.is_bound and form.is_valid():
        try:
            teams.change(team=found, name=form.cleaned_data["name"], members=form.names)
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, "The team was saved.")
            return redirect("team-list", organization.slug)
    context = {"organization": organization, "team": found, "form": form}
    return render(request, "sharing/team.html", context, status=REFUSED if form.errors else 200)


@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, slug: str, team: str) -> HttpResponse:
    """Asks first where scripts are off; otherwise a dialog has asked."""
    organization, found = _team(request, slug, team)
    if request.method == "GET":
        return render(request, "sharing/team_delete.html", {"organization": organization, "team": found})
    try:
        teams.delete(team=found)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"The team {found.name} was deleted. What was shared with it is shared with it no more.")
    return redirect("team-list", organization.slug)


def _team(request: HttpRequest, slug: str, key: str) -> tuple[Organization, Team]:
    organization = organization_named(request.user, slug, Role.ADMIN)
    found = teams.listed(organization).filter(slug=key).first()
    if found is None:
        raise Http404
    return organization, found
