"""On whose behalf a call is made: what `${user.<field>}`, `${tenant.<field>}` and `{{mapping.id}}` stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from integrations import expressions
from integrations.definition import Definition
from integrations.models import Membership, Organization, User

ROOTS: Final = ("user", "tenant", "mapping")  # of placeholders


@dataclass(frozen=True)
class Caller:
    """The organization that a call is made for, and the person who asked for it; None where nobody did, as when a schedule is due.

    Fields are looked up for each call anew. `mapped` is who the organization is at the vendor, `id` and `label`.
    """

    organization: Organization
    user: User | None = None
    mapped: dict[str, str] | None = None

    def values(self) -> dict[str, dict[str, str]]:
        """What placeholders read, by root. Fields are those of the nearest organization on the way up that has them."""
        above = self.organization.ancestor_ids
        found: dict[str, str] = {}
        for fields in Organization.objects.filter(pk__in=above).order_by("path").values_list("fields", flat=True):
            found |= fields
        own = {"id": str(self.organization.pk), "name": self.organization.name, "slug": self.organization.slug}
        return {"tenant": {**found, **own}, "user": self._person(above), "mapping": self.mapped or {}}

    def _person(self, above: list[Any]) -> dict[str, str]:
        if self.user is None:
            return {}
        found: dict[str, str] = {}
        rows = Membership.objects.filter(user=self.user, organization__in=above).order_by("organization__path")
        for fields in rows.values_list("fields", flat=True):
            found |= fields
        user = self.user
        own = {"id": str(user.pk), "username": user.username, "displayName": str(user), "email": user.email}
        return {**found, **own}


def reads_caller(definition: Definition) -> bool:
    """Whether any placeholder of a definition asks who calls."""
    return any(path.partition(".")[0] in ROOTS for path in expressions.paths_of(definition.for_calls()))


def said_of(name: str) -> str:
    """What is wrong and what to do, where a placeholder of a caller has no value."""
    root, _, field = name.partition(".")
    if root == "mapping":
        return f"The integration needs {{{{{name}}}}}, which only a run for an organization that is mapped to a customer of the vendor has."
    if root == "tenant":
        return f"The integration sends ${{{name}}}, and the organization has no field {field}. An admin adds it on the organization's page."
    if field in ("id", "username", "displayName"):
        return f"The integration sends ${{{name}}}, and no person stands behind this call."
    if field == "email":
        return "The integration sends ${user.email}, and the caller's account has no email address, or no person stands behind this call."
    return (
        f"The integration sends ${{{name}}}, and the caller has no field {field} in this organization. An admin adds it to the member on "
        "the organization's page."
    )
