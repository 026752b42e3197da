"""One host, one spelling.

The same host can be written in small or capital letters, with the dot of the root zone behind it, in its own alphabet or
as xn--, and an address in many forms. Certificates, name rules and the owners of a connection are compared as text, so a
host gets its one spelling where it is read.
"""

from __future__ import annotations

import ipaddress
import re

from sealbus.endpoints.endpoint import unmapped

__all__ = ["canonical_host"]

_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_MAX_CHARACTERS = 253  # RFC 1035, 2.3.4, without the dot of the root zone


def canonical_host(text: str) -> str:
    """The one spelling of a host name (RFC 1123, with underscores) or address, without brackets; empty for anything else.

    Small letters, no trailing dot, other alphabets as xn-- (IDNA 2003); an address in its usual notation, IPv4 in place
    of IPv4-mapped IPv6. Names with only numeric labels are addresses or nothing.
    """
    try:
        ascii_text = text if text.isascii() else text.encode("idna").decode("ascii")
    except UnicodeError:
        return ""
    try:
        return str(unmapped(ipaddress.ip_address(ascii_text)))
    except ValueError:
        pass
    name = ascii_text.removesuffix(".").lower()
    labels = name.split(".")
    if len(name) > _MAX_CHARACTERS or all(label.isdecimal() for label in labels):
        return ""
    return name if all(_LABEL.fullmatch(label) for label in labels) else ""
