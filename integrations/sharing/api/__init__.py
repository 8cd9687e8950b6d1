"""Shares, owners and teams over HTTP."""
