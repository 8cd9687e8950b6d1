"""What admins do on an organization's page about its environments."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from integrations.models import Role
from integrations.organizations import environments
from integrations.organizations.forms import EnvironmentForm
from integrations.organizations.pages import show
from integrations.permissions import by_id_or_404, organization_named
from integrations.refusals import Refusal


@require_POST
def new(request: HttpRequest, slug: str) -> HttpResponse:
    organization = organization_named(request.user, slug, Role.ADMIN)
    form = EnvironmentForm(request.POST)
    if form.is_valid():
        try:
            made = environments.create(organization=organization, name=form.cleaned_data["name"])
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"The environment {made} is there, for {organization} and what is below it.")
            return redirect("organization-detail", organization.slug)
    return show(request, organization, environment_form=form)


@require_POST
def delete(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    organization = organization_named(request.user, slug, Role.ADMIN)
    found = by_id_or_404(organization.environments.select_related("organization"), pk)
    try:
        environments.delete(environment=found)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"The environment {found.name} was deleted.")
    return redirect("organization-detail", organization.slug)
