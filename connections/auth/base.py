"""What every authentication scheme has: the credentials it asks for, the check of them, what a request gets."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, TypeVar

from connections.exchange import Additions
from integrations import expressions
from integrations.definition import ConnectionField, Part, Placement

A = TypeVar("A", bound=Part)
Credentials = Mapping[str, str]
Values = Mapping[str, Any]
"""What placeholders read: `credentials`, `settings`, `token`, `oauth.token`, `steps`, `request`."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_IN_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
HEADER_NAME = re.compile(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
COOKIE_VALUE = re.compile(r"^[^\s\",;\\]*$")
# Names that are no secret, wherever a definition asks for them.
_PUBLIC = re.compile(r"(?i)^(client_?id|user(_?name|_?id)?|e?mail|login|account(_?id)?|company(_?(id|db|name))?|domain|tenant(_?id)?)$")


@dataclass(frozen=True)
class CredentialField:
    """One field that a connection asks for. `autocomplete` is the HTML token that keeps browsers from mixing passwords up."""

    name: str
    label: str
    secret: bool = True
    required: bool = True
    help: str = ""
    autocomplete: str = "off"
    multiline: bool = False
    placeholder: str = ""
    hidden: bool = False


class Scheme(ABC, Generic[A]):
    """One way to authenticate, with the settings that an integration chose for it.

    `check` gives sentences by field for credentials that cannot work; `apply` assumes that it found none and gives what
    the request gets. A scheme that `needs_token` first exchanges its credentials for a token (see `connections.tokens.grants`)
    and applies that. A scheme never sends anything itself and keeps nothing between calls.
    """

    auth_type: ClassVar[str]
    label: ClassVar[str]

    def __init__(self, auth: A) -> None:
        self.auth = auth

    @property
    def needs_token(self) -> bool:
        return False

    @abstractmethod
    def own_fields(self) -> tuple[CredentialField, ...]:
        """What the scheme itself asks for, in the order of the form."""

    def credential_fields(self) -> tuple[CredentialField, ...]:
        """What a connection asks for: the scheme's own fields, and what the placeholders of its settings name besides."""
        own = self.own_fields()
        known = {field.name for field in own}
        named = sorted(path.split(".")[1] for path in expressions.paths_of(self.settings_in_use()) if path.startswith("credentials."))
        others = tuple(field_named(name) for name in dict.fromkeys(named) if name not in known and name not in self.obtained)
        described = {field.name: field for field in self.described}
        found = [_described(field, described[field.name]) if field.name in described else field for field in own + others]
        order = {name: place for place, name in enumerate(described)}
        return tuple(sorted(found, key=lambda field: order.get(field.name, len(order))))

    @property
    def described(self) -> list[ConnectionField]:
        """What the integration says about credentials: what they are called, how they look."""
        return list(getattr(self.auth, "credential_fields", []))

    def settings_in_use(self) -> dict[str, Any]:
        """The settings whose placeholders are read; what a choice leaves aside is not asked for."""
        return self.auth.dump()

    @property
    def obtained(self) -> frozenset[str]:
        """Credentials that placeholders may read and nobody enters, because they come with the token."""
        return frozenset()

    def check(self, credentials: Credentials) -> dict[str, list[str]]:
        """Sentences by field name; empty when the credentials can be sent. Whether the server accepts them is another question."""
        found: dict[str, list[str]] = {}
        fields = {field.name: field for field in self.credential_fields()}
        for name in credentials:
            if name not in fields:
                known = ", ".join(fields) or "none"
                found[name] = [f"This field does not belong to {self.label}. Its fields are: {known}."]
        for name, field in fields.items():
            value = credentials.get(name, "")
            if not isinstance(value, str):
                found[name] = [f"{field.label} is text."]
            elif not value.strip():
                if field.required:
                    found[name] = [f"{field.label} is missing."]
            elif (_CONTROL_IN_LINES if field.multiline else _CONTROL).search(clean(value)):
                found[name] = [f"{field.label} holds a line break or another control character. Copy it again, in one line."]
        found |= {one.name: problem for one in self.described if one.name not in found and (problem := _misfit(one, credentials))}
        return found

    @abstractmethod
    def apply(self, credentials: Credentials, *, token: str = "", values: Values | None = None) -> Additions:
        """What the request gets. `token` is the one that was fetched, for a scheme that needs one; `values` what placeholders read.

        Raises `expressions.MissingValue` and `ValueError`.
        """

    @property
    def query_names(self) -> frozenset[str]:
        """The parameters of the URL in which a secret goes out; a URL is kept without them."""
        return frozenset(placement.name for placement in self.placements if placement.location == "query")

    @property
    def placements(self) -> list[Placement]:
        return list(getattr(self.auth, "placements", []))

    def secrets(self, credentials: Credentials) -> list[str]:
        """The values that no message and no log may show."""
        names = {field.name for field in self.credential_fields() if field.secret}
        values = [value for name, value in credentials.items() if name in names and value]
        return list(dict.fromkeys([*values, *(clean(value) for value in values)]))


def _described(field: CredentialField, by: ConnectionField) -> CredentialField:
    return replace(
        field,
        label=by.label or field.label,
        help=by.help or field.help,
        placeholder=by.placeholder,
        secret=by.is_secret,
        required=by.required and not by.default,
        hidden=by.hidden,
        multiline=field.multiline or by.multiline,
    )


def _misfit(field: ConnectionField, credentials: Credentials) -> list[str]:
    value = credentials.get(field.name, "")
    try:
        if isinstance(value, str):
            field.clean(value)
    except ValueError as error:
        return [str(error)]
    return []


def field_named(name: str, *, required: bool = True) -> CredentialField:
    """A field that only a placeholder names: its label is made of the name."""
    words = re.sub(r"[_-]+|(?<=[a-z0-9])(?=[A-Z])", " ", name).strip()
    label = words[:1].upper() + words[1:].lower() if words else name
    multiline = bool(re.search(r"(?i)private_?key|certificate", name))
    return CredentialField(name, label, secret=not _PUBLIC.match(name), required=required, autocomplete="new-password", multiline=multiline)


def place(placements: list[Placement], values: Values) -> Additions:
    """What placements add to a request. Raises `expressions.MissingValue` and `ValueError`."""
    added = Additions()
    for placement in placements:
        value = expressions.render(placement.value, values)
        if value == "":
            continue  # alternatives of a value that this connection need not have
        put(added, placement.location, placement.name, value)
    return added


def put(added: Additions, location: str, name: str, value: str) -> None:
    """Add one value at its place. Raises `ValueError` with a sentence for one that cannot stand there."""
    if location in ("header", "cookie"):
        if not HEADER_NAME.match(name):
            raise ValueError(
                f"The integration sends a value in the {location} {name!r}, which is not a possible name. An admin has to correct it."
            )
        if _CONTROL.search(value):
            raise ValueError(f"What is sent in the {location} {name} holds a line break. Copy the credentials again, in one line.")
    if location == "cookie" and not COOKIE_VALUE.match(value):
        raise ValueError(f"What is sent in the cookie {name} holds a space, quote, comma, semicolon or backslash. Copy it again.")
    {"header": added.headers, "query": added.query, "cookie": added.cookies, "body": added.body}[location].append((name, value))


def clean(value: str) -> str:
    """A key as it was meant: copying from a page brings blanks and line ends along."""
    return value.strip()


def prefixed(preamble: str, value: str) -> str:
    """`Token abc` from `Token` and `abc`; `Token token=abc` from `Token token=`; a preamble that was pasted along is not doubled."""
    value = clean(value)
    if not preamble:
        return value
    glue = "" if preamble.endswith(("=", ":")) else " "
    if value.lower().startswith(f"{preamble}{glue}".lower()):
        value = value[len(preamble) + len(glue) :].strip()
    return f"{preamble}{glue}{value}"


def check_token(name: str, label: str, credentials: Credentials) -> dict[str, list[str]]:
    value = clean(credentials.get(name, ""))
    if value.isascii():
        return {}
    return {name: [f"{label} holds a character that tokens do not have, perhaps from a text program. Copy it again from the vendor."]}
