"""Keys that an installation makes for itself on its first start and keeps in its data folder, and those that it is given."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import tempfile
from pathlib import Path


def local_secret(path: Path, *, size: int) -> str:
    """The secret kept at `path`, made on first use: `size` random bytes as base64url text, readable by the owner only.

    Several processes may start at once: the file appears whole or not at all, and the first one wins.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent)  # mkstemp gives mode 0600
        with os.fdopen(handle, "w") as file:
            file.write(base64.urlsafe_b64encode(secrets.token_bytes(size)).decode())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            Path(draft).unlink()
    return path.read_text().strip()


def parse_keys(text: str) -> tuple[tuple[str, bytes], ...]:
    """Read ENCRYPTION_KEYS: `id:key` pairs split by commas, each key 32 bytes in base64. The first one encrypts."""
    keys: list[tuple[str, bytes]] = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, colon, encoded = item.partition(":")
        if not colon or not name.isalnum():
            raise ValueError("Write id:key pairs split by commas; an id is letters and digits, for example k1:<base64 of 32 bytes>.")
        try:
            key = base64.b64decode(encoded.replace("-", "+").replace("_", "/"), validate=True)
        except binascii.Error:
            key = b""
        if len(key) != 32:
            raise ValueError(f"The key {name} is not 32 bytes in base64. Make one with: openssl rand -base64 32")
        if name in dict(keys):
            raise ValueError(f"The key {name} is there twice. Give each key an id of its own.")
        keys.append((name, key))
    if not keys:
        raise ValueError("It is empty. Leave it unset, or give at least one id:key pair.")
    return tuple(keys)


def parse_signing_secrets(text: str) -> tuple[str, ...]:
    """Read secrets of Standard Webhooks split by commas: `whsec_` and 24 to 64 bytes in base64, as its specification says. All of them sign."""
    found = tuple(filter(None, (part.strip() for part in text.split(","))))
    for secret in found:
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            key = b""
        if not secret.startswith("whsec_") or not 24 <= len(key) <= 64:
            raise ValueError('Write whsec_ and 24 to 64 bytes in base64. Make one with: echo "whsec_$(openssl rand -base64 32)"')
    return found
