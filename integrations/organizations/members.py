"""Who belongs to an organization: roles, invitations, and what keeps an organization from being left without an admin."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from integrations import audit
from integrations.models import Invitation, Membership, Organization, Role, User
from integrations.organizations.tree import checked_fields, locked
from integrations.refusals import Conflict, Invalid
from integrations.storable import flaw

MAX_OPEN_INVITATIONS = 200  # of one organization


def set_role(*, organization: Organization, user: User, role: str) -> Membership:
    """Give a user a role in an organization; one who has no role there becomes a member."""
    role = checked_role(role)
    with transaction.atomic():
        locked(organization)
        membership = Membership.objects.filter(organization=organization, user=user).first()
        if membership is None:
            membership = Membership.objects.create(organization=organization, user=user, role=role)
            _record(membership, "added", after={"role": role})
        elif membership.role != role:
            before = membership.role
            if before == Role.ADMIN:
                _keep_an_admin(membership)
            membership.role = role
            membership.save(update_fields=["role"])
            _record(membership, "changed", before={"role": before}, after={"role": role})
    return membership


def set_fields(*, membership: Membership, fields: Any) -> Membership:
    """Replace a member's custom fields: `${user.<name>}` of calls for this organization and those below it."""
    fields = checked_fields(fields, root="user")
    with transaction.atomic():
        found = Membership.objects.select_for_update(of=("self",)).select_related("user", "organization").filter(pk=membership.pk).first()
        if found is None:
            raise Conflict("This member was removed in the meantime.")
        before, found.fields = found.fields, fields
        found.save(update_fields=["fields"])
        _record(found, "changed", before={"fields": before}, after={"fields": fields})
    return found


def remove(*, membership: Membership) -> None:
    """End a membership; what the user made stays. The last admin of a whole tree cannot be removed."""
    with transaction.atomic():
        locked(membership.organization)
        found = Membership.objects.filter(pk=membership.pk).first()
        if found is None:
            raise Conflict("This member was removed in the meantime.")
        if found.role == Role.ADMIN:
            _keep_an_admin(found)
        _record(found, "removed", before={"role": found.role})
        found.delete()


def invite(*, organization: Organization, user: User, role: str, email: str = "") -> Invitation:
    """Make a link that lets one person join. Junction sends no mail: the link is handed on by whoever made it."""
    role = checked_role(role)
    email = str(email or "").strip()
    if email:
        try:
            validate_email(email)
        except ValidationError:
            raise Invalid({"email": ["This is no email address. Leave it empty, or write it like ann@example.com."]}) from None
    with transaction.atomic():
        locked(organization)
        if organization.invitations.open().count() >= MAX_OPEN_INVITATIONS:
            raise Conflict(f"{MAX_OPEN_INVITATIONS} invitations are open already. Withdraw some first.")
        invitation = Invitation.objects.create(organization=organization, role=role, email=email, created_by=user)
        _record_invitation(invitation, "invited", after={"role": role, "email": email, "expires": invitation.expires_at.isoformat()})
    return invitation


def withdraw(*, invitation: Invitation) -> None:
    """From now on the link leads nowhere."""
    with transaction.atomic():
        found = Invitation.objects.select_for_update().filter(pk=invitation.pk).open().first()
        if found is None:
            raise Conflict("This invitation was used or has ended already.")
        found.withdrawn_at = timezone.now()
        found.save(update_fields=["withdrawn_at"])
        _record_invitation(found, "withdrawn", before={"role": found.role, "email": found.email})


def open_invitation(token: str) -> Invitation:
    """The invitation of a link. Raises `Conflict` with what is wrong: unknown, used, withdrawn or expired."""
    found = Invitation.objects.of_token(token).select_related("organization", "created_by").first()
    if found is None:
        raise Conflict("This link is not whole, or the organization is gone. Copy all of it, or ask for a new one.")
    _check_open(found)
    return found


def accept(*, invitation: Invitation, user: User) -> Membership:
    """Join with an account that exists. A role that the user has there already is only ever raised."""
    with transaction.atomic():
        held = _held(invitation)
        membership = Membership.objects.filter(organization=held.organization, user=user).first()
        if membership and held.role not in Role.at_least(membership.role):
            raise Conflict(f"You are {membership.get_role_display().split(':')[0].lower()} of {held.organization} already, which is more.")
        _use(held, user)
        with audit.acting(lambda: user):
            return set_role(organization=held.organization, user=user, role=held.role)


def join(*, invitation: Invitation, username: str, display_name: str, password: str) -> User:
    """Join with a new account. Raises `Invalid` by field."""
    username = username.strip()
    user = User(username=username, display_name=" ".join(display_name.split()), email=invitation.email)
    errors: dict[str, list[str]] = {}
    try:
        UnicodeUsernameValidator()(username)
        if len(username) > 150 or flaw(username):
            raise ValidationError("")
    except ValidationError:
        errors["username"] = ["Use letters, digits and @ . + - _ only, at most 150 of them."]
    if len(user.display_name) > 200 or flaw(user.display_name):
        errors["displayName"] = ["Use at most 200 characters, and no control characters."]
    try:
        validate_password(password, user)
    except ValidationError as error:
        errors["password"] = list(error.messages)
    if errors:
        raise Invalid(errors)
    user.set_password(password)
    with transaction.atomic():
        held = _held(invitation)
        try:
            with transaction.atomic():
                user.save()
        except IntegrityError:
            raise Invalid({"username": [f"{username} is taken. Choose another one, or sign in if it is yours."]}) from None
        _use(held, user)
        with audit.acting(lambda: user):
            set_role(organization=held.organization, user=user, role=held.role)
    return user


def from_above(organization: Organization) -> QuerySet[Membership]:
    """The members of the organizations above, whose roles count here too."""
    above = [pk for pk in organization.ancestor_ids if pk != organization.pk]
    return (
        Membership.objects.filter(organization__in=above)
        .select_related("user", "organization")
        .order_by("organization__path", "user__username")
    )


def checked_role(role: Any) -> str:
    value = str(role or "").strip().lower()
    if value not in Role.values:
        raise Invalid({"role": [f"{role or 'Nothing'} is not a role. Use one of: {', '.join(Role.values)}."]})
    return value


def _keep_an_admin(membership: Membership) -> None:
    organization = membership.organization
    others = Membership.objects.filter(organization__in=organization.ancestor_ids, role=Role.ADMIN, user__is_active=True)
    if not others.exclude(pk=membership.pk).exists():
        raise Conflict(f"{membership.user} is the last admin of {organization}. Make somebody else an admin first.")


def _held(invitation: Invitation) -> Invitation:
    found = Invitation.objects.select_for_update(of=("self",)).select_related("organization", "created_by").filter(pk=invitation.pk).first()
    if found is None:
        raise Conflict("This invitation does not exist any more. Ask for a new one.")
    _check_open(found)
    return found


def _check_open(invitation: Invitation) -> None:
    if invitation.used_at:
        raise Conflict("This invitation has been used already; a link works once. Sign in, or ask for a new one.")
    if invitation.withdrawn_at:
        raise Conflict("This invitation was withdrawn. Ask for a new one.")
    if invitation.expires_at <= timezone.now():
        raise Conflict(f"This invitation ended on {_day(invitation.expires_at)}. Ask for a new one.")
    if not invitation.is_backed:
        raise Conflict("Whoever made this invitation is no admin here any more, so that it has ended. Ask for a new one.")


def _use(invitation: Invitation, user: User) -> None:
    invitation.used_at, invitation.used_by = timezone.now(), user
    invitation.save(update_fields=["used_at", "used_by"])


def _day(moment: datetime) -> str:
    return f"{moment:%B} {moment.day}, {moment.year}"


def _record(membership: Membership, verb: str, **values: Any) -> None:
    audit.record(
        kind=audit.Kind.MEMBER,
        verb=verb,
        subject=membership.user,
        organization=membership.organization,
        name=str(membership.user),
        **values,
    )


def _record_invitation(invitation: Invitation, verb: str, **values: Any) -> None:
    name = invitation.email or "whoever has the link"
    audit.record(kind=audit.Kind.MEMBER, verb=verb, subject=invitation, organization=invitation.organization, name=name, **values)
