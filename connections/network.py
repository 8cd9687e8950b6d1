"""What a connection sets for the way to its server: trust, client certificate, smallest TLS version, proxy (leaf)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Network:
    """`authorities` are trusted besides the usual ones; `certificate` is a client certificate with its key; both PEM.

    `minimum_tls` is 1.2 or 1.3, "" for the usual. `verifies` is False where anybody may pretend to be the server. `proxy`
    is the URL of a proxy with its credentials, "" for the operator's, if there is one.
    """

    authorities: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)
    minimum_tls: str = ""
    verifies: bool = True
    proxy: str = field(default="", repr=False)

    @property
    def without_proxy(self) -> Network:
        """What TLS has to know."""
        return replace(self, proxy="")
