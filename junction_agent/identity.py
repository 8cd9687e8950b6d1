"""Who an agent is: its key and Junction's, in one file that only its owner may read."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

FILE = "identity.json"


class IdentityError(Exception):
    """There is no identity that can be used; the sentence says what to do."""


@dataclass(frozen=True)
class Identity:
    """`instance` is the agent's id at Junction; `key` its private key; `server_key` Junction's public one, for this agent alone."""

    server: str
    instance: str
    agent: str
    key: str = field(repr=False)
    server_key: str = ""


def load(state: Path, *, server: str) -> Identity:
    """The identity that enrolment left. Raises `IdentityError`."""
    file = state / FILE
    try:
        mode = file.stat().st_mode & 0o777
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise IdentityError("This agent is not enrolled. Get a code from the page Agents of Junction: junction-agent enrol CODE") from None
    except (OSError, ValueError) as error:
        raise IdentityError(f"{file} cannot be read ({error}). Enrol again with a new code.") from None
    if mode & 0o077:
        raise IdentityError(f"{file} holds the agent's key and can be read by others. Run: chmod 600 {file}")
    try:
        identity = Identity(**content)
    except TypeError:
        raise IdentityError(f"{file} is damaged. Enrol again with a new code.") from None
    if identity.server != server:
        raise IdentityError(f"This agent is enrolled at {identity.server}, and its file names {server}. Enrol there with a new code.")
    return identity


def save(state: Path, identity: Identity) -> None:
    """Keep an identity, whole or not at all. Raises `IdentityError`."""
    file, fresh = state / FILE, state / f"{FILE}.new"
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            json.dump(asdict(identity), out)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)
    except OSError as error:
        raise IdentityError(
            f"{state} cannot be written to ({error.strerror}). Name another folder with `state`, or run as its owner."
        ) from None
