"""What every request passes: an address that can be looked up, and the organization that it is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject

from integrations.audit import acting
from integrations.models import Organization, Role
from integrations.models.organization import remembering_roles
from integrations.refusals import Disabled

SESSION_KEY = "organization"


def current_organization(request: HttpRequest) -> Organization | None:
    """The organization chosen in the switcher, if the user still sees it, else the topmost one of the user's."""
    mine = Organization.objects.visible_to(request.user)
    key: str | None = request.session.get(SESSION_KEY)
    chosen = mine.filter(pk=key).first() if key else None
    return chosen or mine.first()


def may(request: HttpRequest, role: str) -> bool:
    """Whether the user holds at least `role` in the current organization."""
    organization: Organization | None = request.organization or None  # type: ignore[attr-defined]
    return organization is not None and organization.is_open_to(request.user, role)


class AddressMiddleware:
    """Refuses NUL in the address: no row has one, and PostgreSQL does not even look."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\0" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("The address holds the character NUL.")
        return self.get_response(request)


class OrganizationMiddleware:
    """Puts `organization`, `may_build` and `may_operate` on the request; each is looked up when first used."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.organization = cast("Organization", SimpleLazyObject(lambda: current_organization(request)))  # type: ignore[attr-defined]
        request.may_build = SimpleLazyObject(lambda: may(request, Role.BUILDER))  # type: ignore[attr-defined]
        request.may_operate = SimpleLazyObject(lambda: may(request, Role.OPERATOR))  # type: ignore[attr-defined]
        return self.get_response(request)


class RolesMiddleware:
    """While a page is only read, each user's roles are looked up once, however many querysets ask for them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return self.get_response(request)
        with remembering_roles():
            return self.get_response(request)


class ActorMiddleware:
    """What is changed during a request was changed by its user; the API finds out later who that is, so it is asked only then."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with acting(lambda: getattr(request, "user", None)):
            return self.get_response(request)


class DisabledMiddleware:
    """A page of the builder where its feature preview is off says so; the API has its own way (`api.problems`)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Disabled):
            return None
        return render(request, "integrations/disabled.html", {"reason": exception.message}, status=403)


class NotAllowedMiddleware:
    """Django answers a page that only takes forms, asked for by its address, with nothing at all; a person reads a sentence."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not isinstance(response, HttpResponseNotAllowed) or request.method != "GET" or not request.accepts("text/html"):
            return response
        page = render(request, "405.html", status=405)
        page["Allow"] = response["Allow"]
        return page
