"""The address of an endpoint, whether it may be dialled, and that no other connection dials it.

A name is looked up once. Each address is checked against the allowed networks, and the connection is made to an address
that passed: `Endpoint.address`. A later answer of the name service changes nothing (DNS rebinding). The certificate of an
mbaps server is still compared with the name in the URL. Where a name has several allowed addresses, each attempt takes the
next one.

One owner per port: two connections to one serial device, or to one host and port, would be two masters on one line. So each
connection claims what it dials: the serial device behind all symbolic links, or address and port (and target, behind an SSH
server). Spellings of an address are the same address: an IPv4 address written in IPv6 is dialled as IPv4, and a zone counts
only where addresses are link-local. The first connection keeps its claim; the other one is refused with the id of the owner,
and its devices belong on that connection. At the start of a plan the lower id is first.

A connection that is only tested, before it is in a plan, has an id below zero. It claims nothing. It may not dial a serial
device that has an owner, while a second connection to a host is allowed.
"""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
import os.path
import socket
from typing import TYPE_CHECKING, Final, TypeAlias

from sealbus.endpoints import NetworkRules, render_authority, unmapped
from sealbus.errors import Unreachable
from sealbus.plant import Step

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from sealbus.endpoints import Endpoint

__all__ = ["LocatingError", "Locator", "Resolver", "resolve"]

Resolver: TypeAlias = "Callable[[str, int], Awaitable[list[str]]]"
"""From a host and a port to addresses. Raises OSError for a name that has none."""

_LOOK_UP_S: Final = 5.0


class LocatingError(Unreachable):
    """The endpoint is not dialled. `step`: the rules forbid it, or its name has no address."""

    def __init__(self, message: str, step: Step) -> None:
        super().__init__(message)
        self.step = step


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, in the order in which they should be tried. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


class Locator:
    """The rules in force, the name service, and the claims. `owner` is the id of a connection."""

    def __init__(self, look_up: Resolver = resolve) -> None:
        self._rules = NetworkRules()
        self._look_up = look_up
        self._owners: dict[str, int] = {}
        self._attempts: dict[int, int] = {}

    def use(self, rules: NetworkRules) -> None:
        """Put these rules in force."""
        self._rules = rules

    async def locate(self, endpoint: Endpoint, owner: int) -> Endpoint:
        """What to dial for this connection, allowed and claimed for it. Raises LocatingError."""
        if endpoint.line is not None:
            path = _real_path(endpoint.line.device)
            self._raise_if_forbidden(self._rules.objection_to_device(endpoint.line.device, path))
            self._reserve_keys((path,), owner, is_line=True)
            return dataclasses.replace(endpoint, line=dataclasses.replace(endpoint.line, device=path))
        self._raise_if_forbidden(self._rules.objection_to_endpoint(endpoint))
        allowed = list(dict.fromkeys(map(_plain, await self._allowed_addresses(endpoint))))
        attempt = self._attempts[owner] = self._attempts.get(owner, -1) + 1
        address = allowed[attempt % len(allowed)]
        self._reserve_keys((_key(endpoint, endpoint.host), _key(endpoint, address)), owner)
        return dataclasses.replace(endpoint, address=address)

    def objection(self, located: Endpoint) -> str | None:
        """Why an endpoint that was located before is no longer allowed, after a change of the rules."""
        if located.line is not None:
            return self._rules.objection_to_device(located.line.device, located.line.device)
        return self._rules.objection_to_endpoint(located) or self._rules.objection(located.address, located.port)

    def reserve(self, endpoint: Endpoint, owner: int) -> None:
        """Reserve the host as it is written, or the serial line, if it has no owner. LocatingError: it is not a path."""
        self._owners.setdefault(_key_of_url(endpoint), owner)

    def owner(self, endpoint: Endpoint) -> int | None:
        """The owner, as far as it is known without looking up a name. LocatingError: it is not a path."""
        return self._owners.get(_key_of_url(endpoint))

    def release(self, owner: int) -> None:
        """Release all that this connection has reserved."""
        self._owners = {key: each for key, each in self._owners.items() if each != owner}
        self._attempts.pop(owner, None)

    async def _allowed_addresses(self, endpoint: Endpoint) -> list[str]:
        try:
            async with asyncio.timeout(_LOOK_UP_S):
                found = await self._look_up(endpoint.host, endpoint.port)
        except TimeoutError:
            raise LocatingError(f'the name service does not answer for "{endpoint.host}"', Step.RESOLVE) from None
        except (OSError, UnicodeError):
            raise LocatingError(f'there is no host "{endpoint.host}"', Step.RESOLVE) from None
        if not found:
            raise LocatingError(f'there is no host "{endpoint.host}"', Step.RESOLVE)
        objections = [self._rules.objection(address, endpoint.port) for address in found]
        allowed = [address for address, objection in zip(found, objections, strict=True) if objection is None]
        if not allowed:
            self._raise_if_forbidden(objections[0])
        return allowed

    def _raise_if_forbidden(self, objection: str | None) -> None:
        if objection is not None:
            raise LocatingError(objection, Step.RULES)

    def _reserve_keys(self, keys: Iterable[str], owner: int, *, is_line: bool = False) -> None:
        wanted = set(keys)
        if owner < 0 and not is_line:
            return
        for key in wanted:
            other = self._owners.get(key, owner)
            if other != owner:
                raise LocatingError(
                    f"{key} belongs to connection {other}; put the devices on one connection", Step.RULES
                )
        kept = {key: each for key, each in self._owners.items() if each != owner}
        self._owners = kept | dict.fromkeys(wanted, owner)


def _real_path(path: str) -> str:
    """The path behind all symbolic links. It reads /dev, which does not block."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError) as error:
        raise LocatingError(f"{path!a} is not a path: {error}", Step.RULES) from None


def _key_of_url(endpoint: Endpoint) -> str:
    return _real_path(endpoint.line.device) if endpoint.line is not None else _key(endpoint, endpoint.host)


def _key(endpoint: Endpoint, host: str) -> str:
    key = render_authority(_plain(host), endpoint.port)
    if endpoint.forward is not None:
        return f"{key}/{render_authority(_plain(endpoint.forward.target_host), endpoint.forward.target_port)}"
    return key


def _plain(host: str) -> str:
    """One spelling of an address, whichever the name service gave; a name has one since its URL was parsed."""
    try:
        address = unmapped(ipaddress.ip_address(host))
    except ValueError:
        return host
    if not isinstance(address, ipaddress.IPv6Address):
        return str(address)
    return str(address) if address.is_link_local else str(ipaddress.IPv6Address(int(address)))
