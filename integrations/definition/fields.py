"""What an integration asks for at connect time."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Literal

import regex
from pydantic import BeforeValidator, Field, field_validator, model_validator

from integrations.definition.parts import JsonModel, Pattern, choice

_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")
_FORMATS = {
    "hostname": re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?"),
    "uri": re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s]+"),
    "uuid": re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    "email": re.compile(r"[^\s@]+@[^\s@]+"),
}
_FORMAT_NAMES = {
    "hostname": "a host name, for example api.example.com, without https:// and path",
    "uri": "a URL, for example https://api.example.com",
    "uuid": "a UUID, for example 123e4567-e89b-12d3-a456-426614174000",
    "email": "an e-mail address",
}
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PATTERN_SECONDS = 0.2  # for comparing one value with a pattern; one that takes longer runs away
LONGEST_VALUE = 20_000  # characters; a PEM key with its chain is shorter
# Words that the connection itself uses.
RESERVED = frozenset({"baseUri"})


class ConnectionField(JsonModel):
    """One value that a connection has, used as `{{settings.<name>}}` in URLs, headers, parameters and bodies.

    What the type `password` holds is a secret: encrypted, write-only. `prefix` and `suffix` are shown round the input
    and taken off a value that was pasted with them; they are not part of the value. `transform` is what is made of it before it is
    stored: other letters, or its SHA-256 in hexadecimal for vendors who want that instead of the value. What is `hidden` no form asks for: its
    default holds, or what a program sets. As a description of a credential, `{{credentials.<name>}}`, it says how that
    one is asked for.
    """

    name: str
    label: Annotated[str, Field(max_length=200)] = ""
    type: Annotated[Literal["text", "password", "select", "number"], BeforeValidator(choice)] = "text"
    required: bool = True
    pattern: Pattern = ""
    prefix: Annotated[str, Field(max_length=200)] = ""
    suffix: Annotated[str, Field(max_length=200)] = ""
    default: Annotated[str, Field(max_length=2000)] = ""
    placeholder: Annotated[str, Field(max_length=500)] = ""
    help: Annotated[str, Field(max_length=1000)] = ""
    format: Annotated[Literal["", "hostname", "uri", "uuid", "email"], BeforeValidator(choice)] = ""
    transform: Annotated[Literal["", "lowercase", "uppercase", "sha256"], BeforeValidator(choice)] = ""
    multiline: bool = False
    hidden: bool = False
    options: list[Annotated[str, Field(max_length=500)]] = Field(default_factory=list, max_length=500)

    @field_validator("name")
    @classmethod
    def _usable(cls, value: str) -> str:
        if not _NAME.match(value):
            raise ValueError(
                f"{value!r} is not a field name. It begins with a letter and has letters, digits, _ and - only, for example region."
            )
        if value in RESERVED:
            raise ValueError(f"{value} is used by the connection itself. Choose another name.")
        return value

    @model_validator(mode="after")
    def _fits(self) -> ConnectionField:
        if self.type == "select" and not self.options:
            raise ValueError("A choice needs options, one a line.")
        if self.type == "password" and self.default:
            raise ValueError("A secret has no default here: everybody who sees the integration would read it.")
        return self

    @property
    def title(self) -> str:
        return self.label or self.name

    @property
    def is_secret(self) -> bool:
        return self.type == "password"

    def clean(self, value: str) -> str:
        """The value as it was meant, without blanks, prefix and suffix. Raises `ValueError` with a sentence if it does not fit."""
        text = value.strip()
        if self.prefix and text.lower().startswith(self.prefix.lower()):
            text = text[len(self.prefix) :]
        if self.suffix and text.lower().endswith(self.suffix.lower()):
            text = text[: -len(self.suffix)]
        if "://" in self.prefix:
            text = text.rstrip("/")
        if not text:
            return ""
        if len(text) > LONGEST_VALUE:
            raise ValueError(f"{self.title} has at most {LONGEST_VALUE:,} characters.")
        if self.type == "select" and text not in (*self.options, *map(self.transformed, self.options)):
            raise ValueError(f"{self.title} is one of: {', '.join(self.options[:20])}.")
        if self.type == "number" and not re.fullmatch(r"-?\d+(\.\d+)?", text):
            raise ValueError(f"{self.title} is a number.")
        if self.format and not _FORMATS[self.format].fullmatch(text):
            raise ValueError(f"{self.title} is {_FORMAT_NAMES[self.format]}.")
        if self.pattern and not self._matches(text):
            shown = f", for example {self.placeholder}" if self.placeholder else ""
            raise ValueError(f"{self.title} does not look as the vendor says{shown}.")
        return self.transformed(text)

    def transformed(self, text: str) -> str:
        """What is stored of a value that fits."""
        match self.transform:
            case "lowercase":
                return text.lower()
            case "uppercase":
                return text.upper()
            case "sha256" if not _DIGEST.fullmatch(text):  # what was stored comes back with the form
                return hashlib.sha256(text.encode()).hexdigest()
        return text

    def _matches(self, text: str) -> bool:
        # A key in lines is the same key as in one line with \n between them, as JSON files have it.
        spellings = {text, text.replace("\n", "\\n")} if self.multiline else {text}
        if self.transform == "sha256" and _DIGEST.fullmatch(text):
            return True  # what was stored, of a value that did
        flags = regex.IGNORECASE if self.transform else 0
        try:
            return any(regex.search(self.pattern, one, flags=flags, timeout=_PATTERN_SECONDS) for one in spellings)
        except TimeoutError:
            return True


CredentialFields = list[ConnectionField]
"""How an integration asks for the credentials of its method: label, help, pattern, default; those that it does not name are asked for plainly."""
