"""Personal tokens: made once, shown once, looked up by their digest."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime
from hashlib import sha256

from django.db.models import Q
from django.utils import timezone

from integrations.access.scopes import SCOPES, allows, checked
from integrations.models import PersonalToken, User
from integrations.models.access import USED_EVERY
from integrations.refusals import Conflict, Invalid
from integrations.storable import flaw

PREFIX = "jct_"  # by which secret scanners and people know one
HINT = 9  # characters that are shown later on
NAME_LENGTH = 100
MOST = 100  # usable tokens of one person


def create(
    *, user: User, name: str, scopes: Collection[str], expires_at: datetime | None, granted: Collection[str] | None = None
) -> tuple[PersonalToken, str]:
    """A new token and its text, which nobody can get again. With `granted`, the scopes of the token that asks, no scope beyond these."""
    errors: dict[str, list[str]] = {}
    name = " ".join(name.split())
    if not name or len(name) > NAME_LENGTH:
        errors["name"] = [f"Enter a name of at most {NAME_LENGTH} characters; it tells your tokens apart."]
    elif sentence := flaw(name):
        errors["name"] = [sentence]
    errors |= scope_errors(scopes, granted)
    if expires_at is not None and expires_at <= timezone.now():
        errors["expiresAt"] = ["Enter a moment that lies ahead."]
    if errors:
        raise Invalid(errors)
    if PersonalToken.objects.usable().filter(user=user).count() >= MOST:
        raise Conflict(f"You have {MOST} tokens that work. Revoke those that nothing uses, then make a new one.")
    text = PREFIX + secrets.token_urlsafe(32)
    token = PersonalToken.objects.create(
        user=user, name=name, digest=_digest(text), hint=text[:HINT], scopes=checked(scopes), expires_at=expires_at
    )
    return token, text


def scope_errors(scopes: Collection[str], granted: Collection[str] | None) -> dict[str, list[str]]:
    """What is wrong with a choice of scopes."""
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        return {"scopes": [f"{', '.join(unknown)} is no scope. Use some of: {', '.join(SCOPES)}."]}
    if not scopes:
        return {"scopes": ["Choose at least one scope."]}
    beyond = [name for name in scopes if granted is not None and not allows(granted, name)]
    if beyond:
        return {"scopes": [f"Your own token lacks {', '.join(beyond)}, so it cannot give that on."]}
    return {}


def revoke(*, token: PersonalToken) -> PersonalToken:
    """End it now; the row stays, so that one can see what it was."""
    if token.revoked_at is None:
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
    return token


def find(text: str) -> PersonalToken | None:
    """The usable token with this text, and a note that it was used."""
    if not text.startswith(PREFIX):
        return None
    found = PersonalToken.objects.usable().select_related("user").filter(digest=_digest(text)).first()
    if found is not None:
        now = timezone.now()
        if found.last_used_at is None or found.last_used_at < now - USED_EVERY:
            stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USED_EVERY)
            PersonalToken.objects.filter(stale, pk=found.pk).update(last_used_at=now)
    return found


def _digest(text: str) -> str:
    """Tokens are long and random, so a plain hash cannot be tried out; it has to be the same every time to be looked up."""
    return sha256(text.encode("utf-8", "replace")).hexdigest()
