"""Who may connect to an integration: the owner's policy, and the requests of those who have to ask."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from integrations import audit
from integrations.models import InstallRequest, Integration, Organization, User
from integrations.models.integration import SharingPolicy, Status
from integrations.refusals import Conflict, Invalid
from integrations.services import checked_note, locked


def why_not(integration: Integration, organization: Organization, user: User | None = None) -> str:
    """Why an organization cannot connect, as a sentence; "" if it can. With a user it can, too, what is shared with that person."""
    if Integration.objects.installable_by(organization, user).filter(pk=integration.pk).exists():
        return ""
    match integration.status:
        case Status.DRAFT:
            return "It is a draft: finalize and publish it first."
        case Status.HIDDEN:
            return "It is hidden: its owner has to publish it first."
        case Status.DEPRECATED:
            return "It is deprecated: what is connected goes on working, but nothing new can be connected."
    if integration.organization_id not in organization.ancestor_ids:
        return f"It is published by {integration.organization}, which is not above {organization}."
    if integration.sharing == SharingPolicy.DENY:
        return f"{integration.organization} keeps it for itself."
    asked = request_of(integration, organization)
    if asked is None:
        return f"{integration.organization} wants to be asked first. Ask on the page of the integration; an admin there decides."
    if asked.state == InstallRequest.State.OPEN:
        return f"The request to {integration.organization} waits for an answer."
    said = f" They said: {asked.answer}" if asked.answer else ""
    return f"{integration.organization} has declined the request.{said}"


def request_of(integration: Integration, organization: Organization) -> InstallRequest | None:
    return InstallRequest.objects.filter(integration=integration, organization=organization).first()


def ask(*, integration: Integration, organization: Organization, user: User, reason: str = "") -> InstallRequest:
    """Ask the owner of an integration to let an organization connect; one that was declined can be asked anew."""
    reason = _text(reason, "reason")
    with transaction.atomic():
        integration = locked(integration)
        if integration.status != Status.PUBLISHED or integration.organization_id not in organization.ancestor_ids:
            raise Conflict(f"{integration} cannot be asked for. {why_not(integration, organization)}")
        if integration.sharing != SharingPolicy.ASK or integration.organization_id == organization.pk:
            raise Conflict(f"{organization} need not ask for {integration}. {why_not(integration, organization)}".strip())
        found = request_of(integration, organization)
        if found and found.state != InstallRequest.State.DECLINED:
            raise Conflict(
                "This has been asked already, and waits for an answer." if found.state == "open" else "This is approved already."
            )
        values = {
            "state": InstallRequest.State.OPEN,
            "reason": reason,
            "answer": "",
            "created_by": user,
            "decided_by": None,
            "decided_at": None,
        }
        found, _ = InstallRequest.objects.update_or_create(integration=integration, organization=organization, defaults=values)
        _record(found, "requested", after={"organization": organization.name}, note=reason)
    return found


def decide(*, request: InstallRequest, approve: bool, user: User, answer: str = "") -> InstallRequest:
    """Approve or decline, with a note. An approval can be taken back later by declining; what is connected stays."""
    answer = _text(answer, "answer")
    with transaction.atomic():
        found = (
            InstallRequest.objects.select_for_update(of=("self",))
            .select_related("integration", "organization")
            .filter(pk=request.pk)
            .first()
        )
        if found is None:
            raise Conflict("This request was withdrawn in the meantime.")
        state = InstallRequest.State.APPROVED if approve else InstallRequest.State.DECLINED
        if found.state == state:
            raise Conflict(f"This request is {state} already.")
        before, found.state = found.state, state
        found.answer, found.decided_by, found.decided_at = answer, user, timezone.now()
        found.save(update_fields=["state", "answer", "decided_by", "decided_at"])
        _record(found, state, before={"state": before}, after={"state": state, "organization": found.organization.name}, note=answer)
    return found


def _text(value: str, field: str) -> str:
    try:
        return checked_note(value)
    except Invalid as refusal:
        raise Invalid({field: refusal.errors["note"]}) from None


def _record(request: InstallRequest, verb: str, **values: object) -> None:
    audit.record(
        kind=audit.Kind.SHARE,
        verb=verb,
        subject=request,
        organization=request.integration.organization,
        name=f"{request.integration} for {request.organization}",
        **values,  # type: ignore[arg-type]
    )
