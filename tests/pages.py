"""Pages as tests read them: signed-in clients, the errors of a form, the text of an element."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from django.test import Client

from integrations.middleware import SESSION_KEY
from integrations.models import Organization, User

HTMX = {"HX-Request": "true"}


def signed_in(user: User, organization: Organization | None = None) -> Client:
    """A browser in which the user has signed in, and perhaps chosen an organization."""
    client = Client()
    client.force_login(user)
    if organization:
        session = client.session
        session[SESSION_KEY] = str(organization.pk)
        session.save()
    return client


def text(response: Any) -> str:
    """What a person reads: the content without tags, blanks made one."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", response.content.decode())).split())


def errors(response: Any, form: str = "form") -> dict[str, list[str]]:
    """The sentences that a page shows, by field."""
    return {name: list(sentences) for name, sentences in response.context[form].errors.items()}


def value(response: Any, name: str, form: str = "form") -> Any:
    """What a field of the page's form holds."""
    return response.context[form][name].value()
