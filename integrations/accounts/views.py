"""Pages of sign-in and account, and the switch between organizations."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash, views
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from integrations.accounts.attempts import SENTENCE, Attempts
from integrations.accounts.forms import NewPasswordForm, ProfileForm, SignInForm
from integrations.middleware import SESSION_KEY
from integrations.models import Membership, Organization, User
from integrations.permissions import by_id_or_404


class SignInView(views.LoginView):
    """Open to everyone, as its base class says to the middleware."""

    form_class = SignInForm
    template_name = "accounts/login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        attempts = Attempts("sign-in", request.POST.get("username", ""), request.META.get("REMOTE_ADDR", ""))
        if attempts.are_too_many():
            form = SignInForm(request, initial={"username": request.POST.get("username", "")})  # unbound: it looks at no password
            return self.render_to_response(self.get_context_data(form=form, refused=SENTENCE), status=429)
        response = super().post(request, *args, **kwargs)
        if response.status_code == 302:
            attempts.succeeded()
        else:
            attempts.failed()
        return response


@require_http_methods(["GET", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Two forms on one page; the button says which one was sent."""
    user = cast("User", request.user)
    chosen = request.POST.get("form")
    # A form that was refused keeps its values on the instance: the header must not show them.
    profile = ProfileForm(request.POST if chosen == "profile" else None, instance=User.objects.get(pk=user.pk))
    password = NewPasswordForm(user, request.POST if chosen == "password" else None)
    if profile.is_bound and profile.is_valid():
        profile.save()
        messages.success(request, "Your account was saved.")
        return redirect("account")
    if password.is_bound and password.is_valid():
        update_session_auth_hash(request, password.save())
        messages.success(request, "Your password was changed. Other browsers in which you were signed in are signed out.")
        return redirect(f"{reverse('account')}#main")  # the form was sent from further down: the message stands at the top
    memberships = Membership.objects.filter(user=user).select_related("organization").order_by("organization__path")
    status = 422 if profile.errors or password.errors else 200
    return render(request, "accounts/account.html", {"profile": profile, "password": password, "memberships": memberships}, status=status)


@require_POST
def switch_organization(request: HttpRequest) -> HttpResponse:
    """Work in the name of another organization from now on. One that the user does not see does not exist."""
    key = request.POST.get("organization", "")
    organization = by_id_or_404(Organization.objects.visible_to(request.user), key)
    request.session[SESSION_KEY] = str(organization.pk)
    target = request.POST.get("next", "")
    here = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return redirect(target if here and target.startswith("/") else "home")
