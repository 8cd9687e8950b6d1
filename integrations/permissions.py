"""From a user and a role to rows; fails closed. Strangers get 404, members whose role is too low get 403."""

from __future__ import annotations

from typing import Any, TypeVar, cast
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest
from rest_framework.request import Request

from integrations.models import InstallRequest, Integration, Organization, Role, User
from integrations.refusals import Disabled, Invalid

M = TypeVar("M", bound=Model)


def signed_in(request: HttpRequest | Request) -> User:
    """The user of a request that got past the check that somebody is signed in."""
    return cast("User", request.user)


def is_uuid(text: Any) -> bool:
    try:
        UUID(str(text))
    except ValueError:
        return False
    return True


def by_id(rows: QuerySet[M], key: Any) -> M | None:
    """The one of these rows that has this id; None for any other, and for what is no id."""
    return rows.filter(pk=key).first() if is_uuid(key) else None


def by_id_or_404(rows: QuerySet[M], key: Any) -> M:
    """The same for rows that the user sees: what is not among them does not exist."""
    found = by_id(rows, key)
    if found is None:
        raise Http404
    return found


def integration_for(user: Any, key: str, *, edit: bool = False, share: bool = False, delete: bool = False) -> Integration:
    """The integration with this id or slug that the user sees; with `edit` one that the user may change, with `share` one that the
    user may share and give away, with `delete` one that the user may delete.
    """
    visible = Integration.objects.visible_to(user).select_related("organization")
    found = visible.filter(pk=key).first() if is_uuid(key) else visible.filter(slug=key).first()
    if found is None:
        raise Http404
    rows = Integration.objects.filter(pk=found.pk)
    asked = [edit and rows.editable_by(user), share and rows.shareable_by(user), delete and rows.deletable_by(user)]
    if any(allowed is not False and not allowed.exists() for allowed in asked):
        raise PermissionDenied
    if edit or share or delete:
        check_builder(found.organization)
    return found


def may_run(user: Any, organization: Organization, integration: Integration) -> bool:
    """Whether the user may connect the organization to the integration and run it there: by the role, or by a share with the person."""
    if organization.is_open_to(user, Role.OPERATOR):
        return True
    return organization.is_open_to(user) and Integration.objects.lent_to(user).filter(pk=integration.pk).exists()


def running_for(user: Any, integration: Integration, key: str | None = None) -> Organization:
    """The organization for which the user connects or runs an integration: the named one, else the topmost where the user may."""
    lent = Integration.objects.lent_to(user).filter(pk=integration.pk).exists()
    return organization_for(user, Role.VIEWER if lent else Role.OPERATOR, key)


def check_builder(organization: Organization) -> None:
    """Raise `Disabled` where the feature preview Custom Integrations is off. What is published goes on working: only building asks."""
    if not organization.may_have_builder:
        raise Disabled(
            f"The feature preview Custom Integrations is disabled for {organization}. "
            "An admin can enable it under Settings > Feature Preview. What is published goes on working."
        )


def request_for(user: Any, key: Any) -> InstallRequest:
    """The request that the user may decide on; who sees it and may not gets 403, strangers 404."""
    seen = InstallRequest.objects.visible_to(user).select_related("integration__organization", "organization")
    found = by_id_or_404(seen, key)
    if not InstallRequest.objects.decidable_by(user).filter(pk=found.pk).exists():
        raise PermissionDenied
    return found


def may_edit(user: Any, integration: Integration) -> bool:
    return Integration.objects.editable_by(user).filter(pk=integration.pk).exists()


def may_share(user: Any, integration: Integration) -> bool:
    return Integration.objects.shareable_by(user).filter(pk=integration.pk).exists()


def organization_named(user: Any, key: str, role: str = Role.VIEWER) -> Organization:
    """The organization with this id or slug that the user sees; with a role one in which the user has it. Strangers get 404, lower roles 403."""
    found = (
        Organization.objects.visible_to(user).select_related("parent").filter(**({"pk": key} if is_uuid(key) else {"slug": key})).first()
    )
    if found is None:
        raise Http404
    if not found.is_open_to(user, role):
        raise PermissionDenied
    return found


def organization_for(user: Any, role: str, key: str | None = None) -> Organization:
    """The organization that a request is about: the named one (id or slug), else the topmost where the user has the role."""
    mine = Organization.objects.visible_to(user, role)
    if key:
        found = mine.filter(pk=key).first() if is_uuid(key) else mine.filter(slug=key).first()
        if found is None:
            if Organization.objects.visible_to(user).filter(**({"pk": key} if is_uuid(key) else {"slug": key})).exists():
                raise PermissionDenied
            raise Invalid({"organization": ["There is no such organization that you may see. Send its id or slug."]})
        return found
    first = mine.first()
    if first is None:
        raise PermissionDenied
    return first
