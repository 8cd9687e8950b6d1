"""What a connection sets for itself, over what its integration says (leaf)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from integrations.definition import Definition, HeaderTemplates, MediaTypes, Part, Ping

Pem = Annotated[str, Field(max_length=100_000)]
# Without what was entered: a password may stand in it.
_NO_PROXY = "This is no address of a proxy. Write it as http://proxy.example.com:3128, without the password, which has a field of its own."
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class NetworkOptions(Part):
    """The way to the server. `authorities` are trusted besides the usual ones, `client_certificate` is shown to the server; both
    PEM. `verify_tls` False takes any certificate. `proxy` is http://host:port, with a user name if it wants one; its
    password, the certificate's key and the key's passphrase are secrets and lie elsewhere.
    """

    authorities: Pem = ""
    client_certificate: Pem = ""
    minimum_tls: Literal["", "1.2", "1.3"] = ""
    verify_tls: bool = True
    proxy: Annotated[str, Field(max_length=500)] = ""

    @field_validator("authorities", "client_certificate")
    @classmethod
    def _pem(cls, value: str) -> str:
        if value and not _CERTIFICATE.search(value):
            raise ValueError("Enter the certificate in PEM form, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----.")
        if "PRIVATE KEY-----" in value:
            raise ValueError("A private key stands here, where everybody can read it. Enter it in the field for the key.")
        return "\n".join(found[0] for found in _CERTIFICATE.finditer(value))

    @field_validator("proxy")
    @classmethod
    def _proxy(cls, value: str) -> str:
        if not value:
            return ""
        text = value if "://" in value else f"http://{value}"
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise ValueError(_NO_PROXY) from None
        if parts.scheme != "http" or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError(_NO_PROXY)
        if parts.password:
            raise ValueError("Leave the password out of the address; it has a field of its own.")
        user = f"{parts.username}@" if parts.username else ""
        return f"http://{user}{parts.hostname}:{port or 3128}"

    @property
    def opens_trust(self) -> bool:
        """Whether whoever set this decides who may pretend to be the server, so that the owner's secrets must not go out."""
        return not self.verify_tls or bool(self.authorities)

    def is_read_by_proxy(self, urls: Iterable[str]) -> bool:
        """Whether a proxy that whoever set this has chosen can read what goes to these URLs: without TLS, or as a server that it
        pretends to be."""
        return bool(self.proxy) and (self.opens_trust or any(url.lower().startswith("http://") for url in urls))


class PaceOptions(Part):
    """With `auto_recover` a connection sends half as many requests at once when the vendor says that there were too many, and
    step by step more again, up to `target_concurrency` (1 to 50; None: all that it may send at once)."""

    auto_recover: bool = False
    target_concurrency: Annotated[int, Field(ge=1, le=50)] | None = None

    @field_validator("target_concurrency", mode="before")
    @classmethod
    def _empty(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value


class ConnectionOptions(Part):
    """Headers that go along with every call; a test of its own (None: the integration's); formats, "" as the integration says;
    the way to the server; how its speed recovers.

    Where the integration's test lives on another server it stays there: whoever connects must not have the owner's
    secrets sent elsewhere.
    """

    headers: HeaderTemplates = Field(default_factory=dict)
    ping: Ping | None = None
    media_types: MediaTypes = Field(default_factory=MediaTypes)
    network: NetworkOptions = Field(default_factory=NetworkOptions)
    pace: PaceOptions = Field(default_factory=PaceOptions)

    @model_validator(mode="after")
    def _stays_with_the_api(self) -> Self:
        if self.ping and self.ping.base_uri:
            raise ValueError("The test of a connection goes to the API's own address. Leave out the base URI of the test.")
        return self

    def over(self, definition: Definition) -> Definition:
        """The definition as this connection uses it."""
        changes: dict[str, object] = {}
        if self.headers:
            replaced = {name.lower() for name in self.headers}
            kept = {name: value for name, value in definition.headers.items() if name.lower() not in replaced}
            changes["headers"] = {**kept, **self.headers}
        if self.ping:
            base = definition.ping.base_uri if definition.ping else ""
            changes["ping"] = self.ping.model_copy(update={"base_uri": base})
        types = {name: value for name, value in self.media_types.dump().items() if value}
        if types:
            changes["media_types"] = {**definition.media_types.dump(), **types}
        return definition.changed(**changes) if changes else definition
