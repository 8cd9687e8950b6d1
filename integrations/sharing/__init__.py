"""Sharing of integrations with people, teams and organizations, ownership, and the teams themselves."""
