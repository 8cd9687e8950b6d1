"""What keeps a schedule from running, in a sentence: known before it fires, so that its list can say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from actions.models import Action, Schedule
from connections.choosing.walk import Seeker, why_not_for
from integrations.models import User
from integrations.permissions import may_run

GONE: Final = "The action is no longer part of the integration."
NOT_ALLOWED: Final = "Its owner may no longer run with this connection. Whoever may can switch it on again and becomes its owner."
OWNER_GONE: Final = (
    "Its owner has no account here any more. Whoever may run with this connection can switch it on again and becomes its owner."
)
OF_ANOTHER: Final = "The connection belongs to another member alone. Choose one of your own for it."
UNAUTHORIZED: Final = "The connection has to be authorized again. Do that on its page; the schedule then goes on by itself."


@dataclass(frozen=True)
class Obstacle:
    """Why a schedule cannot run. `passes` says that it may go away without a change of the schedule, which then stays switched on."""

    sentence: str
    passes: bool = False

    @property
    def message(self) -> str:
        """What became of the schedule when it fired."""
        return f"{'Left out.' if self.passes else 'Switched off.'} {self.sentence}"


def obstacle(schedule: Schedule, owner: User | None) -> Obstacle | None:
    """What keeps the schedule from running in the name of `owner`, None for nothing that is known."""
    organization, connection = schedule.organization, schedule.connection
    if owner is None or not owner.is_active:
        return Obstacle(OWNER_GONE)
    if not may_run(owner, organization, connection.integration):
        return Obstacle(NOT_ALLOWED)
    if connection.owner_id and connection.owner_id != owner.pk:
        return Obstacle(OF_ANOTHER)
    if why := why_not_for(connection, Seeker(organization, connection.integration, owner, schedule.action_uid)):
        return Obstacle(f"{connection} cannot be used for {organization}. {why}", passes=True)
    if action_of(schedule) is None:
        return Obstacle(GONE)
    if connection.needs_authorization:
        return Obstacle(UNAUTHORIZED, passes=True)
    return None


def action_of(schedule: Schedule) -> Action | None:
    """The action as the connection uses it: of the revision to which that is pinned, else as the newest finalized one has it."""
    connection = schedule.connection
    for revision in (connection.in_use, connection.integration.current):
        found = revision.actions.filter(uid=schedule.action_uid).select_related("revision__integration").first() if revision else None
        if found:
            return found
    return None
