"""Where may a device be that a user names? The operator's allowed networks, as a decision about addresses.

A rule is one line:

    10.20.0.0/16 502,802,1024-1100    addresses and ports; without ports the two of Modbus, 502 and 802; * is every port
    plc7.plant.example 502            a name, for the target behind an SSH server, which looks it up itself
    /dev/ttyUSB*                      serial devices; * does not reach over a /

Nothing is allowed but what a rule allows, and no rule allows nothing. What is dialled is always judged as an address:
a name is looked up once, each address that came is judged, and that very address is dialled, so that a name service
which answers otherwise the second time (DNS rebinding) changes nothing. A rule with a name says nothing about that.

Some addresses are never meant by a wide rule such as 0.0.0.0/0: this machine, link-local ones with the metadata service
of clouds, multicast, the unspecified, and IPv6 forms that carry an IPv4 address. They are allowed only by a rule that
names them or lies within their range. An IPv4 address in an IPv6 one (::ffff:10.0.0.1) is judged as what it is.

Spellings that only the C library takes for an address, 0x7f.1 or 017700000001, are refused as such.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from sealbus.endpoints.endpoint import render_authority
from sealbus.endpoints.url_parts import is_host, is_number
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
        ("0.0.0.0/8", "an address of no host"),
        ("127.0.0.0/8", "this machine itself"),
        ("169.254.0.0/16", "a link-local address, where clouds keep their metadata"),
        ("100.100.100.200/32", "the metadata service of a cloud"),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved or broadcast address"),
        ("::1/128", "this machine itself"),
        ("::/96", "an address of no host"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a site-local address, which nobody uses any more"),
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
        return special is None or network.subnet_of(special)  # type: ignore[arg-type]  # of one version, by now


@dataclass(frozen=True, slots=True)
class _NameRule:
    name: str
    ports: _Ports


@dataclass(frozen=True, slots=True)
class NetworkRules:
    """The allowed networks of one installation. Each `judge...` gives None for what is allowed, else why it is not."""

    _networks: tuple[_NetworkRule, ...] = ()
    _names: tuple[_NameRule, ...] = ()
    _devices: tuple[str, ...] = ()

    @classmethod
    def parse(cls, lines: Iterable[str]) -> NetworkRules:
        """Read rules, one a line. Raises ConfigError that names the line that is none."""
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
                names.append(_NameRule(where.lower(), ports))
            else:
                networks.append(_NetworkRule(network, ports))
        return cls(tuple(networks), tuple(names), tuple(devices))

    def judge(self, address: str, port: int) -> str | None:
        """May this literal address be dialled at this port?"""
        found = _literal(address)
        if found is None:
            return f'"{address}" is not an address as it is usually written'
        shown = render_authority(address, port)
        special, what = _special(found)
        near = [rule for rule in self._networks if rule.allows(found, special)]
        if any(port in rule.ports for rule in near):
            return None
        if near:
            return f"{shown} is not allowed: the rules for this address do not name port {port}"
        if special is not None:
            return f"{shown} is not allowed: it is {what}, and no rule names it"
        return f"{shown} is in none of the allowed networks"

    def judge_target(self, host: str, port: int) -> str | None:
        """May an SSH server be asked to connect to this? A name is judged by its letters: the server looks it up."""
        if _literal(host) is not None:
            return self.judge(host, port)
        if trick := _trick(host):
            return trick
        if any(rule.name == host.lower() and port in rule.ports for rule in self._names):
            return None
        return f"{host}:{port} behind the SSH server is not allowed: no rule names it"

    def judge_device(self, path: str, real_path: str = "") -> str | None:
        """May this serial device be opened? `real_path` is where the links of `path` lead to, if that is known.

        A rule for the path itself is enough: who allows a folder of links trusts whoever makes them.
        """
        parts = path.split("/")
        if ".." in parts or not path.startswith("/"):
            return f"{path} is not allowed: write the whole path, without .."
        if any(_matches(each, pattern) for each in (path, real_path) if each for pattern in self._devices):
            return None
        return f"{path} is not among the allowed serial devices"

    def judge_endpoint(self, endpoint: Endpoint) -> str | None:
        """May this be dialled, as far as it can be said before a name was looked up? What a form can ask."""
        if endpoint.line is not None:
            return self.judge_device(endpoint.line.device)
        if endpoint.forward is not None and (
            objection := self.judge_target(endpoint.forward.target_host, endpoint.forward.target_port)
        ):
            return objection
        if _literal(endpoint.host) is not None:
            return self.judge(endpoint.host, endpoint.port)
        if trick := _trick(endpoint.host):
            return trick
        if not any(endpoint.port in rule.ports for rule in self._networks):
            return f"port {endpoint.port} is not allowed in any network"
        return None


def _literal(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped


def _special(address: _Address) -> tuple[_Network | None, str]:
    for network, what in _SPECIAL:
        if network.version == address.version and address in network:
            return network, what
    return None, ""


def _trick(host: str) -> str | None:
    if _NUMBERS_OF_C.fullmatch(host):
        return f'"{host}" is not an address as it is usually written'
    return None


def _matches(path: str, pattern: str) -> bool:
    names, patterns = path.split("/"), pattern.split("/")
    return len(names) == len(patterns) and all(map(fnmatch.fnmatchcase, names, patterns))


# -- reading rules


def _device_pattern(line: str) -> str:
    pattern = line.strip()
    if ".." in pattern.split("/") or pattern.strip("/*") == "":
        raise ConfigError(f'"{line}" is no rule for serial devices', key="networks", hint="write /dev/ttyUSB*")
    return pattern


def _network(line: str, where: str) -> _Network | None:
    """None where it is a name."""
    try:
        network = ipaddress.ip_network(where)
    except ValueError as error:
        if "/" not in where and ":" not in where and is_host(where) and not _NUMBERS_OF_C.fullmatch(where):
            return None
        hint = f"write {ipaddress.ip_network(where, strict=False)}" if "host bits" in str(error) else _EXAMPLE
        raise ConfigError(f'"{line}" is no rule: "{where}" is no network', key="networks", hint=hint) from None
    if network.version == 6 and network.network_address.ipv4_mapped is not None:
        raise ConfigError(f'"{line}" is no rule', key="networks", hint="write the IPv4 network that it means")
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
            raise ConfigError(f'"{line}" is no rule: "{item}" is no port', key="networks", hint=_EXAMPLE)
        spans.append((int(numbers[0]), int(numbers[1])))
        if spans[-1][0] > spans[-1][1]:
            raise ConfigError(f'"{line}" is no rule: {item} ends before it begins', key="networks", hint=_EXAMPLE)
    return _Ports(tuple(spans))
