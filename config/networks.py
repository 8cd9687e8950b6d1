"""Which network addresses may be called: public ones, and those that the operator names in EGRESS_ALLOW."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Names of networks that an operator may write instead of CIDR notation in EGRESS_ALLOW.
NETWORK_NAMES: dict[str, tuple[str, ...]] = {
    "loopback": ("127.0.0.0/8", "::1/128"),
    "localhost": ("127.0.0.0/8", "::1/128"),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
}

# Public addresses that serve a cloud machine's own metadata and secrets (Azure's WireServer); the other providers use
# link-local, shared or unique-local addresses, which are not global anyway.
METADATA_ADDRESSES = frozenset({ipaddress.ip_address("168.63.129.16")})


def parse_networks(text: str) -> tuple[Network, ...]:
    """Read EGRESS_ALLOW: CIDR networks, single addresses and the names of NETWORK_NAMES, split by commas or spaces."""
    networks: list[Network] = []
    for word in re.split(r"[,\s]+", text.strip()):
        for item in NETWORK_NAMES.get(word.lower(), (word,) if word else ()):
            try:
                networks.append(ipaddress.ip_network(item, strict=False))
            except ValueError:
                names = ", ".join(sorted(NETWORK_NAMES))
                raise ValueError(
                    f"{item} is no network. Write CIDR notation such as 10.1.0.0/16, one address, or one of: {names}."
                ) from None
    return tuple(networks)


def is_covered(address: Address, networks: Iterable[Network]) -> bool:
    """Whether an operator's list names this address; an IPv4 address inside IPv6 notation counts as the IPv4 one."""
    plain = unmapped(address)
    return any(plain in network for network in networks if network.version == plain.version)


def unmapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 notation carries (mapped, 6to4, Teredo or NAT64), else the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address.sixtofour:
            return address.sixtofour
        if address.teredo:
            return address.teredo[1]
        if address in ipaddress.ip_network("64:ff9b::/96"):
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_reachable(address: Address, networks: Iterable[Network]) -> bool:
    """Whether a request may go to this address: public ones, and those that the operator named."""
    plain = unmapped(address)
    if is_covered(plain, networks):
        return True
    return plain.is_global and not plain.is_multicast and plain not in METADATA_ADDRESSES
