"""The audit log as a page, and as a download."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from integrations import json_text
from integrations.models import AuditEntry
from integrations.paging import page_of

PER_PAGE = 25
COLUMNS = ("at", "actor", "organization", "kind", "object", "objectId", "action", "before", "after", "note")


class LogFilter(forms.Form):
    """What of the log one wants to see; empty fields do not restrict."""

    q = forms.CharField(label="Person or thing", required=False, max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    kind = forms.ChoiceField(label="Kind", required=False, choices=[("", "Everything"), *AuditEntry.Kind.choices])
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    object = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def narrow(self, rows: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        given = self.cleaned_data
        if text := given.get("q"):
            rows = rows.filter(
                Q(actor_name__icontains=text)
                | Q(organization_name__icontains=text)
                | Q(object_name__icontains=text)
                | Q(note__icontains=text)
            )
        if given.get("kind"):
            rows = rows.filter(kind=given["kind"])
        if given.get("object"):
            rows = rows.filter(object_id=given["object"])
        if given.get("since"):
            rows = rows.filter(at__gte=_start_of(given["since"]))
        if given.get("until"):
            rows = rows.filter(at__lt=_start_of(given["until"] + timedelta(days=1)))
        return rows


def _start_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def entries(request: HttpRequest) -> tuple[LogFilter, QuerySet[AuditEntry]]:
    """The filter of a request, and what the user may see of the log through it."""
    form = LogFilter(request.GET)
    rows = AuditEntry.objects.visible_to(request.user)
    return form, form.narrow(rows) if form.is_valid() else rows.none()


@require_GET
def log(request: HttpRequest) -> HttpResponse:
    form, rows = entries(request)
    page = page_of(rows, request.GET.get("page"), PER_PAGE)
    filtered = any(request.GET.get(name) for name in form.fields)
    return render(request, "organizations/log.html", {"form": form, "page": page, "filtered": filtered})


@require_GET
def export(request: HttpRequest, form: str) -> StreamingHttpResponse:
    """The filtered log as CSV, or as JSON lines in one array; streamed, so that its length does not matter."""
    if form not in ("csv", "json"):
        raise Http404
    _, rows = entries(request)
    found = (represent(entry) for entry in rows.iterator(chunk_size=500))
    content = _csv(found) if form == "csv" else _json(found)
    response = StreamingHttpResponse(content, content_type=f"{'text/csv' if form == 'csv' else 'application/json'}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="audit-log.{form}"'
    return response


def represent(entry: AuditEntry) -> dict[str, Any]:
    """An entry as the API and the exports show it."""
    return {
        "at": entry.at.isoformat(),
        "actor": entry.actor_name,
        "organization": entry.organization_name,
        "kind": entry.kind,
        "object": entry.object_name,
        "objectId": entry.object_id,
        "action": entry.verb,
        "before": entry.before,
        "after": entry.after,
        "note": entry.note,
    }


class _Echo:
    def write(self, text: str) -> str:
        return text


def _csv(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for entry in found:
        yield writer.writerow([_cell(entry[name]) for name in COLUMNS])


def _cell(value: Any) -> str:
    """A text for a table; a spreadsheet must not take it for a formula."""
    text = json_text.dump(value).decode() if isinstance(value, dict) else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _json(found: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    yield b"["
    for number, entry in enumerate(found):
        yield (b",\n" if number else b"\n") + json_text.dump(entry)
    yield b"\n]\n"
