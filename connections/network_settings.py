"""What a connection sets for itself, checked; and the secrets of the way to its server."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import ValidationError

from connections.exchange import TransportError
from connections.models import Connection
from connections.network import Network
from connections.options import ConnectionOptions, NetworkOptions
from connections.secrets import MASK, SecretError, open_sealed, pem_of_pkcs12
from connections.transport import Transport
from integrations.definition import problems
from integrations.refusals import Invalid

SECRETS = ("clientKey", "passphrase", "proxyPassword")
PFX = "pfx"  # a certificate with its key in one file, in Base64; it is taken apart
_LONGEST = 100_000


def options_of(connection: Connection) -> ConnectionOptions:
    """What a connection sets for itself."""
    return ConnectionOptions.model_validate(connection.options) if connection.options else ConnectionOptions()


def network_of(connection: Connection) -> Network:
    """The way to a connection's server. Raises `SecretError`."""
    if not connection.options and not connection.credential.network_sealed:
        return Network()
    return as_network(options_of(connection).network, secrets_of(connection))


def secrets_of(connection: Connection) -> dict[str, str]:
    """The secrets of the way there, by the names in SECRETS. Raises `SecretError`."""
    row = connection.credential
    return open_sealed(row.network_sealed, context=row.context) if row.network_sealed else {}


def as_network(options: NetworkOptions, secrets: Mapping[str, str]) -> Network:
    parts = urlsplit(options.proxy)
    proxy = options.proxy
    if parts.username and secrets.get("proxyPassword"):
        proxy = f"http://{parts.username}:{quote(secrets['proxyPassword'], safe='')}@{parts.hostname}:{parts.port}"
    key = secrets.get("clientKey", "")
    return Network(
        authorities=options.authorities,
        certificate=f"{options.client_certificate}\n{key}\n" if options.client_certificate and key else "",
        passphrase=secrets.get("passphrase", ""),
        minimum_tls=options.minimum_tls,
        verifies=options.verify_tls,
        proxy=proxy,
    )


def checked(
    given: Mapping[str, Any], secrets: Mapping[str, Any], *, present: Mapping[str, Any], stored: Mapping[str, str]
) -> tuple[ConnectionOptions, dict[str, str]]:
    """Options with the given ones over the present ones, and the secrets likewise: the mask means unchanged, "" removes one.

    Raises `Invalid` for what does not fit, and for a certificate without its key.
    """
    unknown = [name for name in secrets if name not in (*SECRETS, PFX)]
    if unknown:
        raise Invalid(
            {f"networkSecrets.{name}": [f"This secret is not known. There are {', '.join((*SECRETS, PFX))}."] for name in unknown}
        )
    bad = [name for name, value in secrets.items() if not isinstance(value, str) or len(value) > _LONGEST]
    if bad:
        raise Invalid({f"networkSecrets.{name}": [f"Enter text of at most {_LONGEST:,} characters."] for name in bad})
    merged = {**stored, **{name: value.strip() for name, value in secrets.items() if value != MASK and name != PFX}}
    network = (
        {**present.get("network", {}), **(given.get("network") or {})} if isinstance(given.get("network") or {}, dict) else given["network"]
    )
    if secrets.get(PFX):
        found = _taken_apart(secrets[PFX], merged.get("passphrase", ""))
        network = {**network, "clientCertificate": found[0]}
        merged |= {"clientKey": found[1], "passphrase": ""}
    pace = given.get("pace")
    merged_pace = {**present.get("pace", {}), **(pace or {})} if isinstance(pace or {}, dict) else pace
    try:
        options = ConnectionOptions.model_validate({**present, **given, "network": network, "pace": merged_pace})
    except ValidationError as error:
        raise Invalid({f"options.{where}".rstrip("."): sentences for where, sentences in problems(error).items()}) from None
    merged = {name: value for name, value in merged.items() if value}
    _check_network(options.network, merged, before=present.get("network", {}), entered=secrets)
    return options, merged


def _taken_apart(pfx: str, passphrase: str) -> tuple[str, str]:
    try:
        content = base64.b64decode("".join(pfx.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Invalid({f"networkSecrets.{PFX}": ["Send the file in Base64."]}) from None
    try:
        return pem_of_pkcs12(content, passphrase)
    except SecretError as error:
        raise Invalid({f"networkSecrets.{PFX}": [str(error)]}) from None


def _check_network(options: NetworkOptions, secrets: Mapping[str, str], *, before: Mapping[str, Any], entered: Mapping[str, Any]) -> None:
    if options.client_certificate and not secrets.get("clientKey"):
        raise Invalid({"networkSecrets.clientKey": ["Enter the private key of the client certificate."]})
    if secrets.get("clientKey") and not options.client_certificate:
        raise Invalid({"options.network.clientCertificate": ["Enter the certificate that belongs to the key."]})
    moved = bool(before.get("proxy")) and options.proxy != before["proxy"]
    if moved and secrets.get("proxyPassword") and entered.get("proxyPassword", MASK) == MASK:
        raise Invalid({"networkSecrets.proxyPassword": ["Enter it again: another proxy does not get what is stored."]})
    try:
        Transport(network=as_network(options, secrets)).close()
    except TransportError as error:
        field = "options.network.authorities" if error.detail == "authority" else "options.network.clientCertificate"
        raise Invalid({field: [error.message]}) from None
    except ValueError as error:
        raise Invalid({"options.network.proxy": [str(error)]}) from None
