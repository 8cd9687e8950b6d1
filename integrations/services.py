"""What can be done to an integration. Each function checks, does, and says no with a `Refusal`."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from config.networks import is_covered
from integrations import audit, expressions, icons, json_text
from integrations.addresses import parse_base_uri
from integrations.definition import Definition, LoginAuth, OAuth2Auth
from integrations.models import Integration, Organization, Revision, User
from integrations.models.integration import LABEL_LENGTH, Mode, SharingPolicy, Status
from integrations.models.organization import unique_slug
from integrations.refusals import Conflict, Invalid
from integrations.signals import draft_opened, integration_goes
from integrations.storable import flaw

NAME_LENGTH = 100
NOTE_LENGTH = 500
MAX_TAGS = 20
TAG_LENGTH = 40
_SLUG_ATTEMPTS = 10  # of integrations of one name that are made at the same moment
# Words that stand where a slug stands in addresses of pages and of the API.
RESERVED_SLUGS = frozenset({"new", "import", "requests", "templates"})


def check_name(name: str) -> str:
    """An integration's name heads the list of its actions: one line, letters, digits and the common marks."""
    value = " ".join(name.split())
    if not value:
        raise Invalid({"name": ["Enter a name; it heads the list of the integration's actions."]})
    if len(value) > NAME_LENGTH:
        raise Invalid({"name": [f"At most {NAME_LENGTH} characters; this name has {len(value)}."]})
    odd = sorted({c for c in value if not (c.isalnum() or c in " .,-_&'()+/:!®™")})
    if odd:
        raise Invalid(
            {"name": [f"Leave out special characters ({' '.join(odd)}); letters, digits, spaces and . , - _ & ' ( ) + / : ! are fine."]}
        )
    return value


def create(
    *,
    organization: Organization,
    user: User | None,
    name: str,
    description: str = "",
    definition: Definition | None = None,
    id: UUID | None = None,  # noqa: A002 - the API's own word
    **details: Any,
) -> Integration:
    """A new integration with an open draft. A program may bring the UUID."""
    definition = definition or Definition()
    check_transport(definition)
    given = {"id": id} if id else {}
    _check_details(details)
    name = check_name(name)
    with transaction.atomic():
        for _ in range(_SLUG_ATTEMPTS):
            slug = unique_slug(Integration.objects.all(), name, fallback="integration", reserved=RESERVED_SLUGS)
            integration = Integration(
                **given, organization=organization, name=name, slug=slug, description=description, created_by=user, **details
            )
            try:
                with transaction.atomic():
                    integration.save(force_insert=True)
            except IntegrityError:
                if id and Integration.objects.filter(pk=id).exists():
                    raise Conflict("An integration with this id exists already. Leave the id out, or send another UUID.") from None
                continue  # somebody took the slug a moment ago
            break
        else:
            raise Conflict("Several integrations of this name are being made at this moment. Send it again.")
        Revision.objects.create(integration=integration, content=definition.dump())
        _record(integration, "created", after={**facts(integration), **definition.dump()}, user=user)
    return integration


def facts(integration: Integration) -> dict[str, Any]:
    """What the log keeps of an integration beside its definition."""
    return {
        "name": integration.name,
        "description": integration.description,
        "type": integration.type,
        "category": integration.category,
        "tags": integration.tags,
        "isBeta": integration.is_beta,
        "sharingPolicy": integration.sharing,
        "status": integration.status,
        "icon": f"{icons.served(integration.icon)[0]}, {len(integration.icon)} characters" if integration.icon else "",
        **integration.extra,
    }


def _record(integration: Integration, verb: str, **values: Any) -> None:
    audit.record(kind=audit.Kind.INTEGRATION, verb=verb, subject=integration, organization=integration.organization, **values)


def update(*, integration: Integration, **details: Any) -> Integration:
    """Change what identifies the integration (name, description, icon, type, category); possible in every status."""
    if "name" in details:
        details["name"] = check_name(details["name"])
    _check_details(details)
    for field, value in details.items():
        setattr(integration, field, value)
    with transaction.atomic():
        was = locked(integration)
        before = facts(was)
        if integration.mode != was.mode and was.connections.exists():
            raise Conflict(
                "The mode is locked while somebody is connected: connections of all members would become one person's, or the other way "
                "round. Delete the connections first."
            )
        integration.save(update_fields=[*details, "updated_at"])
        _record(integration, "changed", before=before, after=facts(integration))
    return integration


def _check_details(details: dict[str, Any]) -> None:
    """What the columns of type and category hold (PostgreSQL refuses more, SQLite would take it), tags and policy."""
    if "tags" in details:
        details["tags"] = checked_tags(details["tags"])
    if "sharing" in details:
        details["sharing"] = checked_sharing(details["sharing"])
    if "mode" in details.get("extra", {}):
        details["extra"] = {**details["extra"], "mode": checked_mode(details["extra"]["mode"])}
    for field in ("type", "category"):
        if len(details.get(field, "")) > LABEL_LENGTH:
            raise Invalid({field: [f"At most {LABEL_LENGTH} characters."]})


def locked(integration: Integration) -> Integration:
    """The row as it is now, held until the transaction ends: nobody opens, changes, finalizes, drops or deletes anything of it meanwhile."""
    found = Integration.objects.select_for_update().filter(pk=integration.pk).first()
    if found is None:
        raise Conflict("This integration was deleted in the meantime.")
    return found


def open_draft(*, integration: Integration) -> Revision:
    """The open draft; if there is none, a new one that starts as a copy of the current revision, actions included."""
    with transaction.atomic():
        locked(integration)
        draft = integration.draft
        if draft is None:
            source = integration.working
            draft = Revision.objects.create(
                integration=integration,
                number=source.number + 1,
                content=source.content,
                source=source.source,
                auth_choices=source.auth_choices,
            )
            draft_opened.send(Revision, source=source, draft=draft)
        return draft


def discard_draft(*, integration: Integration) -> None:
    """Drop the changes that were not finalized; the integration stays as connections use it."""
    with transaction.atomic():
        if locked(integration).current is None:
            raise Conflict("This integration was never finalized, so there is nothing to go back to. Delete it instead.")
        if integration.revisions.filter(finalized_at=None).delete()[0]:
            _record(integration, "draft discarded")
            Integration.objects.filter(pk=integration.pk).update(updated_at=timezone.now())


def change_definition(*, integration: Integration, **parts: Any) -> Revision:
    """Replace parts of the draft's definition, opening a draft if need be. The method of authentication is locked once finalized."""
    with transaction.atomic():
        working = locked(integration).working
        try:
            changed = working.definition.changed(**parts)
        except ValidationError as error:
            raise Invalid.of(error) from None
        if "auth" in parts and working.auth_undecided:
            working.auth_undecided = False
            working.save(update_fields=["auth_undecided"])
        if json_text.same(changed.dump(), working.definition.dump()):
            return working
        current = integration.current
        if current and changed.auth.type != current.definition.auth.type:
            raise Conflict(
                f"The authentication method is locked since the integration was finalized: it stays {current.definition.auth.type}. "
                "To use another method, build a new integration."
            )
        check_transport(changed)
        _record(integration, "definition changed", before=working.content, after=changed.dump())
        draft = open_draft(integration=integration)
        draft.definition = changed
        draft.save(update_fields=["content"])
        Integration.objects.filter(pk=integration.pk).update(updated_at=timezone.now())
        return draft


def choose_auth(*, integration: Integration, number: int) -> Revision:
    """Set up one of the ways to authenticate that the document describes, by its place in the list from 0."""
    choices = integration.working.auth_choices
    if not 0 <= number < len(choices):
        raise Conflict("The document has no such way to authenticate. Load the page again.")
    return change_definition(integration=integration, auth=choices[number]["auth"])


def auth_of(*, revision: Revision, kind: str) -> dict[str, Any]:
    """A method of authentication as the document describes it, else with the usual values."""
    return next((choice["auth"] for choice in revision.auth_choices if choice["auth"]["type"] == kind), {"type": kind})


def finalize(*, revision: Revision, user: User, note: str = "") -> None:
    """Close a draft for ever. Whether it is complete has been checked by the caller, who also knows the actions."""
    revision.finalized_at = timezone.now()
    revision.finalized_by = user
    revision.note = checked_note(note)
    revision.save(update_fields=["finalized_at", "finalized_by", "note"])
    integration = revision.integration
    if integration.status == Status.DRAFT:
        # The first finalizing ends the draft for good; until its owner publishes it, nobody can install it.
        integration.status = Status.HIDDEN
    integration.save(update_fields=["status", "updated_at"])
    _record(integration, "finalized", after={"revision": revision.number}, note=revision.note, user=user)


def checked_note(note: Any) -> str:
    """What changed in a revision, as one short text; it may be empty."""
    value = note.strip() if isinstance(note, str) else ""
    if len(value) > NOTE_LENGTH:
        raise Invalid({"note": [f"At most {NOTE_LENGTH} characters; this note has {len(value)}."]})
    if sentence := flaw(value):
        raise Invalid({"note": [sentence]})
    return value


def set_status(*, integration: Integration, status: str) -> Integration:
    """Publish, hide or deprecate. A draft must be finalized first, and a finalized integration never becomes a draft again."""
    value = str(status).strip().lower()
    if value not in Status.values:
        raise Invalid({"status": [f"{status} is not a status. Use one of: {', '.join(Status.values)}."]})
    if value == integration.status:
        return integration
    if value == Status.DRAFT:
        raise Conflict("Once finalized, an integration cannot become a draft again. Set it to hidden to keep it from being installed.")
    if integration.current is None:
        raise Conflict("A draft cannot be published, hidden or deprecated. Finalize it first.")
    with transaction.atomic():
        before = locked(integration).status
        integration.status = value
        integration.save(update_fields=["status", "updated_at"])
        _record(integration, "status changed", before={"status": before}, after={"status": value})
    return integration


def delete(*, integration: Integration, cascade: bool = False) -> None:
    """Remove an integration with its revisions and actions; refused while somebody is connected, except with `cascade`,
    which takes the connections, their secrets and their runs along.
    """
    try:
        with transaction.atomic():
            found = locked(integration)
            if cascade:
                integration_goes.send(Integration, integration=found)
            _record(found, "deleted", before=facts(found), note="With everything that was connected" if cascade else "")
            found.delete()
    except ProtectedError as error:
        count = len(error.protected_objects)
        raise Conflict(
            f"{count} connection{'s use' if count > 1 else ' uses'} this integration. Delete {'them' if count > 1 else 'it'} first, or set the status to hidden."
        ) from None


def checked_tags(tags: Any) -> list[str]:
    """Tags as a list without doubles, in the order given."""
    if not isinstance(tags, list | tuple) or not all(isinstance(tag, str) for tag in tags):
        raise Invalid({"tags": ["Enter a list of texts."]})
    found = list(dict.fromkeys(" ".join(tag.split()).lower() for tag in tags if tag.strip()))
    if len(found) > MAX_TAGS or any(len(tag) > TAG_LENGTH or "," in tag for tag in found):
        raise Invalid({"tags": [f"At most {MAX_TAGS} tags of {TAG_LENGTH} characters, without commas."]})
    return found


def checked_sharing(value: Any) -> str:
    text = str(value).strip().lower()
    if text not in SharingPolicy.values:
        raise Invalid({"sharingPolicy": [f"{value} is no sharing policy. Use one of: {', '.join(SharingPolicy.values)}."]})
    return text


def checked_mode(value: Any) -> str:
    text = str(value or Mode.SHARED).strip().lower()
    if text not in Mode.values:
        raise Invalid({"mode": [f"{value} is no mode. Use one of: {', '.join(Mode.values)}."]})
    return text


def check_transport(definition: Definition) -> None:
    """Refuse plain http to anywhere but the networks that the operator named, and addresses that could never be called."""
    urls = {"apiBaseUri": definition.api_base_uri}
    if isinstance(definition.auth, OAuth2Auth):
        names = ("auth_uri", "token_uri", "refresh_uri", "revocation_uri")
        urls |= {f"auth.{to_camel(name)}": getattr(definition.auth, name) for name in names}
    if isinstance(definition.auth, LoginAuth):
        urls |= {f"auth.steps.{number}.url": step.url for number, step in enumerate(definition.auth.steps)}
    errors = {field: [sentence] for field, url in urls.items() if (sentence := plain_http_problem(url))}
    if errors:
        raise Invalid(errors)


def plain_http_problem(url: str) -> str:
    """A sentence if `url` is plain http to a host that EGRESS_ALLOW does not cover, else ""."""
    if not url.lower().startswith("http://") or not expressions.parse(url).is_plain:
        return ""  # what placeholders make of it is known when a connection calls it, and judged there
    host = parse_base_uri(re.split(r"[?#]", "/".join(url.split("/")[:3]))[0]).host
    if _all_covered(host):
        return ""
    return f"http:// sends credentials unencrypted, so it is accepted only for networks named in EGRESS_ALLOW, and {host} is not in one. Use https://."


def _all_covered(host: str) -> bool:
    try:
        found = [info[4][0] for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except OSError:
        return False
    return all(is_covered(ipaddress.ip_address(str(address).partition("%")[0]), settings.EGRESS_ALLOW) for address in found)
