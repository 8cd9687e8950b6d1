"""Connections to addresses that were checked, and what TLS trusts and shows on them."""

from __future__ import annotations

import socket
import ssl
import tempfile
from functools import lru_cache
from typing import Any, Final

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from connections.exchange import TransportError
from connections.network import Network
from connections.transport import sockets


class _GuardedHTTP(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return sockets.connect(self._dns_host, self.port, self.socket_options, encrypted=False)


class _GuardedHTTPS(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return sockets.connect(self._dns_host, self.port, self.socket_options, encrypted=True)

    def connect(self) -> None:
        try:
            super().connect()
        except TimeoutError:
            raise sockets.connect_timeout(self.host, self.port) from None
        except (ssl.SSLError, OSError, urllib3.exceptions.SSLError) as error:
            detail, sentence = sockets.tls_failure(self.host, error)
            raise TransportError(sentence, kind="tls", sent=False, permanent=sockets.is_certificate(error), detail=detail) from None


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _GuardedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedHTTPS


_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@lru_cache(maxsize=32)
def _tls_context(ca_bundle: str, network: Network) -> ssl.SSLContext:
    """The authorities to trust and what the connection sets; reading them takes longer than many a request, so transports share them."""
    context = create_urllib3_context()
    context.sslsocket_class = sockets.TLSSocket
    if network.minimum_tls:
        context.minimum_version = _VERSIONS[network.minimum_tls]
    if network.verifies:
        context.load_verify_locations(ca_bundle)
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


class GuardedAdapter(HTTPAdapter):
    """requests' adapter with our connections, over one TLS context."""

    def __init__(self, ca_bundle: str, network: Network) -> None:
        self.context = _tls_context(ca_bundle, network.without_proxy)
        self._checks: dict[str, Any] = {} if network.verifies else {"cert_reqs": "CERT_NONE", "assert_hostname": False}
        super().__init__(pool_connections=10, pool_maxsize=4)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, ssl_context=self.context, **self._checks, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave the pool alone: its context says what is verified."""
