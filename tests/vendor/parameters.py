"""Query parameters that configure a fault."""

from __future__ import annotations

from demo.vendor.web import Request


def integer(request: Request, name: str, default: int) -> int:
    return int(request.get(name) or default)


def numbers(request: Request, name: str) -> set[int]:
    """A list of numbers, `1,5,7`."""
    return {int(word) for word in request.get(name).split(",") if word}


def flag(request: Request, name: str) -> bool:
    return request.get(name) not in ("", "0")
