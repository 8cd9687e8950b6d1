"""Pages of connections: list, connect, edit, test, delete."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from connections import checking, entering, limit_sharing, request_log, services, trials, uninstalling
from connections.agents.forms import way_initial
from connections.agents.ways import CLOUD, chosen, way_of
from connections.auth import scheme_of
from connections.callers import Caller
from connections.client import redirect_uri
from connections.destinations import called_at, default_credentials
from connections.forms import ConnectionForm
from connections.log_pages import DEBUG
from connections.models import Agent, Connection
from connections.network_settings import options_of
from connections.permissions import connection_for, may_delete, may_use
from connections.ping import TestResult
from connections.secrets import SecretError
from connections.tokens import upkeep
from connections.tokens.authorization import needs_browser
from integrations.definition import Definition
from integrations.models import Integration, Organization, User
from integrations.organizations import environments
from integrations.paging import BOUND, page_of
from integrations.permissions import integration_for, may_run, signed_in
from integrations.refusals import Invalid, Refusal

PER_PAGE = 25
EVENTS_PER_PAGE = 10


@require_GET
def connection_list(request: HttpRequest) -> HttpResponse:
    """The connections of the current organization and of those below it."""
    rows = (
        Connection.objects.visible_to(request.user)
        .filter(organization__in=organizations_at(request))
        .select_related("integration", "organization", "credential", "owner", "revision")
    )
    environment = request.GET.get("environment", "")
    if environment:
        rows = rows.filter(environment=environment)
    # Sorting by another table's column reads all rows; so many that it takes long nobody reads in order.
    few = rows.order_by()[: BOUND + 1].count() <= BOUND
    ordered = rows.order_by("integration__name", "organization__name", "name", "pk") if few else rows.order_by("name", "pk")
    page = page_of(ordered, request.GET.get("page"), PER_PAGE)
    waiting = [row.pk for row in page if row.needs_authorization]
    usable = Connection.objects.usable_by(request.user).filter(pk__in=waiting).select_related("integration", "revision")
    reconnect = {row.pk for row in usable if needs_browser(checking.definition_of(row))}
    context = {
        "page": page,
        "several": has_several(request),
        "reconnect": reconnect,
        "environment": environment,
        "environments": environments.within(request.organization) if request.organization else [],  # type: ignore[attr-defined]
    }
    return render(request, "connections/list.html", context)


@require_http_methods(["GET", "POST"])
def connection_new(request: HttpRequest, slug: str) -> HttpResponse:
    """Connect the current organization to an integration."""
    integration = _connectable(request, slug)
    context: dict[str, Any] = {"integration": integration}
    try:
        checking.check_installable(integration, current(request), signed_in(request))
        definition = checking.definition_of(integration)
        context |= {"definition": definition, "needs_browser": needs_browser(definition), "redirect_uri": redirect_uri()}
        form = _form(request, integration, definition)
    except Refusal as refusal:
        return render(request, "connections/new.html", context | {"refusal": refusal.message}, status=409)
    if form.is_bound and form.is_valid():
        try:
            connection = services.create(
                organization=current(request),
                user=cast("User", request.user),
                integration=integration,
                name=form.cleaned_data["name"],
                credentials=form.credentials,
                settings=form.settings,
                limits=form.limits,
                options=form.options,
                network_secrets=form.network_secrets,
                environment=form.environment,
                below=form.below,
                way=chosen(current(request), form.way),
            )
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            if connection.needs_authorization:
                messages.success(request, f"{connection.name} was saved. Now authorize it on the vendor's page.")
            else:
                messages.success(request, f"{current(request)} is connected to {integration} as {connection.name}.")
            return _go(request, connection)
    return _show(request, "new", context | {"form": form})


@require_http_methods(["GET", "POST"])
def connection_detail(request: HttpRequest, pk: Any) -> HttpResponse:
    """What is known of a connection; whoever may use it edits it here."""
    connection = connection_for(request.user, pk, use=request.method == "POST")
    definition = checking.definition_of(connection)
    context = {
        "connection": connection,
        "integration": connection.integration,
        "definition": definition,
        "may_use": may_use(request.user, connection),
        "may_delete": may_delete(request.user, connection),
        **_token_facts(request, connection, definition),
    }
    form = _form(request, connection.integration, definition, connection)
    if form.is_bound and form.is_valid():
        moved = None if form.settings_unchanged(connection.settings) else form.settings
        try:
            services.change(
                connection=connection,
                name=form.cleaned_data["name"],
                credentials=form.credentials or None,
                settings=moved or None,
                limits=form.limits,
                options=form.options or None,
                network_secrets=form.network_secrets or None,
                below=form.below,
                way=chosen(connection.organization, form.way, way_of(connection)),
            )
        except Refusal as refusal:
            # What `change` tried stands on the instance; the page shows what is stored.
            context["connection"] = connection_for(request.user, pk)
            form.refuse(refusal)
        else:
            messages.success(request, "The connection was saved.")
            return _go(request, connection)
    return _show(request, "detail", context | {"form": form})


@require_POST
def connection_try(request: HttpRequest, slug: str) -> HttpResponse:
    """Test what is in the form of a new connection, without saving it."""
    integration = _connectable(request, slug)
    return _tried(request, integration, current(request), None)


@require_POST
def connection_test(request: HttpRequest, pk: Any) -> HttpResponse:
    """Test what is in the form of a connection; where it differs in nothing, the stored one, whose state is remembered."""
    connection = connection_for(request.user, pk, use=True)
    return _tried(request, connection.integration, connection.organization, connection)


@require_POST
def connection_make_default(request: HttpRequest, pk: Any) -> HttpResponse:
    connection = connection_for(request.user, pk, use=True)
    try:
        services.change(connection=connection, is_default=True)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"{connection.name} is the default now: a run uses it unless another one is chosen.")
    return redirect("connection-detail", connection.pk)


@require_http_methods(["GET", "POST"])
def connection_delete(request: HttpRequest, pk: Any) -> HttpResponse:
    """Asks first where scripts are off; otherwise a dialog has asked."""
    connection = connection_for(request.user, pk, delete=True)
    if request.method == "GET":
        return render(request, "connections/delete.html", {"connection": connection})
    problem = upkeep.delete(connection=connection)
    if problem:
        messages.warning(request, problem)
    messages.success(request, f"The connection {connection.name} was deleted.")
    return redirect("connection-list")


@require_http_methods(["GET", "POST"])
def uninstall(request: HttpRequest, slug: str) -> HttpResponse:
    """Delete all connections of the current organization to an integration; GET says which, and asks."""
    integration = integration_for(request.user, slug)
    organization, user = current(request), signed_in(request)
    if not may_run(user, organization, integration):
        raise PermissionDenied
    if request.method == "GET":
        rows = uninstalling.installed(integration=integration, organization=organization, user=user)
        return render(request, "connections/uninstall.html", {"integration": integration, "connections": rows})
    try:
        problems = uninstalling.uninstall(integration=integration, organization=organization, user=user)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        for problem in problems:
            messages.warning(request, problem)
        messages.success(request, f"{integration} is uninstalled from {organization}. Mappings are kept.")
    return redirect("integration-detail", integration.slug)


def current(request: HttpRequest) -> Organization:
    """The organization that the user works for; whoever has none may not do this."""
    organization: Organization | None = request.organization or None  # type: ignore[attr-defined]
    if organization is None:
        raise PermissionDenied
    return organization


def organizations_at(request: HttpRequest) -> QuerySet[Organization]:
    """The current organization and those below it, to look in; none for somebody without one."""
    here = request.organization  # type: ignore[attr-defined]
    return Organization.objects.below([here] if here else []).order_by()


def has_several(request: HttpRequest) -> bool:
    """Whether there is something below the current organization."""
    here = request.organization  # type: ignore[attr-defined]
    return bool(here and here.children.exists())


def _token_facts(request: HttpRequest, connection: Connection, definition: Definition) -> dict[str, Any]:
    """What the page says of the connection's token."""
    facts = {
        "calls_to": called_at(definition, connection.settings),
        "new_destinations": services.new_destinations(connection),
        "needs_browser": needs_browser(definition),
        "redirect_uri": redirect_uri(),
        "insecure": not options_of(connection).network.verify_tls,
        "debugged": request_log.is_debugged(connection),
        "debug_choices": DEBUG,
        "state_events": connection.events.all()[:EVENTS_PER_PAGE],
    }
    if not scheme_of(definition.auth).needs_token:
        return facts
    events = Paginator(connection.token_events.all(), EVENTS_PER_PAGE).get_page(request.GET.get("page"))
    return facts | {"has_tokens": True, "credential": connection.credential, "events": events, "now": timezone.now()}


def _connectable(request: HttpRequest, slug: str) -> Integration:
    integration = integration_for(request.user, slug)
    if not may_run(request.user, current(request), integration):
        raise PermissionDenied
    return integration


def _form(request: HttpRequest, integration: Integration, definition: Definition, connection: Connection | None = None) -> ConnectionForm:
    organization = connection.organization if connection else current(request)
    try:
        defaults = list(default_credentials(integration.pk, definition))
    except SecretError:
        defaults = []  # the service says what is wrong with them when the form is sent
    sent = request.method == "POST"
    return ConnectionForm(
        request.POST if sent else None,
        request.FILES if sent else None,
        initial={
            "name": connection.name,
            **{f"settings.{name}": value for name, value in connection.settings.items()},
            **{name: getattr(connection, column) for name, (column, _) in checking.LIMITS.items()},
            limit_sharing.FIELD: connection.shares_limit_of_id,
            "below": connection.below,
            **way_initial(way_of(connection)),
        }
        if connection
        else {"environment": request.GET.get("environment", "")},
        offers_below=(connection.organization if connection else current(request)).children.exists(),
        definition=definition,
        stored=entering.stored_fields(connection) if connection else [],
        defaults=defaults,
        options=options_of(connection) if connection else None,
        network_stored=services.stored_network_secrets(connection) if connection else (),
        lenders=limit_sharing.lenders(connection, connection.organization if connection else current(request)),
        environments=[] if connection else environments.known_to(current(request)),
        agents=Agent.objects.usable_in(organization).prefetch_related("instances"),
    )


def _tried(request: HttpRequest, integration: Integration, organization: Organization, connection: Connection | None) -> HttpResponse:
    context: dict[str, Any] = {"connection": connection}
    try:
        form = _form(request, integration, checking.definition_of(connection or integration), connection)
        context["result"] = _test(form, integration, Caller(organization, signed_in(request)), connection)
        if connection:
            connection.refresh_from_db()
    except Invalid as refusal:
        context["sentences"] = [sentence for sentences in refusal.errors.values() for sentence in sentences]
    except Refusal as refusal:
        context["sentences"] = [refusal.message]
    return render(request, "connections/test_result.html", context)


def _test(form: ConnectionForm, integration: Integration, caller: Caller, connection: Connection | None) -> TestResult:
    credentials, settings, options, secrets = form.credentials, form.settings, form.options, form.network_secrets
    before = way_of(connection) if connection else CLOUD
    way = chosen(caller.organization, form.way, before)
    token_of: Connection | None = None
    if connection is None:
        own, secrets = services.checked_options(options, secrets)
    else:
        own, secrets = services.merged_options(connection, options, secrets)
        options_before = options_of(connection)
        same = own == options_before and not form.network_secrets and way == before
        if not credentials and same and form.settings_unchanged(connection.settings):
            return trials.test(connection=connection, user=caller.user)
        change = entering.Change(connection, checking.definition_of(connection), way, own, options_before)
        settings, credentials = change.merged(credentials, settings)
        if change.keeps_token(settings, credentials):
            token_of = connection
    return trials.try_out(
        integration=integration,
        caller=caller,
        credentials=credentials,
        settings=settings,
        options=own,
        network_secrets=secrets,
        way=way,
        token_of=token_of,
    )


def _show(request: HttpRequest, page: str, context: dict[str, Any]) -> HttpResponse:
    """The page, or for htmx only its form."""
    fragment = request.htmx  # type: ignore[attr-defined]
    template = f"connections/{page}_form.html" if fragment else f"connections/{page}.html"
    return render(request, template, context, status=422 if context["form"].errors else 200)


def _go(request: HttpRequest, connection: Connection) -> HttpResponse:
    """To the connection; its page tests new credentials by itself, so that nobody saves some that do not work unawares."""
    url = reverse("connection-detail", args=[connection.pk])
    if connection.state == Connection.State.UNTESTED:
        url += "?test=1"
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)  # type: ignore[attr-defined]
