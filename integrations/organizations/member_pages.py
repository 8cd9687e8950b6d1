"""Pages of members: roles, invitations, and the page behind an invitation's link."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from integrations.middleware import SESSION_KEY
from integrations.models import Membership, Role
from integrations.organizations import members
from integrations.organizations.forms import InvitationForm, JoinForm, MemberFieldsForm
from integrations.organizations.pages import REFUSED, show
from integrations.permissions import by_id_or_404, organization_named, signed_in
from integrations.refusals import Refusal


@require_POST
def invite(request: HttpRequest, slug: str) -> HttpResponse:
    organization = organization_named(request.user, slug, Role.ADMIN)
    form = InvitationForm(request.POST)
    if form.is_valid():
        try:
            members.invite(
                organization=organization, user=signed_in(request), role=form.cleaned_data["role"], email=form.cleaned_data["email"]
            )
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, "The invitation is there. Copy its link from the list below and hand it on.")
            return redirect("organization-detail", organization.slug)
    return show(request, organization, invitation_form=form)


@require_POST
def withdraw(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    organization = organization_named(request.user, slug, Role.ADMIN)
    invitation = by_id_or_404(organization.invitations.all(), pk)
    _said(request, lambda: members.withdraw(invitation=invitation), "The invitation was withdrawn; its link leads nowhere now.")
    return redirect("organization-detail", organization.slug)


@require_POST
def role(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    membership = _membership(request, slug, pk)
    given = request.POST.get("role", "")
    _said(
        request,
        lambda: members.set_role(organization=membership.organization, user=membership.user, role=given),
        f"{membership.user} is {given} now.",
    )
    return redirect("organization-detail", slug)


@require_POST
def remove(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    membership = _membership(request, slug, pk)
    organization = membership.organization
    _said(request, lambda: members.remove(membership=membership), f"{membership.user} is no member of {organization} any more.")
    return redirect(
        "organization-list" if membership.user == request.user else "organization-detail",
        *(() if membership.user == request.user else (slug,)),
    )


@require_http_methods(["GET", "POST"])
def fields(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """The custom fields of a member, which an admin sets: the person must not choose who they are to a vendor."""
    membership = _membership(request, slug, pk)
    form = MemberFieldsForm(request.POST if request.method == "POST" else None, initial={"fields_": membership.fields})
    if form.is_bound and form.is_valid():
        try:
            members.set_fields(membership=membership, fields=form.cleaned_data["fields_"])
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"The fields of {membership.user} were saved.")
            return redirect("organization-detail", slug)
    context = {"membership": membership, "organization": membership.organization, "form": form}
    return render(request, "organizations/member_fields.html", context, status=REFUSED if form.errors else 200)


@never_cache
@login_not_required
@require_http_methods(["GET", "POST"])
def accept(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind the link: whoever is signed in joins with that account, others make one here or sign in."""
    try:
        invitation = members.open_invitation(token)
    except Refusal as refusal:
        return render(request, "organizations/invitation_ended.html", {"reason": refusal.message}, status=410)
    organization = invitation.organization
    known, status = request.user.is_authenticated, 200
    form = JoinForm(request.POST if request.method == "POST" and not known else None)
    if request.method == "POST" and (known or form.is_valid()):
        try:
            if known:
                user = signed_in(request)
                members.accept(invitation=invitation, user=user)
            else:
                user = members.join(invitation=invitation, **form.cleaned_data)
                login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        except Refusal as refusal:
            if form.is_bound:
                form.refuse(refusal)
            else:
                messages.error(request, refusal.message)
                status = 409
        else:
            request.session[SESSION_KEY] = str(organization.pk)
            messages.success(request, f"Welcome to {organization}.")
            return redirect("home")
    context = {"invitation": invitation, "organization": organization, "form": form}
    return render(request, "organizations/invitation.html", context, status=REFUSED if form.errors else status)


def _membership(request: HttpRequest, slug: str, pk: int) -> Membership:
    organization = organization_named(request.user, slug, Role.ADMIN)
    found = Membership.objects.select_related("user", "organization").filter(organization=organization, pk=pk).first()
    if found is None:
        raise Http404
    return found


def _said(request: HttpRequest, deed: object, sentence: str) -> None:
    try:
        deed()  # type: ignore[operator]
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, sentence)
