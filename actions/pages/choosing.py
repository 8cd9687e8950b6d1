"""Which connection an organization's runs use, and why: the walk, what it would be for another organization, what can be set."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from actions.models import Action
from actions.permissions import runnable_action
from connections.choosing import overrides
from connections.choosing.models import Override
from connections.choosing.walk import Seeker, choose, usable_for
from connections.mapping.values import placeholders
from connections.models import Connection
from connections.pages import current
from integrations.forms import RefusableForm
from integrations.models import Integration, Organization
from integrations.models.environment import PRODUCTION
from integrations.organizations import environments
from integrations.organizations.choices import FOUND, named
from integrations.permissions import integration_for, is_uuid, signed_in
from integrations.refusals import Invalid, Refusal


class WhatIfForm(RefusableForm):
    """For whom the walk is shown."""

    organization = forms.CharField(
        label="For organization",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"list": "organizations", "autocomplete": "off", "spellcheck": "false"}),
    )
    action = forms.ChoiceField(label="Action", required=False)

    def __init__(self, *args: Any, actions: list[Action], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["action"].choices = [("", "Any action"), *((str(one.uid), one.name) for one in actions)]  # type: ignore[attr-defined]


class OverrideForm(RefusableForm):
    """What an organization says about which connection is used."""

    selection = forms.ChoiceField(label="First try", choices=Override.Selection.choices)
    connection = forms.ChoiceField(label="Connection", required=False)
    name = forms.CharField(
        label="Text in its name",
        required=False,
        max_length=100,
        help_text="The whole name, or a part that only one connection has.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    fallback = forms.ChoiceField(label="If that finds none", choices=Override.Fallback.choices)

    def __init__(self, *args: Any, connections: list[Connection], organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by_id = {str(one.pk): one for one in connections}
        self.fields["connection"].choices = [  # type: ignore[attr-defined]
            ("", "None chosen"),
            *(
                (key, one.name if one.organization_id == organization.pk else f"{one.name} of {one.organization}")
                for key, one in self.by_id.items()
            ),
        ]


@require_http_methods(["GET", "POST"])
def why(request: HttpRequest, slug: str) -> HttpResponse:
    """`?organization=` and `?action=` say for whom; POST sets or clears what the current organization says, for `?action=` or for all."""
    integration = integration_for(request.user, slug)
    here = current(request)
    action = _action(integration, request.GET.get("action", ""))
    if request.method == "POST" and not request.may_operate:  # type: ignore[attr-defined]
        raise PermissionDenied
    actions = list(integration.current.actions.all()) if integration.current else []
    what_if = WhatIfForm(request.GET if "organization" in request.GET else None, initial={"action": action and action.uid}, actions=actions)
    asked = here
    if what_if.is_bound and what_if.is_valid():
        try:
            asked = _asked(request, what_if.cleaned_data["organization"], here)
        except Refusal as refusal:
            what_if.refuse(refusal)
    uid = action.uid if action else None
    form = _override_form(request, integration, here, uid)
    if form.is_bound:
        response = _set(request, integration, here, uid, form)
        if response:
            return response
    known = environments.known_to(asked)
    wanted = request.GET.get("environment", "")
    environment = wanted if wanted in [one.slug for one in known] else PRODUCTION
    choice = choose(organization=asked, integration=integration, user=signed_in(request), action=uid, environment=environment)
    names = {one.uid: one.name for one in actions}
    context = {
        "integration": integration,
        "action": action,
        "what_if": what_if,
        "organizations": named(Organization.objects.visible_to(request.user), "").order_by("name", "pk")[: 5 * FOUND],
        "choice": choice,
        "asked": asked,
        "environments": known,
        "environment": environment,
        "mapped": placeholders(asked, choice.connection) if choice.connection else {},
        "visible": set(Connection.objects.visible_to(request.user).filter(integration=integration).values_list("pk", flat=True)),
        "form": form,
        "is_set": overrides.override_of(here, integration, uid) is not None,
        "others": [
            (one, names.get(one.action, "An action that is gone") if one.action else "")
            for one in overrides.overrides_of(here, integration)
            if one.action != uid
        ],
    }
    return render(request, "choosing/why.html", context, status=422 if form.errors or what_if.errors else 200)


def _override_form(request: HttpRequest, integration: Integration, here: Organization, uid: UUID | None) -> OverrideForm:
    found = overrides.override_of(here, integration, uid)
    initial = (
        {
            "selection": found.selection,
            "connection": str(found.connection_id or ""),
            "name": found.name,
            "fallback": found.fallback,
        }
        if found
        else {}
    )
    return OverrideForm(
        request.POST if request.method == "POST" else None,
        initial=initial,
        connections=usable_for(Seeker(here, integration, signed_in(request), uid)),
        organization=here,
    )


def _set(request: HttpRequest, integration: Integration, here: Organization, uid: UUID | None, form: OverrideForm) -> HttpResponse | None:
    """Do what was posted; None where it was refused, and the form says why."""
    if "clear" in request.POST:
        overrides.clear_override(organization=here, integration=integration, action=uid)
        messages.success(request, "Nothing is set any more: the usual order counts.")
    elif form.is_valid():
        given = form.cleaned_data
        try:
            overrides.set_override(
                organization=here,
                integration=integration,
                user=signed_in(request),
                action=uid,
                selection=given["selection"],
                connection=form.by_id.get(given["connection"]),
                name=given["name"],
                fallback=given["fallback"],
            )
        except Refusal as refusal:
            form.refuse(refusal)
            return None
        messages.success(request, f"Saved for {here}. The steps show what it means.")
    else:
        return None
    url = reverse("integration-choice", args=[integration.slug])
    return redirect(f"{url}?action={uid}" if uid else url)


def _action(integration: Integration, key: str) -> Action | None:
    if not key:
        return None
    if not is_uuid(key):
        raise Http404
    return runnable_action(integration, key)


def _asked(request: HttpRequest, text: str, here: Organization) -> Organization:
    """The organization that a slug or a name means, among those that the user sees."""
    text = text.strip()
    if not text:
        return here
    mine = Organization.objects.visible_to(request.user)
    found = list(mine.filter(slug=text)) or list(mine.filter(name__iexact=text)[:2])
    if not found:
        raise Invalid({"organization": [f"You see no organization named {text}. Choose one of the list, or enter its slug."]})
    if len(found) > 1:
        raise Invalid({"organization": [f"Several organizations are named {text}. Enter the slug."]})
    return found[0]
