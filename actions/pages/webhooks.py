"""The page Webhooks of a connection: its address, what is done with what arrives, and the events; and the pages of triggers."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_http_methods, require_POST

from actions import runs
from actions.models import Action, Trigger
from actions.pages.trigger_forms import TriggerForm
from actions.permissions import runnable_action, trigger_for
from actions.triggers import services
from connections.checking import definition_of
from connections.models import Connection, WebhookEndpoint, WebhookEvent
from connections.permissions import connection_for, webhook_endpoint_for
from connections.webhooks import endpoints
from connections.webhooks.forms import EndpointForm, EventFilter
from connections.webhooks.pages import shown_once
from connections.webhooks.words import in_words
from integrations.permissions import signed_in
from integrations.refusals import Refusal

PER_PAGE: Final = 25


@require_http_methods(["GET", "POST"])
def webhooks(request: HttpRequest, pk: Any) -> HttpResponse:
    """Open the address, and change what it is set to; below it what arrived there."""
    connection = connection_for(request.user, pk, use=True)
    endpoint = endpoints.endpoint_of(connection)
    declared = definition_of(connection).webhook
    form = EndpointForm(
        request.POST if request.method == "POST" else None, endpoint=endpoint, declared=declared, integration=str(connection.integration)
    )
    if form.is_bound and form.is_valid():
        try:
            endpoint, shown = _saved(request, connection, endpoint, form)
        except Refusal as refusal:
            form.refuse(refusal)
            endpoint = endpoints.endpoint_of(connection)
        else:
            if shown:
                return shown_once(request, endpoint, shown, forwards=True)
            return redirect("connection-webhooks", connection.pk)
    context = {"connection": connection, "integration": connection.integration, "endpoint": endpoint, "form": form}
    if endpoint:
        endpoint.connection = connection
        context |= _facts(request, endpoint)
    response = render(request, "webhooks/index.html", context, status=422 if form.errors else 200)
    patch_cache_control(response, private=True, no_store=True)  # the address is a key
    return response


def _saved(
    request: HttpRequest, connection: Connection, endpoint: WebhookEndpoint | None, form: EndpointForm
) -> tuple[WebhookEndpoint, str]:
    if endpoint:
        endpoint.connection = connection
        shown = endpoints.change_endpoint(endpoint=endpoint, user=signed_in(request), change=form.change)
        messages.success(request, "The settings are saved.")
        return endpoint, shown
    made = endpoints.open_endpoint(connection=connection, user=signed_in(request), change=form.change)
    messages.success(request, "The address is open. Copy it, and enter it at the vendor.")
    return made


def _facts(request: HttpRequest, endpoint: WebhookEndpoint) -> dict[str, Any]:
    """What the page says of an address: how it checks, what it starts, what arrived."""
    filters = EventFilter(request.GET)
    rows = filters.narrow(WebhookEvent.objects.filter(endpoint=endpoint)).defer("body", "headers")
    rules = endpoints.rules_of(endpoint)
    triggers = [(trigger, services.action_of(trigger)) for trigger in endpoint.triggers.select_related("owner", "last_run")]
    current = endpoint.connection.integration.current
    return {
        "address": endpoints.address_of(endpoint),
        "rules": rules,
        "in_words": in_words(rules),
        "lacks": endpoints.lacks(endpoint),
        "stored": endpoints.stored(endpoint),
        "filters": filters,
        "filtered": any(request.GET.get(name) for name in filters.fields),
        "page": Paginator(rows, PER_PAGE).get_page(request.GET.get("page")),
        "triggers": triggers,
        "actions": current.actions.filter(deprecated=False) if current else Action.objects.none(),
    }


# --- triggers ---------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
def trigger_new(request: HttpRequest, pk: Any) -> HttpResponse:
    """A trigger for the action that `action` names in the query."""
    endpoint = webhook_endpoint_for(request.user, pk)
    return _edited(request, endpoint, runnable_action(endpoint.connection.integration, request.GET.get("action", "")), None)


@require_http_methods(["GET", "POST"])
def trigger_edit(request: HttpRequest, pk: Any) -> HttpResponse:
    trigger = trigger_for(request.user, pk)
    action = services.action_of(trigger)
    if action is None:
        messages.error(request, "The action is no longer part of the integration. Delete it here, or add the action there again.")
        return redirect("connection-webhooks", trigger.endpoint.connection_id)
    return _edited(request, trigger.endpoint, action, trigger)


@require_POST
def trigger_switch(request: HttpRequest, pk: Any) -> HttpResponse:
    trigger = trigger_for(request.user, pk)
    services.set_enabled(trigger=trigger, is_enabled=not trigger.is_enabled, user=signed_in(request))
    return redirect("connection-webhooks", trigger.endpoint.connection_id)


@require_POST
def trigger_delete(request: HttpRequest, pk: Any) -> HttpResponse:
    trigger = trigger_for(request.user, pk)
    services.delete(trigger=trigger)
    messages.success(request, "Events do not start this action any more. The runs that they started stay.")
    return redirect("connection-webhooks", trigger.endpoint.connection_id)


def _edited(request: HttpRequest, endpoint: WebhookEndpoint, action: Action, trigger: Trigger | None) -> HttpResponse:
    form = TriggerForm(request.POST if request.method == "POST" else None, plan=runs.plan_of(action), trigger=trigger)
    if form.is_bound and form.is_valid():
        try:
            services.save(
                trigger=trigger,
                endpoint=endpoint,
                action=action,
                user=signed_in(request),
                inputs=form.inputs,
                event_types=form.event_types,
                is_enabled=trigger.is_enabled if trigger else True,
            )
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"Events start {action.name} from now on.")
            return redirect("connection-webhooks", endpoint.connection_id)
    context = {
        "connection": endpoint.connection,
        "integration": endpoint.connection.integration,
        "action": action,
        "trigger": trigger,
        "form": form,
    }
    return render(request, "webhooks/trigger.html", context, status=422 if form.errors else 200)
