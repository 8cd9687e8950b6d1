"""What a token may be used for: a resource and a verb, such as connections:read. `api` is everything that the user may do.

Which scope a request needs follows from its address and method, so that an endpoint cannot be forgotten: an address that no
line below knows needs `api`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from oauth2_provider.scopes import BaseScopes

EVERYTHING = "api"
SCOPES = {
    EVERYTHING: "Everything that you may do",
    "integrations:read": "See integrations, their actions, drafts and revisions, and templates",
    "integrations:write": "Create and change integrations, import documents, finalize and publish",
    "integrations:delete": "Delete integrations, actions and drafts",
    "connections:read": "See connections and the state of their tokens, never the secrets",
    "connections:write": "Create, change, test and authorize connections",
    "connections:delete": "Delete connections with their secrets and runs",
    "runs:read": "See runs and read their records",
    "runs:write": "Start, resume and cancel runs; create and change schedules",
    "runs:delete": "Delete schedules and what else belongs to runs",
    "requests:read": "See what was sent to vendors through connections, and what they answered",
    "requests:write": "Send requests to vendors through connections",
    "sharing:read": "See with whom integrations are shared",
    "sharing:write": "Share integrations and hand them over; ask to connect, and decide on who asks",
    "sharing:delete": "End the sharing of integrations",
    "organizations:read": "See organizations, members and mappings",
    "organizations:write": "Create and change organizations, roles, invitations and mappings",
    "organizations:delete": "Delete organizations, remove members, withdraw invitations",
    "audit:read": "Read the audit log of organizations that you administer",
    "account:read": "See who you are, your tokens and your applications",
    "account:write": "Create tokens and applications, with no more scopes than its own",
    "account:delete": "Revoke tokens and delete applications",
}
VERBS = {"GET": "read", "HEAD": "read", "OPTIONS": "read", "DELETE": "delete"}  # every other method writes
# The first line that fits decides. Addresses are without /api/ in front.
RESOURCES = [
    (re.compile(pattern), resource)
    for pattern, resource in (
        (r"integrations?/[^/]+/(connect|connection|connections|account)(/|$)", "connections"),
        (r"integrations?/[^/]+/request(/|$)", "requests"),
        (r"integrations?/[^/]+/(shares|owner|environments|install-requests)(/|$)", "sharing"),
        (r"install-requests(/|$)", "sharing"),
        (r"integrations?/[^/]+/(mappings?|mapping-.*)(/|$)", "organizations"),
        (r"(integrations?|integrations-list|integration-templates|actions|imports)(/|$)", "integrations"),
        (r"(connections|agents|agent-machines|credentials|webhooks)(/|$)", "connections"),
        (r"requests(/|$)", "requests"),
        (r"(runs|schedules|triggers|run-webhooks)(/|$)", "runs"),
        (r"(organizations|teams|environments|mappings|principals|users)(/|$)", "organizations"),
        (r"audit(/|$)", "audit"),
        (r"(me|tokens|applications|authorized-applications)(/|$)", "account"),
    )
]


def resource_of(path: str) -> str | None:
    """The resource of an address, such as /api/connections/…; None where no line knows it."""
    below = path.removeprefix("/").removeprefix("api/")
    return next((resource for pattern, resource in RESOURCES if pattern.match(below)), None)


def needed(method: str, path: str) -> str:
    """The scope that a request needs."""
    resource = resource_of(path)
    name = f"{resource}:{VERBS.get(method.upper(), 'write')}"
    return name if name in SCOPES else EVERYTHING


def allows(granted: Collection[str], scope: str) -> bool:
    return EVERYTHING in granted or scope in granted


def granted_by(auth: Any) -> set[str]:
    """The scopes of what a request came with: a personal token's list, or an access token's text."""
    scopes = auth.scopes if isinstance(getattr(auth, "scopes", None), list) else auth.scope.split()
    return set(scopes)


def checked(names: Collection[str]) -> list[str]:
    """The scopes in the order of the table, without what is no scope."""
    return [name for name in SCOPES if name in names]


class Scopes(BaseScopes):
    """For django-oauth-toolkit: an application may be limited to some of them."""

    def get_all_scopes(self) -> dict[str, str]:
        return SCOPES

    def get_available_scopes(self, application: Any = None, request: Any = None, *args: Any, **kwargs: Any) -> list[str]:  # noqa: ARG002
        limited = _limited(application)
        return list(SCOPES) if not limited or EVERYTHING in limited else limited  # who may do everything may ask for less

    def get_default_scopes(self, application: Any = None, request: Any = None, *args: Any, **kwargs: Any) -> list[str]:  # noqa: ARG002
        limited = _limited(application)
        return [EVERYTHING] if not limited or EVERYTHING in limited else limited


def _limited(application: Any) -> list[str]:
    details = getattr(application, "details", None) if application is not None else None
    return list(details.scopes) if details is not None else []
