"""What the page Webhooks of a connection does besides saving, and the page of one event."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from connections.deliveries import targets
from connections.models import WebhookEndpoint
from connections.permissions import webhook_endpoint_for, webhook_event_for
from connections.webhooks import endpoints, work
from connections.webhooks.showing import SHOWN_BYTES, body_text, deliveries_of
from integrations.permissions import signed_in
from integrations.refusals import Refusal


@never_cache
@require_POST
def secret(request: HttpRequest, pk: Any) -> HttpResponse:
    """Make a secret here and show it, once."""
    endpoint = webhook_endpoint_for(request.user, pk)
    try:
        made = endpoints.new_secret(endpoint=endpoint, user=signed_in(request))
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("connection-webhooks", pk)
    return shown_once(request, endpoint, made, forwards=False)


@never_cache
@require_POST
def forward_secret(request: HttpRequest, pk: Any) -> HttpResponse:
    """Another secret for what is forwarded, shown once."""
    endpoint = webhook_endpoint_for(request.user, pk)
    if endpoint.forward_to is None:
        raise Http404
    return shown_once(request, endpoint, targets.renew(target=endpoint.forward_to), forwards=True)


@require_POST
def new_address(request: HttpRequest, pk: Any) -> HttpResponse:
    endpoint = webhook_endpoint_for(request.user, pk)
    endpoints.new_address(endpoint=endpoint)
    messages.success(request, "The address is another one now. Enter it at the vendor; the old one leads nowhere.")
    return redirect("connection-webhooks", pk)


@require_POST
def close(request: HttpRequest, pk: Any) -> HttpResponse:
    endpoints.close(endpoint=webhook_endpoint_for(request.user, pk))
    messages.success(request, "The address is closed, and what arrived there is deleted.")
    return redirect("connection-webhooks", pk)


@require_GET
def event_detail(request: HttpRequest, pk: Any) -> HttpResponse:
    """One message: what arrived, what was thought of it, what was done."""
    event = webhook_event_for(request.user, pk)
    text = body_text(event)
    context = {
        "event": event,
        "connection": event.endpoint.connection,
        "integration": event.endpoint.connection.integration,
        "text": text,
        "is_cut": event.size > min(len(event.content), SHOWN_BYTES),
        "deliveries": deliveries_of(event),
    }
    return render(request, "webhooks/event.html", context)


@require_GET
def event_body(request: HttpRequest, pk: Any) -> HttpResponse:
    """The body byte for byte, as a file that no browser opens by itself."""
    event = webhook_event_for(request.user, pk)
    response = HttpResponse(event.content, content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="webhook-{event.pk}"'
    return response


@require_POST
def redeliver(request: HttpRequest, pk: Any) -> HttpResponse:
    event = webhook_event_for(request.user, pk)
    try:
        work.redeliver(event=event)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Everything about this event is done once more.")
    return redirect("webhook-event", event.pk)


def shown_once(request: HttpRequest, endpoint: WebhookEndpoint, made: str, *, forwards: bool) -> HttpResponse:
    """The page that shows a secret."""
    context = {"connection": endpoint.connection, "integration": endpoint.connection.integration, "secret": made, "forwards": forwards,
               "endpoint": endpoint}  # fmt: skip
    return render(request, "webhooks/secret.html", context)
