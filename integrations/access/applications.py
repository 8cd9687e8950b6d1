"""OAuth applications of people: made, limited to scopes, given new secrets, deleted; and the consents that people gave."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone
from oauth2_provider.generators import generate_client_secret
from oauth2_provider.models import AccessToken, Application, Grant, RefreshToken

from integrations.access.scopes import checked
from integrations.access.tokens import NAME_LENGTH, scope_errors
from integrations.models import ApplicationDetails, User
from integrations.models.access import USED_EVERY
from integrations.refusals import Invalid
from integrations.storable import flaw

# Kind: client type, grant, in words.
KINDS = {
    "script": (
        Application.CLIENT_CONFIDENTIAL, Application.GRANT_CLIENT_CREDENTIALS,
        "A script or a server of yours: signs in with its own secret and acts for you (client credentials)",
    ),
    "web": (
        Application.CLIENT_CONFIDENTIAL, Application.GRANT_AUTHORIZATION_CODE,
        "A web application that keeps a secret: each user agrees here, and it acts for that user (authorization code with PKCE)",
    ),
    "native": (
        Application.CLIENT_PUBLIC, Application.GRANT_AUTHORIZATION_CODE,
        "An application on people's devices or in a browser, without a secret (authorization code with PKCE)",
    ),
}  # fmt: skip
LOCAL = {"localhost", "127.0.0.1", "::1"}
MAX_REDIRECTS = 20


def create(
    *, user: User, name: str, kind: str, redirect_uris: list[str], scopes: Collection[str], granted: Collection[str] | None = None
) -> tuple[Any, str]:
    """A new application and its secret ("" for one without); nobody can get the secret again."""
    if kind not in KINDS:
        raise Invalid({"kind": [f"{kind} is not known. Use one of: {', '.join(KINDS)}."]})
    client_type, grant, _ = KINDS[kind]
    values = _checked(name=name, redirect_uris=redirect_uris, scopes=scopes, grant=grant, granted=granted)
    secret = generate_client_secret() if client_type == Application.CLIENT_CONFIDENTIAL else ""
    with transaction.atomic():
        application = Application.objects.create(
            user=user,
            name=values["name"],
            client_type=client_type,
            authorization_grant_type=grant,
            redirect_uris=" ".join(values["redirect_uris"]),
            **({"client_secret": secret} if secret else {}),
        )
        ApplicationDetails.objects.create(application=application, scopes=values["scopes"])
    return application, secret


def change(
    *, application: Any, name: str, redirect_uris: list[str], scopes: Collection[str], granted: Collection[str] | None = None
) -> Any:
    """Other values; tokens that have been given keep their scopes until they end."""
    grant = application.authorization_grant_type
    values = _checked(name=name, redirect_uris=redirect_uris, scopes=scopes, grant=grant, granted=granted)
    with transaction.atomic():
        application.name, application.redirect_uris = values["name"], " ".join(values["redirect_uris"])
        application.save(update_fields=["name", "redirect_uris", "updated"])
        ApplicationDetails.objects.update_or_create(application=application, defaults={"scopes": values["scopes"]})
    application.refresh_from_db()
    return application


def new_secret(*, application: Any) -> str:
    """Replace the secret; the old one does not work any more."""
    if application.client_type != Application.CLIENT_CONFIDENTIAL:
        raise Invalid({"": ["This kind of application has no secret."]})
    secret: str = generate_client_secret()
    application.client_secret = secret
    application.save(update_fields=["client_secret", "updated"])
    return secret


def delete(*, application: Any) -> None:
    """With all of its tokens."""
    application.delete()


def kind_of(application: Any) -> str:
    pair = (application.client_type, application.authorization_grant_type)
    return next((kind for kind, (client, grant, _) in KINDS.items() if pair == (client, grant)), application.authorization_grant_type)


def scopes_of(application: Any) -> list[str]:
    details = getattr(application, "details", None)
    return list(details.scopes) if details is not None and details.scopes else ["api"]


def last_use_of(application: Any) -> datetime | None:
    details = getattr(application, "details", None)
    return details.last_used_at if details is not None else None


def used(application: Any) -> None:
    """Note that one of its tokens was used."""
    now = timezone.now()
    last = last_use_of(application)
    if last is None or last < now - USED_EVERY:
        ApplicationDetails.objects.update_or_create(application=application, defaults={"last_used_at": now})


@dataclass(frozen=True)
class Consent:
    """An application that somebody lets act for them."""

    application: Any
    scopes: list[str]
    since: datetime


def consents(user: User) -> list[Consent]:
    """What the user has agreed to and not withdrawn: applications of others, or one's own, with a grant of the user."""
    rows = RefreshToken.objects.filter(user=user, revoked=None, application__authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE)
    found: dict[int, Consent] = {}
    for row in rows.select_related("application", "access_token").order_by("created"):
        names = set(found[row.application_id].scopes) if row.application_id in found else set()
        names |= set(row.access_token.scope.split()) if row.access_token else set()
        since = found[row.application_id].since if row.application_id in found else row.created
        found[row.application_id] = Consent(row.application, checked(names), since)
    return sorted(found.values(), key=lambda consent: consent.application.name.lower())


def withdraw(*, user: User, application: Any) -> None:
    """The application cannot act for the user any more, from now on."""
    with transaction.atomic():
        Grant.objects.filter(user=user, application=application).delete()
        RefreshToken.objects.filter(user=user, application=application).delete()
        AccessToken.objects.filter(user=user, application=application).delete()


def expired_after(days: int | None) -> datetime | None:
    return timezone.now() + timedelta(days=days) if days else None


def _checked(
    *, name: str, redirect_uris: list[str], scopes: Collection[str], grant: str, granted: Collection[str] | None
) -> dict[str, Any]:
    errors = scope_errors(scopes, granted)
    name = " ".join(name.split())
    if not name or len(name) > NAME_LENGTH:
        errors["name"] = [f"Enter a name of at most {NAME_LENGTH} characters; people see it when they are asked to agree."]
    elif sentence := flaw(name):
        errors["name"] = [sentence]
    uris = list(dict.fromkeys(uri.strip() for uri in redirect_uris if uri.strip()))
    if grant == Application.GRANT_AUTHORIZATION_CODE:
        if not uris:
            errors["redirectUris"] = ["Enter at least one address to which people come back after they have agreed."]
        elif len(uris) > MAX_REDIRECTS:
            errors["redirectUris"] = [f"At most {MAX_REDIRECTS} addresses."]
        elif wrong := [uri for uri in uris if not _is_redirect(uri)]:
            errors["redirectUris"] = [
                f"{wrong[0]} cannot be used. Write it whole, from https:// on, without # and blanks; http:// only for localhost."
            ]
    elif uris:
        errors["redirectUris"] = ["A script has no address to come back to. Leave it empty."]
    if errors:
        raise Invalid(errors)
    return {"name": name, "redirect_uris": uris, "scopes": checked(scopes)}


def _is_redirect(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    plain = parts.scheme == "https" or (parts.scheme == "http" and host in LOCAL)
    return bool(plain and host and not parts.fragment and len(uri) <= 2000 and uri.isascii() and not any(c.isspace() for c in uri))
