"""Pages about an integration that need to know its actions: import, report, overview."""
