"""Pages of a connection's token: the way to the vendor's page and back, and what people do about the token by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from connections import services
from connections.models import Connection
from connections.permissions import connection_for
from connections.tokens import authorization, upkeep
from integrations.permissions import signed_in
from integrations.refusals import Refusal

CONTINUED = "junction_continued"  # marks an answer that our own page has sent on
_LARGEST = 50  # parameters of a vendor's answer


@require_POST
def authorize(request: HttpRequest, pk: Any) -> HttpResponse:
    """Off to the vendor's page.

    A page leads on and not a redirect: browsers apply form-action of the content policy to redirects after a form too.
    """
    connection = connection_for(request.user, pk, use=True)
    popup = "popup" in request.POST
    try:
        begun = authorization.begin(
            connection=connection, user=signed_in(request), session_key=request.session.session_key or "", popup=popup
        )
    except Refusal as refusal:
        if popup:
            ended = authorization.Ended(False, refusal.message, connection, popup)
            return render(request, "connections/authorized.html", {"ended": ended}, status=409)
        messages.error(request, refusal.message)
        return redirect("connection-detail", connection.pk)
    return render(request, "connections/leaving.html", {"connection": connection, "begun": begun})


@csrf_exempt  # the state is what proves that the answer is ours; a vendor that posts has no token of Django's
@login_not_required
@require_http_methods(["GET", "POST"])
def callback(request: HttpRequest) -> HttpResponse:
    """Back from the vendor's page, by a redirect or (form_post) by a form that the vendor's page sends.

    Browsers send no session cookie along with a form of another site (SameSite=Lax), so that such an answer is sent on
    once more by a page of our own.
    """
    sent = request.POST if request.method == "POST" else request.GET
    answer = {name: sent[name] for name in list(sent)[:_LARGEST]}
    if request.method == "POST" and CONTINUED not in answer and not request.user.is_authenticated:
        return _no_store(render(request, "connections/continue.html", {"answer": answer.items(), "mark": CONTINUED}))
    user = signed_in(request) if request.user.is_authenticated else None
    ended = authorization.finish(answer=answer, user=user, session_key=request.session.session_key or "")
    if ended.popup or ended.connection is None:
        return _no_store(render(request, "connections/authorized.html", {"ended": ended}, status=200 if ended.ok else 400))
    if ended.ok:
        messages.success(request, ended.message)
        return redirect(reverse("connection-detail", args=[ended.connection.pk]) + "?test=1")
    messages.error(request, ended.message)
    return redirect("connection-detail", ended.connection.pk)


def _by_hand(act: Callable[[HttpRequest, Connection], str]) -> Callable[[HttpRequest, Any], HttpResponse]:
    """A view of what somebody does about a connection's token: says the sentence that `act` returns, or why it is refused."""

    @require_POST
    @wraps(act)
    def view(request: HttpRequest, pk: Any) -> HttpResponse:
        connection = connection_for(request.user, pk, use=True)
        try:
            messages.success(request, act(request, connection))
        except Refusal as refusal:
            messages.error(request, refusal.message)
        return redirect("connection-detail", connection.pk)

    return view


@_by_hand
def renew(request: HttpRequest, connection: Connection) -> str:  # noqa: ARG001 - as for all of them
    upkeep.renew(connection=connection)
    return "A new token was fetched."


@_by_hand
def clear(request: HttpRequest, connection: Connection) -> str:  # noqa: ARG001 - as for all of them
    upkeep.clear(connection=connection)
    return "The cached token was cleared. The next call fetches another one."


@_by_hand
def disconnect(request: HttpRequest, connection: Connection) -> str:
    if problem := upkeep.disconnect(connection=connection):
        messages.warning(request, problem)
    return "The tokens were given up. Authorize the connection to use it again."


@_by_hand
def agree(request: HttpRequest, connection: Connection) -> str:  # noqa: ARG001 - as for all of them
    services.agree_to_destinations(connection=connection)
    return "Agreed: the credentials go there from now on."


def _no_store(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response
