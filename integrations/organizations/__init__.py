"""The tree of organizations, their members, and what is set for an organization."""
