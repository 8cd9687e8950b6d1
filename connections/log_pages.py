"""The request log as pages: a list that can be searched, one request, and whole bodies for a while."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from connections import request_log, services
from connections.models import Connection, LoggedRequest
from connections.permissions import connection_for
from integrations.refusals import Refusal

PER_PAGE: Final = 50
MOST_CHOICES: Final = 500  # connections of the filter
DEBUG: Final = {"15": "15 minutes", "60": "an hour", "1440": "a day"}  # for how long, in minutes


class RequestFilter(forms.Form):
    """What of the log one wants to see; empty fields do not restrict."""

    connection = forms.ChoiceField(required=False)
    action = forms.CharField(label="Action", required=False, max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    url = forms.CharField(label="In the URL", required=False, max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    status = forms.CharField(
        label="Status",
        required=False,
        max_length=10,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "404, 5xx, none"}),
    )
    source = forms.ChoiceField(label="Called by", required=False, choices=[("", "Everything"), *LoggedRequest.Source.choices])
    since = forms.DateTimeField(label="Since (UTC)", required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    until = forms.DateTimeField(label="Until (UTC)", required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    run = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any, *, user: Any) -> None:
        super().__init__(data)
        rows = Connection.objects.usable_by(user).select_related("integration").order_by("integration__name", "name")[:MOST_CHOICES]
        self.fields["connection"] = forms.ChoiceField(
            label="Connection", required=False, choices=[("", "All"), *((str(row.pk), f"{row.integration}: {row.name}") for row in rows)]
        )

    def narrow(self, rows: QuerySet[LoggedRequest]) -> QuerySet[LoggedRequest]:
        """The rows that fit; none, and a sentence at its field, where the filter does not."""
        if not self.is_valid():
            return rows.none()
        try:
            return request_log.narrowed(rows, self.cleaned_data)
        except ValueError as error:
            self.add_error("status", str(error))
            return rows.none()


@require_GET
def request_list(request: HttpRequest) -> HttpResponse:
    form = RequestFilter(request.GET, user=request.user)
    rows = form.narrow(LoggedRequest.objects.visible_to(request.user)).select_related("connection__integration").defer("content")
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    filtered = any(request.GET.get(name) for name in form.fields)
    return render(request, "connections/requests.html", {"form": form, "page": page, "filtered": filtered})


@require_GET
def request_detail(request: HttpRequest, pk: int) -> HttpResponse:
    row = logged_for(request.user, pk)
    entry = request_log.as_entry(row)
    return render(request, "connections/request.html", {"row": row, "entry": entry, "curl": request_log.as_curl(entry)})


@require_POST
def debug(request: HttpRequest, pk: Any) -> HttpResponse:
    """Keep whole bodies of a connection's calls for a while, or no more."""
    connection = connection_for(request.user, pk, use=True)
    minutes = request.POST.get("minutes", "")
    until = timezone.now() + timedelta(minutes=int(minutes)) if minutes in DEBUG else None
    try:
        services.change(connection=connection, debug_until=until)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"Whole bodies are kept for {DEBUG[minutes]}." if until else "Only the beginning of bodies is kept.")
    return redirect("connection-detail", connection.pk)


def logged_for(user: Any, pk: Any) -> LoggedRequest:
    """A request of the log that the user may see. Strangers get 404, members whose role is too low get 403."""
    text = str(pk)
    row = (
        LoggedRequest.objects.select_related("connection__integration", "connection__organization").filter(pk=int(text)).first()
        if text.isascii() and text.isdecimal() and len(text) < 18
        else None
    )
    if row is None or not Connection.objects.visible_to(user).filter(pk=row.connection_id).exists():
        raise Http404
    if not LoggedRequest.objects.visible_to(user).filter(pk=row.pk).exists():
        raise PermissionDenied
    return row
