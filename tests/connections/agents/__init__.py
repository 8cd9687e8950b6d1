"""Agents as their own processes, against a real web server, broker and database."""
