"""Triggers: what arrives at a connection's address for webhooks starts actions."""
