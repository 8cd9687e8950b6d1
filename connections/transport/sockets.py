"""Sockets that lead only where the network policy lets them, and that end with their exchange.

A name is resolved once, each address is compared with the policy (public ones, and what EGRESS_ALLOW names), and the
socket goes to exactly the address that was checked: a name that resolves differently a moment later leads nowhere else.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from typing import Any

from django.conf import settings

from config import networks
from connections.exchange import TransportError
from connections.transport.tunnels import Tunnel


def _resolve(host: str, port: int) -> list[tuple[socket.AddressFamily, Any]]:
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        later = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
        advice = "The name server did not answer; try again later." if later else "Check the spelling of the host."
        raise TransportError(f"The host name {host} cannot be resolved. {advice}", kind="dns", sent=False, permanent=not later) from None
    return [(family, target) for family, _, _, _, target in found if family in (socket.AF_INET, socket.AF_INET6)]


def _permitted(host: str, port: int, *, encrypted: bool) -> list[tuple[socket.AddressFamily, Any]]:
    """The addresses of a host that may be connected to. Raises TransportError if there is none."""
    allowed = settings.EGRESS_ALLOW
    resolved = [(family, target, ipaddress.ip_address(target[0])) for family, target in _resolve(host, port)]
    reachable = [item for item in resolved if networks.is_reachable(item[2], allowed)]
    if not reachable:
        which = ", ".join(dict.fromkeys(str(address) for _, _, address in resolved)) or "no address"
        raise TransportError(
            f"{host} leads to {which}, which is not a public address, so Junction does not connect. "
            "An operator can allow a private network with the setting EGRESS_ALLOW.",
            kind="address",
            sent=False,
            permanent=True,
        )
    if not encrypted:
        reachable = [item for item in reachable if networks.is_covered(item[2], allowed)]
        if not reachable:
            raise TransportError(
                f"http://{host} is not encrypted. Use https://; plain http is allowed only to networks that the setting EGRESS_ALLOW names.",
                kind="plain_http",
                sent=False,
                permanent=True,
            )
    return [(family, target) for family, target, _ in reachable]


def connect(host: str, port: int, *, encrypted: bool, tunnel: Tunnel | None, end: float) -> socket.socket:
    """A connection to the first permitted address that answers, through the `tunnel` of a proxy if there is one, at `end`
    (time.monotonic()) at the latest. Raises TransportError.

    The proxy is told an address that was checked here, not the name, which might lead it elsewhere.
    """
    if tunnel is None:
        return _first_of(_permitted(host, port, encrypted=encrypted), host, port, end)
    if tunnel.resolves and encrypted and not _is_address(host):
        wanted = [(host.strip("[]"), port)]
    else:
        wanted = [(target[0], target[1]) for _, target in _permitted(host, port, encrypted=encrypted)]
    failure: TransportError | None = None
    for name, number in wanted:
        sock = _first_of(_addresses_of(tunnel), tunnel.host, tunnel.port, end)
        try:
            tunnel.open(sock, name, number, shown=f"{host}:{port}")
        except TransportError as error:
            sock.close()
            if error.permanent:
                raise
            failure = error
        except OSError as error:
            sock.close()
            if isinstance(error, TimeoutError):
                raise connect_timeout(host, port) from None
            failure = tunnel.failed("closed the connection before it answered")
        else:
            return sock
    raise failure or tunnel.failed("did not answer")


def _addresses_of(way: Tunnel) -> list[tuple[socket.AddressFamily, Any]]:
    """Where the proxy is. The operator's may be anywhere; one that a connection names is a server like others, and its
    password goes only to networks that EGRESS_ALLOW names, because it goes in the clear."""
    if way.is_operators:
        return _resolve(way.host, way.port)
    return _permitted(way.host, way.port, encrypted=not way.authorization)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _first_of(addresses: list[tuple[socket.AddressFamily, Any]], host: str, port: int, end: float) -> socket.socket:
    """A connection to the first of these addresses that answers."""
    failure: OSError | None = None
    for family, target in addresses:
        sock = None
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(_time_left(end))
            sock.connect(target)
        except OSError as error:
            failure = error
            if sock:
                sock.close()
        else:
            return sock
    if isinstance(failure, TimeoutError):
        raise connect_timeout(host, port)
    reason = "refused the connection" if isinstance(failure, ConnectionRefusedError) else "cannot be reached"
    raise TransportError(
        f"{host} {reason} on port {port}. Check host and port, and whether the server runs.", kind="refused", sent=False, permanent=False
    )


def _time_left(end: float) -> float:
    """Seconds for a connection: its own limit, or what the whole exchange has left."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return min(float(settings.EGRESS_CONNECT_TIMEOUT), left)


def connect_timeout(host: str, port: int | None) -> TransportError:
    return TransportError(
        f"{host} did not accept a connection on port {port} in time ({settings.EGRESS_CONNECT_TIMEOUT:g} seconds). "
        "Check host and port, and whether a firewall lets Junction through.",
        kind="connect_timeout",
        sent=False,
        permanent=False,
    )


def is_certificate(error: BaseException) -> bool:
    return isinstance(error, ssl.SSLCertVerificationError)


CLIENT_CERTIFICATE = (
    "client_certificate",
    "{host} wants a client certificate, or does not accept the one that it was shown. Check certificate and key.",
)
# OpenSSL's X509_V_ERR_*: what is wrong, and the sentence for it.
_CERTIFICATES: dict[int, tuple[str, str]] = {
    10: ("expired", "The TLS certificate of {host} has expired. Its operator has to renew it."),
    9: ("not_yet_valid", "The TLS certificate of {host} is not valid yet. Check the clocks of both servers."),
    62: (
        "wrong_name",
        "The TLS certificate of the server is not for {host}. Check the host name; it has to be the one in the certificate.",
    ),
    64: (
        "wrong_name",
        "The TLS certificate of the server is not for {host}. Check the host name; it has to be the one in the certificate.",
    ),
    18: ("self_signed", "The TLS certificate of {host} is self-signed. It needs one from an authority that this machine trusts."),
    19: ("self_signed", "The TLS certificate of {host} is self-signed. It needs one from an authority that this machine trusts."),
    **dict.fromkeys(
        (2, 20, 21),
        (
            "unknown_authority",
            "The TLS certificate of {host} comes from an authority that this machine does not trust, or an intermediate certificate is missing.",
        ),
    ),
}


def tls_failure(host: str, error: BaseException) -> tuple[str, str]:
    """What is wrong with the encryption, as a word and as a sentence."""
    known = _CERTIFICATES.get(getattr(error, "verify_code", 0))
    if known:
        return known[0], known[1].format(host=host)
    if is_certificate(error):
        why = getattr(error, "verify_message", "") or "verification failed"
        return "untrusted", f"The TLS certificate of {host} cannot be trusted: {why}."
    text = str(error)
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER" in text:
        return "not_spoken", f"{host} does not speak TLS on this port. Check the port, or whether the API is served over plain http."
    if "PROTOCOL_VERSION" in text or "UNSUPPORTED_PROTOCOL" in text:
        return (
            "version",
            f"{host} does not speak a version of TLS that is new enough. Its operator has to update it, or the smallest version be lowered.",
        )
    if is_client_certificate(text):
        return CLIENT_CERTIFICATE[0], CLIENT_CERTIFICATE[1].format(host=host)
    return "", f"No encrypted connection to {host} could be made: the TLS handshake failed. Check host and port."


def is_client_certificate(text: str) -> bool:
    """Whether a TLS alert means that the server is not content with the client's certificate."""
    return any(
        word in text
        for word in ("CERTIFICATE_REQUIRED", "ALERT_BAD_CERTIFICATE", "ALERT_UNKNOWN_CA", "ALERT_CERTIFICATE", "ALERT_ACCESS_DENIED")
    )
