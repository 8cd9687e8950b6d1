"""What Junction and an agent say to each other: how messages are packed, signed and checked. Both sides use this file.

An agent asks (POST), Junction answers. Each question carries a time and a number used once, and the agent's Ed25519
signature over all of it; each answer carries Junction's signature over the number of the question that it answers. So
an answer fits one question only: it can be neither forged nor replayed nor given to another agent, by whoever sits in
between, TLS or not. Keys are exchanged once, under a code that is never sent itself.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import struct
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

NAME: Final = "junction-agent/1"
PATH: Final = "/agent/v1/"  # in front of: enrol, poll, beat, begin, part, room
PART_BYTES: Final = 512 * 1024  # of an answer's body in one message
PARTS_WAITING: Final = 8  # that Junction keeps for a caller who reads slowly; then the agent waits
MAX_HEAD_BYTES: Final = 256 * 1024  # of what is said of a message's content, status and headers included
HOLD_SECONDS: Final = 20.0  # for which Junction holds back the answer to a poll where it has no request
MAX_CLOCK_SECONDS: Final = 120  # by which the time of a question may differ from Junction's

INSTANCE: Final = "Junction-Agent"  # header fields
TIME: Final = "Junction-Time"
NONCE: Final = "Junction-Nonce"
SIGNATURE: Final = "Junction-Signature"


class Malformed(Exception):
    """A message that does not follow these rules."""


def pack(meta: dict[str, Any], data: bytes = b"") -> bytes:
    """One message: the length of a JSON object (4 bytes, big-endian), the object, and bytes behind it."""
    head = json.dumps(meta, separators=(",", ":")).encode()
    return struct.pack(">I", len(head)) + head + data


def unpack(message: bytes) -> tuple[dict[str, Any], bytes]:
    """What `pack` got. Raises `Malformed`."""
    if len(message) < 4:
        raise Malformed
    (length,) = struct.unpack(">I", message[:4])
    if length > min(MAX_HEAD_BYTES, len(message) - 4):
        raise Malformed
    try:
        meta = json.loads(message[4 : 4 + length])
    except (ValueError, RecursionError):
        raise Malformed from None
    if not isinstance(meta, dict):
        raise Malformed
    return meta, message[4 + length :]


# --- signatures -------------------------------------------------------------------------------------------------------


def new_key() -> str:
    """A private key: 32 bytes, Base64 for URLs."""
    return text_of(os.urandom(32))


def public_of(private: str) -> str:
    return text_of(_private(private).public_key().public_bytes_raw())


def is_key(public: str) -> bool:
    """Whether a text is a public key."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes_of(public))
    except ValueError:
        return False
    return True


def sign(private: str, text: bytes) -> str:
    return text_of(_private(private).sign(text))


def is_signed(public: str, signature: str, text: bytes) -> bool:
    """Whether the owner of a public key signed this text; False for anything that is no key or no signature."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes_of(public)).verify(bytes_of(signature), text)
    except (InvalidSignature, ValueError):
        return False
    return True


def question(*, path: str, instance: str, time: str, nonce: str, body: bytes) -> bytes:
    """What an agent signs."""
    return "\n".join([f"{NAME} question", path, instance, time, nonce, hashlib.sha256(body).hexdigest()]).encode()


def answer(*, path: str, instance: str, time: str, nonce: str, status: int, body: bytes) -> bytes:
    """What Junction signs; `nonce` is that of the question."""
    return "\n".join([f"{NAME} answer", path, instance, time, nonce, str(status), hashlib.sha256(body).hexdigest()]).encode()


# --- enrolment --------------------------------------------------------------------------------------------------------


def split_code(code: str) -> tuple[str, str]:
    """The name of an enrolment code, which is sent, and its secret, which is not. Raises `Malformed`."""
    name, dash, secret = "".join(code.split()).partition("-")
    if not name or not dash or len(secret) < 20:
        raise Malformed
    return name, secret


def asked(secret: str, *, name: str, public_key: str) -> str:
    """Proof of an agent that it knows the code, bound to the key that it brings."""
    return _proof(secret, "enrol", name, public_key)


def granted(secret: str, *, name: str, public_key: str, instance: str, server_key: str) -> str:
    """Proof of Junction that it knows the code, bound to the keys of both."""
    return _proof(secret, "enrolled", name, public_key, instance, server_key)


def _proof(secret: str, *parts: str) -> str:
    return text_of(hmac.digest(secret.encode(), "\n".join([NAME, *parts]).encode(), "sha256"))


def text_of(raw: bytes) -> str:
    """Base64 for URLs without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def bytes_of(text: str) -> bytes:
    """The reverse. Raises ValueError."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError("no Base64") from None


def _private(text: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes_of(text))
