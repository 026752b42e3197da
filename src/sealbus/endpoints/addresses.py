"""The address of a client: in one form, and as what counts as one client."""

from __future__ import annotations

import ipaddress

from sealbus.endpoints.endpoint import unmapped

__all__ = ["address_group", "plain_address"]


def plain_address(text: str) -> str:
    """The usual form of an IP address, without a zone. IPv4-mapped IPv6 becomes IPv4. Empty for anything else."""
    try:
        return str(unmapped(ipaddress.ip_address(text.partition("%")[0])))
    except ValueError:
        return ""


def address_group(host: str) -> str:
    """What counts as one address: an IPv4 address itself, the /64 of an IPv6 address: a subscriber owns all of it."""
    plain = plain_address(host)
    if ":" not in plain:
        return plain
    return str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(plain)) >> 64 << 64)) + "/64"
