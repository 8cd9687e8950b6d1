"""How messages are checked, in words for people."""

from __future__ import annotations

from integrations.definition import PRESETS, HmacVerification, JwtVerification, Webhook
from integrations.definition.webhook import BasicVerification, TokenVerification


def in_words(rules: Webhook) -> str:
    """One sentence on the verification."""
    title = f"{PRESETS[rules.preset].title}: " if rules.preset in PRESETS else ""
    verification = rules.verification
    match verification:
        case HmacVerification():
            signed = ", ".join(part.removeprefix("text:").removeprefix("header:") for part in verification.parts)
            window = f", not older than {verification.tolerance} seconds" if verification.timestamp and verification.tolerance else ""
            return f"{title}HMAC-{verification.algorithm.upper()} in {verification.header or 'a header that is not named'} over {signed}{window}"
        case TokenVerification():
            return f"{title}a fixed token at {verification.source}"
        case BasicVerification():
            return f"{title}user name and password (Basic)"
        case JwtVerification():
            return f"{title}a JWT in {verification.header} ({', '.join(verification.algorithms)})"
    return f"{title}not checked: whoever knows the address is believed"
