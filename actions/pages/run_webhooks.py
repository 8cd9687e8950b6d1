"""Pages of webhooks of runs: all of them, make one, change it, test it, see what was delivered."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from actions.models import RunWebhook, Schedule
from actions.pages.run_webhook_forms import RunWebhookForm
from actions.permissions import delivery_of, run_webhook_for
from actions.run_webhooks import events, services
from connections.deliveries import sending, targets
from connections.models import Delivery
from connections.pages import organizations_at
from integrations.models import Integration, Organization, Role
from integrations.permissions import signed_in
from integrations.refusals import Refusal

PER_PAGE: Final = 25
MOST_CHOICES: Final = 500


@require_GET
def webhook_list(request: HttpRequest) -> HttpResponse:
    """Webhooks of the current organization and of those below it."""
    organizations = organizations_at(request)
    failed = Count("target__deliveries", filter=Q(target__deliveries__state=Delivery.State.FAILED))
    rows = RunWebhook.objects.visible_to(request.user).filter(organization__in=organizations)
    rows = rows.select_related("target", "organization", "integration", "schedule").annotate(failed=failed).order_by("target__name", "pk")
    context = {
        "page": Paginator(rows, PER_PAGE).get_page(request.GET.get("page")),
        "several": len(organizations) > 1,
        "usable": set(RunWebhook.objects.usable_by(request.user).values_list("pk", flat=True)),
        "may_add": _may_add(request),
    }
    return render(request, "run_webhooks/list.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def webhook_new(request: HttpRequest) -> HttpResponse:
    """The secret is in the answer to the form and nowhere else."""
    if not _may_add(request):
        raise PermissionDenied
    form = _form(request, request.organization, None)  # type: ignore[attr-defined]
    if form.is_bound and form.is_valid():
        try:
            made, secret = services.add(organization=request.organization, user=signed_in(request), **form.values)  # type: ignore[attr-defined]
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            return render(request, "run_webhooks/secret.html", {"webhook": made, "secret": secret}, status=201)
    return render(request, "run_webhooks/form.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def webhook_edit(request: HttpRequest, pk: Any) -> HttpResponse:
    webhook = run_webhook_for(request.user, pk, use=True)
    form = _form(request, webhook.organization, webhook)
    if form.is_bound and form.is_valid():
        try:
            services.change(webhook=webhook, user=signed_in(request), **form.values)
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"{webhook} is saved.")
            return redirect("run-webhook-edit", webhook.pk)
    deliveries = webhook.target.deliveries.prefetch_related("attempts")
    context = {"webhook": webhook, "form": form, "page": Paginator(deliveries, PER_PAGE).get_page(request.GET.get("page"))}
    return render(request, "run_webhooks/form.html", context, status=422 if form.errors else 200)


@never_cache
@require_POST
def webhook_secret(request: HttpRequest, pk: Any) -> HttpResponse:
    webhook = run_webhook_for(request.user, pk, use=True)
    secret = targets.renew(target=webhook.target)
    return render(request, "run_webhooks/secret.html", {"webhook": webhook, "secret": secret, "again": True}, status=201)


@require_POST
def webhook_test(request: HttpRequest, pk: Any) -> HttpResponse:
    webhook = run_webhook_for(request.user, pk, use=True)
    events.test(webhook)
    messages.success(request, f"A test is on its way to {webhook}. What comes of it stands under Deliveries in a moment.")
    return redirect("run-webhook-edit", webhook.pk)


@require_POST
def webhook_redeliver(request: HttpRequest, pk: Any, delivery: Any) -> HttpResponse:
    webhook = run_webhook_for(request.user, pk, use=True)
    try:
        sending.redeliver(delivery=delivery_of(webhook, delivery))
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "It is sent once more, with the same message id.")
    return redirect("run-webhook-edit", webhook.pk)


@require_http_methods(["GET", "POST"])
def webhook_delete(request: HttpRequest, pk: Any) -> HttpResponse:
    webhook = run_webhook_for(request.user, pk, use=True)
    if request.method == "GET":
        return render(request, "run_webhooks/delete.html", {"webhook": webhook})
    services.delete(webhook=webhook)
    messages.success(request, f"{webhook} is deleted, and its deliveries with it.")
    return redirect("run-webhook-list")


def _may_add(request: HttpRequest) -> bool:
    organization: Organization | None = request.organization  # type: ignore[attr-defined]
    return organization is not None and organization.is_open_to(request.user, Role.OPERATOR)


def _form(request: HttpRequest, organization: Organization, webhook: RunWebhook | None) -> RunWebhookForm:
    here = Organization.objects.order_by().below([organization])
    used = Integration.objects.visible_to(request.user).filter(connections__organization__in=here).distinct().order_by("name")
    schedules = Schedule.objects.visible_to(request.user).filter(organization__in=here).select_related("organization")
    return RunWebhookForm(
        request.POST if request.method == "POST" else None,
        organization=organization,
        integrations=_with(list(used[:MOST_CHOICES]), webhook.integration if webhook else None),
        schedules=_with(list(schedules[:MOST_CHOICES]), webhook.schedule if webhook else None),
        webhook=webhook,
    )


def _with(rows: list[Any], chosen: Any) -> list[Any]:
    return rows if chosen is None or chosen in rows else [chosen, *rows]
