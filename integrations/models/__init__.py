"""The rows of the first stage: people and organizations, integrations and their revisions, and the log of what was changed."""

from integrations.models.access import ApplicationDetails, KeptAnswer, PersonalToken
from integrations.models.audit import AuditEntry
from integrations.models.environment import Environment
from integrations.models.integration import InstallRequest, Integration, Revision, look_up_revisions
from integrations.models.invitation import Invitation
from integrations.models.organization import Membership, Organization, Role, User
from integrations.models.sharing import Level, Share, Team
from integrations.models.template import IntegrationTemplate

__all__ = [
    "ApplicationDetails",
    "AuditEntry",
    "Environment",
    "InstallRequest",
    "Integration",
    "IntegrationTemplate",
    "Invitation",
    "KeptAnswer",
    "Level",
    "Membership",
    "Organization",
    "PersonalToken",
    "Revision",
    "Role",
    "Share",
    "Team",
    "User",
    "look_up_revisions",
]
