"""Which operation can test a connection: one that needs nothing but credentials."""

from __future__ import annotations

from integrations.definition import Ping
from integrations.operation import Operation, placeholders

# What vendors call the endpoint that says who is calling; then those that say that the API is there.
_WHO = (
    "me",
    "whoami",
    "self",
    "current",
    "currentuser",
    "current-user",
    "current_user",
    "user",
    "account",
    "profile",
    "viewer",
    "tenant",
    "organization",
)
_THERE = ("ping", "status", "health", "healthcheck", "version", "info")


def suggest(operations: list[Operation]) -> Ping | None:
    """The best operation for a test, or None. A GET without anything to fill in; who is calling, else any list, else a sign of life.

    A list comes before a sign of life, because many APIs answer `/ping` to everybody, which says nothing about credentials.
    """
    fitting = [operation for operation in operations if _needs_nothing(operation)]
    if not fitting:
        return None
    best = min(enumerate(fitting), key=lambda pair: (*_rank(pair[1]), pair[0]))[1]
    return Ping(method="GET", uri=best.path)


def _needs_nothing(operation: Operation) -> bool:
    return (
        operation.method == "GET"
        and not operation.deprecated
        and not placeholders(operation.path)
        and not any(parameter.required and parameter.default is None for parameter in operation.parameters)
        and "#" not in operation.path
    )


def _rank(operation: Operation) -> tuple[int, int]:
    """Smaller is better: the kind of endpoint, then the depth of its path."""
    parts = [part.lower() for part in operation.path.strip("/").split("/")]
    last = parts[-1] if parts else ""
    if last in _WHO:
        return _WHO.index(last), len(parts)
    if operation.paginated:
        return len(_WHO), len(parts)
    if last in _THERE:
        return len(_WHO) + 2, len(parts)
    return len(_WHO) + 1, len(parts)
