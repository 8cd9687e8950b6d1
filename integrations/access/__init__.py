"""Programs that act for people: personal tokens, applications, scopes, limits."""
