"""The one key: secrets are sealed before they reach the database and opened only here.

AES-256-GCM with a random 96-bit nonce. A sealed text is `v1.<key id>.<base64url of nonce and ciphertext>`. The context
(for example `credential:<uuid>`) is authenticated with it, so that a sealed text which is moved to another row does
not open there. The first key of ENCRYPTION_KEYS seals, all of them open; `needs_reseal` finds what an old key holds.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from connections.redaction import MASK, redact

__all__ = ["MASK", "SecretError", "needs_reseal", "open_bytes", "open_sealed", "redact", "seal", "seal_bytes"]

_VERSION: Final = "v1"
_NONCE_BYTES: Final = 12


class SecretError(Exception):
    """A stored secret cannot be opened; the message says why and what to do, and holds nothing of the secret."""


def seal(value: Any, *, context: str) -> str:
    """Encrypt a JSON value for one place, which `context` names. Raises SecretError where no key is set."""
    key_id, key = _first_key()
    nonce = os.urandom(_NONCE_BYTES)
    plain = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    sealed = nonce + AESGCM(key).encrypt(nonce, plain, _associated(key_id, context))
    return f"{_VERSION}.{key_id}.{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"


def open_sealed(text: str, *, context: str) -> Any:
    """The value that `seal` got for the same context. Raises SecretError."""
    key_id, sealed = _split(text)
    key = dict(settings.ENCRYPTION_KEYS).get(key_id)
    if key is None:
        raise SecretError(f"This secret was encrypted with the key {key_id}, which is not there. Put it back into ENCRYPTION_KEYS.")
    try:
        plain = AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _associated(key_id, context))
    except (InvalidTag, ValueError):
        raise SecretError(
            f"This secret does not open with the key {key_id}: it was changed, or belongs to another record, or the key is a different one. "
            "Check ENCRYPTION_KEYS, or enter the credentials again."
        ) from None
    return json.loads(plain)


def seal_bytes(data: bytes, *, context: str) -> bytes:
    """Encrypt bytes for a while, outside of the database: the key's id, a blank, nonce and ciphertext. Raises SecretError."""
    key_id, key = _first_key()
    nonce = os.urandom(_NONCE_BYTES)
    return key_id.encode() + b" " + nonce + AESGCM(key).encrypt(nonce, data, _associated(key_id, context))


def open_bytes(sealed: bytes, *, context: str) -> bytes:
    """What `seal_bytes` got for the same context. Raises SecretError."""
    name, _, rest = sealed.partition(b" ")
    key_id = name.decode("ascii", "replace")
    try:
        return AESGCM(dict(settings.ENCRYPTION_KEYS)[key_id]).decrypt(
            rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _associated(key_id, context)
        )
    except (KeyError, InvalidTag, ValueError):
        raise SecretError("What waits in the broker cannot be opened. Check that all processes have the same ENCRYPTION_KEYS.") from None


def needs_reseal(text: str) -> bool:
    """Whether another key than the first one of ENCRYPTION_KEYS sealed this text."""
    return _split(text)[0] != _first_key()[0]


def _first_key() -> tuple[str, bytes]:
    keys: tuple[tuple[str, bytes], ...] = tuple(settings.ENCRYPTION_KEYS)
    if not keys:
        raise SecretError("No key is set, so nothing can be encrypted. Set ENCRYPTION_KEYS.")
    return keys[0]


def _split(text: str) -> tuple[str, bytes]:
    version, _, rest = text.partition(".")
    key_id, _, payload = rest.rpartition(".")
    try:
        sealed = base64.b64decode(payload + "=" * (-len(payload) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        sealed = b""
    if version != _VERSION or not key_id or len(sealed) <= _NONCE_BYTES:
        raise SecretError("The stored secret is damaged and cannot be read. Enter the credentials again.")
    return key_id, sealed


def _associated(key_id: str, context: str) -> bytes:
    return f"{_VERSION}.{key_id}.{context}".encode()
