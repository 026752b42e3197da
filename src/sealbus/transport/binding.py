"""Listening sockets for an endpoint, or a ConfigError that says what to change.

An empty host means every address, IPv6 and IPv4 through one socket where the machine has both; so does `[::]`. A name is
listened on at every address that it has here. Addresses that this machine lacks are skipped as long as one is left, because
`localhost` is often in the hosts file for an IPv6 that is switched off.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING, Any

from sealbus.endpoints import is_loopback_address
from sealbus.errors import ConfigError
from sealbus.transport.sockets import tune

if TYPE_CHECKING:
    from sealbus.endpoints import Endpoint

__all__ = ["bind_sockets"]

_BACKLOG = 1024
_ANY = {"", "::"}
_LAST_PRIVILEGED_PORT = 1023
_NOT_HERE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


async def bind_sockets(endpoint: Endpoint, *, only_loopback: bool) -> list[socket.socket]:
    """Bound, listening, non-blocking sockets, all on one port. With `only_loopback` no other address is ever bound.

    Raises ConfigError that names the URL and says what to write instead.
    """
    addresses = await _addresses_of(endpoint)
    if only_loopback and not all(is_loopback_address(address[0]) for _, address in addresses):
        raise ConfigError(
            f"{endpoint} would offer plain Modbus to every host that reaches it",
            hint="use mbaps://, listen on 127.0.0.1, or set unsafe_plain",
        )
    bound: list[socket.socket] = []
    missing: OSError | None = None
    port = endpoint.port
    try:
        for family, address in addresses:
            try:
                bound.append(_bind(family, (address[0], port, *address[2:]), dual=endpoint.host in _ANY))
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
                missing = error
            else:
                port = bound[0].getsockname()[1]
        if not bound and missing is not None:
            raise missing
    except OSError as error:
        for sock in bound:
            sock.close()
        raise _explained(endpoint, error) from error
    return bound


async def _addresses_of(endpoint: Endpoint) -> list[tuple[int, tuple[Any, ...]]]:
    if endpoint.host in _ANY:
        if socket.has_dualstack_ipv6():
            return [(socket.AF_INET6, ("::", endpoint.port))]
        return [(socket.AF_INET, ("0.0.0.0", endpoint.port))]  # noqa: S104
    try:
        found = await asyncio.get_running_loop().getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise ConfigError(
            f'{endpoint}: there is no host "{endpoint.host}"', hint="name an address of this machine"
        ) from error
    return list(dict.fromkeys((info[0].value, info[4]) for info in found))


def _bind(family: int, address: tuple[Any, ...], *, dual: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual else 1)
        tune(sock)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _explained(endpoint: Endpoint, error: OSError) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        return ConfigError(f"{endpoint}: another program listens on this port", hint="stop it, or choose another port")
    if error.errno in (errno.EACCES, errno.EPERM) and endpoint.port <= _LAST_PRIVILEGED_PORT:
        return ConfigError(
            f"{endpoint}: port {endpoint.port} needs a privilege",
            hint=f"grant CAP_NET_BIND_SERVICE, or choose a port above {_LAST_PRIVILEGED_PORT}",
        )
    if error.errno in _NOT_HERE:
        return ConfigError(f"{endpoint}: this machine has no such address", hint="see `ip address` for those it has")
    return ConfigError(
        f"{endpoint} cannot be listened on: {error.strerror or error}", hint="choose another address or port"
    )
