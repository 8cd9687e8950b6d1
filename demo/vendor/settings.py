"""What an operator can set about the sample vendor. The defaults are public: they open a sample and nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

PREFIX = "VENDOR_"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Each field is read from the environment variable of its name with VENDOR_ in front, for example VENDOR_API_KEY."""

    api_key: str = "sample-key"  # may do everything
    restricted_key: str = "sample-key-without-billing"  # is refused with 403 at the invoices
    username: str = "sample"  # Basic
    password: str = "sample-password"
    token: str = "sample-token"  # Bearer, never expires
    client_id: str = "sample-client"  # OAuth 2.0 client credentials
    client_secret: str = "sample-secret"
    token_lifetime: int = 600  # seconds until an issued access token is refused, at least 1
    signing_key: str = "sample-signing-key"  # signs issued tokens, so that all processes of a server accept them
    seed: int = 7  # another seed gives other records, the same ones each time

    def __post_init__(self) -> None:
        if self.token_lifetime < 1:
            raise ValueError(f"VENDOR_TOKEN_LIFETIME is {self.token_lifetime}. Set it to a number of seconds from 1.")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The defaults, changed by what the environment sets. Raises ValueError for a number that is none."""
        values: dict[str, str | int] = {}
        for field in fields(cls):
            text = environment.get(PREFIX + field.name.upper())
            if text is None:
                continue
            if isinstance(field.default, int):
                if not text.strip().isdecimal():
                    raise ValueError(f"{PREFIX}{field.name.upper()} is {text!r}. Set it to a whole number.")
                values[field.name] = int(text)
            else:
                values[field.name] = text
        return cls(**values)  # type: ignore[arg-type]  # the loop above gives every field its own type
