"""The mapping of the current organization: rows of ten, suggestions, what is changed and not saved yet, import and export."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from actions import mapping_options
from actions.downloads import download_mapping
from actions.models import Run
from actions.pages.mapping_forms import SetupForm
from connections.mapping import csv_files, options, tables
from connections.mapping.models import Mapping
from connections.pages import current
from integrations.models import Integration, Organization
from integrations.permissions import integration_for, is_uuid, signed_in
from integrations.refusals import Invalid, Refusal

PER_PAGE: Final = 10
FEW: Final = 200  # options that one chooses from a list; of more one searches
SHOWN: Final = 20  # of what is wrong, when it stands on other pages


@dataclass
class Edit:
    """What a row is changed to and not saved yet. `score` is that of a suggestion that was taken as it is."""

    value: str
    label: str = ""
    score: int | None = None


@dataclass
class Row:
    """One organization as the table shows it. `note` says what stands against a suggestion, `error` what was refused."""

    organization: Organization
    value: str
    label: str
    edit: Edit | None
    is_gone: bool = False
    note: str = ""
    error: str = ""


class Sheet:
    """The table with its search, its page, and the edits of all pages, which travel in the form until they are saved."""

    def __init__(self, request: HttpRequest, mapping: Mapping, *, is_sent: bool) -> None:
        given = request.POST if is_sent else request.GET
        self.request, self.mapping = request, mapping
        self.query = given.get("q", "").strip()[:200]
        self.only = "unmapped" if given.get("only") == "unmapped" else ""
        self.number = given.get("page", "1")
        self.edits = _edits(given.get("edits", ""))
        self.notes: dict[UUID, str] = {}
        self.errors: dict[UUID, str] = {}
        self.level, self.message = "", ""
        if is_sent:
            self._take_typed()

    @property
    def is_typed(self) -> bool:
        return self.mapping.source == Mapping.Source.TYPED

    def _take_typed(self) -> None:
        """What stands in the rows of this page, beside the edits of the others. A row that is as it was is no edit."""
        post = self.request.POST
        shown = [UUID(key) for key in post.getlist("shown")[:PER_PAGE] if is_uuid(key)]
        now = {row.pk: (row.value or "", row.label or "") for row in tables.children(self.mapping).filter(pk__in=shown)}
        for key, (value, label) in now.items():
            typed = " ".join(post.get(f"value.{key}", value).split())
            named = " ".join(post.get(f"label.{key}", label).split()) if self.is_typed else ""
            if typed == value and (named == label or not self.is_typed):
                self.edits.pop(key, None)
            elif not (key in self.edits and (self.edits[key].value, self.edits[key].label) == (typed, named)):
                self.edits[key] = Edit(typed, named)

    def suggest(self) -> None:
        """Fill in what fits, for whoever has neither a value nor an edit. Nothing is saved."""
        found = tables.suggest(mapping=self.mapping, text=self.query)
        for key, (value, _, score) in found.clear.items():
            self.edits.setdefault(key, Edit(value, "", score))
        for key, several in found.ambiguous.items():
            names = ", ".join(f"{label} ({value})" for value, label in several[:4])
            more = f" and {len(several) - 4} more" if len(several) > 4 else ""
            said = f"{len(several)} options fit equally well: {names}{more}. Choose one."
            self.notes[key] = said if len(several) > 1 else f"{names} fits other organizations equally well. Choose for which one."
        parts = [f"{len(found.clear):,} suggested"]
        parts += [f"{len(found.ambiguous):,} with several that fit equally well"] if found.ambiguous else []
        parts += [f"{found.none:,} without one that fits"] if found.none else []
        self.level, self.message = "info", f"{', '.join(parts)}. Look at them; nothing is saved before you save it."

    def save(self) -> bool:
        """Save all edits; whether they were taken."""
        try:
            saved = tables.save(
                mapping=self.mapping,
                changes={key: (edit.value, edit.label) for key, edit in self.edits.items()},
                user=signed_in(self.request),
            )
        except Invalid as refusal:
            keys = {where.removeprefix("mappings."): sentences for where, sentences in refusal.errors.items()}
            self.errors = {UUID(key): " ".join(sentences) for key, sentences in keys.items() if is_uuid(key)}
            self.level, self.message = "error", "Nothing was saved yet: " + self._told()
            return False
        self.edits = {}
        self.level, self.message = "success", f"Saved: {saved}."
        return True

    def _told(self) -> str:
        names = dict(Organization.objects.filter(pk__in=self.errors).values_list("pk", "name"))
        told = [f"{names.get(key, 'An organization that is gone')}: {sentence}" for key, sentence in list(self.errors.items())[:SHOWN]]
        return " ".join(told)

    def context(self) -> dict[str, Any]:
        mapping = self.mapping
        # What was just filled in stays in sight, also where only the unmapped are shown.
        page = Paginator(tables.children(mapping, self.query, unmapped=bool(self.only)), PER_PAGE).get_page(self.number)
        everybody = tables.children(mapping)
        total = everybody.count()
        choices = list(options.options_of(mapping)[: FEW + 1]) if not self.is_typed else []
        unmapped = everybody.filter(value=None).count()
        return {
            "sheet": self,
            "page": page,
            "rows": self._rows(page),
            "choices": choices if len(choices) <= FEW else [],
            "searches": len(choices) > FEW,
            "total": total,
            "mapped_count": total - unmapped,
            "unmapped": unmapped,
            "edits": json.dumps({str(key): [edit.value, edit.label, edit.score] for key, edit in self.edits.items()}),
        }

    def _rows(self, page: Page[Organization]) -> list[Row]:
        rows = []
        known = options.labels(self.mapping, self._values(page)) if not self.is_typed else {}
        for one in page:
            stored: tuple[str, str] = (one.value or "", one.label or "")  # type: ignore[attr-defined]
            edit = self.edits.get(one.pk)
            value, label = (edit.value, edit.label) if edit else stored
            rows.append(
                Row(
                    organization=one,
                    value=value,
                    label=known.get(value, label if self.is_typed or not edit else ""),
                    edit=edit,
                    is_gone=bool(value) and not self.is_typed and value not in known,
                    note=self.notes.get(one.pk, "") if not (edit and edit.value) else "",
                    error=self.errors.get(one.pk, ""),
                )
            )
        return rows

    def _values(self, page: Page[Organization]) -> list[str]:
        edited = [edit.value for edit in self.edits.values()]
        return [*edited, *(one.value or "" for one in page)]  # type: ignore[attr-defined]


def _edits(text: str) -> dict[UUID, Edit]:
    """Edits as the form carries them; what does not look like one is dropped, since saving checks each anyway."""
    try:
        given = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    found = {}
    for key, values in given.items() if isinstance(given, dict) else ():
        match values:
            case [str(value), str(label), int() | None as score] if is_uuid(key):
                found[UUID(key)] = Edit(value, label, score)
    return found


@require_http_methods(["GET", "POST"])
def table(request: HttpRequest, slug: str) -> HttpResponse:
    """POST with `do`: save, suggest, forget, or another page or search, for which nothing is lost that is not saved yet."""
    integration = integration_for(request.user, slug)
    mapping = tables.mapping_of(current(request), integration)
    if request.method == "POST" and not request.may_operate:  # type: ignore[attr-defined]
        raise PermissionDenied
    sheet = Sheet(request, mapping, is_sent=request.method == "POST")
    if request.method == "POST":
        do = request.POST.get("do", "")
        if do == "save":
            sheet.save()
            sheet.mapping = tables.mapping_of(mapping.organization, integration)
        elif do == "suggest":
            try:
                sheet.suggest()
            except Refusal as refusal:
                sheet.level, sheet.message = "warning", refusal.message
        elif do == "forget":
            sheet.edits = {}
        elif do.startswith("page:"):
            sheet.number = do.removeprefix("page:")
        elif do == "search":
            sheet.number = "1"
    context = _context(request, integration, sheet.mapping) | sheet.context()
    template = "mapping/rows.html" if request.htmx else "mapping/table.html"  # type: ignore[attr-defined]
    return render(request, template, context, status=422 if sheet.errors else 200)


@require_GET
def found_options(request: HttpRequest, slug: str) -> HttpResponse:
    """The options for what is typed into one row (`value.<id>`), and the label of the one that it names exactly."""
    mapping = tables.mapping_of(current(request), integration_for(request.user, slug))
    name = next((name for name in request.GET if name.startswith("value.")), "")
    text = request.GET.get(name, "") if name else ""
    found = options.found(mapping, text)
    key = name.removeprefix("value.")
    exact = next((one for one in found if one.value == text.strip()), None)
    return render(
        request, "mapping/options.html", {"found": found, "exact": exact, "key": key if is_uuid(key) else "", "text": text.strip()}
    )


@require_http_methods(["GET", "POST"])
def setup(request: HttpRequest, slug: str) -> HttpResponse:
    """Where the options come from."""
    integration = integration_for(request.user, slug)
    if not request.may_operate:  # type: ignore[attr-defined]
        raise PermissionDenied
    mapping = tables.mapping_of(current(request), integration)
    form = SetupForm(request.POST if request.method == "POST" else None, request.FILES or None, mapping=mapping)
    if form.is_bound and form.is_valid():
        try:
            saved = form.save()
            if form.cleaned_data["source"] == Mapping.Source.ACTION:
                mapping_options.start(mapping=saved, user=signed_in(request))
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, "Saved." if saved.source != Mapping.Source.ACTION else "Saved. The options are being fetched.")
            return redirect("integration-mapping", slug)
    context = {"integration": integration, "mapping": mapping, "form": form}
    return render(request, "mapping/setup.html", context, status=422 if form.errors else 200)


@require_POST
def refresh(request: HttpRequest, slug: str) -> HttpResponse:
    integration = integration_for(request.user, slug)
    if not request.may_operate:  # type: ignore[attr-defined]
        raise PermissionDenied
    mapping = tables.mapping_of(current(request), integration)
    refused = ""
    try:
        mapping = mapping_options.start(mapping=mapping, user=signed_in(request))
    except Refusal as refusal:
        refused = refusal.message
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "mapping/status.html", _context(request, integration, mapping) | {"refused": refused})
    if refused:
        messages.error(request, refused)
    return redirect("integration-mapping", slug)


@require_GET
def status(request: HttpRequest, slug: str) -> HttpResponse:
    """What changes while options are refreshed; when they have come, the browser loads the page's rows again."""
    integration = integration_for(request.user, slug)
    mapping = tables.mapping_of(current(request), integration)
    response = render(request, "mapping/status.html", _context(request, integration, mapping))
    if mapping.state != Mapping.State.REFRESHING:
        response["HX-Trigger"] = "options-came"
    return response


@require_GET
def export(request: HttpRequest, slug: str) -> StreamingHttpResponse:
    mapping = tables.mapping_of(current(request), integration_for(request.user, slug))
    return download_mapping(mapping)


@require_POST
def import_file(request: HttpRequest, slug: str) -> HttpResponse:
    """Map by a CSV file; all of it or nothing, with what is wrong by line."""
    integration = integration_for(request.user, slug)
    if not request.may_operate:  # type: ignore[attr-defined]
        raise PermissionDenied
    mapping = tables.mapping_of(current(request), integration)
    given = request.FILES.get("file")
    errors: dict[str, list[str]] = {"file": ["Choose a CSV file first."]} if given is None else {}
    if given is not None and (given.size or 0) > csv_files.MAX_BYTES:
        errors = {"file": [f"The file is larger than {csv_files.MAX_BYTES // 2**20} MB. Split it."]}
    elif given is not None:
        try:
            saved = tables.import_csv(mapping=mapping, data=given.read(), user=signed_in(request))
        except Invalid as refusal:
            errors = refusal.errors
        else:
            messages.success(request, f"Imported: {saved}.")
            return redirect("integration-mapping", slug)
    context = _context(request, integration, mapping) | Sheet(request, mapping, is_sent=False).context()
    context["import_errors"] = [(where, sentence) for where, sentences in errors.items() for sentence in sentences]
    return render(request, "mapping/table.html", context, status=422)


def _context(request: HttpRequest, integration: Integration, mapping: Mapping) -> dict[str, Any]:
    run = Run.objects.visible_to(request.user).filter(pk=mapping.run).first() if mapping.run else None
    return {"integration": integration, "mapping": mapping, "run": run, "action": mapping_options.action_of(mapping)}
