"""What TLS trusts, and what it shows the server."""

from __future__ import annotations

import ssl
import tempfile
from functools import lru_cache
from typing import Final

import certifi

from connections.exchange import TransportError
from connections.network import Network

_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@lru_cache(maxsize=32)
def tls_context(ca_bundle: str, network: Network) -> ssl.SSLContext:
    """The authorities to trust and what the connection sets; reading them takes longer than many a request, so transports share them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if network.minimum_tls:
        context.minimum_version = _VERSIONS[network.minimum_tls]
    if network.verifies:
        context.load_verify_locations(ca_bundle or certifi.where())
        if network.authorities:
            try:
                context.load_verify_locations(cadata=network.authorities)
            except (ssl.SSLError, ValueError):
                raise _unreadable("The certificate authority cannot be read. Enter its certificate in PEM form.", "authority") from None
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if network.certificate:
        _show_certificate(context, network)
    return context


def _show_certificate(context: ssl.SSLContext, network: Network) -> None:
    """Have the context show the server a client certificate."""
    # The ssl module reads files only; this one is gone before the first byte is sent.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(network.certificate)
        file.flush()
        try:
            context.load_cert_chain(file.name, password=lambda: network.passphrase)
        except (ssl.SSLError, OSError, ValueError):
            raise _unreadable(
                "The client certificate or its key cannot be read. Enter both in PEM form; the key has to belong to the certificate, "
                "and its passphrase, if it has one, has to be right.",
                "client_certificate",
            ) from None


def _unreadable(sentence: str, detail: str) -> TransportError:
    return TransportError(sentence, kind="tls", sent=False, permanent=True, detail=detail)
