"""Pages of runs: start one, watch it, read and download its records, see all."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from actions import runs
from actions.downloads import FORMATS, LEDGER_FORMATS, download, download_ledger
from actions.models import Action, Run
from actions.pages.results import figures, window
from actions.pages.run_forms import RunForm
from actions.permissions import may_use_run, run_for, runnable_action
from connections.choosing.walk import Choice, choose, usable_for
from connections.models import Connection
from connections.pages import has_several, organizations_at
from integrations.models import Integration, Organization
from integrations.paging import page_of
from integrations.permissions import by_id, integration_for, may_run, signed_in
from integrations.refusals import Refusal

PER_PAGE: Final = 25
MOST_CHOICES: Final = 100  # integrations in a drop-down; with more of them it is a text with suggestions
VIEWS: Final = {"table": "Table", "json": "JSON", "pages": "Ledger"}
UNFINISHED: Final = "unfinished"
MOST_MAPPED: Final = 1000  # organizations to run for, in one list


@require_http_methods(["GET", "POST"])
def action_run(request: HttpRequest, slug: str, uid: Any) -> HttpResponse:
    """The form of a run. `?from=` names an earlier run whose values it starts with."""
    integration = integration_for(request.user, slug)
    if not request.organization or not may_run(request.user, request.organization, integration):  # type: ignore[attr-defined]
        raise PermissionDenied
    action = runnable_action(integration, uid)
    organization = request.organization  # type: ignore[attr-defined]
    choice = choose(organization=organization, integration=integration, user=signed_in(request), action=action.uid)
    context: dict[str, Any] = {"integration": integration, "action": action, "choice": choice}
    connections = usable_connections(request, integration, choice)
    if not connections:
        context["connectable"] = Integration.objects.installable_by(organization, request.user).filter(pk=integration.pk).exists()
        return render(request, "runs/new.html", context)
    form = RunForm(
        request.POST if request.method == "POST" else None,
        plan=runs.plan_of(action),
        connections=connections,
        organization=organization,
        mapped=mapped_organizations(organization, integration),
        choice=choice,
        again=_earlier(request, action),
    )
    if form.is_bound and form.is_valid():
        try:
            run = runs.start(
                action=action,
                connection=form.connection,
                organization=form.for_whom,
                user=signed_in(request),
                inputs=form.inputs,
                page_size=form.page_size,
                max_pages=form.max_pages,
                unique_by=form.unique_by,
            )
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            return redirect("run-detail", run.pk)
    return render(request, "runs/new.html", context | {"form": form, "plan": form.plan}, status=422 if form.errors else 200)


@require_GET
def run_list(request: HttpRequest) -> HttpResponse:
    """Runs of the current organization and of those below it, the newest first."""
    organizations = organizations_at(request)
    rows = Run.objects.visible_to(request.user).filter(organization__in=organizations)
    ran = Run.objects.filter(connection__integration=OuterRef("pk"))
    used = Integration.objects.visible_to(request.user).filter(Exists(ran)).only("name", "slug")
    chosen = {"integration": request.GET.get("integration", ""), "verdict": request.GET.get("verdict", "")}
    if chosen["integration"]:
        rows = rows.filter(connection__integration__slug=chosen["integration"])
    if chosen["verdict"] == UNFINISHED:
        rows = rows.exclude(state=Run.State.FINISHED)
    elif chosen["verdict"]:
        rows = rows.filter(verdict__in={chosen["verdict"]} & set(Run.Verdict.values))
    rows = rows.select_related("action", "connection__integration", "organization").defer("action__content", "inputs")
    context = {
        "page": page_of(rows, request.GET.get("page"), PER_PAGE),
        "several": has_several(request),
        "integrations": list(used[: MOST_CHOICES + 1]),
        "most": MOST_CHOICES,
        "verdicts": [(UNFINISHED, "On its way"), *Run.Verdict.choices],
        "chosen": chosen,
        "filtered": any(chosen.values()),
    }
    return render(request, "runs/list.html", context)


@require_GET
def run_detail(request: HttpRequest, pk: Any) -> HttpResponse:
    run = run_for(request.user, pk)
    context = _status(request, run) | _records(request, run)
    context["may_run"] = context["may_cancel"] and runs_now(run)
    context["sees_connection"] = Connection.objects.visible_to(request.user).filter(pk=run.connection_id).exists()
    return render(request, "runs/detail.html", context)


@require_GET
def run_status(request: HttpRequest, pk: Any) -> HttpResponse:
    """What changes while a run goes on. `?records=` and `?pages=` say what the page shows, so that it fetches only what is new."""
    run = run_for(request.user, pk)
    response = render(request, "runs/status.html", _status(request, run))
    if run.is_finished:
        response["HX-Trigger"] = "run-finished"
    elif str(run.page_count) != request.GET.get("pages"):
        response["HX-Trigger"] = "run-grew"
    return response


@require_GET
def run_records(request: HttpRequest, pk: Any) -> HttpResponse:
    """One window of the records: a fragment, or with the frame where a person opens the address."""
    run = run_for(request.user, pk)
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(f"{reverse('run-detail', args=[pk])}?{request.GET.urlencode()}")
    return render(request, "runs/records.html", _records(request, run))


@require_GET
def run_download(request: HttpRequest, pk: Any, form: str) -> StreamingHttpResponse | HttpResponse:
    """All stored records as a file, page by page, so that its size does not matter."""
    run = run_for(request.user, pk)
    if form not in FORMATS:
        raise Http404
    try:
        return download(run, form, attachment=True)
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("run-detail", pk)


@require_GET
def run_ledger(request: HttpRequest, pk: Any, form: str) -> StreamingHttpResponse:
    """The ledger as a file."""
    run = run_for(request.user, pk)
    if form not in LEDGER_FORMATS:
        raise Http404
    return download_ledger(run, form, attachment=True)


@require_POST
def run_resume(request: HttpRequest, pk: Any) -> HttpResponse:
    try:
        runs.resume(run=run_for(request.user, pk, use=True), user=signed_in(request))
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("run-detail", pk)


@require_http_methods(["GET", "POST"])
def run_delete(request: HttpRequest, pk: Any) -> HttpResponse:
    """Asks first where scripts are off; otherwise a dialog has asked."""
    run = run_for(request.user, pk, use=True)
    if request.method == "GET":
        return render(request, "runs/delete.html", {"run": run})
    try:
        runs.delete(run=run)
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("run-detail", pk)
    messages.success(request, f"The run of {run.action.name} was deleted.")
    return redirect("run-list")


@require_POST
def run_cancel(request: HttpRequest, pk: Any) -> HttpResponse:
    run = runs.cancel(run=run_for(request.user, pk, use=True))
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("run-detail", run.pk)
    response = render(request, "runs/status.html", _status(request, run_for(request.user, pk)))
    if run.is_finished:
        response["HX-Trigger"] = "run-finished"
    return response


def runs_now(run: Run) -> bool:
    """Whether the run's action is still part of its integration."""
    current = run.action.revision.integration.current
    return current is not None and current.actions.filter(uid=run.action.uid).exists()


def usable_connections(request: HttpRequest, integration: Integration, choice: Choice) -> list[Connection]:
    """Connections that the user may run with: those of the current organization, those that one above allows it, those below it by name."""
    rows = Connection.objects.usable_by(request.user).filter(integration=integration, organization__in=organizations_at(request))
    here = choice.seeker.organization
    below = sorted(
        rows.exclude(organization=here).select_related("organization", "revision").order_by("name"),
        key=lambda row: (row.organization.name, row.organization_id),
    )
    return [*usable_for(choice.seeker), *below]


def mapped_organizations(organization: Organization, integration: Integration) -> list[Organization]:
    """The organizations below that are mapped, for which the action can run with a connection of the current one."""
    rows = Organization.objects.filter(mapped_in__mapping__organization=organization, mapped_in__mapping__integration=integration)
    return list(rows.filter(path__startswith=organization.path).order_by("name", "pk")[:MOST_MAPPED])


def _earlier(request: HttpRequest, action: Action) -> Run | None:
    key = request.GET.get("from", "")
    found = by_id(Run.objects.visible_to(request.user), key)
    return found if found and found.action.uid == action.uid else None


def _status(request: HttpRequest, run: Run) -> dict[str, Any]:
    return {"run": run, "figures": figures(run), "may_cancel": may_use_run(request.user, run)}


def _records(request: HttpRequest, run: Run) -> dict[str, Any]:
    view = request.GET.get("view", "table")
    start = request.GET.get("start", "")
    shown = window(run, view if view in VIEWS else "table", int(start) if start.isdecimal() and len(start) < 12 else 0)
    forms, view_name = (LEDGER_FORMATS, "run-ledger") if shown["view"] == "pages" else (FORMATS, "run-download")
    downloads = [(reverse(view_name, args=[run.pk, name]), name.upper()) for name in forms]
    return {"run": run, "window": shown, "views": VIEWS, "downloads": downloads}
