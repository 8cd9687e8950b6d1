"""Ways in which a secret can stand in a text without being there letter by letter. Used by Junction and by the agent."""

from __future__ import annotations

import base64


def cores(secret: str, offset: int) -> tuple[set[str], int]:
    """What Base64 makes of a secret that starts `offset` (0 to 2) bytes after a group of three: the characters that depend on the
    secret alone, in both alphabets; and the length of what was encoded."""
    raw = b"\0" * offset + secret.encode()
    whole = base64.b64encode(raw).decode()
    # Six bits per character: where a byte of a neighbour shares a character with one of ours, that character is unknown.
    core = whole[(0, 2, 3)[offset] : len(raw) * 8 // 6]
    return {core, core.translate(str.maketrans("+/", "-_"))}, len(raw)
