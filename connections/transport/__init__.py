"""The one door out: every request of Junction to a server that is not its own passes `Transport.send`.

The address is checked at the socket: the name is resolved once, each address is compared with the network policy
(public ones, and what EGRESS_ALLOW names), and the connection goes to exactly the address that was checked. So a name
that resolves differently a moment later, a redirect, or an unusual notation of an address leads nowhere else.
TLS is verified against the host name, unless a connection says otherwise. No proxy but one that the operator or the
connection names, no netrc, no cookies, no credentials to another origin.
"""

from __future__ import annotations

from connections.exchange import Additions, Answer, Exchange, Headers, Outgoing, TransportError
from connections.network import Network
from connections.transport.digest import Digest
from connections.transport.encodings import beginning
from connections.transport.sending import Transport
from connections.transport.streams import Streamed

__all__ = [
    "Additions",
    "Answer",
    "Digest",
    "Exchange",
    "Headers",
    "Network",
    "Outgoing",
    "Streamed",
    "Transport",
    "TransportError",
    "beginning",
]
