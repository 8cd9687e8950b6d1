"""The page on which a connection is pinned to a revision, or let go."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from actions.pinning import consequences
from connections import services
from connections.models import Connection
from connections.permissions import connection_for
from integrations.models import Revision
from integrations.refusals import Refusal

SHOWN = 200  # actions of one list
NEWEST = "newest"


@require_http_methods(["GET", "POST"])
def connection_revision(request: HttpRequest, pk: Any) -> HttpResponse:
    """Two steps: which revision, then what that means for this connection. Nothing changes before it was shown."""
    connection = connection_for(request.user, pk, use=True)
    chosen = request.POST.get("to", "") if request.method == "POST" else request.GET.get("to", "")
    if request.method == "POST":
        try:
            services.pin(connection=connection, number=None if chosen == NEWEST else _number(chosen))
        except Refusal as refusal:
            messages.error(request, refusal.message)
            return redirect("connection-revision", connection.pk)
        said = "goes along with the newest revision" if chosen == NEWEST else f"is pinned to revision {chosen}"
        messages.success(request, f"{connection.name} {said}.")
        return redirect("connection-detail", connection.pk)
    revisions = connection.integration.revisions.filter(finalized_at__isnull=False).select_related("finalized_by").order_by("-number")
    context: dict[str, Any] = {
        "connection": connection,
        "integration": connection.integration,
        "revisions": revisions.defer("content", "findings", "repairs", "auth_choices"),
        "in_use": connection.in_use,
        "shown": f":{SHOWN}",
        "limit": SHOWN,
    }
    if target := _target(connection, chosen):
        context |= {"to": target, "chosen": chosen, "newest": chosen == NEWEST, "means": consequences(connection, target)}
    return render(request, "connections/revision.html", context)


def _target(connection: Connection, chosen: str) -> Revision | None:
    if chosen == NEWEST:
        return connection.integration.current
    return connection.integration.revisions.filter(number=_number(chosen), finalized_at__isnull=False).first() if chosen else None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
