"""Which addresses may be dialled? The operator's allowed networks, as a decision about addresses.

A rule is one line:

    10.20.0.0/16 502,802,1024-1100    addresses and ports; without ports the two of Modbus, 502 and 802; * is every port
    plc7.plant.example 502            a name, for a target behind an SSH server, which resolves it
    /dev/ttyUSB*                      serial devices; * does not match a /

An address that no rule allows is denied; without rules all are denied. The decision is always about an address: a name is
resolved once, each resulting address is judged, and the judged address itself is dialled. A name server that answers
differently the second time (DNS rebinding) therefore has no effect. Rules with names do not apply to dialled addresses.

A wide rule such as 0.0.0.0/0 does not include special addresses: this machine, link-local addresses (with the metadata
service of clouds), multicast, unspecified addresses, and IPv6 forms that embed an IPv4 address. They need a rule that lies
within their range. An IPv4-mapped address (::ffff:10.0.0.1) is judged as the IPv4 address.

Spellings that only the C library accepts as an address, 0x7f.1 or 017700000001, are refused.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from sealbus.endpoints.endpoint import render_authority, unmapped
from sealbus.endpoints.hosts import canonical_host
from sealbus.endpoints.url_parts import is_number
from sealbus.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealbus.endpoints.endpoint import Endpoint

__all__ = ["NetworkRules"]

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_PORTS = range(1, 65536)
_MODBUS_PORTS = ((502, 502), (802, 802))
_ALL_PORTS = ((1, 65535),)
_NUMBERS_OF_C = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]+)(\.(0[xX][0-9a-fA-F]*|[0-9]+)){0,3}\.?")
_SPECIAL = tuple(
    (ipaddress.ip_network(network), what)
    for network, what in (
        ("0.0.0.0/8", "an unspecified address"),
        ("127.0.0.0/8", "this machine"),
        ("169.254.0.0/16", "a link-local address (metadata service of clouds)"),
        ("100.100.100.200/32", "the metadata service of a cloud"),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved or broadcast address"),
        ("::1/128", "this machine"),
        ("::/96", "an unspecified address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a deprecated site-local address"),
        ("fd00:ec2::254/128", "the metadata service of a cloud"),
        ("ff00::/8", "a multicast address"),
        ("::ffff:0:0:0/96", "an IPv4 address in IPv6"),
        ("64:ff9b::/96", "an IPv4 address in IPv6"),
        ("64:ff9b:1::/48", "an IPv4 address in IPv6"),
        ("2002::/16", "an IPv4 address in IPv6"),
        ("2001::/32", "an IPv4 address in IPv6"),
    )
)


@dataclass(frozen=True, slots=True)
class _Ports:
    spans: tuple[tuple[int, int], ...]

    def __contains__(self, port: int) -> bool:
        return any(first <= port <= last for first, last in self.spans)


@dataclass(frozen=True, slots=True)
class _NetworkRule:
    network: _Network
    ports: _Ports

    def allows(self, address: _Address, special: _Network | None) -> bool:
        network = self.network
        if network.version != address.version or address not in network:
            return False
        return special is None or network.subnet_of(special)  # type: ignore[arg-type]  # both of one version here


@dataclass(frozen=True, slots=True)
class _NameRule:
    name: str
    ports: _Ports


@dataclass(frozen=True, slots=True)
class NetworkRules:
    """The allowed networks of one installation. Each `judge...` returns None if allowed, else the reason."""

    _networks: tuple[_NetworkRule, ...] = ()
    _names: tuple[_NameRule, ...] = ()
    _devices: tuple[str, ...] = ()

    @classmethod
    def parse(cls, lines: Iterable[str]) -> NetworkRules:
        """Read rules, one a line. Raises ConfigError that names an invalid line."""
        networks: list[_NetworkRule] = []
        names: list[_NameRule] = []
        devices: list[str] = []
        for line in lines:
            if line.startswith("/"):
                devices.append(_device_pattern(line))
                continue
            where, _, ports_text = line.strip().partition(" ")
            ports = _parse_ports(line, ports_text.strip())
            network = _network(line, where)
            if network is None:
                names.append(_NameRule(canonical_host(where), ports))
            else:
                networks.append(_NetworkRule(network, ports))
        return cls(tuple(networks), tuple(names), tuple(devices))

    def objection(self, address: str, port: int) -> str | None:
        """May this literal address be dialled at this port?"""
        found = _literal(address)
        if found is None:
            return f'"{address}" is not an IP address in the usual notation'
        shown = render_authority(address, port)
        special, what = _special(found)
        near = [rule for rule in self._networks if rule.allows(found, special)]
        if any(port in rule.ports for rule in near):
            return None
        if near:
            return f"{shown} is not allowed: the rules for this address do not name port {port}"
        if special is not None:
            return f"{shown} is not allowed: it is {what}, which needs a rule of its own"
        return f"{shown} is in none of the allowed networks"

    def objection_to_target(self, host: str, port: int) -> str | None:
        """May an SSH server connect to this? A name is judged as text, because the server resolves it."""
        if _literal(host) is not None:
            return self.objection(host, port)
        if trick := _c_notation_problem(host):
            return trick
        name = canonical_host(host)
        if name and any(rule.name == name and port in rule.ports for rule in self._names):
            return None
        return f"{host}:{port} behind the SSH server is not allowed: no rule names it"

    def objection_to_device(self, path: str, real_path: str = "") -> str | None:
        """May this serial device be opened? `real_path` is the target of symbolic links in `path`, if known.

        A rule that matches `path` is enough: the operator who allows a folder of links trusts its links.
        """
        parts = path.split("/")
        if ".." in parts or not path.startswith("/"):
            return f"{path} is not allowed; write the absolute path, without .."
        if any(_matches(each, pattern) for each in (path, real_path) if each for pattern in self._devices):
            return None
        return f"{path} is not among the allowed serial devices"

    def objection_to_endpoint(self, endpoint: Endpoint) -> str | None:
        """May this be dialled, as far as known before a name is resolved? For forms and for the API."""
        if endpoint.line is not None:
            return self.objection_to_device(endpoint.line.device)
        if endpoint.forward is not None and (
            objection := self.objection_to_target(endpoint.forward.target_host, endpoint.forward.target_port)
        ):
            return objection
        if _literal(endpoint.host) is not None:
            return self.objection(endpoint.host, endpoint.port)
        if trick := _c_notation_problem(endpoint.host):
            return trick
        if not any(endpoint.port in rule.ports for rule in self._networks):
            return f"port {endpoint.port} is not allowed in any network"
        return None


def _literal(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return unmapped(address)


def _special(address: _Address) -> tuple[_Network | None, str]:
    for network, what in _SPECIAL:
        if network.version == address.version and address in network:
            return network, what
    return None, ""


def _c_notation_problem(host: str) -> str | None:
    if _NUMBERS_OF_C.fullmatch(host):
        return f'"{host}" is not an IP address in the usual notation'
    return None


def _matches(path: str, pattern: str) -> bool:
    names, patterns = path.split("/"), pattern.split("/")
    return len(names) == len(patterns) and all(map(fnmatch.fnmatchcase, names, patterns))


# -- reading rules


def _device_pattern(line: str) -> str:
    pattern = line.strip()
    if ".." in pattern.split("/") or pattern.strip("/*") == "":
        raise ConfigError(f'"{line}" is not a rule for serial devices', key="networks", hint="write /dev/ttyUSB*")
    return pattern


def _network(line: str, where: str) -> _Network | None:
    """The network, or None for a name."""
    try:
        network = ipaddress.ip_network(where)
    except ValueError as error:
        if "/" not in where and ":" not in where and canonical_host(where) and not _NUMBERS_OF_C.fullmatch(where):
            return None
        hint = f"write {ipaddress.ip_network(where, strict=False)}" if "host bits" in str(error) else _EXAMPLE
        raise ConfigError(f'"{line}" is not a rule: "{where}" is not a network', key="networks", hint=hint) from None
    if network.version == 6 and network.network_address.ipv4_mapped is not None:
        raise ConfigError(f'"{line}" is an IPv4-mapped network', key="networks", hint="write the IPv4 network")
    return network


_EXAMPLE = "write 10.20.0.0/16 502,802"


def _parse_ports(line: str, text: str) -> _Ports:
    if not text:
        return _Ports(_MODBUS_PORTS)
    if text == "*":
        return _Ports(_ALL_PORTS)
    spans = []
    for item in text.replace(" ", "").split(","):
        first, dash, last = item.partition("-")
        numbers = (first, last if dash else first)
        if not all(is_number(each) and int(each) in _PORTS for each in numbers):
            raise ConfigError(f'"{line}" is not a rule: "{item}" is not a port', key="networks", hint=_EXAMPLE)
        spans.append((int(numbers[0]), int(numbers[1])))
        if spans[-1][0] > spans[-1][1]:
            raise ConfigError(f'"{line}" is not a rule: {item} ends before it begins', key="networks", hint=_EXAMPLE)
    return _Ports(tuple(spans))
