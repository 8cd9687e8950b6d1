"""Answers to the questions by which vendors make sure of an address (leaf)."""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass, field
from typing import Any, Final

from connections.webhooks.received import Received
from connections.webhooks.verification import Unverified
from integrations.definition.parts import header_name, is_order
from integrations.definition.webhook import Handshake

LONGEST: Final = 4096  # characters of a value that goes back
_TYPES: Final = ("text/plain", "application/json", "application/x-www-form-urlencoded")


@dataclass(frozen=True)
class Reply:
    """What goes back. Never a type that a browser would run: the value comes from whoever asks."""

    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)


def asked(handshakes: list[Handshake], received: Received) -> Handshake | None:
    """Which of these questions it is; None for an ordinary message."""
    for one in handshakes:
        if received.at(one.value) and (not one.when or received.at(one.when) == one.equals):
            return one
    return None


def reply(handshake: Handshake, received: Received, verify_token: str) -> Reply:
    """The answer. Raises `Unverified` where the verify token is another one."""
    if handshake.token and not (verify_token and hmac.compare_digest(received.at(handshake.token).encode(), verify_token.encode())):
        raise Unverified("Somebody asked to confirm this address with another verify token.")
    value = received.at(handshake.value)[:LONGEST]
    match handshake.reply:
        case "json":
            return Reply(json.dumps({handshake.name: value}).encode(), "application/json")
        case "header":
            if not value.isprintable() or not value.isascii():
                raise Unverified("The value that is to go back in a header holds what no header may hold.")
            return Reply(headers=[(handshake.name, value)])
    return Reply(value.encode())


def reply_of(result: Any) -> Reply | None:
    """The answer that a formula (`handle`) gives; None where it gives none."""
    if isinstance(result, str) and result:
        return Reply(result[:LONGEST].encode("utf-8", "replace"))
    if not isinstance(result, dict) or result.get("type") != "verify":
        return None
    said = result.get("verification_response")
    if not isinstance(said, dict):
        return Reply()
    headers = (
        {str(name).lower(): str(value) for name, value in (said.get("headers") or {}).items()}
        if isinstance(said.get("headers"), dict)
        else {}
    )
    body, status = said.get("body", ""), said.get("status_code", 200)
    plain = isinstance(body, str)
    asked_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    usual = "text/plain; charset=utf-8" if plain else "application/json"
    return Reply(
        (body if plain else json.dumps(body)).encode("utf-8", "replace")[:LONGEST],
        asked_type if asked_type in _TYPES else usual,
        status if isinstance(status, int) and not isinstance(status, bool) and 200 <= status < 300 else 200,
        [(name, value) for name, value in headers.items() if _may_go_back(name, value)][:10],
    )


def _may_go_back(name: str, value: str) -> bool:
    """Whether a header may be in an answer that a formula makes, perhaps of what a stranger sent."""
    try:
        header_name(name)
    except ValueError:
        return False
    return name.startswith("x-") and not is_order(name) and len(value) <= LONGEST and value.isprintable() and value.isascii()


def is_meta(result: Any) -> bool:
    """Whether a formula says that a message is about the subscription and starts nothing."""
    return isinstance(result, dict) and result.get("type") == "meta"
