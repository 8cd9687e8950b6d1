"""One import: watch it being read and written, choose its operations, cancel it. Its address stays the same throughout."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from actions import imports
from actions.catalogue import Branch, Catalogue, Entry, Selection
from actions.models import Import
from actions.pages.imports import failed_form, render_form
from actions.permissions import import_for
from integrations.refusals import Refusal

LISTED: Final = 50  # operations on one page of the list
PATIENCE: Final = timedelta(seconds=15)  # a worker that is there takes an import up in less
# What a worker does, and how far the bar is when it begins, in hundredths: shares of the time that large documents take.
PHASES: Final = {
    "fetching": ("Fetching the document", 5),
    "parsing": ("Parsing the document", 15),
    "linting": ("Linting: looking for faults", 35),
    "repairing": ("Repairing, and collecting the operations", 50),
    "sorting": ("Sorting the operations", 90),
}
SEARCH: Final = ("tag", "q", "method", "page")
State = Import.State


@require_GET
def detail(request: HttpRequest, pk: Any) -> HttpResponse:
    """What the import is at: the bar, the choice, or where it has led to."""
    job = import_for(request.user, pk)
    match job.state:
        case State.CHOOSING:
            return _choice(request, job)
        case State.FINISHED if job.integration:
            return _finished(request, job)
        case State.FAILED:
            return render_form(request, failed_form(job))
        case State.CANCELLED:
            messages.info(request, f"The import of {job} is cancelled. Nothing was kept of it.")
            return redirect("integration-import")
    return render(request, "imports/progress.html", _progress(job))


@require_GET
def status(request: HttpRequest, pk: Any) -> HttpResponse:
    """The bar, which asks for itself; when there is something else to show, the browser loads the page again."""
    job = import_for(request.user, pk)
    if job.is_at_work:
        return render(request, "imports/status.html", _progress(job))
    return _to_page(request, job)


@require_POST
def cancel(request: HttpRequest, pk: Any) -> HttpResponse:
    job = imports.cancel(job=import_for(request.user, pk))
    if job.is_at_work and request.htmx:  # type: ignore[attr-defined]
        return render(request, "imports/status.html", _progress(job))
    return _to_page(request, job)


@require_POST
def accept(request: HttpRequest, pk: Any) -> HttpResponse:
    """Import what is selected."""
    job = import_for(request.user, pk)
    try:
        imports.accept(job=job)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return _to_page(request, job)


@require_POST
def select(request: HttpRequest, pk: Any) -> HttpResponse:
    """Change the selection: the ticks of one page of the list, all or none of what the search shows, or a whole group."""
    job = import_for(request.user, pk)
    try:
        catalogue, before = imports.catalogue(job), imports.selection(job)
        add, remove = _changes(request, catalogue, before)
        selection = imports.select(job=job, add=add, remove=remove)
    except Refusal:
        return _to_page(request, job)
    if not request.htmx:  # type: ignore[attr-defined]
        query = _search(request).urlencode()
        return redirect(reverse("import-detail", args=[job.pk]) + (f"?{query}" if query else ""))
    # Only what has changed is sent, so that the tree keeps its place.
    stale = {branch.name: branch.chosen for branch in catalogue.tree(before)}
    context = _shown(request, job, catalogue, selection)
    context["changed"] = [branch for branch in context["tree"] if branch.chosen != stale[branch.name]]
    return render(request, "imports/choice_changed.html", context)


def _changes(request: HttpRequest, catalogue: Catalogue, selection: Selection) -> tuple[list[int], list[int]]:
    """Numbers to add and to remove."""
    if "group" in request.POST:
        numbers = [entry.number for entry in catalogue.find(group=request.POST["group"])]
        return ([], numbers) if all(number in selection for number in numbers) else (numbers, [])
    if "set" in request.POST:
        numbers = [entry.number for entry in _matching(_search(request), catalogue)]
        return (numbers, []) if request.POST["set"] == "all" else ([], numbers)
    shown, ticked = _numbers(request, "shown"), _numbers(request, "number")
    return sorted(shown & ticked), sorted(shown - ticked)


def _numbers(request: HttpRequest, name: str) -> set[int]:
    return {int(text) for text in request.POST.getlist(name) if text.isdecimal() and len(text) < 10}


def _search(request: HttpRequest) -> QueryDict:
    """What the list shows: q, method, tag and page, of the address or, when the selection changes, of the form."""
    given = request.POST if request.method == "POST" else request.GET
    search = QueryDict(mutable=True)
    for name in SEARCH:
        if name in given:
            search.setlist(name, given.getlist(name))
    return search


def _matching(search: QueryDict, catalogue: Catalogue) -> list[Entry]:
    return catalogue.find(text=search.get("q", ""), methods=search.getlist("method"), group=search.get("tag", ""))


def _choice(request: HttpRequest, job: Import) -> HttpResponse:
    try:
        context = _shown(request, job, imports.catalogue(job), imports.selection(job))
    except Refusal:  # somebody else has chosen a moment ago
        return _to_page(request, job)
    listed = request.htmx.target == "choice-list"  # type: ignore[attr-defined]
    return render(request, "imports/choice_list.html" if listed else "imports/choose.html", context)


def _shown(request: HttpRequest, job: Import, catalogue: Catalogue, selection: Selection) -> dict[str, Any]:
    search = _search(request)
    matching = _matching(search, catalogue)
    page = Paginator(matching, LISTED).get_page(search.get("page"))
    query, methods, tag = search.get("q", ""), search.getlist("method"), search.get("tag", "")
    tree: list[Branch] = catalogue.tree(selection)
    return {
        "job": job,
        "page": page,
        "rows": [(entry, entry.number in selection) for entry in page],
        "matching_chosen": sum(entry.number in selection for entry in matching),
        "tree": tree,
        "chosen": selection.count,
        "total": len(catalogue.entries),
        "methods": catalogue.methods,
        "query": query,
        "method_filter": methods,
        "tag": tag,
        "is_narrowed": bool(query.strip() or methods or tag),
        "shows_list": "tag" in search or bool(query),
        "same_search": _without(search, "page"),
        "other_tags": _without(search, "page", "tag"),
    }


def _without(search: QueryDict, *names: str) -> str:
    """The search as the beginning of a query string: empty, or ending in &."""
    rest = search.copy()
    for name in names:
        rest.pop(name, None)
    return f"{rest.urlencode()}&" if rest else ""


def _progress(job: Import) -> dict[str, Any]:
    context: dict[str, Any] = {"job": job, "text": "Waiting for a worker", "note": "", "value": None, "max": 100}
    if job.cancel_requested:
        context["text"] = "Cancelling"
    elif job.state == State.WRITING and job.phase:
        context |= {"text": "Writing the actions", "note": f"{job.done:,} of {job.total:,}", "value": job.done, "max": job.total}
    elif job.phase in PHASES:
        context["text"], context["value"] = PHASES[job.phase]
    context["is_late"] = not job.lease_holder and timezone.now() - job.queued_at > PATIENCE
    return context


def _finished(request: HttpRequest, job: Import) -> HttpResponse:
    integration = job.integration
    assert integration is not None  # noqa: S101 - the caller has looked
    kind = "Swagger" if job.version.startswith("2") else "OpenAPI"
    said = f"{job.done:,} operation{'' if job.done == 1 else 's'} imported"
    messages.success(request, f"{said} from {job.source} ({kind} {job.version}). The draft {integration.name} is there.")
    return redirect("integration-report", integration.slug)


def _to_page(request: HttpRequest, job: Import) -> HttpResponse:
    """The import's own page, which knows what to show; htmx is told to load it."""
    url = reverse("import-detail", args=[job.pk])
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(url)
    response = HttpResponse()
    response["HX-Redirect"] = url
    return response
