"""Add OpenAPI Integration: a file, its text, or its URL becomes a draft; then the report of what was found and mended."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from actions import fetching, importing, imports, undoing
from actions.models import Import
from integrations.forms import RefusableForm
from integrations.models import Organization, Role
from integrations.permissions import check_builder, integration_for, signed_in
from integrations.refusals import Refusal
from integrations.widgets import DropZone
from integrations.wizard.inputs import text
from integrations.wizard.shell import REFUSED

SEVERITIES = (("error", "Errors"), ("warning", "Warnings"), ("info", "Notes"))
LINTERS = {"vacuum": "vacuum", "junction": "Junction's built-in rules"}
SHOWN = 200  # rows of one table; a document can have thousands of findings
UNFINISHED_SHOWN = 10


class ImportForm(RefusableForm):
    file = forms.FileField(
        required=False,
        label="OpenAPI document",
        widget=DropZone(
            hint=f"OpenAPI 3.x or Swagger 2.0, JSON or YAML, or a zip of all its files, up to {settings.IMPORT_MAX_BYTES // 2**20} MB",
            attrs={"accept": ".json,.yaml,.yml,.zip,application/json,application/yaml,text/yaml,application/zip"},
        ),
        error_messages={"empty": "The file is empty. Choose another one."},
    )
    url = forms.CharField(
        required=False,
        label="URL",
        widget=text(placeholder="https://api.example.com/openapi.json", inputmode="url"),
        help_text="Of the document itself, or of the vendor's documentation page: the document that it shows is looked for.",
    )
    text = forms.CharField(
        required=False,
        label="Text",
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "class": "mono", "spellcheck": "false", "placeholder": "openapi: 3.0.3"}),
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        given = [name for name in ("file", "url", "text") if values.get(name) and (name == "file" or values[name].strip())]
        if not given and not self.errors:
            self.add_error(None, "Choose a file, enter a URL, or paste the text of the document.")
        elif len(given) > 1:
            self.add_error(None, "Give the document in one way only: empty the others.")
        values["given"] = given[0] if given else ""
        return values

    def given(self) -> dict[str, Any]:
        """What `imports.start` takes: the kind, where it comes from in words, the bytes. Raises `Invalid`."""
        values = self.cleaned_data
        match values["given"]:
            case "file":
                importing.check_size(values["file"].size)
                return {"kind": "file", "source": values["file"].name, "document": values["file"].read()}
            case "url":
                return {"kind": "url", "source": fetching.checked(values["url"])}
        return {"kind": "text", "source": "Pasted text", "document": values["text"].encode()}


def import_document(request: HttpRequest) -> HttpResponse:
    organization: Organization | None = request.organization  # type: ignore[attr-defined]
    if not organization or not Organization.objects.visible_to(request.user, Role.BUILDER).filter(pk=organization.pk).exists():
        raise PermissionDenied
    check_builder(organization)
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    if request.method == "POST" and form.is_valid():
        try:
            job = imports.start(organization=organization, user=signed_in(request), asks="choose" in request.POST, **form.given())
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            if job.state != Import.State.FAILED:
                return redirect("import-detail", job.pk)
            form.add_error(job.kind, job.message)
    return render_form(request, form)


def render_form(request: HttpRequest, form: ImportForm) -> HttpResponse:
    """The form, and the imports that one may have left in the middle."""
    unfinished = Import.objects.visible_to(request.user).unfinished().filter(organization=request.organization)  # type: ignore[attr-defined]
    context = {"form": form, "unfinished": unfinished.defer("selected")[:UNFINISHED_SHOWN]}
    return render(request, "actions/import.html", context, status=REFUSED if request.method == "POST" else 200)


def failed_form(job: Import) -> ImportForm:
    """The form as it was sent, with the sentence that says why the import failed. A browser does not keep a chosen file."""
    given = {"url": job.source} if job.kind == Import.Kind.URL else {}
    if job.kind == Import.Kind.TEXT:
        given = {"text": imports.document(job).decode(errors="replace")}
    form = ImportForm(given)
    form.is_valid()
    form.errors.clear()
    form.add_error(job.kind, job.message)
    return form


def report(request: HttpRequest, slug: str) -> HttpResponse:
    """What the import found and mended; it made the first revision."""
    integration = integration_for(request.user, slug, edit=True)
    revision = undoing.imported_revision(integration)
    if revision is None:
        raise Http404
    found = [
        {"severity": name, "title": title, "rows": rows[:SHOWN], "count": len(rows), "more": max(len(rows) - SHOWN, 0)}
        for name, title in SEVERITIES
        if (rows := [row for row in revision.findings if row["severity"] == name])
    ]
    context = {
        "integration": integration,
        "revision": revision,
        "definition": revision.definition,
        "action_count": revision.actions.count(),
        "found": found,
        "linter": LINTERS.get(revision.linter.get("name", ""), ""),
        "repairs": undoing.rows(revision, SHOWN),
        "opened": "repairs" in request.GET,
        "more_repairs": max(len(revision.repairs) - SHOWN, 0),
    }
    return render(request, "actions/report.html", context)


@require_POST
def undo_repair(request: HttpRequest, slug: str, number: int, *, redo: bool) -> HttpResponse:
    """Undo one repair, or make it again; back to its row."""
    integration = integration_for(request.user, slug, edit=True)
    try:
        row = undoing.undo(integration=integration, number=number, redo=redo)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        place = row.pointer or "the document"
        messages.success(
            request, f"The repair at {place} was made again." if redo else f"The draft has back what the document says at {place}."
        )
    return redirect(f"{reverse('integration-report', args=[integration.slug])}?repairs#repair-{number}")
