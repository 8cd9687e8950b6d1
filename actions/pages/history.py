"""Pages of the revisions: the history, what changed from one to another, and going back."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from actions import history
from integrations.forms import RefusableForm
from integrations.models import Integration, Revision
from integrations.permissions import integration_for, signed_in
from integrations.refusals import Refusal
from integrations.services import NOTE_LENGTH

SHOWN = 200  # actions of one list; the rest is counted


class NoteForm(RefusableForm):
    note = forms.CharField(
        label="Note",
        required=False,
        max_length=NOTE_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="What changed, for the history. It may be empty.",
    )


@require_GET
def revisions(request: HttpRequest, slug: str) -> HttpResponse:
    integration = integration_for(request.user, slug, edit=True)
    rows = history.history(integration)
    current = next((row for row in rows if row.finalized_at), None)
    return render(request, "actions/history.html", {"integration": integration, "revisions": rows, "current": current})


@require_GET
def changes(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """What a revision changed against the one before it, or against the one that the address names."""
    integration = integration_for(request.user, slug, edit=True)
    after = revision_of(integration, number)
    against = request.GET.get("against", "")
    if against:
        before = revision_of(integration, int(against) if against.isascii() and against.isdigit() and len(against) < 9 else 0)
    else:
        before = integration.revisions.filter(number__lt=number).order_by("-number").first()  # type: ignore[assignment]
    context = {"integration": integration, "difference": history.difference(before, after), "shown": f":{SHOWN}", "limit": SHOWN}
    return render(request, "actions/changes.html", context)


@require_http_methods(["GET", "POST"])
def restore(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Ask, showing what changes for whom; then put the earlier revision in force."""
    integration = integration_for(request.user, slug, edit=True)
    earlier, current = revision_of(integration, number), integration.current
    if earlier.finalized_at is None or current is None:
        raise Http404
    form = NoteForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            made = history.roll_back(integration=integration, number=number, user=signed_in(request), note=form.cleaned_data["note"])
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"Revision {made.number} is in force. It is as revision {number} was.")
            return redirect("integration-history", integration.slug)
    context = {
        "integration": integration,
        "revision": earlier,
        "difference": history.difference(current, earlier),
        "reach": history.reach(integration),
        "form": form,
        "shown": f":{SHOWN}",
        "limit": SHOWN,
    }
    return render(request, "actions/restore.html", context, status=422 if form.errors else 200)


def revision_of(integration: Integration, number: int) -> Revision:
    found = integration.revisions.filter(number=number).select_related("finalized_by").first()
    if found is None:
        raise Http404
    return found
