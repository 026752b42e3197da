"""The value behind an endpoint URL.

An Endpoint says how to reach a device or where to listen. `parse_endpoint` creates it; `str()` returns its canonical URL
with every port and line setting, so that a log line can be read without knowing the defaults. Settings of one scheme
only are in a value of their own (`SerialLine`, `SshForward`); the constructor refuses parts of another scheme.

Ports: 502 for Modbus TCP and 802 for Modbus/TCP Security (MODBUS/TCP Security V36, clause 5). Line settings: MODBUS
over Serial Line V1.02, 2.5.1: 19200 baud and even parity by default, eleven bits a character, hence two stop bits
where there is no parity (2.5.2: ASCII has seven data bits and ten bits a character).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias
from urllib.parse import quote

from sealbus.errors import LocalError

__all__ = [
    "Endpoint",
    "Parity",
    "Scheme",
    "SerialLine",
    "SshForward",
    "is_loopback_address",
    "render_authority",
    "unmapped",
]

_FAST_BAUD = 19200
_FAST_SILENCE_S = 0.00175  # MODBUS over Serial Line V1.02, 2.5.1.1: fixed above 19200 baud
_SILENT_CHARACTERS = 3.5


class Scheme(StrEnum):
    """The part of the URL before `://`."""

    TCP = "tcp"
    MBAPS = "mbaps"
    RTU = "rtu"
    ASCII = "ascii"
    RTU_TCP = "rtu+tcp"
    RELAY = "relay"
    SSH_TCP = "ssh+tcp"

    @property
    def is_serial(self) -> bool:
        """Whether it is a serial line of this machine."""
        return self in (Scheme.RTU, Scheme.ASCII)

    @property
    def has_transaction_ids(self) -> bool:
        """Whether its frames have a transaction id, as those of RTU and ASCII have not, on any medium."""
        return self not in (Scheme.RTU, Scheme.ASCII, Scheme.RTU_TCP)

    @property
    def default_port(self) -> int | None:
        """The port when the URL has none; None if the URL must name it or there is no port."""
        return _DEFAULT_PORTS.get(self)


_DEFAULT_PORTS = {Scheme.TCP: 502, Scheme.MBAPS: 802, Scheme.RELAY: 443, Scheme.SSH_TCP: 22}


class Parity(StrEnum):
    """The parity bit of a serial line."""

    NONE = "N"
    EVEN = "E"
    ODD = "O"


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialLine:
    """A serial device and its line settings."""

    device: str
    baud: int = 19200
    parity: Parity = Parity.EVEN
    stop_bits: int = 1
    data_bits: int = 8

    @property
    def character_s(self) -> float:
        """Duration of one character on the line, in seconds: start, data, parity and stop bits."""
        return (1 + self.data_bits + (self.parity is not Parity.NONE) + self.stop_bits) / self.baud

    @property
    def silence_s(self) -> float:
        """The silence between two RTU frames, t3.5, in seconds (MODBUS over Serial Line V1.02, 2.5.1.1)."""
        return _FAST_SILENCE_S if self.baud > _FAST_BAUD else _SILENT_CHARACTERS * self.character_s


@dataclass(frozen=True, slots=True, kw_only=True)
class SshForward:
    """The target that an SSH server connects to, the user, and the keys."""

    user: str
    target_host: str
    target_port: int = 502
    known_hosts: str = ""
    """The file of trusted host keys; empty: the user's own."""
    key: str = ""
    """The private key file; empty: the agent and the user's own keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """How to reach or offer Modbus. `str()` gives the canonical URL.

    Raises LocalError for parts that do not belong to the scheme.
    """

    scheme: Scheme
    host: str = ""
    port: int = 0
    certificate_name: str = ""
    """The name in the certificate of an mbaps server, if it differs from the host."""
    line: SerialLine | None = None
    forward: SshForward | None = None
    site: str = ""
    address: str = ""
    """The resolved and judged address: it is dialled instead of the host. The host remains the name that is compared
    with a certificate or a host key."""

    def __post_init__(self) -> None:
        parts = (self.line is not None, self.forward is not None, bool(self.site))
        if parts != (self.scheme.is_serial, self.scheme is Scheme.SSH_TCP, self.scheme is Scheme.RELAY):
            raise LocalError(f"an endpoint of scheme {self.scheme} has parts of another scheme or lacks its own")

    @property
    def listens(self) -> bool:
        """Whether a gateway may listen here."""
        return self.scheme in (Scheme.TCP, Scheme.MBAPS, Scheme.RELAY)

    @property
    def serves(self) -> bool:
        """Whether a server or a simulated device may answer here: all that listen, and the serial framings."""
        return self.listens or self.scheme in (Scheme.RTU, Scheme.ASCII, Scheme.RTU_TCP)

    @property
    def is_loopback(self) -> bool:
        """Whether the host is a loopback address or `localhost`. A name that merely resolves to one does not count."""
        return self.host == "localhost" or is_loopback_address(self.host)

    @property
    def is_encrypted(self) -> bool:
        """Whether all that is sent here leaves this process encrypted. Behind an SSH server it is not encrypted."""
        return self.scheme in (Scheme.MBAPS, Scheme.RELAY, Scheme.SSH_TCP)

    @property
    def server_name(self) -> str:
        """The name or address that the server's certificate must carry."""
        return self.certificate_name or self.host.partition("%")[0]

    def __str__(self) -> str:
        if self.line is not None:
            return f"{self.scheme}://{quote(self.line.device)}?{_render_line(self.line, self.scheme)}"
        if self.forward is not None:
            return _render_forward(self, self.forward)
        authority = render_authority(self.host, self.port)
        name = f"?name={self.certificate_name}" if self.certificate_name else ""
        site = f"/{quote(self.site)}" if self.site else ""
        return f"{self.scheme}://{authority}{site}{name}"


_IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_loopback_address(host: str) -> bool:
    """Whether `host` is a literal loopback address, IPv4 in IPv6 included."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return unmapped(address).is_loopback


def unmapped(address: _IPAddress) -> _IPAddress:
    """The IPv4 address in an IPv4-mapped IPv6 address, which a socket for both families reports; any other one itself."""
    found: _IPAddress = getattr(address, "ipv4_mapped", None) or address
    return found


def render_authority(host: str, port: int) -> str:
    """`host:port`, an IPv6 address in brackets and its zone percent-encoded (RFC 6874)."""
    return f"[{host.replace('%', '%25')}]:{port}" if ":" in host else f"{host}:{port}"


def _render_line(line: SerialLine, scheme: Scheme) -> str:
    usual_bits = 7 if scheme is Scheme.ASCII else 8
    bits = "" if line.data_bits == usual_bits else f"&bytesize={line.data_bits}"
    return f"baud={line.baud}&parity={line.parity}&stop={line.stop_bits}{bits}"


def _render_forward(endpoint: Endpoint, forward: SshForward) -> str:
    options = {"known_hosts": forward.known_hosts, "key": forward.key}
    query = "&".join(f"{name}={quote(value)}" for name, value in options.items() if value)
    server = f"{quote(forward.user, safe='')}@{render_authority(endpoint.host, endpoint.port)}"
    target = render_authority(forward.target_host, forward.target_port)
    return f"{endpoint.scheme}://{server}/{target}{'?' if query else ''}{query}"
