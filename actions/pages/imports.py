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

from actions import fetching, importing
from integrations.forms import RefusableForm
from integrations.models import Integration, Organization, Revision, Role
from integrations.permissions import integration_for
from integrations.refusals import Invalid, Refusal
from integrations.widgets import DropZone
from integrations.wizard.auth_forms import text
from integrations.wizard.shell import REFUSED

SEVERITIES = (("error", "Errors"), ("warning", "Warnings"), ("info", "Notes"))
LINTERS = {"vacuum": "vacuum", "junction": "Junction's built-in rules"}
SHOWN = 200  # rows of one table; a document can have thousands of findings


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

    def document(self) -> dict[str, Any]:
        """What `importing.import_document` wants to know about the document. Raises `Invalid`."""
        values = self.cleaned_data
        match values["given"]:
            case "file":
                importing.check_size(values["file"].size)
                return {"data": values["file"].read(), "source": values["file"].name}
            case "url":
                fetched = fetching.fetch(values["url"].strip())
                return {"data": fetched.data, "source": fetched.url, "source_url": fetched.url, "notes": fetched.findings}
        return {"data": values["text"].encode(), "source": "Pasted text"}

    def refuse(self, refusal: Refusal) -> None:
        if isinstance(refusal, Invalid) and "document" in refusal.errors:
            refusal = Invalid({self.cleaned_data.get("given", ""): refusal.errors["document"]})
        super().refuse(refusal)


def import_document(request: HttpRequest) -> HttpResponse:
    organization: Organization | None = request.organization  # type: ignore[attr-defined]
    if not organization or not Organization.objects.visible_to(request.user, Role.BUILDER).filter(pk=organization.pk).exists():
        raise PermissionDenied
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    if request.method == "POST" and form.is_valid():
        try:
            document = form.document()
            report = importing.import_document(
                **document,
                organization=organization,
                user=request.user,  # type: ignore[arg-type]
            )
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            kind = "Swagger" if report.version.startswith("2") else "OpenAPI"
            said = f"{report.operations} operation{'' if report.operations == 1 else 's'} imported"
            messages.success(
                request, f"{said} from {document['source']} ({kind} {report.version}). The draft {report.integration.name} is there."
            )
            return redirect(reverse("integration-report", args=[report.integration.slug]))
    return render(request, "actions/import.html", {"form": form}, status=REFUSED if form.errors else 200)


def imported_revision(integration: Integration) -> Revision | None:
    """The revision that an import made, if one did."""
    return integration.revisions.filter(number=1).exclude(source="", linter={}).first()


def report(request: HttpRequest, slug: str) -> HttpResponse:
    """What the import found and mended; it made the first revision."""
    integration = integration_for(request.user, slug, edit=True)
    revision = imported_revision(integration)
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
        "repairs": revision.repairs[:SHOWN],
        "more_repairs": max(len(revision.repairs) - SHOWN, 0),
    }
    return render(request, "actions/report.html", context)
