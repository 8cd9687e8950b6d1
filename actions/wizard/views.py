"""Step Edit actions: the list on the left, one action on the right. And step Finalize."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from actions import finalize as finalizing
from actions import history, services
from actions.models import Action
from actions.pages.history import SHOWN, NoteForm
from actions.wizard.forms import ActionEditor, RenameForm
from integrations import services as integrations
from integrations.definition import Gap
from integrations.models import Integration, Revision
from integrations.permissions import integration_for, signed_in
from integrations.refusals import Refusal
from integrations.wizard import seen, shell, steps
from integrations.wizard.forms import StatusForm

LISTED = 50  # actions on one page of the list
PREVIEWED = 200  # rows of a preview; the rest is counted
GAPS_SHOWN = 50


def matching(actions: QuerySet[Action], query: str) -> QuerySet[Action]:
    """Actions whose name, path or key holds the text, without the columns that a list does not show."""
    if query:
        actions = actions.filter(Q(name__icontains=query) | Q(path__icontains=query) | Q(key__icontains=query))
    return actions.defer("content", "description")


def edit_actions(request: HttpRequest, integration: Integration) -> HttpResponse:
    revision = integration.working
    query = request.GET.get("q", "").strip()
    listed = Paginator(matching(revision.actions.all(), query), LISTED).get_page(request.GET.get("page"))
    context = {"integration": integration, "listed": listed, "query": query, "selected": request.GET.get("action", "")}
    if request.htmx.target == "action-list":  # type: ignore[attr-defined]
        return render(request, "actions/action_list.html", context)
    editor = _editor(request, integration, revision)
    if editor and request.method == "POST" and editor.is_valid():
        try:
            with transaction.atomic():
                integrations.locked(integration)
                seen.check(request, integration, _opened_with(integration, request))
                action, added = editor.save()
        except Refusal as refusal:
            editor.refuse(refusal)
        else:
            also = f" The path holds {', '.join('{' + name + '}' for name in added)}: declared as path parameter." if added else ""
            messages.success(request, f"{action.name} is saved.{also}")
            return redirect(actions_url(integration, action=str(action.uid), q=query, page=request.GET.get("page", "")))
    context["seen"] = seen.digest(_opened_with(integration, request))
    context |= {"editor": editor, "rename": RenameForm(initial={"q": query, "scope": "filtered" if query else "all"})}
    return shell.render_step(
        request, integration, "actions", "actions/step_actions.html", context, refused=bool(editor and editor.has_errors)
    )


def _editor(request: HttpRequest, integration: Integration, revision: Revision) -> ActionEditor | None:
    data = request.POST if request.method == "POST" else None
    if "new" in request.GET:
        return ActionEditor(integration=integration, action=None, data=data)
    if "action" in request.GET:
        return ActionEditor(integration=integration, action=_action_of(revision, request.GET["action"]), data=data)
    return None


def _opened_with(integration: Integration, request: HttpRequest) -> dict[str, Any]:
    """The action as whoever opens its form now gets it; nothing for a new one."""
    if "new" in request.GET or "action" not in request.GET:
        return {}
    return _action_of(integration.working, request.GET["action"]).operation.dump()


def _action_of(revision: Revision, uid: str) -> Action:
    try:
        found = revision.actions.filter(uid=UUID(uid)).first()
    except ValueError:
        found = None
    if found is None:
        raise Http404
    return found


def actions_url(integration: Integration, **parameters: str) -> str:
    """The step with an action opened or a search kept; empty parameters are left out."""
    given = {name: value for name, value in parameters.items() if value}
    return shell.step_url(integration, "actions") + (f"?{urlencode(given)}" if given else "")


def delete_action(request: HttpRequest, slug: str, uid: UUID) -> HttpResponse:
    """Delete an action from the draft; GET asks first."""
    integration = integration_for(request.user, slug, edit=True)
    action = _action_of(integration.working, str(uid))
    if request.method == "POST":
        try:
            services.remove(action=action)
        except Refusal as refusal:
            messages.error(request, refusal.message)
            return redirect(actions_url(integration, action=str(uid)))
        messages.success(request, f"{action.name} is deleted.")
        return redirect(actions_url(integration))
    question = {"title": f"Delete {action.name}?", "text": "The action leaves the draft.", "action": "Delete action"}
    return render(
        request, "integrations/confirm.html", {"integration": integration, "back": actions_url(integration, action=str(uid)), **question}
    )


def rename(request: HttpRequest, slug: str) -> HttpResponse:
    """Regex Replace. htmx asks for the preview alone; without scripts the page has buttons for preview and applying."""
    integration = integration_for(request.user, slug, edit=True)
    form = RenameForm(request.POST if request.method == "POST" else None, initial={"q": request.GET.get("q", "")})
    checked = request.POST.getlist("uid")
    changes: list[dict[str, Any]] | None = None
    applies = "apply" in request.POST and not request.htmx  # type: ignore[attr-defined]
    if form.is_valid() and form.cleaned_data["scope"] == "checked" and not checked:
        form.add_error("scope", "No action has a tick. Tick some in the list first, or choose other actions here.")
    if form.is_valid() and (form.cleaned_data["pattern"] or applies):
        try:
            changes = _renamed(integration, form.cleaned_data, checked, dry_run=not applies)
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            if applies:
                count = len(changes)
                messages.success(
                    request, f"{count} action{'' if count == 1 else 's'} changed." if count else "Nothing matched; no action changed."
                )
                return redirect(actions_url(integration, q=form.cleaned_data["q"]))
    context = {"integration": integration, "rename": form, "changes": changes, "checked": checked, "shown": (changes or [])[:PREVIEWED]}
    context["more"] = max(len(changes or []) - PREVIEWED, 0)
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "actions/rename_preview.html", context)
    return render(request, "actions/rename.html", context, status=shell.REFUSED if form.errors else 200)


def _renamed(integration: Integration, values: dict[str, Any], checked: list[str], *, dry_run: bool) -> list[dict[str, Any]]:
    uids: list[UUID] | None = None
    if values["scope"] == "filtered":
        uids = list(matching(integration.working.actions.all(), values["q"]).values_list("uid", flat=True))
    elif values["scope"] == "checked":
        known = {str(uid): uid for uid in integration.working.actions.values_list("uid", flat=True)}
        uids = [known[uid] for uid in checked if uid in known]
    return services.rename(
        integration=integration,
        field=values["field"],
        pattern=values["pattern"],
        replacement=values["replacement"],
        uids=uids,
        dry_run=dry_run,
    )


def finalize(request: HttpRequest, integration: Integration) -> HttpResponse:
    """What the draft is, what will be locked, what is missing; finalizing asks a second time."""
    revision = integration.working
    if request.method == "POST":
        try:
            closed = finalizing.finalize(integration=integration, user=signed_in(request), note=request.POST.get("note", ""))
        except Refusal as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(request, f"Revision {closed.number} is finalized.")
        return redirect(shell.step_url(integration, "finalize"))
    is_open = revision.finalized_at is None
    gaps = finalizing.gaps(revision) if is_open else []
    doubts = finalizing.warnings(revision) if is_open else []
    current = integration.current
    context = {
        "definition": revision.definition,
        "action_count": revision.actions.count(),
        "paginated_count": revision.actions.filter(paginated=True).count(),
        "is_open": is_open,
        "gaps": [(gap.message, _gap_url(integration, gap)) for gap in gaps[:GAPS_SHOWN]],
        "more_gaps": max(len(gaps) - GAPS_SHOWN, 0),
        "doubts": [(doubt.message, _gap_url(integration, doubt)) for doubt in doubts[:GAPS_SHOWN]],
        "more_doubts": max(len(doubts) - GAPS_SHOWN, 0),
        "locked": finalizing.LOCKED,
        "difference": history.difference(current, revision) if is_open and current else None,
        "reach": history.reach(integration),
        "shown": f":{SHOWN}",
        "limit": SHOWN,
        "note_form": NoteForm(),
        "asks_again": "confirm" in request.GET,
        "status_form": StatusForm(initial={"status": integration.status}),
    }
    return shell.render_step(request, integration, "finalize", "actions/step_finalize.html", context)


def _gap_url(integration: Integration, gap: Gap) -> str:
    if gap.field.startswith("actions."):
        return actions_url(integration, action=gap.field.split(".")[1])
    return shell.step_url(integration, gap.step)


def register() -> None:
    steps.register(steps.Step("actions", "Edit actions", edit_actions, lambda revision: not revision.actions.exists()))
    steps.register(steps.Step("finalize", "Finalize", finalize, lambda revision: revision.finalized_at is None))
