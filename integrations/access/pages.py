"""The page API access: personal tokens, applications, and who may act for one; and the page where people agree."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from oauth2_provider.models import Application
from oauth2_provider.views import AuthorizationView

from integrations.access import applications, tokens
from integrations.access.forms import ApplicationForm, TokenForm
from integrations.access.scopes import SCOPES
from integrations.models import PersonalToken
from integrations.permissions import by_id_or_404, signed_in
from integrations.refusals import Refusal

REFUSED = 422


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    rows = Application.objects.filter(user=user).select_related("details").order_by("name", "pk")
    mine = [
        {"row": row, "kind": applications.kind_of(row), "scopes": applications.scopes_of(row), "last": applications.last_use_of(row)}
        for row in rows
    ]
    context = {
        "tokens": PersonalToken.objects.visible_to(user),
        "applications": mine,
        "consents": applications.consents(user),
    }
    return render(request, "access/index.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def token_new(request: HttpRequest) -> HttpResponse:
    """The token is in the answer to the form and nowhere else."""
    form = TokenForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        given = form.cleaned_data
        try:
            made, text = tokens.create(
                user=signed_in(request),
                name=given["name"],
                scopes=given["scopes"],
                expires_at=applications.expired_after(given["days"]),
            )
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            return render(request, "access/token_made.html", {"token": made, "text": text}, status=201)
    return render(request, "access/token_new.html", {"form": form}, status=REFUSED if form.errors else 200)


@require_POST
def token_revoke(request: HttpRequest, pk: Any) -> HttpResponse:
    found = by_id_or_404(PersonalToken.objects.visible_to(request.user), pk)
    tokens.revoke(token=found)
    messages.success(request, f"{found.name} is revoked. Whatever used it is locked out from now on.")
    return redirect("access")


@never_cache
@require_http_methods(["GET", "POST"])
def application_new(request: HttpRequest) -> HttpResponse:
    form = ApplicationForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            made, secret = applications.create(user=signed_in(request), **form.cleaned_data)
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            return render(request, "access/application_made.html", {"application": made, "secret": secret}, status=201)
    return render(request, "access/application_form.html", {"form": form}, status=REFUSED if form.errors else 200)


@require_http_methods(["GET", "POST"])
def application_edit(request: HttpRequest, pk: int) -> HttpResponse:
    application = own_application(request.user, pk)
    shown = {
        "name": application.name,
        "redirect_uris": application.redirect_uris.replace(" ", "\n"),
        "scopes": applications.scopes_of(application),
    }
    form = ApplicationForm(request.POST if request.method == "POST" else None, initial=shown, changing=True)
    if form.is_valid():
        try:
            applications.change(application=application, **form.cleaned_data)
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"{application.name} is saved. Tokens that it holds keep their scopes until they end.")
            return redirect("access")
    context = {"form": form, "application": application, "kind": applications.kind_of(application)}
    return render(request, "access/application_form.html", context, status=REFUSED if form.errors else 200)


@never_cache
@require_POST
def application_secret(request: HttpRequest, pk: int) -> HttpResponse:
    application = own_application(request.user, pk)
    try:
        secret = applications.new_secret(application=application)
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("access")
    return render(request, "access/application_made.html", {"application": application, "secret": secret, "again": True}, status=201)


@require_POST
def application_delete(request: HttpRequest, pk: int) -> HttpResponse:
    application = own_application(request.user, pk)
    applications.delete(application=application)
    messages.success(request, f"{application.name} is deleted, and its tokens with it.")
    return redirect("access")


@require_POST
def consent_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    user = signed_in(request)
    found = next((consent for consent in applications.consents(user) if consent.application.pk == pk), None)
    if found is None:
        raise Http404
    applications.withdraw(user=user, application=found.application)
    messages.success(request, f"{found.application.name} can no longer act for you.")
    return redirect("access")


def own_application(user: Any, pk: Any) -> Any:
    """An application that the user made; others' do not exist."""
    found = Application.objects.filter(user=user, pk=pk).select_related("details").first()
    if found is None:
        raise Http404
    return found


class ConsentView(AuthorizationView):
    """GET and POST /o/authorize/: a person agrees that an application acts for them, within the named scopes."""

    template_name = "access/authorize.html"

    def form_invalid(self, form: Any) -> HttpResponse:  # noqa: ARG002 - the signature of the library
        """The page's own inputs came back damaged: nobody was asked anything."""
        context = {"error": True, "sentence": "The form came back incomplete. Start again from the application that sent you here."}
        return render(self.request, self.template_name, context, status=REFUSED)

    def render_to_response(self, context: dict[str, Any], **response_kwargs: Any) -> HttpResponse:
        context["sentences"] = [SCOPES[name] for name in context.get("scopes", []) if name in SCOPES]
        context["host"] = urlsplit(context.get("redirect_uri") or "").netloc
        error = context.get("error")
        context["sentence"] = _sentence(getattr(error, "error", ""), getattr(error, "description", "")) if error else ""
        response = super().render_to_response(context, **response_kwargs)
        parts = urlsplit(context.get("redirect_uri") or "")
        if parts.scheme in ("http", "https") and parts.netloc:
            # A browser holds the redirect that follows this form to the form's own policy.
            response._csp_update = {"form-action": [f"{parts.scheme}://{parts.netloc}"]}  # noqa: SLF001 - django-csp's way
        return response


def _sentence(code: str, words: str) -> str:
    """What is wrong with a request that cannot even be sent back to the application."""
    known = {
        "invalid_client_id": "The application that sent you here is not known, or was deleted. Tell whoever runs it.",
        "mismatching_redirect_uri": "The application wants you back at an address that is not registered for it. Tell whoever runs it.",
        "missing_redirect_uri": "The application does not say where you come from. Tell whoever runs it.",
    }
    by_words = {"Mismatching redirect URI.": "mismatching_redirect_uri", "Invalid client_id parameter value.": "invalid_client_id"}
    return (
        known.get(code)
        or known.get(by_words.get(words, ""))
        or f"The application asked for something that is not possible: {words or code}"
    )
