"""The rows of the first stage: people and organizations, integrations and their revisions."""

from integrations.models.integration import Integration, Revision
from integrations.models.organization import Membership, Organization, Role, User
from integrations.models.template import IntegrationTemplate

__all__ = ["Integration", "IntegrationTemplate", "Membership", "Organization", "Revision", "Role", "User"]
