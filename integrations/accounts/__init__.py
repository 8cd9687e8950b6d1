"""Signing in, one's own account, and the organization in whose name one works."""
