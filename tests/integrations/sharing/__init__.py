"""Sharing: teams, shares, ownership."""
